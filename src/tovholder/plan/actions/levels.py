"""Proposing a level by the package's rules, and deciding it: the proposal explains, a clinician decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.domain import Level, level_of
from tovholder.plan.level import LevelProposal
from tovholder.plan.level import propose_level as work_out
from tovholder.plan.values import Decision, Episode, Proposal
from tovholder.store import UnitOfWork


def propose_level(
    ctx: Context, *, patient_id: str, episode_id: str, needs: Mapping[str, Any] | None = None
) -> Proposal:
    """Work the proposal out from what the record holds now, and keep it with its inputs and reasons."""
    course.require(ctx, course.CLINIC, "RiskAssessment", "this role may not propose a level", "the clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        return _propose(uow, value, needs)


def as_proposal(value: Episode, found: LevelProposal, ctx: Context) -> Proposal:
    """A worked-out proposal as the value that is stored."""
    assert value.id is not None
    reasons = [reason.text.da for reason in found.reasons]
    if found.incomplete is not None:
        reasons.append(found.incomplete.da)
    return Proposal(
        patient_id=value.patient_id,
        episode_id=value.id,
        level=found.level,
        made=ctx.now,
        rule=f"{value.package}-level",
        rule_version=found.rule_version + (f"/{found.guideline}" if found.guideline else ""),
        reasons=tuple(reasons),
        unknown=found.unknown,
        inputs=found.inputs,
        blocked="; ".join(reason.text.da for reason in found.blocked) or None,
    )


def _propose(uow: UnitOfWork, value: Episode, needs: Mapping[str, Any] | None) -> Proposal:
    assert value.id is not None
    held = course.package(value.package)
    found = work_out(held, needs, course.record(uow, value.patient_id, held), uow.ctx.today)
    made = as_proposal(value, found, uow.ctx)
    before = course.latest_proposal(uow, value.patient_id, value.id)
    if before is not None and replace(before, id=None, made=made.made) == made:
        return before  # nothing has changed: the same proposal, not another copy of it
    return replace(made, id=uow.create(resources.proposal_resource(made)).id)


def decide_level(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    level: int,
    override_reason: str = "",
    decided_day: int | None = None,
) -> Decision:
    """Decide the level of a course, against the proposal as it stands now.

    A level that differs from the proposal needs a reason. While something must be assessed first, none may be decided.
    A second decision on the same day corrects the first: the day has one level.
    """
    course.require(
        ctx,
        course.CLINIC,
        "Observation.performer",
        "the tovholder level is the clinic's to decide",
        "a doctor or clinic staff under the doctor's instruction",
    )
    wanted = level_of(level)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_started:
            raise rule(
                "Observation.extension('workflow-episodeOfCare')", "the course is not started", "a started course"
            )
        proposal = _propose(uow, value, None)
        if proposal.blocked:
            raise rule(
                "Observation.valueCodeableConcept",
                "something must be assessed before a level can be decided: " + proposal.blocked,
                "assess it first and record the result",
                kept="the proposal with its reasons; no level was stored",
            )
        reason = override_reason.strip()
        if proposal.level is not None and wanted is not proposal.level and not reason:
            raise Problem(
                Category.RULE,
                "The level differs from the proposal and no reason is given",
                [
                    Issue(
                        "Observation.extension('override-reason')",
                        f"level {int(wanted)} differs from the proposed level {int(proposal.level)}",
                        "a reason, or the proposed level",
                        "business-rule",
                    )
                ],
                kept="the level as it was",
            )
        day = past_day(ctx, decided_day, "Observation.effectiveDateTime")
        review = days.add_months(day, course.package(value.package).level.review_months)
        made = Decision(
            patient_id=patient_id,
            episode_id=episode_id,
            level=wanted,
            decided_day=day,
            decided_by=ctx.actor,
            organization_id=ctx.organization or value.organization_id,
            proposal_id=proposal.id,
            proposed_level=proposal.level,
            override_reason=reason or None,
            rule_version=proposal.rule_version,
            review_day=review,
            derived_from=_derived(proposal),
        )
        return _write(uow, made)


def _derived(proposal: Proposal) -> tuple[str, ...]:
    """The answers and measurements the proposal rests on, as R4 lets an Observation derive from them."""
    kinds = ("QuestionnaireResponse/", "Observation/")
    sources = [item.source for item in proposal.inputs if item.source and item.source.startswith(kinds)]
    return tuple(dict.fromkeys(sources))


def _write(uow: UnitOfWork, made: Decision) -> Decision:
    for item in course.about(uow, "Observation", made.patient_id):
        before = resources.read_decision(item)
        if before is None or before.episode_id != made.episode_id or before.decided_day != made.decided_day:
            continue
        if before.status == "entered-in-error":
            continue
        corrected = replace(made, id=before.id, status="corrected")
        uow.update(resources.decision_resource(corrected, item))
        return corrected
    return replace(made, id=uow.create(resources.decision_resource(made)).id)


__all__ = ["Level", "decide_level", "propose_level"]
