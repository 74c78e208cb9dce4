"""Hospital notifications taken in: a stay is one Encounter however often it is told of, and its end plans what follows.

A message that repeats or comes late changes nothing, so that a feed that repeats and reorders itself ends the same. That a
new assessment is asked for after a stay follows from the Encounter (plan/review.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tovholder import packages, store
from tovholder.access import Context, Role, persons
from tovholder.access.policy import decide
from tovholder.appointments.hospital_message import Notice
from tovholder.base import days
from tovholder.base.errors import forbidden, not_found
from tovholder.fhir import systems
from tovholder.plan import course, resources
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.happenings import ADMISSIONS
from tovholder.plan.inputs import facts
from tovholder.plan.schedule import PlannedActivity, schedule
from tovholder.plan.values import Activity, Episode, Plan
from tovholder.store import UnitOfWork

Json = dict[str, Any]


class Outcome(StrEnum):
    """What became of a message."""

    NEW = "new"  # the stay was not known
    CHANGED = "changed"
    KNOWN = "known"  # told before, or something newer is known of the stay


@dataclass(frozen=True, slots=True)
class Taken:
    """The stay the message is about, what became of it, and the steps it planned (or took back)."""

    encounter_id: str
    outcome: Outcome
    planned: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()


def take(ctx: Context, notice: Notice) -> Taken:
    """Take in one notice. Raises Problem: FORBIDDEN for who is no system, NOT_FOUND for somebody who is not here."""
    if ctx.role is not Role.SYSTEM:
        raise forbidden("MessageHeader.source", "notifications come from hospitals' systems", "a system client")
    for action in ("create", "update"):  # asked first: what is known of a stay is for those who may tell of it
        if decide(ctx, action, "Encounter").nothing:
            raise forbidden("Encounter", f"the sender may not {action} stays", "system/Encounter.cru")
    patient_id = _patient(ctx, notice)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        held = _held(uow, notice, patient_id)
        if held is not None and _told_ms(held) >= notice.told_ms:
            return Taken(str(held["id"]), Outcome.KNOWN)
        made = _encounter(uow, notice, patient_id, held)
        identity = uow.create(made).id if held is None else uow.update(made).id
        planned: tuple[str, ...] = ()
        back: tuple[str, ...] = ()
        if notice.status == "entered-in-error":
            back = _taken_back(uow, patient_id, identity)
        elif notice.status == "finished" and notice.kind in ADMISSIONS:
            planned = _planned(uow, patient_id, identity)
        return Taken(identity, Outcome.NEW if held is None else Outcome.CHANGED, planned, back)


def _patient(ctx: Context, notice: Notice) -> str:
    asked = ",".join(f"{systems.CPR}|{one}" for one in persons.spellings(notice.cpr))
    found = store.search_all(ctx, "Patient", [("identifier", asked)]) if asked else []
    if len(found) != 1:
        raise not_found("The patient of the message")
    return str(found[0].id)


def _held(uow: UnitOfWork, notice: Notice, patient_id: str) -> Json | None:
    """The stay as it is known, by any of its identifiers: looked for in our own hand, since what a sender may not search
    for is there all the same, and a second Encounter would be a second stay.
    """
    wanted = set(notice.stay)
    for item in uow.as_system("appointments").find("Encounter", [("patient", f"Patient/{patient_id}")]):
        if wanted & {(str(one.get("system")), str(one.get("value"))) for one in item.get("identifier") or ()}:
            return item
    return None


def _told_ms(encounter: Json) -> int:
    for one in encounter.get("extension") or ():
        if one.get("url") == systems.STAY_MESSAGE_EXTENSION:
            return days.millis(days.parse_instant(str(one.get("valueInstant"))))
    return 0


def _encounter(uow: UnitOfWork, notice: Notice, patient_id: str, held: Json | None) -> Json:
    base = dict(held or {"resourceType": "Encounter"})
    known = {(str(one.get("system")), str(one.get("value"))) for one in base.get("identifier") or ()}
    others = [one for one in base.get("extension") or () if one.get("url") != systems.STAY_MESSAGE_EXTENSION]
    made: Json = {
        **base,
        "identifier": [
            *(base.get("identifier") or ()),
            *({"system": system, "value": value} for system, value in notice.stay if (system, value) not in known),
        ],
        "status": notice.status,
        "class": {"system": systems.ACT_CODE, "code": notice.kind},
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": {"start": notice.start, **({"end": notice.end} if notice.end else {})},
        "extension": [
            *others, {"url": systems.STAY_MESSAGE_EXTENSION, "valueInstant": days.instant_of(notice.told_ms)},
        ],
    }  # fmt: skip
    place = _place(uow, notice)
    if place:
        made["serviceProvider"] = place
    return made


def _place(uow: UnitOfWork, notice: Notice) -> Json:
    """The hospital in the directory, by SOR; where it is not there, by name and number alone."""
    told: Json = {"display": notice.place} if notice.place else {}
    if not notice.sor:
        return told
    found = uow.as_system("appointments").find("Organization", [("identifier", f"{systems.SOR}|{notice.sor}")])
    if len(found) == 1:
        return {"reference": f"Organization/{found[0]['id']}", **told}
    return {"identifier": {"system": systems.SOR, "value": notice.sor}, **told}


def _planned(uow: UnitOfWork, patient_id: str, encounter_id: str) -> tuple[str, ...]:
    """The steps the packages of the patient's plans ask for after a stay, put into the plans that lack them."""
    hand = uow.as_system("appointments")
    made: list[str] = []
    for item in course.about(hand, "EpisodeOfCare", patient_id):
        value = resources.read_episode(item)
        found = course.valid_plan(hand, patient_id, value.id or "") if value.id else None
        held = packages.builtin().get(value.package)
        if found is None or held is None or not value.phase.is_started or not held.makes_plans:
            continue
        stored, plan = found
        if plan.confirmed_day is None:
            continue  # what is confirmed later is planned from the record as it is then
        steps = [step for step in _after_a_stay(hand, value) if not _is_there(hand, value, step)]
        if steps:
            added = [_put_in(hand, value, plan, step, encounter_id) for step in steps]
            ids = (*plan.activity_ids, *added)
            hand.update(resources.plan_resource(replace(plan, activity_ids=ids), stored))
            made += added
    return tuple(made)


