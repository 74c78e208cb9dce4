"""What waits in a course and where it stands in the list: broken right, red with flag, yellow with flag, the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder.base import days
from tovholder.packages.model import Package
from tovholder.plan import nextstep
from tovholder.plan.clock import ClockEvent, Pause, RightsClock
from tovholder.plan.domain import ActivityStatus, Phase, PlanStatus
from tovholder.plan.nextstep import Ask
from tovholder.plan.values import Activity, Appointment, Episode, Plan

SEVERITY = {"high": 0, "medium": 1, "low": 2}
SOON = 7  # days to a deadline

ASK_TITLES: Mapping[Ask, Mapping[str, str]] = {
    Ask.ASSESS_FIRST: {"da": "Vurdér først", "en": "Assess first"},
    Ask.START: {"da": "Start, eller notér nej tak", "en": "Start, or record a no"},
    Ask.NEEDS: {"da": "Udfyld behovsvurderingen", "en": "Complete the needs assessment"},
    Ask.LEVEL: {"da": "Beslut niveauet", "en": "Decide the level"},
    Ask.PLAN: {"da": "Lav planen", "en": "Make the plan"},
    Ask.CONFIRM: {"da": "Bekræft planen", "en": "Confirm the plan"},
    Ask.RESUME: {"da": "Er pausen forbi?", "en": "Is the pause over?"},
    Ask.REBOOK: {"da": "Aftal en ny tid", "en": "Book again"},
    Ask.OUTCOME: {"da": "Hvordan gik det?", "en": "How did it go?"},
    Ask.OVERDUE: {"da": "Følg op", "en": "Follow up"},
    Ask.REVIEW: {"da": "Gennemgå planen igen", "en": "Review the plan"},
    Ask.BOOK: {"da": "Aftal en tid", "en": "Book a time"},
    Ask.FOLLOW: {"da": "Følg planen", "en": "Follow the plan"},
}


@dataclass(frozen=True, slots=True)
class OpenFlag:
    """A flag as the list shows it. reason: told as of today, per language."""

    rule_id: str
    title: Mapping[str, str]
    action: Mapping[str, str]
    kind: str
    severity: str
    reason: Mapping[str, str]
    since_day: int | None
    age_days: int | None
    raised_ms: int = 0
    refer: str = ""  # the referral of the package that answers it


@dataclass(frozen=True, slots=True)
class NextStep:
    """The decision or act that waits for the clinic."""

    kind: str
    title: Mapping[str, str]
    day: int | None


@dataclass(slots=True)
class Gathered:
    """One course's facts, gathered before they are judged."""

    episode: dict[str, Any]
    package: Package
    level: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    needs: bool = False
    appointments: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)


def next_step(held: Gathered, today: int) -> NextStep | None:
    """The most pressing thing that waits; None in a course that is not open."""
    episode = _episode(held.episode)
    plan = _plan(held.plan, episode)
    waiting = nextstep.waiting(
        episode=episode,
        plan=plan,
        level_decided=held.level is not None,
        level_review_day=held.level["review_day"] if held.level else None,
        needs_answered=held.needs,
        blocked=False,
        activities=[_activity(row, episode) for row in held.activities],
        appointments=[_appointment(row) for row in held.appointments],
        today=today,
    )
    if not waiting:
        return None
    first = waiting[0]
    title = ASK_TITLES[first.ask]
    kind = next((row["kind"] for row in [*held.activities, *held.appointments] if first.about in row.values()), None)
    if kind is not None and first.about:
        title = {
            language: f"{title[language]}{'' if title[language].endswith('?') else ':'} {held.package.kind_title(kind, language)}"
            for language in ("da", "en")
        }
    return NextStep(str(first.ask), title, first.day)


def place(
    package: Package,
    episode: Mapping[str, Any],
    level: int | None,
    flags: Sequence[OpenFlag],
    confirmed: bool,
    today: int,
) -> tuple[int, int, str]:
    """The default order of the package's cockpit file; within a step the oldest first."""
    ids = {flag.rule_id for flag in flags}
    deadline = episode["deadline_day"]
    oldest = min((flag.since_day for flag in flags if flag.since_day is not None), default=None)
    within = deadline if deadline is not None and not confirmed else oldest
    if oldest is not None and (within is None or oldest < within):
        within = oldest
    for number, step in enumerate(package.cockpit.order):
        levels = not step.levels or (level if level is not None else "undecided") in step.levels
        phases = not step.phases or episode["phase"] in step.phases
        flagged = (not step.flags or bool(ids & set(step.flags))) and (not step.any_flag or bool(flags))
        if step.rest or (levels and phases and flagged):
            return (number, within if within is not None else today + 10_000, episode["episode_id"])
    return (len(package.cockpit.order), today + 10_000, episode["episode_id"])


def overall(
    own: tuple[int, int, str], *, phase: str, level: int | None, flags: Sequence[OpenFlag], days_left: int | None
) -> tuple[int, int, str]:
    """Where a course stands in the list over all packages (domain.md §3), whose own orders cannot be held together.

    What its package puts first of all, or a right that is broken; level 3 with a flag; level 2 with a flag; a deadline
    soon; something overdue; not started; the rest. Within a step as in the package's own order.
    """
    flagged = bool(flags)
    if phase == "declined":
        step = 7
    elif (flagged and (own[0] == 0 or any(flag.kind == "deadline" and flag.severity == "high" for flag in flags))) or (
        days_left is not None and days_left < 0
    ):
        step = 0
    elif level in (3, 2) and flagged:
        step = 4 - level
    elif days_left is not None and days_left <= SOON:
        step = 3
    elif flagged:
        step = 4
    else:
        step = 5 if phase == "eligible" else 6
    return (step, own[1], own[2])


def _episode(row: Mapping[str, Any]) -> Episode:
    start, deadline = row["clock_start_day"], row["deadline_day"]
    known = start is not None and deadline is not None
    return Episode(
        id=row["episode_id"],
        patient_id=row["patient_id"],
        package=row["package"],
        package_version="",
        phase=Phase(row["phase"]),
        organization_id=None,
        started_day=row["started_day"],
        clock=RightsClock("", ClockEvent.DIAGNOSIS, start, deadline - start) if known else None,
        pauses=(Pause(row["pause_open_day"], None, ""),) if row["pause_open_day"] is not None else (),
    )


def _plan(row: Mapping[str, Any] | None, episode: Episode) -> Plan | None:
    if row is None:
        return None
    return Plan(
        id=row["plan_id"],
        patient_id=episode.patient_id,
        episode_id=episode.id or "",
        package=episode.package,
        package_version="",
        status=PlanStatus(row["status"]),
        title="",
        made_day=0,
        confirmed_day=row["confirmed_day"],
        review_day=row["review_day"],
    )


def _activity(row: Mapping[str, Any], episode: Episode) -> Activity:
    return Activity(
        id=row["activity_id"],
        patient_id=episode.patient_id,
        episode_id=episode.id or "",
        plan_id=None,
        package=episode.package,
        kind=row["kind"] or "",
        title="",
        status=ActivityStatus(row["status"]),
        performer_kind="",
        due_day=row["due_day"],
        window_start_day=row["window_start_day"],
        window_end_day=row["window_end_day"],
    )


def _appointment(row: Mapping[str, Any]) -> Appointment:
    return Appointment(
        id=row["appointment_id"],
        patient_id=row["patient_id"],
        kind=row["kind"] or "",
        title="",
        status=row["status"],
        # Only its day is asked; noon is the same day everywhere in the country, summer and winter.
        start=None if row["start_day"] is None else days.noon(row["start_day"]),
        activity_id=row["activity_id"],
    )
