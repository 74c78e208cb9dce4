"""The audit trail as AuditEvents (read only): one by number, and search by R4's parameters over the trail's own table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from tovholder import store
from tovholder.access import Context, audit, audit_event
from tovholder.access.domain import Condition
from tovholder.access.policy import decide
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.text import whole_number
from tovholder.store import paging
from tovholder.store.audit_params import KIND, Asked, among, parameters, understand
from tovholder.store.rows import Stored
from tovholder.store.trail import note

__all__ = ["page", "parameters", "read"]

_OWN = frozenset({Condition.SELF, Condition.REPRESENTED})
_COLUMNS = ", ".join(f"e.{name}" for name in ("id", *audit.COLUMNS))


def read(ctx: Context, rid: str) -> Stored:
    """One audit event by its number. Raises Problem(NOT_FOUND): not there, or not the caller's to see."""
    number = whole_number(rid)
    asked = Asked(ctx)
    _scope(asked, "read")
    found = [] if number is None else _rows([*asked.clauses, "e.id = %s"], [*asked.values, number], "e.id", 1)
    if not found:
        raise not_found(KIND)
    (stored,), patients = _rendered(asked, found, "read")
    note(audit.Entry(ctx, "read", patients, stored.reference))
    return stored


def page(ctx: Context, params: Sequence[tuple[str, str]]) -> store.Page:
    """One page of events, newest first unless sorted otherwise. Raises Problem(INVALID) naming what there is."""
    asked = Asked(ctx)
    _scope(asked, "search")
    for name, value in params:
        understand(asked, name, value)
    if asked.issues:
        raise Problem(Category.INVALID, "The search cannot be understood", asked.issues, kept="nothing was read")
    total = _total(asked) if asked.total else None
    if asked.count == 0:
        return store.Page(entries=(), total=total, cursor=None)
    column, down = asked.order
    way = "DESC" if down else "ASC"
    order = f"e.id {way}" if column == "e.id" else f"{column} {way}, e.id {way}"
    clauses, values = list(asked.clauses), list(asked.values)
    if asked.cursor:
        at, number = _decode(asked.cursor)
        sign = "<" if down else ">"
        clauses.append(f"e.id {sign} %s" if column == "e.id" else f"({column}, e.id) {sign} (%s, %s)")
        values += [number] if column == "e.id" else [at, number]
    found = _rows(clauses, values, order, asked.count + 1)
    shown, more = found[: asked.count], len(found) > asked.count
    entries, patients = _rendered(asked, shown, "search")
    note(audit.Entry(ctx, "search", patients, KIND))
    return store.Page(
        entries=tuple(entries),
        total=len(entries) if total is None and not more and not asked.cursor else total,
        cursor=_encode(shown[-1].at_ms, shown[-1].id) if more else None,
    )


def _scope(asked: Asked, action: str) -> None:
    allowed = decide(asked.ctx, action, KIND)
    if allowed.everything:
        return
    if allowed.conditions & _OWN and asked.ctx.patient:
        asked.own = asked.ctx.patient
        touched = asked.touches([asked.own])
        asked.add(touched.text, touched.values)
        return
    message = f"the role {asked.ctx.role} may not read {KIND}"
    raise Problem(
        Category.FORBIDDEN,
        message[0].upper() + message[1:],
        [Issue(KIND, message, "another role", "forbidden")],
        kept="nothing was read",
    )


def _where(clauses: Sequence[str]) -> str:
    return " AND ".join(clauses) or "1 = 1"


def _rows(clauses: Sequence[str], values: Sequence[Any], order: str, limit: int) -> list[audit_event.Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM access_auditevent AS e WHERE {_where(clauses)} ORDER BY {order} LIMIT {int(limit)}",
            list(values),
        )
        return [audit_event.Row(*row) for row in cursor.fetchall()]


def _total(asked: Asked) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM access_auditevent AS e WHERE {_where(asked.clauses)}", asked.values)
        count: int = cursor.fetchone()[0]
    return count


def _rendered(asked: Asked, rows: Sequence[audit_event.Row], action: str) -> tuple[list[Stored], frozenset[str]]:
    ctx = asked.ctx
    everybody = decide(ctx, action, KIND).everything
    touched: dict[int, list[str]] = {row.id: [] for row in rows}
    if touched:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT event_id, patient_id FROM access_auditpatient WHERE {among('event_id', list(touched))}"
                " ORDER BY event_id, patient_id",
                list(touched),
            )
            for event, patient in cursor.fetchall():
                touched[event].append(patient)
    found: list[Stored] = []
    shown: set[str] = set()
    for row in rows:
        contained = asked.exports.get(row.id, set())  # an export of everybody: others were in it, too
        patients = [*touched[row.id], *sorted(contained)]
        seen = patients if everybody else [patient for patient in patients if patient == ctx.patient]
        shown.update(seen)
        alone = everybody or (len(seen) == len(patients) and not contained)
        body = json.dumps(audit_event.render(row, seen, alone=alone))
        found.append(Stored(json.loads(body), KIND, str(row.id), 1, row.at_ms, body=body))
    return found, frozenset(shown)


def _encode(at_ms: int, number: int) -> str:
    return paging.encode(f"{at_ms}.{number}")


def _decode(text: str) -> tuple[int, int]:
    at, _, number = paging.decode(text).partition(".")
    moment, last = whole_number(at), whole_number(number)
    if moment is None or last is None:
        raise paging.not_ours()
    return moment, last
