"""What is known of one patient when a package asks: diagnoses, measurements, contacts and answers, from resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference

Json = Mapping[str, Any]
_COUNTED_OBSERVATIONS = frozenset({"final", "amended", "corrected"})
_COUNTED_CONTACTS = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What inclusion asks about the person."""

    id: str
    birth_day: int | None
    organization_id: str | None  # own doctor
    deceased: bool = False
    deceased_day: int | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> PatientFacts:
        """The person a row of the patient facts tells of."""
        return cls(
            id=row["patient_id"],
            birth_day=row["birth_day"],
            organization_id=row["organization_id"],
            deceased=bool(row["deceased"]),
            deceased_day=row["deceased_day"],
        )


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One coding of one diagnosis."""

    id: str
    system: str
    code: str
    clinical_status: str | None
    verification_status: str | None
    onset_day: int | None
    recorded_day: int | None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Diagnosis:
        """The coding a row of the diagnosis facts tells of."""
        return cls(
            id=row["diagnosis_id"],
            system=row["system"] or "",
            code=row["code"] or "",
            clinical_status=row["clinical_status"],
            verification_status=row["verification_status"],
            onset_day=row["onset_day"],
            recorded_day=row["recorded_day"],
        )

    @property
    def day(self) -> int | None:
        """The day of the diagnosis: when it was recorded. Onset is when the illness began, used only for want of it."""
        return self.recorded_day if self.recorded_day is not None else self.onset_day

    @property
    def first_day(self) -> int | None:
        """The first day it is documented to have been there: its onset, or its record where that is earlier."""
        return min((day for day in (self.onset_day, self.recorded_day) if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class Measured:
    """One counted Observation."""

    id: str
    codes: tuple[tuple[str, str], ...]
    day: int | None
    at: str  # the effective text: orders measurements of one day
    number: str | None  # as written
    unit: str
    coded: str | None

    def has(self, systems_: Iterable[str], code: str) -> bool:
        """Whether it measures this code in one of these systems."""
        return any(held_code == code and system in systems_ for system, held_code in self.codes)


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact that took place or goes on."""

    id: str
    kind: str
    start_day: int | None
    end_day: int | None
    ongoing: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """One completed response: answers by linkId."""

    id: str
    questionnaire: str  # canonical without version
    version: str
    authored: str
    values: Mapping[str, tuple[Any, ...]]
    episode_id: str | None = None


@dataclass(frozen=True)
class Record:
    """One patient's resources and what can be read from them."""

    resources: tuple[Json, ...]

    @classmethod
    def of_facts(cls, patient: PatientFacts, diagnoses: Iterable[Diagnosis]) -> Record:
        """A record that knows the person and the diagnoses, from their facts, and nothing else."""
        made = cls(())
        made.__dict__.update(patient=patient, diagnoses=tuple(diagnoses))  # what the cached properties would find
        return made

    def of(self, kind: str) -> tuple[Json, ...]:
        """The resources of a type."""
        return tuple(item for item in self.resources if item.get("resourceType") == kind)

    @cached_property
    def bundle(self) -> dict[str, Any]:
        """What a package's FHIRPath is asked of."""
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": dict(item)} for item in self.resources],
        }

    @cached_property
    def patient(self) -> PatientFacts | None:
        """The person, when the record holds one."""
        found = self.of("Patient")
        return patient_facts(found[0]) if found else None

    @cached_property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """Every coding of every Condition."""
        return tuple(item for resource in self.of("Condition") for item in _diagnoses(resource))

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """Counted Observations, newest first; undated ones last."""
        found = [_measured(item) for item in self.of("Observation") if item.get("status") in _COUNTED_OBSERVATIONS]
        dated = [item for item in found if item.day is not None]
        undated = [item for item in found if item.day is None]
        return tuple(sorted(dated, key=lambda item: (item.day, item.at, item.id), reverse=True) + undated)

    @cached_property
    def contacts(self) -> tuple[Contact, ...]:
        """Contacts that took place or go on."""
        return tuple(_contact(item) for item in self.of("Encounter") if item.get("status") in _COUNTED_CONTACTS)

    @cached_property
    def answers(self) -> tuple[Answers, ...]:
        """Completed responses, newest first."""
        done = [i for i in self.of("QuestionnaireResponse") if i.get("status") in ("completed", "amended")]
        found = [_answers(item) for item in done]
        return tuple(sorted(found, key=lambda item: (item.authored, item.id), reverse=True))

    def latest_answers(self, questionnaire: str) -> Answers | None:
        """The newest completed response to a questionnaire, whatever its version."""
        return next((item for item in self.answers if item.questionnaire == questionnaire), None)


