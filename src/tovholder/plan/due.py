"""The daily look for those whom time alone made eligible: pain that has now lasted long enough, somebody come of age."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.db import connection

from tovholder import packages
from tovholder.access import Context, system_context
from tovholder.packages import Package
from tovholder.plan.derive import find_eligible
from tovholder.plan.domain import OPEN
from tovholder.plan.inclusion import asks_time
from tovholder.store import unit_of_work

BATCH = 200  # patients to a unit, so that nobody waits long behind it


def run_all(now: datetime, progress: Callable[[int], None] | None = None) -> tuple[int, int]:
    """Evaluate inclusion for everybody with a diagnosis of such a package and no open course in it.

    Returns how many were looked at, and how many became eligible.
    """
    ctx = system_context(now, "derive")
    people = sorted({one for held in packages.builtin().values() if asks_time(held) for one in _waiting(held)})
    before = _open_courses()
    for chunk in _chunks(people):
        look_at(ctx, chunk)
        if progress is not None:
            progress(len(chunk))
    return len(people), _open_courses() - before


def look_at(ctx: Context, people: Sequence[str]) -> None:
    """Evaluate inclusion for these patients, as things stand at the context's moment."""
    with unit_of_work(ctx, patients=people) as uow:
        find_eligible.changed(uow, frozenset(people), frozenset({"diagnosis"}))


def _waiting(held: Package) -> list[str]:
    """Patients with a code of the package (whether it stands is for inclusion to say) and no open course in it."""
    plain = "REPLACE(UPPER(d.code), '.', '')"
    tests = [f"{plain} LIKE %s" if code.children else f"{plain} = %s" for code in held.inclusion.codes]
    codes = [code.code + ("%" if code.children else "") for code in held.inclusion.codes]
    phases = sorted(str(phase) for phase in OPEN)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT d.patient_id FROM fact_diagnosis d WHERE ({' OR '.join(tests)}) AND NOT EXISTS"
            " (SELECT 1 FROM fact_episode e WHERE e.patient_id = d.patient_id AND e.package = %s"
            f" AND e.phase IN ({', '.join(['%s'] * len(phases))}))",
            [*codes, held.id, *phases],
        )
        return [row[0] for row in cursor.fetchall() if row[0] is not None]


def _open_courses() -> int:
    phases = sorted(str(phase) for phase in OPEN)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM fact_episode WHERE phase IN ({', '.join(['%s'] * len(phases))})", phases)
        return int(cursor.fetchone()[0])


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
