"""Finds every text the pages and their code ask gettext for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

WEB = Path(__file__).resolve().parents[3] / "src" / "tovholder" / "web"
_ASKING = {"gettext": 1, "gettext_lazy": 1, "_": 1, "ngettext": 2, "ngettext_lazy": 2, "gettext_noop": 1}
_IN_TEMPLATE = re.compile(
    r"(?P<call>n?gettext|_)\(\s*(?P<one>u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))"
    r"(?:\s*,\s*(?P<many>u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")))?"
)


def in_python(path: Path) -> Iterator[str]:
    """Texts of gettext calls in a module; a call with anything but a literal is an error."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in _ASKING:
            continue
        for argument in node.args[: _ASKING[node.func.id]]:
            assert isinstance(argument, ast.Constant) and isinstance(argument.value, str), (
                f"{path.name}:{node.lineno}: gettext is asked for something that is not a literal text"
            )
            yield argument.value


def in_template(path: Path) -> Iterator[str]:
    """Texts of the translation tags and of _("…") in tag arguments."""
    for match in _IN_TEMPLATE.finditer(templatize(path.read_text(encoding="utf-8"), origin=path.name)):
        yield ast.literal_eval(match["one"].lstrip("u"))
        if match["many"] and match["call"] == "ngettext":
            yield ast.literal_eval(match["many"].lstrip("u"))


def used() -> dict[str, str]:
    """Every text asked for, with one file that asks."""
    found: dict[str, str] = {}
    for path in sorted(WEB.rglob("*.py")):
        found |= dict.fromkeys(in_python(path), path.name)
    for path in sorted(WEB.rglob("*.html")):
        found |= dict.fromkeys(in_template(path), path.name)
    return found
