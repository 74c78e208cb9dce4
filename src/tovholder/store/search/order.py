"""What a search is sorted by: as SQL over a row, out of a resource, and which places come after one (R4 §3.1.1.5.1).

A resource with several values stands where its first in that direction does; one with none comes last either way.
Equal ones follow each other by key, so that every resource has one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key, lru_cache
from typing import Any

from tovholder.fhir import definitions, searchparams
from tovholder.fhir.index_tables import BY_KEY, INDEX_TABLES
from tovholder.fhir.prepare import index_rows
from tovholder.store.params.asked import of_type
from tovholder.store.params.special import ID, LAST_UPDATED, TABLES
from tovholder.store.params.terms import Sql, among, any_of, conjunction
from tovholder.store.search.query import Sort

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: where its values stand. table: the index table, empty for a column of the resource's own row.

    params: the numbers its rows stand under. only: the type of reference that counts of them, empty for any.

    native: the value as SQL over ``{r}``; None when it can only be had from the table or the resource.
    nullable: whether a resource may have none.
    """

    descending: bool
    table: str = ""
    column: str = ""
    params: tuple[int, ...] = ()
    only: str = ""
    native: Sql | None = None
    nullable: bool = True

    @property
    def walkable(self) -> bool:
        """Whether one index holds all its values in order."""
        return len(self.params) == 1 and not self.only

    def rows(self, name: str) -> Sql:
        """True for the rows of its table that go by this name."""
        told = among(f"{name}.param", self.params)
        return conjunction([told, of_type(name, self.only)]) if self.only else told

    @property
    def aggregate(self) -> str:
        """Which of several values counts."""
        return "MAX" if self.descending else "MIN"


@lru_cache(maxsize=1024)
def key(kind: str, sort: Sort) -> Key:
    """Where the values of a sort key are found."""
    parameter = sort.parameter
    if parameter is ID:
        return Key(sort.descending, native=Sql("{r}.rid"), nullable=False)
    if parameter is LAST_UPDATED:
        return Key(sort.descending, native=Sql("{r}.updated"), nullable=False)
    table, numbers = TABLES[parameter.kind], searchparams.numbers(kind, parameter.name)
    column = INDEX_TABLES[table][1][0]
    found = Key(sort.descending, table, column, numbers, parameter.only)
    native = None
    if numbers == (searchparams.main_date(kind),) and _at_most_one(kind, parameter.name):
        native = Sql("{r}.moment")
    elif table in BY_KEY:
        told = among("s.param", numbers)
        native = Sql(
            f"(SELECT {found.aggregate}(s.{column}) FROM {table} AS s WHERE s.key = {{r}}.key AND {told.text})",
            told.values,
        )
    return replace(found, native=native)


def _at_most_one(kind: str, name: str) -> bool:
    """Whether a resource has at most one value: one element that is no list, whatever types it may take."""
    ways = searchparams.ways(kind, name)
    elements = {definitions.find(kind, way.names[0]) for way in ways}
    return len(elements) == 1 and all(way.single and len(way.names) == 1 for way in ways)


def values_of(keys: Sequence[Key], resource: dict[str, Any], rid: str, updated: int) -> Place:
    """The values a resource is sorted by, out of its content."""
    rows = index_rows(resource) if any(item.table for item in keys) else {}
    return tuple(_value(item, rows, rid, updated) for item in keys)


def _value(key: Key, rows: dict[str, list[tuple[Any, ...]]], rid: str, updated: int) -> Any:
    if not key.table:
        return rid if key.native is not None and key.native.text == "{r}.rid" else updated
    found = [row[1] for row in rows.get(key.table, ()) if row[0] in key.params and _is_of(row, key.only)]
    return (max(found) if key.descending else min(found)) if found else None


def _is_of(row: tuple[Any, ...], only: str) -> bool:
    return not only or row[2] == only or (not row[2] and f"/{only}/" in row[1])


def falling(keys: Sequence[Key]) -> bool:
    """Whether equal places follow each other by falling key: the way the first key goes, as its index does."""
    return bool(keys) and keys[0].descending


def ordering(names: Sequence[str], keys: Sequence[Key], last: str) -> str:
    """ORDER BY over columns of these names and the resource's key."""
    parts = [
        f"{name}{' DESC' if item.descending else ''}{' NULLS LAST' if item.nullable else ''}"
        for name, item in zip(names, keys, strict=True)
    ]
    return ", ".join([*parts, f"{last} DESC" if falling(keys) else last])


def after(columns: Sequence[Sql], keys: Sequence[Key], last: str, place: Place) -> Sql:
    """True for what comes after a place: later in the first value, or as late and later in the next, and so on."""
    *told, number = place
    sign = "<" if falling(keys) else ">"
    if not keys:
        return Sql(f"{last} {sign} %s", (number,))
    if len(keys) == 1 and not keys[0].nullable and not columns[0].values:
        return Sql(f"({columns[0].text}, {last}) {sign} (%s, %s)", (told[0], number))
    ways: list[Sql] = []
    same: list[Sql] = []
    for column, item, value in zip(columns, keys, told, strict=True):
        if value is not None:
            beyond = Sql(f"{column.text} {'<' if item.descending else '>'} %s", (*column.values, value))
            if item.nullable:
                beyond = any_of([beyond, Sql(f"{column.text} IS NULL", column.values)])
            ways.append(_and([*same, beyond]))
        same.append(
            Sql(f"{column.text} IS NULL", column.values)
            if value is None
            else Sql(f"{column.text} = %s", (*column.values, value))
        )
    ways.append(_and([*same, Sql(f"{last} {sign} %s", (number,))]))
    return any_of(ways)


def _and(parts: Sequence[Sql]) -> Sql:
    return Sql(" AND ".join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def compare(keys: Sequence[Key]) -> Any:
    """A key function for places, in the order the databases give."""

    def comparison(one: Place, other: Place) -> int:
        for item, left, right in zip(keys, one[:-1], other[:-1], strict=True):
            if left == right:
                continue
            if left is None or right is None:
                return 1 if left is None else -1
            return (1 if left > right else -1) * (-1 if item.descending else 1)
        return int(one[-1] - other[-1]) * (-1 if falling(keys) else 1)

    return cmp_to_key(comparison)
