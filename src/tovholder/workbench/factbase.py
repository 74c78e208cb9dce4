"""The fact tables in memory on SQLite and DuckDB at once: every query is asked of both and must be answered alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference, patient_of
from tovholder.fhir.views import PlainTable, View, load_views
from tovholder.packages.check import FACTS, fact_schema
from tovholder.rules import compile as compiler
from tovholder.rules.check import Checked
from tovholder.rules.compile import Engine
from tovholder.rules.run import run_dicts

Row = Mapping[str, Any]
Answer = list[dict[str, Any]]


class FactBase:
    """Empty tables to fill, ask and empty again."""

    def __init__(self) -> None:
        self.schema = fact_schema()
        self.tables: dict[str, View | PlainTable] = load_views(FACTS)
        self._connections: dict[Engine, Any] = {
            "sqlite": sqlite3.connect(":memory:", isolation_level=None),
            "duckdb": duckdb.connect(
                ":memory:", config={"threads": 1}
            ),  # tiny tables: threads cost more than they give
        }
        self._filled: set[str] = set()
        for name, columns in self.schema.tables.items():
            body = ", ".join(f'"{c.name}" {"TEXT" if c.type == "text" else "BIGINT"}' for c in columns.values())
            for connection in self._connections.values():
                connection.execute(f'CREATE TABLE "fact_{name}" ({body})')

    def __enter__(self) -> FactBase:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def clear(self) -> None:
        """Empty every table."""
        for name in sorted(self._filled):
            self.empty(name)

    def empty(self, table: str) -> None:
        """Empty one table."""
        for connection in self._connections.values():
            connection.execute(f'DELETE FROM "fact_{table}"')
        self._filled.discard(table)

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Add rows; a day may be written YYYY-MM-DD, and columns left out are NULL."""
        columns = self.schema.tables[table]
        values = [cell(name, row.get(name)) for row in rows for name in columns]
        if not values:
            return
        self._filled.add(table)
        marks = f"({', '.join('?' * len(columns))})"
        text = f'INSERT INTO "fact_{table}" VALUES {", ".join([marks] * (len(values) // len(columns)))}'
        for connection in self._connections.values():
            connection.execute(text, values)

    def load(self, tables: Mapping[str, Sequence[Row]]) -> None:
        """Empty the tables and add these rows."""
        self.clear()
        for name, rows in tables.items():
            self.insert(name, rows)

    def load_resources(self, resources: Iterable[Mapping[str, Any]], *, first_day: int, last_day: int) -> None:
        """Empty the tables and add the facts of FHIR resources, their links to episodes, and the months between."""
        self.clear()
        held = [dict(resource) for resource in resources]
        for name, table in self.tables.items():
            if not isinstance(table, View):
                continue
            names = [column for column, _ in table.columns]
            rows = [
                dict(zip(names, row, strict=True))
                for resource in held
                if resource["resourceType"] == table.resource
                for row in table.rows(resource)
            ]
            self.insert(name, rows)
        self.insert("episode_link", links(held))
        self.insert("period", months(first_day, last_day))

    def rows(self, table: str) -> Answer:
        """All rows of a fact table."""
        names = list(self.schema.tables[table])
        found = self._connections["sqlite"].execute(f'SELECT {", ".join(names)} FROM "fact_{table}"').fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]

    def ask(self, checked: Checked, parameters: Mapping[str, int | str]) -> Answer:
        """The rows, in one order. Raises Problem(RULE) when the engines do not agree."""
        answers = {
            engine: _in_order(run_dicts(compiler.compile(checked, engine, compiler.All()), connection, parameters))
            for engine, connection in self._connections.items()
        }
        (first, rows), *others = answers.items()
        for engine, other in others:
            if other != rows:
                message = f"{first} and {engine} answer differently: {len(rows)} and {len(other)} rows, not the same"
                raise Problem(Category.RULE, message, [Issue(checked.where, message)])
        return rows


def cell(column: str, value: Any) -> Any:
    """A value as the tables hold it: a day written as a date becomes its number."""
    if column.endswith("_day") or column == "day":
        return days.parse_day(value) if isinstance(value, str) else value
    return value


def _in_order(rows: Answer) -> Answer:
    return sorted(rows, key=lambda row: [(value is not None, str(type(value)), value) for value in row.values()])


def links(resources: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Which episode each resource says it belongs to, itself or through the ServiceRequest it is based on."""
    held = list(resources)
    own = {(item["resourceType"], item.get("id")): episode for item in held if (episode := _said(item))}
    found: list[Row] = []
    for item in held:
        episode = own.get((item["resourceType"], item.get("id")))
        for based in item.get("basedOn", ()) if episode is None else ():
            target = parse_reference(based.get("reference"))
            episode = episode or (own.get((target.type, target.id)) if target else None)
        if episode is not None and item["resourceType"] != "EpisodeOfCare":
            found.append(
                {
                    "resource_id": item.get("id"),
                    "resource_type": item["resourceType"],
                    "patient_id": patient_of(dict(item)),
                    "episode_id": episode,
                    "why": "said",
                    "confidence": 100,
                }
            )
    return found


def _said(resource: Mapping[str, Any]) -> str | None:
    for extension in resource.get("extension", ()):
        if extension.get("url") == systems.EPISODE_OF_CARE_EXTENSION:
            target = parse_reference(extension.get("valueReference", {}).get("reference"))
            return target.id if target else None
    return None


def months(first_day: int, last_day: int) -> list[Row]:
    """The period rows of the months from one day to another."""
    rows: list[Row] = []
    start = days.parse_day(days.month_of(first_day) + "-01")
    while start is not None and start <= last_day:
        end = days.add_months(start, 1) - 1
        rows.append({"period_id": days.month_of(start), "kind": "month", "start_day": start, "end_day": end})
        start = end + 1
    return rows
