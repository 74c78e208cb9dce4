"""Anchors and pruning: what is removed is old enough and whole, and what is left still proves; nothing else goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lib.people import NOW, context
from tovholder.access import Role, audit, audit_tables
from tovholder.base import clock, days
from tovholder.base.errors import Category, Problem
from tovholder.store import anchors, audit_search, pruning, sealing

pytestmark = pytest.mark.django_db
OLD = NOW.replace(year=NOW.year - 30)
SPAN, SPANS = 6, 4


def run(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return cursor.fetchall() if cursor.description else []


def events() -> int:
    return int(run("SELECT COUNT(*) FROM access_auditevent")[0][0])


def write(at: datetime, patient: str) -> None:
    with transaction.atomic():
        audit.write([audit.Entry(context(Role.GP, "clinic", now=at), "read", frozenset({patient}), "Observation/o")])


@pytest.fixture
def years() -> Iterator[list[datetime]]:
    """A chain of one seal in each of four years, 30, 20, 11 and 5 years before NOW; the database's refusals hold."""
    audit_tables.protect(run, connection.vendor)
    found = [NOW.replace(year=NOW.year - ago) for ago in (30, 20, 11, 5)]
    for at in found:
        for number in range(SPAN):
            write(at, f"p{number % 3}")
        assert sealing.Sealer().seal(at) == SPAN
    yield found
    audit_tables.unprotect(run, connection.vendor)


def test_whole_spans_older_than_the_years_go_and_the_rest_still_proves(years: list[datetime]) -> None:
    before = sealing.verify()
    assert pruning.prune(NOW, 15) == 2 * SPAN
    sealing.Sealer().seal(NOW)
    report = sealing.verify(head=before.head[1] if before.head else None)
    assert (report.broken, report.pruned, report.leftover, report.seals) == (None, 2 * SPAN, 0, SPANS + 1)
    assert report.events == 2 * SPAN + 1  # the pruning itself is in the trail, and sealed
    assert (
        run(
            "SELECT COUNT(*) FROM access_auditpatient WHERE event_id <= (SELECT MAX(last_id) FROM access_auditpruning)"
        )[0][0]
        == 0
    )
    assert pruning.prune(NOW, 15) == 0
    assert pruning.prune(NOW, 10) == SPAN
    sealing.Sealer().seal(NOW)
    assert sealing.verify().broken is None


def test_fewer_than_ten_years_are_refused_by_us_and_by_the_database(years: list[datetime]) -> None:
    with pytest.raises(Problem) as told:
        pruning.prune(NOW, 9)
    assert told.value.category is Category.INVALID
    (seal, last) = run("SELECT number, last_id FROM access_auditseal ORDER BY number DESC LIMIT 1")[0]
    insert = (
        "INSERT INTO access_auditpruning (at_ms, seal, last_id, events, hash, digests) VALUES (%s, %s, %s, 0, '', %s)"
    )
    for number, up_to in ((seal, last), (seal - 3, last), (99, 10**9)):
        with pytest.raises(DatabaseError, match="kept for 10 years"), transaction.atomic():
            run(insert, days.millis(clock.system_clock()), number, up_to, b"")
    assert events() == SPANS * SPAN


def test_what_was_not_told_to_be_pruned_cannot_be_removed(years: list[datetime]) -> None:
    pruning.prune(NOW, 25)
    for sql in ("DELETE FROM access_auditevent", "DELETE FROM access_auditpatient", "DELETE FROM access_auditpruning"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            run(sql)


def test_an_interrupted_pruning_is_ended_by_the_next_and_the_chain_is_whole_in_between(
    years: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 4)

    def cut(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pruning.prune(NOW, 15, progress=cut)
    report = sealing.verify()
    assert (report.broken, report.leftover) == (None, 2 * SPAN - 4)
    assert pruning.prune(NOW, 15) == 2 * SPAN - 4
    assert (sealing.verify().broken, sealing.verify().leftover) == (None, 0)


def test_what_was_tampered_with_is_evidence_and_stays(years: list[datetime]) -> None:
    audit_tables.unprotect(run, connection.vendor)
    run("UPDATE access_auditevent SET actor = 'Practitioner/x' WHERE id = (SELECT MIN(id) FROM access_auditevent)")
    with pytest.raises(Problem) as told:
        pruning.prune(NOW, 15)
    assert told.value.category is Category.FAULT
    assert events() == SPANS * SPAN


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE access_auditseal SET hash = '{zeros}' WHERE number = (SELECT MIN(number) FROM access_auditseal)",
        "UPDATE access_auditseal SET at_ms = at_ms - 1 WHERE number = (SELECT MIN(number) FROM access_auditseal)",
        "DELETE FROM access_auditseal WHERE number = (SELECT MIN(number) FROM access_auditseal)",
        "UPDATE access_auditpruning SET seal = seal + 1",
        "UPDATE access_auditpruning SET hash = '{zeros}'",
        "UPDATE access_auditpruning SET last_id = last_id + 1",
        "UPDATE access_auditpruning SET at_ms = 0",
        "DELETE FROM access_auditpruning",
    ],
)
def test_whoever_tampers_with_what_stands_for_the_pruned_is_found(years: list[datetime], act: str) -> None:
    pruning.prune(NOW, 15)
    assert sealing.verify().broken is None
    audit_tables.unprotect(run, connection.vendor)
    run(act.format(zeros="0" * 64))
    assert sealing.verify().broken is not None


