"""What a package has for one kind of receiver: the kinds of appointment that are its to keep, and what it reports."""

from __future__ import annotations

from tovholder.packages.common import Text
from tovholder.packages.model import Package


def kinds_for(package: Package, receiver_kind: str) -> tuple[tuple[str, Text], ...]:
    """The kinds of appointment of a package that are this kind of receiver's to keep, each with what it is called.

    A referral that no kind of appointment is named for is a kind of its own. All of the package where it names none.
    """
    sent = [item for item in package.referrals if receiver_kind in item.receiver_kinds]
    ours = {item.id for item in sent}
    carried = [item for item in package.plan.activities if item.performer == receiver_kind or item.referral in ours]
    named = ours | {item.kind for item in carried}
    kinds = [
        (item.kind, item.title) for item in package.appointment_kinds if item.kind in named or named & set(item.covers)
    ]
    known = {kind for kind, _ in kinds} | {str(item.referral) for item in carried}
    kinds += [(item.id, item.title) for item in sent if item.id not in known]
    return tuple(kinds) or tuple((item.kind, item.title) for item in package.appointment_kinds)


def reports_of(package: Package, receiver_kind: str) -> tuple[str, ...]:
    """The inputs this kind of receiver measures and reports in a package."""
    named = [name for item in package.referrals if receiver_kind in item.receiver_kinds for name in item.reports]
    return tuple(dict.fromkeys(named))
