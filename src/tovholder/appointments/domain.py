"""What may happen to an appointment: statuses forward only, and time passing changes nothing (domain.md §7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tovholder.base.errors import rule


class Status(StrEnum):
    """Appointment.status (R4); the Danish words of the roadmap beside those it names."""

    PROPOSED = "proposed"  # planlagt
    PENDING = "pending"  # planlagt
    BOOKED = "booked"  # booket; also a passed one whose outcome nobody told
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    WAITLIST = "waitlist"
    FULFILLED = "fulfilled"  # gennemført
    CANCELLED = "cancelled"  # aflyst, with reason and by whom
    NOSHOW = "noshow"  # udeblevet: told by somebody, never concluded
    ENTERED_IN_ERROR = "entered-in-error"  # fejlregistreret

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a correction may follow."""
        return self in TERMINAL


TERMINAL = frozenset({Status.FULFILLED, Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR})
_OUTCOMES = frozenset({Status.FULFILLED, Status.CANCELLED, Status.NOSHOW, Status.ENTERED_IN_ERROR})
_HERE = frozenset({Status.ARRIVED, Status.CHECKED_IN})

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PROPOSED: frozenset({Status.PENDING, Status.WAITLIST, Status.BOOKED}) | _HERE | _OUTCOMES,
    Status.PENDING: frozenset({Status.WAITLIST, Status.BOOKED}) | _HERE | _OUTCOMES,
    Status.WAITLIST: frozenset({Status.BOOKED}) | _HERE | _OUTCOMES,
    Status.BOOKED: _HERE | _OUTCOMES,
    Status.ARRIVED: frozenset({Status.CHECKED_IN}) | _OUTCOMES,
    Status.CHECKED_IN: _OUTCOMES,
    Status.FULFILLED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.CANCELLED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.NOSHOW: frozenset({Status.ENTERED_IN_ERROR}),
    Status.ENTERED_IN_ERROR: frozenset(),
}


class CancelReason(StrEnum):
    """Why an appointment was cancelled, as figures count it; words may stand beside."""

    ILLNESS = "illness"
    ADMITTED = "admitted"
    TRANSPORT = "transport"
    NOT_WANTED = "not-wanted"
    MOVED = "moved"  # another time was agreed
    STAFF = "staff"  # the one who should see the patient could not
    OTHER = "other"


class CancelledBy(StrEnum):
    """Who cancelled."""

    PATIENT = "patient"
    RELATIVE = "relative"
    PROVIDER = "provider"


def may_move(old: Status, new: Status, *, correction: bool = False) -> bool:
    """Whether a status may follow another; a stated correction may change anything not entered in error."""
    if old == new or new in TRANSITIONS[old]:
        return True
    return correction and old is not Status.ENTERED_IN_ERROR


def move(old: Status, new: Status, *, correction: bool = False) -> Status:
    """The new status, or Problem(RULE) with what may follow."""
    if not may_move(old, new, correction=correction):
        allowed = ", ".join(sorted(TRANSITIONS[old])) or "nothing"
        raise rule(
            "Appointment.status",
            f"an appointment cannot go from {old} to {new}",
            f"{allowed}; or a correction with its reason",
            kept="the appointment as it was",
        )
    return new


def status_of(text: object) -> Status:
    """The status a text means, or Problem(RULE)."""
    try:
        return Status(str(text))
    except ValueError:
        raise rule("Appointment.status", "the status is not one of an appointment", ", ".join(Status)) from None


def reason_of(text: str) -> CancelReason:
    """The reason a text means, or Problem(RULE)."""
    try:
        return CancelReason(text)
    except ValueError:
        raise rule("Appointment.cancelationReason", "why it is cancelled is missing", ", ".join(CancelReason)) from None


def canceller_of(text: str) -> CancelledBy:
    """Who cancelled, or Problem(RULE)."""
    try:
        return CancelledBy(text)
    except ValueError:
        raise rule(
            "Appointment.extension('cancelled-by')", "who cancelled is missing", ", ".join(CancelledBy)
        ) from None
