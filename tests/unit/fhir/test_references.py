"""References: what counts as one, whom a resource is about, and rewriting in a transaction."""

from __future__ import annotations

import pytest

from tovholder.fhir.references import Ref, parse_reference, patient_of, patients_of, references, rewrite
from tovholder.fhir.systems import BASE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", Ref("Patient", "1")),
        ("Patient/a-b.C/_history/3", Ref("Patient", "a-b.C", "3")),
        ("https://elsewhere.example/r4/Patient/1", Ref("Patient", "1", None, "https://elsewhere.example/r4")),
        (f"{BASE}/Patient/1", Ref("Patient", "1")),
        ("#contained", None),
        ("urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", None),
        ("Patient?identifier=x|1", None),
        ("Patient/" + "a" * 65, None),
        ("Patient/1\n", None),
        ("patient/1", None),
        ("", None),
        (None, None),
    ],
)
def test_a_literal_reference_is_read_and_nothing_else(text: str | None, expected: Ref | None) -> None:
    assert parse_reference(text) == expected


def to(text: str) -> dict[str, str]:
    return {"reference": text}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Patient", "id": "p"}, "p"),
        ({"resourceType": "Observation", "subject": to("Patient/p"), "performer": [to("Patient/q")]}, "p"),
        ({"resourceType": "Observation", "subject": to("Group/g")}, None),
        ({"resourceType": "Observation", "performer": [to("Practitioner/d"), to("Patient/p")]}, "p"),
        ({"resourceType": "EpisodeOfCare", "patient": to("Patient/p")}, "p"),
        ({"resourceType": "Coverage", "beneficiary": to("Patient/p"), "subscriber": to("Patient/q")}, "p"),
        ({"resourceType": "Task", "for": to("Patient/p"), "focus": to("ServiceRequest/s")}, "p"),
        ({"resourceType": "ResearchSubject", "individual": to("Patient/p")}, "p"),
        (
            {
                "resourceType": "Appointment",
                "participant": [{"status": "accepted"}, {"actor": to("Location/l")}, {"actor": to("Patient/p")}],
            },
            "p",
        ),
        ({"resourceType": "Procedure", "performer": [{"actor": to("Patient/p")}]}, "p"),
        ({"resourceType": "Communication", "sender": to("Patient/p"), "recipient": [to("Patient/q")]}, None),
        ({"resourceType": "Communication", "subject": to("Patient/p"), "recipient": [to("Patient/q")]}, "p"),
        (
            {"resourceType": "AuditEvent", "agent": [{"who": to("Patient/q")}], "entity": [{"what": to("Patient/p")}]},
            "p",
        ),
        ({"resourceType": "Device", "patient": to("Patient/p")}, "p"),
        ({"resourceType": "SupplyRequest", "deliverTo": to("Patient/p")}, "p"),
        ({"resourceType": "Consent", "patient": to("Patient/p/_history/2")}, "p"),
        ({"resourceType": "Consent", "patient": to("https://elsewhere.example/Patient/p")}, None),
        ({"resourceType": "Consent", "patient": {"identifier": {"value": "1"}}}, None),
        ({"resourceType": "Organization", "name": "x"}, None),
        ({"resourceType": "Group", "member": [{"entity": to("Patient/p")}]}, None),
        ({"resourceType": "Observation", "subject": "Patient/p"}, None),
        ({}, None),
    ],
)
def test_the_patient_a_resource_is_about(resource: dict[str, object], expected: str | None) -> None:
    assert patient_of(resource) == expected


def test_all_patients_of_a_group_appointment() -> None:
    seats = [{"actor": to("Patient/p")}, {"actor": to("Patient/q")}, {"actor": to("Location/l")}]
    assert patients_of({"resourceType": "Appointment", "participant": seats}) == {"p", "q"}


def test_references_tell_where_they_stand() -> None:
    plan = {
        "resourceType": "CarePlan",
        "subject": to("Patient/p"),
        "activity": [{"reference": to("ServiceRequest/a")}, {"detail": {"performer": [to("Practitioner/d")]}}],
        "contained": [{"resourceType": "Goal", "subject": to("Patient/p")}],
        "author": {"display": "no literal reference"},
    }
    assert references(plan) == [
        ("CarePlan.subject", "Patient/p"),
        ("CarePlan.activity[0].reference", "ServiceRequest/a"),
        ("CarePlan.activity[1].detail.performer[0]", "Practitioner/d"),
        ("CarePlan.contained[0].subject", "Patient/p"),
    ]


def test_rewrite_changes_references_only() -> None:
    urn = "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"
    task = {
        "resourceType": "Task",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": urn}],
        "extension": [{"url": "x", "valueUri": urn}, {"url": "y", "valueReference": to(urn)}],
        "for": to(urn),
        "focus": to("ServiceRequest/1"),
        "input": [[to(urn)]],
    }
    rewrite(task, {urn: "Patient/1"})
    assert task["for"] == to("Patient/1")
    assert task["extension"] == [{"url": "x", "valueUri": urn}, {"url": "y", "valueReference": to("Patient/1")}]
    assert task["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": urn}]
    assert task["input"] == [[to("Patient/1")]]
    assert task["focus"] == to("ServiceRequest/1")