def patient_facts(resource: Json) -> PatientFacts:
    """What inclusion asks, from a Patient resource."""
    organization = None
    for item in resource.get("generalPractitioner") or ():
        found = parse_reference(item.get("reference"))
        if found and found.type == "Organization":
            organization = found.id
            break
    died = resource.get("deceasedDateTime")
    return PatientFacts(
        id=str(resource.get("id") or ""),
        birth_day=days.parse_day(resource.get("birthDate")),
        organization_id=organization,
        deceased=bool(resource.get("deceasedBoolean") or died),
        deceased_day=days.parse_day(died),
    )


def _status(concept: Json | None, system: str) -> str | None:
    codings = (concept or {}).get("coding") or ()
    for item in codings:
        if item.get("system") in (system, None) and item.get("code"):
            return str(item["code"])
    return None


def _diagnoses(resource: Json) -> Iterable[Diagnosis]:
    for item in (resource.get("code") or {}).get("coding") or ():
        yield Diagnosis(
            id=str(resource.get("id") or ""),
            system=item.get("system") or "",
            code=item.get("code") or "",
            clinical_status=_status(resource.get("clinicalStatus"), systems.CONDITION_CLINICAL),
            verification_status=_status(resource.get("verificationStatus"), systems.CONDITION_VERIFICATION),
            onset_day=days.parse_day(resource.get("onsetDateTime") or (resource.get("onsetPeriod") or {}).get("start")),
            recorded_day=days.parse_day(resource.get("recordedDate")),
        )


def _measured(resource: Json) -> Measured:
    at = (
        resource.get("effectiveDateTime")
        or resource.get("effectiveInstant")
        or (resource.get("effectivePeriod") or {}).get("end")
        or (resource.get("effectivePeriod") or {}).get("start")
        or ""
    )
    quantity = resource.get("valueQuantity") or {}
    number: object = quantity.get("value", resource.get("valueInteger"))
    concept = resource.get("valueCodeableConcept") or {}
    coded = next((c["code"] for c in concept.get("coding") or () if c.get("code")), None) or concept.get("text")
    if coded is None:
        coded = resource.get("valueString")
    if coded is None and isinstance(resource.get("valueBoolean"), bool):
        coded = "true" if resource["valueBoolean"] else "false"
    comparator = quantity.get("comparator")  # "<5" is not the number 5
    return Measured(
        id=str(resource.get("id") or ""),
        codes=tuple(
            (c.get("system") or "", c.get("code") or "") for c in (resource.get("code") or {}).get("coding") or ()
        ),
        day=days.parse_day(at),
        at=str(at),
        number=written(number) if comparator is None else None,
        unit=quantity.get("code") or quantity.get("unit") or "",
        coded=coded,
    )


def written(number: object) -> str | None:
    """A JSON number as text, as it was written where that is known."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return getattr(number, "text", None) or repr(number)


def _contact(resource: Json) -> Contact:
    period = resource.get("period") or {}
    return Contact(
        id=str(resource.get("id") or ""),
        kind=(resource.get("class") or {}).get("code") or "",
        start_day=days.parse_day(period.get("start")),
        end_day=days.parse_day(period.get("end")),
        ongoing=resource.get("status") != "finished",
    )


def _answers(resource: Json) -> Answers:
    values: dict[str, tuple[Any, ...]] = {}

    def walk(items: Iterable[Json]) -> None:
        for item in items:
            given = tuple(
                value for answer in item.get("answer") or () for key, value in answer.items() if key.startswith("value")
            )
            if given:
                values[str(item.get("linkId"))] = given
            walk(item.get("item") or ())
            for answer in item.get("answer") or ():
                walk(answer.get("item") or ())

    walk(resource.get("item") or ())
    url, _, version = str(resource.get("questionnaire") or "").partition("|")
    link = next(
        (
            ext.get("valueReference", {}).get("reference")
            for ext in resource.get("extension") or ()
            if ext.get("url") == systems.EPISODE_OF_CARE_EXTENSION
        ),
        None,
    )
    found = parse_reference(link)
    return Answers(
        id=str(resource.get("id") or ""),
        questionnaire=url,
        version=version,
        authored=str(resource.get("authored") or ""),
        values=values,
        episode_id=found.id if found else None,
    )
