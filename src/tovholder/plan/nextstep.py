"""What comes next: for the patient the nearest step, for the clinic the decision that waits."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tovholder.base import days
from tovholder.plan.domain import Phase, PlanStatus
from tovholder.plan.values import Activity, Appointment, Episode, Plan

AHEAD = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})


@dataclass(frozen=True, slots=True)
class NextThing:
    """The nearest step of a plan: an appointment that is agreed, or an activity nobody has booked yet."""

    source: str  # "appointment" or "activity"
    id: str | None
    kind: str
    title: str
    day: int
    overdue: bool
    booked: bool
    organization_id: str | None = None
    appointment: Appointment | None = None


def appointment_day(appointment: Appointment) -> int | None:
    """The day of an appointment in Copenhagen."""
    return None if appointment.start is None else days.day_of(appointment.start)


def is_ahead(appointment: Appointment, today: int) -> bool:
    """Whether it is still to come (today included)."""
    day = appointment_day(appointment)
    return appointment.status in AHEAD and day is not None and day >= today


def next_thing(activities: Iterable[Activity], appointments: Iterable[Appointment], today: int) -> NextThing | None:
    """The earliest open step. An open activity with an appointment ahead is told as that appointment."""
    ahead = sorted(
        (item for item in appointments if is_ahead(item, today)),
        key=lambda item: (appointment_day(item) or 0, item.id or ""),
    )
    found = [
        NextThing(
            "appointment",
            item.id,
            item.kind,
            item.title,
            appointment_day(item) or today,
            overdue=False,
            booked=item.status != "proposed",
            organization_id=item.organization_id,
            appointment=item,
        )
        for item in ahead
    ]
    taken = {identity for item in ahead for identity in item.activity_ids}
    free_kinds = [item.kind for item in ahead if not item.activity_id]
    for activity in sorted(activities, key=lambda item: (item.due_day is None, item.due_day or 0, item.id or "")):
        if not activity.status.is_open or activity.id in taken:
            continue
        if activity.kind in free_kinds:  # an appointment of the kind without a link serves the nearest activity of it
            free_kinds.remove(activity.kind)
            continue
        if activity.due_day is None:
            continue
        found.append(
            NextThing(
                "activity",
                activity.id,
                activity.kind,
                activity.title,
                activity.due_day,
                overdue=(activity.window_end_day if activity.window_end_day is not None else activity.due_day) < today,
                booked=False,
                organization_id=activity.performer_id,
            )
        )
    return min(found, key=lambda item: (item.day, item.source != "appointment", item.id or ""), default=None)


class Ask(StrEnum):
    """A decision the clinic has before it, most pressing first."""

    ASSESS_FIRST = "assess-first"  # a block (red flag) stands in the way of a level
    START = "start"  # eligible: start, or record that the patient declines
    NEEDS = "needs"  # the needs assessment has unanswered fields
    LEVEL = "level"  # no level decided
    PLAN = "plan"  # no plan made
    CONFIRM = "confirm"  # a draft that has not been made together with the patient
    RESUME = "resume"  # the patient asked for a pause: is it over?
    REBOOK = "rebook"  # did not come, and nothing new is agreed
    OUTCOME = "outcome"  # an appointment has passed and nobody told how it went
    OVERDUE = "overdue"  # an activity's window has passed
    REVIEW = "review"  # the level or the plan should be looked at again
    BOOK = "book"  # the next activity's window is open and nothing is agreed
    FOLLOW = "follow"  # nothing waits


_ORDER = {ask: place for place, ask in enumerate(Ask)}


@dataclass(frozen=True, slots=True)
class Waiting:
    """One decision that waits: since when (or from when), and what it is about."""

    ask: Ask
    day: int | None = None
    about: str | None = None  # id of the activity or appointment
    title: str = ""


def waiting(
    *,
    episode: Episode,
    plan: Plan | None,
    level_decided: bool,
    level_review_day: int | None,
    needs_answered: bool,
    blocked: bool,
    activities: Iterable[Activity],
    appointments: Iterable[Appointment],
    today: int,
) -> tuple[Waiting, ...]:
    """Everything that waits for the clinic in one course, most pressing first; FOLLOW alone when nothing does."""
    if not episode.phase.is_open:
        return ()
    deadline = episode.clock.deadline_day if episode.clock else None
    if episode.phase is Phase.ELIGIBLE:
        return (Waiting(Ask.START, deadline),)
    found: list[Waiting] = []
    if blocked and not level_decided:
        found.append(Waiting(Ask.ASSESS_FIRST))
    if not needs_answered and not level_decided:
        found.append(Waiting(Ask.NEEDS, deadline))
    if not level_decided:
        found.append(Waiting(Ask.LEVEL, deadline))
    if plan is None or not plan.status.is_valid:
        found.append(Waiting(Ask.PLAN, deadline))
    elif plan.status is PlanStatus.DRAFT:
        found.append(Waiting(Ask.CONFIRM, deadline, plan.id, plan.title))
    pause = episode.open_pause
    if pause is not None:
        found.append(Waiting(Ask.RESUME, pause.start_day))
    met = list(appointments)
    found.extend(_from_appointments(met, episode.id, today))
    if plan is not None and plan.status is PlanStatus.ACTIVE:
        found.extend(_from_activities(list(activities), met, today))
        reviews = [day for day in (plan.review_day, level_review_day) if day is not None and day <= today]
        if reviews:
            found.append(Waiting(Ask.REVIEW, min(reviews)))
    found.sort(key=lambda item: (_ORDER[item.ask], item.day is None, item.day or 0))
    return tuple(found) or (Waiting(Ask.FOLLOW),)


def to_book(
    activities: Iterable[Activity], appointments: Iterable[Appointment], kinds: Container[str], today: int
) -> tuple[Activity, int] | None:
    """The step of one of these kinds to agree a time for first, and the day to propose; None when all are agreed.

    The day is the step's own where it is still to come, else tomorrow; a weekday within its window where there is one.
    """
    ahead = [item for item in appointments if is_ahead(item, today)]
    free = [
        item
        for item in activities
        if item.status.is_open
        and item.due_day is not None
        and item.kind in kinds
        and not any(item.id in other.activity_ids or item.kind in other.kinds for other in ahead)
    ]
    step = min(free, key=lambda item: (item.due_day or 0, item.id or ""), default=None)
    if step is None or step.due_day is None:
        return None
    return step, to_weekday(max(step.due_day, today + 1), last=step.window_end_day)


def to_weekday(day: int, *, last: int | None) -> int:
    """The day, or the Monday after a weekend; the Friday before it where Monday is too late."""
    over = max(0, days.date_of(day).weekday() - 4)
    if not over:
        return day
    monday = day + 3 - over
    return monday if last is None or monday <= last or last < day else day - over


def _from_appointments(appointments: list[Appointment], episode_id: str | None, today: int) -> list[Waiting]:
    found = []
    for item in appointments:
        day = appointment_day(item)
        if day is None:
            continue
        if item.status == "noshow":
            again = any(
                set(item.kinds_in(episode_id)) <= set(other.kinds_in(episode_id))
                and (appointment_day(other) or 0) > day
                and (other.status == "fulfilled" or is_ahead(other, today))
                for other in appointments
            )
            if not again:
                found.append(Waiting(Ask.REBOOK, day, item.id, item.title))
        elif item.status in AHEAD and day < today:
            found.append(Waiting(Ask.OUTCOME, day, item.id, item.title))
    return found


def _from_activities(activities: list[Activity], appointments: list[Appointment], today: int) -> list[Waiting]:
    found = []
    ahead = [item for item in appointments if is_ahead(item, today)]
    for item in activities:
        if not item.status.is_open or item.due_day is None:
            continue
        last = item.window_end_day if item.window_end_day is not None else item.due_day
        first = item.window_start_day if item.window_start_day is not None else item.due_day
        agreed = any(item.id in other.activity_ids or item.kind in other.kinds for other in ahead)
        if last < today:
            found.append(Waiting(Ask.OVERDUE, item.due_day, item.id, item.title))
        elif first <= today and not agreed:
            found.append(Waiting(Ask.BOOK, item.due_day, item.id, item.title))
    return found