def _after_a_stay(hand: UnitOfWork, value: Episode) -> list[PlannedActivity]:
    """The package's steps that count from a hospital contact, as they fall for this patient now."""
    held = packages.get(value.package)
    contacts = {one.name for one in held.level.inputs if any(source.kind == "contacts" for source in one.sources)}
    wanted = {one.id for one in held.plan.activities if one.anchor_input in contacts}
    if not wanted:
        return []
    decided = course.decisions(course.about(hand, "Observation", value.patient_id), value.id or "")
    level = int(decided[-1].level) if decided else None
    today = hand.ctx.today
    asked = facts(held, course.record(hand, value.patient_id, held), today, level=level)
    found = schedule(held, level, asked.grade, today, asked, diagnosed_day=value.diagnosed_day)
    return [one for one in found.activities if one.id in wanted]


def _is_there(hand: UnitOfWork, value: Episode, step: PlannedActivity) -> bool:
    """Whether the plan has the step already, or had it done, in the window it would have."""
    for _, item in course.activities(hand, value.patient_id, value.id or ""):
        day = item.done_day if item.done_day is not None else item.due_day
        counts = item.status.is_open or item.status is ActivityStatus.COMPLETED
        if counts and item.step == step.id and day is not None and day >= step.window_start_day:
            return True
    return False


def _put_in(hand: UnitOfWork, value: Episode, plan: Plan, step: PlannedActivity, encounter_id: str) -> str:
    activity = Activity(
        patient_id=value.patient_id,
        episode_id=str(value.id),
        plan_id=plan.id,
        package=value.package,
        kind=step.kind,
        title=step.title.da,
        status=ActivityStatus.ACTIVE,
        performer_kind=step.performer,
        due_day=step.due_day,
        window_start_day=step.window_start_day,
        window_end_day=step.window_end_day,
        performer_id=value.organization_id if step.performer in ("gp", "nurse") else None,
        authored_day=hand.ctx.today,
        step=step.id,
        step_version=plan.package_version,
    )
    made = resources.activity_resource(activity, intent="plan")
    made["supportingInfo"] = [{"reference": f"Encounter/{encounter_id}"}]
    return str(hand.create(made).id)


def _taken_back(uow: UnitOfWork, patient_id: str, encounter_id: str) -> tuple[str, ...]:
    """The open steps a stay planned that never was."""
    hand = uow.as_system("appointments")
    back: list[str] = []
    for stored in course.about(hand, "ServiceRequest", patient_id):
        grounds = {one.get("reference") for one in stored.get("supportingInfo") or ()}
        activity = resources.read_activity(stored)
        if grounds == {f"Encounter/{encounter_id}"} and activity.status.is_open and activity.step:
            hand.update(resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), stored))
            back.append(str(stored["id"]))
    return tuple(back)
