"""Shared commits: what several requests of a process write at once goes to disk together, each undone for itself.

SQLite has one writer, and most of a small write's time is its commit. So whoever comes while another's writing is under
way waits for its end, and then one of those who wait does the work of all in one transaction: the units of work one
after the other, each in a savepoint, and the audit rows of reads in one statement. There is no thread of its own: the
one who writes uses its own connection and hands over to the first who came meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context as Surroundings
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from django.db import DatabaseError, DataError, IntegrityError, connection, transaction

from tovholder import database
from tovholder.access import audit

Result = TypeVar("Result")
# Seconds after which a transaction takes no further unit: other processes, and reads with their audit rows, wait for it.
BUDGET = 0.03
# What says that a row is wrong, not that the database is away: then the others' rows go in without it.
OF_A_ROW = (DataError, IntegrityError, TypeError, ValueError)


def share(work: Callable[[], Result]) -> Result:
    """Run a unit of work in a transaction that other callers may share; returns when it is on disk.

    work may be run by another caller's thread (in the surroundings of its own), and once more when the transaction was
    undone for somebody else's sake. What it raises undoes this work alone, and is raised here. Where writers do not
    wait for each other (PostgreSQL), and inside a transaction of the caller's, it is simply run.
    """
    if not database.writes_alone() or database.in_transaction():
        return work()
    ticket = _Ticket(work=work, surroundings=copy_context())
    _group.settle(ticket)
    return ticket.result  # type: ignore[no-any-return] # what work returned


def is_shared() -> bool:
    """Whether the unit that is about to begin has a transaction and a savepoint already."""
    return _shared.get() is not None


def note(entries: Sequence[audit.Entry]) -> None:
    """Write the audit entries of a unit, in its transaction; in a shared one with everybody else's, before the commit."""
    together = _shared.get()
    if together is None:
        audit.write(entries)
    else:
        together += entries


def write_audit(entries: Sequence[audit.Entry]) -> None:
    """Write audit entries; returns when they are on disk. Raises what the database raised: then no answer may leave.

    Inside a transaction of the caller's they are part of it.
    """
    logged = [entry for entry in entries if audit.is_logged(entry)]
    if not logged:
        return
    if database.in_transaction():
        audit.write(logged)
    else:
        _group.settle(_Ticket(entries=logged))


# The audit entries of the work being done in a shared commit.
_shared: ContextVar[list[audit.Entry] | None] = ContextVar("tovholder_shared_commit", default=None)


@dataclass(slots=True)
class _Ticket:
    """One caller's rows or work. ``turn`` is set when it is settled, or when the caller is to write for all."""

    entries: Sequence[audit.Entry] = ()
    work: Callable[[], Any] | None = None
    surroundings: Surroundings | None = None
    turn: threading.Event | None = None
    settled: bool = False
    result: Any = None
    error: BaseException | None = None

    def wait(self) -> None:
        if self.turn is not None:
            self.turn.wait()

    def wake(self) -> None:
        if self.turn is not None:
            self.turn.set()


@dataclass(slots=True)
class _Group:
    """Callers of one process, of whom one at a time writes for all. A process that forks starts with nobody waiting."""

    _guard: threading.Lock = field(default_factory=threading.Lock)
    _waiting: list[_Ticket] = field(default_factory=list)
    _writing: bool = False

    def settle(self, ticket: _Ticket) -> None:
        """Returns when what the caller wants written is committed. Raises what kept it from that."""
        with self._guard:
            mine = not self._writing
            self._writing = True
            if not mine:
                ticket.turn = threading.Event()
            self._waiting.append(ticket)
        if not mine:
            ticket.wait()
        if not ticket.settled:
            self._write_for_all()
        if ticket.error is not None:
            raise ticket.error

    def _write_for_all(self) -> None:
        batch: list[_Ticket] = []
        left: list[_Ticket] = []
        try:
            with database.write_turn():
                batch = self._take()  # only now: whoever came while this one waited for its turn goes along
                left = _write(batch)
        except BaseException as error:
            batch = batch or self._take()
            if isinstance(error, OF_A_ROW) and len(batch) > 1:
                left = []
                for ticket in batch:
                    _write_alone(ticket)
            else:
                for ticket in batch:
                    ticket.error = error
        finally:
            self._hand_over(batch, left)

    def _take(self) -> list[_Ticket]:
        with self._guard:
            taken, self._waiting = self._waiting, []
        return taken

    def _hand_over(self, batch: Sequence[_Ticket], left: Sequence[_Ticket]) -> None:
        for ticket in batch:
            if ticket not in left:
                ticket.settled = True
                ticket.wake()
        with self._guard:
            self._waiting[:0] = left
            self._writing = bool(self._waiting)
            first = self._waiting[0] if self._waiting else None
        if first is not None:
            first.wake()


def _write(batch: Sequence[_Ticket]) -> list[_Ticket]:
    """Write for all of them in one transaction, in the writer's turn; returns those for whom there was no time."""
    works = [ticket for ticket in batch if ticket.work is not None]
    rows = [entry for ticket in batch for entry in ticket.entries]  # of reads: a work's come when it is done
    if not works:
        with _by_hand(len(rows)):
            audit.write(rows)
        return []
    until = monotonic() + BUDGET
    with transaction.atomic():
        for done, ticket in enumerate(works):
            if done and monotonic() > until:
                left = works[done:]
                break
            rows += _work(ticket)
        else:
            left = []
        audit.write(rows)
    return left


def _work(ticket: _Ticket) -> list[audit.Entry]:
    """Do one work; returns the audit entries of what it wrote."""
    assert ticket.work is not None and ticket.surroundings is not None
    database.execute("SAVEPOINT shared")
    ticket.error = None
    entries: list[audit.Entry] = []
    try:
        ticket.result = ticket.surroundings.run(_in_shared, ticket.work, entries)
    except Exception as error:
        ticket.error = error
        entries.clear()
        # Fails when the database has undone everything by itself (a full disk): then it ends for everybody.
        database.execute("ROLLBACK TO SAVEPOINT shared")
    database.execute("RELEASE SAVEPOINT shared")
    return entries


def _in_shared(work: Callable[[], Result], entries: list[audit.Entry]) -> Result:
    token = _shared.set(entries)
    try:
        return work()
    finally:
        _shared.reset(token)


def _write_alone(ticket: _Ticket) -> None:
    ticket.error = None
    try:
        with database.write_turn():
            _write([ticket])
    except Exception as error:
        ticket.error = error


@contextmanager
def _by_hand(count: int) -> Iterator[None]:
    """One transaction for so many audit rows. It costs every read, and atomic() costs more."""
    if not database.writes_alone():
        if count <= audit.CHUNK:  # one statement, which is a transaction by itself
            yield
            return
        with transaction.atomic():
            yield
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        _undo()
        raise


def _undo() -> None:
    try:
        database.execute("ROLLBACK")
    except DatabaseError:
        connection.close()  # nothing to undo, or nobody to undo it with: the next one opens anew


_group = _Group()


def _forked() -> None:
    global _group
    _group = _Group()


os.register_at_fork(after_in_child=_forked)
