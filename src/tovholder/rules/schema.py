"""What the checker knows about fact tables: columns, types, which may be empty, and what tells two rows apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem

ColumnType = Literal["text", "int"]

AS_TAG = "tovholder/as"
NULLABLE_TAG = "tovholder/nullable"
_TYPES: Mapping[str, ColumnType] = MappingProxyType(
    {"text": "text", "code": "text", "day": "int", "int": "int", "milli": "int", "flag": "int"}
)
_REPEATING = ("forEach", "forEachOrNull", "repeat")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a fact table; days, thousandths and flags are all ``int``."""

    name: str
    type: ColumnType
    nullable: bool = True

    @property
    def is_id(self) -> bool:
        """Ids sort alike on every engine (their columns are collated by byte)."""
        return self.type == "text" and self.name.endswith("_id")


@dataclass(frozen=True, slots=True)
class Schema:
    """The fact tables by logical name.

    ``unscoped`` tables have no patient and are read whole. ``keys`` names the columns that tell a table's rows apart;
    a table without an entry has its first column when that is ``<table>_id``, else all its columns.
    """

    tables: Mapping[str, Mapping[str, Column]]
    unscoped: frozenset[str] = frozenset()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, columns in self.tables.items():
            if not columns:
                raise ValueError(f"fact table {name} has no columns")
            patient = columns.get("patient_id")
            if name not in self.unscoped and (patient is None or patient.type != "text"):
                raise ValueError(f"fact table {name} needs a text column patient_id, or must be listed as unscoped")
            unknown = [column for column in self.keys.get(name, ()) if column not in columns]
            if unknown:
                raise ValueError(f"the key of fact table {name} names columns it has not: {', '.join(unknown)}")

    def key(self, table: str) -> tuple[str, ...]:
        """The columns that tell the rows of a table apart (rows equal in them are equal altogether)."""
        if table in self.keys:
            return self.keys[table]
        columns = self.tables[table]
        first = next(iter(columns))
        return (first,) if first == f"{table}_id" else tuple(columns)


def schema_from_views(folder: Path) -> Schema:
    """Read every ViewDefinition and plain table description (``*.json``) in a folder."""
    tables: dict[str, Mapping[str, Column]] = {}
    unscoped: set[str] = set()
    keys: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.json")):
        definition = json.loads(path.read_bytes())
        name = str(definition.get("table") or definition.get("name") or "")
        if not name:
            raise _problem(path, "the definition has no name", '"name" (ViewDefinition) or "table" (plain table)')
        parts = list(_plain(path, definition) if "table" in definition else _view(path, definition.get("select", [])))
        columns = {column.name: column for column, _ in parts}
        first = next(iter(columns), "")
        tables[name] = {
            column: Column(column, known.type, known.nullable and column not in ("patient_id", first))
            for column, known in columns.items()
        }
        if "patient_id" not in columns:
            unscoped.add(name)
        told = definition.get("key")
        if told:
            keys[name] = tuple(told)
        elif any(repeats for _, repeats in parts) and first:
            # One resource gives several rows: its id and everything unnested from it tell them apart.
            keys[name] = (first, *(column.name for column, repeats in parts if repeats and column.name != first))
    return Schema(tables, frozenset(unscoped), keys)


def _plain(path: Path, definition: Mapping[str, Any]) -> Iterable[tuple[Column, bool]]:
    for column in definition["columns"]:
        yield _column(path, column["name"], column.get("as"), bool(column.get("nullable", True))), False


def _view(path: Path, selects: list[dict[str, Any]], repeats: bool = False) -> Iterable[tuple[Column, bool]]:
    for select in selects:
        inside = repeats or any(select.get(word) for word in _REPEATING)
        for column in select.get("column", []):
            tags = {tag.get("name"): tag.get("value") for tag in column.get("tag", [])}
            nullable = tags.get(NULLABLE_TAG) != "false"
            yield _column(path, column["name"], tags.get(AS_TAG), nullable), inside
        yield from _view(path, select.get("select", []), inside)
        branches = select.get("unionAll", [])
        if branches:  # every branch has the same columns
            yield from _view(path, branches[:1], True)


def _column(path: Path, name: str, kind: str | None, nullable: bool) -> Column:
    if kind is None or kind not in _TYPES:
        raise _problem(path, f"column {name} is kept as {kind!r}", f"one of {', '.join(_TYPES)} in tag {AS_TAG}")
    return Column(name, _TYPES[kind], nullable)


def _problem(path: Path, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, f"{path.name}: {message}", [Issue(path.name, message, expected)])
