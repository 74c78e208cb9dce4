"""One world with a patient for every way of being related, of keeping back and of being opened; in the real database.

Relations, blocks and break-glass are put in as rows, one patient for each combination, so that one search tells the
decision for all of them at once. Resources come in by the record's own door.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lib import least
from lib.own_reading import App, Kept, Related, Thing, Who, World
from lib.people import NOW, clinic, system
from tovholder import database, store
from tovholder.access import Context, Role
from tovholder.access.domain import Emergency, Grants
from tovholder.base import days
from tovholder.fhir import search_tables, systems
from tovholder.fhir.definitions import resource_types

Json = dict[str, Any]
ORG, PARENT, CHILD, ELSEWHERE, DOCTOR = "org", "parent", "child", "elsewhere", "doctor"
TODAY, MOMENT = days.day_of(NOW), days.millis(NOW)
DAY = 86_400_000
KINDS = ("own-list", "care-team", "referral", "appointment", "contact", "own-act", "stated")


def ms(text: str) -> int:
    return days.millis(datetime.fromisoformat(text).replace(tzinfo=UTC))


# -- every way -----------------------------------------------------------------------------------------------------


def relations() -> Iterator[tuple[str, list[tuple[str, str, int, int | None]]]]:
    """Name, and the rows without their patient: organisation, kind, first and last day."""
    yield "none", []
    for kind in KINDS:
        yield f"{kind}", [(ORG, kind, 0, None)]
        yield f"{kind} until today", [(ORG, kind, TODAY - 9, TODAY)]
        yield f"{kind} over", [(ORG, kind, 0, TODAY - 1)]
        yield f"{kind} to come", [(ORG, kind, TODAY + 1, None)]
        yield f"{kind} of the whole", [(PARENT, kind, 0, None)]
        yield f"{kind} of a part", [(CHILD, kind, 0, None)]
        yield f"{kind} elsewhere", [(ELSEWHERE, kind, 0, None)]
    yield "own-list over, referral", [(ORG, "own-list", 0, TODAY - 1), (ORG, "referral", 0, TODAY + 5)]
    yield "stated, contact elsewhere", [(ORG, "stated", 0, TODAY), (ELSEWHERE, "contact", 0, None)]
    yield "an unknown kind", [(ORG, "any", 0, None), (ORG, "directory", 0, None), (ORG, "self", 0, None)]


ALWAYS = 2**62
LISTED = [(ORG, "own-list", 0, None)]  # the one relation here that the record itself gives


def blocks() -> Iterator[tuple[str, list[Kept]]]:
    """Name, and what is kept back; of a patient to be named."""

    def kept(whom: str, since: int = 0, until: int = ALWAYS, **more: Any) -> list[Kept]:
        return [Kept("", whom, since, until, **more)]

    yield "none", []
    yield "the person", kept(f"Practitioner/{DOCTOR}")
    yield "another person", kept("Practitioner/other")
    yield "the organisation", kept(f"Organization/{ORG}")
    yield "the whole it is part of", kept(f"Organization/{PARENT}")
    yield "a part of it", kept(f"Organization/{CHILD}")
    yield "another organisation", kept(f"Organization/{ELSEWHERE}")
    yield "everybody", kept("*")
    yield "everybody, over", kept("*", 0, MOMENT)
    yield "everybody, to come", kept("*", MOMENT + 1)
    yield "everybody, until the next moment", kept("*", 0, MOMENT + 1)
    yield "a period", kept("*", data_since=ms("2027-01-01"), data_until=ms("2027-02-01"))
    yield "another period", kept(f"Organization/{ORG}", data_since=ms("2020-01-01"), data_until=ms("2021-01-01"))
    yield "from a day on", kept(f"Practitioner/{DOCTOR}", data_since=ms("2026-06-01"))
    yield "up to a day", kept(f"Organization/{PARENT}", data_until=ms("2026-06-01"))
    yield "measurements", kept("*", types=frozenset({"Observation"}))
    yield "diagnoses", kept(f"Organization/{ORG}", types=frozenset({"Condition"}))
    yield "measurements, over", kept("*", 0, MOMENT - DAY, types=frozenset({"Observation"}))
    yield "measurements of a period", kept("*", data_since=ms("2027-01-01"), types=frozenset({"Observation"}))
    yield "two", [*kept("*", types=frozenset({"Goal"})), *kept(f"Organization/{ORG}", data_until=ms("2026-01-01"))]


GLASS = ("whole", "broken", "mended")  # break-glass: none, open, over


# -- who is there ----------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """The world as values, and what stands in the database of it."""

    world: World
    things: list[Thing]
    opened: dict[str, int]
    named: dict[str, str]  # patient: how they are related, what they keep, and whether the glass is broken
    listed: frozenset[str]  # on the clinic's list as the record itself says

    def of_type(self, kind: str) -> list[Thing]:
        return [one for one in self.things if one.type == kind]


def _period(start: str) -> Json:
    return {"start": f"{start}T09:00:00Z", "end": f"{start}T10:00:00Z"}


def small(patient: str, *, listed: bool) -> Iterator[Json]:
    """What every patient has: the frame, a level, dated and undated content. listed: on the clinic's list."""
    subject = {"reference": f"Patient/{patient}"}

    def observed(name: str, on: str, system_: str, code: str, performer: str) -> Json:
        return {
            "resourceType": "Observation",
            "id": f"{name}-{patient}",
            "status": "final",
            "code": {"coding": [{"system": system_, "code": code}]},
            "subject": subject,
            "effectiveDateTime": f"{on}T10:00:00Z",
            "performer": [{"reference": performer}],
        }

    yield {
        "resourceType": "Patient",
        "id": patient,
        "identifier": [{"system": systems.CPR, "value": "0101701234"}, {"system": "urn:other", "value": "sagsnummer"}],
        "active": True,
        "name": [{"family": "Gyldenkrone", "given": ["Prøve"]}],
        "telecom": [{"system": "phone", "value": "+4500000000"}],
        "address": [{"line": ["Rebslagerstien 8"], "city": "Ribe", "postalCode": "6760"}, {"line": ["Skjult 1"]}],
        "maritalStatus": {"text": "gift"},
        "contact": [{"name": {"family": "Rosenkrantz"}}],
        "deceasedBoolean": False,
        "birthDate": "1970-01-01",
    } | ({"generalPractitioner": [{"reference": f"Organization/{ORG}"}]} if listed else {})
    yield observed(
        "level", "2027-01-10", "http://tovholder.dk/fhir/CodeSystem/observation", "tovholder-level", "Practitioner/x"
    )
    yield observed("lab", "2027-01-10", "urn:lab", "hb", "Practitioner/x")
    yield observed("own", "2025-05-05", "urn:lab", "walk", f"Organization/{ORG}")
    yield {
        "resourceType": "Goal",
        "id": f"goal-{patient}",
        "lifecycleStatus": "active",
        "description": {"text": "gå en tur"},
        "subject": subject,
    }
    yield {
        "resourceType": "Condition",
        "id": f"condition-{patient}",
        "code": {"coding": [{"system": systems.ICPC2, "code": "R95"}]},
        "subject": subject,
        "onsetDateTime": "2026-03-03T10:00:00Z",
    }


