"""Measurements taken from answers: questions marked for extraction become Observations with the question's own code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.forms.domain import UNIT, Answers, Item, is_enabled, limit
from tovholder.packages.model import Form

EXTRACT = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract"


def extract(
    form: Form, answers: Answers, *, patient_id: str, at: datetime, response_id: str, performer: str | None
) -> list[dict[str, Any]]:
    """One Observation per answered question marked for extraction (a mark on a group holds for what is inside)."""
    made: list[dict[str, Any]] = []

    def walk(level: Iterable[Item], *, marked: bool, asked: bool) -> None:
        for item in level:
            own = limit(item, EXTRACT)
            here = marked if own is None else bool(own)
            shown = asked and is_enabled(item, answers)
            given = answers.get(str(item.get("linkId")), ())
            if here and shown and given and item.get("code"):
                value = _value(item, given[0])
                if value:
                    made.append(_observation(item, value, patient_id, at, response_id, performer))
            walk(item.get("item") or (), marked=here, asked=shown)

    walk(form.questionnaire.get("item") or (), marked=False, asked=True)
    return made


def _observation(
    item: Item, value: Mapping[str, Any], patient_id: str, at: datetime, response_id: str, performer: str | None
) -> dict[str, Any]:
    codes = [{key: held for key, held in code.items() if not key.startswith("_")} for code in item["code"]]
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": codes, "text": item.get("text") or codes[0].get("display") or codes[0].get("code")},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": days.instant_text(at),
        **value,
        "derivedFrom": [{"reference": f"QuestionnaireResponse/{response_id}"}],
    }
    if performer and "/" in performer:
        made["performer"] = [{"reference": performer}]
    return made


def _value(item: Item, answer: Any) -> dict[str, Any] | None:
    if isinstance(answer, bool):  # MedCom's measurement codes write yes and no as 1 and 0
        return {"valueInteger": 1 if answer else 0}
    if isinstance(answer, Mapping):
        if "value" in answer:
            return {"valueQuantity": dict(answer)}
        return {
            "valueCodeableConcept": {
                "coding": [{k: v for k, v in answer.items() if k in ("system", "code", "display")}]
            }
        }
    if isinstance(answer, int | float):
        unit = limit(item, UNIT)
        if isinstance(unit, Mapping):
            quantity: dict[str, Any] = {"value": answer, "unit": unit.get("display") or unit.get("code")}
            if unit.get("code"):
                quantity |= {"system": unit.get("system") or systems.UCUM, "code": unit["code"]}
            return {"valueQuantity": quantity}
        return {"valueInteger": answer} if isinstance(answer, int) else {"valueQuantity": {"value": answer}}
    return {"valueString": answer} if isinstance(answer, str) and answer else None
