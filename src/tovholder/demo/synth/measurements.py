"""Owns the series of measurements: yearly status and controls over some three years, with the gaps of real records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth.clinical import SMOKING, Clinical
from tovholder.demo.synth.organisations import Worker
from tovholder.fhir import systems as s
from tovholder.plan.resources import measurement_resource
from tovholder.plan.resources.extensions import Json
from tovholder.plan.values import Code

FEV1 = Code(s.MCS, "MCS88023", "FEV1 i % af forventet")
MRC = Code(s.MCS, "MCS88021", "MRC-skala")
CAT = Code(s.MCS, "MCS88137", "CAT-score")
EXACERBATIONS = Code(s.MCS, "MCS88022", "Eksacerbationer seneste år")
SMOKING_STATUS = Code(s.MCS, "MCS88011", "Rygestatus")
TECHNIQUE = Code(s.MCS, "MCS88142", "Inhalationsteknik gennemgået")
BMI = Code(s.NPU, "NPU27281", "BMI")
WEIGHT = Code(s.NPU, "NPU03804", "Vægt")
SATURATION = Code(s.NPU, "NPU27280", "Iltmætning")

# How often each value is missing at a yearly status.
_GAPS = {
    "fev1": 0.2,
    "mrc": 0.12,
    "cat": 0.25,
    "exacerbations": 0.22,
    "smoking": 0.12,
    "bmi": 0.3,
    "technique": 0.45,
}


@dataclass(frozen=True, slots=True)
class Visits:
    """When each person was measured: person x visit days (-1 for none), oldest first; yearly: at a yearly status."""

    day: NDArray[np.int64]
    yearly: NDArray[np.bool_]


def draw_visits(
    rng: np.random.Generator,
    clinical: Clinical,
    known_since: NDArray[np.int64],
    today: int,
) -> Visits:
    """Three yearly statuses and, for the graver, a control between; none before the illness was known, some missing."""
    size = len(known_since)
    latest = today - rng.integers(20, 340, size=size)
    taken = np.stack([latest - 730, latest - 365, latest - 180, latest], axis=1) + rng.integers(-25, 26, size=(size, 4))
    yearly = np.tile(np.array([True, True, False, True]), (size, 1))
    keep = rng.random((size, 4)) > np.array([0.22, 0.15, 0.35, 0.05])
    keep[:, 2] &= clinical.gold >= 3
    keep &= (taken >= known_since[:, None]) & (taken <= today)
    return Visits(np.where(keep, taken, -1), yearly)


class Measurer:
    """Writes the Observations of one clinic's people; every draw is made at once."""

    def __init__(
        self,
        rng: np.random.Generator,
        ids: Ids,
        clinical: Clinical,
        visits: Visits,
        today: int,
    ) -> None:
        size, many = visits.day.shape
        self._ids = ids
        self._clinical = clinical
        self._visits = visits
        self._today = today
        self._absent = rng.random((size, many, len(_GAPS))) < np.array(list(_GAPS.values()))
        self._noise = rng.normal(0, 1, size=(size, many, 4))
        self._quit = rng.random((size, 1))[:, 0]

    def of(self, person: int, patient: str, worker: Worker, until: int) -> list[Json]:
        """One person's series up to a day, oldest first."""
        made: list[Json] = []
        for visit, (day, yearly) in enumerate(
            zip(
                self._visits.day[person].tolist(),
                self._visits.yearly[person].tolist(),
                strict=True,
            )
        ):
            if 0 <= day <= until:
                made.extend(self._visit(person, visit, day, yearly, patient, worker))
        return made

    def contacts(self, person: int, patient: str, clinic: str, until: int) -> list[Json]:
        """The consultations the measurements were made at, up to a day."""
        return [
            {
                "resourceType": "Encounter",
                "id": self._ids(),
                "status": "finished",
                "class": {"system": s.ACT_CODE, "code": "AMB", "display": "ambulatory"},
                "subject": {"reference": f"Patient/{patient}"},
                "period": {"start": days.iso(day), "end": days.iso(day)},
                "serviceProvider": {"reference": f"Organization/{clinic}"},
            }
            for day in self._visits.day[person].tolist()
            if 0 <= day <= until
        ]

    def _visit(
        self,
        person: int,
        visit: int,
        day: int,
        yearly: bool,
        patient: str,
        worker: Worker,
    ) -> list[Json]:
        state = self._clinical
        years = (self._today - day) / 365
        noise = self._noise[person, visit].tolist()
        absent = dict(zip(_GAPS, self._absent[person, visit].tolist(), strict=True))
        made: list[Json] = []

        def add(
            code: Code,
            *,
            quantity: float | None = None,
            unit: str = "",
            integer: int | None = None,
        ) -> None:
            made.append(
                measurement_resource(
                    rid=self._ids(),
                    patient_id=patient,
                    code=code,
                    at=day,
                    quantity=quantity,
                    unit=unit,
                    integer=integer,
                    performer=worker.reference,
                )
            )

        cat = int(np.clip(round(state.cat[person] - 1.3 * years + 2 * noise[0]), 0, 40))
        if not yearly:
            if not absent["cat"]:
                add(CAT, integer=cat)
            add(
                SATURATION,
                quantity=int(np.clip(round(state.saturation[person] + noise[1]), 84, 100)),
                unit="%",
            )
            return made
        if not absent["fev1"]:
            add(
                FEV1,
                quantity=max(
                    14,
                    round(state.fev1[person] + state.decline[person] * years + 1.5 * noise[1]),
                ),
                unit="%",
            )
        if not absent["mrc"]:
            add(
                MRC,
                integer=int(np.clip(round(state.mrc[person] - 0.25 * years + 0.3 * noise[2]), 1, 5)),
            )
        if not absent["cat"]:
            add(CAT, integer=cat)
        if not absent["exacerbations"]:
            last = day > self._today - 365
            add(
                EXACERBATIONS,
                integer=int(state.exacerbations[person]) if last else int(abs(round(0.8 * noise[3]))),
            )
        if not absent["smoking"]:
            made.append(self._smoking(person, day, patient, worker))
        if not absent["bmi"]:
            bmi = round(float(np.clip(state.bmi[person] + 0.5 * noise[2], 15, 45)), 1)
            add(BMI, quantity=bmi, unit="kg/m2")
            if day > self._today - 365:
                add(
                    WEIGHT,
                    quantity=round(bmi * float(state.height[person]) ** 2, 1),
                    unit="kg",
                )
                add(
                    SATURATION,
                    quantity=int(np.clip(round(state.saturation[person] + noise[1]), 84, 100)),
                    unit="%",
                )
        if not absent["technique"] and day > self._today - 365:
            add(TECHNIQUE, integer=1)
        return made

    def _smoking(self, person: int, day: int, patient: str, worker: Worker) -> Json:
        """Those who have stopped lately still smoked in the older records."""
        status = int(self._clinical.smoking[person])
        if SMOKING[status] == "ophørt" and float(self._quit[person]) < 0.2 and day < self._today - 365:
            status = 0
        return measurement_resource(
            rid=self._ids(),
            patient_id=patient,
            code=SMOKING_STATUS,
            at=day,
            coded=Code(s.MCS, SMOKING[status], SMOKING[status]),
            performer=worker.reference,
        )
