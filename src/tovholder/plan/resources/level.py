"""RiskAssessment (the proposed level) and Observation (the decided one), and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.domain import Level
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Decision, Proposal, ProposalInput

DECISION_CODE = "tovholder-level"
_PROPOSAL_OWNED = (
    systems.EPISODE_OF_CARE_EXTENSION, e.x("input"), e.x("blocked"), e.x("unknown"), e.x("rule-version")
)  # fmt: skip
_DECISION_OWNED = (
    systems.EPISODE_OF_CARE_EXTENSION,
    *(
        e.x(name)
        for name in (
            "proposal",
            "proposed-level",
            "decided-level",
            "override-reason",
            "rule-version",
            "review",
            "review-wish",
        )
    ),
)


def level_concept(level: Level) -> e.Json:
    """The level as a coded value in our own code system."""
    return {"coding": [{"system": systems.LEVEL_SYSTEM, "code": str(int(level))}]}


def proposal_resource(proposal: Proposal, base: Mapping[str, Any] | None = None) -> e.Json:
    """The proposal as FHIR: inputs, reasons and rule version, so that it can be explained years later."""
    made = e.start("RiskAssessment", proposal.id, base)
    made["status"] = "final"
    made["method"] = {
        "coding": [{"system": systems.RULE_SYSTEM, "code": proposal.rule, "version": proposal.rule_version}]
    }
    made["subject"] = e.ref("Patient", proposal.patient_id)
    made["occurrenceDateTime"] = days.instant_text(proposal.made)
    sources = dict.fromkeys(item.source for item in proposal.inputs if item.source)
    e.put(made, "basis", [{"reference": source} for source in sources])
    prediction: e.Json = {}
    if proposal.level is not None:
        prediction["qualitativeRisk"] = level_concept(proposal.level)
    if proposal.reasons:
        prediction["rationale"] = "; ".join(proposal.reasons)
    e.put(made, "prediction", [prediction] if prediction else [])
    e.put(made, "note", [{"text": reason} for reason in proposal.reasons])
    written = e.episode(proposal.episode_id)
    for item in proposal.inputs:
        parts: list[e.Json] = [
            {"url": "name", "valueString": item.name},
            {"url": "value", "valueString": item.value},
        ]
        if item.source:
            parts.append({"url": "source", "valueReference": {"reference": item.source}})
        written.append({"url": e.x("input"), "extension": parts})
    written.extend({"url": e.x("unknown"), "valueString": name} for name in proposal.unknown)
    written.extend(e.simple("blocked", "String", proposal.blocked))
    written.extend(e.simple("rule-version", "String", proposal.rule_version))
    return e.with_extensions(made, _PROPOSAL_OWNED, written)


def read_proposal(resource: Mapping[str, Any]) -> Proposal:
    """The proposal a resource tells of."""
    prediction = e.first(resource.get("prediction"))
    code = e.coding(prediction.get("qualitativeRisk"), systems.LEVEL_SYSTEM)
    method = e.first((resource.get("method") or {}).get("coding"))
    inputs = []
    for item in e.many(resource, e.x("input")):
        parts = {part.get("url"): part for part in item.get("extension") or ()}
        inputs.append(
            ProposalInput(
                (parts.get("name") or {}).get("valueString", ""),
                (parts.get("value") or {}).get("valueString", ""),
                ((parts.get("source") or {}).get("valueReference") or {}).get("reference"),
            )
        )
    return Proposal(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource) or "",
        level=Level(int(code)) if code in {"1", "2", "3"} else None,
        made=_moment(resource.get("occurrenceDateTime")),
        rule=method.get("code", ""),
        rule_version=e.text(resource, "rule-version") or method.get("version", ""),
        reasons=tuple(note.get("text", "") for note in resource.get("note") or ()),
        unknown=e.texts(resource, "unknown"),
        inputs=tuple(inputs),
        blocked=e.text(resource, "blocked"),
    )


def _moment(text: object) -> datetime:
    """An instant; a date alone is that day's first moment in Copenhagen; nothing is the beginning of time."""
    if isinstance(text, str):
        try:
            return days.parse_instant(text)
        except ValueError:
            day = days.parse_day(text)
            if day is not None:
                return datetime.combine(days.date_of(day), datetime.min.time(), days.COPENHAGEN)
    return datetime.fromtimestamp(0, days.COPENHAGEN)


