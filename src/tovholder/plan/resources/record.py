"""Condition, Observation and QuestionnaireResponse as we write them when data comes from our own pages or demo data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from tovholder.base import days, json
from tovholder.fhir import systems
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Code


def condition_resource(
    *,
    rid: str | None = None,
    patient_id: str,
    codes: Sequence[Code],
    recorded_day: int | None,
    onset_day: int | None = None,
    clinical_status: str = "active",
    verification_status: str = "confirmed",
    recorder: str | None = None,
) -> e.Json:
    """A diagnosis on the patient's problem list."""
    made = e.start("Condition", rid, None)
    made["clinicalStatus"] = {"coding": [{"system": systems.CONDITION_CLINICAL, "code": clinical_status}]}
    made["verificationStatus"] = {"coding": [{"system": systems.CONDITION_VERIFICATION, "code": verification_status}]}
    made["category"] = [{"coding": [{"system": systems.CONDITION_CATEGORY, "code": "problem-list-item"}]}]
    concept: e.Json = {"coding": [{"system": code.system, "code": code.code} for code in codes]}
    if codes and codes[0].text:
        concept["text"] = codes[0].text
    made["code"] = concept
    made["subject"] = e.ref("Patient", patient_id)
    if onset_day is not None:
        made["onsetDateTime"] = days.iso(onset_day)
    if recorded_day is not None:
        made["recordedDate"] = days.iso(recorded_day)
    if recorder:
        made["recorder"] = {"reference": recorder}
    return made


def measurement_resource(
    *,
    rid: str | None = None,
    patient_id: str,
    code: Code,
    at: datetime | int,
    quantity: Decimal | float | None = None,
    unit: str = "",
    integer: int | None = None,
    coded: Code | None = None,
    performer: str | None = None,
    episode_id: str | None = None,
) -> e.Json:
    """One measurement: a quantity, a count or a coded value, on a day or at an instant."""
    made = e.start("Observation", rid, None)
    made["status"] = "final"
    concept: e.Json = {"coding": [{"system": code.system, "code": code.code}]}
    if code.text:
        concept["text"] = code.text
    made["code"] = concept
    made["subject"] = e.ref("Patient", patient_id)
    made["effectiveDateTime"] = days.iso(at) if isinstance(at, int) else days.instant_text(at)
    if performer:
        made["performer"] = [{"reference": performer}]
    if quantity is not None:
        amount: e.Json = {"value": json.Decimal(str(quantity))}
        if unit:
            amount |= {"unit": unit, "system": systems.UCUM, "code": unit}
        made["valueQuantity"] = amount
    elif integer is not None:
        made["valueInteger"] = integer
    elif coded is not None:
        made["valueCodeableConcept"] = {"coding": [{"system": coded.system, "code": coded.code}], "text": coded.text}
        e.put(made["valueCodeableConcept"], "text", coded.text)
    return e.with_extensions(made, (), e.episode(episode_id))


def response_resource(
    *,
    rid: str | None = None,
    patient_id: str,
    questionnaire: str,
    items: list[e.Json],
    authored: datetime,
    author: str | None,
    source: str | None = None,
    episode_id: str | None = None,
    status: str = "completed",
) -> e.Json:
    """Answers to a questionnaire; ``questionnaire`` is its canonical with version, ``items`` come from forms."""
    made = e.start("QuestionnaireResponse", rid, None)
    made["questionnaire"] = questionnaire
    made["status"] = status
    made["subject"] = e.ref("Patient", patient_id)
    made["authored"] = days.instant_text(authored)
    if author and "/" in author:
        made["author"] = {"reference": author}
    if source and "/" in source:
        made["source"] = {"reference": source}
    e.put(made, "item", items)
    return e.with_extensions(made, (), e.episode(episode_id))
