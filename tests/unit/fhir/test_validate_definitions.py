"""The R4 tables answer what other parts ask of them, and hold R4 alone."""

from __future__ import annotations

import pytest

from tovholder.fhir import definitions as d


def test_types() -> None:
    assert len(d.resource_types()) == 146
    assert {"Patient", "EpisodeOfCare", "Bundle"} <= d.resource_types()
    assert not {"DomainResource", "SubscriptionStatus", "HumanName"} & d.resource_types()
    assert {"HumanName", "Extension", "Age"} <= d.datatypes()
    assert len(d.primitives()) == 20


@pytest.mark.parametrize(
    ("path", "name", "is_list", "types"),
    [
        ("Patient", "name", True, ("HumanName",)),
        ("Patient", "deceased", False, ("boolean", "dateTime")),
        ("Patient", "deceasedDateTime", False, ("dateTime",)),
        ("Patient", "contact", True, ()),
        ("Patient.contact", "relationship", True, ("CodeableConcept",)),
        ("HumanName", "given", True, ("string",)),
        ("Patient", "nothing", False, ()),
        ("Nothing", "name", False, ()),
    ],
)
def test_elements(path: str, name: str, is_list: bool, types: tuple[str, ...]) -> None:
    assert d.is_list(path, name) is is_list
    assert d.element_types(path, name) == types


def test_child_path_walks_into_groups_types_and_content_references() -> None:
    assert d.child_path("Patient", "contact") == "Patient.contact"
    assert d.child_path("Patient", "name") == "HumanName"
    assert d.child_path("Questionnaire.item", "item") == "Questionnaire.item"
    assert d.child_path("Observation", "valueQuantity") == "Quantity"
    assert d.child_path("Observation", "value") == ""
    assert d.child_path("Observation", "nothing") == ""


def test_every_group_that_is_named_exists() -> None:
    for name in d.resource_types() | d.datatypes():
        waiting, seen = [name], set()
        while waiting:
            path = waiting.pop()
            seen.add(path)
            assert d.type_of(path).elements
            waiting += [e.path for e in d.type_of(path).elements.values() if e.path and e.path not in seen]


def test_codes() -> None:
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert d.codes(gender) == {"http://hl7.org/fhir/administrative-gender": {"male", "female", "other", "unknown"}}
    assert d.ordered_codes(gender) == ("male", "female", "other", "unknown")
    assert d.codes("http://hl7.org/fhir/ValueSet/mimetypes") is None


def test_what_the_package_added_to_r4_is_gone() -> None:
    added = [("Binary", "url"), ("Meta", "project"), ("ResearchStudy", "label"), ("HealthcareService", "offeredIn")]
    assert [d.find(*pair) for pair in added] == [None] * 4
    assert d.element_types("Bundle.entry.response", "outcome") == ("Resource",)
    characteristics = d.find("EvidenceVariable", "characteristic")
    assert characteristics is not None and characteristics.minimum == 1


def test_elements_with_long_names_are_kept() -> None:
    assert d.find("MedicinalProductPharmaceutical.routeOfAdministration", "maxDosePerDay") is not None
    assert d.find("ResearchElementDefinition.characteristic", "participantEffectivePeriod") is not None


def test_summary_and_mandatory_elements() -> None:
    assert {"id", "meta", "name", "birthDate", "deceasedBoolean", "deceasedDateTime"} <= d.summary_elements("Patient")
    assert not {"text", "contact", "photo", "contained"} & d.summary_elements("Patient")
    assert "other" in d.summary_elements("Patient.link")
    assert d.mandatory_elements("Patient") == frozenset()
    assert d.mandatory_elements("Observation") == {"status", "code"}
    assert {"medicationReference", "medicationCodeableConcept"} <= d.mandatory_elements("MedicationRequest")


def test_invariants_stand_where_r4_states_them() -> None:
    keys = [i.key for i in d.type_of("Observation").invariants]
    assert keys == ["dom-2", "dom-3", "dom-4", "dom-5", "dom-6", "obs-6", "obs-7"]
    assert not {"dom-2", "dom-6"} & {i.key for i in d.type_of("Bundle").invariants}
    assert [i.key for i in d.type_of("Patient.contact").invariants] == ["pat-1"]
    assert [i.key for i in d.type_of("Extension").invariants] == ["ext-1"]
    telecom = d.find("Organization", "telecom")
    assert telecom is not None and [i.key for i in telecom.invariants] == ["org-3"]
