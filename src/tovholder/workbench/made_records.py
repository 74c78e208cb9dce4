"""Made-up records with known truths and stated gaps: what a clinic's record is like, for measuring what can be read of it.

Any package: what its inputs are read from is made from the package's own data. A truth is what holds today; the record
may lack it, have an old one, a wrong one, or one written so that nobody but a person can read it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tovholder import forms
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.packages.model import Form
from tovholder.packages.model_clinical import Input, InputSource
from tovholder.packages.questionnaires import items
from tovholder.plan.domain import Level
from tovholder.plan.record import Record
from tovholder.plan.values import Decision, Goal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gaps:
    """How often the record falls short, each as a share. Assumptions of ours: nothing public counts them."""

    value_missing: float = 0.10  # a measurement or an answered form that is not there at all
    value_old: float = 0.10  # there, but 13 to 40 months old, and it has changed since
    value_wrong: float = 0.03  # there and recent, and not what holds
    value_unreadable: float = 0.03  # under a local code, or as free text
    answer_missing: float = 0.03  # one question passed over in a form that was answered
    diagnosis_unreadable: float = 0.02  # coded as something the package does not know
    level_missing: float = 0.04
    level_old: float = 0.06
    goal_missing: float = 0.20
    goal_old: float = 0.05
    phone_missing: float = 0.06
    phone_wrong: float = 0.04
    address_wrong: float = 0.03
    municipality_missing: float = 0.03

    def told(self) -> dict[str, float]:
        """By name, to be printed beside what was measured."""
        return {held.name: getattr(self, held.name) for held in fields(self)}


@dataclass(frozen=True, slots=True)
class Truth:
    """What holds: a number, a code, or words that must stand in what is told."""

    number: float | None = None
    words: str = ""


@dataclass
class Made:
    """One made-up patient in one package: the record somebody can read, and what is true."""

    record: Record
    decision: Decision | None
    goals: tuple[Goal, ...]
    truths: dict[str, Truth] = field(default_factory=dict)  # "input:mrc", "form:x/y", "patient:phone", "diagnosis", …


_TOWNS = (
    ("0730", "8900", "Randers"),
    ("0461", "5000", "Odense"),
    ("0400", "3700", "Rønne"),
    ("0851", "9000", "Aalborg"),
)
_GIVEN = ("Prøve", "Eksempel", "Forsøg", "Demo")


def made(package: Package, number: int, today: int, gaps: Gaps, *, seed: int = 1) -> Made:
    """The patient of a number: the same for the same seed, package and gaps."""
    return _Maker(package, today, gaps, random.Random(f"{seed}/{package.id}/{number}")).make(number)  # noqa: S311 (made-up people, the same each time)


class _Maker:
    def __init__(self, package: Package, today: int, gaps: Gaps, chance: random.Random) -> None:
        self.package, self.today, self.gaps, self.chance = package, today, gaps, chance
        self.resources: list[Json] = []
        self.truths: dict[str, Truth] = {}
        self.responses: dict[str, dict[str, Any]] = {}  # form → linkId → true answer
        self.measured: dict[tuple[str, str | None], str] = {}  # what is measured → the key its truth stands under

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    def make(self, number: int) -> Made:
        self._patient(number)
        self._diagnosis(number)
        for held in self.package.level.inputs:
            self._input(held)
        self._answers()
        self._medicine()
        return Made(Record(tuple(self.resources)), self._level(), self._goals(), self.truths)

    def _patient(self, number: int) -> None:
        code, postcode, town = self.chance.choice(_TOWNS)
        name = f"{self.chance.choice(_GIVEN)} Patient {number}"
        cpr, phone = f"{number:010d}", f"00 {number % 100:02d} 11 22"
        line = f"Prøvevej {number % 90 + 1}"
        lives = f"{line if not self.happens(self.gaps.address_wrong) else 'Gammelvej 1'}"
        address: Json = {"use": "home", "line": [lives], "postalCode": postcode, "city": town}
        if not self.happens(self.gaps.municipality_missing):
            coding = {"system": systems.MUNICIPALITY, "code": code}
            address["extension"] = [
                {"url": systems.MUNICIPALITY_EXTENSION, "valueCodeableConcept": {"coding": [coding]}}
            ]
        person: Json = {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": systems.CPR, "value": cpr}],
            "name": [{"use": "official", "text": name}],
            "birthDate": f"{1940 + number % 40}-05-01",
            "address": [address],
        }
        if not self.happens(self.gaps.phone_missing):
            held = "00 99 99 99" if self.happens(self.gaps.phone_wrong) else phone
            person["telecom"] = [{"system": "phone", "value": held}]
        self.resources.append(person)
        self.truths |= {
            "patient:name": Truth(words=name),
            "patient:cpr": Truth(words=f"{cpr[:6]}-{cpr[6:]}"),
            "patient:phone": Truth(words=phone),
            "patient:address": Truth(words=line),
            "patient:municipality": Truth(words=town.replace("Rønne", "Bornholm")),
            "patient:birth": Truth(words=str(person["birthDate"])),
        }

    def _diagnosis(self, number: int) -> None:
        held = self.package.inclusion.codes[0]
        known = not self.happens(self.gaps.diagnosis_unreadable)
        coding = {"system": held.systems[0], "code": held.code} if known else {"system": "urn:local", "code": "X1"}
        first = self.today - self.chance.randint(120, 3000)
        self.resources.append(
            {
                "resourceType": "Condition",
                "id": f"c{number}",
                "clinicalStatus": {"coding": [{"system": systems.CONDITION_CLINICAL, "code": "active"}]},
                "verificationStatus": {"coding": [{"system": systems.CONDITION_VERIFICATION, "code": "confirmed"}]},
                "code": {"coding": [coding]},
                "recordedDate": days.iso(first),
                "subject": {"reference": f"Patient/p{number}"},
            }
        )
        self.truths["diagnosis"] = Truth(words=held.code)
        self.truths["documented"] = Truth(number=self.today - first)

    def _input(self, held: Input) -> None:
        key = f"input:{held.name}"
        for source in held.sources:
            if source.kind in ("measurement", "measurement-code"):
                self._measured(key, held, source)
                return
            if source.kind in ("form", "score") and source.form in self.package.forms:
                self._asked(key, held, source)
                return
            if source.kind == "documented":
                self.truths[key] = self.truths["documented"]
                return
            if source.kind == "contacts":
                self._contacts(key, source)
                return

    def _draw(self, held: Input) -> int:
        low = int(held.minimum) if held.minimum is not None else 0
        high = int(held.maximum) if held.maximum is not None else low + 100
        return self.chance.randint(low, max(low, high))

    def _fate(self) -> tuple[str, int]:
        """What became of a value, and how many days ago it was written down."""
        chance, gaps = self.chance.random(), self.gaps
        for name in ("value_missing", "value_old", "value_wrong", "value_unreadable"):
            share = getattr(gaps, name)
            if chance < share:
                return name, self.chance.randint(400, 1200) if name == "value_old" else self.chance.randint(1, 360)
            chance -= share
        return "", self.chance.randint(1, 360)

    def _measured(self, key: str, held: Input, source: InputSource) -> None:
        same = self.measured.setdefault((source.systems[0], source.code), key)
        if same != key:  # another input reads the same measurement
            self.truths[key] = self.truths[same]
            return
        value = self._draw(held)
        codes = _codes(self.package, held)
        true_code = self.chance.choice(list(codes)) if codes else str(value)
        is_code = source.kind == "measurement-code"
        words = f"{true_code}|{codes.get(true_code, '')}"
        self.truths[key] = Truth(words=words) if is_code else Truth(number=value)
        fate, ago = self._fate()
        if fate == "value_missing":
            return
        told, told_code = value, true_code
        if fate in ("value_old", "value_wrong"):
            told = self._other(held, value)
            told_code = self.chance.choice([code for code in codes if code != true_code] or ["?"])
        system, code = source.systems[0], source.code
        if fate == "value_unreadable":
            system, code = "urn:local", "lokal"
        unit, factor = next(iter(source.units.items()), ("", 1))
        made: Json = {
            "resourceType": "Observation",
            "id": f"o{len(self.resources)}",
            "status": "final",
            "code": {"coding": [{"system": system, "code": code}]},
            "effectiveDateTime": days.iso(self.today - ago),
        }
        if is_code:
            made["valueCodeableConcept"] = {"coding": [{"code": told_code}]}
        else:
            made["valueQuantity"] = {"value": told / factor, "code": unit}
        self.resources.append(made)

    def _other(self, held: Input, value: int) -> int:
        for _ in range(10):
            if (told := self._draw(held)) != value:
                return told
        return value

    def _asked(self, key: str, held: Input, source: InputSource) -> None:
        form_id = source.form or ""
        form = self.package.forms[form_id]
        given = self.responses.setdefault(form_id, {})
        if source.kind == "form":
            question = next(one for one in items(form.questionnaire) if one.get("linkId") == source.link_id)
            given.setdefault(source.link_id, self._answer(question, held))
            self.truths[key] = _truth_of(given[source.link_id])
        else:
            for question in items(form.questionnaire):
                if question.get("type") not in ("group", "display"):
                    given.setdefault(str(question.get("linkId")), self._answer(question, None))
            self.truths[key] = _score_of(form, source.score, given)

    def _answer(self, question: Mapping[str, Any], held: Input | None) -> Json:
        options = [one["valueCoding"] for one in question.get("answerOption") or () if "valueCoding" in one]
        if options:
            return {"valueCoding": dict(self.chance.choice(options))}
        kind = question.get("type")
        if kind == "boolean":
            return {"valueBoolean": self.chance.random() < 0.3}
        if kind in ("integer", "decimal", "quantity"):
            number = self._draw(held) if held is not None else self.chance.randint(0, 5)
            return {"valueInteger": number}
        return {"valueString": f"Skrevet svar {self.chance.randint(1, 999)}"}

    def _answers(self) -> None:
        """The forms' responses: each is there, old or not there as a whole; single answers may be passed over."""
        for form in self.package.forms.values():
            if form.id not in self.responses and form.id != self.package.level.base.form:
                for question in items(form.questionnaire):
                    if question.get("type") in ("text", "string", "choice"):
                        answer = self._answer(question, None)
                        self.responses.setdefault(form.id, {})[str(question.get("linkId"))] = answer
            given = self.responses.get(form.id, {})
            for link_id, answer in given.items():
                self.truths.setdefault(f"form:{form.id}/{link_id}", _truth_of(answer))
            fate, ago = self._fate()
            if fate in ("value_missing", "value_unreadable") or not given:
                continue
            told = [
                {
                    "linkId": link_id,
                    "answer": [answer if fate not in ("value_old", "value_wrong") else _changed(answer)],
                }
                for link_id, answer in given.items()
                if not self.happens(self.gaps.answer_missing)
            ]
            self.resources.append(
                {
                    "resourceType": "QuestionnaireResponse",
                    "id": f"q{len(self.resources)}",
                    "status": "completed",
                    "questionnaire": form.questionnaire["url"],
                    "authored": days.iso(self.today - ago),
                    "item": told,
                }
            )

    def _contacts(self, key: str, source: InputSource) -> None:
        count = self.chance.choice((0, 0, 0, 1, 1, 2))
        self.truths[key] = Truth(number=count)
        fate, _ago = self._fate()
        seen = 0 if fate == "value_missing" else max(count - (1 if fate in ("value_old", "value_wrong") else 0), 0)
        for index in range(seen):
            day = self.today - self.chance.randint(5, min(source.max_age_days or 365, 365) - 1)
            self.resources.append(
                {
                    "resourceType": "Encounter",
                    "id": f"e{len(self.resources)}-{index}",
                    "status": "finished",
                    "class": {"code": source.classes[0]},
                    "period": {"start": days.iso(day), "end": days.iso(day)},
                }
            )

    def _medicine(self) -> None:
        if self.happens(self.gaps.value_missing):
            return
        self.resources.append(
            {
                "resourceType": "MedicationStatement",
                "id": f"m{len(self.resources)}",
                "status": "active",
                "medicationCodeableConcept": {"text": "Prøvemedicin 10 mg"},
                "dateAsserted": days.iso(self.today - self.chance.randint(1, 300)),
            }
        )

    def _level(self) -> Decision | None:
        level = self.chance.choice((1, 2, 2, 3))
        self.truths["level"] = Truth(number=level)
        if self.happens(self.gaps.level_missing):
            return None
        old = self.happens(self.gaps.level_old)
        ago = self.chance.randint(400, 900) if old else self.chance.randint(1, 360)
        told = level % 3 + 1 if old else level
        return Decision(
            id="d1",
            patient_id="p",
            episode_id="e",
            level=Level(told),
            decided_day=self.today - ago,
            decided_by="Practitioner/x",
        )

    def _goals(self) -> tuple[Goal, ...]:
        text = f"Mål {self.chance.randint(1, 9999)}"
        self.truths["goals"] = Truth(words=text)
        if self.happens(self.gaps.goal_missing):
            return ()
        old = self.happens(self.gaps.goal_old)
        ago = self.chance.randint(400, 900) if old else self.chance.randint(1, 360)
        told = "Et gammelt mål" if old else text
        return (
            Goal(id="g1", patient_id="p", episode_id="e", text=told, start_day=self.today - ago, lifecycle="active"),
        )


