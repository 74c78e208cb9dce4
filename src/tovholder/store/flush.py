"""Staged writes into tables: resource and version rows, search index, facts, relations; many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tovholder.access import relations as relation_table
from tovholder.fhir import searchparams
from tovholder.fhir.searchparams import IndexRows
from tovholder.store import relations, schema
from tovholder.store.rows import Resource, Write

_EMPTY = IndexRows()


@dataclass(slots=True)
class Counters:
    """The next key and sequence number; read once per transaction, which the writer's turn makes safe on SQLite."""

    key: int | None = None
    seq: int | None = None

    def load(self) -> None:
        """Read the highest numbers in use."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT MAX(key) FROM store_resource), (SELECT MAX(seq) FROM store_version)")
            key, seq = cursor.fetchone()
        self.key, self.seq = key or 0, seq or 0


@dataclass(slots=True)
class IndexChange:
    """Index rows to remove and to add, by table."""

    gone: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    new: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def write_all(writes: Sequence[Write], counters: Counters) -> tuple[set[str], set[str]]:
    """Write everything. Returns the fact tables that changed and the patients they changed for."""
    if counters.key is None:
        counters.load()
    assert counters.key is not None and counters.seq is not None
    fresh: list[tuple[Any, ...]] = []
    renewed: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    for write in writes:
        counters.seq += 1
        deleted = write.new is None
        if write.key is None:
            counters.key += 1
            write.key = counters.key
            fresh.append(
                (write.key, write.kind, write.rid, write.version, counters.seq, write.patient, write.updated, deleted)
            )
        else:
            renewed.append((write.version, counters.seq, write.patient, write.updated, deleted, write.key))
        versions.append((counters.seq, write.key, write.version, write.updated, write.method, write.body))
    with connection.cursor() as cursor:
        if fresh:
            cursor.executemany(
                "INSERT INTO store_resource (key, type, rid, version, seq, patient_id, updated, deleted)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                fresh,
            )
        if renewed:
            cursor.executemany(
                "UPDATE store_resource SET version = %s, seq = %s, patient_id = %s, updated = %s, deleted = %s"
                " WHERE key = %s",
                renewed,
            )
        cursor.executemany(
            "INSERT INTO store_version (seq, key, version, updated, method, body) VALUES (%s, %s, %s, %s, %s, %s)",
            versions,
        )
    _write_index(writes)
    _write_relations(writes)
    return _write_facts(writes)


def _write_index(writes: Sequence[Write]) -> None:
    change = IndexChange()
    for write in writes:
        assert write.key is not None
        before = index_rows(write.old, write.key) if write.old else {}
        after = index_rows(write.new, write.key) if write.new else {}
        for table in before.keys() | after.keys():
            old, new = before.get(table, set()), after.get(table, set())
            if old - new:
                change.gone.setdefault(table, []).extend(old - new)
            if new - old:
                change.new.setdefault(table, []).extend(new - old)
    apply_index(change)


_COLUMNS = {
    "store_token": ("param", "code", "system", "key"),
    "store_date": ("param", "low", "high", "key"),
    "store_string": ("param", "value", "key"),
    "store_reference": ("param", "rid", "type", "key"),
    "store_uri": ("param", "uri", "key"),
    "store_quantity": ("param", "low", "high", "system", "code", "key"),
}


def apply_index(change: IndexChange) -> None:
    """Send index rows to their tables."""
    with connection.cursor() as cursor:
        for table, gone in change.gone.items():
            where = " AND ".join(f"{name} = %s" for name in _COLUMNS[table])
            cursor.executemany(f"DELETE FROM {table} WHERE {where}", gone)
        for table, new in change.new.items():
            names = _COLUMNS[table]
            marks = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", new)


def index_rows(resource: Resource, key: int) -> dict[str, set[tuple[Any, ...]]]:
    """The search rows of one resource, by table; ``Type.`` stands before each parameter's name."""
    kind = resource["resourceType"]
    found = searchparams.indexer(kind)(resource)
    rows: dict[str, set[tuple[Any, ...]]] = {}
    if found.tokens:
        rows["store_token"] = {(f"{kind}.{p}", code, system, key) for p, system, code in found.tokens}
    if found.dates:
        rows["store_date"] = {(f"{kind}.{p}", low, high, key) for p, low, high in found.dates}
    if found.strings:
        rows["store_string"] = {(f"{kind}.{p}", text, key) for p, text in found.strings}
    if found.references:
        rows["store_reference"] = {(f"{kind}.{p}", rid, target, key) for p, target, rid in found.references}
    if found.uris:
        rows["store_uri"] = {(f"{kind}.{p}", uri, key) for p, uri in found.uris}
    if found.quantities:
        rows["store_quantity"] = {
            (f"{kind}.{p}", low, high, system, code, key) for p, low, high, system, code in found.quantities
        }
    return rows


def _write_facts(writes: Sequence[Write]) -> tuple[set[str], set[str]]:
    tables: set[str] = set()
    patients: set[str] = set()
    gone: dict[str, list[tuple[str]]] = {}
    new: dict[str, list[tuple[Any, ...]]] = {}
    for write in writes:
        for name, view in schema.fact_views().get(write.kind, ()):
            before = view.rows(write.old) if write.old else []
            after = view.rows(write.new) if write.new else []
            if before == after:
                continue
            tables.add(name)
            # Organisations are about nobody: their change touches no patient's derivations.
            patients.update(row[1] for row in (*before, *after) if row[1] and view.columns[1][0] == "patient_id")
            if view.columns[0][0] == "patient_id":
                patients.add(write.rid)
            if before:
                gone.setdefault(name, []).append((write.rid,))
            if after:
                new.setdefault(name, []).extend(after)
    with connection.cursor() as cursor:
        for name, ids in gone.items():
            first = schema.column_names(name)[0]
            cursor.executemany(f"DELETE FROM fact_{name} WHERE {first} = %s", ids)
        for name, rows in new.items():
            insert_facts(cursor, name, rows)
    return tables, patients


def insert_facts(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert whole fact rows."""
    names = schema.column_names(table)
    marks = ", ".join(["%s"] * len(names))
    cursor.executemany(f"INSERT INTO fact_{table} ({', '.join(names)}) VALUES ({marks})", rows)


def _write_relations(writes: Sequence[Write]) -> None:
    sources = [f"{write.kind}/{write.rid}" for write in writes if write.kind in relations.SOURCES]
    if not sources:
        return
    rows = [
        row
        for write in writes
        if write.new and write.kind in relations.SOURCES
        for row in relations.relations_of(write.new)
    ]
    relation_table.replace(sources, rows)


def note_pending(patients: Iterable[str]) -> None:
    """Remember whose derivations wait (bulk loads)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT OR IGNORE INTO store_pending (patient_id) VALUES (%s)", [(patient,) for patient in sorted(patients)]
        )
