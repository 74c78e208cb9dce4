"""Kinds of data: told by type or by codes, written in the index, and published as a code system of our own."""

from __future__ import annotations

from typing import Any

import pytest

from tovholder.access import emergencies, evidence, representation
from tovholder.fhir import data_kinds, systems, terminology
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.prepare import index_rows

ATC = "http://www.whocc.no/atc"


def coded(kind: str, element: str, system: str, code: str) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x", element: {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("resource", "kinds"),
    [
        (coded("Condition", "code", systems.ICPC2, "P76"), ["mental-health"]),
        (coded("Condition", "code", systems.ICPC2_HL7, "X70"), ["sexual-health"]),
        (coded("Condition", "code", systems.SKS_DIAGNOSIS, "DF320"), ["mental-health"]),
        (coded("Condition", "code", systems.ICPC2, "R95"), []),
        (coded("Condition", "code", "http://example.test", "P76"), []),
        (coded("MedicationRequest", "medicationCodeableConcept", ATC, "N06AB04"), ["mental-health"]),
        (coded("MedicationRequest", "medicationCodeableConcept", ATC, "R03BB04"), []),
        (coded("Observation", "code", systems.LOINC, "44261-6"), ["mental-health"]),
        (coded("Patient", "code", systems.ICPC2, "P76"), []),
        ({"resourceType": "QuestionnaireResponse", "questionnaire": "http://x.test/Questionnaire/PHQ-9|1"}, ["mental-health"]),
        ({"resourceType": "Encounter", "reasonCode": [{"coding": [{"system": systems.ICPC2, "code": "Z12"}]}]}, ["social"]),
        ({"resourceType": "Condition", "code": "not a concept"}, []),
        (coded("Observation", "valueCodeableConcept", systems.SKS_DIAGNOSIS, "DF320"), ["mental-health"]),
        ({"resourceType": "Observation", "component": [coded("", "code", systems.LOINC, "44261-6")]}, ["mental-health"]),
        ({"resourceType": "Observation", "component": [coded("", "valueCodeableConcept", systems.ICPC2, "Z12")]}, ["social"]),
        ({"resourceType": "Observation", "component": "no list"}, []),
    ],
)  # fmt: skip
def test_a_resource_is_of_the_kinds_its_codes_tell(resource: dict[str, Any], kinds: list[str]) -> None:
    assert data_kinds.of_codes(resource) == kinds


def test_they_stand_in_the_index_as_tokens_no_search_can_ask_for() -> None:
    rows = index_rows(coded("Condition", "code", systems.ICPC2, "P76"))["store_token"]
    assert (param_id(data_kinds.PARAMETER), "mental-health", "") in rows


def test_every_kind_names_types_there_are_and_both_languages() -> None:
    for kind in data_kinds.kinds().values():
        assert {*kind.types, *kind.coded} <= resource_types()
        assert {"da", "en"} == kind.titles.keys() == kind.texts.keys()
        assert not kind.coded or kind.codes


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("data-kind", list(data_kinds.kinds())),
        ("representation-area", list(representation.AREAS)),
        ("stated-reason", list(evidence.REASONS)),
        ("break-glass-reason", list(emergencies.REASONS)),
    ],
)
def test_what_is_published_is_what_holds(name: str, codes: list[str]) -> None:
    published = terminology.shipped()
    system = published.system(f"{systems.BASE}/CodeSystem/{name}")
    assert system is not None and set(codes) == {concept.code for concept in system.concepts.values()}