def test_a_pruning_made_up_over_young_events_is_found(years: list[datetime]) -> None:
    """Somebody who owns the database lifts its refusals, removes all events and tells a pruning of their own."""
    pruning.prune(NOW, 15)
    audit_tables.unprotect(run, connection.vendor)
    last = run("SELECT number, last_id FROM access_auditseal ORDER BY number DESC LIMIT 1")[0]
    run("UPDATE access_auditpruning SET seal = %s, last_id = %s", *last)
    run("DELETE FROM access_auditpatient")
    run("DELETE FROM access_auditevent WHERE id <= %s", last[1])
    assert sealing.verify().broken is not None


def test_the_trail_outlives_the_patient(years: list[datetime]) -> None:
    operator = context(Role.OPERATOR, None, actor="user:7")
    assert len(audit_search.page(operator, [("patient", "p1")]).entries) == SPANS * SPAN // 3


def test_an_anchor_a_day_in_the_table_and_in_a_file_once_whatever_is_run_again(
    years: list[datetime], tmp_path: Path
) -> None:
    for at in (NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1)):
        write(at, "p1")
        sealing.Sealer().seal(at)
        anchors.anchor(at, tmp_path)
    kept = anchors.kept()
    assert [one.day for one in kept] == ["2027-03-01", "2027-03-02"]
    assert anchors.read(tmp_path) == kept
    assert [one.events for one in kept] == [SPANS * SPAN + 1, SPANS * SPAN + 3]
    report = sealing.verify(anchored=anchors.read(tmp_path))
    assert (report.broken, report.anchors) == (None, 2)
    pruning.prune(NOW, 15)
    assert sealing.verify(anchored=anchors.read(tmp_path)).broken is None


def test_a_folder_that_was_away_gets_its_line_when_it_is_there_again(years: list[datetime], tmp_path: Path) -> None:
    with pytest.raises(OSError):
        anchors.anchor(NOW, tmp_path / "away")
    assert anchors.anchor(NOW, tmp_path) is not None
    assert anchors.read(tmp_path) == anchors.kept()


def _chain_made_anew() -> None:
    run("DELETE FROM access_auditseal")
    run("DELETE FROM access_auditanchor")
    if connection.vendor == "sqlite":
        run("DELETE FROM sqlite_sequence WHERE name = 'access_auditseal'")
    run("UPDATE access_auditevent SET actor = 'Practitioner/x' WHERE id = (SELECT MAX(id) FROM access_auditevent)")
    sealing.Sealer().seal(NOW)


def _newest_removed() -> None:
    run("DELETE FROM access_auditevent WHERE id > (SELECT MIN(last_id) FROM access_auditseal)")
    run("DELETE FROM access_auditpatient WHERE event_id > (SELECT MIN(last_id) FROM access_auditseal)")
    run("DELETE FROM access_auditseal WHERE number > (SELECT MIN(number) FROM access_auditseal)")
    if connection.vendor == "sqlite":
        run("DELETE FROM sqlite_sequence WHERE name LIKE 'access_audit%%'")


def _table_changed() -> None:
    run("UPDATE access_auditanchor SET hash = %s", "0" * 64)


@pytest.mark.parametrize("act", [_chain_made_anew, _newest_removed, _table_changed])
def test_what_the_chain_alone_cannot_tell_the_anchors_do(
    years: list[datetime], act: Callable[[], None], tmp_path: Path
) -> None:
    anchors.anchor(NOW, tmp_path)
    audit_tables.unprotect(run, connection.vendor)
    act()
    assert sealing.verify(anchored=anchors.read(tmp_path)).broken is not None


def test_a_line_that_is_no_anchor_is_told_and_nothing_is_guessed(years: list[datetime], tmp_path: Path) -> None:
    anchors.anchor(NOW, tmp_path)
    with (tmp_path / anchors.FILE).open("a", encoding="utf-8") as handle:
        handle.write('{"day":"2027-03')
    with pytest.raises(Problem, match="Line 2"):
        anchors.read(tmp_path)
