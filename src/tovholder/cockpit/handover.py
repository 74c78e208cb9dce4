"""A change of practice as the two clinics see it: what goes along, the telling that a patient has moved, and taking over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.appointments import actions as appointments
from tovholder.appointments.domain import CancelledBy, CancelReason
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.cockpit import handling, queries
from tovholder.cockpit.ranking import OpenFlag
from tovholder.packages import Package
from tovholder.plan import closing, course, resources
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Appointment, Episode, Holding, Plan, Referral
from tovholder.referral import directory
from tovholder.referral import queries as referrals

ELSEWHERE = "elsewhere"  # the patient goes to a clinic that is not in this system
CLINICS = frozenset({"", "gp", "clinic"})  # kinds of organisation a patient may be listed with; "": not told
_LONGEST = 1000
_TO_COME = frozenset({"proposed", "pending", "booked", "waitlist"})
_UNDER_WAY = frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold"})
WAITING = """
SELECT e.patient_id, e.episode_id, e.package, e.phase, e.handed_day, e.deadline_day, e.pause_open_day
FROM episode AS e
WHERE e.handed_day IS NOT NULL AND e.taken_day IS NULL AND e.phase IN ('eligible', 'startup', 'further', 'continuing')
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A patient somebody handed us, and since when. deadline_day: the nearest deadline of a right that runs."""

    patient_id: str
    name: str
    handed_day: int
    packages: tuple[Package, ...]
    deadline_day: int | None


@dataclass(frozen=True, slots=True)
class Along:
    """One course with all that is open in it. previous: the stretch before ours, None where nobody held it."""

    episode: Episode
    package: Package
    plan: Plan | None
    previous: Holding | None
    flags: tuple[OpenFlag, ...]
    put_off: int
    assigned_to: str
    awaits: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """All that goes along with a patient."""

    courses: tuple[Along, ...]
    referrals: tuple[Referral, ...]
    appointments: tuple[Appointment, ...]

    @property
    def known(self) -> str:
        """What names the state a form was made in: which courses are whose."""
        return ".".join(f"{one.episode.id}-{len(one.episode.holdings)}-{one.awaits:d}" for one in self.courses)

    @property
    def awaits(self) -> bool:
        """Whether any of it waits to be taken over."""
        return any(one.awaits for one in self.courses)


def waiting(ctx: Context) -> list[Waiting]:
    """Whom the clinic was handed and has not taken over, the nearest deadline first."""
    rows = store.facts(ctx, WAITING, name="handover")
    names = queries.patient_names(ctx, sorted({row["patient_id"] for row in rows}))
    found = []
    for patient_id in names:
        own = [row for row in rows if row["patient_id"] == patient_id]
        held = [package for row in own if (package := packages.builtin().get(row["package"])) is not None]
        due = [row["deadline_day"] for row in own if row["deadline_day"] is not None and row["phase"] != "continuing"]
        first = min(row["handed_day"] for row in own)
        found.append(Waiting(patient_id, names[patient_id], first, tuple(held), min(due, default=None)))
    return sorted(found, key=lambda one: (one.deadline_day is None, one.deadline_day or 0, one.handed_day, one.name))


def whole(ctx: Context, patient_id: str) -> Whole:
    """What is open about a patient. Raises Problem(NOT_FOUND) for one the actor does not see."""
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role hands no course over", "the clinic")
    store.read(ctx, "Patient", patient_id)
    about = [("patient", f"Patient/{patient_id}")]
    episodes = [resources.read_episode(item.resource) for item in store.search_all(ctx, "EpisodeOfCare", about)]
    mine = [one for one in episodes if one.phase.is_open and one.package in packages.builtin() and one.id]
    plans = [resources.read_plan(item.resource) for item in store.search_all(ctx, "CarePlan", about)]
    flags = queries.open_flags(ctx, [str(one.id) for one in mine])
    handled = handling.standing(ctx, patient_id)
    courses = []
    for one in sorted(mine, key=lambda item: item.package):
        standing = handled.get(str(one.id)) or handling.Standing()
        courses.append(
            Along(
                episode=one,
                package=packages.builtin()[one.package],
                plan=next((plan for plan in plans if plan.episode_id == one.id and plan.status.is_valid), None),
                previous=one.holdings[-2] if len(one.holdings) > 1 else None,
                flags=flags.get(str(one.id), ()),
                put_off=sum(snooze.until_day > ctx.today for snooze in standing.snoozes.values()),
                assigned_to=standing.assigned_to,
                awaits=one.awaits is not None,
            )
        )
    rounds = tuple(one for one in referrals.rounds(ctx, patient_id) if one.status in _UNDER_WAY)
    found = [resources.read_appointment(item.resource) for item in store.search_all(ctx, "Appointment", about)]
    ahead = [one for one in found if one.status in _TO_COME and one.start is not None and one.start >= ctx.now]
    return Whole(tuple(courses), rounds, tuple(sorted(ahead, key=lambda one: (one.start, one.id))))


def _still(ctx: Context, patient_id: str, known: str) -> Whole:
    now = whole(ctx, patient_id)
    if now.known != known:
        raise Problem(
            Category.CONFLICT,
            "The courses have changed hands since",
            [Issue("known", "the courses have changed hands since", "the newest state", "stale")],
            kept="the courses as they are",
        )
    return now


def take_over(ctx: Context, patient_id: str, *, known: str, cancel: Iterable[str] = ()) -> int:
    """Take over every course that waits, and cancel those of the old clinic's appointments that shall not be kept.

    Returns how many courses. Raises Problem(CONFLICT) when they have changed hands since the form was made.
    """
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        now = _still(ctx, patient_id, known)
        taken = [one for one in now.courses if one.awaits]
        if not taken:
            raise Problem(
                Category.CONFLICT,
                "Nothing waits to be taken over",
                [Issue("known", "nothing waits to be taken over", "a course that was handed over", "duplicate")],
                kept="the courses as they are",
            )
        for one in taken:
            stored, value = course.episode(uow, patient_id, str(one.episode.id))
            last = replace(value.holdings[-1], taken_day=ctx.today, taken_by=ctx.actor)
            uow.update(resources.episode_resource(replace(value, holdings=(*value.holdings[:-1], last)), stored))
        ahead = {one.id for one in now.appointments}
        for appointment_id in cancel:
            if appointment_id not in ahead:
                raise not_found("The appointment")
            appointments.cancel(
                ctx,
                patient_id=patient_id,
                appointment_id=appointment_id,
                reason=CancelReason.OTHER,
                by=CancelledBy.PROVIDER,
                text="Patienten har skiftet klinik",
            )
    return len(taken)


def ask(ctx: Context, patient_id: str, *, known: str, text: str) -> None:
    """Keep what the old clinic was asked, as a message to it about the courses: it stands in the record of both."""
    if not text.strip() or len(text) > _LONGEST:
        raise rule("text", "a question has words", f"between 1 and {_LONGEST} characters")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        now = _still(ctx, patient_id, known)
        clinics = {one.previous.organization_id for one in now.courses if one.previous is not None}
        for clinic in sorted(item for item in clinics if item):
            made = closing.notice(uow, patient_id, clinic, text.strip(), [])
            if ctx.actor.startswith("Practitioner/"):
                made["sender"] = {"reference": ctx.actor}
            uow.create(made)


def has_moved(ctx: Context, patient_id: str, *, to: str, known: str) -> int:
    """Tell that the patient has changed clinic: ``to`` is an Organization's id, or ELSEWHERE. Returns how many courses.

    Only the clinic whose list the patient is on may say so. The record's list is set by our own hand: the national
    registry's word comes later and says the same, or sets it right. Raises Problem(NOT_FOUND, FORBIDDEN, RULE, CONFLICT).
    """
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        now = _still(ctx, patient_id, known)
        patient = uow.read("Patient", patient_id)
        listed = [
            found
            for item in patient.get("generalPractitioner") or ()
            if (found := e.id_of(item.get("reference"), "Organization"))
        ]
        mine = {ctx.organization, *ctx.units}
        if not any(one in mine for one in listed) and any(
            one.episode.organization_id not in mine for one in now.courses
        ):
            raise not_found("The patient")
        if to in mine:
            raise rule("to", "the patient is on your own list", "another clinic")
        if to == ELSEWHERE:
            told: list[dict[str, Any]] = [{"type": "Organization", "display": "En klinik uden for systemet"}]
        else:
            receiver = store.read(ctx, "Organization", to).resource
            if directory.kind_of(receiver) not in CLINICS or receiver.get("active") is False:
                raise rule("to", "nobody there keeps a list of patients", "a clinic that is active")
            told = [e.ref("Organization", to)]
        others = [
            item
            for item in patient.get("generalPractitioner") or ()
            if e.id_of(item.get("reference"), "Organization") is None and item.get("type") != "Organization"
        ]
        uow.as_system("handover").update({**patient, "generalPractitioner": [*told, *others]})
    return len(now.courses)


def deadline_left(along: Along, today: int) -> int | None:
    """Days left of the right to a plan, negative when it ran out; None when it does not run or the plan is agreed."""
    clock = along.episode.clock
    if clock is None or clock.deadline_day is None or (along.plan is not None and along.plan.confirmed_day is not None):
        return None
    return clock.deadline_day - today
