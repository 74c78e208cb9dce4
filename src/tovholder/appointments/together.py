"""One appointment for the steps of several packages: agreed once, and each package's step follows what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tovholder import packages, store
from tovholder.access import Context
from tovholder.appointments.actions import agreed_once, may_keep
from tovholder.appointments.domain import Status, status_of
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.plan import course, resources
from tovholder.plan.actions.activities import require_open
from tovholder.plan.domain import INSIDE
from tovholder.plan.merge.query import families, planned_by
from tovholder.plan.values import Activity, Appointment, Served
from tovholder.store import UnitOfWork

TAKEN = "ServiceRequest.appointment"  # where a step that somebody else agreed meanwhile is told
WINDOW = "ServiceRequest.occurrencePeriod"


def book_together(
    ctx: Context,
    *,
    patient_id: str,
    activity_ids: Sequence[str],
    start: datetime,
    minutes: int = 30,
    organization_id: str | None = None,
    keeps_windows: bool = True,
) -> Appointment:
    """Agree one time for steps that are done together; each step's package sees it as its own.

    Raises Problem(CONFLICT) when a step is closed or agreed already (somebody was quicker), Problem(RULE) when they
    cannot be done together, or the day is outside one's window while the window still is open (``keeps_windows``).
    """
    may_keep(ctx)
    if start.tzinfo is None:
        raise rule("Appointment.start", "the time has no time zone", "an instant with its zone")
    if minutes <= 0:
        raise rule("Appointment.end", "an appointment ends after it starts", "a length of at least a minute")
    wanted = tuple(dict.fromkeys(activity_ids))
    if not wanted:
        raise rule("Appointment.basedOn", "the appointment is for no step", "at least one step of a plan")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        steps = [_step(uow, patient_id, identity) for identity in wanted]
        _free(uow, patient_id, frozenset(wanted))
        _fit(steps)
        if keeps_windows:
            for step in steps:
                _inside(step, days.day_of(start), ctx.today)
        first = steps[0]
        serves = tuple(Served(step.id or "", step.episode_id, step.kind) for step in steps)
        made = Appointment(
            patient_id=patient_id,
            kind=first.kind,
            title=title_of(steps, "da"),
            status=str(Status.BOOKED),
            start=start,
            end=start + timedelta(minutes=minutes),
            created_day=ctx.today,
            organization_id=organization_id or ctx.organization,
            episode_id=first.episode_id,
            activity_id=first.id,
            serves=serves if len(serves) > 1 else (),
        )
        agreed_once(uow, made)
        return replace(made, id=uow.create(resources.appointment_resource(made)).id)


def title_of(steps: Sequence[Activity], language: str) -> str:
    """What the appointment is called: what each package calls its step."""
    known = packages.builtin()
    titles = [
        known[step.package].kind_title(step.kind, language) if step.package in known else step.title for step in steps
    ]
    return ", ".join(dict.fromkeys(titles))


def _step(uow: UnitOfWork, patient_id: str, identity: str) -> Activity:
    step = resources.read_activity(uow.read("ServiceRequest", identity))
    if step.patient_id != patient_id or not step.package:
        raise not_found("The activity")
    require_open(step)
    return step


def _free(uow: UnitOfWork, patient_id: str, wanted: frozenset[str]) -> None:
    for item in course.about(uow.as_system("appointments"), "Appointment", patient_id):
        held = resources.read_appointment(item)
        if not status_of(held.status).is_terminal and wanted.intersection(held.activity_ids):
            raise Problem(
                Category.CONFLICT,
                "One of the steps is agreed already",
                [Issue(TAKEN, "the step has an appointment already", "move that one, or cancel it first", "duplicate")],
                kept="the appointment as it was; nothing was booked",
            )


def _fit(steps: Sequence[Activity]) -> None:
    """What is done together is one thing, done by people who can do it together, once for each course."""
    kinds = families()
    known = packages.builtin()
    found = set()
    for step in steps:
        made_from = planned_by(known[step.package], step) if step.package in known else None
        shared = made_from.shared if made_from else None
        hands = "clinic" if step.performer_kind in INSIDE - {"patient"} else step.performer_kind
        found.add((kinds.root.get(shared or "", shared or "") or step.kind, hands))
    courses = [step.episode_id for step in steps]
    if len(found) > 1 or len(set(courses)) < len(courses):
        raise rule("Appointment.basedOn", "these steps are not done together", "steps that the merged plan has as one")


def _inside(step: Activity, day: int, today: int) -> None:
    first = step.window_start_day if step.window_start_day is not None else step.due_day
    last = step.window_end_day if step.window_end_day is not None else step.due_day
    if last is None or last < today:
        return  # nothing is left of its days: the sooner the better
    if day > last or (first is not None and day < first):
        span = f"{days.iso(first) if first is not None else ''}/{days.iso(last)}"
        raise rule(WINDOW, "the day is outside the days of one of the steps", span, kept="nothing was booked")


__all__ = ["TAKEN", "WINDOW", "book_together", "title_of"]
