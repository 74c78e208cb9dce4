"""Reads into the audit trail before their answer leaves: durable each, and many requests' rows in one commit."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, connection, transaction

from tovholder import database
from tovholder.access import Context, audit


def note(entry: audit.Entry) -> None:
    """Write a read into the audit trail: with the answer under way, in the unit under way, or at once."""
    if not audit.is_logged(entry) or audit.gather(entry):
        return
    write_audit([entry])


def note_refusal(ctx: Context, kind: str, rid: str) -> None:
    """Note that somebody asked for what is not theirs; what is not there refused nobody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id FROM store_resource WHERE type = %s AND rid = %s", [kind, rid])
        row = cursor.fetchone()
    if row is not None:
        audit.gather(
            audit.Entry(ctx, "refused", frozenset({row[0]} if row[0] else ()), f"{kind}/{rid}", outcome="refused")
        )


def write_audit(entries: Sequence[audit.Entry]) -> None:
    """Write audit entries; returns when they are on disk. Raises what the database raised: then no answer may leave.

    Inside a transaction of the caller's they are part of it. Otherwise whoever comes while another's rows are being
    committed waits for that commit, and the next one takes all who wait: requests share what a commit costs.
    """
    logged = [entry for entry in entries if audit.is_logged(entry)]
    if not logged:
        return
    if connection.in_atomic_block:
        audit.write(logged)
    else:
        _group.write(logged)


@dataclass(slots=True)
class _Ticket:
    """One caller's rows. ``turn`` is set when they are written, have failed, or when the caller is to write for all."""

    entries: Sequence[audit.Entry]
    turn: threading.Event = field(default_factory=threading.Event)
    settled: bool = False
    error: BaseException | None = None


# What says that a row is wrong, not that the database is away: then the others' rows go in without it.
_OF_THE_ROW = (DataError, IntegrityError, TypeError, ValueError)


class _Group:
    """Callers of one process, of whom one at a time writes for all who wait.

    There is no thread of its own: the one who writes uses its own connection, writes once, and hands over to the
    first who came meanwhile. A process that forks starts with nobody waiting.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._writing = False

    def write(self, entries: Sequence[audit.Entry]) -> None:
        """Returns when the entries are committed. Raises what kept them from it."""
        ticket = _Ticket(entries)
        with self._guard:
            self._waiting.append(ticket)
            mine = not self._writing
            self._writing = True
        if not mine:
            ticket.turn.wait()
        if not ticket.settled:
            self._write_for_all()
        if ticket.error is not None:
            raise ticket.error

    def _write_for_all(self) -> None:
        batch: list[_Ticket] = []
        try:
            with _committed():
                batch = self._take()  # only now: whoever came while this one waited for its turn goes along
                audit.write([entry for ticket in batch for entry in ticket.entries])
        except BaseException as error:
            batch = batch or self._take()
            if isinstance(error, _OF_THE_ROW) and len(batch) > 1:
                for ticket in batch:
                    _write_alone(ticket)
            else:
                for ticket in batch:
                    ticket.error = error
        finally:
            self._hand_over(batch)

    def _take(self) -> list[_Ticket]:
        with self._guard:
            taken, self._waiting = self._waiting, []
        return taken

    def _hand_over(self, batch: list[_Ticket]) -> None:
        for ticket in batch:
            ticket.settled = True
            ticket.turn.set()
        with self._guard:
            self._writing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].turn.set()


def _write_alone(ticket: _Ticket) -> None:
    try:
        with _committed():
            audit.write(ticket.entries)
    except Exception as error:
        ticket.error = error


@contextmanager
def _committed() -> Iterator[None]:
    """One transaction in the writer's turn. On SQLite begun by hand: it costs every read, and atomic() costs more."""
    if not database.writes_alone():
        with transaction.atomic():
            yield
        return
    with database.write_turn(), connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield
            cursor.execute("COMMIT")
        except BaseException:
            _undo(cursor)
            raise


def _undo(cursor: Any) -> None:
    try:
        cursor.execute("ROLLBACK")
    except DatabaseError:
        connection.close()  # nothing to undo, or nobody to undo it with: the next one opens anew


_group = _Group()


def _forked() -> None:
    global _group
    _group = _Group()


os.register_at_fork(after_in_child=_forked)
