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