def every_type(patient: str) -> Iterator[Json]:
    """The least of each type that is about a patient; those the patient has already are left out."""
    compartment = search_tables.patient_compartment()
    for kind in sorted(resource_types()):
        about = (compartment.get(kind) or {"about": []})["about"]
        if not about or kind in ("Patient", "Observation", "Goal", "Condition", "AuditEvent", "EpisodeOfCare"):
            continue
        made = least.least(kind) | {"id": f"{kind.lower()}-{patient}"}
        if _place(made, about[0], {"reference": f"Patient/{patient}"}):
            yield made
    yield {
        "resourceType": "EpisodeOfCare",
        "id": f"episodeofcare-{patient}",
        "status": "active",
        "patient": {"reference": f"Patient/{patient}"},
    }


def _place(resource: Json, path: str, reference: Json) -> bool:
    """Put the patient where the type says whom it is about."""
    head, _, rest = path.partition(".")
    from tovholder.fhir import definitions

    at = definitions.find(resource["resourceType"], head)
    if at is None:
        return False
    if rest:
        if not isinstance(resource.get(head), list) or not at.is_list:
            return False
        resource[head][0][rest] = reference
        return True
    resource[head] = [reference] if at.is_list else reference
    return True


def directory() -> Iterator[Json]:
    for name, above in ((PARENT, ""), (ORG, PARENT), (CHILD, ORG), (ELSEWHERE, "")):
        yield clinic(name) | {"id": name} | ({"partOf": {"reference": f"Organization/{above}"}} if above else {})
    yield {"resourceType": "Practitioner", "id": DOCTOR, "name": [{"family": "Holst"}]}
    yield {"resourceType": "Location", "id": "stue", "name": "Stue"}
    yield {"resourceType": "Schedule", "id": "kalender", "actor": [{"reference": f"Practitioner/{DOCTOR}"}]}


