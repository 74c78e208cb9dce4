"""Owns turning drawn people into Patient and Condition resources: names, addresses, numbers, diagnoses."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth import names
from tovholder.demo.synth.cpr import CprSource
from tovholder.demo.synth.organisations import Clinic
from tovholder.demo.synth.people import OTHER, People
from tovholder.fhir import systems as s
from tovholder.plan.resources import condition_resource
from tovholder.plan.values import Code

Json = dict[str, Any]


def patient_resources(rng: np.random.Generator, ids: Ids, cpr: CprSource, clinic: Clinic, people: People) -> list[Json]:
    """One Patient for each person on the clinic's list, in order."""
    size = len(people)
    numbers = cpr.take(people.births, people.female)
    weights = np.array(names.FAMILY_WEIGHT) / sum(names.FAMILY_WEIGHT)
    family = rng.choice(len(names.FAMILY), size=(size, 2), p=weights)
    middle = rng.random(size) < 0.35
    given = rng.integers(0, 20, size=size)
    street = rng.integers(0, len(names.STREETS), size=size)
    house = rng.integers(1, 140, size=size)
    births = [str(day) for day in people.births.astype("datetime64[D]")]
    place = clinic.place
    made = []
    for index in range(size):
        female = bool(people.female[index])
        first = names.given_names(int(births[index][:4]), female)[int(given[index])]
        last = names.FAMILY[int(family[index, 0])]
        inner = names.FAMILY[int(family[index, 1])]
        forenames = [first, inner] if middle[index] and inner != last else [first]
        identity = ids()
        made.append(
            {
                "resourceType": "Patient",
                "id": identity,
                "identifier": [{"use": "official", "system": s.CPR, "value": numbers[index]}],
                "active": True,
                "name": [
                    {
                        "use": "official",
                        "family": last,
                        "given": forenames,
                        "text": " ".join([*forenames, last]),
                    }
                ],
                "gender": "female" if female else "male",
                "birthDate": births[index],
                "address": [
                    {
                        "extension": [
                            {
                                "url": s.MUNICIPALITY_EXTENSION,
                                "valueCodeableConcept": {
                                    "coding": [
                                        {
                                            "system": s.MUNICIPALITY,
                                            "code": place.municipality.code,
                                        }
                                    ]
                                },
                            }
                        ],
                        "use": "home",
                        "line": [f"{names.STREETS[int(street[index])]} {house[index]}"],
                        "city": place.municipality.town,
                        "postalCode": place.municipality.postcode,
                        "country": "DK",
                    }
                ],
                "generalPractitioner": [{"reference": f"Organization/{place.id}", "display": place.name}],
                **telecom(identity),
            }
        )
    return made


def telecom(identity: str) -> Json:
    """The part of a Patient that says where to ring them: a mobile number; of one in twelve none is known."""
    number = crc32(identity.encode())
    if number % 12 == 0:
        return {}
    digits = f"{number:010d}"[-6:]
    # No Danish telephone number begins with 0: nobody can be rung by mistake.
    value = f"00 {digits[:2]} {digits[2:4]} {digits[4:]}"
    return {"telecom": [{"system": "phone", "value": value, "use": "mobile"}]}


def other_conditions(
    rng: np.random.Generator,
    ids: Ids,
    clinic: Clinic,
    people: People,
    patients: list[Json],
    today: int,
) -> list[list[Json]]:
    """For each person, the diagnoses besides KOL (plain ICPC-2 Conditions, no package of their own here)."""
    made: list[list[Json]] = [[] for _ in patients]
    who, which = np.nonzero(people.other)
    ago = rng.integers(60, 4000, size=len(who))
    for person, column, back in zip(who.tolist(), which.tolist(), ago.tolist(), strict=True):
        since = max(today - back, days.parse_day(patients[person]["birthDate"]) or 0)
        made[person].append(
            condition_resource(
                rid=ids(),
                patient_id=patients[person]["id"],
                codes=[Code(s.ICPC2, OTHER[column].icpc2, OTHER[column].text)],
                recorded_day=since,
                onset_day=since,
                recorder=clinic.place.workers[0].reference,
            )
        )
    return made


def kol_condition(identity: str, patient: str, clinic: Clinic, *, sks: bool, recorded: int | None) -> Json:
    """The KOL diagnosis: ICPC-2 R95, some with the hospital's SKS code beside it; some came without a day."""
    codes = [Code(s.ICPC2, "R95", "KOL")]
    if sks:
        codes.append(Code(s.SKS_DIAGNOSIS, "DJ449"))
    return condition_resource(
        rid=identity,
        patient_id=patient,
        codes=codes,
        recorded_day=recorded,
        recorder=clinic.place.workers[0].reference,
    )
