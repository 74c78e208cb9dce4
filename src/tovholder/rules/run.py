"""Runs a compiled query on a connection of its engine and gives plain Python values back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.base.errors import Category, Issue, Problem
from tovholder.rules.compile import Compiled


def run(
    compiled: Compiled, connection: Any, parameters: Mapping[str, int | str] | None = None
) -> list[tuple[Any, ...]]:
    """The rows, with whole numbers as int, fractions (AVG) as float, texts as str, and None.

    ``connection``: sqlite3, DuckDB or psycopg connection or cursor, a Django connection or cursor of such a database,
    or a Spark session. Values the query does not use are ignored; a missing one is an error.
    """
    values = parameters or {}
    bound = {name: _bound(name, kind, values.get(name)) for name, kind in compiled.binds}
    if compiled.engine == "spark":
        rows = [tuple(row) for row in connection.sql(compiled.sql, args=bound).collect()]
    else:
        rows = plain_connection(connection).execute(compiled.sql, bound).fetchall()
    kinds = [kind for _, kind in compiled.columns]
    if compiled.engine == "sqlite" and not any(type(value) is float for row in rows for value in row):
        return rows  # int, str and None already; a whole number too large for 64 bits would have become a float
    return [tuple(_plain(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]


def run_dicts(
    compiled: Compiled, connection: Any, parameters: Mapping[str, int | str] | None = None
) -> list[dict[str, Any]]:
    """The rows by column name."""
    names = [name for name, _ in compiled.columns]
    return [dict(zip(names, row, strict=True)) for row in run(compiled, connection, parameters)]


def plain_connection(connection: Any) -> Any:
    """The driver's own connection: Django's wrappers rewrite parameters and would take a % in a text for one."""
    if hasattr(connection, "ensure_connection"):  # a Django connection
        connection.ensure_connection()
        return connection.connection
    if hasattr(connection, "db") and hasattr(connection.db, "ensure_connection"):  # a Django cursor
        return connection.db.connection
    return connection


def _bound(name: str, kind: str, value: int | str | None) -> int | str:
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "text" and isinstance(value, str):
        return value
    expected = "a whole number" if kind == "int" else "a text"
    message = f"No value is bound for :{name}" if value is None else f"The value bound for :{name} has another type"
    raise Problem(Category.INVALID, message, [Issue(f"parameters.{name}", message, expected)])


def _plain(value: Any, kind: str) -> Any:
    if value is None or isinstance(value, str):
        return value
    if kind == "real":
        return float(value)
    if isinstance(value, float) or int(value) != value:
        raise Problem(Category.FAULT, "A whole number came back as a fraction", kept="nothing was changed")
    return int(value)
