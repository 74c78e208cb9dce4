"""The round trip of a referral: what may follow what, and why one stops (domain.md §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tovholder.base.errors import rule


class Status(StrEnum):
    """Task.status (R4) as a referral uses it."""

    REQUESTED = "requested"  # sent
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"  # started
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"  # stopped
    FAILED = "failed"
    ENTERED_IN_ERROR = "entered-in-error"


# Nobody took the patient: it still has to be done, and the right's clock runs on.
REFUSED = frozenset({Status.REJECTED, Status.FAILED})
_STOPS = frozenset({Status.CANCELLED, Status.FAILED, Status.ENTERED_IN_ERROR})
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.REQUESTED: frozenset({Status.RECEIVED, Status.ACCEPTED, Status.REJECTED, Status.IN_PROGRESS}) | _STOPS,
    Status.RECEIVED: frozenset({Status.ACCEPTED, Status.REJECTED, Status.IN_PROGRESS}) | _STOPS,
    Status.ACCEPTED: frozenset({Status.IN_PROGRESS, Status.REJECTED}) | _STOPS,
    Status.IN_PROGRESS: frozenset({Status.ON_HOLD, Status.COMPLETED}) | _STOPS,
    Status.ON_HOLD: frozenset({Status.IN_PROGRESS, Status.COMPLETED}) | _STOPS,
    Status.REJECTED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.COMPLETED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.CANCELLED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.FAILED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.ENTERED_IN_ERROR: frozenset(),
}


class StopReason(StrEnum):
    """Why an offer stopped or was refused, as figures and flags count it; words may stand beside."""

    PATIENT_DECLINED = "patient-declined"  # never wanted to begin
    PATIENT_STOPPED = "patient-stopped"  # began and did not wish to go on
    NO_SHOW = "no-show"
    NO_CONTACT = "no-contact"
    NO_FURTHER_NEED = "no-further-need"
    OTHER_ILLNESS = "other-illness"
    TRANSPORT = "transport"
    NO_CAPACITY = "no-capacity"
    NOT_SUITABLE = "not-suitable"
    WITHDRAWN = "withdrawn"  # by the clinic that sent it
    DIED = "died"
    OTHER = "other"


def may_move(old: Status, new: Status) -> bool:
    """Whether a status may follow another."""
    return old == new or new in TRANSITIONS[old]


def move(old: Status, new: Status) -> Status:
    """The new status, or Problem(RULE) with what may follow."""
    if not may_move(old, new):
        allowed = ", ".join(sorted(TRANSITIONS[old])) or "nothing: the referral is closed"
        raise rule("Task.status", f"a referral cannot go from {old} to {new}", allowed, kept="the referral as it was")
    return new


def status_of(text: object) -> Status:
    """The status a text means, or Problem(RULE)."""
    try:
        return Status(str(text))
    except ValueError:
        raise rule("Task.status", "the status is not one of a referral", ", ".join(Status)) from None


def reason_of(text: str) -> StopReason:
    """The reason a text means, or Problem(RULE)."""
    try:
        return StopReason(text)
    except ValueError:
        raise rule("Task.statusReason", "why the referral stops is missing", ", ".join(StopReason)) from None
