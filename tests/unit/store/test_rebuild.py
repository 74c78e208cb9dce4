"""Rebuilding beside the tables in use: the same rows, writes meanwhile, a crash on the way, two at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.base.errors import Category, Problem
from tovholder.store import bulk, rebuild, unit_of_work
from tovholder.store.rebuild import filling, shadow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BLOCK", 3)


@pytest.fixture
def people() -> list[str]:
    found = [clinic() | {"id": "o"}]
    for number in range(10):
        found += [patient("o", f"Nr {number}") | {"id": f"p{number}"}, condition(f"p{number}") | {"id": f"c{number}"}]
    bulk.load(system(), (bulk.Item(str(place), resource) for place, resource in enumerate(found)))
    bulk.derive_pending(system())
    return [f"p{number}" for number in range(10)]


def spoil() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM store_string")
        cursor.execute("UPDATE fact_patient SET sex = 'wrong'")
        cursor.execute("UPDATE store_resource SET moment = 7 WHERE type = 'Patient'")
        cursor.execute("DELETE FROM access_relation")


def moments() -> list[tuple[str, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rid, moment FROM store_resource ORDER BY key")
        return cursor.fetchall()


def rename(rid: str, family: str) -> None:
    held = store.read(system(), "Patient", rid).resource
    held["name"] = [{"use": "official", "family": family}]
    with unit_of_work(system()) as uow:
        uow.update(held)


def test_the_same_rows_again_and_again(people: list[str]) -> None:
    before, when = rebuild.fingerprint(), moments()
    for _ in range(3):  # every second one gives indexes other names
        spoil()
        assert rebuild.rebuild(system().now) == 31
        assert rebuild.fingerprint() == before
        assert moments() == when


def test_what_is_written_meanwhile_is_in_the_new_tables(people: list[str]) -> None:
    def meanwhile(done: int) -> None:
        # Called between blocks: a resource that is filled, one that is not yet, a new one, one that goes.
        if not told:
            rename("p0", "Ændret")
            rename("p9", "Sidst")
            rename("p9", "Allersidst")
            with unit_of_work(system()) as uow:
                uow.create(patient("o", "Ny"), id="new")
                uow.delete("Condition", "c5")
        told.append(done)

    told: list[int] = []
    rebuild.rebuild(system().now, meanwhile)
    assert len(told) > 3

    def named(family: str) -> list[str]:
        return [entry.id for entry in store.search(system(), "Patient", [("family", family)]).entries]

    assert [named(name) for name in ("Ændret", "Nr 0", "Allersidst", "Sidst", "Ny")] == [
        ["p0"],
        [],
        ["p9"],
        [],
        ["new"],
    ]
    assert store.search(system(), "Condition", [("patient", "p5")]).entries == ()
    after = rebuild.fingerprint()
    rebuild.rebuild(system().now)  # nothing changes meanwhile: this is how it must be
    assert rebuild.fingerprint() == after


def test_after_a_crash_the_next_one_goes_on(people: list[str]) -> None:
    before = rebuild.fingerprint()

    class Crash(Exception):
        pass

    def crash(done: int) -> None:
        raise Crash

    spoil()
    with pytest.raises(Crash):
        rebuild.rebuild(system().now, crash)
    held = filling.progress()
    assert held is not None
    assert held.last_key > 0
    assert rebuild.rebuild(system().now) < 31, "it began anew"
    assert filling.progress() is None
    assert rebuild.fingerprint() == before


def test_a_second_one_takes_over_and_the_first_stops(people: list[str]) -> None:
    def second(done: int) -> None:
        if not told:
            told.append(done)
            rebuild.rebuild(system().now)

    told: list[int] = []
    before = rebuild.fingerprint()
    with pytest.raises(Problem) as refused:
        rebuild.rebuild(system().now, second)
    assert refused.value.category is Category.CONFLICT
    assert rebuild.fingerprint() == before


def test_readers_see_the_old_rows_until_the_new_are_whole(people: list[str]) -> None:
    seen: list[int] = []

    def look(done: int) -> None:
        seen.append(len(store.search(system(), "Patient", [("family", "Nr")]).entries))

    rebuild.rebuild(system().now, look)
    assert set(seen) == {10}


def test_an_open_course_stays_the_only_one_afterwards(people: list[str]) -> None:
    rebuild.rebuild(system().now)
    entries = store.search(system(), "EpisodeOfCare", [("patient", "p1")]).entries
    with pytest.raises(Problem) as refused, unit_of_work(system(), bulk=True) as uow:
        uow.create({key: value for key, value in entries[0].resource.items() if key != "id"})
    assert refused.value.category is Category.CONFLICT
    assert refused.value.issues


@pytest.fixture(autouse=True)
def _no_left_overs() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        left = [name for name in connection.introspection.table_names(cursor) if name.startswith(shadow.PREFIX)]
    assert left == []
