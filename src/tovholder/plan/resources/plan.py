"""CarePlan and Goal: the shared plan and what the patient wants to reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.domain import PlanStatus
from tovholder.plan.resources import extensions as e
from tovholder.plan.resources import target
from tovholder.plan.values import Code, Goal, Plan

_PLAN_WRITES = (
    "made", "confirmed", "confirmed-by", "no-goal-reason", "shared", "review", "package-version",
    "planned-from", "kept-version", "kept-reason", "look-again",
)  # fmt: skip
_PLAN_OWNED = (
    systems.EPISODE_OF_CARE_EXTENSION,
    *(e.x(name) for name in _PLAN_WRITES),
)
_GOAL_OWNED = (systems.EPISODE_OF_CARE_EXTENSION,)


def definition(package: str, version: str) -> str:
    """The canonical of the package version a plan was made from."""
    return f"{systems.BASE}/PlanDefinition/{package}|{version}"


def plan_resource(plan: Plan, base: Mapping[str, Any] | None = None) -> e.Json:
    """The plan as FHIR, written into ``base`` where one is stored."""
    made = e.start("CarePlan", plan.id, base)
    if not any(item.get("system") == systems.PLAN_IDENTIFIER for item in made.get("identifier") or ()) and plan.id:
        made["identifier"] = [*(made.get("identifier") or ()), {"system": systems.PLAN_IDENTIFIER, "value": plan.id}]
    made["instantiatesCanonical"] = [definition(plan.package, plan.package_version)]
    made["status"] = str(plan.status)
    made["intent"] = "plan"
    made["category"] = [{"coding": [{"system": systems.PACKAGE_SYSTEM, "code": plan.package}]}]
    made["title"] = plan.title
    made["subject"] = e.ref("Patient", plan.patient_id)
    period: e.Json = {}
    if plan.start_day is not None:
        period["start"] = days.iso(plan.start_day)
    if plan.end_day is not None:
        period["end"] = days.iso(plan.end_day)
    e.put(made, "period", period)
    made["created"] = days.iso(plan.made_day)
    if plan.author:
        made["author"] = {"reference": plan.author}
    e.put(made, "addresses", [e.ref("Condition", identity) for identity in plan.condition_ids])
    e.put(made, "goal", [e.ref("Goal", identity) for identity in plan.goal_ids])
    foreign = [item for item in made.get("activity") or () if not e.id_of(_activity_reference(item), "ServiceRequest")]
    ours: list[e.Json] = [{"reference": e.ref("ServiceRequest", identity)} for identity in plan.activity_ids]
    e.put(made, "activity", ours + foreign)
    written = [
        *e.episode(plan.episode_id),
        *e.date("made", plan.made_day),
        *e.date("confirmed", plan.confirmed_day),
        *e.reference(e.x("confirmed-by"), plan.confirmed_by),
        *e.simple("no-goal-reason", "String", plan.no_goal_reason),
        *e.date("shared", plan.shared_day),
        *e.date("review", plan.review_day),
        *e.simple("package-version", "String", plan.package_version),
        *e.date("planned-from", plan.planned_from),
        *e.simple("kept-version", "String", plan.kept_version),
        *e.simple("kept-reason", "String", plan.kept_reason),
        *e.date("look-again", plan.look_again_day),
    ]
    return e.with_extensions(made, _PLAN_OWNED, written)


def _activity_reference(item: Mapping[str, Any]) -> str | None:
    return (item.get("reference") or {}).get("reference")


def _ids(references: object, kind: str) -> tuple[str, ...]:
    found = (e.id_of(item.get("reference"), kind) for item in references or ()) if isinstance(references, list) else ()
    return tuple(identity for identity in found if identity)


def read_plan(resource: Mapping[str, Any]) -> Plan:
    """The plan a resource tells of."""
    category = next(
        (code for item in resource.get("category") or () if (code := e.coding(item, systems.PACKAGE_SYSTEM))), ""
    )
    period = resource.get("period") or {}
    made = e.day(resource, "made")
    if made is None:
        made = days.parse_day(resource.get("created")) or days.parse_day(period.get("start")) or 0
    known = {str(status) for status in PlanStatus}
    return Plan(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource) or "",
        package=category,
        package_version=e.text(resource, "package-version") or "",
        status=PlanStatus(resource["status"]) if resource.get("status") in known else PlanStatus.DRAFT,
        title=resource.get("title") or "",
        made_day=made,
        author=(resource.get("author") or {}).get("reference"),
        confirmed_day=e.day(resource, "confirmed"),
        confirmed_by=e.target(resource, e.x("confirmed-by")),
        shared_day=e.day(resource, "shared"),
        start_day=days.parse_day(period.get("start")),
        end_day=days.parse_day(period.get("end")),
        review_day=e.day(resource, "review"),
        planned_from=e.day(resource, "planned-from"),
        kept_version=e.text(resource, "kept-version"),
        kept_reason=e.text(resource, "kept-reason"),
        look_again_day=e.day(resource, "look-again"),
        no_goal_reason=e.text(resource, "no-goal-reason"),
        condition_ids=_ids(resource.get("addresses"), "Condition"),
        goal_ids=_ids(resource.get("goal"), "Goal"),
        activity_ids=tuple(
            identity
            for item in resource.get("activity") or ()
            if (identity := e.id_of(_activity_reference(item), "ServiceRequest"))
        ),
    )


def goal_resource(goal: Goal, base: Mapping[str, Any] | None = None) -> e.Json:
    """The goal as FHIR. Text first; a code (an MCS goal, say) stands beside it when one is known."""
    made = e.start("Goal", goal.id, base)
    made["lifecycleStatus"] = goal.lifecycle
    if goal.achievement:
        made["achievementStatus"] = {"coding": [{"system": systems.GOAL_ACHIEVEMENT, "code": goal.achievement}]}
    else:
        made.pop("achievementStatus", None)
    description: e.Json = {}
    if goal.code:
        item = {"system": goal.code.system, "code": goal.code.code}
        if goal.code.text:
            item["display"] = goal.code.text
        description["coding"] = [item]
    description["text"] = goal.text
    made["description"] = description
    made["subject"] = e.ref("Patient", goal.patient_id)
    if goal.start_day is not None:
        made["startDate"] = days.iso(goal.start_day)
    e.put(made, "target", target.write(goal, made.get("target") or ()))
    if goal.expressed_by:
        made["expressedBy"] = {"reference": goal.expressed_by}
    e.put(made, "addresses", [e.ref("Condition", identity) for identity in goal.condition_ids])
    return e.with_extensions(made, _GOAL_OWNED, e.episode(goal.episode_id))


def read_goal(resource: Mapping[str, Any]) -> Goal:
    """The goal a resource tells of."""
    description = resource.get("description") or {}
    aim = e.first(resource.get("target"))
    raw = e.first(description.get("coding"))
    code = Code(raw.get("system", ""), raw["code"], raw.get("display", "")) if raw.get("code") else None
    return Goal(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource),
        text=description.get("text") or raw.get("display") or "",
        lifecycle=resource.get("lifecycleStatus") or "active",
        achievement=e.coding(resource.get("achievementStatus"), systems.GOAL_ACHIEVEMENT),
        expressed_by=(resource.get("expressedBy") or {}).get("reference"),
        start_day=days.parse_day(resource.get("startDate")),
        target_day=days.parse_day(aim.get("dueDate")),
        target=aim.get("detailString") or "",
        limits=target.read(aim),
        code=code,
        condition_ids=_ids(resource.get("addresses"), "Condition"),
    )
