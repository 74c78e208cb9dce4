"""Pages while others write: what was there all along is given once, in its order; links and cursors keep to themselves."""

from __future__ import annotations

from typing import Any

import pytest

from lib.people import NOW, patient, system
from tovholder import store
from tovholder.base.errors import Problem
from tovholder.store.search import cursor as cursors
from tovholder.store.search import plan

pytestmark = pytest.mark.django_db

NAMES = ("Ask", "Birk", "Carl", "Dan", "Egon", "Finn", "Gorm", "Hans", "Ib", "Jens", "Kaj", "Lars")


def born(number: int) -> str:
    return f"19{50 + number}-01-01"


@pytest.fixture
def made() -> list[str]:
    found = []
    for number, name in enumerate(NAMES):
        with store.unit_of_work(system(NOW.replace(minute=number))) as uow:
            found.append(uow.create(patient(family=name, born=born(number))).id)
    return found


def write(rid: str, minute: int, **changes: Any) -> None:
    ctx = system(NOW.replace(hour=10, minute=minute))
    with store.unit_of_work(ctx) as uow:
        held = uow.read("Patient", rid)
        uow.update({**held, **changes})


def page(params: list[tuple[str, str]], cursor: str | None) -> store.Page:
    at = [("_cursor", cursor)] if cursor else []
    return store.search(system(), "Patient", [*params, ("_count", "3"), *at])


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("sort", ["", "_lastUpdated", "-_lastUpdated", "family", "-birthdate", "_id", "gender,-family"])
def test_nothing_that_was_there_is_skipped_or_doubled(
    made: list[str], sort: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FEW", few)
    params = [("gender", "female"), *([("_sort", sort)] if sort else [])]
    before = [entry.id for entry in store.search(system(), "Patient", [*params, ("_count", "100")]).entries]
    assert sorted(before) == sorted(made)
    seen: list[str] = []
    cursor = None
    deleted: list[str] = []
    for step in range(20):
        found = page(params, cursor)
        seen += [entry.id for entry in found.entries]
        cursor = found.cursor
        if cursor is None:
            break
        # One that was shown and one that was not move to the other end of every order; one comes and one goes.
        waiting = [rid for rid in before if rid not in seen and rid not in deleted]
        write(seen[0], 2 * step, name=[{"family": "Ågård"}], birthDate="2001-01-01")
        if waiting:
            write(waiting[-1], 2 * step + 1, name=[{"family": "Aabo"}], birthDate="1901-01-01")
            write(waiting[0], 2 * step + 1, name=[{"family": "Ågård"}], birthDate="2001-01-01")
        with store.unit_of_work(system(NOW.replace(hour=11, minute=step))) as uow:
            uow.create(patient(family="Midt", born="1955-06-01"))
            if len(waiting) > 4:
                deleted.append(waiting[2])
                uow.delete("Patient", waiting[2])
    kept = [rid for rid in before if rid not in deleted]
    assert [rid for rid in seen if rid in kept] == kept
    assert not set(seen) & set(deleted)


def test_a_cursor_tells_nothing_and_fits_one_search(made: list[str]) -> None:
    params = [("_sort", "family"), ("gender", "female")]
    cursor = page(params, None).cursor
    assert cursor is not None
    place = cursors.unseal(cursor).place
    assert place is not None and place[0] == "carl"
    assert "carl" not in cursor
    for wrong in ([("_sort", "-family"), ("gender", "female")], [("_sort", "family"), ("gender", "male")]):
        with pytest.raises(Problem):
            page(wrong, cursor)
    for broken in (cursor[:-3], ("A" if cursor[0] != "A" else "B") + cursor[1:], "", "%%", "ø", cursor + "AAAA"):
        with pytest.raises(Problem):
            store.search(system(), "Patient", [*params, ("_cursor", broken)])
    # How much and what of it is shown may change on the way.
    found = store.search(system(), "Patient", [*params, ("_cursor", cursor), ("_count", "2"), ("_elements", "name")])
    assert [entry.id for entry in found.entries] == made[3:5]


def test_a_sealed_search_goes_on_by_its_cursor_alone(made: list[str]) -> None:
    params = [("family", "b,c,d,e,f"), ("_sort", "-family"), ("_count", "2"), ("_elements", "name")]
    found = store.search(system(), "Patient", params, sealed=True)
    seen = [entry.id for entry in found.entries]
    while found.cursor is not None:
        assert "family" not in found.cursor
        found = store.search(system(), "Patient", [("_cursor", found.cursor)])
        assert len(found.entries) <= 2 and all("birthDate" not in entry.resource for entry in found.entries)
        assert found.hidden is not None
        seen += [entry.id for entry in found.entries]
    assert seen == made[1:6][::-1]


def test_count_nothing_and_count_all(made: list[str]) -> None:
    assert store.search(system(), "Patient", [("_count", "0")]).total == len(NAMES)
    assert store.search(system(), "Patient", [("_summary", "count")]).entries == ()
    assert store.search(system(), "Patient", [("_count", "5")]).total is None
    assert store.search(system(), "Patient", [("_count", "5"), ("_total", "accurate")]).total == len(NAMES)
    assert store.search(system(), "Patient", [("_count", "50")]).total == len(NAMES)
