"""The audit trail: who did what to whose data, why and when; append-only, written with the write or before the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from tovholder import database
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


_EVENT = (
    "id",
    "at_ms",
    "action",
    "outcome",
    "actor",
    "role",
    "organization_id",
    "purpose",
    "client",
    "request_id",
    "detail",
)
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
    logged = [entry for entry in entries if is_logged(entry)]
    ids = database.numbers("access_auditevent.id", len(logged))
    events = [
        (
            number,
            int(entry.ctx.now.timestamp() * 1000),
            entry.action,
            entry.outcome,
            entry.ctx.actor,
            str(entry.ctx.role),
            entry.ctx.organization or "",
            entry.ctx.purpose,
            entry.ctx.client,
            entry.ctx.request_id,
            entry.detail,
        )
        for number, entry in zip(ids, logged, strict=True)
    ]
    touched = [(number, one) for number, entry in zip(ids, logged, strict=True) for one in sorted(entry.patients)]
    with database.pipeline():
        database.insert("access_auditevent", _EVENT, events)
        database.insert("access_auditpatient", ("event_id", "patient_id"), touched)
