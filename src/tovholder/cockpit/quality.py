"""What is not known of the clinic's courses, each list with whom it is about: "unknown" is never "not done"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tovholder import store
from tovholder.access import Context
from tovholder.cockpit.queries import ClinicRow

STARTED = ("startup", "further", "continuing")
OUTCOMES = """
SELECT a.patient_id, l.episode_id, a.appointment_id, a.kind, a.start_day
FROM appointment AS a
JOIN episode_link AS l ON l.resource_id = a.appointment_id
WHERE a.start_day < :today AND a.start_day >= :today - 730
  AND a.status IN ('booked', 'arrived', 'checked-in')
"""
GOALS = """
SELECT p.patient_id, p.episode_id, p.plan_id, p.confirmed_day
FROM plan AS p
WHERE p.status = 'active' AND p.has_goal = 0 AND p.no_goal_reason IS NULL
"""


@dataclass(frozen=True, slots=True)
class Unknown:
    """One thing that is not known of one course. what: titles of what is missing; day: the day it is about."""

    row: ClinicRow
    day: int | None = None
    kind: str = ""
    what: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """The lists, each in the order of the clinic's own list; a course may stand in several."""

    dates: tuple[Unknown, ...]
    births: tuple[Unknown, ...]
    measurements: tuple[Unknown, ...]
    outcomes: tuple[Unknown, ...]
    goals: tuple[Unknown, ...]


def quality(ctx: Context, rows: Sequence[ClinicRow]) -> Quality:
    """What is not known, from the clinic's rows and two more queries."""
    by_id = {row.episode_id: row for row in rows if row.phase != "declined"}
    open_rows = list(by_id.values())
    outcomes = [
        Unknown(by_id[row["episode_id"]], row["start_day"], row["kind"] or "")
        for row in store.facts(ctx, OUTCOMES, name="cockpit-quality")
        if row["episode_id"] in by_id
    ]
    goals = [
        Unknown(by_id[row["episode_id"]], row["confirmed_day"])
        for row in store.facts(ctx, GOALS, name="cockpit-quality")
        if row["episode_id"] in by_id
    ]
    return Quality(
        dates=tuple(
            Unknown(row) for row in open_rows if row.deadline_day is None and not row.plan_confirmed and not row.legacy
        ),
        births=tuple(Unknown(row) for row in open_rows if row.age is None),
        measurements=tuple(Unknown(row, what=row.missing) for row in open_rows if row.missing and row.phase in STARTED),
        outcomes=tuple(sorted(outcomes, key=lambda one: (one.day or 0, one.row.rank))),
        goals=tuple(sorted(goals, key=lambda one: one.row.rank)),
    )
