"""Values as PostgreSQL reads them, many at a time: array literals, lines of COPY; several times quicker than the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def literals(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows as one literal per column, for ``%s::type[]``; the types are PostgreSQL's own names."""
    return [_KINDS[kind](column) for kind, column in zip(types, zip(*rows, strict=True), strict=True)]


_PLAIN = frozenset({"bigint", "integer", "smallint", "double precision", "text", "character varying", "boolean"})


def lines(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> str | None:
    """Rows as the lines of a COPY in text (PostgreSQL's COPY, "Text Format"); None where a value must be escaped, or is
    of a type that is not simply written down: the driver knows how.
    """
    if not _PLAIN.issuperset(types):
        return None
    nulls = sum([row.count(None) for row in rows])
    if nulls:
        rows = [["\\N" if value is None else value for value in row] for row in rows]
    line = "\t".join(["%s"] * len(types)) + "\n"
    text = "".join([line % tuple(row) for row in rows])
    plain = text.count("\n") == len(rows) and text.count("\t") == len(rows) * (len(types) - 1) and "\r" not in text
    return text if plain and text.count("\\") == nulls else None


def integers(values: Iterable[int | None]) -> str:
    """Whole numbers (PostgreSQL §8.15.2)."""
    return "{" + ",".join(["NULL" if value is None else str(int(value)) for value in values]) + "}"


def _numbers(values: Iterable[float | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else repr(float(value)) for value in values]) + "}"


def _flags(values: Iterable[bool | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else "t" if value else "f" for value in values]) + "}"


def _texts(values: Iterable[str | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _ids(values: Iterable[Any]) -> str:
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _bytes(values: Iterable[bytes | memoryview | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else f'"\\\\x{bytes(value).hex()}"' for value in values]) + "}"


_KINDS: dict[str, Callable[[Iterable[Any]], str]] = {
    "uuid": _ids,
    "bigint": integers,
    "integer": integers,
    "smallint": integers,
    "double precision": _numbers,
    "boolean": _flags,
    "text": _texts,
    "character varying": _texts,
    "bytea": _bytes,
}
