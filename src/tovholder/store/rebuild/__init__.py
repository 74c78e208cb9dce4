"""Search index, facts and relations made again from the record, beside the ones in use, by several processes.

The record goes on being read and written meanwhile: what changes is caught up, and the exchange is one short
transaction. After a crash the next rebuild goes on where this one stopped. What is derived from facts follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from django.db import connection

from tovholder import database
from tovholder.access import system_context
from tovholder.base.ids import Ids, random_ids
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.store import bulk, schema
from tovholder.store.bulk import workers
from tovholder.store.rebuild import filling, shadow

_JOB = workers.Job(filling.prepare, filling.write)


def rebuild(now: datetime, progress: Callable[[int], None] | None = None, *, ids: Ids = random_ids) -> int:
    """Remake everything derived; readers see the old rows until the new ones are whole.

    Returns how many resources were read. Raises Problem(CONFLICT) when another rebuild takes over.
    """
    ctx = system_context(now, "rebuild")
    count = 0
    with database.unhurried():
        held = filling.begin(ids(), _digest())
    with database.loading():
        for _, done in workers.done(ctx, _JOB, filling.blocks(held)):
            count += done
            if progress:
                progress(done)
    with database.unhurried():  # anew, since the other processes are started with no connection open
        while True:
            with filling.turn():
                changed = filling.catch_up(held.owner)
                if changed < filling.BLOCK:
                    _exchange()
                    break
        database.analyze()
        bulk.derive_pending(ctx)
    return count


def _exchange() -> None:
    shadow.exchange()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM store_rebuild")
        cursor.execute("DELETE FROM store_pending")
        cursor.execute("INSERT INTO store_pending (patient_id) SELECT DISTINCT patient_id FROM fact_patient")


def _digest() -> str:
    text = "".join(f"{name} {digest}\n" for name, (digest, _) in sorted(schema.definitions().items()))
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint() -> dict[str, str]:
    """A digest of each derived table's rows in whatever order, to compare before and after, in constant memory.

    Search keys are stable, so they count.
    """
    selects = {name: f"SELECT * FROM {name}" for name in INDEX_TABLES}
    selects |= {f"fact_{name}": f"SELECT * FROM fact_{name}" for name in schema.fact_tables()}
    selects["access_relation"] = (
        "SELECT patient_id, organization_id, kind, source, from_day, to_day FROM access_relation"
    )
    return {name: _sum_of_rows(select) for name, select in selects.items()}


def _sum_of_rows(select: str) -> str:
    total = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(select)
        while rows := cursor.fetchmany(2000):
            for row in rows:
                total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest(), "little")
    return f"{total % 2**256:064x}"
