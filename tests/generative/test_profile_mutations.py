"""Resources changed at random: whatever is sound FHIR can be asked of every profile of its type, and an answer comes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from lib.mutations import places
from tovholder.base import json
from tovholder.fhir import profiles
from tovholder.fhir.validate import resource_types, validate

Json = Any
DK = "http://hl7.dk/fhir/core/StructureDefinition/"
SEEDS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "meta": {"profile": [f"{DK}dk-core-patient"]},
        "identifier": [{"use": "official", "system": "urn:oid:1.2.208.176.1.2", "value": "0911970001"}],
        "name": [
            {"use": "official", "family": "Prøve", "_family": {"extension": [{"url": "urn:x", "valueCode": "a"}]}}
        ],
        "birthDate": "1997-11-09",
        "generalPractitioner": [{"identifier": {"system": "urn:oid:1.2.208.176.1.1", "value": "12345678901"}}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Klinik"}],
        "managingOrganization": {"reference": "#o"},
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-11-23",
        "valueQuantity": {"value": 70, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        "component": [{"code": {"text": "x"}, "valueInteger": 1}],
    },
    {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": "2026-11-23T10:00:00Z",
        "entry": [
            {
                "fullUrl": "urn:uuid:1",
                "resource": {"resourceType": "MessageHeader", "source": {"endpoint": "http://a"}, "eventUri": "urn:a"},
            },
            {
                "fullUrl": "urn:uuid:2",
                "resource": {
                    "resourceType": "Communication",
                    "status": "unknown",
                    "recipient": [{"reference": "urn:uuid:1"}],
                },
            },
        ],
    },
    {
        "resourceType": "EpisodeOfCare",
        "status": "planned",
        "patient": {"reference": "Patient/1"},
        "extension": [
            {"url": "http://tovholder.dk/fhir/StructureDefinition/episode-phase", "valueCode": "eligible"},
            {
                "url": "http://tovholder.dk/fhir/StructureDefinition/pause",
                "extension": [{"url": "start", "valueDate": "2026-11-23"}],
            },
        ],
    },
]
VALUES: list[Json] = [
    None,
    0,
    -1,
    True,
    "",
    "x",
    "official",
    "#",
    "#o",
    "Patient/1",
    [],
    {},
    [None],
    {"extension": [{}]},
    1.5,
]


def mutated(chance: random.Random) -> dict[str, Any]:
    resource = copy.deepcopy(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(places(resource))
        match chance.randint(0, 3):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(chance.choice(VALUES))
            case 2:
                other, name = chance.choice(places(resource))
                holder[key] = copy.deepcopy(other[name])
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                holder[key] = [copy.deepcopy(holder[key])]
        if not resource:
            break
    return resource


@pytest.mark.parametrize("seed", range(4))
def test_every_sound_resource_gets_an_answer(seed: int) -> None:
    chance = random.Random(seed)
    by_type: dict[str, list[str]] = {}
    for url in sorted(profiles.canonicals()):
        profile = profiles.find(url)
        if profile is not None and profile.type in resource_types():
            by_type.setdefault(profile.type, []).append(url)
    asked = 0
    for _ in range(200):
        resource = mutated(chance)
        if "resourceType" not in resource or any(issue.code == "structure" for issue in validate(resource)):
            continue
        before = json.dumps(resource)
        for url in by_type.get(resource["resourceType"], []):
            for issue in profiles.validate(resource, url):
                assert issue.path and issue.message
            asked += 1
        profiles.validate(resource)
        assert json.dumps(resource) == before  # what is asked about is not changed
    assert asked > 100
