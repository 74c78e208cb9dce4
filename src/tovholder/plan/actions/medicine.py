"""Medicine started, changed or stopped in a course: with its ATC code and reason, and a day to ask how it went."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.packages import Package
from tovholder.packages import model as m
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.domain import INSIDE, ActivityStatus
from tovholder.plan.resources import extensions as e
from tovholder.plan.resources.medicine import REQUEST, STATEMENT, followed_up
from tovholder.plan.values import Activity, Episode, Medicine
from tovholder.store import UnitOfWork

NAME_LENGTH, TEXT_LENGTH = 120, 500
LONGEST_WAIT = 400  # days until a follow-up; farther away is a slip of the keyboard
_ATC = re.compile(r"[A-Z][0-9]{2}(?:[A-Z](?:[A-Z](?:[0-9]{2})?)?)?")
_LEVELS = (1, 3, 4, 5, 7)  # how long an ATC code is at each of its levels


class Change(StrEnum):
    """What is done about the medicine."""

    START = "start"
    CHANGE = "change"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was noted, and the step that follows it up; none where the medicine was stopped."""

    medicine: Medicine
    followup: Activity | None


def group_of(package: Package, atc: str) -> m.Medicine | None:
    """The package's group of medicines a code belongs to."""
    return next((held for held in package.plan.medicines if held.covers(atc)), None)


def code_of(group: m.Medicine) -> str:
    """The code that stands for a whole group: what its codes have in common, at a level ATC has."""
    for length in reversed(_LEVELS):
        heads = {code[:length] for code in group.atc}
        if len(heads) == 1 and len(head := heads.pop()) == length:
            return head
    return ""


def followup_day(package: Package, atc: str, change: Change, day: int) -> int | None:
    """The day the package would follow it up; None where it says nothing about the medicine, or it was stopped."""
    group = group_of(package, atc)
    if group is None or change is Change.STOP:
        return None
    return day + (group.start_days if change is Change.START else group.change_days)


def record_medicine(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    change: Change,
    name: str,
    atc: str,
    reason: str,
    dosage: str = "",
    day: int | None = None,
    due_day: int | None = None,
) -> Recorded:
    """Note that medicine was started, changed or stopped, and plan the follow-up.

    A doctor's decision is kept as a MedicationRequest with intent "plan", what clinic staff note as a
    MedicationStatement; neither is a prescription. ``due_day``: when to follow up; None: as the package says for the
    medicine's group. A change or a stop closes what stood before and takes its open follow-up back.

    Raises Problem(RULE) when something is missing or contradicts itself, Problem(CONFLICT) for what is noted already.
    """
    course.require(ctx, course.CLINIC, "MedicationRequest", "the clinic notes medicine in its courses", "the clinic")
    told = _checked(name, atc, reason, dosage)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_started:
            raise rule("MedicationRequest.extension('workflow-episodeOfCare')", "the course is not running", "start it")
        on = past_day(ctx, day, "MedicationRequest.authoredOn")
        before = [held for held in of_course(_held(uow, patient_id), episode_id) if held[1].same_as(told[1], told[0])]
        current = [pair for pair in before if not pair[1].stopped]
        made = Medicine(
            kind=STATEMENT if ctx.role is Role.STAFF else REQUEST,
            patient_id=patient_id,
            episode_id=episode_id,
            name=told[0],
            atc=told[1],
            reason=told[2],
            dosage=told[3],
            day=on,
            by=ctx.actor if "/" in ctx.actor else None,
            stopped=change is Change.STOP,
            stop_reason=told[2] if change is Change.STOP else "",
            ended_day=on if change is Change.STOP else None,
            replaces=current[-1][1].reference if current and change is not Change.START else None,
        )
        _not_there_already(made, change, [pair[1] for pair in before], current)
        wanted = _due(ctx, course.package(value.package), made.atc, change, on, due_day)
        if change is not Change.START:
            _close(uow, made, current)
            _withdraw(uow, value, {pair[1].reference for pair in current})
        kept = replace(made, id=uow.create(resources.medicine_resource(made)).id)
        return Recorded(kept, None if wanted is None else _followup(uow, value, kept, wanted))


def of_course(items: Iterable[dict[str, Any]], episode_id: str | None) -> list[tuple[dict[str, Any], Medicine]]:
    """The medicines noted in a course as stored and as values, oldest first."""
    found = [(item, resources.read_medicine(item)) for item in items if item.get("status") != "entered-in-error"]
    own = [pair for pair in found if pair[1].episode_id == episode_id]
    return sorted(own, key=lambda pair: (pair[1].day, (pair[0].get("meta") or {}).get("lastUpdated") or ""))


def _held(uow: UnitOfWork, patient_id: str) -> list[dict[str, Any]]:
    return [item for kind in (REQUEST, STATEMENT) for item in course.about(uow, kind, patient_id)]


