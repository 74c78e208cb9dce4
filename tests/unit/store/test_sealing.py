"""The audit trail's chain: nothing that was sealed can be changed, removed or put in without being found and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction

from lib.people import NOW, context
from tovholder.access import Role, audit, audit_chain, audit_tables
from tovholder.access.audit_chain import Broken
from tovholder.store import anchors, sealing

pytestmark = pytest.mark.django_db
EVENTS, SEALS = 24, 4


def run(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return cursor.fetchall() if cursor.description else []


def forget_numbers() -> None:
    if connection.vendor == "sqlite":
        run("DELETE FROM sqlite_sequence WHERE name LIKE 'access_audit%%'")


def write(number: int, *patients: str) -> None:
    ctx = context(Role.GP, "clinic", now=NOW + timedelta(seconds=number))
    with transaction.atomic():
        audit.write([audit.Entry(ctx, "read", frozenset(patients), f"Observation/o{number}")])


@pytest.fixture
def first() -> Iterator[int]:
    """A chain of four seals over six events each, with one to three patients; gives the number of its first event."""
    audit_tables.unprotect(run, connection.vendor)  # whoever owns the database can do that
    forget_numbers()
    for number in range(EVENTS):
        write(number, *(f"p{number}-{n}" for n in range(number % 3 + 1)))
        if number % (EVENTS // SEALS) == EVENTS // SEALS - 1:
            assert sealing.Sealer().seal(NOW) == EVENTS // SEALS
    report = sealing.verify()
    assert (report.broken, report.seals, report.events, report.unsealed) == (None, SEALS, EVENTS, 0)
    return run("SELECT MIN(id) FROM access_auditevent")[0][0]


def broken() -> tuple[int | None, int | None]:
    found = sealing.verify().broken
    assert found is not None, "the chain is told to be whole"
    return found.seal, found.event


@pytest.mark.parametrize("column", audit.COLUMNS)
def test_every_column_of_an_event_counts(first: int, column: str) -> None:
    changed = f"{column} + 1" if column == "at_ms" else f"{column} || 'x'"
    run(f"UPDATE access_auditevent SET {column} = {changed} WHERE id = %s", first + 13)
    assert broken() == (3, first + 13)


def test_a_letter_in_the_other_case_is_a_change(first: int) -> None:
    run("UPDATE access_auditevent SET detail = 'Observation/O7' WHERE id = %s", first + 7)
    assert broken() == (2, first + 7)


def test_another_patient_one_more_and_one_fewer_are_changes(first: int) -> None:
    (patient,) = run("SELECT patient_id FROM access_auditpatient WHERE event_id = %s", first + 3)[0]
    for sql in (
        "UPDATE access_auditpatient SET patient_id = 'other' WHERE event_id = %s AND patient_id = %s",
        "DELETE FROM access_auditpatient WHERE event_id = %s AND patient_id = %s",
        "INSERT INTO access_auditpatient (event_id, patient_id) VALUES (%s, %s || 'x')",
    ):
        point = transaction.savepoint()
        run(sql, first + 3, patient)
        assert broken() == (1, first + 3)
        transaction.savepoint_rollback(point)
    assert sealing.verify().broken is None


@pytest.mark.parametrize("place", [0, 5, 6, 12, EVENTS - 1])
def test_an_event_that_is_gone_is_named(first: int, place: int) -> None:
    run("DELETE FROM access_auditpatient WHERE event_id = %s", first + place)
    run("DELETE FROM access_auditevent WHERE id = %s", first + place)
    assert broken() == (place // 6 + 1, first + place)


def test_an_event_of_which_only_the_patients_are_left_is_named(first: int) -> None:
    run("DELETE FROM access_auditevent WHERE id = %s", first + 8)
    assert broken() == (2, first + 8)


def test_an_event_put_where_a_number_was_free_is_named(first: int) -> None:
    copied = ", ".join(audit.COLUMNS)
    insert = f"INSERT INTO access_auditevent (id, {copied}) SELECT %s, {copied} FROM access_auditevent WHERE id = %s"
    run(insert, first + EVENTS + 4, first)  # numbers jump, as those of undone transactions do on PostgreSQL
    if connection.vendor == "postgresql":
        run("SELECT setval('access_auditevent_id_seq', %s)", first + EVENTS + 4)
    assert sealing.Sealer().seal(NOW) == 1
    assert sealing.verify().broken is None
    run(insert, first + EVENTS + 2, first)
    assert broken() == (5, first + EVENTS + 2)


def test_patients_of_an_event_that_never_was_are_named(first: int) -> None:
    run("INSERT INTO access_auditpatient (event_id, patient_id) VALUES (%s, 'p')", first + EVENTS + 9)
    assert broken() == (None, first + EVENTS + 9)


@pytest.mark.parametrize("column", ["at_ms", "after_id", "last_id", "events", "hash", "marks"])
def test_every_column_of_a_seal_counts(first: int, column: str) -> None:
    (marks,) = run("SELECT marks FROM access_auditseal WHERE number = 2")[0]
    spoilt = bytes(marks)[:-1] + bytes([bytes(marks)[-1] ^ 1])
    new = {"hash": "0" * 64, "marks": spoilt}.get(column)
    if new is None:
        run(f"UPDATE access_auditseal SET {column} = {column} + 1 WHERE number = 2")
    else:
        run(f"UPDATE access_auditseal SET {column} = %s WHERE number = 2", new)
    assert broken()[0] == 2


def test_a_seal_that_is_gone_or_stands_in_anothers_place_is_named(first: int) -> None:
    point = transaction.savepoint()
    run("DELETE FROM access_auditseal WHERE number = 2")
    assert broken() == (2, None)
    transaction.savepoint_rollback(point)
    for old, new in ((2, 99), (3, 2), (99, 3)):
        run("UPDATE access_auditseal SET number = %s WHERE number = %s", new, old)
    assert broken()[0] == 2


@pytest.mark.sqlite("PostgreSQL's numbers jump: only a hash kept elsewhere tells")
def test_the_newest_events_and_seals_are_missed_where_the_database_counts_what_it_gave(first: int) -> None:
    point = transaction.savepoint()
    run("DELETE FROM access_auditseal WHERE number = %s", SEALS)
    assert broken() == (SEALS, None)
    transaction.savepoint_rollback(point)
    write(EVENTS)
    newest = run("SELECT MAX(id) FROM access_auditevent")[0][0]
    run("DELETE FROM access_auditpatient WHERE event_id = %s", newest)
    run("DELETE FROM access_auditevent WHERE id = %s", newest)
    assert broken() == (None, newest)


def test_a_hash_kept_elsewhere_finds_a_chain_made_anew(first: int) -> None:
    kept = sealing.verify().head
    assert kept is not None
    write(EVENTS, "p")
    sealing.Sealer().seal(NOW)
    assert sealing.verify(head=kept[1]).broken is None  # the chain went on: what was kept is still in it
    run("DELETE FROM access_auditseal")
    forget_numbers()
    run("UPDATE access_auditevent SET actor = 'Practitioner/else' WHERE id = %s", first)
    assert sealing.Sealer().seal(NOW) == EVENTS + 1
    found = sealing.verify(head=kept[1]).broken
    assert found is not None
    assert "the hash you kept" in found.message


def test_the_tail_that_waits_is_counted_and_dated(first: int) -> None:
    write(100, "p")
    write(101, "p")
    report = sealing.verify()
    assert (report.broken, report.unsealed) == (None, 2)
    assert report.since_ms == int((NOW + timedelta(seconds=100)).timestamp() * 1000)


def test_many_events_make_seals_of_bounded_size_and_seal_once() -> None:
    patients = frozenset(f"p{n}" for n in range(audit_chain.MOST_LINKS // 3))
    ctx = context(Role.GP, "clinic")
    few = [audit.Entry(ctx, "read", frozenset({"a"}), f"Observation/o{n}") for n in range(audit_chain.MOST_EVENTS + 10)]
    with transaction.atomic():
        audit.write([*few, *[audit.Entry(ctx, "search", patients, "Patient") for _ in range(5)]])
    assert sealing.Sealer().seal(NOW) == len(few) + 5
    assert sealing.Sealer().seal(NOW) == 0
    sizes = [row[0] for row in run("SELECT events FROM access_auditseal ORDER BY number")]
    assert sizes == [audit_chain.MOST_EVENTS, 12, 3]
    assert sealing.verify().broken is None


def test_a_seal_made_by_a_sealer_who_was_overtaken_is_not_stored_twice(first: int) -> None:
    write(EVENTS, "p")
    late = sealing._next(audit_chain.last_seal(sealing.query), 0, first + EVENTS)
    assert late is not None
    assert sealing.Sealer().seal(NOW) == 1
    assert sealing._store(late) is False
    assert sealing.verify().broken is None


def test_the_database_refuses_to_change_or_remove_what_is_in_the_trail(first: int) -> None:
    anchors.anchor(NOW, None)
    audit_tables.protect(run, connection.vendor)
    for table in (*audit_tables.FIRST, "access_auditanchor"):
        column = "event_id" if table == "access_auditpatient" else "at_ms"
        for sql in (f"UPDATE {table} SET {column} = {column} + 1", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                run(sql)
    write(EVENTS, "p")
    assert sealing.Sealer().seal(NOW) == 1


@pytest.mark.sqlite("PostgreSQL stores no invalid UTF-8")
def test_text_that_is_no_text_any_more_is_found(first: int) -> None:
    run("UPDATE access_auditevent SET detail = CAST(x'4fff' AS TEXT) WHERE id = %s", first + 4)
    assert sealing.verify().broken == Broken(1, first + 4, "the event was changed")


@pytest.mark.postgresql("numbers appear out of order")
@pytest.mark.django_db(transaction=True)
def test_a_number_that_was_drawn_is_waited_for_and_one_that_was_given_up_is_not() -> None:
    late, other = connections.create_connection("default"), connections.create_connection("default")
    insert = (
        f"INSERT INTO access_auditevent ({', '.join(audit.COLUMNS)}) VALUES"
        " (1, 'read', 'ok', 'a', 'gp', '', 'treatment', '', '', %s)"
    )
    sealer = sealing.Sealer()
    try:
        for ends in (late.commit, late.rollback):
            late.set_autocommit(False)
            late.cursor().execute(insert, ["late"])
            other.cursor().execute(insert, ["early"])
            assert [sealer.seal(NOW) for _ in range(3)] == [0, 0, 0]
            other.cursor().execute(insert, ["after"])  # others go on meanwhile and do not keep it from being settled
            ends()
            assert sealer.seal(NOW) == (2 if ends == late.commit else 1)
            assert sealer.seal(NOW) == 1
    finally:
        late.close()
        other.close()
    told = [row[0] for row in run("SELECT detail FROM access_auditevent ORDER BY id")]
    assert told == ["late", "early", "after", "early", "after"]
    assert (sealing.verify().broken, sealing.verify().unsealed) == (None, 0)
