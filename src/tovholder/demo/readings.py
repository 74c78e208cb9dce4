"""Owns what a visit measured, by the names the stories use, as the clinic's own system would send it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tovholder.demo.synth import backs, chronic
from tovholder.demo.synth import measurements as m
from tovholder.fhir import systems as s
from tovholder.plan.resources import measurement_resource
from tovholder.plan.resources.extensions import Json
from tovholder.plan.values import Code

AMOUNTS: Mapping[str, tuple[Code, str]] = {
    "fev1": (m.FEV1, "%"),
    "bmi": (m.BMI, "kg/m2"),
    "weight": (m.WEIGHT, "kg"),
    "saturation": (m.SATURATION, "%"),
    "hba1c": (chronic.HBA1C, "mmol/mol"),
    "ldl": (chronic.LDL, "mmol/L"),
    "sbp": (chronic.SYSTOLIC, "mm[Hg]"),
    "dbp": (chronic.DIASTOLIC, "mm[Hg]"),
    "egfr": (chronic.EGFR, "mL/min"),
    "acr": (chronic.ACR, "mg/g"),
}
COUNTS: Mapping[str, Code] = {
    "mrc": m.MRC,
    "cat": m.CAT,
    "exacerbations": m.EXACERBATIONS,
    "technique": m.TECHNIQUE,
    "pain": backs.PAIN,
    "rmdq": backs.FUNCTION,
    "sick_leave": backs.SICK_LEAVE,
    "hypos": chronic.HYPOS,
    "ccs": chronic.CHEST_PAIN,
}
WORDS: Mapping[str, Code] = {
    "smoking": m.SMOKING_STATUS,
    "risk": backs.RISK,
    "eyes": chronic.EYES,
    "feet": chronic.FEET,
}


def resources(
    patient_id: str, at: datetime, performer: str, numbers: Mapping[str, float], said: Mapping[str, str | None]
) -> list[Json]:
    """One Observation for each number and each word; a word that is None was not asked for."""
    made = []
    for name, value in numbers.items():
        if name in COUNTS:
            made.append(
                measurement_resource(
                    patient_id=patient_id, code=COUNTS[name], at=at, integer=int(value), performer=performer
                )
            )
        else:
            code, unit = AMOUNTS[name]
            made.append(
                measurement_resource(
                    patient_id=patient_id, code=code, at=at, quantity=value, unit=unit, performer=performer
                )
            )
    for name, word in said.items():
        if word:
            coded = Code(s.MCS, word, word)
            made.append(
                measurement_resource(patient_id=patient_id, code=WORDS[name], at=at, coded=coded, performer=performer)
            )
    return made