def _codes(package: Package, held: Input) -> dict[str, str]:
    """The codes an input may have, each with its words: its form's options, its bands, what conditions compare it with."""
    found = {band.code: band.title.da for band in held.bands}
    for source in held.sources:
        form = package.forms.get(source.form or "")
        for question in items(form.questionnaire) if form else ():
            if question.get("linkId") == source.link_id:
                options = [one["valueCoding"] for one in question.get("answerOption") or () if "valueCoding" in one]
                found |= {str(one["code"]): str(one.get("display") or "") for one in options}
    for raiser in package.level.raisers:
        for inner in raiser.when.walk():
            if inner.input == held.name and isinstance(inner.value, tuple | str):
                named = [inner.value] if isinstance(inner.value, str) else list(inner.value)
                found = dict.fromkeys(named, "") | found
    return found


def _score_of(form: Form, name: str, given: Mapping[str, Json]) -> Truth:
    """What the true answers come to; its band or group in words where it has any."""
    answers = {link_id: [next(iter(answer.values()))] for link_id, answer in given.items()}
    found = next((one for one in forms.score(form, answers) if one.id == name), None)
    if found is None or found.value is None:
        return Truth(words="no score")
    if not found.band:
        return Truth(number=float(found.value))
    scored = [score for score in form.scoring.scores if score.id == name]
    titles = [band.title.da for score in scored for band in score.bands if band.code == found.band]
    titles += [group.title.da for score in scored for group in score.groups if group.code == found.band]
    return Truth(words="|".join([str(found.band), *titles]))


def _truth_of(answer: Json) -> Truth:
    value = next(iter(answer.values()))
    if isinstance(value, bool):
        return Truth(number=1 if value else 0, words="Ja" if value else "Nej")
    if isinstance(value, int | float):
        return Truth(number=value)
    if isinstance(value, Mapping):
        return Truth(words=f"{value.get('code') or ''}|{value.get('display') or ''}")
    return Truth(words=str(value))


def _changed(answer: Json) -> Json:
    kind, value = next(iter(answer.items()))
    if isinstance(value, bool):
        return {kind: not value}
    if isinstance(value, int):
        return {kind: value + 1}
    if isinstance(value, Mapping):
        return {kind: {**value, "code": "andet", "display": "Noget andet"}}
    return {kind: "Et gammelt svar"}
