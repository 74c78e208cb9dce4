"""What bulk loads leave for their end: courses, links, flags and figures of the patients they touched, set by set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tovholder import database
from tovholder.access import Context, system_context
from tovholder.base import collector
from tovholder.store import ports, schema
from tovholder.store.bulk.pace import Pace
from tovholder.store.unit import UnitOfWork, unit_of_work

# Patients of one transaction: every batch asks every rule once, so the more the better, as long as others need not wait.
# Where only those who write about the same patients do, it is as many as may be locked one by one.
FIRST, BATCH, MOST = 50, 200, 2000
# What the derivations fill themselves. The planner must hear of it while they do: with what it knew of the empty tables,
# rules on PostgreSQL read all measurements once for every course.
_MADE = ("fact_episode", "fact_episode_link")
# Whoever has one of these facts may have a course, and with it flags and figures. They come first and among themselves:
# a batch without them asks no rule at all.
_INVOLVED = " OR ".join(
    f"EXISTS (SELECT 1 FROM fact_{name} AS f WHERE f.patient_id = p.patient_id)" for name in ("episode", "diagnosis")
)
_NEXT = "SELECT p.patient_id FROM store_pending AS p WHERE p.patient_id > %s{} ORDER BY p.patient_id LIMIT %s"


def derive_pending(ctx: Context, *, progress: Callable[[int], None] | None = None) -> int:
    """Run the derivations that bulk loads left; returns for how many patients."""
    if waiting() > BATCH:
        database.analyze([f"fact_{name}" for name in schema.fact_tables()])
    done, known = 0, 0
    pace = Pace(FIRST, BATCH, min(MOST, database.most_patients()))
    with collector.rarely():
        for patients in _batches(pace):
            begun = time.perf_counter()
            _derive(ctx, patients)
            if not done:
                pace.size = BATCH if database.writes_alone() else pace.most
            elif database.writes_alone():
                pace.took(len(patients), time.perf_counter() - begun)
            done += len(patients)
            if len(patients) >= FIRST and done >= 2 * known:
                database.analyze(_MADE)
                known = done
            if progress:
                progress(len(patients))
    database.analyze()
    return done


def _batches(pace: Pace) -> Iterator[list[str]]:
    last = ""
    while found := database.rows(_NEXT.format(f" AND ({_INVOLVED})"), [last, pace.size]):
        yield [row[0] for row in found]
        last = found[-1][0]
    while found := database.rows(_NEXT.format(""), ["", pace.size]):  # those noted meanwhile, too
        yield [row[0] for row in found]


def _derive(ctx: Context, patients: list[str]) -> None:
    with unit_of_work(system_context(ctx.now, "derive"), patients=patients) as uow:
        run_steps(uow, frozenset(patients), frozenset({"*"}))
        term, values = database.in_list("patient_id", patients)
        database.execute(f"DELETE FROM store_pending WHERE {term}", values)


def run_steps(uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
    """All derivation steps once, as if every fact of the patients had changed."""
    every = frozenset(schema.fact_tables()) if "*" in tables else tables
    for step in ports.steps():
        step.changed(uow, patients, every)
        uow.flush()


def waiting() -> int:
    """How many patients' derivations wait."""
    return int(database.rows("SELECT COUNT(*) FROM store_pending")[0][0])
