"""Values between the record's tables and the code: what is current, what is about to be written, what was stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from tovholder.base import json
from tovholder.fhir.prepare import Prepared

Resource = dict[str, Any]


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
    "SELECT r.type, r.rid, r.key, r.version, r.deleted, v.body FROM store_resource AS r"
    " JOIN store_version AS v ON v.seq = r.seq WHERE "
)


def current(kind: str, rid: str) -> Current | None:
    """The current row, deleted ones included."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT + "r.type = %s AND r.rid = %s", [kind, rid])
        row = cursor.fetchone()
    return None if row is None else Current(row[2], row[3], bool(row[4]), bytes(row[5]))


def current_many(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Current | None]:
    """The current rows of many resources, one query per type."""
    found: dict[tuple[str, str], Current | None] = dict.fromkeys(pairs)
    by_type: dict[str, list[str]] = {}
    for kind, rid in found:
        by_type.setdefault(kind, []).append(rid)
    with connection.cursor() as cursor:
        for kind, rids in by_type.items():
            cursor.execute(
                _CURRENT + "r.type = %s AND r.rid IN (SELECT value FROM json_each(%s))",
                [kind, orjson.dumps(rids).decode()],
            )
            for row in cursor.fetchall():
                found[row[0], row[1]] = Current(row[2], row[3], bool(row[4]), bytes(row[5]))
    return found
