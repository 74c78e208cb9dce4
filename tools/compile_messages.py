"""Compiles the translations (locale/*/LC_MESSAGES/django.po) into the .mo files gettext reads; needs Python alone.

Runs in a fresh install, where neither GNU gettext nor a development dependency may be expected.
"""

from __future__ import annotations

import ast
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "src" / "tovholder" / "web" / "locale"
_MAGIC = 0x950412DE


class Broken(Exception):
    """A line of a .po file that cannot be read."""


def read_po(text: str, name: str = "django.po") -> dict[str, str]:
    """msgid → msgstr as a .mo file keys them (context\\4id, plural forms joined by NUL). Fuzzy and empty ones are left out."""
    catalog: dict[str, str] = {}
    entry: dict[str, str] = {}
    field, fuzzy = "", False

    def keep() -> None:
        if "msgid" not in entry or fuzzy:
            return
        forms = [value for key, value in sorted(entry.items()) if key.startswith("msgstr")]
        if not all(forms):
            return
        key = entry["msgid"] + (f"\0{entry['msgid_plural']}" if "msgid_plural" in entry else "")
        catalog[f"{entry['msgctxt']}\x04{key}" if "msgctxt" in entry else key] = "\0".join(forms)

    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#~"):
            continue
        if line.startswith("#") or not line:
            if "msgstr" in entry or "msgstr[0]" in entry:
                keep()
                entry, field, fuzzy = {}, "", False
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        word, _, rest = line.partition(" ")
        if word in ("msgid", "msgctxt") and ("msgstr" in entry or "msgstr[0]" in entry):
            keep()
            entry, fuzzy = {}, False
        if not line.startswith('"'):
            field, line = word, rest.strip()
            entry[field] = ""
        try:
            entry[field] += str(ast.literal_eval(line))
        except (KeyError, SyntaxError, ValueError):
            raise Broken(f'{name}:{number}: expected msgid, msgstr or a text in "…", found {raw!r}') from None
    keep()
    return catalog


def mo_bytes(catalog: dict[str, str]) -> bytes:
    """The GNU .mo file of a catalog: header, two tables of (length, offset), then the texts sorted by id."""
    pairs = [
        (key.encode(), value.encode()) for key, value in sorted(catalog.items(), key=lambda pair: pair[0].encode())
    ]
    ids = b"".join(key + b"\0" for key, _ in pairs)
    start = 28 + 16 * len(pairs)
    key_table, value_table, key_at, value_at = b"", b"", start, start + len(ids)
    for key, value in pairs:
        key_table += struct.pack("<II", len(key), key_at)
        value_table += struct.pack("<II", len(value), value_at)
        key_at += len(key) + 1
        value_at += len(value) + 1
    header = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return header + key_table + value_table + ids + b"".join(value + b"\0" for _, value in pairs)


def compile_all(locale: Path = LOCALE) -> list[str]:
    """Write a .mo beside every .po; returns one line per file."""
    done = []
    for source in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        catalog = read_po(source.read_text(encoding="utf-8"), str(source.relative_to(locale)))
        source.with_suffix(".mo").write_bytes(mo_bytes(catalog))
        done.append(f"{source.relative_to(locale)}: {len(catalog) - ('' in catalog)} texts")
    return done


def main() -> int:
    """Compile, and say what was done."""
    try:
        done = compile_all()
    except Broken as error:
        print(f"compile_messages: {error}", file=sys.stderr)
        return 1
    if not done:
        print(f"compile_messages: no .po file under {LOCALE.relative_to(ROOT)}", file=sys.stderr)
        return 1
    print("\n".join(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
