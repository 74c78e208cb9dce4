"""Values between the record's tables and the code: what is current, what is about to be written, what was stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import database
from tovholder.base import json
from tovholder.fhir.prepare import Prepared

Resource = dict[str, Any]
Statements = Sequence[database.Statement]
Answer = database.Answer


@dataclass(frozen=True, slots=True)
class Stored:
    """One version as the record holds it; the body is parsed when somebody asks. updated: epoch milliseconds."""

    parsed: Resource | None
    type: str
    id: str
    version: int
    updated: int
    created: bool = False
    body: bytes = b""

    @property
    def resource(self) -> Resource:
        """The content; empty for a deletion."""
        if self.parsed is None:
            object.__setattr__(self, "parsed", json.loads(self.body) if self.body else {})
        return self.parsed or {}

    @property
    def reference(self) -> str:
        """``Type/id``."""
        return f"{self.type}/{self.id}"


@dataclass(slots=True)
class Current:
    """The current row of a resource; the body is parsed when somebody asks."""

    key: int
    version: int
    deleted: bool
    body: bytes
    patient: str | None
    updated: int
    parsed: Resource | None = None

    def resource(self) -> Resource:
        """The content; empty for a deleted one."""
        if self.parsed is None and self.body:
            self.parsed = json.loads(self.body)
        return self.parsed or {}


@dataclass(slots=True)
class Write:
    """One write staged in a unit of work."""

    kind: str
    rid: str
    key: int | None
    version: int
    method: str
    updated: int
    patient: str | None
    old: Resource | None
    new: Resource | None
    body: bytes
    prepared: Prepared | None  # the rows of new

    @property
    def moment(self) -> int | None:
        """When what it tells happened (epoch milliseconds); None for a deleted one."""
        return self.prepared.moment if self.prepared else None


_CURRENT = (
    "SELECT r.type, r.rid, r.key, r.version, r.deleted, v.body, r.patient_id, r.updated FROM store_resource AS r"
    " JOIN store_version AS v ON v.seq = r.seq WHERE r.type = %s AND "
)


def current_statement(kind: str, rid: str) -> database.Statement:
    """The SELECT whose answer ``current_of`` reads."""
    return _CURRENT + "r.rid = %s", [kind, rid]


def hold_statements(kind: str, rid: str) -> Statements:
    """The same, the row held first: one that waited for another writer then reads what that one left. The answers are
    for ``held_of``.
    """
    wait = database.row_lock()
    held = [(f"SELECT 1 FROM store_resource WHERE type = %s AND rid = %s{wait}", [kind, rid])] if wait else []
    return [*held, current_statement(kind, rid)]


def current_of(answer: Answer) -> Current | None:
    """The row in an answer."""
    return _current(answer[0]) if answer else None


def held_of(answers: Sequence[Answer]) -> Current | None:
    """The row in the answers of ``hold_statements``. One stored after there was nothing to hold, and before it was read,
    is anybody's to change: it is not there.
    """
    return current_of(answers[-1]) if all(answers) else None


def _current(row: tuple[Any, ...]) -> Current:
    return Current(row[2], row[3], bool(row[4]), bytes(row[5]), row[6], row[7])


def current(kind: str, rid: str) -> Current | None:
    """The current row, deleted ones included."""
    return current_of(database.rows(*current_statement(kind, rid)))


def any_there(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether there is any of the resources, deleted or not."""
    return any(
        database.rows(f"SELECT 1 FROM store_resource WHERE type = %s AND {term} LIMIT 1", [kind, *values])
        for kind, rids in sorted(_by_type(pairs).items())
        for term, values in [database.in_list("rid", rids)]
    )


def _by_type(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, rid in pairs:
        found.setdefault(kind, []).append(rid)
    return found


def current_many(pairs: Iterable[tuple[str, str]], *, hold: bool = False) -> dict[tuple[str, str], Current | None]:
    """The current rows of many resources, one query per type. hold: nobody else can change them meanwhile."""
    found: dict[tuple[str, str], Current | None] = dict.fromkeys(pairs)
    by_type = _by_type(found)
    wait = database.row_lock() if hold else ""
    for kind in sorted(by_type):
        if wait:
            term, values = database.in_list("rid", by_type[kind])
            database.rows(
                f"SELECT 1 FROM store_resource WHERE type = %s AND {term} ORDER BY key{wait}", [kind, *values]
            )
        term, values = database.in_list("r.rid", by_type[kind])
        for row in database.rows(_CURRENT + term, [kind, *values]):
            found[row[0], row[1]] = _current(row)
    return found
