"""Owns the order of it all: organisations first, then clinic by clinic everybody on its list and what happened to them.

Each clinic draws from a stream of its own, so a clinic is the same whatever comes after it; CPR numbers alone depend on
the clinics before. Nothing is kept longer than one clinic: a million people stream in the memory of one list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tovholder import packages
from tovholder.base import days, json
from tovholder.base.ids import seeded_ids
from tovholder.demo.synth.backs import BackWriter
from tovholder.demo.synth.chronic import ChronicWriter
from tovholder.demo.synth.clinical import draw_clinical
from tovholder.demo.synth.config import SynthConfig
from tovholder.demo.synth.course import CourseWriter
from tovholder.demo.synth.cpr import CprSource
from tovholder.demo.synth.everyday import Everyday
from tovholder.demo.synth.histories import NEVER, Histories, draw_histories
from tovholder.demo.synth.measurements import Measurer, draw_visits
from tovholder.demo.synth.organisations import Clinic, directory, organisation_resources
from tovholder.demo.synth.people import People, package_patients, whole_list
from tovholder.demo.synth.persons import (
    kol_condition,
    other_conditions,
    patient_resources,
)
from tovholder.packages import Package, builtin

EARLIER_KOL = "1.0.0"  # what the older plans of the population follow still
Json = dict[str, Any]
Progress = Callable[[int], None]


def generate(config: SynthConfig) -> Iterator[Json]:
    """Every resource, each after those it points at; the same config gives the same resources."""
    for part in _parts(config):
        yield from part


def write_ndjson(config: SynthConfig, folder: Path, progress: Progress | None = None) -> dict[str, int]:
    """Write one file per resource type and return how many of each.

    Files are named ``<number>-<Type>.ndjson``, in the order to read them. progress is told how many more are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    lines: dict[str, list[bytes]] = {}
    for part in _parts(config):
        for resource in part:
            lines.setdefault(resource["resourceType"], []).append(json.dumps(resource))
        for kind, held in lines.items():
            if kind not in ORDER:
                raise ValueError(f"{kind} has no place in the order of files")
            with (folder / file_name(kind)).open("ab" if counts.get(kind) else "wb") as out:
                out.write(b"\n".join(held) + b"\n")
            counts[kind] = counts.get(kind, 0) + len(held)
        many = sum(map(len, lines.values()))
        lines = {}
        if progress:
            progress(many)
    return counts


# Each type after those it points at.
ORDER = (
    "Organization", "Practitioner", "PractitionerRole", "Patient", "Condition", "Encounter", "Observation",
    "EpisodeOfCare", "QuestionnaireResponse", "RiskAssessment", "Goal", "CarePlan", "ServiceRequest", "Task",
    "Appointment", "Communication",
)  # fmt: skip


def file_name(kind: str) -> str:
    """The file a resource type is written to."""
    return f"{ORDER.index(kind) + 1:02d}-{kind}.ndjson"


def _parts(config: SynthConfig) -> Iterator[Iterator[Json]]:
    """The organisations, then one part per clinic."""
    everywhere = directory(config)
    yield organisation_resources(config, everywhere)
    known = builtin()
    cpr = CprSource()
    for clinic in everywhere.clinics:
        yield _clinic(config, clinic, known, cpr)


def _clinic(config: SynthConfig, clinic: Clinic, known: Mapping[str, Package], cpr: CprSource) -> Iterator[Json]:
    package = known["kol"]
    rng = np.random.default_rng([config.seed, 1, clinic.number])
    ids = seeded_ids((config.seed * 2_000_003 + 2) * 10_000_019 + clinic.number)
    today = days.day_of(config.anchor)
    if clinic.full:
        people = whole_list(rng, config.anchor, config.list_size)
    else:
        usual = config.package_patients_per_clinic
        people = package_patients(rng, config.anchor, int(rng.integers(usual * 3 // 4, usual * 5 // 4 + 1)))
    patients = patient_resources(rng, ids, cpr, clinic, people)
    others = other_conditions(rng, ids, clinic, people, patients, today)

    ill = np.flatnonzero(people.kol)
    group = subset(people, ill)
    clinical = draw_clinical(rng, group)
    histories = draw_histories(rng, group, clinical, today)
    visits = draw_visits(rng, clinical, histories.known_since, today)
    measurer = Measurer(rng, ids, clinical, visits, today)
    writer = CourseWriter(
        rng, ids, clinic, package, clinical, histories, today, earlier=packages.version("kol", EARLIER_KOL)
    )
    backs = BackWriter(
        (config.seed, 3, clinic.number),
        seeded_ids((config.seed * 2_000_003 + 4) * 10_000_019 + clinic.number),
        clinic,
        known["lrs"],
        today,
        others,
    )
    backs.prepare(people.age)
    chronic = ChronicWriter(
        (config.seed, 4, clinic.number),
        seeded_ids((config.seed * 2_000_003 + 5) * 10_000_019 + clinic.number),
        clinic,
        known,
        today,
    )
    others = chronic.prepare(people.age, people.kol, patients, backs.conditions)
    place = {int(person): index for index, person in enumerate(ill)}
    # A stream of its own: with or without everyday visits the rest is the same.
    everyday = Everyday(
        np.random.default_rng([config.seed, 2, clinic.number]),
        seeded_ids((config.seed * 2_000_003 + 3) * 10_000_019 + clinic.number),
        clinic,
        len(people),
        config.everyday if clinic.full else 0,
        today,
    )

    for person, patient in enumerate(patients):
        index = place.get(person)
        if index is None:
            yield patient
            yield from others[person]
            yield from everyday.of(person, patient)
            yield from backs.of(person, patient)
            yield from chronic.of(person, patient)
            continue
        diagnosis = _diagnosis(
            writer,
            ids(),
            patient,
            clinic,
            histories,
            index,
            sks=int(clinical.admissions[index]) > 0,
        )
        until = writer.last_day(index)
        measured = measurer.of(index, patient["id"], clinic.place.workers[-1], until)
        contacts = measurer.contacts(index, patient["id"], clinic.place.id, until)
        record: list[Json] = [*others[person], diagnosis, *contacts, *measured]
        now = writer.patient(index, patient)
        yield now
        yield from record
        yield from everyday.of(person, patient)
        yield from writer.of(index, patient, diagnosis, record)
        if now.get("generalPractitioner") and "deceasedDateTime" not in now:
            yield from backs.of(person, patient)
            yield from chronic.of(person, patient)


def _diagnosis(
    writer: CourseWriter,
    identity: str,
    patient: Json,
    clinic: Clinic,
    histories: Histories,
    index: int,
    *,
    sks: bool,
) -> Json:
    day = int(histories.diagnosed[index])
    made = kol_condition(identity, patient["id"], clinic, sks=sks, recorded=None if day >= NEVER else day)
    return writer.condition(index, made)


def subset(people: People, chosen: np.ndarray[Any, np.dtype[np.intp]]) -> People:
    """Only some of the people, in the order given."""
    return People(
        people.births[chosen],
        people.female[chosen],
        people.age[chosen],
        people.kol[chosen],
        people.other[chosen],
    )