def build(*, whole: bool) -> Model:
    """The world: every relation with every block and break-glass, and every type for each relation without a block.

    whole: all of it; otherwise one in seven of the combinations and the blocks alone.
    """
    related: dict[str, list[Related]] = {}
    kept: dict[str, list[Kept]] = {}
    opened: dict[str, int] = {}
    listed: set[str] = set()
    named: dict[str, str] = {}
    resources: list[Json] = list(directory())
    every = list(itertools.product(relations(), blocks(), GLASS))
    chosen = every if whole else [one for number, one in enumerate(every) if number % 7 == 0]
    for number, ((relation, rows), (block, values), glass) in enumerate(chosen):
        patient = f"p{number}"
        named[patient] = f"related: {relation}; kept back: {block}; glass: {glass}"
        related[patient] = [Related(patient, *row) for row in rows]
        listed |= {patient} if rows == LISTED else set()
        kept[patient] = [replace(one, patient=patient) for one in values]
        if glass != "whole":
            opened[patient] = MOMENT + 1 if glass == "broken" else MOMENT
        resources += small(patient, listed=rows == LISTED)
    for number, (relation, rows) in enumerate(relations() if whole else list(relations())[:8]):
        patient = f"t{number}"
        named[patient] = f"related: {relation}; every type"
        related[patient] = [Related(patient, *row) for row in rows]
        listed |= {patient} if rows == LISTED else set()
        resources += [*small(patient, listed=rows == LISTED), *every_type(patient)]
    put(resources)
    _rows({one: rows for one, rows in related.items() if one not in listed}, kept)
    return Model(
        World(TODAY, MOMENT, related, kept), [_thing(one) for one in resources], opened, named, frozenset(listed)
    )


def put(resources: list[Json]) -> None:
    """Store them past guards of a course and derivations, which say nothing about who may see what."""
    for start in range(0, len(resources), 500):
        with store.unit_of_work(system(), bulk=True) as uow:
            for one in resources[start : start + 500]:
                uow.update(one)


def _rows(related: dict[str, list[Related]], kept: dict[str, list[Kept]]) -> None:
    columns = ("patient_id", "organization_id", "kind", "source", "from_day", "to_day")
    rows = [
        (one.patient, one.organization, one.kind, "Basic/x", one.first, one.last)
        for all_ in related.values()
        for one in all_
    ]
    database.insert("access_relation", columns, rows)
    columns = (
        "patient_id",
        "actor",
        "source",
        "from_ms",
        "until_ms",
        "narrow",
        "data_from",
        "data_until",
        "type",
        "kind",
    )
    barred = [
        (
            one.patient,
            one.whom,
            "Consent/x",
            one.since,
            one.until,
            not one.whole,
            one.data_since,
            one.data_until,
            kind,
            "",
        )
        for all_ in kept.values()
        for one in all_
        for kind in (sorted(one.types) or [""])
    ]
    database.insert("access_block", columns, barred)


