"""Goals: the patient's own and those others propose; anybody who takes part may add one."""

from __future__ import annotations

from dataclasses import replace

from tovholder import store
from tovholder.access import Context, Role
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found, rule
from tovholder.plan import course, resources
from tovholder.plan.domain import GOAL_TEXT_MAX, Achievement
from tovholder.plan.values import Code, Goal, Limits
from tovholder.store import UnitOfWork

LIFECYCLES = ("proposed", "accepted", "active", "on-hold", "completed", "cancelled", "entered-in-error", "rejected")


def checked_text(text: str) -> str:
    """The goal's text without surrounding space, or Problem(INVALID)."""
    told = text.strip()
    if not told:
        raise _text_problem("the goal has no text", "what the patient wants to reach")
    if len(told) > GOAL_TEXT_MAX:
        raise _text_problem(f"the goal has {len(told)} characters", f"at most {GOAL_TEXT_MAX}")
    return told


def _text_problem(message: str, expected: str) -> Problem:
    issue = Issue("Goal.description.text", message, expected, "value")
    return Problem(Category.INVALID, "The goal cannot be kept as it is", [issue])


def add_goal(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str | None,
    text: str,
    by_patient: bool | None = None,
    target_day: int | None = None,
    target: str = "",
    limits: Limits | None = None,
    code: Code | None = None,
    start_day: int | None = None,
) -> Goal:
    """Add a goal. A patient's goal is the patient's, and whoever stands in for them says it in their own
    name; from others ``by_patient`` says whose words they are.

    It stands in the course's valid plan at once, also when the plan is shared already.
    """
    own = ctx.role is Role.CITIZEN
    if ctx.role in (Role.CITIZEN, Role.REPRESENTATIVE) and ctx.patient != patient_id:
        raise not_found("The patient")
    allowed = course.ACTORS | {Role.CITIZEN, Role.REPRESENTATIVE}
    course.require(
        ctx, allowed, "Goal.expressedBy", "this role may not add goals", "the patient or somebody who takes part"
    )
    told = checked_text(text)
    theirs = own or bool(by_patient)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        condition: tuple[str, ...] = ()
        if episode_id is not None:
            _, value = course.episode(uow, patient_id, episode_id)
            if not value.phase.is_open:
                raise rule("Goal.extension('workflow-episodeOfCare')", "the course is closed", "an open course")
            condition = (value.condition_id,) if value.condition_id else ()
        goal = Goal(
            patient_id=patient_id,
            episode_id=episode_id,
            text=told,
            achievement=str(Achievement.IN_PROGRESS),
            expressed_by=f"Patient/{patient_id}" if theirs else (ctx.actor if "/" in ctx.actor else None),
            start_day=ctx.today if start_day is None else start_day,
            target_day=target_day,
            target=target,
            limits=limits,
            code=code,
            condition_ids=condition,
        )
        _not_there_already(uow, goal)
        made = replace(goal, id=uow.create(resources.goal_resource(goal)).id)
        if episode_id is not None and made.id is not None:
            _into_plan(uow, patient_id, episode_id, made.id)
        return made


def _not_there_already(uow: UnitOfWork, goal: Goal) -> None:
    """The same words of the same person for the same course are one goal: a form sent twice, or from two windows."""
    for item in course.about(uow.as_system("plan"), "Goal", goal.patient_id):
        held = resources.read_goal(item)
        same = (held.text, held.episode_id, held.expressed_by) == (goal.text, goal.episode_id, goal.expressed_by)
        if same and held.lifecycle == goal.lifecycle:
            issue = Issue("Goal.description.text", "the same goal is there already", "another goal", "duplicate")
            raise Problem(Category.CONFLICT, "The goal is there already", [issue], kept="the goal as it was")


def _into_plan(uow: UnitOfWork, patient_id: str, episode_id: str, goal_id: str) -> None:
    """The plan names the goal. Written in our own hand: the patient may add goals but not change the plan."""
    hand = uow.as_system("plan")
    found = course.valid_plan(hand, patient_id, episode_id)
    if found is None:
        return
    stored, plan = found
    goal_ids = tuple(dict.fromkeys((*plan.goal_ids, goal_id)))
    hand.update(resources.plan_resource(replace(plan, goal_ids=goal_ids, no_goal_reason=None), stored))


def update_goal(
    ctx: Context,
    *,
    patient_id: str,
    goal_id: str,
    text: str | None = None,
    lifecycle: str | None = None,
    achievement: str | None = None,
    target_day: int | None = None,
    target: str | None = None,
) -> Goal:
    """Change a goal: its words, how it goes, or whether it still holds. A patient changes only their own goals."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored = uow.read("Goal", goal_id)
        goal = resources.read_goal(stored)
        if goal.patient_id != patient_id:
            raise not_found("The goal")
        if ctx.role is Role.CITIZEN and not goal.by_patient and (text, lifecycle, target_day, target) != (None,) * 4:
            raise forbidden(
                "Goal.expressedBy",
                "this goal was set by a professional",
                "change your own goals, or say how this one goes",
            )
        if lifecycle is not None and lifecycle not in LIFECYCLES:
            raise _state_problem("Goal.lifecycleStatus", LIFECYCLES)
        if achievement is not None and achievement not in set(Achievement):
            raise _state_problem("Goal.achievementStatus", tuple(Achievement))
        changed = replace(
            goal,
            text=goal.text if text is None else checked_text(text),
            lifecycle=lifecycle or goal.lifecycle,
            achievement=achievement or goal.achievement,
            target_day=goal.target_day if target_day is None else target_day,
            target=goal.target if target is None else target,
        )
        uow.update(resources.goal_resource(changed, stored))
        return changed


def _state_problem(path: str, known: tuple[str, ...]) -> Problem:
    issue = Issue(path, "not one of the states of a goal", ", ".join(known), "value")
    return Problem(Category.INVALID, "The goal's state is not known", [issue])
