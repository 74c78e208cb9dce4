"""Owns the everyday record of everybody on a list: visits with blood pressure, weight and laboratory values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tovholder.base import days, json
from tovholder.base.ids import Ids
from tovholder.demo.synth.organisations import Clinic
from tovholder.fhir import systems as s

Json = dict[str, Any]
VALUES_PER_VISIT = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that is measured: NPU code, name, UCUM unit and its words, middle, spread, limits, decimals."""

    code: str
    name: str
    unit: str
    said: str
    mean: float
    spread: float
    low: float
    high: float
    places: int


# Codes and reference intervals in the shape laboratories send them; the figures are round, for looks only.
KINDS = (
    Kind("NPU19748", "C-reaktivt protein;P", "mg/L", "mg/L", 4.0, 3.0, 0.0, 8.0, 1),
    Kind("NPU02319", "Hæmoglobin;B", "mmol/L", "mmol/L", 8.6, 0.8, 7.3, 10.5, 1),
    Kind("NPU03429", "Natrium;P", "mmol/L", "mmol/L", 140.0, 2.5, 137.0, 144.0, 0),
    Kind("NPU03230", "Kalium;P", "mmol/L", "mmol/L", 4.1, 0.35, 3.5, 4.4, 1),
    Kind("NPU18016", "Kreatininium;P", "umol/L", "µmol/L", 78.0, 16.0, 45.0, 105.0, 0),
    Kind("NPU27300", "Hæmoglobin A1c(IFCC);Hb(B)", "mmol/mol", "mmol/mol", 39.0, 6.0, 31.0, 44.0, 0),
    Kind("NPU01566", "Kolesterol;P", "mmol/L", "mmol/L", 5.1, 0.9, 2.9, 5.0, 1),
    Kind("NPU03804", "Vægt", "kg", "kg", 78.0, 14.0, 50.0, 110.0, 1),
)


class Everyday:
    """Writes visits for one clinic's list; every draw is made at once."""

    def __init__(
        self, rng: np.random.Generator, ids: Ids, clinic: Clinic, size: int, visits: float, today: int
    ) -> None:
        self._ids, self._clinic, self._today = ids, clinic, today
        self._many = rng.poisson(visits, size)
        total = int(self._many.sum())
        self._first = np.concatenate([[0], np.cumsum(self._many)])
        self._ago = rng.integers(3, 5 * 365, size=total)
        self._minute = rng.integers(8 * 60, 16 * 60, size=total)
        self._kind = rng.integers(0, len(KINDS), size=total)
        self._draw = rng.normal(size=(total, VALUES_PER_VISIT))

    def of(self, person: int, patient: Json) -> Iterator[Json]:
        """The person's visits, each with its measurements; none before birth."""
        born = days.parse_day(patient["birthDate"]) or 0
        for visit in range(int(self._first[person]), int(self._first[person + 1])):
            day = max(self._today - int(self._ago[visit]), born)
            yield from self._visit(visit, patient["id"], day)

    def _visit(self, visit: int, patient_id: str, day: int) -> Iterator[Json]:
        place = self._clinic.place
        worker = place.workers[visit % len(place.workers)]
        minute = int(self._minute[visit])
        date = days.iso(day)
        start = f"{date}T{minute // 60:02d}:{minute % 60:02d}:00+01:00"
        end = f"{date}T{(minute + 15) // 60:02d}:{(minute + 15) % 60:02d}:00+01:00"
        subject = {"reference": f"Patient/{patient_id}"}
        encounter = self._ids()
        yield {
            "resourceType": "Encounter",
            "id": encounter,
            "status": "finished",
            "class": {"system": s.ACT_CODE, "code": "AMB", "display": "ambulatory"},
            "type": [{"coding": [{"system": s.KIND_SYSTEM, "code": "konsultation"}], "text": "Konsultation"}],
            "subject": subject,
            "participant": [{"individual": {"reference": worker.reference}}],
            "period": {"start": start, "end": end},
            "serviceProvider": {"reference": f"Organization/{place.id}", "display": place.name},
        }
        for place_in_visit in range(VALUES_PER_VISIT):
            kind = KINDS[(int(self._kind[visit]) + place_in_visit) % len(KINDS)]
            value = max(kind.mean + kind.spread * float(self._draw[visit, place_in_visit]), 0.1)
            yield self._value(kind, value, subject, encounter, start, worker.reference)

    def _value(self, kind: Kind, value: float, subject: Json, encounter: str, when: str, performer: str) -> Json:
        flag = "L" if value < kind.low else "H" if value > kind.high else "N"
        said = {"L": "Lav", "H": "Høj", "N": "Normal"}[flag]
        place = self._clinic.place
        return {
            "resourceType": "Observation",
            "id": self._ids(),
            "identifier": [{"system": f"{s.BASE}/laboratory", "value": self._ids()}],
            "status": "final",
            "category": [
                {
                    "coding": [{"system": s.OBSERVATION_CATEGORY, "code": "laboratory", "display": "Laboratory"}],
                    "text": "Laboratoriesvar",
                }
            ],
            "code": {"coding": [{"system": s.NPU, "code": kind.code, "display": kind.name}], "text": kind.name},
            "subject": subject,
            "encounter": {"reference": f"Encounter/{encounter}"},
            "effectiveDateTime": when,
            "issued": when,
            "performer": [
                {"reference": performer},
                {"reference": f"Organization/{place.id}", "display": place.name},
            ],
            "valueQuantity": {
                "value": json.Decimal(f"{value:.{kind.places}f}"),
                "unit": kind.said,
                "system": s.UCUM,
                "code": kind.unit,
            },
            "interpretation": [{"coding": [{"system": s.INTERPRETATION, "code": flag, "display": said}], "text": said}],
            "note": [{"text": "Svar givet ved konsultationen; kontrolleres efter aftale med egen læge."}],
            "referenceRange": [
                {
                    "low": {"value": kind.low, "unit": kind.said, "system": s.UCUM, "code": kind.unit},
                    "high": {"value": kind.high, "unit": kind.said, "system": s.UCUM, "code": kind.unit},
                    "text": f"{kind.low:g} - {kind.high:g} {kind.said}",
                }
            ],
        }
