"""Owns the people with type 2 diabetes and with heart disease or high blood pressure: how they are, and their courses.

Those with diabetes and high blood pressure are the ones people.py gave the diagnosis; ischaemic heart disease is drawn
here. Their draws are streams of their own, so that everything else in the population stays as it was. What is measured
belongs to the person, not to a course: one blood test serves diabetes and heart alike, as it does in life.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth import words
from tovholder.demo.synth.clinical import SMOKING
from tovholder.demo.synth.course import CourseWriter
from tovholder.demo.synth.histories import PILOT_DAYS, follow
from tovholder.demo.synth.measurements import BMI, SMOKING_STATUS, WEIGHT
from tovholder.demo.synth.organisations import Clinic
from tovholder.fhir import systems as s
from tovholder.packages import Package
from tovholder.plan.diagnoses import matching
from tovholder.plan.record import Record
from tovholder.plan.resources import condition_resource, measurement_resource
from tovholder.plan.values import Code

Json = dict[str, Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HBA1C = Code(s.NPU, "NPU27300", "HbA1c")
LDL = Code(s.NPU, "NPU01568", "LDL-kolesterol")
SYSTOLIC = Code(s.NPU, "DNK05472", "Blodtryk, systolisk")
DIASTOLIC = Code(s.NPU, "DNK05473", "Blodtryk, diastolisk")
EGFR = Code(s.NPU, "DNK35302", "eGFR")
ACR = Code(s.NPU, "NPU19661", "Albumin/kreatinin-ratio")
EYES = Code(s.MCS, "MCS88152", "Øjenundersøgelse")
FEET = Code(s.MCS, "MCS88153", "Fodundersøgelse")
CHEST_PAIN = Code(s.MCS, "MCS88120", "CCS")
HYPOS = Code(f"{s.BASE}/CodeSystem/observation", "t2d-svaer-hypoglykaemi", "Svære tilfælde af lavt blodsukker")

# Share with known ischaemic heart disease by age, and the mix of its codes: round figures of our own.
_HEART_BY_AGE = ((45, 0.012), (60, 0.05), (75, 0.10))
_HEART_WITH_KOL = 1.4
_HEART = (
    Code(s.ICPC2, "K74", "Iskæmisk hjertesygdom med angina"),
    Code(s.ICPC2, "K76", "Iskæmisk hjertesygdom uden angina"),
    Code(s.ICPC2, "K75", "Akut myokardieinfarkt"),
)
_HEART_MIX = (0.45, 0.43, 0.12)
_GAPS = {"hba1c": 0.08, "ldl": 0.15, "pressure": 0.12, "egfr": 0.12, "acr": 0.35, "bmi": 0.3, "smoking": 0.3}
_VISITS = 4
PACKAGES = ("t2d", "hjerte")


@dataclass(frozen=True, slots=True)
class State:
    """How ill the people of one package are, as a course asks."""

    needs: Ints
    admissions: Ints


def heart_disease(
    rng: np.random.Generator, ids: Ids, clinic: Clinic, ages: Ints, kol: Flags, patients: list[Json], today: int
) -> list[list[Json]]:
    """For each person, the ischaemic heart disease they may have."""
    share = np.zeros(len(ages), dtype=np.float64)
    for start, value in _HEART_BY_AGE:
        share = np.where(ages >= start, value, share)
    ill = rng.random(len(ages)) < share * np.where(kol, _HEART_WITH_KOL, 1.0)
    which = rng.choice(len(_HEART), size=len(ages), p=_HEART_MIX)
    ago = rng.integers(40, 3600, size=len(ages))
    soon = rng.integers(25, 400, size=len(ages))
    made: list[list[Json]] = [[] for _ in patients]
    for person in np.flatnonzero(ill).tolist():
        code = _HEART[int(which[person])]
        since = today - int(soon[person] if code.code == "K75" else ago[person])
        made[person].append(
            condition_resource(
                rid=ids(),
                patient_id=patients[person]["id"],
                codes=[code],
                recorded_day=since,
                onset_day=since,
                recorder=clinic.place.workers[0].reference,
            )
        )
    return made


class ChronicWriter:
    """Writes the measurements and courses of one clinic's people with diabetes, heart disease or high blood pressure."""

    def __init__(
        self, seed: tuple[int, ...], ids: Ids, clinic: Clinic, known: Mapping[str, Package], today: int
    ) -> None:
        self._rng = np.random.default_rng(list(seed))
        self._ids, self._clinic, self._today = ids, clinic, today
        self._known = [known[name] for name in PACKAGES]
        self._place: dict[int, int] = {}
        self._first: dict[tuple[str, int], Json] = {}
        self._in_package: dict[tuple[str, int], int] = {}
        self._writers: dict[str, CourseWriter] = {}

    def prepare(self, ages: Ints, kol: Flags, patients: list[Json], conditions: list[list[Json]]) -> list[list[Json]]:
        """Draw everything at once; returns everybody's diagnoses with the heart disease drawn here."""
        heart = heart_disease(self._rng, self._ids, self._clinic, ages, kol, patients, self._today)
        held = [[*one, *more] for one, more in zip(conditions, heart, strict=True)]
        for package in self._known:
            for person, found in enumerate(held):
                first = _standing(package, found) if ages[person] >= 18 else None
                if first is not None:
                    self._first[package.id, person] = first
        chosen = np.array(sorted({person for _, person in self._first}), dtype=np.int64)
        self._place = {int(person): index for index, person in enumerate(chosen)}
        self._kol = kol
        self._draw_values(ages[chosen])
        for package in self._known:
            self._draw_courses(package)
        return held

    def _draw_values(self, ages: Ints) -> None:
        rng, size = self._rng, len(ages)
        self._diabetic = np.array([("t2d", person) in self._first for person in self._place], dtype=np.bool_)
        self._hba1c = np.where(self._diabetic, 42 + rng.gamma(2.2, 6.0, size), rng.normal(38, 2.5, size))
        self._ldl = np.clip(rng.normal(2.3, 0.8, size), 0.7, 5.8)
        self._sbp = np.clip(rng.normal(136, 13, size), 104, 192)
        self._dbp = np.clip(self._sbp * 0.42 + rng.normal(22, 6, size), 55, 112)
        self._egfr = np.clip(rng.normal(118 - 0.62 * ages, 13, size), 14, 90)
        self._acr = np.rint(rng.gamma(0.7, 22, size))
        self._bmi = np.clip(rng.normal(29.5, 4.8, size), 18, 46)
        self._height = rng.normal(1.71, 0.08, size)
        self._smoking = rng.choice(len(SMOKING), size=size, p=(0.15, 0.04, 0.45, 0.36))
        latest = self._today - rng.integers(15, 330, size=size)
        self._visits = np.stack([latest - 730, latest - 365, latest - 182, latest], axis=1)
        self._visits += rng.integers(-20, 15, size=(size, _VISITS))
        self._kept = rng.random((size, _VISITS)) > np.array([0.3, 0.15, 0.4, 0.05])
        self._absent = rng.random((size, _VISITS, len(_GAPS))) < np.array(list(_GAPS.values()))
        self._noise = rng.normal(0, 1, size=(size, _VISITS, 5))
        self._beside = rng.random((size, 4))  # eyes, feet, low blood sugar, chest pain known
        self._eyes_ago = rng.integers(30, 980, size=size)
        self._feet_ago = rng.integers(20, 520, size=size)
        self._social = rng.choice([1, 2, 3], size=(size, 3), p=(0.85, 0.12, 0.03))

    def _draw_courses(self, package: Package) -> None:
        people = [person for name, person in self._first if name == package.id]
        index = np.array([self._place[person] for person in people], dtype=np.int64)
        for order, person in enumerate(people):
            self._in_package[package.id, person] = order
        since = np.array(
            [days.parse_day(self._first[package.id, person]["recordedDate"]) for person in people], dtype=np.int64
        )
        size, today = len(people), self._today
        review = today - PILOT_DAYS + np.floor(self._rng.beta(1.0, 1.3, size) * (PILOT_DAYS - 1)).astype(np.int64)
        pace = float(np.exp(self._rng.normal(0, 0.25)))
        histories = follow(self._rng, since, np.maximum(review, since), since, pace, today, ends=0)
        biological = (
            1 + (self._hba1c[index] >= 58) + (self._egfr[index] < 45) + (self._acr[index] >= 300)
            if package.id == "t2d"
            else 1 + (self._sbp[index] >= 152) + self._ischaemic(people)
        )
        needs = np.column_stack([np.clip(biological, 1, 3), self._social[index]]).astype(np.int64)
        self._writers[package.id] = CourseWriter(
            self._rng, self._ids, self._clinic, package, State(needs, np.zeros(size, dtype=np.int64)), histories, today,
            goals=words.GOALS_OF[package.id],
        )  # fmt: skip

    def _ischaemic(self, people: Sequence[int]) -> Ints:
        hearts = {code.code for code in _HEART}
        codes = [self._first["hjerte", person]["code"]["coding"][0]["code"] for person in people]
        return np.array([code in hearts for code in codes], dtype=np.int64)

    def of(self, person: int, patient: Json) -> Iterator[Json]:
        """What was measured, and the courses; nothing for those who have neither illness."""
        index = self._place.get(person)
        if index is None:
            return
        measured = list(self._measured(index, person, patient["id"]))
        yield from measured
        for package in self._known:
            order = self._in_package.get((package.id, person))
            if order is not None:
                yield from self._writers[package.id].of(order, patient, self._first[package.id, person], measured)

    def _measured(self, index: int, person: int, patient: str) -> Iterator[Json]:
        first = min(
            days.parse_day(held["recordedDate"]) or 0
            for name in PACKAGES
            if (held := self._first.get((name, person))) is not None
        )
        for visit in range(_VISITS):
            day = int(self._visits[index, visit])
            if self._kept[index, visit] and first <= day <= self._today:
                yield from self._visit(index, visit, day, person, patient)
        yield from self._seldom(index, first, patient)

    def _visit(self, index: int, visit: int, day: int, person: int, patient: str) -> Iterator[Json]:
        absent = dict(zip(_GAPS, self._absent[index, visit].tolist(), strict=True))
        noise = self._noise[index, visit].tolist()
        better = (self._today - day) / 365  # treatment has helped a little year by year
        if not absent["hba1c"] and (self._diabetic[index] or visit == _VISITS - 1):
            hba1c = float(self._hba1c[index]) + 2.0 * noise[0] + (2.5 * better if self._diabetic[index] else 0)
            yield self._amount(HBA1C, round(hba1c), "mmol/mol", day, patient)
        if not absent["ldl"]:
            yield self._amount(
                LDL, round(max(0.6, float(self._ldl[index]) + 0.2 * noise[1] + 0.3 * better), 1), "mmol/L", day, patient
            )
        if not absent["pressure"]:
            systolic = round(float(self._sbp[index]) + 5 * noise[2] + 2 * better)
            diastolic = min(round(float(self._dbp[index]) + 3 * noise[3]), systolic - 25)
            yield self._amount(SYSTOLIC, systolic, "mm[Hg]", day, patient)
            yield self._amount(DIASTOLIC, diastolic, "mm[Hg]", day, patient)
        if visit == 2:  # a check-up between two annual statuses: no more than that
            return
        if not absent["egfr"]:
            egfr = min(90, round(float(self._egfr[index]) + 2.5 * noise[4] + 1.2 * better))
            yield self._amount(EGFR, egfr, "mL/min", day, patient)
        if self._diabetic[index] and not absent["acr"]:
            yield self._amount(ACR, int(self._acr[index]), "mg/g", day, patient)
        if self._kol[person]:  # their weight and smoking are measured with the lungs
            return
        if not absent["bmi"]:
            bmi = round(float(self._bmi[index]) + 0.4 * noise[4], 1)
            yield self._amount(BMI, bmi, "kg/m2", day, patient)
            yield self._amount(WEIGHT, round(bmi * float(self._height[index]) ** 2, 1), "kg", day, patient)
        if not absent["smoking"]:
            yield self._word(SMOKING_STATUS, SMOKING[int(self._smoking[index])], day, patient)

    def _seldom(self, index: int, first: int, patient: str) -> Iterator[Json]:
        """Eyes, feet and low blood sugar of those with diabetes; some of it nobody has written anywhere."""
        known = (self._beside[index] < np.array([0.85, 0.8, 0.6, 0.0])).tolist()
        if not self._diabetic[index]:
            return
        eyes, feet = self._today - int(self._eyes_ago[index]), self._today - int(self._feet_ago[index])
        if known[0] and eyes >= first:
            yield self._word(EYES, "ja", eyes, patient)
        if known[1] and feet >= first:
            yield self._word(FEET, "ja", feet, patient)
        latest = int(self._visits[index, -1])
        if known[2] and latest >= first and latest > self._today - 365:
            yield measurement_resource(
                rid=self._ids(),
                patient_id=patient,
                code=HYPOS,
                at=latest,
                integer=0 if self._beside[index, 3] < 0.93 else 1,
                performer=self._clinic.place.workers[-1].reference,
            )

    def _amount(self, code: Code, value: float, unit: str, day: int, patient: str) -> Json:
        nurse = self._clinic.place.workers[-1].reference
        return measurement_resource(
            rid=self._ids(), patient_id=patient, code=code, at=day, quantity=value, unit=unit, performer=nurse
        )

    def _word(self, code: Code, said: str, day: int, patient: str) -> Json:
        coded = Code(s.MCS, said, said)
        nurse = self._clinic.place.workers[-1].reference
        return measurement_resource(
            rid=self._ids(), patient_id=patient, code=code, at=day, coded=coded, performer=nurse
        )


def _standing(package: Package, conditions: Sequence[Json]) -> Json | None:
    """The first standing diagnosis of the package."""
    for condition in sorted(conditions, key=lambda item: str(item.get("recordedDate") or "")):
        if condition["clinicalStatus"]["coding"][0]["code"] != "active" or not condition.get("recordedDate"):
            continue
        if matching(package, Record((condition,)).diagnoses):
            return condition
    return None