def decision_resource(decision: Decision, base: Mapping[str, Any] | None = None) -> e.Json:
    """The decision as FHIR: who decided what on which day, against which proposal, and why when it differs."""
    made = e.start("Observation", decision.id, base)
    made["status"] = decision.status
    made["code"] = {"coding": [{"system": systems.OBSERVATION_SYSTEM, "code": DECISION_CODE}]}
    made["subject"] = e.ref("Patient", decision.patient_id)
    made["effectiveDateTime"] = days.iso(decision.decided_day)
    performers: list[e.Json] = [{"reference": decision.decided_by}] if "/" in decision.decided_by else []
    if decision.organization_id:
        performers.append(e.ref("Organization", decision.organization_id))
    e.put(made, "performer", performers)
    made["valueCodeableConcept"] = level_concept(decision.level)
    # R4 lets an Observation derive from answers and measurements, not from a RiskAssessment: that is our extension.
    e.put(made, "derivedFrom", [{"reference": name} for name in decision.derived_from])
    written = [
        *e.episode(decision.episode_id),
        *e.reference(e.x("proposal"), f"RiskAssessment/{decision.proposal_id}" if decision.proposal_id else None),
        *e.simple(
            "proposed-level", "Integer", None if decision.proposed_level is None else int(decision.proposed_level)
        ),
        *e.simple("decided-level", "Integer", int(decision.level)),
        *e.simple("override-reason", "String", decision.override_reason),
        *e.simple("rule-version", "String", decision.rule_version),
        *e.date("review", decision.review_day),
        *_wish(decision),
    ]
    return e.with_extensions(made, _DECISION_OWNED, written)


def _wish(decision: Decision) -> list[e.Json]:
    """That the patient asked for a new assessment: the day, and what was said."""
    if decision.review_wish_day is None:
        return []
    parts: list[e.Json] = [{"url": "day", "valueDate": days.iso(decision.review_wish_day)}]
    if decision.review_wish:
        parts.append({"url": "text", "valueString": decision.review_wish})
    return [{"url": e.x("review-wish"), "extension": parts}]


def is_decision(resource: Mapping[str, Any]) -> bool:
    """Whether an Observation is a decided tovholder level."""
    return e.coding(resource.get("code"), systems.OBSERVATION_SYSTEM) == DECISION_CODE


def decided_level(resource: Mapping[str, Any]) -> Level | None:
    """The level an Observation carries; None when it is none of ours."""
    code = e.coding(resource.get("valueCodeableConcept"), systems.LEVEL_SYSTEM)
    return Level(int(code)) if code in {"1", "2", "3"} else None


def read_decision(resource: Mapping[str, Any]) -> Decision | None:
    """The decision an Observation tells of, or None when it is no readable decision."""
    level, day = decided_level(resource), days.parse_day(resource.get("effectiveDateTime"))
    if not is_decision(resource) or level is None or day is None:
        return None
    performers = [item.get("reference", "") for item in resource.get("performer") or ()]
    proposed = e.number(resource, "proposed-level")
    wish = {part.get("url"): part for part in e.first(e.many(resource, e.x("review-wish"))).get("extension") or ()}
    return Decision(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource) or "",
        level=level,
        decided_day=day,
        decided_by=next((name for name in performers if not name.startswith("Organization/")), ""),
        organization_id=next((found for name in performers if (found := e.id_of(name, "Organization"))), None),
        proposal_id=e.id_of(e.target(resource, e.x("proposal")), "RiskAssessment"),
        proposed_level=Level(proposed) if proposed in (1, 2, 3) else None,
        override_reason=e.text(resource, "override-reason"),
        rule_version=e.text(resource, "rule-version"),
        review_day=e.day(resource, "review"),
        review_wish_day=days.parse_day((wish.get("day") or {}).get("valueDate")),
        review_wish=str((wish.get("text") or {}).get("valueString") or ""),
        derived_from=tuple(item["reference"] for item in resource.get("derivedFrom") or () if item.get("reference")),
        status=resource.get("status", "final"),
    )
