"""Finds the line a key of a TOML text stands on, because the standard reader keeps none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=(.*)$")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Locator:
    """Lines of a text by path; a path not written is answered by its nearest written ancestor."""

    lines: dict[Path, int]

    def line(self, path: Sequence[str | int]) -> int:
        """The line (from 1) of a path such as ("rights", 0, "days")."""
        held = tuple(path)
        while held and held not in self.lines:
            held = held[:-1]
        return self.lines.get(held, 1)


def locate(text: str) -> Locator:
    """Read the headers and keys of a TOML text that has already been read without error."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    skip_until = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if skip_until:
            if skip_until in line:
                skip_until = ""
            continue
        if depth > 0:
            depth += _nesting(line)
            continue
        header = _HEADER.match(line)
        if header:
            table = _resolve(header.group(2), counts, is_list=header.group(1) == "[[")
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if not key:
            continue
        path: Path = (*table, *_parts(key.group(1)))
        for length in range(len(table) + 1, len(path) + 1):
            lines.setdefault(path[:length], number)
        rest = key.group(2).strip()
        for quote in ('"""', "'''"):
            if rest.startswith(quote) and rest.count(quote) < 2:
                skip_until = quote
        if not skip_until:
            depth = max(0, _nesting(rest))
    return Locator(lines)


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _resolve(dotted: str, counts: dict[Path, int], *, is_list: bool) -> Path:
    path: Path = ()
    parts = _parts(dotted)
    for index, part in enumerate(parts):
        path = (*path, part)
        last = index == len(parts) - 1
        if last and is_list:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _nesting(text: str) -> int:
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'', "", text).split("#", 1)[0]
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
