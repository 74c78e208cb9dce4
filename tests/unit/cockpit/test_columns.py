"""A package's columns: which row is picked for a course, in a bounded number of queries, whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.people import clinic, condition, context, patient, system
from tovholder import packages, store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.cockpit import columns, lists, queries
from tovholder.cockpit.columns import Cell
from tovholder.fhir import systems
from tovholder.packages.model_screens import Column

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def day(text: str) -> int:
    return days.parse_day(text) or 0


def measured(person: str, code: str, value: float, at: str, status: str = "final") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": status,
        "code": {"coding": [{"system": systems.MCS, "code": code}]},
        "subject": {"reference": f"Patient/{person}"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value},
    }


def agreed(person: str, kind: str, start: str, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "status": status,
        "serviceType": [{"coding": [{"system": systems.KIND_SYSTEM, "code": kind}]}],
        "start": f"{start}T09:00:00+01:00",
        "end": f"{start}T09:30:00+01:00",
        "participant": [{"actor": {"reference": f"Patient/{person}"}, "status": "accepted"}],
    }


@pytest.fixture
def world() -> dict[str, str]:
    with store.unit_of_work(system(NOW)) as uow:
        ours = uow.create(clinic()).id
        person = uow.create(patient(ours)).id
        uow.create(condition(person, recorded="2027-02-20"))
        uow.create(measured(person, "MCS88023", 62, "2026-05-05"))
        uow.create(measured(person, "MCS88023", 58.5, "2027-01-05"))
        uow.create(measured(person, "MCS88023", 10, "2027-02-05", status="preliminary"))
        for start, status in (
            ("2025-06-01", "noshow"),
            ("2026-09-01", "noshow"),
            ("2026-10-01", "noshow"),
            ("2026-11-01", "fulfilled"),
            ("2026-12-01", "fulfilled"),
            ("2027-04-01", "booked"),
            ("2027-05-01", "booked"),
        ):
            uow.create(agreed(person, "kol-kontrol", start, status))
    return {"clinic": ours, "patient": person}


def gp(world: dict[str, str]) -> Context:
    return context(Role.GP, world["clinic"], now=NOW)


def cells(world: dict[str, str], package: str = "kol") -> dict[str, Cell]:
    ctx = gp(world)
    held = packages.get(package)
    courses = {row.episode_id: row.facts for row in queries.clinic_list(ctx) if row.package == package}
    (found,) = columns.evaluate(ctx, held, courses).values()
    return found


def test_each_pick_takes_the_row_the_file_means(world: dict[str, str]) -> None:
    found = cells(world)
    assert found["fev1"] == Cell(58500, day("2027-01-05"))  # the latest that counts; what is preliminary does not
    assert found["sidste-kontrol"].value == day("2026-12-01")
    assert found["naeste-kontrol"].value == day("2027-04-01")
    assert found["udeblivelser"].value == 2  # within the year, not the one of 2025
    assert found["diagnose"].value == day("2027-02-20")


def test_what_nobody_measured_is_empty_and_no_number_to_compare(world: dict[str, str]) -> None:
    held = packages.get("kol")
    column = lists.column_of(held, "mrc")
    assert column is not None
    assert cells(world).get("mrc", columns.NOTHING).value is None
    assert columns.number(column, columns.NOTHING) is None
    count = lists.column_of(held, "udeblivelser")
    assert count is not None
    assert columns.number(count, columns.NOTHING) == 0  # nobody stayed away: that is known


def test_a_filter_of_the_file_holds_a_column_against_its_bound(world: dict[str, str]) -> None:
    held, found = packages.get("kol"), cells(world)
    (row,) = queries.clinic_list(gp(world))
    choice = next(item for item in held.cockpit.filters if item.id == "udeblevet")
    assert lists.passes(row, choice, found, held)
    assert not lists.passes(row, choice, {}, held)
    paused = next(item for item in held.cockpit.filters if item.id == "paa-pause")
    assert not lists.passes(row, paused, found, held)


def test_queries_are_bounded_by_tables_and_not_by_courses(world: dict[str, str]) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as caught:
            cells_of_all(world)
        return len(caught)

    cells_of_all(world)  # what is asked once in a process is asked
    before = asked()
    with store.unit_of_work(system(NOW)) as uow:
        for _ in range(8):
            person = uow.create(patient(world["clinic"])).id
            uow.create(condition(person, recorded="2027-02-20"))
            uow.create(measured(person, "MCS88021", 3, "2027-01-05"))
    assert asked() == before


def cells_of_all(world: dict[str, str]) -> None:
    ctx = gp(world)
    rows = queries.clinic_list(ctx)
    columns.evaluate(ctx, packages.get("kol"), {row.episode_id: row.facts for row in rows})


@pytest.mark.parametrize("package", ["kol", "lrs"])
def test_every_column_of_a_package_can_be_asked(package: str) -> None:
    """Each of them alone too: a statement the subset refuses would be told here."""
    from tovholder.store import reading

    for column in packages.get(package).cockpit.columns:
        if column.fact != "flag":
            sql, params = columns.statement([column])
            assert reading.tables_of(sql, params)


def test_other_picks_and_texts_can_be_asked(world: dict[str, str]) -> None:
    """What no package of ours uses yet, and a value with a quote in it."""
    text = {"da": "x", "en": "x"}
    ctx = gp(world)
    for number, (fact, pick, by) in enumerate(
        [
            ("goal.lifecycle_status", "latest", "start_day"),
            ("contact.kind", "last", "start_day"),
            ("attempt.outcome", "latest", "day"),
            ("referral.status", "earliest", "sent_day"),
            ("response.authored_day", "only", ""),
            ("diagnosis.code", "count", "recorded_day"),
        ]
    ):
        column = Column(
            id=f"c{number}",
            title=text,
            fact=fact,
            show="text",
            pick=pick,
            by=by,
            where={"patient_id": "it's"},
            within_days=9,
        )
        sql, params = columns.statement([column])
        assert store.facts(ctx, sql, params) == []
