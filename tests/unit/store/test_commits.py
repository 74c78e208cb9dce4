"""Units of several requests in one commit: each on disk before its caller goes on, each undone for itself alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from lib.callers import Callers
from lib.people import NOW, context
from tovholder import database
from tovholder.access import Role, audit, system_context
from tovholder.base.errors import Category, Problem
from tovholder.store import commits, share, unit_of_work, write_audit

pytestmark = pytest.mark.django_db(transaction=True)
CTX = system_context(NOW, "test", live=True)


@pytest.fixture(autouse=True)
def only_where_writers_wait() -> None:
    if not database.writes_alone():
        pytest.skip("about sqlite alone: on PostgreSQL each unit has its own commit")


def stored() -> list[str]:
    return sorted(rid for (rid,) in database.rows("SELECT rid FROM store_resource"))


def noted() -> int:
    return int(database.rows("SELECT COUNT(*) FROM access_auditevent")[0][0])


def place(name: str) -> str:
    with unit_of_work(CTX) as uow:
        return uow.update({"resourceType": "Location", "id": name, "name": name}).reference


class Together(Callers):
    """Works that are all waiting when the first lets go; what each of them was told."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.begun = threading.Event(), threading.Event()
        self.call("first", lambda: share(self._first))
        assert self.begun.wait(30)

    def _first(self) -> str:
        self.begun.set()
        assert self.go.wait(30)
        return place("first")

    def start(self, name: str, work: Callable[[], Any], *, shared: bool = True) -> None:
        before = len(commits._group._waiting)
        self.call(name, (lambda: share(work)) if shared else work)
        while len(commits._group._waiting) == before:
            threading.Event().wait(0.002)

    def end(self) -> None:
        self.go.set()
        self.wait()


def test_who_comes_meanwhile_shares_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = commits._write

    def counted(batch: Any) -> Any:
        written.append(len(batch))
        return real(batch)

    monkeypatch.setattr(commits, "_write", counted)
    monkeypatch.setattr(commits, "BUDGET", 60.0)
    some = Together()
    for number in range(8):
        some.start(f"n{number}", lambda number=number: place(f"n{number}"))
    entry = audit.Entry(context(Role.GP, "clinic", now=NOW), "read", frozenset({"p"}), "Patient/p")
    some.start("reader", lambda: write_audit([entry]), shared=False)
    some.end()
    assert written == [1, 9]
    assert some.told == {
        "first": "Location/first",
        **{f"n{number}": f"Location/n{number}" for number in range(8)},
        "reader": None,
    }
    assert stored() == ["first", *(f"n{number}" for number in range(8))]
    assert noted() == 10  # each unit's own, and the read


def test_one_that_fails_is_undone_alone() -> None:
    some = Together()

    def wrong() -> None:
        place("half")
        raise Problem(Category.RULE, "no")

    some.start("before", lambda: place("before"))
    some.start("wrong", wrong)
    some.start("unforeseen", lambda: 1 // 0)
    some.start("after", lambda: place("after"))
    some.end()
    assert isinstance(some.told.pop("wrong"), Problem)
    assert isinstance(some.told.pop("unforeseen"), ZeroDivisionError)
    assert some.told == {"first": "Location/first", "before": "Location/before", "after": "Location/after"}
    assert stored() == ["after", "before", "first"]
    assert noted() == 3


def test_when_the_database_undoes_everything_nobody_is_told_of_success() -> None:
    some = Together()

    def full() -> None:
        database.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
        raise OperationalError("database or disk is full")

    some.start("before", lambda: place("before"))
    some.start("full", full)
    some.start("after", lambda: place("after"))
    some.end()
    assert some.told.pop("first") == "Location/first"
    assert {name: isinstance(told, Exception) for name, told in some.told.items()} == {
        "before": True,
        "full": True,
        "after": True,
    }
    assert stored() == ["first"]
    assert share(lambda: place("next")) == "Location/next"
    assert stored() == ["first", "next"]


def test_what_there_is_no_time_for_goes_in_the_commit_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "BUDGET", -1.0)
    some = Together()
    for number in range(5):
        some.start(f"n{number}", lambda number=number: place(f"n{number}"))
    some.end()
    assert len(some.told) == 6
    assert stored() == ["first", *(f"n{number}" for number in range(5))]


def test_each_work_keeps_the_surroundings_of_its_caller() -> None:
    """Reads gathered for an answer are gathered for the answer of whoever asked, whichever thread does the work."""
    some = Together()
    entry = audit.Entry(CTX, "refused", frozenset(), "x", "refused")

    def asking() -> int:
        with audit.answer() as mine:
            share(lambda: audit.gather(entry))
            return len(mine)

    some.start("one", asking, shared=False)
    some.start("other", asking, shared=False)
    some.end()
    assert (some.told["one"], some.told["other"]) == (1, 1)


def test_inside_a_transaction_it_is_simply_run() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        share(lambda: place("undone"))
        raise ZeroDivisionError
    assert stored() == []
    assert share(lambda: share(lambda: place("within"))) == "Location/within"
    assert stored() == ["within"]
    assert not connection.in_atomic_block
