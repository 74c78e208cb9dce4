"""What a package has for one kind of receiver: the kinds of appointment that are its to keep, and what it reports."""

from __future__ import annotations

from tovholder.packages.model import Package
from tovholder.packages.model_head import AppointmentKind


def kinds_for(package: Package, receiver_kind: str) -> tuple[AppointmentKind, ...]:
    """The kinds of appointment of a package that are this kind of receiver's to keep; all where it names none."""
    ours = {item.id for item in package.referrals if receiver_kind in item.receiver_kinds}
    named = ours | {
        item.kind for item in package.plan.activities if item.performer == receiver_kind or item.referral in ours
    }
    kinds = tuple(item for item in package.appointment_kinds if item.kind in named or named & set(item.covers))
    return kinds or package.appointment_kinds


def reports_of(package: Package, receiver_kind: str) -> tuple[str, ...]:
    """The inputs this kind of receiver measures and reports in a package."""
    named = [name for item in package.referrals if receiver_kind in item.receiver_kinds for name in item.reports]
    return tuple(dict.fromkeys(named))
