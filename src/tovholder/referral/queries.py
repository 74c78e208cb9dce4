"""Referrals as the clinic follows them: a patient's rounds, and everything of the clinic's that waits for somebody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base.errors import not_found
from tovholder.plan import resources
from tovholder.plan.values import Referral
from tovholder.referral.domain import REFUSED, Status, StopReason
from tovholder.referral.drafts import OPEN

_NOT_BEGUN = frozenset({Status.REQUESTED, Status.RECEIVED, Status.ACCEPTED})


class Attention(StrEnum):
    """Why a referral asks for the clinic; the first that holds."""

    REFUSED = "refused"  # nobody has the patient: send it elsewhere
    LATE = "late"  # the right's last day has passed and nothing has begun
    STOPPED = "stopped"
    ANSWERED = "answered"  # done, and nobody has read it
    REFERRED_ON = "referred-on"  # by a receiver; what the clinic itself sends again it has seen


@dataclass(frozen=True, slots=True)
class Line:
    """One referral in the clinic's list."""

    referral_id: str
    patient_id: str
    package: str
    kind: str
    receiver_id: str | None
    receiver_kind: str
    status: str
    sent_day: int | None  # the day the patient was first referred for it
    accepted_day: int | None
    started_day: int | None
    completed_day: int | None
    deadline_day: int | None
    attention: Attention | None


def deadline_of(package_id: str, kind: str, receiver_kind: str, asked_day: int | None) -> int | None:
    """The last day an offer may begin; None where the patient has no right that counts days for it."""
    held = packages.builtin().get(package_id)
    if held is None or asked_day is None:
        return None
    chosen = next((item for item in held.referrals if item.id == kind), None)
    named = chosen.right if chosen else None
    right = next(
        (
            item
            for item in held.rights
            if item.event == "referral" and receiver_kind in item.receiver_kinds and named in (None, item.id)
        ),
        None,
    )
    return None if right is None or named is None else asked_day + right.days


def attention(
    *,
    status: str,
    stop_reason: str | None,
    seen_day: int | None,
    follows: bool,
    completed_day: int | None,
    deadline_day: int | None,
    today: int,
) -> Attention | None:
    """Why the clinic should look at a referral; None when it need not."""
    if status in _NOT_BEGUN and deadline_day is not None and today > deadline_day:
        return Attention.LATE
    if seen_day is not None and (completed_day is None or seen_day >= completed_day):
        return None
    if status in REFUSED:
        return Attention.REFUSED
    if status == Status.CANCELLED and stop_reason != StopReason.WITHDRAWN:
        return Attention.STOPPED
    if status == Status.COMPLETED:
        return Attention.ANSWERED
    return Attention.REFERRED_ON if follows and status in OPEN else None


def of_round(held: Referral, package_id: str, today: int) -> Attention | None:
    """The same of one round as it stands in the record; one that was sent again asks for nothing."""
    if held.resent is not None:
        return None
    return attention(
        status=held.status,
        stop_reason=held.stop_reason,
        seen_day=held.seen_day,
        follows=held.follows is not None,
        completed_day=held.completed_day,
        deadline_day=deadline_of(package_id, held.kind, held.receiver_kind, held.asked_day),
        today=today,
    )


def rounds(ctx: Context, patient_id: str) -> tuple[Referral, ...]:
    """The patient's referrals, newest first; every round, so that nothing that happened is hidden."""
    found = [
        resources.read_referral(entry.resource)
        for entry in store.search_all(ctx, "Task", [("patient", f"Patient/{patient_id}")])
        if resources.is_referral(entry.resource) and entry.resource.get("status") != Status.ENTERED_IN_ERROR
    ]
    return tuple(sorted(found, key=lambda one: (one.sent_day, one.asked_day, one.id or ""), reverse=True))


def one(ctx: Context, patient_id: str, referral_id: str) -> tuple[Referral, Mapping[str, Any], Mapping[str, Any]]:
    """A referral with its Task and request. Raises Problem(NOT_FOUND), another patient's included."""
    task = store.read(ctx, "Task", referral_id).resource
    value = resources.read_referral(task)
    if value.patient_id != patient_id or not resources.is_referral(task) or value.status == Status.ENTERED_IN_ERROR:
        raise not_found("The referral")
    return value, task, store.read(ctx, "ServiceRequest", value.request_id).resource


_CLINIC = """
SELECT r.referral_id, r.patient_id, e.package, r.kind, r.receiver_id, r.receiver_kind, r.status, r.sent_day,
       r.accepted_day, r.started_day, r.completed_day, r.stop_reason, r.seen_day, r.follows_id
FROM referral AS r
JOIN episode AS e ON e.episode_id = r.episode_id
JOIN patient AS p ON p.patient_id = r.patient_id
WHERE e.status IS DISTINCT FROM 'entered-in-error' AND COALESCE(p.deceased, 0) = 0
  AND (r.status IN ('requested', 'received', 'accepted', 'ready', 'in-progress', 'on-hold') OR r.seen_day IS NULL)
  AND (r.completed_day IS NULL OR r.completed_day > :today - 365)
"""


def of_clinic(ctx: Context) -> tuple[Line, ...]:
    """What the clinic has sent and is not over, or is over and not seen (of the last year): what asks for somebody first.

    One SELECT over facts, however many patients there are.
    """
    found = [_line(row, ctx.today) for row in store.facts(ctx, _CLINIC, name="referrals")]
    order = list(Attention)
    return tuple(
        sorted(
            found,
            key=lambda line: (
                order.index(line.attention) if line.attention else len(order),
                line.deadline_day is None,
                line.deadline_day or 0,
                line.sent_day or 0,
                line.referral_id,
            ),
        )
    )


def _line(row: Mapping[str, Any], today: int) -> Line:
    deadline = deadline_of(row["package"], row["kind"] or "", row["receiver_kind"] or "", row["sent_day"])
    return Line(
        referral_id=row["referral_id"],
        patient_id=row["patient_id"],
        package=row["package"],
        kind=row["kind"] or "",
        receiver_id=row["receiver_id"],
        receiver_kind=row["receiver_kind"] or "",
        status=row["status"],
        sent_day=row["sent_day"],
        accepted_day=row["accepted_day"],
        started_day=row["started_day"],
        completed_day=row["completed_day"],
        deadline_day=deadline if row["started_day"] is None else None,
        attention=attention(
            status=row["status"],
            stop_reason=row["stop_reason"],
            seen_day=row["seen_day"],
            follows=row["follows_id"] is not None,
            completed_day=row["completed_day"],
            deadline_day=deadline,
            today=today,
        ),
    )


def waiting(lines: Iterable[Line]) -> int:
    """How many ask for somebody."""
    return sum(1 for line in lines if line.attention is not None)
