"""Explaining a row: which facts it rests on, alone or together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib.factdb import FactDB
from tovholder.rules.compile import Engine
from tovholder.rules.explain import Effect, Explanation, explain

SQL = """
SELECT e.patient_id, e.episode_id, MAX(a.start_day) AS since_day
FROM episode AS e JOIN appointment AS a ON a.patient_id = e.patient_id
WHERE a.status = 'noshow' AND e.package = :package
  AND NOT EXISTS (SELECT 1 FROM attempt AS t WHERE t.patient_id = e.patient_id AND t.outcome = 'reached')
GROUP BY e.patient_id, e.episode_id
"""
FACTS = """
    episode
    episode_id | patient_id | package
    e1         | p1         | kol
    e2         | p1         | lrs
    e3         | p2         | kol

    appointment
    appointment_id | patient_id | status | start_day
    a1             | p1         | noshow | 100
    a2             | p1         | noshow | 120
    a3             | p1         | booked | 130
    a4             | p2         | noshow | 100
    a5             | p2         | noshow | 100

    attempt
    attempt_id | patient_id | outcome
    t1         | p1         | no-answer
"""


@pytest.fixture(scope="module")
def db() -> Iterator[FactDB]:
    made = FactDB().load(FACTS)
    yield made
    made.close()


def why(db: FactDB, patient: str, episode: str, engine: Engine = "sqlite", limit: int = 200) -> Explanation:
    checked = db.check(SQL, {"package": "kol"})
    connection = db.connections[engine]
    values = {"package": "kol", "today": 0}
    return explain(
        checked, connection, values, patient=patient, row={"episode_id": episode}, engine=engine, limit=limit
    )


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_facts_that_matter_are_told_and_others_are_not(db: FactDB, engine: Engine) -> None:
    told = why(db, "p1", "e1", engine)
    assert told.found
    assert told.complete
    assert [(r.table, r.column, r.id, r.effect) for r in told.reasons] == [
        ("appointment", "appointment_id", "a2", Effect.CHANGES),
        ("episode", "episode_id", "e1", Effect.REMOVES),
    ]


def test_facts_that_each_would_do_are_told_as_one(db: FactDB) -> None:
    told = why(db, "p2", "e3")
    assert [(r.id, r.effect) for r in told.reasons] == [("a5", Effect.TOGETHER), ("e3", Effect.REMOVES)]


def test_a_row_that_is_not_there_has_no_reasons(db: FactDB) -> None:
    assert why(db, "p1", "e2") == Explanation(False)
    assert why(db, "p2", "e1") == Explanation(False)


def test_the_work_is_bounded_and_says_so(db: FactDB) -> None:
    told = why(db, "p1", "e1", limit=3)
    assert not told.complete
    assert {r.table for r in told.reasons} == {"appointment"}
