"""Search index, facts and relations made again from the record; what derivations wrote follows in the same run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection

from tovholder.access import relations as relation_table
from tovholder.access import system_context
from tovholder.base import json
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.fhir.prepare import fact_rows, index_rows
from tovholder.store import bulk, flush, relations, schema
from tovholder.store.unit import unit_of_work

BATCH = 500


def rebuild(now: datetime, progress: Callable[[int], None] | None = None) -> int:
    """Remake everything derived, in one transaction: readers see the old rows until the new ones are whole.

    Returns how many resources were read.
    """
    ctx = system_context(now, "rebuild")
    done = 0
    with unit_of_work(ctx) as uow:
        with connection.cursor() as cursor:
            for table in INDEX_TABLES:
                cursor.execute(f"DELETE FROM {table}")
            for name in schema.fact_tables():
                if name not in ("period",):
                    cursor.execute(f"DELETE FROM fact_{name}")
            cursor.execute("DELETE FROM access_relation")
            last = 0
            while True:
                cursor.execute(
                    "SELECT r.key, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
                    " WHERE r.key > %s AND NOT r.deleted ORDER BY r.key LIMIT %s",
                    [last, BATCH],
                )
                found = cursor.fetchall()
                if not found:
                    break
                last = found[-1][0]
                _remake(found)
                done += len(found)
                if progress:
                    progress(len(found))
            cursor.execute("SELECT DISTINCT patient_id FROM fact_patient ORDER BY 1")
            patients = [row[0] for row in cursor.fetchall()]
            cursor.execute("UPDATE store_schema SET stale = %s", [False])
        derive = uow.as_system("derive")
        for start in range(0, len(patients), bulk.DERIVE_BATCH):
            bulk.run_steps(derive, frozenset(patients[start : start + bulk.DERIVE_BATCH]), frozenset({"*"}))
    return done


def _remake(found: list[tuple[int, bytes]]) -> None:
    change = flush.IndexChange()
    facts: dict[str, list[tuple[Any, ...]]] = {}
    related: list[relation_table.RelationRow] = []
    for key, body in found:
        resource = json.loads(bytes(body))
        for table, found_rows in index_rows(resource).items():
            change.new.setdefault(table, []).extend((*row, key) for row in found_rows)
        for name, made in fact_rows(resource, schema.FACTS_FOLDER):
            facts.setdefault(name, []).extend(made)
        if resource["resourceType"] in relations.SOURCES:
            related += relations.relations_of(resource)
    flush.apply_index(change)
    for name, rows in facts.items():
        flush.insert_facts(name, rows)
    relation_table.replace((), related)


def fingerprint() -> dict[str, str]:
    """A digest of each derived table's rows, to compare before and after (search keys are stable, so they count)."""
    tables = [*INDEX_TABLES, *(f"fact_{name}" for name in schema.fact_tables())]
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            lines = sorted(repr(tuple(row)) for row in cursor.fetchall())
            found[table] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        cursor.execute("SELECT patient_id, organization_id, kind, source, from_day, to_day FROM access_relation")
        lines = sorted(repr(tuple(row)) for row in cursor.fetchall())
        found["access_relation"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return found
