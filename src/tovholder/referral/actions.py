"""Sending a referral and answering it: each step by whoever takes it, on its own day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found, rule
from tovholder.packages.model import Referral as ReferralKind
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.values import Activity, Episode, Referral
from tovholder.referral.domain import Status, StopReason, move, reason_of, status_of
from tovholder.store import UnitOfWork


def send(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    kind: str,
    receiver_id: str,
    receiver_kind: str,
    activity_id: str | None = None,
    fields: Mapping[str, str] | None = None,
    text: str = "",
    sent_day: int | None = None,
) -> Referral:
    """Refer the patient: an ordered ServiceRequest and the Task that follows it to the receiver and back.

    ``kind``: a referral of the package. ``activity_id``: the plan's activity this carries out (found by itself when
    there is one open). ``fields``: the pakketabel's fields by id; a required one left out is refused.
    """
    course.require(ctx, course.CLINIC, "ServiceRequest.requester", "this role may not refer", "the patient's clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_open:
            raise rule("ServiceRequest.extension('workflow-episodeOfCare')", "the course is closed", "an open course")
        held = course.package(value.package)
        known = {item.id: item for item in held.referrals}
        if kind not in known:
            raise _invalid("Task.extension('kind')", "the package has no such referral", ", ".join(sorted(known)))
        chosen = known[kind]
        if receiver_kind not in chosen.receiver_kinds:
            raise _invalid(
                "Task.extension('receiver-kind')", "this referral goes elsewhere", ", ".join(chosen.receiver_kinds)
            )
        told = _checked(chosen, fields)
        day = past_day(ctx, sent_day, "Task.authoredOn")
        request = _order(uow, value, chosen, receiver_id, receiver_kind, activity_id, told, text, day)
        made = Referral(
            patient_id=patient_id,
            episode_id=episode_id,
            request_id=request,
            kind=kind,
            receiver_id=receiver_id,
            receiver_kind=receiver_kind,
            status=str(Status.REQUESTED),
            sent_day=day,
            requester=ctx.actor if "/" in ctx.actor else None,
            title=chosen.title.da,
        )
        return replace(made, id=uow.create(resources.referral_resource(made)).id)


def _invalid(path: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The referral cannot be sent as it is", [Issue(path, message, expected, "value")])


def _checked(chosen: ReferralKind, fields: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """The fields with their titles. ``fields`` None: the sender fills them in elsewhere, nothing is asked for here."""
    if fields is None:
        return []
    given = {name: told.strip() for name, told in fields.items() if told and told.strip()}
    known = {field.id for field in chosen.fields}
    issues = [
        Issue(f"fields.{field.id}", f"{field.title.en} is missing", "what the receiver needs", "required")
        for field in chosen.fields
        if field.required and field.id not in given
    ]
    issues += [
        Issue(f"fields.{name}", "no such field", ", ".join(sorted(known)), "value")
        for name in given
        if name not in known
    ]
    if issues:
        raise Problem(
            Category.INVALID, "The referral lacks what the receiver needs", issues, kept="what you wrote, unsent"
        )
    return [(field.title.da, given[field.id]) for field in chosen.fields if field.id in given]


def _order(
    uow: UnitOfWork,
    value: Episode,
    chosen: ReferralKind,
    receiver_id: str,
    receiver_kind: str,
    activity_id: str | None,
    told: list[tuple[str, str]],
    text: str,
    day: int,
) -> str:
    """The ServiceRequest that is ordered: the plan's own activity where there is one, else a new one."""
    assert value.id is not None
    held = course.package(value.package)
    carrying = {item.kind for item in held.plan.activities if item.referral == chosen.id} or {chosen.id}
    found = course.activities(uow, value.patient_id, value.id)
    open_ones = [
        (stored, activity)
        for stored, activity in found
        if activity.status.is_open
        and stored.get("intent") == "plan"
        and (activity.id == activity_id if activity_id else activity.kind in carrying)
    ]
    if activity_id and not open_ones:
        raise rule("Task.focus", "the activity is not open in this course, or is referred already", "an open activity")
    notes = [{"text": f"{title}: {content}"} for title, content in told]
    if text.strip():
        notes.append({"text": text.strip()})
    if open_ones:
        stored, activity = min(open_ones, key=lambda pair: (pair[1].due_day or 0, pair[1].id or ""))
        ordered = replace(activity, performer_id=receiver_id, performer_kind=receiver_kind, authored_day=day)
        written = _addressed(resources.activity_resource(ordered, stored, intent="order"), uow.ctx, notes)
        return uow.update(written).id
    right = next((item for item in held.rights if item.id == chosen.right), None)
    due = day + right.days if right is not None else None
    plan = course.valid_plan(uow, value.patient_id, value.id)
    fresh = Activity(
        patient_id=value.patient_id,
        episode_id=value.id,
        plan_id=plan[1].id if plan else None,
        package=value.package,
        kind=min(carrying),
        title=chosen.title.da,
        status=ActivityStatus.ACTIVE,
        performer_kind=receiver_kind,
        due_day=due,
        window_start_day=day,
        window_end_day=due,
        performer_id=receiver_id,
        authored_day=day,
    )
    return uow.create(_addressed(resources.activity_resource(fresh, intent="order"), uow.ctx, notes)).id


