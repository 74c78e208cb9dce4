"""The plan's activities: done, taken back, or added by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.values import Activity
from tovholder.store import UnitOfWork

_WHO = "the clinic keeps the plan's activities"


def _read(uow: UnitOfWork, patient_id: str, activity_id: str) -> tuple[dict[str, Any], Activity]:
    stored = uow.read("ServiceRequest", activity_id)
    activity = resources.read_activity(stored)
    if activity.patient_id != patient_id or not activity.package:
        raise not_found("The activity")
    return stored, activity


def require_open(activity: Activity) -> None:
    """Refuse what would be done to a step that is closed. Raises Problem(CONFLICT)."""
    if not activity.status.is_open:
        raise Problem(
            Category.CONFLICT,
            "The activity is closed already",
            [Issue("ServiceRequest.status", f"the activity is {activity.status}", "an open activity", "conflict")],
            kept="the plan as it was",
        )


def complete_activity(ctx: Context, *, patient_id: str, activity_id: str, done_day: int | None = None) -> Activity:
    """Record that an activity was done, on a day."""
    course.require(ctx, course.CLINIC, "ServiceRequest", _WHO, "the clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, activity = _read(uow, patient_id, activity_id)
        require_open(activity)
        day = past_day(ctx, done_day, "ServiceRequest.extension('done')")
        done = replace(activity, status=ActivityStatus.COMPLETED, done_day=day)
        uow.update(resources.activity_resource(done, stored))
        return done


def cancel_activity(ctx: Context, *, patient_id: str, activity_id: str, reason: str) -> Activity:
    """Take an activity back, with the reason kept beside it."""
    course.require(ctx, course.CLINIC, "ServiceRequest", _WHO, "the clinic")
    if not reason.strip():
        raise rule("ServiceRequest.note", "why the activity is taken back is missing", "the reason, in words")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, activity = _read(uow, patient_id, activity_id)
        require_open(activity)
        revoked = replace(activity, status=ActivityStatus.REVOKED)
        written = resources.activity_resource(revoked, stored)
        written["note"] = [*(stored.get("note") or ()), {"text": reason.strip()}]
        uow.update(written)
        return revoked


def add_activity(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    kind: str,
    due_day: int,
    title: str = "",
    performer_kind: str = "gp",
    window_start_day: int | None = None,
    window_end_day: int | None = None,
) -> Activity:
    """Add an activity to the course's valid plan that the package did not plan by itself."""
    course.require(ctx, course.CLINIC, "ServiceRequest", _WHO, "the clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        found = course.valid_plan(uow, patient_id, episode_id)
        if found is None:
            raise rule("ServiceRequest.basedOn", "the course has no plan", "make a plan first")
        stored, plan = found
        held = course.package(value.package)
        known = {item.kind for item in held.appointment_kinds} | {item.kind for item in held.plan.activities}
        if kind not in known:
            issue = Issue("ServiceRequest.code", "the package has no such activity", ", ".join(sorted(known)), "value")
            raise Problem(Category.INVALID, "The kind of activity is not known", [issue])
        activity = Activity(
            patient_id=patient_id,
            episode_id=episode_id,
            plan_id=plan.id,
            package=value.package,
            kind=kind,
            title=title.strip() or held.kind_title(kind, "da"),
            status=ActivityStatus.ACTIVE,
            performer_kind=performer_kind,
            due_day=due_day,
            window_start_day=due_day - 14 if window_start_day is None else window_start_day,
            window_end_day=due_day + 14 if window_end_day is None else window_end_day,
            performer_id=value.organization_id if performer_kind in ("gp", "nurse") else None,
            authored_day=ctx.today,
        )
        made = replace(activity, id=uow.create(resources.activity_resource(activity, intent="plan")).id)
        assert made.id is not None
        uow.update(resources.plan_resource(replace(plan, activity_ids=(*plan.activity_ids, made.id)), stored))
        return made


__all__ = ["add_activity", "cancel_activity", "complete_activity", "require_open"]
