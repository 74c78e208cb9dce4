"""Staged writes into tables: resource and version rows, search index, facts, relations; many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tovholder.access import relations as relation_table
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.fhir.prepare import fact_rows, index_rows
from tovholder.store import relations, schema
from tovholder.store.rows import Write


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
                (
                    write.key,
                    write.kind,
                    write.rid,
                    write.version,
                    counters.seq,
                    write.patient,
                    write.moment,
                    write.updated,
                    deleted,
                )
            )
        else:
            renewed.append(
                (write.version, counters.seq, write.patient, write.moment, write.updated, deleted, write.key)
            )
        versions.append((counters.seq, write.key, write.version, write.updated, write.method, write.body))
    with connection.cursor() as cursor:
        if fresh:
            cursor.executemany(
                "INSERT INTO store_resource (key, type, rid, version, seq, patient_id, moment, updated, deleted)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                fresh,
            )
        if renewed:
            cursor.executemany(
                "UPDATE store_resource SET version = %s, seq = %s, patient_id = %s, moment = %s, updated = %s,"
                " deleted = %s WHERE key = %s",
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
    apply_index(change)


_COLUMNS = {table: (*(name for name, _ in columns), "key") for table, columns in INDEX_TABLES.items()}


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


def _write_facts(writes: Sequence[Write]) -> tuple[set[str], set[str]]:
    tables: set[str] = set()
    patients: set[str] = set()
    gone: dict[str, list[tuple[str]]] = {}
    new: dict[str, list[tuple[Any, ...]]] = {}
    for write in writes:
        old = dict(fact_rows(write.old, schema.FACTS_FOLDER)) if write.old else {}
        made = dict(write.prepared.facts) if write.prepared else {}
        for name in old.keys() | made.keys():
            before, after = old.get(name, []), made.get(name, [])
            if before == after:
                continue
            tables.add(name)
            columns = schema.column_names(name)
            if columns[0] == "patient_id":
                patients.add(write.rid)
            elif columns[1] == "patient_id":  # organisations are about nobody: they touch no patient's derivations
                patients.update(row[1] for row in (*before, *after))
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
