"""A receiver's file of visits taken in: each row whole or not at all, the same file twice once, a changed row a correction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tovholder import packages, store
from tovholder.access import Context, persons
from tovholder.appointments import actions
from tovholder.appointments.domain import Status, status_of
from tovholder.appointments.visits_file import Bad, Fault, Row
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.packages import receivers
from tovholder.plan import actions as plan
from tovholder.plan import course, resources
from tovholder.plan.values import Appointment, Episode
from tovholder.store import UnitOfWork

CORRECTION = "Rettet i en indlæst fil"
_OPEN = (Status.PROPOSED, Status.PENDING, Status.BOOKED, Status.WAITLIST, Status.ARRIVED, Status.CHECKED_IN)
_FAULTS = {Category.FORBIDDEN: Fault.MAY_NOT, Category.NOT_FOUND: Fault.MAY_NOT, Category.INVALID: Fault.OUTSIDE}


class Outcome(StrEnum):
    """What became of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Taken:
    """One row that was taken in."""

    line: int
    number: str
    outcome: Outcome


class _Dry(Exception):
    """Everything of the row went well, and nothing of it is to stay."""


class _Aside(Exception):
    def __init__(self, fault: Fault, told: str = "") -> None:
        super().__init__(fault)
        self.fault, self.told = fault, told


def take(ctx: Context, rows: Iterable[Row | Bad], *, receiver_kind: str, dry: bool = False) -> list[Taken | Bad]:
    """Take in the rows one by one; a bad one is set aside and the others go in. ``dry``: only say what would happen.

    receiver_kind: what kind of receiver the actor's organisation is. Raises Problem only for what stops every row.
    """
    course.require(ctx, course.ACTORS, "Appointment", "this role may not keep appointments", "a receiver")
    return [row if isinstance(row, Bad) else _one(ctx, row, receiver_kind, dry=dry) for row in rows]


def _one(ctx: Context, row: Row, receiver_kind: str, *, dry: bool) -> Taken | Bad:
    outcome = Outcome.UNCHANGED
    try:
        patient_id = _patient(ctx, row.cpr)
        with store.unit_of_work(ctx, patients=[patient_id]) as uow:
            outcome = _written(ctx, uow, row, patient_id, receiver_kind)
            if dry:
                raise _Dry
    except _Dry:
        pass
    except _Aside as aside:
        return Bad(row.line, row.number, aside.fault, aside.told)
    except Problem as problem:
        fault = _FAULTS.get(problem.category, Fault.REFUSED)
        if days.day_of(row.start) > ctx.today and row.status in (Status.FULFILLED, Status.NOSHOW):
            fault = Fault.AHEAD
        return Bad(row.line, row.number, fault)
    return Taken(row.line, row.number, outcome)


def _patient(ctx: Context, cpr: str) -> str:
    """The patient with the number whom the actor sees; who is not seen and who is not there are told alike."""
    asked = ",".join(f"{systems.CPR}|{one}" for one in persons.spellings(cpr))
    found = store.search_all(ctx, "Patient", [("identifier", asked)])
    if len(found) != 1:
        raise _Aside(Fault.PATIENT)
    return str(found[0].id)


def _written(ctx: Context, uow: UnitOfWork, row: Row, patient_id: str, receiver_kind: str) -> Outcome:
    held = _held(ctx, uow, row, patient_id)
    if held is None and row.status is Status.ENTERED_IN_ERROR:
        return Outcome.UNCHANGED  # what should not have been there was never taken in
    episode, kind = _course(ctx, uow, row, patient_id, receiver_kind, held)
    outcome = Outcome.UNCHANGED
    if held is None:
        held = _made(ctx, uow, row, patient_id, episode, kind)
        outcome = Outcome.NEW
    elif _moved(ctx, row, patient_id, held):
        outcome = Outcome.CHANGED
    if _told(ctx, uow, row, patient_id, held) and outcome is Outcome.UNCHANGED:
        outcome = Outcome.CHANGED
    if row.status is Status.FULFILLED and _scored(ctx, row, episode) and outcome is Outcome.UNCHANGED:
        outcome = Outcome.CHANGED
    return outcome


def _identifier(ctx: Context, row: Row) -> dict[str, str]:
    return {"system": systems.VISIT_IDENTIFIER, "value": f"{ctx.organization}/{row.number}"}