def _addressed(request: dict[str, Any], ctx: Context, notes: list[dict[str, Any]]) -> dict[str, Any]:
    if "/" in ctx.actor:
        request["requester"] = {"reference": ctx.actor}
    if notes:
        request["note"] = [*(request.get("note") or ()), *notes]
    return request


def _read(uow: UnitOfWork, patient_id: str, referral_id: str) -> tuple[dict[str, Any], Referral]:
    stored = uow.read("Task", referral_id)
    value = resources.read_referral(stored)
    if value.patient_id != patient_id or not resources.is_referral(stored):
        raise not_found("The referral")
    return stored, value


def _receiver(ctx: Context, value: Referral) -> None:
    """The receiver answers; the clinic may note what it was told, since many receivers answer on paper still."""
    if ctx.role in course.CLINIC:
        return
    if ctx.role in (Role.HOSPITAL, Role.PREVENTION, Role.PARTNER) and ctx.organization == value.receiver_id:
        return
    raise forbidden("Task.owner", "this referral is not yours to answer", "its receiver, or the clinic that sent it")


def _write(uow: UnitOfWork, stored: dict[str, Any], value: Referral) -> Referral:
    uow.update(resources.referral_resource(value, stored))
    return value


def accept(ctx: Context, *, patient_id: str, referral_id: str, accepted_day: int | None = None) -> Referral:
    """The receiver takes the patient."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        day = _day_after(ctx, accepted_day, value.sent_day, "Task.extension('accepted')")
        status = move(status_of(value.status), Status.ACCEPTED)
        return _write(uow, stored, replace(value, status=str(status), accepted_day=day))


def reject(ctx: Context, *, patient_id: str, referral_id: str, reason: str, text: str = "") -> Referral:
    """The receiver does not take the patient; the sender sees why."""
    why = _reason(reason, text)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        status = move(status_of(value.status), Status.REJECTED)
        told = replace(value, status=str(status), stop_reason=str(why), stop_text=text.strip(), completed_day=ctx.today)
        return _write(uow, stored, told)


def start(ctx: Context, *, patient_id: str, referral_id: str, started_day: int | None = None) -> Referral:
    """The offer begins: the day that stops the right's clock."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        day = _day_after(ctx, started_day, value.sent_day, "Task.extension('started')")
        status = move(status_of(value.status), Status.IN_PROGRESS)
        accepted = value.accepted_day if value.accepted_day is not None else day
        return _write(uow, stored, replace(value, status=str(status), started_day=day, accepted_day=accepted))


def complete(ctx: Context, *, patient_id: str, referral_id: str, completed_day: int | None = None) -> Referral:
    """The offer is finished; the plan's activity is done on that day."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        first = value.started_day if value.started_day is not None else value.sent_day
        day = _day_after(ctx, completed_day, first, "Task.extension('completed')")
        status = move(status_of(value.status), Status.COMPLETED)
        done = _write(uow, stored, replace(value, status=str(status), completed_day=day))
        _close_request(uow, done, ActivityStatus.COMPLETED, day)
        return done


def stop(
    ctx: Context, *, patient_id: str, referral_id: str, reason: str, text: str = "", stopped_day: int | None = None
) -> Referral:
    """The offer stops before it is finished: why, and on which day."""
    why = _reason(reason, text)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        day = _day_after(ctx, stopped_day, value.sent_day, "Task.extension('completed')")
        status = move(status_of(value.status), Status.CANCELLED)
        told = replace(value, status=str(status), stop_reason=str(why), stop_text=text.strip(), completed_day=day)
        stopped = _write(uow, stored, told)
        _close_request(uow, stopped, ActivityStatus.REVOKED, None)
        return stopped


def _reason(reason: str, text: str) -> StopReason:
    why = reason_of(reason)
    if why is StopReason.OTHER and not text.strip():
        raise rule("Task.statusReason.text", "another reason needs words", "why")
    return why


def _day_after(ctx: Context, day: int | None, earliest: int, path: str) -> int:
    told = past_day(ctx, day, path)
    if told < earliest:
        raise rule(path, "the day lies before the step it follows", f"{days.iso(earliest)} or later")
    return told


def _close_request(uow: UnitOfWork, value: Referral, status: ActivityStatus, day: int | None) -> None:
    """Close the activity behind the referral, in our own hand: the receiver may not change the plan."""
    hand = uow.as_system("referral")
    stored = hand.read("ServiceRequest", value.request_id)
    activity = resources.read_activity(stored)
    if activity.status.is_open and activity.patient_id == value.patient_id:
        hand.update(resources.activity_resource(replace(activity, status=status, done_day=day), stored))
