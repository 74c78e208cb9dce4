"""What each episode adds to each figure: recomputed for the patients who changed, and for everyone by the daily run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from tovholder import database, packages
from tovholder.access import system_context
from tovholder.monitoring import attribution
from tovholder.packages.model import Indicator, Package
from tovholder.plan import current
from tovholder.rules import run
from tovholder.store import UnitOfWork, reading, unit_of_work

STRATA_TABLES = frozenset({"episode", "level", "patient", "organization"})
COLUMNS = (
    "indicator",
    "patient_id",
    "episode_id",
    "period_id",
    "in_denominator",
    "in_numerator",
    "missing",
    "phase",
    "level",
    "organization_id",
    "region",
    "sundhedsraad",
)
BATCH = 500


class ContributionStep:
    """The derivation step: keeps figures true to the last event."""

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
        """See store.ports.Derive."""
        todo = _reading_any_of(tables)
        # Figures are of courses; somebody who has none adds nothing to any (unless it was a course that changed).
        if todo and ("episode" in tables or uow.fact_rows("episode", patients, ("episode_id",))):
            recompute(uow, patients, todo)


@lru_cache(maxsize=256)
def _reading_any_of(tables: frozenset[str]) -> list[tuple[Package, Indicator]]:
    return [
        (package, indicator)
        for package in packages.builtin().values()
        for indicator in package.indicators
        # Most changes of many patients name a stratum's facts: then no indicator need be compiled to know what it reads.
        if tables & STRATA_TABLES or tables & reading.tables_of(indicator.sql, package.parameters)
    ]


def recompute(uow: UnitOfWork, patients: Iterable[str], todo: Sequence[tuple[Package, Indicator]]) -> int:
    """Exchange the contributions of the patients; returns how many there are now.

    An indicator counts its own package's courses: only those of packages the patients have a course in are asked, about
    nobody but those who have one.
    """
    people = sorted(patients)
    strata = _strata(uow, people)
    taking_part = {course.package for course in strata.values()}
    scope, about = reading.scope_of(sorted({course.patient for course in strata.values()}))
    rows: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for package, indicator in todo:
            if package.id not in taking_part:
                continue
            checked, compiled = reading.prepared(indicator.sql, package.parameters, scope)
            names = [column[0] for column in checked.columns]
            bound: dict[str, int | str] = {"today": uow.ctx.today, **package.parameters, **about}
            for values in run.run(compiled, cursor, bound):
                row = dict(zip(names, values, strict=True))
                course = strata.get(row["episode_id"])
                if course is None or course.package != package.id or row["period_id"] is None:
                    continue
                rows.append(
                    (
                        indicator.id,
                        row["patient_id"],
                        row["episode_id"],
                        row["period_id"],
                        row["in_denominator"],
                        row["in_numerator"],
                        row["missing"],
                        *course.strata,
                    )
                )
        ids = [indicator.id for _, indicator in todo]
        named, indicators = database.in_list("indicator", ids)
        theirs, whom = database.in_list("patient_id", people)
        cursor.execute(f"DELETE FROM monitoring_contribution WHERE {named} AND {theirs}", [*indicators, *whom])
    rows = attribution.settled(uow, people, rows)
    database.insert("monitoring_contribution", COLUMNS, rows)
    return len(rows)


class _Course(NamedTuple):
    """Whose it is, of which package, and what it is counted under: phase, level, clinic, region, health council."""

    patient: str
    package: str
    strata: tuple[Any, ...]


def _strata(uow: UnitOfWork, people: Sequence[str]) -> dict[str, _Course]:
    uow.flush()
    about, whom = database.in_list("e.patient_id", people)
    found = database.rows(
        "SELECT e.episode_id, e.patient_id, e.package, e.phase, e.organization_id, o.region, o.sundhedsraad"
        " FROM fact_episode AS e"
        f" LEFT JOIN fact_organization AS o ON o.organization_id = e.organization_id WHERE {about}",
        whom,
    )
    involved = {row[1] for row in found}
    levels = current.levels(uow.fact_rows("level", involved, current.LEVEL_COLUMNS))
    return {
        episode: _Course(patient, package, (phase, levels.get(episode), *place))
        for episode, patient, package, phase, *place in found
    }


def run_all(now: datetime, progress: Any = None) -> tuple[int, int]:
    """Every indicator for everyone with an episode, in batches. Returns patients and contributions."""
    todo = [(package, indicator) for package in packages.builtin().values() for indicator in package.indicators]
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT patient_id FROM fact_episode ORDER BY 1")
        people = [row[0] for row in cursor.fetchall()]
    ctx = system_context(now, "monitoring")
    count = 0
    for chunk in _chunks(people):
        with unit_of_work(ctx, patients=chunk) as uow:
            count += recompute(uow, chunk, todo)
        if progress is not None:
            progress(len(chunk))
    return len(people), count


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
