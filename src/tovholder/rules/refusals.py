"""What the subset refuses, read from refusals.toml, and the collector that turns refusals into issues with a line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlglot import exp

from tovholder.base.errors import Category, Issue, Problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason to refuse a query: what is told, what to write instead, why, and a query that shows it."""

    code: str
    message: str
    instead: str
    why: str
    example: str
    line: int = 1
    tokens: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@cache
def refusals() -> Mapping[str, Refusal]:
    """Every refusal by code."""
    text = (Path(__file__).parent / "refusals.toml").read_text(encoding="utf-8")
    return {
        code: Refusal(
            code,
            entry["message"],
            entry["instead"],
            entry["why"],
            entry["example"].strip("\n"),
            entry.get("line", 1),
            tuple(entry.get("tokens", ())),
            tuple(entry.get("functions", ())),
        )
        for code, entry in tomllib.loads(text).items()
    }


@dataclass(slots=True)
class Complaints:
    """Collects what is wrong with one query; lines are those of the file the query stands in."""

    file: str
    line: int
    found: dict[tuple[int, str, str], Issue] = field(default_factory=dict)
    word_lines: set[int] = field(default_factory=set)

    def at_word(self, line: int, code: str, **values: str) -> None:
        """Refuse a word or sign of the text, found before parsing, on a line of the query (1 is its first)."""
        if code in _ONCE_A_LINE and any(key[:2] == (self.line + line - 1, code) for key in self.found):
            return
        self.word_lines.add(line)
        self.at_line(line, code, **values)

    def at_line(self, line: int, code: str, **values: str) -> None:
        """Refuse something on a line of the query."""
        refusal = refusals()[code]
        number = self.line + line - 1
        message = refusal.message.format(**values)
        path = f"{self.file}:{number}" if self.file else f"line {number}"
        self.found.setdefault((number, code, message), Issue(path, message, refusal.instead.format(**values)))

    def at(self, node: exp.Expr, code: str, **values: str) -> None:
        """Refuse a part of the parsed query."""
        line = line_of(node)
        if line not in self.word_lines or code not in _FOLLOW_UPS:  # a word on this line has been named already
            self.at_line(line, code, **values)

    def raise_if_any(self) -> None:
        """Raise Problem(INVALID) with every issue, in the order of lines."""
        if self.found:
            issues = [issue for _, issue in sorted(self.found.items(), key=lambda item: item[0])]
            raise Problem(Category.INVALID, "The query is outside the SQL subset", issues)


# Complaints about parsed text that only repeat what a refused word on the same line said.
_FOLLOW_UPS = frozenset(
    {
        "not-in-subset",
        "unreadable",
        "function",
        "name",
        "from",
        "output-name",
        "column-unknown",
        "window-shape",
        "group-expression",
    }
)
# Refusals that several words of one line would repeat.
_ONCE_A_LINE = frozenset({"window-shape", "date"})


def line_of(node: exp.Expr) -> int:
    """The line a node starts on: its own, else the first of its parts, else where its parent stands."""
    at: exp.Expr | None = node
    while at is not None:
        lines = [part.meta["line"] for part in at.walk() if "line" in part.meta]
        if lines:
            # Tokens know the line they end on; a text over several lines would be refused anyway.
            return int(min(lines))
        at = at.parent
    return 1


def written(node: exp.Expr) -> str:
    """How a part of the query reads, shortened."""
    text = node.sql(comments=False)
    return text if len(text) <= 60 else text[:57] + "…"
