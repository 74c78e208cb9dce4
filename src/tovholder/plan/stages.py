"""Where a patient stands on the way to a plan, as the patient is told it: the stage, the steps done, the right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tovholder.packages.common import Text
from tovholder.packages.conditions import Facts, evaluate
from tovholder.packages.model import Package, Stop
from tovholder.plan.domain import Phase, PlanStatus
from tovholder.plan.inclusion import fill, values_of
from tovholder.plan.values import Episode, Plan

SHOWN = frozenset({PlanStatus.ACTIVE, PlanStatus.ON_HOLD})  # a draft is nobody's plan yet


class Stage(StrEnum):
    """What the patient's own page answers to: what is next?"""

    FOUND = "found"  # has the right to a course; nobody has started it
    BEGUN = "begun"  # started; the plan is not made together yet
    PLANNED = "planned"
    DECLINED = "declined"
    ENDED = "ended"

    @property
    def is_open(self) -> bool:
        """Whether something still is to come."""
        return self in {Stage.FOUND, Stage.BEGUN, Stage.PLANNED}


class StepName(StrEnum):
    """The steps to a plan, in order."""

    START = "start"
    NEEDS = "needs"
    LEVEL = "level"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step, and the day it was done; ``done`` without a day is done on a day nobody wrote down."""

    name: StepName
    done: bool
    day: int | None = None


def stage_of(episode: Episode, plan: Plan | None) -> Stage:
    """The stage of a course, given its plan in force."""
    if episode.phase is Phase.ELIGIBLE:
        return Stage.FOUND
    if episode.phase is Phase.DECLINED:
        return Stage.DECLINED
    if episode.phase is Phase.ENDED:
        return Stage.ENDED
    return Stage.PLANNED if plan is not None else Stage.BEGUN


def path(
    episode: Episode, *, needs_day: int | None, needs_done: bool, level_day: int | None, plan: Plan | None
) -> tuple[PathStep, ...]:
    """The steps to the plan; before the start nothing of them is done."""
    begun = episode.phase.is_started
    return (
        PathStep(StepName.START, begun, episode.started_day if begun else None),
        PathStep(StepName.NEEDS, begun and needs_done, needs_day if begun and needs_done else None),
        PathStep(StepName.LEVEL, begun and level_day is not None, level_day if begun else None),
        PathStep(StepName.PLAN, plan is not None, plan.confirmed_day if plan is not None else None),
    )


def stops_that_hold(package: Package, known: Facts) -> tuple[tuple[Stop, Text], ...]:
    """The package's rules by which the course could end well now, with their words; unknown is not a reason to end."""
    values = values_of(known)
    return tuple(
        (stop, fill(stop.text, values)) for stop in package.plan.stops if evaluate(stop.when, known).truth is True
    )


def told_on(episode: Episode, today: int) -> int:
    """The day the right is told as of: today, or the day the patient said no or the course ended."""
    if episode.phase is Phase.DECLINED:
        return today if episode.declined_day is None else episode.declined_day
    if episode.phase is Phase.ENDED:
        return today if episode.ended_day is None else episode.ended_day
    return today
