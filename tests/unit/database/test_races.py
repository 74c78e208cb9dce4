"""Many write at once, each in a thread and a connection of its own: truths hold, nothing is lost, readers skip nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, connections

from lib.people import NOW, clinic, condition, patient
from tovholder import database, store
from tovholder.access import Context, system_context
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem
from tovholder.store import rows

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 20


def live() -> Context:
    return system_context(system_clock(), "test", live=True)


def basic(rid: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Basic", "id": rid, "code": {"text": "x"}} | more


def at_once(act: Callable[[int], Any], count: int = AT_ONCE) -> list[Any]:
    """What each got, or the category of what it was told."""
    barrier = Barrier(count)

    def one(number: int) -> Any:
        try:
            barrier.wait(30)
            return act(number)
        except Problem as problem:
            return problem.category
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def versions(kind: str, rid: str) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.version, v.updated FROM store_version AS v JOIN store_resource AS r ON r.key = v.key"
            " WHERE r.type = %s AND r.rid = %s ORDER BY v.version",
            [kind, rid],
        )
        return cursor.fetchall()


def write(resource: dict[str, Any], if_match: int | None = None) -> store.Stored:
    with store.unit_of_work(live()) as uow:
        return uow.update(resource, if_match=if_match)


@pytest.mark.parametrize("about", ["nobody", "a patient"])
def test_of_twenty_who_change_the_same_version_one_wins(about: str) -> None:
    subject = {"subject": {"reference": f"Patient/{write(patient() | {'id': 'p'}).id}"}} if about == "a patient" else {}
    write(basic("one", **subject))
    for version in (1, 2, 3):
        told = at_once(lambda n, version=version: write(basic("one", **subject), version).version)
        assert Counter(map(str, told)) == {str(version + 1): 1, str(Category.PRECONDITION): AT_ONCE - 1}
    assert [number for number, _ in versions("Basic", "one")] == [1, 2, 3, 4]


@pytest.mark.parametrize("about", ["nobody", "a patient"])
def test_twenty_who_change_without_a_condition_all_do_and_none_is_lost(about: str) -> None:
    subject = {"subject": {"reference": f"Patient/{write(patient() | {'id': 'p'}).id}"}} if about == "a patient" else {}
    told = at_once(lambda n: write(basic("one", **subject)))
    assert [one for one in told if not isinstance(one, store.Stored)] == []
    assert sum(stored.created for stored in told) == 1
    held = versions("Basic", "one")
    assert [number for number, _ in held] == list(range(1, AT_ONCE + 1))
    assert [stamp for _, stamp in held] == sorted(stamp for _, stamp in held)


@pytest.mark.postgresql("on SQLite nobody else writes while a unit looks for its row")
def test_a_row_that_comes_between_holding_and_reading_is_held_before_it_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One statement holds the row, the next reads it; a gate between them is where another stores it. Who then went on
    with a row not held was refused when a third changed it too, though nobody had named a version.
    """
    real, gate = rows.hold_statements, "(4711, 1)"
    asked, read, go = Event(), Event(), Event()

    def through_the_gate(kind: str, rid: str) -> rows.Statements:
        first, *rest = real(kind, rid)
        if asked.is_set():
            return [first, *rest]
        asked.set()
        return [first, (f"SELECT pg_advisory_xact_lock{gate}", []), *rest]

    def change(number: int) -> int:
        if number == 1:
            read.wait(30)
            return write(basic("one")).version
        with store.unit_of_work(live()) as uow:
            version = uow.update(basic("one")).version
            read.set()
            go.wait(30)
        return version

    monkeypatch.setattr(rows, "hold_statements", through_the_gate)
    database.rows(f"SELECT pg_advisory_lock{gate}")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(at_once, change, 2)
        while not told.done() and not database.rows("SELECT 1 FROM pg_locks WHERE classid = 4711 AND NOT granted"):
            time.sleep(0.005)
        write(basic("one"))
        database.rows(f"SELECT pg_advisory_unlock{gate}")
        read.wait(30)
        time.sleep(0.2)  # the third's time: it waits, or it overtakes
        go.set()
        assert told.result(30) == [2, 3]


def test_of_twenty_who_create_one_id_one_does() -> None:
    def create(number: int) -> int:
        with store.unit_of_work(live()) as uow:
            return uow.create(basic("one", author={"display": str(number)}), id="one").version

    told = at_once(create)
    assert Counter(map(str, told)) == {"1": 1, str(Category.CONFLICT): AT_ONCE - 1}
    assert len(versions("Basic", "one")) == 1


def test_what_is_read_in_a_unit_and_written_back_loses_nobodys_change() -> None:
    write(patient() | {"id": "p"})
    write(basic("of-one", subject={"reference": "Patient/p"}))
    write(basic("of-nobody"))

    def add(number: int) -> None:
        for rid in ("of-one", "of-nobody"):
            with store.unit_of_work(live()) as uow:
                held = uow.read("Basic", rid)
                uow.update({**held, "identifier": [*held.get("identifier", []), {"value": str(number)}]})

    assert at_once(add) == [None] * AT_ONCE
    for rid in ("of-one", "of-nobody"):
        held = store.read(live(), "Basic", rid).resource["identifier"]
        assert sorted(int(item["value"]) for item in held) == list(range(AT_ONCE))


def test_one_diagnosis_told_by_many_at_once_makes_one_course() -> None:
    organization = write(clinic() | {"id": "o"}).id
    write(patient(organization) | {"id": "p"})

    def tell(number: int) -> None:
        with store.unit_of_work(live()) as uow:
            uow.create(condition("p"))

    at_once(tell, 8)
    assert len(store.search(live(), "EpisodeOfCare", [("patient", "Patient/p")]).entries) == 1


