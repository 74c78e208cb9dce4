"""Reads into the audit trail: on disk before the caller goes on, many callers in one commit, an error told to each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from lib.callers import Callers
from lib.people import NOW, context
from tovholder.access import Role, audit
from tovholder.store import commits, write_audit

pytestmark = pytest.mark.django_db(transaction=True)
GP = context(Role.GP, "clinic", now=NOW)


def entry(name: str, *patients: str) -> audit.Entry:
    return audit.Entry(GP, "read", frozenset(patients or ("p",)), name)


def stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def noted(name: str) -> bool:
    """Write the row of this name; whether it is on disk when the caller goes on."""
    write_audit([entry(name)])
    return name in stored()


def note(callers: Callers, *names: str) -> None:
    for name in names:
        callers.call(name, lambda name=name: noted(name))


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The first write waits until let go, so that others gather behind it; counts what is written together."""
    go, begun = threading.Event(), threading.Event()
    real = audit.write
    together: list[int] = []

    def write(entries: list[audit.Entry]) -> None:
        together.append(len(entries))
        if not begun.is_set():
            begun.set()
            assert go.wait(30)
        real(entries)

    monkeypatch.setattr(audit, "write", write)

    def let_go() -> None:
        go.set()

    let_go.begun = begun  # type: ignore[attr-defined]
    let_go.together = together  # type: ignore[attr-defined]
    yield let_go
    go.set()


def gathered(count: int) -> None:
    while len(commits._group._waiting) < count:
        threading.Event().wait(0.005)


def test_who_comes_during_a_commit_goes_in_the_next_one_all_together(held) -> None:
    callers = Callers()
    note(callers, "first")
    assert held.begun.wait(30)
    note(callers, *(f"n{number}" for number in range(12)))
    gathered(12)
    held()
    callers.wait()
    assert held.together == [1, 12]
    assert callers.told == dict.fromkeys(["first", *(f"n{n}" for n in range(12))], True)
    assert sorted(stored()) == sorted(callers.told)


def test_an_error_is_told_to_everybody_whose_rows_are_not_there_and_the_next_one_is_served(held, monkeypatch) -> None:
    counted = audit.write
    callers = Callers()
    note(callers, "first")
    assert held.begun.wait(30)

    def away(entries: list[audit.Entry]) -> None:
        raise OperationalError("the disk is away")

    monkeypatch.setattr(audit, "write", away)
    note(callers, *(f"n{number}" for number in range(5)))
    gathered(5)
    held()
    callers.wait()
    assert callers.told.pop("first") is True
    assert {name: type(error) for name, error in callers.told.items()} == {f"n{n}": OperationalError for n in range(5)}
    assert stored() == ["first"]
    monkeypatch.setattr(audit, "write", counted)
    write_audit([entry("after")])
    assert stored() == ["first", "after"]


def test_a_row_that_cannot_be_stored_stops_nobody_elses(held) -> None:
    callers = Callers()
    note(callers, "first")
    assert held.begun.wait(30)
    note(callers, "good", "bad \ud800", "also good")
    gathered(3)
    held()
    callers.wait()
    assert isinstance(callers.told.pop("bad \ud800"), ValueError)
    assert set(callers.told.values()) == {True}
    assert sorted(stored()) == ["also good", "first", "good"]


def test_inside_a_transaction_it_is_part_of_it() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write_audit([entry("undone")])
        raise ZeroDivisionError
    assert stored() == []
    with transaction.atomic():
        write_audit([entry("done")])
    assert stored() == ["done"]


def test_each_event_keeps_its_own_patients() -> None:
    write_audit([entry(f"e{n}", *(f"p{n}-{m}" for m in range(n % 4 + 1))) for n in range(1200)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.detail, p.patient_id FROM access_auditevent AS e JOIN access_auditpatient AS p ON p.event_id = e.id"
        )
        found = set(cursor.fetchall())
    assert found == {(f"e{n}", f"p{n}-{m}") for n in range(1200) for m in range(n % 4 + 1)}
    write_audit([audit.Entry(GP, "aggregate", frozenset(), "nobody")])
    assert stored()[-1] == "nobody"


FORKS = """
import os, threading
import django
django.setup()
from datetime import UTC, datetime
from django.core.management import call_command
from django.db import connections
from tovholder.access import Role, audit
from tovholder.access.domain import Context
from tovholder.store import commits, sealing, write_audit
def write(name):
    write_audit([audit.Entry(Context("Practitioner/x", Role.GP, "o", datetime.now(UTC)), "read", frozenset("p"), name)])
call_command("migrate", verbosity=0)
write("before")
connections.close_all()
real, inside, go = audit.write, threading.Event(), threading.Event()
def slow(entries):
    inside.set()
    go.wait(30)
    real(entries)
audit.write = slow
def in_thread():
    write("parent")
    connections.close_all()
thread = threading.Thread(target=in_thread)
thread.start()
inside.wait(30)
child = os.fork()
audit.write = real
if child == 0:
    assert not commits._group._writing  # whoever was writing in the parent does not exist here
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go.set()
thread.join()
if os.fork() == 0:
    write("child")
    os._exit(0)
assert os.wait()[1] == 0
for (name,) in sealing.query("SELECT detail FROM access_auditevent ORDER BY id", []):
    print(name)
"""


def test_a_forked_process_waits_for_nobody_it_does_not_have(tmp_path: Path) -> None:
    environ = os.environ | {"TOVHOLDER_ENV": "test", "TOVHOLDER_HOME": str(tmp_path)}
    environ |= {"DJANGO_SETTINGS_MODULE": "tovholder.config.settings"}
    environ.pop("TOVHOLDER_DATABASE_URL", None)
    done = subprocess.run([sys.executable, "-c", FORKS], env=environ, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().split() == ["before", "parent", "child"]
