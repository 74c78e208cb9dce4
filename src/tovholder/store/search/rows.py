"""The rows of one page, in order, from a place on; and what was elsewhere in the order when the first page was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tovholder import database
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store.params.asked import KEPT
from tovholder.store.params.terms import Sql, all_of, conjunction
from tovholder.store.rows import Stored
from tovholder.store.search import order
from tovholder.store.search.order import Key, Place
from tovholder.store.search.plan import Way

# By several keys no index is in order: all matches are.
MOST_SORTED = 20_000
# So many changed resources are put back in their place on later pages; with more, the newest changes go unnoticed.
MOST_MOVED = 5000
_COLUMNS = "r.key, r.rid, r.version, r.updated, r.patient_id"


@dataclass(frozen=True, slots=True)
class Row:
    """A resource of a page and its place in the order. patient: whom it is about."""

    key: int
    stored: Stored
    patient: str | None
    place: Place


def first(kind: str, way: Way, keys: Sequence[Key], count: int) -> tuple[list[Row], int]:
    """The first rows of all, and the newest version there was: what later pages go by."""
    if way.empty or not keys:
        return ([] if way.empty else _sorted(kind, way, keys, None, count)[0]), 0
    if _by_database(way, keys):
        return _sorted(kind, way, keys, None, count)
    seq = _newest()
    return _page(kind, way, keys, None, count), seq


def page(kind: str, way: Way, keys: Sequence[Key], place: Place, seq: int, count: int) -> list[Row]:
    """The first ``count`` rows after a place.

    seq: the newest version when the first page was given. What changed since stands where it stood then, and what is
    new is not there yet: nothing that was there all along is left out or given twice. (By key nothing ever moves.)
    """
    if way.empty:
        return []
    if not keys:
        return _sorted(kind, way, keys, place, count)[0]
    unmoved = Way(all_of([way.where, Sql("r.seq <= %s", (seq,))]), way.few)
    found = _page(kind, unmoved, keys, place, count)
    by = order.compare(keys)
    moved = [row for row in _moved(kind, way, keys, seq) if by(row.place) > by(place)]
    return sorted([*found, *moved], key=lambda row: by(row.place))[:count] if moved else found


def _by_database(way: Way, keys: Sequence[Key]) -> bool:
    if way.few:
        return all(item.native is not None for item in keys)
    return not (len(keys) == 1 and keys[0].walkable)


def _page(kind: str, way: Way, keys: Sequence[Key], place: Place | None, count: int) -> list[Row]:
    if _by_database(way, keys):
        return _sorted(kind, way, keys, place, count)[0]
    return _in_memory(kind, way, keys, place, count) if way.few else _walk(kind, way, keys[0], place, count)


def _sorted(kind: str, way: Way, keys: Sequence[Key], place: Place | None, count: int) -> tuple[list[Row], int]:
    """Sorted by the database: few, or along an index of the resource's own, or by values joined from everywhere.

    The last is dear (it reads every value there is), and asked for only by several keys over very many resources.
    The newest version there is comes along from the beginning of an order in which things may move.
    """
    joined = not way.few and any(item.table for item in keys)
    if joined:
        _require_sortable(way)
    joins = Sql("")
    columns: list[Sql] = []
    for number, item in enumerate(keys):
        if joined and item.table:
            columns.append(Sql(f"s{number}.value"))
            matching = Sql(f"t.key IN (SELECT r.key FROM store_resource AS r WHERE {way.where.text})", way.where.values)
            told = conjunction([item.rows("t"), matching])
            joins += Sql(
                f" LEFT JOIN (SELECT t.key, {item.aggregate}(t.{item.column}) AS value FROM {item.table} AS t"
                f" WHERE {told.text} GROUP BY t.key) AS s{number} ON s{number}.key = r.key",
                told.values,
            )
        else:
            assert item.native is not None
            columns.append(Sql(item.native.text.replace("{r}", "r"), item.native.values))
    where = way.where if place is None else all_of([way.where, order.after(columns, keys, "r.key", place)])
    names = [f"o{number}" for number in range(len(keys))]
    shown = "".join(f", {column.text} AS {name}" for column, name in zip(columns, names, strict=True))
    shown_values = tuple(value for column in columns for value in column.values)
    # Bodies come last: what is sorted away is never read. Of few, no index may tempt the planner to walk along it.
    plain = [f"+{column.text}" if way.few and column.text == "r.updated" else column.text for column in columns]
    inner_order = order.ordering(
        plain if not shown_values else names, keys, "+r.key" if way.few and not keys else "r.key"
    )
    limited = (
        f"SELECT {_COLUMNS}, r.seq{shown} FROM store_resource AS r{joins.text} WHERE {where.text}"
        f" ORDER BY {inner_order} LIMIT {int(count)}"
    )
    seen = "(SELECT MAX(n.seq) FROM store_version AS n)" if keys and place is None else "0"
    outer = ", ".join(
        ["p.key, p.rid, p.version, p.updated, p.patient_id, v.body", seen, *(f"p.{name}" for name in names)]
    )
    outer_order = order.ordering([f"p.{name}" for name in names], keys, "p.key")
    rows = _fetch(
        Sql(
            f"SELECT {outer} FROM ({limited}) AS p JOIN store_version AS v ON v.seq = p.seq ORDER BY {outer_order}",
            (*shown_values, *joins.values, *where.values),
        )
    )
    return [_row(kind, row, (*row[7:], row[0])) for row in rows], rows[0][6] if rows else 0


def _require_sortable(way: Way) -> None:
    """Raise Problem(TOO_LARGE) for more matches than several keys can put in order in reasonable time."""
    found = _fetch(
        Sql(
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM store_resource AS r"
            f" WHERE {way.where.text} LIMIT {MOST_SORTED + 1}) AS u",
            way.where.values,
        )
    )
    if found[0][0] > MOST_SORTED:
        raise Problem(
            Category.TOO_LARGE,
            "The search cannot be run",
            [
                Issue(
                    "_sort",
                    f"several keys sort no more than {MOST_SORTED} matches",
                    "one key, or a narrower search (a patient, a time)",
                    "too-costly",
                )
            ],
            kept=KEPT,
        )


def _in_memory(kind: str, way: Way, keys: Sequence[Key], place: Place | None, count: int) -> list[Row]:
    """Few resources, sorted by what they themselves say: their values' index knows them by value, not by key."""
    by = order.compare(keys)
    found = [
        _row(kind, row, None, keys)
        for row in _fetch(
            Sql(
                f"SELECT {_COLUMNS}, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
                f" WHERE {way.where.text}",
                way.where.values,
            )
        )
    ]
    if place is not None:
        found = [row for row in found if by(row.place) > by(place)]
    return sorted(found, key=lambda row: by(row.place))[:count]


