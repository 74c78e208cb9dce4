"""Where a plan's steps come from: made from the package here, or told by the GP system; everything after is the same.

With ``source = "tovholder"`` the steps are the package's activities timed for the patient. With ``source = "lps"`` the GP
system makes the plan and pushes it: the steps are then those its ServiceRequests name, whatever the package proposes.
Rules, indicators, MinPlan and cockpit read the record and the facts alone, so they need not know which it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tovholder.base.errors import rule
from tovholder.packages.conditions import Facts
from tovholder.packages.model import Package
from tovholder.plan.record import Record
from tovholder.plan.resources import read_activity
from tovholder.plan.schedule import make_activities


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: the package's activity it is (its id; the kind itself where the package has none), and when."""

    id: str
    kind: str
    due_day: int


def planned(package: Package, record: Record, level: int | None, start_day: int, known: Facts) -> tuple[Step, ...]:
    """The steps of a plan that starts on a day, from the package's source of plans."""
    if package.makes_plans:
        made = make_activities(package, level, known.grade, start_day, known)
        return tuple(Step(item.id, item.kind, item.due_day) for item in made)
    return tuple(_told(package, record))


def _told(package: Package, record: Record) -> Iterator[Step]:
    ids = {item.kind: item.id for item in reversed(package.plan.activities)}
    for resource in record.of("ServiceRequest"):
        value = read_activity(resource)
        if value.package == package.id and value.due_day is not None and value.status != "entered-in-error":
            yield Step(ids.get(value.kind, value.kind), value.kind, value.due_day)


def require_own_plans(package: Package) -> None:
    """Refuse to make or confirm a plan that is the GP system's to make: Problem(RULE)."""
    if not package.makes_plans:
        raise rule(
            "CarePlan",
            f"plans for {package.id} are made in the clinic's own system",
            "the plan as that system tells it",
            kept="nothing was stored; the plan is as before",
        )
