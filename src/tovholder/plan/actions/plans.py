"""Making the plan from the package, confirming it together with the patient, and revising it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.packages import Package, followed
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.actions.goals import checked_text
from tovholder.plan.domain import INSIDE, ActivityStatus, Phase, PlanStatus, move
from tovholder.plan.inputs import facts
from tovholder.plan.schedule import PlannedActivity, Schedule, schedule
from tovholder.plan.sources import require_own_plans
from tovholder.plan.values import Activity, Code, Decision, Episode, Goal, Limits, Plan
from tovholder.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class GoalDraft:
    """A goal agreed in the talk. ``by_patient``: in the patient's own words, whoever typed them."""

    text: str
    by_patient: bool = True
    target_day: int | None = None
    code: Code | None = None
    target: str = ""
    limits: Limits | None = None


def make_plan(ctx: Context, *, patient_id: str, episode_id: str, title: str = "") -> Plan:
    """A draft from the package. It stops no clock: only a plan made together with the patient does.

    Raises Problem(RULE) unless the course is started, Problem(CONFLICT) when it has a valid plan already.
    """
    course.require(
        ctx, course.CLINIC, "CarePlan.author", "the plan is the clinic's to make", "the patient's own clinic"
    )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        _started(value)
        if course.valid_plan(uow, patient_id, episode_id) is not None:
            raise Problem(
                Category.CONFLICT,
                "The course has a plan already",
                [Issue("CarePlan", "a valid plan exists", "one valid plan per course; revise that one", "duplicate")],
                kept="the plan as it was",
            )
        held = course.package(value.package)
        require_own_plans(held)
        made = Plan(
            patient_id=patient_id,
            episode_id=episode_id,
            package=held.id,
            package_version=held.version,
            status=PlanStatus.DRAFT,
            title=title.strip() or held.plan.title.da,
            made_day=ctx.today,
            author=ctx.actor if "/" in ctx.actor else None,
            condition_ids=(value.condition_id,) if value.condition_id else (),
            goal_ids=tuple(goal.id for goal in _active_goals(uow, value) if goal.id),
        )
        return replace(made, id=uow.create(resources.plan_resource(made)).id)


def _started(value: Episode) -> None:
    if not value.phase.is_started:
        raise rule(
            "CarePlan.extension('workflow-episodeOfCare')",
            f"no plan can be made while the course is {value.phase}",
            "include and start the patient first",
            kept="nothing was stored; the course is as it was",
        )


def _active_goals(uow: UnitOfWork, value: Episode) -> list[Goal]:
    over = ("cancelled", "rejected", "completed")
    return [item for item in course.goals(uow, value.patient_id, value.id or "") if item.lifecycle not in over]


def planned(uow: UnitOfWork, value: Episode, held: Package, level: int | None, start_day: int) -> Schedule:
    """What the package would plan for this patient from a day, at a level."""
    known = facts(held, course.record(uow, value.patient_id, held), uow.ctx.today, level=level)
    return schedule(held, level, known.grade, start_day, known, diagnosed_day=value.diagnosed_day)


