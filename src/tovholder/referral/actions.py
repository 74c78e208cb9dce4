"""A referral sent and answered: each step by whoever takes it, on its own day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found, rule
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.values import Referral
from tovholder.referral import drafts
from tovholder.referral.domain import Status, StopReason, move, reason_of, status_of
from tovholder.referral.sending import LONGEST, onward, refer_on, send
from tovholder.store import UnitOfWork

__all__ = [
    "accept",
    "complete",
    "drafts",
    "hand_back",
    "mark_seen",
    "onward",
    "refer_on",
    "reject",
    "send",
    "start",
    "stop",
    "withdraw",
]


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
        if _told_before(value, Status.REJECTED, why, text):
            return value
        status = move(status_of(value.status), Status.REJECTED)
        told = replace(value, status=str(status), stop_reason=str(why), stop_text=text.strip(), completed_day=ctx.today)
        return _write(uow, stored, replace(told, seen_day=None))


def start(ctx: Context, *, patient_id: str, referral_id: str, started_day: int | None = None) -> Referral:
    """The offer begins: the day that stops the right's clock."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        day = _day_after(ctx, started_day, value.sent_day, "Task.extension('started')")
        status = move(status_of(value.status), Status.IN_PROGRESS)
        accepted = value.accepted_day if value.accepted_day is not None else day
        return _write(uow, stored, replace(value, status=str(status), started_day=day, accepted_day=accepted))


def complete(
    ctx: Context, *, patient_id: str, referral_id: str, completed_day: int | None = None, answer: str = ""
) -> Referral:
    """The offer is finished; the plan's activity is done on that day. ``answer``: what the receiver tells the clinic."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        if _told_before(value, Status.COMPLETED, answer=answer):
            return value
        first = value.started_day if value.started_day is not None else value.sent_day
        day = _day_after(ctx, completed_day, first, "Task.extension('completed')")
        status = move(status_of(value.status), Status.COMPLETED)
        done = _write(
            uow,
            stored,
            replace(value, status=str(status), completed_day=day, answer=_told(answer), seen_day=_seen(ctx)),
        )
        _close_request(uow, done, ActivityStatus.COMPLETED, day)
        return done


def stop(
    ctx: Context,
    *,
    patient_id: str,
    referral_id: str,
    reason: str,
    text: str = "",
    stopped_day: int | None = None,
    answer: str = "",
) -> Referral:
    """The offer stops before it is finished: why, and on which day. ``answer``: what the receiver tells the clinic."""
    why = _reason(reason, text)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        _receiver(ctx, value)
        if _told_before(value, Status.CANCELLED, why, text, answer):
            return value
        day = _day_after(ctx, stopped_day, value.sent_day, "Task.extension('completed')")
        status = move(status_of(value.status), Status.CANCELLED)
        told = replace(
            value,
            status=str(status),
            stop_reason=str(why),
            stop_text=text.strip(),
            completed_day=day,
            answer=_told(answer),
            seen_day=_seen(ctx),
        )
        stopped = _write(uow, stored, told)
        _close_request(uow, stopped, ActivityStatus.REVOKED, None)
        return stopped


def withdraw(ctx: Context, *, patient_id: str, referral_id: str, text: str) -> Referral:
    """The clinic takes back what it sent, while nobody has begun: why, in words. The plan's activity is open again."""
    course.require(ctx, course.CLINIC, "Task.status", "only the sender withdraws a referral", "the clinic that sent it")
    if not text.strip():
        raise rule("Task.statusReason.text", "why the referral is withdrawn is missing", "why")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        if value.started_day is not None:
            raise rule("Task.status", "the offer has begun: it can be stopped, not withdrawn", "stop")
        if _told_before(value, Status.CANCELLED, StopReason.WITHDRAWN, text):
            return value
        status = move(status_of(value.status), Status.CANCELLED)
        told = replace(
            value,
            status=str(status),
            stop_reason=str(StopReason.WITHDRAWN),
            stop_text=text.strip(),
            completed_day=ctx.today,
            seen_day=ctx.today,
        )
        withdrawn = _write(uow, stored, told)
        _free_request(uow, withdrawn)
        return withdrawn


def hand_back(ctx: Context, *, patient_id: str, referral_id: str, answer: str, reason: str = "") -> Referral:
    """The receiver hands the patient back to the clinic with what it has to tell: finished, or stopped for a reason."""
    if not _told(answer):
        raise rule("Task.output", "what the clinic should know is missing", "some words")
    if not reason:
        return complete(ctx, patient_id=patient_id, referral_id=referral_id, answer=answer)
    words = answer if reason == StopReason.OTHER else ""
    return stop(ctx, patient_id=patient_id, referral_id=referral_id, reason=reason, text=words, answer=answer)


def mark_seen(ctx: Context, *, patient_id: str, referral_id: str) -> Referral:
    """The clinic has seen how the referral stands: it no longer asks for attention. Seen twice is seen once."""
    course.require(ctx, course.CLINIC, "Task.extension('seen')", "the clinic sees its answers", "the patient's clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = _read(uow, patient_id, referral_id)
        if value.seen_day is not None:
            return value
        return _write(uow, stored, replace(value, seen_day=ctx.today))


def _told_before(value: Referral, status: Status, reason: str = "", text: str = "", answer: str = "") -> bool:
    """Whether the referral ended so already, in the same words: pressed twice is pressed once.

    Raises Problem(CONFLICT) where it ended so in others: what the clinic has been told is not exchanged under it.
    """
    if value.status != status:
        return False
    if (value.stop_reason or "", value.stop_text or "", value.answer or "") == (reason, text.strip(), _told(answer)):
        return True
    raise Problem(
        Category.CONFLICT,
        "The referral is over already",
        [Issue("Task.status", f"the referral is {value.status}, with other words", "one that is not over", "conflict")],
        kept="the referral as it was",
    )


def _seen(ctx: Context) -> int | None:
    """What the clinic itself writes down it has seen; what somebody else tells it has not."""
    return ctx.today if ctx.role in course.CLINIC else None


def _told(answer: str) -> str:
    words = answer.strip()
    if len(words) > LONGEST:
        raise rule("Task.output", "the answer is too long", f"at most {LONGEST} characters")
    return words


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


def _free_request(uow: UnitOfWork, value: Referral) -> None:
    """What the plan asks for is still to be done: its activity waits for another referral; an order of its own ends."""
    stored = uow.read("ServiceRequest", value.request_id)
    activity = resources.read_activity(stored)
    if not activity.status.is_open:
        return
    if activity.plan_id is None or stored.get("intent") != "order" or value.follows:
        uow.update(resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), stored))
        return
    freed = resources.activity_resource(replace(activity, performer_id=None), stored, intent="plan")
    freed.pop("performer", None)
    uow.update(freed)
