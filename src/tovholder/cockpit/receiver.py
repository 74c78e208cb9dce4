"""A receiver's own list: whom it has been sent, whom it sees, and what each of them waits for.

Read in the receiver's own scope, so a referral leaves the list when its relation to the patient ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.cockpit.queries import full_name, patient_names
from tovholder.plan import resources
from tovholder.plan.values import Appointment, Referral
from tovholder.referral.domain import Status
from tovholder.referral.queries import deadline_of

LOOKS_BACK = 60  # days in which a time without outcome is still asked about
WEEKS_DAYS = 14  # the same, and days ahead, for a place that sees very many
_UNANSWERED = frozenset({Status.REQUESTED, Status.RECEIVED})
_TAKEN = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD})
_AGREED = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})
_CHUNK = 200


class Wait(StrEnum):
    """What a patient waits for from the receiver; the first that holds."""

    ANSWER = "answer"  # the referral is not answered
    OUTCOME = "outcome"  # a time has passed, and nobody has told how it went
    BOOK = "book"  # taken on, and no time is agreed
    CALM = "calm"  # a time is agreed, or the patient came without a referral and nothing is agreed
    OVER = "over"  # the referral is closed, and nothing is agreed

    @property
    def asks(self) -> bool:
        """Whether somebody has to do something."""
        return self in (Wait.ANSWER, Wait.OUTCOME, Wait.BOOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One patient with one referral, or without. deadline_day: the last day an offer may begin, while it has not."""

    patient_id: str
    name: str
    wait: Wait
    referral: Referral | None = None
    package: str = ""
    deadline_day: int | None = None
    coming: Appointment | None = None
    passed: Appointment | None = None  # the oldest without outcome


def worklist(ctx: Context, *, everyone: bool = True) -> tuple[Line, ...]:
    """Whom the receiver may see now, those who wait for it first, then by the right's last day and by age.

    everyone: without it those with a referral or a time of these weeks alone, for a place that sees very many.
    """
    ours = places_of(ctx)
    referrals = _referrals(ctx, ours)
    packages = _packages(ctx, referrals)
    times = _times(ctx, ours, None if everyone else WEEKS_DAYS)
    if everyone:
        names = {entry.id: full_name(entry.resource) for entry in store.search_all(ctx, "Patient", [])}
    else:
        names = patient_names(ctx, sorted({*times, *(one.patient_id for one in referrals)}))
    found: list[Line] = []
    for one in referrals:
        if one.patient_id in names:
            found.append(_of_referral(one, names, packages, times.get(one.patient_id, ()), ctx))
    held = {line.patient_id for line in found if line.wait is not Wait.OVER}
    over = {line.patient_id for line in found} - held
    for patient_id, name in names.items():
        own = times.get(patient_id, ())
        coming, passed = _coming(own, ctx), _passed(own, ctx)
        if patient_id in held or (patient_id in over and coming is None and passed is None):
            continue
        wait = Wait.OUTCOME if passed else Wait.CALM
        found.append(Line(patient_id=patient_id, name=name, wait=wait, coming=coming, passed=passed))
    return tuple(sorted(found, key=_order))


def places_of(ctx: Context) -> frozenset[str]:
    """The organisations the actor works for: their own, and its units."""
    return frozenset({ctx.organization or "", *ctx.units} - {""})


def _referrals(ctx: Context, ours: frozenset[str]) -> list[Referral]:
    if not ours:
        return []
    asked = ",".join(f"Organization/{one}" for one in sorted(ours))
    return [
        resources.read_referral(entry.resource)
        for entry in store.search_all(ctx, "Task", [("owner", asked)])
        if resources.is_referral(entry.resource) and entry.resource.get("status") != Status.ENTERED_IN_ERROR
    ]


def _packages(ctx: Context, referrals: Iterable[Referral]) -> dict[str, str]:
    """The package of each course that is referred from."""
    wanted = sorted({one.episode_id for one in referrals if one.episode_id})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        asked = ",".join(wanted[start : start + _CHUNK])
        for entry in store.search_all(ctx, "EpisodeOfCare", [("_id", asked)]):
            found[entry.id] = resources.package_of(entry.resource) or ""
    return found


def _times(ctx: Context, ours: frozenset[str], within: int | None) -> Mapping[str, tuple[Appointment, ...]]:
    """The receiver's own appointments that have no outcome, by patient, the earliest first. within: days each way."""
    asked = [("date", f"ge{days.iso(ctx.today - (within or LOOKS_BACK))}"), ("status", ",".join(sorted(_AGREED)))]
    if within is not None:
        asked.append(("date", f"le{days.iso(ctx.today + within)}"))
    found: dict[str, list[Appointment]] = {}
    for entry in store.search_all(ctx, "Appointment", asked):
        one = resources.read_appointment(entry.resource)
        if one.organization_id in ours and one.start is not None:
            found.setdefault(one.patient_id, []).append(one)
    return {patient: tuple(sorted(held, key=_when)) for patient, held in found.items()}


def _when(one: Appointment) -> float:
    return one.start.timestamp() if one.start else 0.0


def _coming(own: Iterable[Appointment], ctx: Context) -> Appointment | None:
    return next((one for one in own if one.start is not None and one.start > ctx.now), None)


def _passed(own: Iterable[Appointment], ctx: Context) -> Appointment | None:
    return next((one for one in own if one.start is not None and one.start <= ctx.now), None)


def _of_referral(
    one: Referral, names: Mapping[str, str], packages: Mapping[str, str], own: tuple[Appointment, ...], ctx: Context
) -> Line:
    package = packages.get(one.episode_id or "", "")
    coming, passed = _coming(own, ctx), _passed(own, ctx)
    if one.status in _UNANSWERED:
        wait = Wait.ANSWER
    elif one.status in _TAKEN:
        wait = Wait.OUTCOME if passed else Wait.CALM if coming else Wait.BOOK
    else:
        wait, coming, passed = Wait.OVER, None, None
    return Line(
        patient_id=one.patient_id,
        name=names[one.patient_id],
        wait=wait,
        referral=one,
        package=package,
        deadline_day=deadline_of(package, one.kind, one.receiver_kind, one.asked_day)
        if one.started_day is None and wait is not Wait.OVER
        else None,
        coming=coming,
        passed=passed,
    )


def _order(line: Line) -> tuple[object, ...]:
    sent = line.referral.sent_day if line.referral else 0
    newest_first = -(line.referral.completed_day or 0) if line.wait is Wait.OVER and line.referral else 0
    return (
        list(Wait).index(line.wait),
        line.deadline_day is None,
        line.deadline_day or 0,
        newest_first,
        _when(line.coming) if line.coming else 0.0,
        sent,
        line.name,
        line.patient_id,
    )
