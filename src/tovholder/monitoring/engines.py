"""The same indicator text on DuckDB over all facts at once: the engine for the nation, and a check on the daily figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from django.db import connection

from tovholder import database, packages
from tovholder.base import days
from tovholder.rules import compile, run
from tovholder.store import reading, schema


def load_facts(target: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> int:
    """Copy fact tables into DuckDB; returns the number of rows."""
    total = 0
    for name in tables:
        columns = schema.column_names(name)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)} FROM fact_{name}")
            rows = cursor.fetchall()
        arrays = {
            column: pa.array(
                [row[index] for row in rows],
                pa.int64() if reading.fact_schema().tables[name][column].type == "int" else pa.string(),
            )
            for index, column in enumerate(columns)
        }
        table = pa.table(arrays)
        target.register("incoming", table)
        target.execute(f"CREATE OR REPLACE TABLE fact_{name} AS SELECT * FROM incoming")
        target.unregister("incoming")
        total += len(rows)
    return total


def compare(now: datetime) -> dict[str, int]:
    """Per indicator, how many rows DuckDB gives that the stored contributions lack, and the other way round."""
    today = days.day_of(now)
    found: dict[str, int] = {}
    with duckdb.connect() as target:
        load_facts(target, schema.fact_tables())
        for package in packages.builtin().values():
            own = _courses(package.id)
            for indicator in package.indicators:
                checked, compiled = reading.prepared(indicator.sql, package.parameters, compile.All(), "duckdb")
                bound: dict[str, int | str] = {"today": today, **package.parameters}
                names = [column[0] for column in checked.columns]
                wanted: set[tuple[Any, ...]] = set()
                for values in run.run(compiled, target, bound):
                    row = dict(zip(names, values, strict=True))
                    if row["period_id"] is not None and row["episode_id"] in own:
                        wanted.add(
                            (
                                row["episode_id"],
                                row["period_id"],
                                row["in_denominator"],
                                row["in_numerator"],
                                row["missing"],
                            )
                        )
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT episode_id, period_id, in_denominator, in_numerator, missing"
                        " FROM monitoring_contribution WHERE indicator = %s",
                        [indicator.id],
                    )
                    held = {tuple(row) for row in cursor.fetchall()}
                found[indicator.id] = len(wanted ^ held)
    return found


def _courses(package: str) -> frozenset[str]:
    """The courses of a package, which are all its indicators count."""
    return frozenset(
        row[0] for row in database.rows("SELECT episode_id FROM fact_episode WHERE package = %s", [package])
    )