def confirm_plan(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    goals: Sequence[GoalDraft] = (),
    no_goal_reason: str = "",
    confirmed_day: int | None = None,
    leave_out: Collection[str] = (),
    phase: Phase | None = None,
) -> Plan:
    """Confirm that the plan was made together with the patient: this, and nothing else, stops the plan clock.

    Needs a draft, a decided level, and a goal or the reason why there is none. Creates the goals and activities, shares
    the plan, and moves the course to further efforts when anybody outside the clinic takes part, else to continuing.
    ``leave_out``: ids of the package's activities that patient and clinician chose not to have.
    """
    course.require(
        ctx, course.CLINIC, "CarePlan", "only the clinic confirms a plan", "the doctor or clinic staff who made it"
    )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored_episode, value = course.episode(uow, patient_id, episode_id)
        _started(value)
        found = course.valid_plan(uow, patient_id, episode_id)
        if found is None:
            raise rule("CarePlan", "there is no plan to confirm", "make the plan first")
        stored, plan = found
        if plan.status is not PlanStatus.DRAFT:
            raise Problem(
                Category.CONFLICT,
                "The plan is confirmed already",
                [Issue("CarePlan.status", "the plan is confirmed already", "revise it", "duplicate")],
                kept="the plan as it was",
            )
        decision = _decided(uow, value)
        day = past_day(ctx, confirmed_day, "CarePlan.extension('confirmed')")
        kept = [goal.id for goal in _active_goals(uow, value) if goal.id]
        if not goals and not kept and not no_goal_reason.strip():
            raise rule(
                "CarePlan.goal",
                "the plan has neither a goal nor a reason for none",
                "at least one goal, or why the patient has none now",
                kept="the draft as it was",
            )
        made_goals = [_goal(uow, value, draft, day) for draft in goals]
        held = course.package(value.package)
        steps = [
            step for step in planned(uow, value, held, int(decision.level), day).activities if step.id not in leave_out
        ]
        made = [create_step(uow, value, plan, step, held.version) for step in steps]
        confirmed = replace(
            plan,
            status=PlanStatus.ACTIVE,
            package_version=held.version,
            confirmed_day=day,
            confirmed_by=ctx.actor if "/" in ctx.actor else value.decided_by,
            shared_day=day,
            start_day=day,
            planned_from=day,
            end_day=days.add_months(day, held.plan.horizon_months),
            review_day=days.add_months(day, held.plan.review_months),
            no_goal_reason=None if goals or kept else no_goal_reason.strip(),
            goal_ids=(*kept, *made_goals),
            activity_ids=(*plan.activity_ids, *made),  # a medicine may be followed up before the plan is confirmed
        )
        uow.update(resources.plan_resource(confirmed, stored))
        outside = any(step.performer not in INSIDE for step in steps)
        _advance(uow, stored_episode, value, phase or (Phase.FURTHER if outside else Phase.CONTINUING))
        return confirmed


def _decided(uow: UnitOfWork, value: Episode) -> Decision:
    found = course.latest_decision(uow, value.patient_id, value.id or "")
    if found is None:
        raise rule(
            "CarePlan.extension('confirmed')",
            "no tovholder level is decided",
            "decide the level, then confirm the plan",
            kept="the draft as it was",
        )
    return found


def _goal(uow: UnitOfWork, value: Episode, draft: GoalDraft, day: int) -> str:
    actor = uow.ctx.actor
    clinician = actor if "/" in actor else value.decided_by
    goal = Goal(
        patient_id=value.patient_id,
        episode_id=value.id,
        text=checked_text(draft.text),
        expressed_by=f"Patient/{value.patient_id}" if draft.by_patient else clinician,
        start_day=day,
        target_day=draft.target_day,
        target=draft.target,
        limits=draft.limits,
        code=draft.code,
        achievement="in-progress",
        condition_ids=(value.condition_id,) if value.condition_id else (),
    )
    return uow.create(resources.goal_resource(goal)).id


def create_step(uow: UnitOfWork, value: Episode, plan: Plan, step: PlannedActivity, version: str) -> str:
    """Store one step of a plan, made from a version of its package."""
    assert value.id is not None
    activity = Activity(
        patient_id=value.patient_id,
        episode_id=value.id,
        plan_id=plan.id,
        package=value.package,
        kind=step.kind,
        title=step.title.da,
        status=ActivityStatus.ACTIVE,
        performer_kind=step.performer,
        due_day=step.due_day,
        window_start_day=step.window_start_day,
        window_end_day=step.window_end_day,
        performer_id=value.organization_id if step.performer in INSIDE else None,
        authored_day=uow.ctx.today,
        step=step.id,
        step_version=version,
    )
    return uow.create(resources.activity_resource(activity, intent="plan")).id


def _advance(uow: UnitOfWork, stored: dict[str, Any], value: Episode, wanted: Phase) -> None:
    if value.phase is not Phase.STARTUP or wanted is Phase.STARTUP:
        return  # a course further on stays where it is
    uow.update(resources.episode_resource(replace(value, phase=move(value.phase, wanted)), stored))


