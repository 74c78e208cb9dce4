"""New resources of a batch, written the shortest way: all is made ready before the writer's turn, in it only numbered.

Everything about a new resource but its key, its number among the versions and the moment of storing is known before.
What guards have something to say about, what may exist already and what stands twice in a batch goes the usual way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tovholder import database
from tovholder.base import json
from tovholder.base.ids import is_fhir_id
from tovholder.fhir.prepare import Prepared
from tovholder.fhir.references import patient_of, subjects_of
from tovholder.store import compartment, flush, ports, projection, schema
from tovholder.store.rows import Resource
from tovholder.store.unit import UnitOfWork

# Stands where the moment of storing will. FHIR has no other element of this name, and meta stands before all content.
_MARK = "0001-01-01T00:00:00.000Z"
_SPLIT = f'"lastUpdated":"{_MARK}"'.encode()
_META = b'"meta":{"versionId":"1","lastUpdated":"'
Rows = list[tuple[Any, ...]]


class New(NamedTuple):
    """One resource: its body before and after the moment of storing."""

    kind: str
    rid: str
    patient: str | None
    moment: int | None
    head: bytes
    tail: bytes


@dataclass(slots=True)
class Fresh:
    """The new resources of a batch. index: search rows by table, their resource's place in ``new`` where its key goes."""

    new: list[New] = field(default_factory=list)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    index: defaultdict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    facts: defaultdict[str, Rows] = field(default_factory=lambda: defaultdict(list))
    patients: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    projected: projection.Rows = field(default_factory=dict)
    related: list[Resource] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take(self, resource: Resource, prepared: Prepared, as_written: bytes = b"") -> bool:
        """Make ready a resource that may be new; False when it must go the usual way.

        as_written: its bytes, where ``json.dumps`` would write just those.
        """
        kind, rid = resource["resourceType"], resource.get("id")
        if not isinstance(rid, str) or not is_fhir_id(rid) or (kind, rid) in self.pairs:
            return False
        if kind == "AuditEvent" or not ports.unguarded(kind, resource):
            return False
        patient = patient_of(resource)
        place = len(self.new)
        self.new.append(New(kind, rid, patient, prepared.moment, *_body(resource, kind, rid, as_written)))
        self.pairs.add((kind, rid))
        for table, rows in prepared.index.items():
            self.index[table] += [(*row, place) for row in rows]
        for name, rows in prepared.facts:
            self.facts[name] += rows
            self.touched |= flush.patients_of(name, rid, rows)
        if kind in projection.DATED:
            self.related.append(resource)
        elif kind in projection.SOURCES:
            projection.merge(self.projected, projection.rows_of(resource))
        if patient is not None:
            self.patients.add(patient)
            self.seen.add(patient)
        if compartment.may_name_others(kind, patient):
            self.seen |= subjects_of(resource)
        return True


def _body(resource: Resource, kind: str, rid: str, as_written: bytes) -> tuple[bytes, bytes]:
    """The first version before and after the moment of storing."""
    start = f'{{"resourceType":"{kind}","id":"{rid}",'.encode()
    if "meta" not in resource and as_written.startswith(start):  # as nearly all are: nothing need be written anew
        return start + _META, b'"},' + as_written[len(start) :]
    meta = {**(resource.get("meta") or {}), "versionId": "1", "lastUpdated": _MARK}
    stamped = {"resourceType": "", "id": "", "meta": None} | resource | {"meta": meta}
    head, _, tail = json.dumps(stamped).partition(_SPLIT)
    return head + b'"lastUpdated":"', b'"' + tail


def load(uow: UnitOfWork, fresh: Fresh) -> None:
    """Store them in the unit, which has looked that none of them is there. Raises Problem(FORBIDDEN)."""
    uow.require_everything("create", {one.kind for one in fresh.new})
    stamp, instant = uow.moment()
    told = instant.encode()
    keys = database.numbers("store_resource.key", len(fresh.new))
    seqs = database.numbers("store_version.seq", len(fresh.new))
    resources: Rows = []
    versions: Rows = []
    for one, key, seq in zip(fresh.new, keys, seqs, strict=True):
        resources.append((key, one.kind, one.rid, 1, seq, one.patient, one.moment, stamp, False))
        versions.append((seq, key, 1, stamp, "create", b"".join((one.head, told, one.tail))))
    projected = {table: list(rows) for table, rows in fresh.projected.items()}
    for related in fresh.related:  # how long an appointment opens the record counts from its storing
        projection.merge(projected, projection.rows_of({**related, "meta": {"lastUpdated": instant}}))
    database.insert_all(
        [
            ("store_resource", flush.RESOURCE, resources),
            ("store_version", flush.VERSION, versions),
            *((f"fact_{name}", schema.column_names(name), rows) for name, rows in fresh.facts.items()),
            *projection.batches(projected),
        ]
    )
    for table, rows in fresh.index.items():
        database.insert_keyed(table, flush.INDEX_COLUMNS[table], rows, keys)
    projection.note_changed({}, projected)
    uow.stored_new(
        [f"{one.kind}/{one.rid}" for one in fresh.new],
        pairs=fresh.pairs,
        tables=fresh.facts,
        touched=fresh.touched,
        seen=fresh.seen,
    )
