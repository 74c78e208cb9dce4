"""Fact tables in memory on SQLite and DuckDB: create, fill with small tables, run one query on both and compare.

    db = FactDB()
    db.load('''
        appointment
        appointment_id | patient_id | kind       | start_day
        a1             | p1         | spirometri | 20000
        a2             | p1         |            |
    ''')
    assert db.rows("SELECT a.patient_id FROM appointment AS a WHERE a.start_day < :today", today=20001) == [("p1",)]

An empty cell is NULL. Columns that are not named are NULL, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow

import tovholder
from tovholder.rules import compile as compiler
from tovholder.rules.check import Checked, parse
from tovholder.rules.compile import All, Compiled, Engine, Scope
from tovholder.rules.run import run
from tovholder.rules.schema import Schema, schema_from_views

Row = Mapping[str, int | str | None]
_SQL_TYPE = {"text": "TEXT", "int": "BIGINT"}
_ARROW = {"text": pyarrow.string(), "int": pyarrow.int64()}


@cache
def fact_schema() -> Schema:
    """The schema of the facts Tovholder keeps."""
    return schema_from_views(Path(tovholder.__file__).parent / "store" / "facts")


def read_tables(text: str, schema: Schema | None = None) -> dict[str, list[dict[str, int | str | None]]]:
    """Small tables written out: a line with the table's name, a line of columns, then rows; blank lines between."""
    known = schema or fact_schema()
    found: dict[str, list[dict[str, int | str | None]]] = {}
    lines = [line.strip() for line in text.splitlines()]
    name, columns = "", []
    for line in lines:
        if not line:
            name = ""
        elif not name:
            name, columns = line, []
            found.setdefault(name, [])
        elif not columns:
            columns = [cell.strip() for cell in line.split("|")]
        else:
            cells = [cell.strip() for cell in line.split("|")]
            assert len(cells) == len(columns), f"{name}: {line!r} has {len(cells)} cells for {len(columns)} columns"
            types = [known.tables[name][column].type for column in columns]
            values = [_cell(cell, kind) for cell, kind in zip(cells, types, strict=True)]
            found[name].append(dict(zip(columns, values, strict=True)))
    return found


def _cell(text: str, kind: str) -> int | str | None:
    if text == "":
        return None
    return int(text) if kind == "int" else text


class FactDB:
    """The same facts on SQLite and DuckDB."""

    def __init__(self, schema: Schema | None = None) -> None:
        self.schema = schema or fact_schema()
        self.sqlite = sqlite3.connect(":memory:", isolation_level=None)
        self.duckdb = duckdb.connect(":memory:")
        self.connections: dict[Engine, Any] = {"sqlite": self.sqlite, "duckdb": self.duckdb}
        self._filled: set[str] = set()
        for name, columns in self.schema.tables.items():
            body = ", ".join(f'"{c.name}" {_SQL_TYPE[c.type]}' for c in columns.values())
            for connection in self.connections.values():
                connection.execute(f'CREATE TABLE "fact_{name}" ({body})')
            if name not in self.schema.unscoped:
                self.sqlite.execute(f'CREATE INDEX "fact_{name}_patient" ON "fact_{name}" (patient_id)')
        for connection in self.connections.values():
            connection.execute("CREATE TABLE scope_patient (patient_id TEXT PRIMARY KEY)")

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Add rows to a fact table on both engines."""
        columns = self.schema.tables[table]
        values = [tuple(row.get(name) for name in columns) for row in rows]
        unknown = {name for row in rows for name in row} - set(columns)
        assert not unknown, f"{table} has no column {sorted(unknown)}"
        if not values:
            return
        self._filled.add(table)
        marks = ", ".join("?" * len(columns))
        self.sqlite.executemany(f'INSERT INTO "fact_{table}" VALUES ({marks})', values)
        by_column = zip(columns.values(), zip(*values, strict=True), strict=True)
        batch = pyarrow.table({c.name: pyarrow.array(cells, type=_ARROW[c.type]) for c, cells in by_column})
        self.duckdb.register("batch", batch)
        self.duckdb.execute(f'INSERT INTO "fact_{table}" SELECT * FROM batch')
        self.duckdb.unregister("batch")

    def load(self, tables: str | Mapping[str, Sequence[Row]]) -> FactDB:
        """Add small tables, as text or as rows by table name."""
        for name, rows in (read_tables(tables, self.schema) if isinstance(tables, str) else tables).items():
            self.insert(name, rows)
        return self

    def scope_to(self, patients: Iterable[str]) -> None:
        """Fill the table the scope ``Patients()`` reads."""
        for connection in self.connections.values():
            connection.execute("DELETE FROM scope_patient")
            for patient in sorted(set(patients)):
                connection.execute("INSERT INTO scope_patient VALUES (?)", [patient])

    def clear(self) -> None:
        """Empty every table."""
        for connection in self.connections.values():
            for name in self._filled:
                connection.execute(f'DELETE FROM "fact_{name}"')
        self._filled.clear()
        self.scope_to(())

    def check(self, sql: str, parameters: Mapping[str, int | str] | None = None) -> Checked:
        """Check a query against the schema of these tables."""
        declared = {name: value for name, value in (parameters or {}).items() if not name.startswith("scope_")}
        return parse(sql, self.schema, declared, "test.toml", 1)

    def rows(self, query: str | Checked, scope: Scope | None = None, **parameters: int | str) -> list[tuple[Any, ...]]:
        """The rows of a query, the same on both engines (or an AssertionError that shows both), sorted."""
        checked = query if isinstance(query, Checked) else self.check(query, parameters)
        answers: dict[str, list[tuple[Any, ...]]] = {}
        texts: list[Compiled] = []
        for engine, connection in self.connections.items():
            compiled = compiler.compile(checked, engine, scope or All())
            texts.append(compiled)
            answers[engine] = in_order(run(compiled, connection, parameters))
        first, *others = answers.items()
        for engine, rows in others:
            assert rows == first[1], f"{first[0]} and {engine} differ:\n{first[1]}\n{rows}\n" + "\n".join(
                text.sql for text in texts
            )
        return first[1]

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows sorted with NULL first, so that answers can be compared."""
    return sorted(rows, key=lambda row: [(value is not None, str(type(value)), value) for value in row])