def revise_plan(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    goals: Sequence[GoalDraft] = (),
    no_goal_reason: str = "",
    leave_out: Collection[str] = (),
) -> Plan:
    """Plan anew from today at the level now decided; the day the plan was first confirmed stays.

    Open steps that the new plan has too are kept as they are; those that somebody is asked or booked to do are kept
    as well; the rest are taken back. Every earlier version of the plan stays readable.
    """
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic revises a plan", "the patient's own clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        _started(value)
        found = course.valid_plan(uow, patient_id, episode_id)
        if found is None or found[1].status is PlanStatus.DRAFT:
            raise rule("CarePlan.status", "there is no confirmed plan to revise", "make and confirm a plan first")
        stored, plan = found
        decision = _decided(uow, value)
        held = followed(plan.package, plan.package_version)  # another version is the clinic's to approve: upgrade
        steps = [
            step
            for step in planned(uow, value, held, int(decision.level), ctx.today).activities
            if step.id not in leave_out
        ]
        kept_ids, open_steps = _keep(uow, value, steps)
        made_goals = [_goal(uow, value, draft, ctx.today) for draft in goals]
        active = [goal.id for goal in _active_goals(uow, value) if goal.id]
        goal_ids = tuple(dict.fromkeys((*active, *made_goals)))
        if not goal_ids and not no_goal_reason.strip() and not plan.no_goal_reason:
            raise rule(
                "CarePlan.goal", "the plan would have neither a goal nor a reason for none", "a goal or a reason"
            )
        made = [create_step(uow, value, plan, step, held.version) for step in open_steps]
        revised = replace(
            plan,
            status=PlanStatus.ACTIVE,
            package_version=held.version,
            shared_day=ctx.today,
            planned_from=ctx.today,
            end_day=days.add_months(ctx.today, held.plan.horizon_months),
            review_day=days.add_months(ctx.today, held.plan.review_months),
            no_goal_reason=None if goal_ids else (no_goal_reason.strip() or plan.no_goal_reason),
            goal_ids=goal_ids,
            activity_ids=(*kept_ids, *made),
        )
        uow.update(resources.plan_resource(revised, stored))
        return revised


def _keep(
    uow: UnitOfWork, value: Episode, steps: Sequence[PlannedActivity]
) -> tuple[tuple[str, ...], list[PlannedActivity]]:
    """Ids of activities that stay in the plan, and the new steps that no open activity covers."""
    bound = _bound(uow, value.patient_id)
    left = list(steps)
    kept: list[str] = []
    for stored, activity in course.activities(uow, value.patient_id, value.id or ""):
        if activity.id is None or activity.status in (ActivityStatus.REVOKED, ActivityStatus.ENTERED_IN_ERROR):
            continue
        if not activity.status.is_open:
            kept.append(activity.id)
            continue
        same = next((step for step in left if step.kind == activity.kind and _meets(activity, step)), None)
        if same is not None:
            left.remove(same)
            kept.append(activity.id)
        elif activity.id in bound or (activity.due_day is not None and activity.due_day < uow.ctx.today):
            kept.append(activity.id)  # agreed with somebody, or overdue: planning anew does not make it go away
        elif resources.followed_up(stored):
            kept.append(activity.id)  # the medicine runs on, whatever is planned anew
        else:
            uow.update(resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), stored))
    return tuple(kept), left


def _meets(activity: Activity, step: PlannedActivity) -> bool:
    """Whether an open activity already serves a new step: it is due no later, or within the step's window."""
    return activity.due_day is not None and activity.due_day <= step.window_end_day


def _bound(uow: UnitOfWork, patient_id: str) -> frozenset[str]:
    """Activities somebody has been asked to do or that have an appointment ahead."""
    found: set[str] = set()
    for item in course.about(uow, "Appointment", patient_id):
        appointment = resources.read_appointment(item)
        if appointment.status in ("proposed", "pending", "booked", "waitlist"):
            found.update(appointment.activity_ids)
    for item in course.about(uow, "Task", patient_id):
        if resources.is_referral(item) and item.get("status") in ("requested", "accepted", "in-progress"):
            found.add(resources.read_referral(item).request_id)
    return frozenset(found)
