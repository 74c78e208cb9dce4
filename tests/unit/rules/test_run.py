"""Running: values that are bound, values that come out, and the connections that are taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from lib.factdb import FactDB
from tovholder.base.errors import Category, Problem
from tovholder.rules.compile import All, Compiled
from tovholder.rules.compile import compile as compile_
from tovholder.rules.run import plain_connection, run, run_dicts

SQL = "SELECT e.episode_id, e.deadline_day - :days AS d FROM episode AS e WHERE e.package = :package"


@pytest.fixture(scope="module")
def db() -> Iterator[FactDB]:
    made = FactDB().load(
        "episode\nepisode_id | patient_id | package | deadline_day\ne1 | p1 | kol | 20\ne2 | p2 | kol |"
    )
    yield made
    made.close()


def test_rows_by_name_on_each_engine(db: FactDB) -> None:
    checked = db.check(SQL, {"days": 3, "package": "kol"})
    for engine, connection in db.connections.items():
        rows = run_dicts(compile_(checked, engine, All()), connection, {"days": 5, "package": "kol", "other": 1})
        assert rows == [{"episode_id": "e1", "d": 15}, {"episode_id": "e2", "d": None}]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"days": 3}, "No value is bound for :package"),
        ({"days": "3", "package": "kol"}, "The value bound for :days has another type"),
        ({"days": True, "package": "kol"}, "The value bound for :days has another type"),
        ({"days": 3, "package": 7}, "The value bound for :package has another type"),
    ],
)
def test_values_are_checked_before_they_are_bound(db: FactDB, values: dict[str, Any], told: str) -> None:
    compiled = compile_(db.check(SQL, {"days": 3, "package": "kol"}), "sqlite", All())
    with pytest.raises(Problem) as caught:
        run(compiled, db.sqlite, values)
    assert caught.value.category == Category.INVALID
    assert caught.value.message == told
    assert "kol" not in str(caught.value.issues)


class Answer:
    """Stands for a driver that gives whole numbers as decimals, as PostgreSQL does for sums."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def execute(self, sql: str, bound: dict[str, Any]) -> Answer:
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows


def test_numbers_come_out_plain() -> None:
    compiled = Compiled("…", "postgresql", (), (("n", "int"), ("m", "real"), ("t", "text")))
    rows = run(compiled, Answer([(Decimal("3"), Decimal("1.5"), "x"), (None, None, None)]))
    assert rows == [(3, 1.5, "x"), (None, None, None)]
    assert [type(value) for value in rows[0]] == [int, float, str]
    with pytest.raises(Problem) as caught:
        run(compiled, Answer([(Decimal("3.5"), None, None)]))
    assert caught.value.category == Category.FAULT


def test_sqlite_overflow_is_told_and_not_rounded() -> None:
    compiled = Compiled("…", "sqlite", (), (("n", "int"),))
    with pytest.raises(Problem):
        run(compiled, Answer([(9.3e18,)]))


def test_wrapped_connections_are_unwrapped() -> None:
    plain = sqlite3.connect(":memory:")

    class Wrapper:
        connection = plain
        ensured = 0

        def ensure_connection(self) -> None:
            self.ensured += 1

    class Cursor:
        db = Wrapper()

    wrapper = Wrapper()
    assert plain_connection(wrapper) is plain
    assert wrapper.ensured == 1
    assert plain_connection(Cursor()) is plain
    assert plain_connection(plain) is plain
    plain.close()
