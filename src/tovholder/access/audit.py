"""The audit trail: who did what to whose data, why and when; append-only, written with the write or before the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from tovholder import database
from tovholder.access.domain import Context, Emergency, Role
from tovholder.base import days
from tovholder.database import arrays

Action = Literal[
    "read",
    "vread",
    "history",
    "search",
    "create",
    "update",
    "patch",
    "delete",
    "import",
    "export",
    "operation",
    "aggregate",
    "login",
    "logout",
    "login-failed",
    "role",
    "refused",
    "glass-opened",
    "glass-ended",
    "glass-followed",
    "block-set",
    "block-ended",
    "consent",
    "stated",
    "stated-checked",
    "stated-failed",
    "token",
    "token-revoked",
    "token-failed",
    "rights",
    "pruned",
]
READS = frozenset({"read", "vread", "history", "search"})
BREAK_GLASS = "break-glass"


@dataclass(frozen=True, slots=True)
class Nobody:
    """Who asks while it is not known who it is: at a login that failed, with a token that is none."""

    now: datetime
    actor: str = "unknown:"
    role: str = "unknown"
    organization: str | None = None
    patient: str | None = None
    purpose: str = "operation"
    client: str = ""
    request_id: str = ""
    grants: None = None
    emergencies: tuple[Emergency, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. detail: resource references, page name or code, never an identifier of the patient's."""

    ctx: Context | Nobody
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
    """A patient's own look at their own data is not logged. What their representative or an app of theirs reads is."""
    ctx = entry.ctx
    own = ctx.patient is not None and entry.patients <= {ctx.patient} and ctx.role == Role.CITIZEN
    return not (own and entry.action in READS and entry.outcome == "ok" and ctx.grants is None)


def with_purpose(entry: Entry) -> list[Entry]:
    """The entry, that part of it set apart which is about patients on whom its actor has broken the glass just then."""
    ctx = entry.ctx
    if not ctx.emergencies or isinstance(ctx, Nobody):
        return [entry]
    at = days.millis(ctx.now)
    broken = entry.patients & {one.patient for one in ctx.emergencies if at < one.until}
    if not broken:
        return [entry]
    found = [replace(entry, ctx=replace(ctx, purpose=BREAK_GLASS), patients=broken)]
    rest = entry.patients - broken
    return [*found, replace(entry, patients=rest)] if rest else found


def merge(entries: Iterable[Entry]) -> list[Entry]:
    """The reads behind one page as one event per actor and act, linked to every patient shown."""
    merged: dict[tuple[Context | Nobody, str, str], tuple[set[str], list[str]]] = {}
    for entry in entries:
        patients, details = merged.setdefault((entry.ctx, entry.action, entry.outcome), (set(), []))
        patients |= entry.patients
        if entry.detail and entry.detail not in details:
            details.append(entry.detail)
    return [
        Entry(ctx, action, frozenset(patients), " ".join(details), outcome)  # type: ignore[arg-type]
        for (ctx, action, outcome), (patients, details) in merged.items()
    ]


COLUMNS = (
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
CHUNK = 500  # rows of one statement: SQLite takes at most 32,766 values


def write(entries: Iterable[Entry]) -> None:
    """Insert events and their patients, many rows to a statement; must run inside a transaction the caller holds."""
    logged = [entry for entry in entries if is_logged(entry)]
    if any(entry.ctx.emergencies for entry in logged):
        logged = [part for entry in logged for part in with_purpose(entry)]
    for start in range(0, len(logged), CHUNK):
        chunk = logged[start : start + CHUNK]
        (_write_postgresql if database.vendor() == "postgresql" else _write_sqlite)(chunk)


def _values(entry: Entry) -> tuple[Any, ...]:
    ctx = entry.ctx
    return (
        days.millis(ctx.now),
        entry.action,
        entry.outcome,
        ctx.actor,
        str(ctx.role),
        ctx.organization or "",
        ctx.purpose,
        ctx.client,
        ctx.request_id,
        entry.detail,
    )


@lru_cache(maxsize=32)
def _insert(count: int) -> str:
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    return f"INSERT INTO access_auditevent ({', '.join(COLUMNS)}) VALUES {', '.join([row] * count)}"


def _write_sqlite(entries: Sequence[Entry]) -> None:
    count = len(entries)
    database.execute(_insert(count), [value for entry in entries for value in _values(entry)])
    # One writer, and numbers that only rise: the rows of one statement are numbered without a gap.
    ((last,),) = database.rows("SELECT last_insert_rowid()")
    first = last - count + 1
    links = [(first + place, patient) for place, entry in enumerate(entries) for patient in sorted(entry.patients)]
    database.insert("access_auditpatient", ("event_id", "patient_id"), links)


# One statement and one round trip: numbers are drawn, events stored, and their patients with them.
_WRITE_POSTGRESQL = f"""
WITH given AS MATERIALIZED (
  SELECT nextval(pg_get_serial_sequence('access_auditevent', 'id')) AS id, told.*
  FROM unnest(%s::bigint[], {", ".join(["%s::text[]"] * len(COLUMNS))}) AS told ({", ".join(COLUMNS)}, patients)
), stored AS (
  INSERT INTO access_auditevent (id, {", ".join(COLUMNS)}) SELECT id, {", ".join(COLUMNS)} FROM given
)
INSERT INTO access_auditpatient (event_id, patient_id)
SELECT given.id, patient FROM given, unnest(string_to_array(given.patients, ' ')) AS patient
"""


_TYPES_POSTGRESQL = ("bigint", *["text"] * len(COLUMNS))


def _write_postgresql(entries: Sequence[Entry]) -> None:
    # Ids of FHIR hold no blank; text without any gives no row.
    rows = [(*_values(entry), " ".join(sorted(entry.patients))) for entry in entries]
    database.execute(_WRITE_POSTGRESQL, arrays.literals(_TYPES_POSTGRESQL, rows))
