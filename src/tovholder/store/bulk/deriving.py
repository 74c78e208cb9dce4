"""What bulk loads leave for their end: courses, links, flags and figures of the patients they touched, set by set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from tovholder import database
from tovholder.access import Context, system_context
from tovholder.base import collector
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.store import ports, schema
from tovholder.store.bulk import workers
from tovholder.store.bulk.pace import Pace
from tovholder.store.bulk.writing import patiently
from tovholder.store.unit import UnitOfWork, unit_of_work

# Patients of one transaction: every batch asks every rule once, so the more the better, as long as others need not wait.
# Where only those who write about the same patients do, it is as many as may be locked one by one.
FIRST, BATCH, MOST = 50, 200, 2000
# What the derivations fill themselves. The planner must hear of it while they do: with what it knew of the empty tables,
# rules on PostgreSQL read all measurements once for every course.
_MADE = ("fact_episode", "fact_episode_link")
_ADDED = (*_MADE, "monitoring_contribution", "cockpit_flag")
# What a load fills and deriving hardly adds to: measured anew beside it, where others derive meanwhile.
_LOADED = (
    *INDEX_TABLES,
    "store_resource",
    "store_version",
    "access_relation",
    "access_auditevent",
    "access_auditpatient",
)
# Whoever has one of these facts may have a course, and with it flags and figures. They come first and among themselves:
# a batch without them asks no rule at all.
_INVOLVED = " OR ".join(
    f"EXISTS (SELECT 1 FROM fact_{name} AS f WHERE f.patient_id = p.patient_id)" for name in ("episode", "diagnosis")
)
_NEXT = "SELECT p.patient_id FROM store_pending AS p WHERE p.patient_id > %s{} ORDER BY p.patient_id LIMIT %s"
Task = list[str] | str  # patients, or a table to measure


def derive_pending(ctx: Context, *, progress: Callable[[int], None] | None = None, together: bool = False) -> int:
    """Run the derivations that bulk loads left; returns for how many patients.

    together: by several processes where the database has many writers; for a process that does nothing else and holds
    nothing of its connection's (its connections are closed and opened again).
    """
    together = together and not database.writes_alone()
    if waiting() > BATCH:
        database.analyze([f"fact_{name}" for name in schema.fact_tables()])
    count = _Count(progress)
    pace = Pace(FIRST, BATCH, min(MOST, database.most_patients()))
    with collector.rarely():
        tasks = _tasks(pace, _LOADED if together else ())
        for task, seconds in workers.done(ctx, _DERIVE, tasks) if together else _alone(ctx, tasks):
            if isinstance(task, str):
                continue
            if not count.done:
                pace.size = BATCH if database.writes_alone() else pace.most
            elif database.writes_alone():
                pace.took(len(task), seconds)
            count.add(len(task))
        while found := database.rows(_NEXT.format(""), ["", pace.size]):  # those noted meanwhile, too
            _derive(ctx, [row[0] for row in found])
            count.add(len(found))
    database.analyze(_ADDED if together else ())
    return count.done


class _Count:
    """How many patients are done, and at how many the planner was last told how much there is of what they filled."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.done = self._known = 0
        self._progress = progress

    def add(self, number: int) -> None:
        self.done += number
        if number >= FIRST and self.done >= 2 * self._known:
            database.analyze(_MADE)
            self._known = self.done
        if self._progress:
            self._progress(number)


def _tasks(pace: Pace, measured: Iterable[str]) -> Iterator[Task]:
    """Those who may have a course, then the others; what is measured beside once there are processes to do so."""
    first = True
    for whose in (f" AND ({_INVOLVED})", f" AND NOT ({_INVOLVED})"):
        last = ""
        while found := database.rows(_NEXT.format(whose), [last, pace.size]):
            yield [row[0] for row in found]
            last = found[-1][0]
            if not first:
                yield from measured
                measured = ()
            first = False
    yield from measured


def _alone(ctx: Context, tasks: Iterable[Task]) -> Iterator[tuple[Task, float]]:
    for task in tasks:
        yield task, _do(ctx, task)


def _as_it_is(task: Task) -> Task:
    return task


def _do(ctx: Context, task: Task) -> float:
    """Seconds it took."""
    begun = time.perf_counter()
    if isinstance(task, str):
        database.analyze([task])
    else:
        patiently(lambda: _derive(ctx, task))
    return time.perf_counter() - begun


_DERIVE = workers.Job(_as_it_is, _do, in_turn=False)


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
