"""Retention: removes whole sealed spans of the audit trail that are older than it must be kept; what is left still proves.

A pruning is told first, in the table that alone lets the database remove events, and in the trail itself; then the rows
go, some at a time. One that was interrupted is ended by the next. The seals stay, with their hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from tovholder import database
from tovholder.access import audit, audit_chain, system_context
from tovholder.access.audit_chain import Over, Seal
from tovholder.access.audit_tables import LEAST_YEARS
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store.trail import query

ROWS = 5000  # removed in one transaction, so that nobody waits long


def prune(now: datetime, years: int, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Remove what was sealed more than so many years ago; returns how many events went now.

    Raises Problem(INVALID) below ten years, and Problem(FAULT) when what is to go is not as it was sealed: then it is
    evidence, and stays.
    """
    if years < LEAST_YEARS:
        raise Problem(
            Category.INVALID,
            f"The audit trail is kept for {LEAST_YEARS} years at least",
            [Issue("years", f"{years} years", f"{LEAST_YEARS} or more", "value")],
            kept="the audit trail, untouched",
        )
    removed = _remove(progress)
    target = _target(_before(now, years))
    if target is None:
        return removed
    _tell(now, target)
    return removed + _remove(progress)


def _before(now: datetime, years: int) -> int:
    day = 28 if (now.month, now.day) == (2, 29) else now.day
    return days.millis(now.replace(year=now.year - years, day=day))


def _target(cut: int) -> int | None:
    """The last seal of which it is true that it and all before it, and all their events, are from before the cut."""
    done = audit_chain.pruning(query)
    first = _first("SELECT MIN(number) FROM access_auditseal WHERE at_ms >= %s", cut)
    young = _first("SELECT MIN(id) FROM access_auditevent WHERE at_ms >= %s", cut)
    clauses, values = ["number > %s"], [done.seal if done else 0]
    if first is not None:
        clauses, values = [*clauses, "number < %s"], [*values, first]
    if young is not None:
        clauses, values = [*clauses, "last_id < %s"], [*values, young]
    ((found,),) = query(f"SELECT MAX(number) FROM access_auditseal WHERE {' AND '.join(clauses)}", values)
    return None if found is None else int(found)


def _first(sql: str, value: int) -> int | None:
    ((found,),) = query(sql, [value])
    return None if found is None else int(found)


def _tell(now: datetime, target: int) -> None:
    """Write down what is pruned from now on, once it was checked. Raises Problem(FAULT) when it is not intact."""
    done = audit_chain.pruning(query)
    over, before, gone = Over(), None, 0
    for found in audit_chain.seals(query):
        if found.number > target:
            break
        broken = audit_chain.check(query, before, found) if done is None or found.number > done.seal else None
        if broken is not None:
            raise Problem(
                Category.FAULT,
                "What is old enough to be removed is not as it was sealed, so it stays: "
                f"{broken.message}; look with: tovholder audit verify",
                kept="the audit trail, untouched",
            )
        over.add(found)
        before, gone = found, gone + found.events
    assert before is not None and before.number == target
    _store(now, before, gone, over.hash)


def _store(now: datetime, last: Seal, gone: int, over: str) -> None:
    told, _ = audit_chain.digests(query, last.after_id, last.last_id)
    row = (days.millis(now), last.number, last.last_id, gone, over, audit_chain.packed(told))
    entry = audit.Entry(
        system_context(now, "prune", live=True),
        "pruned",
        frozenset(),
        f"seal:{last.number} event:{last.last_id} hash:{over}",
    )
    with database.write_turn(), transaction.atomic():
        marks = ", ".join(["%s"] * len(row))
        database.execute(
            f"INSERT INTO access_auditpruning (at_ms, seal, last_id, events, hash, digests) VALUES ({marks})", row
        )
        audit.write([entry])


def _remove(progress: Callable[[int], None]) -> int:
    done = audit_chain.pruning(query)
    removed = 0
    while done is not None:
        some = [
            row[0]
            for row in query(
                f"SELECT id FROM access_auditevent WHERE id <= %s ORDER BY id LIMIT {ROWS}", [done.last_id]
            )
        ]
        if not some:
            break
        with database.write_turn(), transaction.atomic():
            # Patients first: an event without its row may not leave them behind.
            for table, column in (("access_auditpatient", "event_id"), ("access_auditevent", "id")):
                database.execute(f"DELETE FROM {table} WHERE {column} <= %s", [some[-1]])
        removed += len(some)
        progress(len(some))
    return removed