def _checked(name: str, atc: str, reason: str, dosage: str) -> tuple[str, str, str, str]:
    told = (" ".join(name.split()), atc.strip().upper(), reason.strip(), dosage.strip())
    path = "MedicationRequest.medicationCodeableConcept"
    if not told[0]:
        raise rule(f"{path}.text", "the medicine has no name", "its name, as patient and clinic call it")
    if not _ATC.fullmatch(told[1]):
        raise rule(f"{path}.coding.code", "this is no ATC code", "a code such as R03BB04, or its group")
    if not told[2]:
        raise rule("MedicationRequest.reasonCode.text", "the reason is missing", "why, in words")
    for text, limit in zip(told, (NAME_LENGTH, 7, TEXT_LENGTH, TEXT_LENGTH), strict=True):
        if len(text) > limit:
            raise rule(path, "the text is too long", f"at most {limit} characters")
    return told


def _not_there_already(
    made: Medicine, change: Change, before: list[Medicine], current: list[tuple[dict[str, Any], Medicine]]
) -> None:
    newest = before[-1] if before else None
    twice = newest is not None and all(
        getattr(newest, key) == getattr(made, key) for key in ("day", "reason", "dosage", "stopped")
    )
    running = change is Change.START and bool(current)
    over = change is Change.STOP and newest is not None and newest.stopped
    if twice or running or over:
        message = "it is noted as running already" if running and not twice else "the same is noted already"
        issue = Issue("MedicationRequest", message, "a change or a stop of it, or other medicine", "duplicate")
        raise Problem(Category.CONFLICT, "The medicine is noted already", [issue], kept="the medicine as it was")


def _due(
    ctx: Context, package: Package, atc: str, change: Change, on: int, asked: int | None
) -> tuple[int, m.Medicine] | None:
    """When to follow up, and the group whose kind of visit it is."""
    if change is Change.STOP and asked is None:
        return None
    path = "ServiceRequest.extension('due')"
    if not package.plan.medicines:
        raise rule(path, "the package knows no follow-up of medicine", "a package with medicines in plan.toml")
    group = group_of(package, atc) or package.plan.medicines[0]
    if asked is None:
        own = followup_day(package, atc, change, on)
        if own is None:
            raise rule(path, "the package says nothing about this medicine", "the day to follow it up")
        return max(own, ctx.today), group
    if asked < max(on, ctx.today) or asked > ctx.today + LONGEST_WAIT:
        limits = f"{days.iso(max(on, ctx.today))} to {days.iso(ctx.today + LONGEST_WAIT)}"
        raise rule(path, "the follow-up lies before today or too far away", limits)
    return asked, group


def _close(uow: UnitOfWork, made: Medicine, current: list[tuple[dict[str, Any], Medicine]]) -> None:
    """What stood before is over. A doctor's decision is closed by a doctor; what staff note stands beside it."""
    for stored, old in current:
        if old.kind == REQUEST and made.kind != REQUEST:
            continue
        closed = replace(old, stopped=True, stop_reason=made.reason, ended_day=made.day)
        uow.update(resources.medicine_resource(closed, stored))


def _withdraw(uow: UnitOfWork, value: Episode, references: set[str]) -> None:
    """Open follow-ups of what is over are taken back: the new one follows up what holds now."""
    for stored, activity in course.activities(uow, value.patient_id, value.id or ""):
        if activity.status.is_open and followed_up(stored) & references:
            uow.update(resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), stored))


def _followup(uow: UnitOfWork, value: Episode, medicine: Medicine, wanted: tuple[int, m.Medicine]) -> Activity:
    """The step in the plan. It names the medicine by reference alone: who may read the plan but not the medicine,
    reads that something is followed up and not what."""
    assert value.id is not None
    found = course.valid_plan(uow, value.patient_id, value.id)
    if found is None:
        raise rule("ServiceRequest.basedOn", "the course has no plan", "make a plan first", kept="nothing was noted")
    stored, plan = found
    due, group = wanted
    activity = Activity(
        patient_id=value.patient_id,
        episode_id=value.id,
        plan_id=plan.id,
        package=value.package,
        kind=group.followup,
        title=course.package(value.package).kind_title(group.followup, "da"),
        status=ActivityStatus.ACTIVE,
        performer_kind=group.performer,
        due_day=due,
        window_start_day=max(due - group.window_before_days, uow.ctx.today),
        window_end_day=due + group.window_after_days,
        performer_id=value.organization_id if group.performer in INSIDE else None,
        authored_day=uow.ctx.today,
    )
    written = resources.activity_resource(activity, intent="plan")
    e.put(written, "supportingInfo", [{"reference": medicine.reference}])
    made = replace(activity, id=uow.create(written).id)
    assert made.id is not None
    uow.update(resources.plan_resource(replace(plan, activity_ids=(*plan.activity_ids, made.id)), stored))
    return made


__all__ = ["Change", "Recorded", "code_of", "followup_day", "group_of", "of_course", "record_medicine"]
