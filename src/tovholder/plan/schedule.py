"""What the plan says shall be done and when: the package's activities turned into days for one patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tovholder.base import days
from tovholder.packages.common import Text
from tovholder.packages.conditions import Facts, evaluate
from tovholder.packages.model import Package
from tovholder.packages.model_plan import Activity, Season, Timing


@dataclass(frozen=True, slots=True)
class PlannedActivity:
    """One planned step with its due day and the window in which it still counts as in time."""

    id: str  # of the package's activity
    kind: str
    title: Text
    performer: str
    due_day: int
    window_start_day: int
    window_end_day: int
    referral: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps in order of due day, and the activities nobody can say belong in the plan or not."""

    activities: tuple[PlannedActivity, ...]
    undecided: tuple[str, ...]


def make_activities(
    package: Package,
    level: int | None,
    grade: str | None,
    start_day: int,
    facts: Facts | None = None,
    *,
    diagnosed_day: int | None = None,
) -> tuple[PlannedActivity, ...]:
    """The planned activities of a plan that starts on a day; see ``schedule`` for what is left open."""
    return schedule(package, level, grade, start_day, facts, diagnosed_day=diagnosed_day).activities


def schedule(
    package: Package,
    level: int | None,
    grade: str | None,
    start_day: int,
    facts: Facts | None = None,
    *,
    diagnosed_day: int | None = None,
) -> Schedule:
    """Activities whose condition holds, timed by the first row that fits level and grade.

    A condition with an unknown answer makes no activity and is listed as undecided; a row of its timing with one is
    passed over. Months are calendar months, so that a yearly control stays on its date. A due day before the start is
    moved to the start; one that a season moves past the horizon belongs to the next plan.
    """
    asked = replace(facts or Facts(inputs={}), level=level, grade=grade)
    made: list[PlannedActivity] = []
    undecided: list[str] = []
    horizon = days.add_months(start_day, package.plan.horizon_months)
    for activity in package.plan.activities:
        truth = evaluate(activity.when, asked).truth
        if truth is None:
            undecided.append(activity.id)
        if truth is not True:
            continue
        timing = next((row for row in activity.timing if row.fits(level, grade) and _holds(row, asked)), None)
        if timing is None:
            continue
        anchor = start_day
        if activity.anchor == "diagnosis" and diagnosed_day is not None:
            anchor = diagnosed_day
        elif activity.anchor_input is not None:
            known = asked.inputs.get(activity.anchor_input)
            anchor = known.day if known is not None and known.day is not None else start_day
        found = _days(timing, anchor, start_day, horizon)
        if timing.season is None:
            made.extend(_one(activity, day) for day in found)
        else:
            made.extend(_in_season(activity, timing.season, found, horizon))
    return Schedule(tuple(sorted(made, key=lambda item: (item.due_day, item.id))), tuple(undecided))


def _holds(row: Timing, asked: Facts) -> bool:
    return evaluate(row.when, asked).truth is True


def _in_season(activity: Activity, season: Season, found: list[int], horizon: int) -> list[PlannedActivity]:
    """Each day moved into the season: open from then, due on the season's last day; two in one season are one."""
    made: dict[int, PlannedActivity] = {}
    for day in found:
        opens, closes = season.around(day)
        first = max(day, opens)
        if first <= horizon:
            step = _one(activity, min(closes, horizon))
            made.setdefault(opens, replace(step, window_start_day=first, window_end_day=closes))
    return list(made.values())


def _days(timing: Timing, anchor: int, start_day: int, horizon: int) -> list[int]:
    if timing.at_days:
        return sorted({max(anchor + day, start_day) for day in timing.at_days})
    if timing.after_days is not None:
        first = anchor + timing.after_days
    else:
        first = days.add_months(anchor, timing.after_months or 0)
    if not timing.repeat_months:
        return [max(first, start_day)]
    found: list[int] = []
    index = 0
    while True:  # counted from the first day each time, so that 31 January gives 28 February and then 31 March
        day = days.add_months(first, index * timing.repeat_months)
        if day > horizon:
            break
        if day >= start_day:
            found.append(day)
        index += 1
    return found or [max(first, start_day)]


def _one(activity: Activity, day: int) -> PlannedActivity:
    return PlannedActivity(
        id=activity.id,
        kind=activity.kind,
        title=activity.title,
        performer=activity.performer,
        due_day=day,
        window_start_day=day - activity.window_before_days,
        window_end_day=day + activity.window_after_days,
        referral=activity.referral,
    )
