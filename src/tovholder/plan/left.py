"""Courses in packages that are not here now, because theirs is set aside or was taken away: shown, and left as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import packages
from tovholder.access import Role
from tovholder.base.errors import rule
from tovholder.plan import course, resources
from tovholder.plan.domain import ActivityStatus, PlanStatus
from tovholder.plan.queries import Held
from tovholder.plan.values import Activity, Plan
from tovholder.store import UnitOfWork
from tovholder.store.ports import Change

_OF_A_PLAN = ("activity", "period", "title", "instantiatesCanonical", "goal")
_OF_A_STEP = ("code", "occurrenceDateTime", "occurrencePeriod")


@dataclass(frozen=True, slots=True)
class Left:
    """One such course, as the record has it: no package says what it means."""

    package: str
    title: str
    level: int | None
    plan: Plan | None
    steps: tuple[Activity, ...]


def left(held: Held) -> tuple[Left, ...]:
    """The patient's open courses that no package here knows."""
    known = packages.builtin()
    titles = {one.id: one.title for one in packages.set_aside()}
    plans = [resources.read_plan(item) for item in held.of("CarePlan")]
    steps = [resources.read_activity(item) for item in held.of("ServiceRequest")]
    found = []
    for item in held.of("EpisodeOfCare"):
        name, phase = resources.package_of(item), resources.phase_of(item)
        if name is None or name in known or phase is None or not phase.is_open:
            continue
        plan = next((one for one in plans if one.episode_id == item["id"] and one.status.is_valid), None)
        decided = course.decisions(held.of("Observation"), item["id"])
        own = (one for one in steps if one.episode_id == item["id"] and one.status is not ActivityStatus.REVOKED)
        found.append(
            Left(
                package=name,
                title=titles.get(name) or (plan.title if plan else "") or name,
                level=int(decided[-1].level) if decided else None,
                plan=plan,
                steps=tuple(sorted(own, key=lambda one: (one.due_day or 0, one.id or ""))),
            )
        )
    return tuple(found)


def guard(change: Change, uow: UnitOfWork) -> None:
    """A plan whose version is set aside is only read: nobody can tell what a change of it would mean.

    It can still be closed, its steps can be told done, and what our own jobs derive goes on.
    """
    new, old = change.new, change.old
    if new is None or old is None or change.ctx.role is Role.SYSTEM:
        return
    if change.type == "CarePlan":
        plan = resources.read_plan(old)
        name, version = plan.package, plan.package_version
        still = resources.read_plan(new).status in (PlanStatus.ACTIVE, PlanStatus.DRAFT)
    else:
        step = resources.read_activity(old)
        name, version, still = step.package, step.step_version, True
    told = _OF_A_PLAN if change.type == "CarePlan" else _OF_A_STEP
    if name and still and _differs(old, new, told) and packages.is_set_aside(name, version or None):
        raise rule(
            f"{change.type}.instantiatesCanonical",
            f"{name} {version} is set aside, because its package has faults",
            "the plan as it is, until the package is mended",
            kept="the plan as it was",
        )


def _differs(old: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(old.get(name) != new.get(name) for name in names)


GUARDS = {"CarePlan": [guard], "ServiceRequest": [guard]}
