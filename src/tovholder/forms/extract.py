"""Measurements taken from answers: questions marked for extraction become Observations with the question's own code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tovholder.base import days, json
from tovholder.fhir import systems
from tovholder.forms.domain import UNIT, Answers, Item, is_enabled, limit
from tovholder.forms.score import Scored, score
from tovholder.packages.model import Form
from tovholder.packages.model_clinical import Score

EXTRACT = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract"


def extract(
    form: Form, answers: Answers, *, patient_id: str, at: datetime, response_id: str, performer: str | None
) -> list[dict[str, Any]]:
    """One Observation per answered question marked for extraction (a mark on a group holds for what is inside), and
    one per score that is kept and has answers enough."""
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
    known = {held.id: held for held in form.scoring.scores}
    for scored in score(form, answers):
        held = known[scored.id]
        if held.code is None or scored.value is None or (held.keep == "band" and scored.band is None):
            continue
        item = {"code": [held.code.model_dump(exclude_none=True, exclude_defaults=True)], "text": held.title.da}
        made.append(_observation(item, _kept(held, scored), patient_id, at, response_id, performer))
    return made


def _kept(held: Score, scored: Scored) -> dict[str, Any]:
    """A score as an Observation holds it: its group in the score's own system, or its number."""
    assert held.code is not None and scored.value is not None
    if held.keep == "band":
        return {"valueCodeableConcept": {"coding": [{"system": held.code.system, "code": scored.band}]}}
    if held.unit:
        amount = {"value": json.Decimal(f"{scored.value:f}"), "unit": held.unit}
        return {"valueQuantity": amount | {"system": systems.UCUM, "code": held.unit}}
    if scored.value == scored.value.to_integral_value():
        return {"valueInteger": int(scored.value)}
    return {"valueQuantity": {"value": json.Decimal(f"{scored.value:f}")}}


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