def _held(ctx: Context, uow: UnitOfWork, row: Row, patient_id: str) -> Appointment | None:
    """The visit of this number; or one that was booked by hand at the same moment, which the number is given to."""
    own = _identifier(ctx, row)
    found = uow.find("Appointment", [("identifier", f"{own['system']}|{own['value']}")])
    if found:
        value = resources.read_appointment(found[0])
        if value.patient_id != patient_id:
            raise _Aside(Fault.OTHERS)
        return value
    for stored in course.about(uow, "Appointment", patient_id):
        value = resources.read_appointment(stored)
        numbered = any(one.get("system") == systems.VISIT_IDENTIFIER for one in stored.get("identifier") or ())
        if value.start == row.start and value.organization_id == ctx.organization and not numbered:
            uow.update({**stored, "identifier": [*(stored.get("identifier") or ()), own]})
            return value
    return None


def _course(
    ctx: Context, uow: UnitOfWork, row: Row, patient_id: str, receiver_kind: str, held: Appointment | None
) -> tuple[Episode, str]:
    """The course and the kind of the visit: as it is held, as the row says, as the one referral or the one course says."""
    found = [resources.read_episode(item) for item in course.about(uow, "EpisodeOfCare", patient_id)]
    started = [one for one in found if one.phase.is_started and one.package in packages.builtin()]
    if held is not None:
        own = next((one for one in found if one.id == held.episode_id), None)
        if own is not None:
            return own, held.kind
    fitting = [
        (one, kind)
        for one in started
        for kind, title in receivers.kinds_for(packages.get(one.package), receiver_kind)
        if not row.kind or row.kind in (kind, title.da.lower(), title.en.lower())
    ]
    if not fitting:
        raise _Aside(Fault.KIND if started and row.kind else Fault.COURSE, row.kind)
    asked = _asked(ctx, uow, patient_id)
    chosen = [pair for pair in fitting if (pair[0].id, pair[1]) in asked] or fitting
    if len({pair[0].id for pair in chosen}) > 1:
        raise _Aside(Fault.COURSE)
    if len(chosen) > 1:
        raise _Aside(Fault.KIND)
    return chosen[0]


def _asked(ctx: Context, uow: UnitOfWork, patient_id: str) -> set[tuple[str | None, str]]:
    """The courses and kinds the actor's organisation was sent a referral for."""
    tasks = [item for item in course.about(uow, "Task", patient_id) if resources.is_referral(item)]
    held = [one for one in map(resources.read_referral, tasks) if one.receiver_id == ctx.organization]
    return {(one.episode_id, one.kind) for one in held}


def _made(ctx: Context, uow: UnitOfWork, row: Row, patient_id: str, episode: Episode, kind: str) -> Appointment:
    made = actions.book(
        ctx, patient_id=patient_id, kind=kind, start=row.start, minutes=row.minutes, episode_id=episode.id
    )
    stored = uow.read("Appointment", str(made.id))
    uow.update({**stored, "identifier": [_identifier(ctx, row)]})
    return made


def _moved(ctx: Context, row: Row, patient_id: str, held: Appointment) -> bool:
    """Whether the row has another moment than the visit, which then has it too; one that is over is opened for it."""
    if held.start == row.start:
        return False
    about = {"patient_id": patient_id, "appointment_id": str(held.id)}
    if status_of(held.status).is_terminal:
        actions.correct(ctx, **about, status=str(Status.BOOKED), reason=CORRECTION)
    actions.reschedule(ctx, **about, start=row.start, minutes=row.minutes)
    return True


def _told(ctx: Context, uow: UnitOfWork, row: Row, patient_id: str, held: Appointment) -> bool:
    """Whether the row tells another outcome than stands there, which then stands there."""
    about = {"patient_id": patient_id, "appointment_id": str(held.id)}
    before = status_of(resources.read_appointment(uow.read("Appointment", str(held.id))).status)
    if before is row.status or (row.status is Status.BOOKED and before in _OPEN):
        return False
    if before.is_terminal or row.status in (Status.BOOKED, Status.ENTERED_IN_ERROR):
        actions.correct(ctx, **about, status=str(row.status), reason=CORRECTION)
    elif row.status is Status.FULFILLED:
        actions.mark_fulfilled(ctx, **about)
    elif row.status is Status.NOSHOW:
        actions.mark_noshow(ctx, **about)
    else:
        actions.cancel(
            ctx, **about, reason=str(row.reason), by=str(row.by), text=CORRECTION if row.reason == "other" else ""
        )
    return True


def _scored(ctx: Context, row: Row, episode: Episode) -> bool:
    """Whether a score of the visit was new or another than before."""
    changed = False
    known = {item.name for item in packages.get(episode.package).level.inputs}
    for name, value in row.scores.items():
        if name not in known:
            raise _Aside(Fault.OUTSIDE, name)
        made = plan.record_measurement(
            ctx,
            patient_id=episode.patient_id,
            episode_id=str(episode.id),
            name=name,
            value=value,
            day=days.day_of(row.start),
        )
        changed = changed or made.changed
    return changed
