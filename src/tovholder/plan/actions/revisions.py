"""Drafts of a revision: what somebody has begun to change in a confirmed plan and not decided yet, for colleagues to take up.

A draft is a Basic, a type the policy opens to nobody: neither the patient nor anybody else who may read plans sees what
the clinic has not decided, on whatever road they ask. It is read and written here alone, in our own hand, for those who
may change the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context, system_context
from tovholder.base import days, json
from tovholder.base.errors import not_found, rule
from tovholder.fhir import systems
from tovholder.plan import course, resources
from tovholder.plan.domain import PlanStatus
from tovholder.plan.resources import extensions as e

_KIND = "Basic"
_OF_PLAN = f"{systems.BASE}/NamingSystem/revision-draft"  # its value is the id of the CarePlan
_LONGEST = 60_000
Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RevisionDraft:
    """What was typed, by whom and when."""

    id: str
    fields: Fields
    author: str
    day: int | None


def standing_draft(ctx: Context, *, patient_id: str, plan_id: str) -> RevisionDraft | None:
    """The draft that stands for a plan. To be asked for a plan that was read in the actor's own scope."""
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic changes a plan", "the patient's own clinic")
    hand = system_context(ctx.now, "plan", live=ctx.live)
    held = _of_plan((item.resource for item in store.search_all(hand, _KIND, _about(patient_id))), plan_id)
    if held is None:
        return None
    told = json.loads((e.text(held, "revision-draft") or "{}").encode())
    author = str((held.get("author") or {}).get("reference") or "")
    return RevisionDraft(str(held.get("id")), told, author, days.parse_day(held.get("created")))


def _about(patient_id: str) -> list[tuple[str, str]]:
    return [("patient", f"Patient/{patient_id}")]


def _of_plan(found: Iterable[dict[str, Any]], plan_id: str) -> dict[str, Any] | None:
    wanted = {"system": _OF_PLAN, "value": plan_id}
    return next((item for item in found if wanted in (item.get("identifier") or ())), None)


def save_revision_draft(ctx: Context, *, patient_id: str, episode_id: str, fields: Fields) -> None:
    """Keep what was typed. One draft stands for a plan; whoever saves takes it over, and its versions stay."""
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic changes a plan", "the patient's own clinic")
    written = json.dumps({name: list(values) for name, values in fields.items()}).decode()
    if len(written) > _LONGEST:
        raise rule("CarePlan.extension('revision-draft')", "the draft is too long", f"at most {_LONGEST} characters")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        found = course.valid_plan(uow, patient_id, episode_id)
        if found is None or found[1].status is PlanStatus.DRAFT or found[1].id is None:
            raise rule("CarePlan.status", "there is no confirmed plan to change", "make and confirm a plan first")
        plan_id = found[1].id
        hand = uow.as_system("plan")
        before = _of_plan(hand.find(_KIND, _about(patient_id)), plan_id)
        made: dict[str, Any] = dict(before) if before is not None else {"resourceType": _KIND}
        made |= {
            "identifier": [{"system": _OF_PLAN, "value": plan_id}],
            "code": {"text": "Kladde til en ændring af planen"},
            "subject": e.ref("Patient", patient_id),
            "created": days.iso(ctx.today),
        }
        if "/" in ctx.actor:
            made["author"] = {"reference": ctx.actor}
        made["extension"] = [{"url": e.x("revision-draft"), "valueString": written}]
        if before is None:
            hand.create(made)
        else:
            hand.update(made)


def drop_revision_draft(ctx: Context, *, patient_id: str, plan_id: str) -> None:
    """The draft is used or given up; its versions stay."""
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic changes a plan", "the patient's own clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        plan = resources.read_plan(uow.read("CarePlan", plan_id))
        if plan.patient_id != patient_id:
            raise not_found("The plan")
        hand = uow.as_system("plan")
        before = _of_plan(hand.find(_KIND, _about(patient_id)), plan_id)
        if before is not None:
            hand.delete(_KIND, str(before["id"]))