def test_two_who_meet_the_same_patients_in_opposite_order_end_whole_or_undone() -> None:
    for rid in ("a", "b"):
        write(patient() | {"id": rid})
    middle = Barrier(2)

    def cross(number: int) -> str:
        first, second = ("a", "b") if number == 0 else ("b", "a")
        with store.unit_of_work(live()) as uow:
            uow.update(patient(family=f"Fra{number}") | {"id": first})
            if not database.writes_alone():  # where the writer is alone the other cannot be here too
                middle.wait(30)
            uow.update(patient(family=f"Fra{number}") | {"id": second})
        return "done"

    told = at_once(cross, 2)
    assert "done" in told
    assert set(told) <= {"done", Category.BUSY}
    names = {store.read(live(), "Patient", rid).resource["name"][0]["family"] for rid in ("a", "b")}
    assert len(names) == 1  # one of them wrote last, both its patients
    assert len(versions("Patient", "a")) == len(versions("Patient", "b")) == 1 + told.count("done")


@pytest.mark.parametrize("at_first", [True, False])
def test_a_unit_with_very_many_patients_excludes_everybody_and_needs_no_room_for_locks(at_first: bool) -> None:
    many = [f"m{number}" for number in range(6000)]
    with store.unit_of_work(live(), patients=many if at_first else ["m0"]) as uow:
        if not at_first:
            uow.prefetch([], many[:10])
            uow.prefetch([], many)
        uow.update(patient() | {"id": "m1"})
        told = []
        other = threading.Thread(target=lambda: (told.append(write(patient() | {"id": "x"})), connections.close_all()))
        other.start()
        other.join(0.3)
        assert told == []
    other.join()
    assert len(told) == 1


def test_a_unit_that_commits_late_is_never_skipped() -> None:
    """A reader who goes from horizon to horizon gets every version exactly once, however long its unit took."""
    stop, seen, asked = Event(), [], []

    def late(number: int) -> None:
        for turn in range(6):
            with store.unit_of_work(live()) as uow:
                uow.update(basic(f"w{number}-{turn}"))
                uow.flush()
                if not database.writes_alone():
                    time.sleep(0.01 * (number + 1))

    def follow() -> None:
        since = 0
        try:
            while True:
                last = stop.is_set()
                until = database.horizon()
                with database.snapshot(), connection.cursor() as cursor:
                    cursor.execute("SELECT seq FROM store_version WHERE updated >= %s AND updated < %s", [since, until])
                    seen.extend(row[0] for row in cursor.fetchall())
                asked.append(until)
                since = max(since, until)
                if last:
                    return
                time.sleep(0.002)
        finally:
            connections.close_all()

    reader = threading.Thread(target=follow)
    reader.start()
    at_once(late, 6)
    write(basic("newest"))
    time.sleep(0.01)
    stop.set()
    reader.join()
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, updated FROM store_version")
        held = cursor.fetchall()
    assert asked == sorted(asked)
    assert len(seen) == len(set(seen))
    assert set(seen) == {seq for seq, updated in held if updated < asked[-1]}
    assert len(seen) >= 6 * 6


@pytest.mark.postgresql("on SQLite a writer holds the only turn, so nothing can commit late")
def test_the_horizon_waits_for_an_open_unit_and_moves_on_after_it() -> None:
    told: dict[str, int] = {}
    written, go = Event(), Event()

    def unit() -> None:
        try:
            with store.unit_of_work(live()) as uow:
                told["stamp"] = uow.update(basic("open")).updated
                uow.flush()
                written.set()
                go.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=unit)
    thread.start()
    written.wait(30)
    time.sleep(0.05)
    assert database.horizon() <= told["stamp"]
    later = write(basic("other")).updated
    assert later > told["stamp"]
    assert database.horizon() <= told["stamp"]  # another's later commit does not move it
    go.set()
    thread.join()
    time.sleep(0.005)
    assert database.horizon() > later


def test_stamps_are_the_moment_for_those_who_act_now_and_the_teller_s_for_others() -> None:
    before = int(datetime.now(UTC).timestamp() * 1000)
    early = system_context(datetime.now(UTC) - timedelta(hours=1), "test", live=True)
    with store.unit_of_work(early) as uow:
        stored = uow.update(basic("now"))
    assert stored.updated >= before  # the request came an hour ago; it is written now
    assert stored.resource["meta"]["lastUpdated"] == datetime.fromtimestamp(stored.updated / 1000, UTC).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")
    with store.unit_of_work(system_context(NOW, "story")) as uow:
        assert uow.update(basic("told")).updated == int(NOW.timestamp() * 1000)


def test_a_snapshot_sees_one_moment_and_writes_nothing() -> None:
    write(basic("one"))
    with database.snapshot():
        first = len(versions("Basic", "one"))
        thread = threading.Thread(target=lambda: (write(basic("one")), connections.close_all()))
        thread.start()
        thread.join()
        assert len(versions("Basic", "one")) == first == 1
    assert len(versions("Basic", "one")) == 2
    with pytest.raises(Exception, match=r"read-only|readonly"), database.snapshot(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM store_version")
    write(basic("one"))  # and afterwards all is as before


def test_readers_never_wait_for_a_writer() -> None:
    write(basic("one"))
    inside, go = Event(), Event()

    def unit() -> None:
        try:
            with store.unit_of_work(live()) as uow:
                uow.update(basic("one", author={"display": "new"}))
                uow.flush()
                inside.set()
                go.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=unit)
    thread.start()
    inside.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM store_resource WHERE type = 'Basic' AND rid = 'one'")
        assert cursor.fetchone() == (1,)
    go.set()
    thread.join()
    assert len(versions("Basic", "one")) == 2
