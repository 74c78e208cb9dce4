"""What bulk loads leave for their end: courses, links, flags and figures of the patients they touched, set by set."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from tovholder.access import Context, system_context
from tovholder.store import ports, schema
from tovholder.store.unit import UnitOfWork, unit_of_work

BATCH = 200


def derive_pending(ctx: Context, *, progress: Callable[[int], None] | None = None) -> int:
    """Run the derivations that bulk loads left; returns for how many patients."""
    done = 0
    tables = frozenset({"*"})
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT patient_id FROM store_pending ORDER BY patient_id LIMIT %s", [BATCH])
            patients = [row[0] for row in cursor.fetchall()]
        if not patients:
            break
        with unit_of_work(system_context(ctx.now, "derive"), patients=patients) as uow:
            run_steps(uow, frozenset(patients), tables)
            with connection.cursor() as cursor:
                cursor.executemany("DELETE FROM store_pending WHERE patient_id = %s", [(p,) for p in patients])
        done += len(patients)
        if progress:
            progress(len(patients))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return done


def run_steps(uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
    """All derivation steps once, as if every fact of the patients had changed."""
    every = frozenset(schema.fact_tables()) if "*" in tables else tables
    for step in ports.steps():
        step.changed(uow, patients, every)
        uow.flush()


def waiting() -> int:
    """How many patients' derivations wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_pending")
        count: int = cursor.fetchone()[0]
    return count
