"""Owns the people with low-back pain: whose pain stayed, how they are, what was measured, and their courses.

They are those whom people.py gave a back diagnosis, with or without KOL. Most back pain passes; the rest is a matter for
the package. Their draws are a stream of their own, so that everything else in the population stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth import words
from tovholder.demo.synth.course import CourseWriter
from tovholder.demo.synth.histories import NEVER, PILOT_DAYS, Histories, follow
from tovholder.demo.synth.organisations import Clinic
from tovholder.fhir import systems as s
from tovholder.forms import extract, items_of
from tovholder.packages import Package
from tovholder.plan.diagnoses import matching
from tovholder.plan.record import Record
from tovholder.plan.resources import measurement_resource, response_resource
from tovholder.plan.values import Code

Json = dict[str, Any]
Ints = NDArray[np.int64]

CHRONIC = 85  # the first day after 12 weeks
_PASSES = 0.45  # back pain that is over, whatever the list still says of it
PAIN = Code(f"{s.BASE}/CodeSystem/observation", "lrs-smerte", "Smerter (0-10)")
FUNCTION = Code(f"{s.BASE}/CodeSystem/observation", "lrs-rmdq", "Roland-Morris")
SICK_LEAVE = Code(f"{s.BASE}/CodeSystem/observation", "lrs-sygemelding-uger", "Ugers sygemelding")
RISK = Code(s.MCS, "MCS88148", "STarT Back")
RISKS = ("Lav", "Middel", "Høj")
_RISK_MIX = (0.31, 0.40, 0.29)  # in Danish general practice (domain.md §5.2)
_IMPROVES = (0.66, 0.55, 0.37)  # by 30 % in Roland-Morris after eight weeks (domain.md §5.2)


@dataclass(frozen=True, slots=True)
class Backs:
    """How each of them is."""

    needs: Ints
    admissions: Ints
    risk: Ints  # index of RISKS
    function: Ints  # Roland-Morris when the course began
    pain: Ints
    sick_leave: Ints  # weeks
    improves: NDArray[np.bool_]


def passed(rng: np.random.Generator, package: Package, conditions: list[Json], today: int) -> list[Json]:
    """The diagnoses as they are now: some back pain is over."""
    made = []
    for condition in conditions:
        since = days.parse_day(condition.get("recordedDate"))
        if matching(package, Record((condition,)).diagnoses) and since is not None and rng.random() < _PASSES:
            over = min(today, since + 14 + int(rng.integers(0, 200)))
            condition = condition | {
                "clinicalStatus": {"coding": [{"system": s.CONDITION_CLINICAL, "code": "resolved"}]},
                "abatementDateTime": days.iso(over),
            }
        made.append(condition)
    return made


def draw_backs(rng: np.random.Generator, ages: Ints) -> Backs:
    """Risk, function, pain and sick leave; those past working age are on no sick leave."""
    size = len(ages)
    risk = rng.choice(3, size=size, p=_RISK_MIX).astype(np.int64)
    function = np.clip(np.rint(rng.normal(8 + 3 * risk, 3.0)), 1, 24).astype(np.int64)
    pain = np.clip(np.rint(rng.normal(4.5 + 0.9 * risk, 1.6)), 0, 10).astype(np.int64)
    away = (rng.random(size) < 0.12 + 0.12 * risk) & (ages < 66)
    weeks = np.where(away, rng.integers(1, 26, size=size), 0).astype(np.int64)
    rest = rng.choice([1, 2, 3], size=(size, 3), p=(0.80, 0.16, 0.04))
    biological = np.clip(1 + (function >= 14) + (rng.random(size) < 0.1), 1, 3)
    return Backs(
        needs=np.column_stack([biological, rest]).astype(np.int64),
        admissions=np.zeros(size, dtype=np.int64),
        risk=risk,
        function=function,
        pain=pain,
        sick_leave=weeks,
        improves=rng.random(size) < np.array(_IMPROVES)[risk],
    )


def draw_days(rng: np.random.Generator, since: Ints, today: int) -> Histories:
    """The days of their courses: eligible when the pain has lasted 12 weeks, or when the clinic worked through its list."""
    size = len(since)
    review = today - PILOT_DAYS + np.floor(rng.beta(1.0, 1.0, size) * (PILOT_DAYS - 1)).astype(np.int64)
    eligible = np.maximum(review, since + CHRONIC)
    return follow(rng, since, eligible, since, float(np.exp(rng.normal(0, 0.28))), today)


class BackWriter:
    """Writes the courses of one clinic's people whose back pain stayed."""

    def __init__(
        self, seed: tuple[int, ...], ids: Ids, clinic: Clinic, package: Package, today: int, everybody: list[list[Json]]
    ) -> None:
        self._rng = np.random.default_rng(list(seed))
        self._ids, self._clinic, self._package, self._today = ids, clinic, package, today
        self.conditions = [passed(self._rng, package, held, today) if held else held for held in everybody]
        self._place: dict[int, int] = {}
        self._writer: CourseWriter | None = None

    def prepare(self, ages: Ints) -> None:
        """Draw everything at once for those with pain that stayed for more than 12 weeks."""
        found = {person: first for person, held in enumerate(self.conditions) if (first := self._stayed(held))}
        chosen = np.array(sorted(found), dtype=np.int64)
        self._place = {int(person): index for index, person in enumerate(chosen)}
        since = np.array([days.parse_day(found[int(person)]["recordedDate"]) for person in chosen], dtype=np.int64)
        self._backs = draw_backs(self._rng, ages[chosen])
        self._days = draw_days(self._rng, since, self._today)
        self._first = found
        self._writer = CourseWriter(
            self._rng, self._ids, self._clinic, self._package, self._backs, self._days, self._today,
            end_reasons=("completed",), goals=words.BACK_GOALS,
        )  # fmt: skip

    def _stayed(self, conditions: list[Json]) -> Json | None:
        """The first standing back diagnosis, when it is old enough by now."""
        for condition in sorted(conditions, key=lambda item: str(item.get("recordedDate") or "")):
            since = days.parse_day(condition.get("recordedDate"))
            status = condition["clinicalStatus"]["coding"][0]["code"]
            if status != "active" or since is None or since + CHRONIC > self._today:
                continue
            if matching(self._package, Record((condition,)).diagnoses):
                return condition
        return None

    def of(self, person: int, patient: Json) -> Iterator[Json]:
        """What was measured about the person's back, and the course; nothing for those whose back is well."""
        index = self._place.get(person)
        if index is None or self._writer is None or int(self._days.eligible[index]) > self._today:
            return
        measured = list(self._measured(index, patient["id"]))
        yield from measured
        yield from self._writer.of(index, patient, self._first[person], measured)

    def _measured(self, index: int, patient_id: str) -> Iterator[Json]:
        """Red flags, risk, function, pain and sick leave when the course began; some of it again after 3 and 9 months."""
        begun = int(self._days.assessed[index])
        if begun >= NEVER:
            return
        worker = self._clinic.place.workers[0].reference
        yield from self._red_flags(begun, patient_id, worker)
        backs, ended = self._backs, int(self._days.ended[index])
        factor = 0.5 if backs.improves[index] else 0.95
        for ago, share in ((0, 1.0), (95, factor), (275, factor)):
            day = begun + ago
            if day > min(self._today, ended) or (ago and self._rng.random() < 0.3):
                continue
            function = int(np.rint(int(backs.function[index]) * share + (self._rng.normal(0, 1) if ago else 0)))
            pain = int(np.rint(int(backs.pain[index]) * share + (self._rng.normal(0, 0.7) if ago else 0)))
            weeks = 0 if ago and backs.improves[index] else int(backs.sick_leave[index]) * (1 if share == 1 else 2)
            if self._rng.random() < 0.9:
                yield self._number(FUNCTION, max(0, min(24, function)), day, patient_id, worker)
            if self._rng.random() < 0.85:
                yield self._number(PAIN, max(0, min(10, pain)), day, patient_id, worker)
            if self._rng.random() < 0.8:
                yield self._number(SICK_LEAVE, min(52, weeks), day, patient_id, worker)
        if self._rng.random() < 0.8:
            risk = RISKS[int(backs.risk[index])]
            coded = Code(s.MCS, risk, risk)
            yield measurement_resource(
                rid=self._ids(), patient_id=patient_id, code=RISK, at=begun, coded=coded, performer=worker
            )

    def _number(self, code: Code, value: int, day: int, patient_id: str, worker: str) -> Json:
        return measurement_resource(
            rid=self._ids(), patient_id=patient_id, code=code, at=day, integer=value, performer=worker
        )

    def _red_flags(self, day: int, patient_id: str, worker: str) -> Iterator[Json]:
        """The checklist with no to everything, and the count the form keeps."""
        form = self._package.forms["lrs-roede-flag"]
        asked = next(held for held in form.scoring.scores if held.id == "i-alt").link_ids
        answers = {link_id: [False] for link_id in asked}
        at = datetime.combine(days.date_of(day), time(9), days.COPENHAGEN)
        identity = self._ids()
        yield response_resource(
            rid=identity,
            patient_id=patient_id,
            questionnaire=form.canonical,
            items=items_of(form, answers),
            authored=at,
            author=worker,
        )
        for made in extract(form, answers, patient_id=patient_id, at=at, response_id=identity, performer=worker):
            yield made | {"id": self._ids()}