def _thing(resource: Json) -> Thing:
    # Each resource of this world is about one patient at most, and names no other.
    named = set(re.findall(r'"Patient/([^"]+)"', json.dumps(resource)))
    patient = resource["id"] if resource["resourceType"] == "Patient" else next(iter(named), None)
    told = resource.get("effectiveDateTime") or resource.get("onsetDateTime")
    kind = resource["resourceType"]
    personal = kind == "Patient" or kind in search_tables.patient_compartment()
    return Thing(resource, patient, ms(told.removesuffix("Z")) if told and "T" in told else None, personal)


# -- who asks ---------------------------------------------------------------------------------------------------------


def context(who: Who) -> Context:
    """The running code's own value for somebody who asks."""
    return Context(
        actor=who.actor,
        role=Role(who.role),
        organization=who.organization,
        now=NOW,
        patient=who.own,
        person="person",
        units=(who.organization, *who.above) if who.organization else (),
        rights=who.rights,
        emergencies=tuple(
            Emergency(number, patient, until, "x")
            for number, (patient, until) in enumerate(who.opened.items(), start=1)
        ),
        grants=Grants(who.app.given, who.app.patient) if who.app else None,
    )


def askers(model: Model) -> Iterator[tuple[str, Who]]:
    """Everybody: each role, with and without rights, break-glass and an app between."""
    for role in ("gp", "staff", "hospital", "prevention", "partner"):
        worker = Who(role, f"Practitioner/{DOCTOR}", ORG, (PARENT,))
        yield role, worker
        yield f"{role}, glass broken", replace(worker, opened=model.opened)
        for name, app in apps():
            yield f"{role}, app: {name}", replace(worker, app=app, opened=model.opened if role == "gp" else {})
        yield f"{role} of nowhere", replace(worker, organization=None, above=())
    for own in (
        "p0",
        "t0",
        next(patient for patient, kept in model.world.kept.items() if kept),
    ):
        yield f"citizen {own}", Who("citizen", f"Patient/{own}", own=own)
        yield f"citizen {own}, app", Who("citizen", f"Patient/{own}", own=own, app=next(apps())[1])
    for count in range(4):
        for rights in itertools.combinations(("plan", "record", "act"), count):
            name = f"representative of t0 {rights}"
            yield name, Who("representative", "RelatedPerson/r", own="t0", rights=frozenset(rights))
    yield "author", Who("author", "user:a", ORG)
    for rights in ((), ("pseudonymised-facts",)):
        yield f"analyst {rights}", Who("analyst", "user:n", ORG, rights=frozenset(rights))
    yield "operator", Who("operator", "user:o", ORG)
    yield "system", Who("system", "system:s")
    for name, app in apps():
        yield f"system, app: {name}", Who("system", "system:s", app=app)


def apps() -> Iterator[tuple[str, App]]:
    """What apps are given: some of it, of one patient, what a search finds, all of it."""
    yield "measurements", App((("read", "Observation", ("",)), ("search", "Observation", ("",))))
    yield "one patient", App((("read", "*", ("",)), ("search", "*", ("",))), patient="p40")
    level = "code=http://tovholder.dk/fhir/CodeSystem/observation|tovholder-level"
    yield "levels", App((("read", "Observation", (level,)), ("search", "Observation", (level, "code=hb"))))
    yield "search alone", App((("search", "*", ("",)),))
    yield "all", App(tuple((action, "*", ("",)) for action in ("create", "read", "update", "delete", "search")))