def _walk(kind: str, way: Way, key: Key, place: Place | None, count: int) -> list[Row]:
    """Along the index of one key's values, then those without one.

    A resource with several values is met at each; the first in this direction is its place, which its content tells.
    """
    found: list[Row] = []
    at = place
    value = Sql(f"w.{key.column}")
    down = " DESC" if key.descending else ""
    single = replace(key, nullable=False)
    told = key.rows("w")
    # Where an index tells its place, the content need not be read for it.
    first = Sql("NULL") if key.native is None else Sql(key.native.text.replace("{r}", "r"), key.native.values)
    while (at is None or at[0] is not None) and len(found) < count:
        where = way.where if at is None else all_of([way.where, order.after([value], [single], "w.key", at)])
        rows = _fetch(
            Sql(
                f"SELECT {_COLUMNS}, v.body, {value.text}, {first.text} FROM {key.table} AS w"
                " CROSS JOIN store_resource AS r"
                f" CROSS JOIN store_version AS v WHERE {told.text} AND r.key = w.key AND v.seq = r.seq"
                f" AND {where.text} ORDER BY {value.text}{down}, w.key{down} LIMIT {int(count)}",
                (*first.values, *told.values, *where.values),
            )
        )
        for row in rows:
            met = _row(kind, row, None if key.native is None else (row[7], row[0]), [key])
            if met.place == (row[6], row[0]) and (not found or found[-1].key != met.key):
                found.append(met)
        if len(rows) < count:
            at = (None, None)
            break
        at = (rows[-1][6], rows[-1][0])
    if len(found) < count:
        found += _without(kind, way, key, place if place is not None and place[0] is None else None, count - len(found))
    return found[:count]


def _without(kind: str, way: Way, key: Key, place: Place | None, count: int) -> list[Row]:
    told = key.rows("w")
    parts = [
        way.where,
        Sql(
            "r.key IN (SELECT x.key FROM store_resource AS x WHERE x.type = %s EXCEPT"
            f" SELECT w.key FROM {key.table} AS w WHERE {told.text})",
            (kind, *told.values),
        ),
    ]
    down = " DESC" if key.descending else ""
    if place is not None:
        parts.append(Sql(f"r.key {'<' if key.descending else '>'} %s", (place[-1],)))
    where = all_of(parts)
    return [
        _row(kind, row, (None, row[0]))
        for row in _fetch(
            Sql(
                f"SELECT {_COLUMNS}, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
                f" WHERE {where.text} ORDER BY r.key{down} LIMIT {int(count)}",
                where.values,
            )
        )
    ]


def _moved(kind: str, way: Way, keys: Sequence[Key], seq: int) -> Iterator[Row]:
    """Matches that were changed after the first page, each in the place its content of then had."""
    then = "(SELECT MAX(o.seq) FROM store_version AS o WHERE o.key = r.key AND o.seq <= %s AND o.method <> 'delete')"
    rows = _fetch(
        Sql(
            f"SELECT {_COLUMNS}, v.body, t.body, t.updated FROM store_resource AS r"
            f" JOIN store_version AS v ON v.seq = r.seq JOIN store_version AS t ON t.seq = {then}"
            " WHERE r.key IN (SELECT n.key FROM store_version AS n WHERE n.seq > %s AND n.version > 1)"
            f" AND r.seq > %s AND {way.where.text} LIMIT {MOST_MOVED}",
            (seq, seq, seq, *way.where.values),
        )
    )
    for row in rows:
        values = order.values_of(keys, json.loads(bytes(row[6])), row[1], row[7])
        yield _row(kind, row, (*values, row[0]))


def _newest() -> int:
    """The number of the newest version there is."""
    return database.rows("SELECT MAX(seq) FROM store_version")[0][0] or 0


def _row(kind: str, row: Sequence[Any], place: Place | None, keys: Sequence[Key] = ()) -> Row:
    stored = Stored(None, kind, row[1], row[2], row[3], body=bytes(row[5]))
    if place is None:
        place = (*order.values_of(keys, stored.resource, stored.id, stored.updated), row[0])
    return Row(row[0], stored, row[4], place)


def _fetch(sql: Sql) -> list[tuple[Any, ...]]:
    return database.rows(sql.text, sql.values)
