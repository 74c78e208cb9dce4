"""Staged writes into tables: resource and version rows, search index, facts, relations; many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tovholder import database
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.fhir.prepare import fact_rows, index_rows
from tovholder.store import projection, schema
from tovholder.store.rows import Write


@dataclass(slots=True)
class IndexChange:
    """Index rows to remove and to add, by table."""

    gone: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    new: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


RESOURCE = ("key", "type", "rid", "version", "seq", "patient_id", "moment", "updated", "deleted")
VERSION = ("seq", "key", "version", "updated", "method", "body")
_RENEW = (
    "UPDATE store_resource SET version = %s, seq = %s, patient_id = %s, moment = %s, updated = %s, deleted = %s"
    " WHERE key = %s"
)
Rows = list[tuple[Any, ...]]


def write_all(writes: Sequence[Write], opened: database.Opened) -> tuple[set[str], set[str]]:
    """Write everything. Returns the fact tables that changed and the patients they changed for."""
    keys = _take(opened.keys, "store_resource.key", sum(1 for write in writes if write.key is None))
    seqs = _take(opened.seqs, "store_version.seq", len(writes))
    fresh: list[tuple[Any, ...]] = []
    renewed: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    for write, seq in zip(writes, seqs, strict=True):
        deleted = write.new is None
        told = (write.version, seq, write.patient, write.moment, write.updated, deleted)
        if write.key is None:
            write.key = next(keys)
            fresh.append((write.key, write.kind, write.rid, *told))
        else:
            renewed.append((*told, write.key))
        versions.append((seq, write.key, write.version, write.updated, write.method, write.body))
    index, facts = _index_change(writes), _fact_change(writes)
    replaced, before, after = _projected(writes)
    if renewed:
        with database.pipeline():
            database.execute_many(_RENEW, renewed)
            for table, gone in index.gone.items():
                database.bulk_delete(table, INDEX_COLUMNS[table], gone)
            for name, ids in facts.gone.items():
                database.bulk_delete(f"fact_{name}", schema.fact_key(name), ids)
            projection.remove(replaced)
    database.insert_all(
        [
            ("store_resource", RESOURCE, fresh),
            ("store_version", VERSION, versions),
            *((table, INDEX_COLUMNS[table], new) for table, new in index.new.items()),
            *((f"fact_{name}", schema.column_names(name), new) for name, new in facts.new.items()),
            *projection.batches(after),
        ]
    )
    projection.note_changed(before, after)
    for write in writes:
        if write.kind == "Patient":
            projection.note_person(write.old, write.new)
    return facts.tables, facts.patients


def _take(spare: list[int], name: str, count: int) -> Iterator[int]:
    """Numbers the unit has already, then new ones."""
    held, spare[:] = spare[:count], spare[count:]
    return iter([*held, *database.numbers(name, count - len(held))])


def _index_change(writes: Sequence[Write]) -> IndexChange:
    change = IndexChange()
    for write in writes:
        after = write.prepared.index if write.prepared else {}
        if write.old is None:
            for table, rows in after.items():
                change.new.setdefault(table, []).extend((*row, write.key) for row in rows)
            continue
        before = index_rows(write.old)
        for table in before.keys() | after.keys():
            old, new = before.get(table, []), after.get(table, [])
            change.gone.setdefault(table, []).extend((*row, write.key) for row in old if row not in new)
            change.new.setdefault(table, []).extend((*row, write.key) for row in new if row not in old)
    return change


INDEX_COLUMNS = {table: (*(name for name, _ in columns), "key") for table, columns in INDEX_TABLES.items()}


@dataclass(slots=True)
class FactChange:
    """Facts to remove (by resource) and to add, by name; which facts changed, and about whom."""

    gone: dict[str, Rows] = field(default_factory=dict)
    new: dict[str, Rows] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)


def _fact_change(writes: Sequence[Write]) -> FactChange:
    change = FactChange()
    for write in writes:
        old = dict(fact_rows(write.old, schema.FACTS_FOLDER)) if write.old else {}
        made = dict(write.prepared.facts) if write.prepared else {}
        for name in old.keys() | made.keys():
            before, after = old.get(name, []), made.get(name, [])
            if before == after:
                continue
            change.tables.add(name)
            change.patients |= patients_of(name, write.rid, (*before, *after))
            if before:
                change.gone.setdefault(name, []).extend(fact_keys(name, before))
            if after:
                change.new.setdefault(name, []).extend(after)
    return change


def patients_of(name: str, rid: str, rows: Iterable[tuple[Any, ...]]) -> set[str]:
    """Whose derivations a resource's facts touch; nobody's for organisations, which are about nobody."""
    match _patient_column(name):
        case 0:
            return {rid}
        case 1:
            return {row[1] for row in rows}
    return set()


@cache
def _patient_column(name: str) -> int | None:
    columns = schema.column_names(name)
    return columns.index("patient_id") if "patient_id" in columns[:2] else None


def fact_keys(name: str, rows: Iterable[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """What fact rows are found by, each once: the values of ``schema.fact_key``."""
    size = len(schema.fact_key(name))
    return {row[:size] for row in rows}


def insert_facts(table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole fact rows."""
    database.insert(f"fact_{table}", schema.column_names(table), rows)


def _projected(writes: Sequence[Write]) -> tuple[list[str], projection.Rows, projection.Rows]:
    """The sources whose rows go, the rows they had where rights are remembered by them, and the rows that come."""
    told = [write for write in writes if write.kind in projection.SOURCES]
    gone = [f"{write.kind}/{write.rid}" for write in told if write.old is not None]
    before: projection.Rows = {}
    after: projection.Rows = {}
    for write in told:
        if write.old is not None and write.kind in projection.REMEMBERED:
            projection.merge(before, projection.rows_of(write.old))
        if write.new is not None:
            projection.merge(after, projection.rows_of(write.new))
    return gone, before, after


def note_pending(patients: Iterable[str]) -> None:
    """Remember whose derivations wait (bulk loads)."""
    database.insert("store_pending", ("patient_id",), [(patient,) for patient in sorted(patients)], ignore=True)
