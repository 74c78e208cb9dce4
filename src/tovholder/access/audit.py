"""The audit trail: who did what to whose data, why and when; append-only, written with the write or before the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from django.db import connection

from tovholder.access.domain import Context

Action = Literal["read", "search", "create", "update", "delete", "import", "aggregate", "login", "refused"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. detail: resource references or page name, never an identifier of the patient's."""

    ctx: Context
    action: Action
    patients: frozenset[str]
    detail: str = ""
    outcome: Literal["ok", "refused"] = "ok"


_pending: ContextVar[list[Entry] | None] = ContextVar("tovholder_pending_audit", default=None)


@contextmanager
def answer() -> Iterator[list[Entry]]:
    """Gather the reads behind one answer; the caller writes them before the answer leaves."""
    entries: list[Entry] = []
    token = _pending.set(entries)
    try:
        yield entries
    finally:
        _pending.reset(token)


def gather(entry: Entry) -> bool:
    """Add a read to the answer under way. False when there is none: the caller must write it itself."""
    entries = _pending.get()
    if entries is None:
        return False
    entries.append(entry)
    return True


def is_logged(entry: Entry) -> bool:
    """A patient's own look at their own data is not logged; neither is our own derivation reading what it derives from."""
    own = entry.ctx.patient is not None and entry.patients <= {entry.ctx.patient}
    return not (entry.action in ("read", "search") and own and entry.outcome == "ok")


def merge(entries: Iterable[Entry]) -> list[Entry]:
    """The reads behind one page as one event per actor and act, linked to every patient shown."""
    merged: dict[tuple[Context, str, str], tuple[set[str], list[str]]] = {}
    for entry in entries:
        patients, details = merged.setdefault((entry.ctx, entry.action, entry.outcome), (set(), []))
        patients |= entry.patients
        if entry.detail and entry.detail not in details:
            details.append(entry.detail)
    return [
        Entry(ctx, action, frozenset(patients), " ".join(details), outcome)  # type: ignore[arg-type]
        for (ctx, action, outcome), (patients, details) in merged.items()
    ]


def write(entries: Iterable[Entry]) -> None:
    """Insert events and their patients; must run inside a transaction the caller holds."""
    with connection.cursor() as cursor:
        for entry in entries:
            if not is_logged(entry):
                continue
            ctx = entry.ctx
            cursor.execute(
                "INSERT INTO access_auditevent (at_ms, action, outcome, actor, role, organization_id, purpose, client,"
                " request_id, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    int(ctx.now.timestamp() * 1000),
                    entry.action,
                    entry.outcome,
                    ctx.actor,
                    str(ctx.role),
                    ctx.organization or "",
                    ctx.purpose,
                    ctx.client,
                    ctx.request_id,
                    entry.detail,
                ],
            )
            event_id = cursor.lastrowid
            if entry.patients:
                cursor.executemany(
                    "INSERT INTO access_auditpatient (event_id, patient_id) VALUES (%s, %s)",
                    [(event_id, patient) for patient in sorted(entry.patients)],
                )
