"""Drafts of a revision: what somebody has begun to change in a confirmed plan and not decided yet, for colleagues to take up.

A draft is a CarePlan of its own (intent proposal, replaces the plan), without a package's category: it is no plan that
counts, stops no clock and is not shown to the patient on their page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days, json
from tovholder.base.errors import rule
from tovholder.plan import course
from tovholder.plan.domain import PlanStatus
from tovholder.plan.resources import extensions as e
from tovholder.store import UnitOfWork

_LONGEST = 60_000
Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RevisionDraft:
    """What was typed, by whom and when."""

    id: str
    fields: Fields
    author: str
    day: int | None


def is_revision_draft(resource: Mapping[str, Any]) -> bool:
    """Whether a CarePlan is somebody's unfinished change of another."""
    return resource.get("intent") == "proposal" and e.text(resource, "revision-draft") is not None


def revision_draft(resources: Sequence[Mapping[str, Any]], plan_id: str) -> RevisionDraft | None:
    """The draft that stands for a plan, among the patient's CarePlans."""
    for item in resources:
        names = [ref.get("reference") for ref in item.get("replaces") or ()]
        if is_revision_draft(item) and item.get("status") == "draft" and f"CarePlan/{plan_id}" in names:
            told = json.loads((e.text(item, "revision-draft") or "{}").encode())
            author = str((item.get("author") or {}).get("reference") or "")
            return RevisionDraft(str(item.get("id")), told, author, days.parse_day(item.get("created")))
    return None


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
        before = _standing(uow, patient_id, plan_id)
        made: dict[str, Any] = dict(before) if before is not None else {"resourceType": "CarePlan"}
        made |= {
            "status": "draft",
            "intent": "proposal",
            "subject": e.ref("Patient", patient_id),
            "replaces": [e.ref("CarePlan", plan_id)],
            "created": days.iso(ctx.today),
        }
        if "/" in ctx.actor:
            made["author"] = {"reference": ctx.actor}
        made["extension"] = [{"url": e.x("revision-draft"), "valueString": written}]
        if before is None:
            uow.create(made)
        else:
            uow.update(made)


def drop_revision_draft(ctx: Context, *, patient_id: str, plan_id: str) -> None:
    """The draft is used or given up; its versions stay."""
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic changes a plan", "the patient's own clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        before = _standing(uow, patient_id, plan_id)
        if before is not None:
            uow.update({**before, "status": "revoked"})


def _standing(uow: UnitOfWork, patient_id: str, plan_id: str) -> dict[str, Any] | None:
    plans = course.about(uow, "CarePlan", patient_id)
    found = revision_draft(plans, plan_id)
    return next((item for item in plans if found is not None and item.get("id") == found.id), None)
