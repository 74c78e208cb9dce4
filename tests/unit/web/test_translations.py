"""Every text has its English, none is left over, and the compiled catalogue says what the source says."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import polib
import pytest

from unit.web.catalogue import WEB, used
from unit.web.test_vendor_static import load_tool

compile_messages = load_tool("compile_messages")
PO = WEB / "locale" / "en" / "LC_MESSAGES" / "django.po"


def _english() -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in polib.pofile(str(PO)):
        found[entry.msgid] = entry.msgstr or entry.msgstr_plural.get(0, "")
        if entry.msgid_plural:
            found[entry.msgid_plural] = entry.msgstr_plural.get(1, "")
    return found


def test_every_text_in_use_has_an_english_translation() -> None:
    english = _english()
    assert {text: where for text, where in used().items() if not english.get(text)} == {}


def test_no_translation_is_left_over() -> None:
    assert sorted(set(_english()) - set(used())) == []


def test_placeholders_are_the_same_in_both_languages() -> None:
    names = re.compile(r"%\((\w+)\)[sd]")
    wrong = {
        danish: english
        for danish, english in _english().items()
        if sorted(names.findall(danish)) != sorted(names.findall(english))
    }
    assert wrong == {}


class TestCompiler:
    def test_gettext_reads_what_it_writes(self, tmp_path: Path) -> None:
        source = (
            'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
            '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
            'msgid "en \\"æble\\"\\n"\n"til"\nmsgstr "an \\"apple\\"\\n"\n"more"\n\n'
            '#, fuzzy\nmsgid "usikker"\nmsgstr "unsure"\n\n'
            'msgid "%(n)d dag"\nmsgid_plural "%(n)d dage"\nmsgstr[0] "%(n)d day"\nmsgstr[1] "%(n)d days"\n\n'
            'msgid "ikke oversat"\nmsgstr ""\n'
        )
        target = tmp_path / "x.mo"
        target.write_bytes(compile_messages.mo_bytes(compile_messages.read_po(source)))
        with target.open("rb") as file:
            read = gettext.GNUTranslations(file)
        assert read.gettext('en "æble"\ntil') == 'an "apple"\nmore'
        assert read.ngettext("%(n)d dag", "%(n)d dage", 1) == "%(n)d day"
        assert read.ngettext("%(n)d dag", "%(n)d dage", 3) == "%(n)d days"
        assert read.gettext("usikker") == "usikker"
        assert read.gettext("ikke oversat") == "ikke oversat"

    def test_agrees_with_another_compiler_on_our_own_file(self, tmp_path: Path) -> None:
        ours, theirs = tmp_path / "ours.mo", tmp_path / "theirs.mo"
        ours.write_bytes(compile_messages.mo_bytes(compile_messages.read_po(PO.read_text(encoding="utf-8"))))
        polib.pofile(str(PO)).save_as_mofile(str(theirs))
        catalogs = []
        for path in (ours, theirs):
            with path.open("rb") as file:
                catalogs.append({k: v for k, v in gettext.GNUTranslations(file)._catalog.items() if k})  # type: ignore[attr-defined]
        assert catalogs[0] == catalogs[1]

    def test_a_broken_line_is_named(self) -> None:
        with pytest.raises(compile_messages.Broken, match=r"django\.po:2: expected msgid"):
            compile_messages.read_po('msgid "a"\nmsgstr b"\n')
