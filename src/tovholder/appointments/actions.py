"""Booking, moving and telling the outcome of appointments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.appointments.domain import CancelReason, Status, canceller_of, move, reason_of, status_of
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.fhir.references import parse_reference
from tovholder.plan import course, resources
from tovholder.plan.domain import ActivityStatus, Phase
from tovholder.plan.links import kinds
from tovholder.plan.values import Appointment
from tovholder.store import UnitOfWork

_WHO = "those who take part in the treatment"


def may_keep(ctx: Context) -> None:
    """Refuse whoever does not keep appointments."""
    course.require(ctx, course.ACTORS, "Appointment", "this role may not keep appointments", _WHO)


def _read(uow: UnitOfWork, patient_id: str, appointment_id: str) -> tuple[dict[str, Any], Appointment]:
    stored = uow.read("Appointment", appointment_id)
    value = resources.read_appointment(stored)
    if value.patient_id != patient_id:
        raise not_found("The appointment")
    return stored, value


def book(
    ctx: Context,
    *,
    patient_id: str,
    kind: str,
    start: datetime,
    minutes: int = 30,
    title: str = "",
    episode_id: str | None = None,
    activity_id: str | None = None,
    organization_id: str | None = None,
    practitioner_id: str | None = None,
    status: str = Status.BOOKED,
) -> Appointment:
    """Agree a time (or plan one: status "proposed"). One agreed afterwards, in the past, is booked too.

    The same kind at the same moment at the same place is the same agreement: a second press is Problem(CONFLICT).
    (A plain FHIR write is let through: two systems may each tell of one visit, and neither may be dropped.)
    """
    may_keep(ctx)
    if start.tzinfo is None:
        raise rule("Appointment.start", "the time has no time zone", "an instant with its zone")
    if minutes <= 0:
        raise rule("Appointment.end", "an appointment ends after it starts", "a length of at least a minute")
    wanted = status_of(status)
    if wanted not in (Status.PROPOSED, Status.PENDING, Status.BOOKED, Status.WAITLIST):
        raise rule(
            "Appointment.status", "a new appointment has no outcome yet", "proposed, pending, booked or waitlist"
        )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        made = Appointment(
            patient_id=patient_id,
            kind=kind,
            title=title.strip() or kind_title(kind),
            status=str(wanted),
            start=start,
            end=start + timedelta(minutes=minutes),
            created_day=ctx.today,
            organization_id=organization_id or ctx.organization,
            practitioner_id=practitioner_id,
            episode_id=episode_id,
            activity_id=activity_id or _activity(uow, patient_id, kind, days.day_of(start)),
        )
        agreed_once(uow, made)
        _still_runs(uow, made, ctx.now)
        return replace(made, id=uow.create(resources.appointment_resource(made)).id)


def _still_runs(uow: UnitOfWork, made: Appointment, now: datetime) -> None:
    """Refuse a time to come in a course that is over; one that has been is told all the same."""
    if made.episode_id is None or made.start is None or made.start <= now:
        return
    _, held = course.episode(uow.as_system("appointments"), made.patient_id, made.episode_id)
    if held.phase in (Phase.ENDED, Phase.DECLINED):
        told = f"the course is {held.phase}"
        raise _conflict("Appointment.extension('workflow-episodeOfCare')", told, "a course under way, or none")


def _conflict(path: str, told: str, expected: str) -> Problem:
    issue = Issue(path, told, expected, "conflict")
    return Problem(Category.CONFLICT, told.capitalize(), [issue], kept="the appointments as they were")


def agreed_once(uow: UnitOfWork, made: Appointment) -> None:
    """Refuse what is agreed already: the same kind at the same moment at the same place."""
    for item in course.about(uow.as_system("appointments"), "Appointment", made.patient_id):
        held = resources.read_appointment(item)
        same = (held.kind, held.start, held.organization_id) == (made.kind, made.start, made.organization_id)
        if same and not status_of(held.status).is_terminal:
            raise Problem(
                Category.CONFLICT,
                "This time is agreed already",
                [Issue("Appointment.start", "this time is agreed already", "another time, or that one", "duplicate")],
                kept="the appointment as it was",
            )


def kind_title(kind: str) -> str:
    """What a kind is called in the package that knows it; the code itself where none does."""
    from tovholder import packages

    for held in packages.builtin().values():
        if kind in kinds(held.id):
            return held.kind_title(kind, "da")
    told = (held.kind_title(kind, "da") for held in packages.builtin().values())
    return next((title for title in told if title != kind), kind)


def _activity(uow: UnitOfWork, patient_id: str, kind: str, day: int) -> str | None:
    """The open activity of this kind whose window the day falls in, else the nearest one; none has it already."""
    hand = uow.as_system("appointments")
    taken = {
        identity
        for item in course.about(hand, "Appointment", patient_id)
        if item.get("status") in ("proposed", "pending", "booked", "waitlist", "arrived", "checked-in", "fulfilled")
        for identity in resources.read_appointment(item).activity_ids
    }
    fitting = [
        value
        for item in course.about(hand, "ServiceRequest", patient_id)
        if (value := resources.read_activity(item)).kind == kind and value.status.is_open and value.id not in taken
    ]
    inside = [
        value
        for value in fitting
        if value.window_start_day is not None
        and value.window_end_day is not None
        and value.window_start_day <= day <= value.window_end_day
    ]
    overdue = [value for value in fitting if value.due_day is not None and value.due_day <= day]
    chosen = min(inside or overdue, key=lambda value: (value.due_day or 0, value.id or ""), default=None)
    return chosen.id if chosen else None


def reschedule(
    ctx: Context,
    *,
    patient_id: str,
    appointment_id: str,
    start: datetime,
    minutes: int | None = None,
    shown: str = "",
) -> Appointment:
    """Move an appointment that has no outcome to another time; it stays the same appointment, with its history.

    shown: the instant it had when it was looked at; where another has moved it since, it is Problem(CONFLICT).
    """
    may_keep(ctx)
    if start.tzinfo is None:
        raise rule("Appointment.start", "the time has no time zone", "an instant with its zone")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, appointment_id)
        if status_of(value.status).is_terminal:
            raise rule(
                "Appointment.start",
                f"the appointment is {value.status}",
                "book a new one, or correct this one first",
                kept="the appointment as it was",
            )
        if shown and value.start not in (None, start) and shown != value.start.isoformat():
            raise _conflict("Appointment.start", "the appointment has been moved meanwhile", "the time it has now")
        length = (
            timedelta(minutes=minutes) if minutes else (value.end - value.start if value.end and value.start else None)
        )
        moved = replace(
            value,
            start=start,
            end=start + (length or timedelta(minutes=30)),
            outcome_unknown=False,
        )
        uow.update(resources.appointment_resource(moved, stored))
        return moved


def mark_fulfilled(ctx: Context, *, patient_id: str, appointment_id: str) -> Appointment:
    """The patient came. The activity it was for is done on that day."""
    return _outcome(ctx, patient_id, appointment_id, Status.FULFILLED)


def mark_noshow(ctx: Context, *, patient_id: str, appointment_id: str) -> Appointment:
    """The patient did not come: somebody says so."""
    return _outcome(ctx, patient_id, appointment_id, Status.NOSHOW)


def mark_outcome_unknown(ctx: Context, *, patient_id: str, appointment_id: str) -> Appointment:
    """Its time has passed and its source knows no outcome: it stays booked, and says so."""
    may_keep(ctx)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, appointment_id)
        if status_of(value.status).is_terminal:
            raise rule("Appointment.status", f"the outcome is told: {value.status}", "an appointment without outcome")
        if value.start is None or value.start > ctx.now:
            raise rule("Appointment.start", "the appointment has not been yet", "an appointment that has passed")
        unknown = replace(value, outcome_unknown=True)
        uow.update(resources.appointment_resource(unknown, stored))
        return unknown


def cancel(ctx: Context, *, patient_id: str, appointment_id: str, reason: str, by: str, text: str = "") -> Appointment:
    """Call it off: why (a code that can be counted, and words), and who did."""
    may_keep(ctx)
    why, who = reason_of(reason), canceller_of(by)
    if why is CancelReason.OTHER and not text.strip():
        raise rule("Appointment.cancelationReason.text", "another reason needs words", "why it is cancelled")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, appointment_id)
        if status_of(value.status) is Status.CANCELLED:
            if (value.cancel_reason, value.cancel_text, value.cancelled_by) == (str(why), text.strip(), str(who)):
                return value  # pressed twice
            raise _conflict("Appointment.status", "the appointment is cancelled already", "one that is not")
        cancelled = replace(
            value,
            status=str(move(status_of(value.status), Status.CANCELLED)),
            cancel_reason=str(why),
            cancel_text=text.strip(),
            cancelled_by=str(who),
            outcome_unknown=False,
        )
        uow.update(resources.appointment_resource(cancelled, stored))
        return cancelled


def correct(ctx: Context, *, patient_id: str, appointment_id: str, status: str, reason: str) -> Appointment:
    """Put right an outcome told wrongly; the wrong version stays in the history, the reason beside the right one."""
    may_keep(ctx)
    wanted = status_of(status)
    if not reason.strip():
        raise rule("Appointment.extension('correction')", "why it is corrected is missing", "what was wrong")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, appointment_id)
        before = status_of(value.status)
        cancelled = wanted is Status.CANCELLED
        _has_been(ctx, value, wanted)
        corrected = replace(
            value,
            status=str(move(before, wanted, correction=True)),
            correction=reason.strip(),
            cancel_reason=(value.cancel_reason or CancelReason.OTHER) if cancelled else None,
            cancel_text=(value.cancel_text or reason.strip()) if cancelled else "",
            cancelled_by=value.cancelled_by if cancelled else None,
            outcome_unknown=False,
        )
        uow.update(resources.appointment_resource(corrected, stored))
        if before is Status.FULFILLED and wanted is not Status.FULFILLED:
            _undone(uow, value)
        elif wanted is Status.FULFILLED:
            _done(uow, corrected)
        return corrected


def _outcome(ctx: Context, patient_id: str, appointment_id: str, outcome: Status) -> Appointment:
    may_keep(ctx)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, appointment_id)
        _has_been(ctx, value, outcome)
        told = replace(value, status=str(move(status_of(value.status), outcome)), outcome_unknown=False)
        uow.update(resources.appointment_resource(told, stored))
        if outcome is Status.FULFILLED:
            _done(uow, told)
        return told


def _has_been(ctx: Context, value: Appointment, outcome: Status) -> None:
    if outcome not in (Status.FULFILLED, Status.NOSHOW):
        return
    if value.start is None or days.day_of(value.start) > ctx.today:
        raise rule(
            "Appointment.status",
            "the appointment's day has not come",
            "an outcome on the day or later",
            kept="as it was",
        )


def _done(uow: UnitOfWork, value: Appointment) -> None:
    """The steps behind a kept appointment are done; written in our own hand, since partners may not change plans."""
    if value.start is None:
        return
    hand = uow.as_system("appointments")
    for identity in value.activity_ids:
        stored = hand.read("ServiceRequest", identity)
        activity = resources.read_activity(stored)
        if activity.package and activity.status.is_open and activity.patient_id == value.patient_id:
            done = replace(activity, status=ActivityStatus.COMPLETED, done_day=days.day_of(value.start))
            hand.update(resources.activity_resource(done, stored))


def _undone(uow: UnitOfWork, value: Appointment) -> None:
    """The steps were not done after all. A closed step stays closed, so an equal one is opened in its place."""
    for identity in value.activity_ids:
        _reopened(uow.as_system("appointments"), value.patient_id, identity)


def _reopened(hand: UnitOfWork, patient_id: str, activity_id: str) -> None:
    stored = hand.read("ServiceRequest", activity_id)
    activity = resources.read_activity(stored)
    if activity.status is not ActivityStatus.COMPLETED or activity.patient_id != patient_id:
        return
    hand.update(resources.activity_resource(replace(activity, status=ActivityStatus.ENTERED_IN_ERROR), stored))
    again = replace(activity, id=None, status=ActivityStatus.ACTIVE, done_day=None)
    fresh = hand.create(resources.activity_resource(again, intent=str(stored.get("intent") or "plan"))).id
    plan_id = parse_reference(f"CarePlan/{activity.plan_id}") if activity.plan_id else None
    if plan_id is None:
        return
    held = hand.read("CarePlan", plan_id.id)
    plan = resources.read_plan(held)
    ids = tuple(fresh if identity == activity.id else identity for identity in plan.activity_ids)
    hand.update(resources.plan_resource(replace(plan, activity_ids=ids), held))


__all__ = [
    "book",
    "cancel",
    "correct",
    "kind_title",
    "mark_fulfilled",
    "mark_noshow",
    "mark_outcome_unknown",
    "reschedule",
]
