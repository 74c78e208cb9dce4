"""Changing a confirmed plan piece by piece, by several people at once: nothing is overwritten unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.plan import course, resources
from tovholder.plan.actions.changes import note_change
from tovholder.plan.actions.goals import checked_text
from tovholder.plan.domain import ActivityStatus, PlanStatus
from tovholder.plan.edits import Change, Clash, Edited, NewGoal, NewStep, PlanEdit, clashes
from tovholder.plan.values import Activity, Episode, Goal, Plan
from tovholder.store import UnitOfWork

_TITLE_MAX = 200


def step_values(activity: Activity) -> dict[str, Any]:
    """A step's fields as a page shows and changes them."""
    return {"due": activity.due_day, "title": activity.title, "out": activity.status is ActivityStatus.REVOKED}


def goal_values(goal: Goal) -> dict[str, Any]:
    """A goal's fields as a page shows and changes them."""
    return {"text": goal.text, "target": goal.target_day, "state": goal_state(goal)}


def goal_state(goal: Goal) -> str:
    """Whether a goal still holds, is reached, or was let go."""
    if goal.lifecycle == "completed" or goal.achievement == "achieved":
        return "reached"
    return "dropped" if goal.lifecycle in ("cancelled", "rejected") else "active"


def plan_values(plan: Plan) -> dict[str, Any]:
    """The plan's own fields as a page shows and changes them."""
    return {"review": plan.review_day}


def version_of(stored: Mapping[str, Any]) -> int:
    """The version of a stored resource."""
    return int(stored["meta"]["versionId"])


def edit_plan(ctx: Context, *, patient_id: str, episode_id: str, edit: PlanEdit) -> Edited:
    """Change a confirmed plan's steps, goals and texts. What another changed meanwhile comes back as clashes, and then
    nothing is written; what they changed elsewhere stays as they left it, and is told.

    Raises Problem(RULE) without a confirmed plan, Problem(NOT_FOUND) for a step or goal that is not of the course.
    """
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic changes a plan", "the patient's own clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        found = course.valid_plan(uow, patient_id, episode_id)
        if found is None or found[1].status is PlanStatus.DRAFT:
            raise rule("CarePlan.status", "there is no confirmed plan to change", "make and confirm a plan first")
        stored, plan = found
        steps = {item.id: (held, item) for held, item in course.activities(uow, patient_id, episode_id)}
        goals = {
            str(held.get("id")): (held, item)
            for held in course.about(uow, "Goal", patient_id)
            if (item := resources.read_goal(held)).episode_id == episode_id
        }
        met = [*_plan_clashes(edit.plan, stored, plan)]
        others: list[str] = []
        for change in edit.steps:
            held, step = _one(steps, change, "The step")
            met += _step_clashes(change, held, step)
            if version_of(held) != change.version and _moved(change, step_values(step)):
                others.append(step.title)
        for change in edit.goals:
            held, goal = _one(goals, change, "The goal")
            met += clashes("goal", change, goal_values(goal), version_of(held), title=goal.text, at=_at(held))
            if version_of(held) != change.version and _moved(change, goal_values(goal)):
                others.append(goal.text)
        if met:
            return Edited(clashes=tuple(met))
        return _write(uow, value, stored, plan, edit, steps, goals, tuple(others))


def _one(known: Mapping[Any, Any], change: Change, what: str) -> Any:
    if change.id not in known:
        raise not_found(what)
    return known[change.id]


def _at(stored: Mapping[str, Any]) -> str:
    return str((stored.get("meta") or {}).get("lastUpdated") or "")


def _moved(change: Change, current: Mapping[str, Any]) -> bool:
    return any(current.get(name) != was for name, was in change.was.items() if name not in change.fields)


def _plan_clashes(change: Change, stored: Mapping[str, Any], plan: Plan) -> tuple[Clash, ...]:
    return clashes("plan", change, plan_values(plan), version_of(stored), title="", at=_at(stored))


def _step_clashes(change: Change, stored: Mapping[str, Any], step: Activity) -> tuple[Clash, ...]:
    version = version_of(stored)
    if change.fields and not step.status.is_open:
        done = "done" if step.done_day is not None else "out"
        return (Clash("step", change.id, "gone", None, done, None, version, step.title, _at(stored)),)
    return clashes("step", change, step_values(step), version, title=step.title, at=_at(stored))


