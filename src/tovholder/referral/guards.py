"""What must hold of a referral whoever writes it: forward only, its days in order, a stop with its reason."""

from __future__ import annotations

from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import forbidden, rule
from tovholder.fhir.references import patient_of
from tovholder.plan import resources
from tovholder.plan.course import CLINIC
from tovholder.plan.resources import closing
from tovholder.plan.values import Referral
from tovholder.referral.domain import REFUSED, Status, move, status_of
from tovholder.store.ports import Change
from tovholder.store.unit import UnitOfWork

_STOPPED = frozenset({Status.REJECTED, Status.CANCELLED, Status.FAILED})


def referral_guard(change: Change, uow: UnitOfWork) -> None:
    """A referral moves as its table says and keeps its patient, request and receiver."""
    new, old, ctx = change.new, change.old, change.ctx
    if new is None:
        return
    if not resources.is_referral(new):
        if old is not None and resources.is_referral(old):
            raise rule("Task.code", "a stored referral stays one", "the code as it was")
        return
    status = status_of(new.get("status"))
    value = resources.read_referral(new)
    if not value.request_id:
        raise rule("Task.focus", "a referral is about a request", "a reference to the ServiceRequest")
    if old is not None and resources.is_referral(old):
        before = resources.read_referral(old)
        if patient_of(old) != patient_of(new) or before.request_id != value.request_id:
            raise rule("Task.focus", "patient and request of a stored referral cannot change", "a new referral")
        if before.receiver_id != value.receiver_id and ctx.role not in CLINIC:
            raise forbidden("Task.owner", "only the sender chooses the receiver", "the receiver as it was")
        if before.receiver_id != ctx.organization and ctx.role not in CLINIC:
            raise forbidden("Task.owner", "this referral is not yours to answer", "its receiver")
        if not (ctx.role is Role.SYSTEM and closing.reopens(old, new)):
            move(status_of(before.status), status)
        _kept(before, value, ctx)
    elif ctx.role not in CLINIC:
        raise forbidden("Task.requester", "this role may not refer", "the patient's clinic")
    if old is None:
        _first_sent(value, uow)
    if ctx.role is Role.SYSTEM or status is Status.ENTERED_IN_ERROR:
        return
    if status in _STOPPED and not (value.stop_reason or value.stop_text):
        raise rule("Task.statusReason", "why the referral stopped is missing", "a reason")
    if status is Status.IN_PROGRESS and value.started_day is None:
        raise rule("Task.extension('started')", "an offer under way began on a day", "the day it began")
    steps = [
        day for day in (value.sent_day, value.accepted_day, value.started_day, value.completed_day) if day is not None
    ]
    if any(day > ctx.today for day in steps):
        raise rule("Task", "a day lies in the future", f"{days.iso(ctx.today)} or earlier")
    if value.started_day is not None and value.started_day < value.sent_day:
        raise rule("Task.extension('started')", "the offer began before it was asked for", days.iso(value.sent_day))


def _kept(before: Referral, value: Referral, ctx: Context) -> None:
    """Since when the patient waits, and what the receiver was told, stand; only the sender sends on and has seen."""
    if before.first_sent_day != value.first_sent_day or before.follows != value.follows:
        raise rule("Task.extension('first-sent')", "what a round followed cannot change", "as it was")
    if before.told != value.told:
        raise rule("Task.input", "what the receiver was told cannot change", "a new referral")
    if ctx.role not in CLINIC and _ask(before) != _ask(value):
        raise forbidden("Task.authoredOn", "what was asked for, and when, is the sender's to say", "as it was")
    if ctx.role not in CLINIC and (before.resent != value.resent or value.seen_day not in (None, before.seen_day)):
        raise forbidden("Task.extension('seen')", "only the sender says what it has seen and sent again", "as it was")


def _ask(value: Referral) -> tuple[object, ...]:
    """What the sender said: the right is counted from its day, the course and kind say which right."""
    return (
        value.sent_day, value.requester, value.episode_id, value.kind, value.receiver_kind, value.key, value.table
    )  # fmt: skip


def _first_sent(value: Referral, uow: UnitOfWork) -> None:
    """A day the patient has waited since is that of the refused round this one follows, and no other."""
    if value.first_sent_day is None or uow.is_bulk:
        return
    path = "Task.extension('first-sent')"
    if not value.follows:
        raise rule(path, "only a referral sent again has been sent before", "Task.basedOn with the refused round")
    hand = uow.as_system("referral")
    earlier = hand.find("Task", [("patient", f"Patient/{value.patient_id}"), ("_id", value.follows)])
    found = resources.read_referral(earlier[0]) if earlier and resources.is_referral(earlier[0]) else None
    if found is None or found.status not in REFUSED or found.kind != value.kind:
        raise rule(path, "only a refused referral of the same kind is sent again", "the refused round")
    if found.asked_day != value.first_sent_day:
        raise rule(path, "the patient was first referred on another day", days.iso(found.asked_day))


GUARDS = {"Task": [referral_guard]}
