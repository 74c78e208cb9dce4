"""MedicationRequest and MedicationStatement: medicine decided on in a course, and what is noted of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Medicine

REQUEST, STATEMENT = "MedicationRequest", "MedicationStatement"
_OVER = frozenset({"stopped", "completed", "cancelled", "not-taken"})


def medicine_resource(medicine: Medicine, base: Mapping[str, Any] | None = None) -> e.Json:
    """The medicine as FHIR: a doctor's decision as a request with intent "plan" (never a prescription: that is made in
    the GP system), what others note as a statement. What stood before is named, so that a change can be followed."""
    made = e.start(medicine.kind, medicine.id, base)
    request = medicine.kind == REQUEST
    made["status"] = "stopped" if medicine.stopped else "active"
    concept: e.Json = {"text": medicine.name}
    if medicine.atc:
        concept["coding"] = [{"system": systems.ATC, "code": medicine.atc}]
    made["medicationCodeableConcept"] = concept
    made["subject"] = e.ref("Patient", medicine.patient_id)
    e.put(made, "reasonCode", [{"text": medicine.reason}] if medicine.reason else None)
    e.put(made, "dosageInstruction" if request else "dosage", [{"text": medicine.dosage}] if medicine.dosage else None)
    ended = {"text": medicine.stop_reason} if medicine.stopped and medicine.stop_reason else None
    if request:
        made["intent"] = made.get("intent") or "plan"
        made["authoredOn"] = days.iso(medicine.day)
        e.put(made, "requester", {"reference": medicine.by} if medicine.by else None)
        e.put(made, "statusReason", ended)
        e.put(made, "priorPrescription", {"reference": medicine.replaces} if medicine.replaces else None)
    else:
        period = {"start": days.iso(medicine.day)}
        if medicine.ended_day is not None:
            period["end"] = days.iso(medicine.ended_day)
        made["effectivePeriod"] = period
        e.put(made, "informationSource", {"reference": medicine.by} if medicine.by else None)
        e.put(made, "statusReason", [ended] if ended else None)
        e.put(made, "derivedFrom", [{"reference": medicine.replaces}] if medicine.replaces else None)
    return e.with_extensions(made, (systems.EPISODE_OF_CARE_EXTENSION,), e.episode(medicine.episode_id))


def read_medicine(resource: Mapping[str, Any]) -> Medicine:
    """The medicine a resource tells of; one from elsewhere belongs to no course."""
    kind = str(resource.get("resourceType"))
    request = kind == REQUEST
    concept = resource.get("medicationCodeableConcept") or {}
    code = e.coding(concept, systems.ATC) or ""
    period = resource.get("effectivePeriod") or {}
    begun = resource.get("authoredOn") if request else period.get("start") or resource.get("effectiveDateTime")
    reasons = resource.get("statusReason") or {}
    ended = reasons if request else e.first(reasons)
    prior = resource.get("priorPrescription") if request else e.first(resource.get("derivedFrom"))
    return Medicine(
        id=resource.get("id"),
        kind=kind,
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource),
        name=str(concept.get("text") or e.first(concept.get("coding")).get("display") or code),
        atc=code,
        reason=str(e.first(resource.get("reasonCode")).get("text") or ""),
        dosage=str(e.first(resource.get("dosageInstruction" if request else "dosage")).get("text") or ""),
        day=days.parse_day(begun) or 0,
        by=(resource.get("requester" if request else "informationSource") or {}).get("reference"),
        stopped=resource.get("status") in _OVER,
        stop_reason=str(ended.get("text") or ""),
        ended_day=days.parse_day(period.get("end")),
        replaces=(prior or {}).get("reference"),
    )


def followed_up(activity: Mapping[str, Any]) -> frozenset[str]:
    """The medicines a ServiceRequest follows up (R4 lets its reason be no medicine: they support it)."""
    named = (str(item.get("reference") or "") for item in activity.get("supportingInfo") or ())
    return frozenset(reference for reference in named if reference.split("/")[0] in (REQUEST, STATEMENT))