def _write(
    uow: UnitOfWork,
    value: Episode,
    stored: dict[str, Any],
    plan: Plan,
    edit: PlanEdit,
    steps: Mapping[Any, tuple[dict[str, Any], Activity]],
    goals: Mapping[str, tuple[dict[str, Any], Goal]],
    others: tuple[str, ...],
) -> Edited:
    written: list[store.Stored] = []
    for change in edit.steps:
        if change.asks_more_than(step_values(steps[change.id][1])):
            written.append(uow.update(_step(change, *steps[change.id])))
    for change in edit.goals:
        if change.asks_more_than(goal_values(goals[change.id][1])):
            written.append(uow.update(_goal(change, *goals[change.id])))
    # A form sent twice, or from two windows, adds its own step or goal once.
    there = {(step.kind, step.title, step.due_day) for _, step in steps.values() if step.status.is_open}
    said = {(goal.text, goal.by_patient) for _, goal in goals.values() if goal_state(goal) == "active"}
    held = course.package(value.package)
    fresh = [replace(item, title=item.title.strip() or held.kind_title(item.kind, "da")) for item in edit.new_steps]
    more_steps = [
        uow.create(_new_step(uow, value, plan, item))
        for item in fresh
        if (item.kind, item.title, item.due_day) not in there
    ]
    more_goals = [
        uow.create(_new_goal(uow, value, item))
        for item in edit.new_goals
        if (item.text.strip(), item.by_patient) not in said
    ]
    of_plan = edit.plan.asks_more_than(plan_values(plan))
    if not written and not more_steps and not more_goals and not of_plan:
        return Edited(others=others)
    dropped = {change.id for change in edit.goals if change.now.get("state") == "dropped"}
    kept = tuple(item for item in plan.goal_ids if item not in dropped)
    changed = replace(
        plan,
        shared_day=uow.ctx.today,
        review_day=edit.plan.now.get("review", plan.review_day) if edit.plan.fields else plan.review_day,
        goal_ids=(*kept, *(item.id for item in more_goals)),
        activity_ids=(*plan.activity_ids, *(item.id for item in more_steps)),
        no_goal_reason=None if more_goals else plan.no_goal_reason,
    )
    if not changed.goal_ids and not changed.no_goal_reason:
        raise rule(
            "CarePlan.goal",
            "the plan would have neither a goal nor a reason for none",
            "keep a goal, or write a new one",
            kept="the plan as it was",
        )
    written += [*more_steps, *more_goals, uow.update(resources.plan_resource(changed, stored))]
    note_change(uow, value, written)
    return Edited(changed=tuple(f"{item.type}/{item.id}" for item in written), others=others)


def _step(change: Change, stored: dict[str, Any], step: Activity) -> dict[str, Any]:
    wanted = {**step_values(step), **{name: change.now[name] for name in change.fields}}
    title = str(wanted["title"]).strip()
    if not title or len(title) > _TITLE_MAX:
        raise _wrong("ServiceRequest.code.text", "the step has no words, or too many", f"1 to {_TITLE_MAX} characters")
    moved = step
    if wanted["due"] is not None and wanted["due"] != step.due_day:
        by = wanted["due"] - step.due_day if step.due_day is not None else None
        moved = replace(
            step,
            due_day=wanted["due"],
            window_start_day=_later(step.window_start_day, by, wanted["due"]),
            window_end_day=_later(step.window_end_day, by, wanted["due"]),
        )
    moved = replace(moved, title=title)
    if not wanted["out"]:
        return resources.activity_resource(moved, stored)
    if not change.reason.strip():
        raise _wrong("ServiceRequest.note", "why the step is left out is missing", "the reason, in words")
    made = resources.activity_resource(replace(moved, status=ActivityStatus.REVOKED), stored)
    made["note"] = [*(stored.get("note") or ()), {"text": change.reason.strip()}]
    return made


def _later(day: int | None, by: int | None, due: int) -> int:
    """The end of a window moves along with its day; without one it is a fortnight either way."""
    return due if day is None or by is None else day + by


def _goal(change: Change, stored: dict[str, Any], goal: Goal) -> dict[str, Any]:
    wanted = {**goal_values(goal), **{name: change.now[name] for name in change.fields}}
    made = replace(goal, text=checked_text(str(wanted["text"])), target_day=wanted["target"])
    if "state" in change.fields:
        state = wanted["state"]
        made = replace(
            made,
            lifecycle={"reached": "completed", "dropped": "cancelled", "active": "active"}[state],
            achievement="achieved" if state == "reached" else made.achievement,
        )
    resource = resources.goal_resource(made, stored)
    if wanted["target"] is None and "target" in change.fields:
        for item in resource.get("target") or ():
            item.pop("dueDate", None)
        resource["target"] = [item for item in resource.get("target") or () if item]
        if not resource["target"]:
            resource.pop("target")
    return resource


def _new_step(uow: UnitOfWork, value: Episode, plan: Plan, item: NewStep) -> dict[str, Any]:
    held = course.package(value.package)
    known = {one.kind for one in held.appointment_kinds} | {one.kind for one in held.plan.activities}
    if item.kind not in known:
        raise _wrong("ServiceRequest.code", "the package has no such activity", ", ".join(sorted(known)))
    made = Activity(
        patient_id=value.patient_id,
        episode_id=value.id or "",
        plan_id=plan.id,
        package=value.package,
        kind=item.kind,
        title=item.title.strip() or held.kind_title(item.kind, "da"),
        status=ActivityStatus.ACTIVE,
        performer_kind=item.performer,
        due_day=item.due_day,
        window_start_day=item.due_day - 14,
        window_end_day=item.due_day + 14,
        performer_id=value.organization_id if item.performer in ("gp", "nurse") else None,
        authored_day=uow.ctx.today,
    )
    return resources.activity_resource(made, intent="plan")


def _new_goal(uow: UnitOfWork, value: Episode, item: NewGoal) -> dict[str, Any]:
    actor = uow.ctx.actor
    made = Goal(
        patient_id=value.patient_id,
        episode_id=value.id,
        text=checked_text(item.text),
        achievement="in-progress",
        expressed_by=f"Patient/{value.patient_id}" if item.by_patient else (actor if "/" in actor else None),
        start_day=uow.ctx.today,
        condition_ids=(value.condition_id,) if value.condition_id else (),
    )
    return resources.goal_resource(made)


def _wrong(path: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "The plan cannot be changed so", [Issue(path, message, expected, "value")])
