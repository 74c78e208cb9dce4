"""$validate through the API: type and instance level, profiles, modes, and what a write says of profiles it claims."""

from __future__ import annotations

from typing import Any

import pytest

from lib.api import Caller
from tovholder.access import Role
from tovholder.fhir import profiles_policy
from tovholder.fhir.profiles_policy import Answer, Policy

pytestmark = pytest.mark.django_db

CPR = "urn:oid:1.2.208.176.1.2"
DK_PATIENT = "http://hl7.dk/fhir/core/StructureDefinition/dk-core-patient"
GOAL = "http://tovholder.dk/fhir/StructureDefinition/tovholder-goal"


def patient(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": CPR, "value": "0911970001"}],
        "name": [{"use": "official", "family": "Prøve", "given": ["Person"]}],
        **more,
    }


def issues(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 200, response.content
    found = response.json()
    assert found["resourceType"] == "OperationOutcome"
    return [(one["severity"], one.get("expression", [""])[0]) for one in found["issue"]]


def errors(response: Any) -> list[str]:
    return [path for severity, path in issues(response) if severity == "error"]


def test_a_sound_resource_has_no_errors_and_is_not_stored(system: Caller) -> None:
    assert errors(system.send("POST", "/Patient/$validate", patient())) == []
    assert system.send("GET", "/Patient?_summary=count").json()["total"] == 0


def test_the_resource_may_come_in_parameters(system: Caller) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "profile", "valueUri": DK_PATIENT},
            {"name": "resource", "resource": {"resourceType": "Patient", "gender": "male"}},
        ],
    }
    assert errors(system.send("POST", "/Patient/$validate", body)) == ["Patient.identifier"]


def test_what_is_no_fhir_is_told_with_200(system: Caller) -> None:
    assert "Patient.gender" in errors(system.send("POST", "/Patient/$validate", patient(gender="robot")))
    assert "Patient.nome" in errors(system.send("POST", "/Patient/$validate", patient(nome=[])))


def test_a_claimed_profile_is_checked(system: Caller) -> None:
    claiming = {"resourceType": "Patient", "meta": {"profile": [DK_PATIENT]}, "gender": "male"}
    assert errors(system.send("POST", "/Patient/$validate", claiming)) == ["Patient.identifier"]


def test_an_unknown_profile_is_refused_by_name_and_told_when_claimed(system: Caller) -> None:
    response = system.send("POST", "/Patient/$validate?profile=http://example.org/nobody", patient())
    assert response.status_code == 400
    claiming = patient(meta={"profile": ["http://example.org/nobody"]})
    assert ("information", "Patient.meta.profile") in issues(system.send("POST", "/Patient/$validate", claiming))


def test_another_type_than_the_address_and_no_resource_at_all_are_refused(system: Caller) -> None:
    assert system.send("POST", "/Observation/$validate", patient()).status_code == 400
    assert system.send("GET", "/Patient/$validate").status_code == 400
    assert system.send("POST", "/Patient/$validate?mode=sing", patient()).status_code == 400


def test_a_stored_resource_is_validated_where_it_is(system: Caller) -> None:
    rid = system.send("POST", "/Patient", patient()).json()["id"]
    assert errors(system.send("GET", f"/Patient/{rid}/$validate?profile={DK_PATIENT}")) == []
    assert system.send("GET", "/Patient/nobody/$validate").status_code == 404


def test_modes_ask_the_rules_of_the_record_and_leave_nothing(system: Caller) -> None:
    rid = system.send("POST", "/Patient", patient()).json()["id"]
    assert errors(system.send("POST", "/Patient/$validate?mode=create", patient())) == []
    assert errors(system.send("POST", f"/Patient/{rid}/$validate?mode=update", patient(id=rid, gender="male"))) == []
    assert errors(system.send("GET", f"/Patient/{rid}/$validate?mode=delete")) == []
    stored = system.send("GET", f"/Patient/{rid}").json()
    assert stored["meta"]["versionId"] == "1"
    assert "gender" not in stored
    # A course of a package nobody knows is sound FHIR, and still no course of this record.
    course = {
        "resourceType": "EpisodeOfCare",
        "status": "planned",
        "patient": {"reference": f"Patient/{rid}"},
        "type": [{"coding": [{"system": "http://tovholder.dk/fhir/CodeSystem/package", "code": "none"}]}],
    }
    assert errors(system.send("POST", "/EpisodeOfCare/$validate", course)) == []
    assert errors(system.send("POST", "/EpisodeOfCare/$validate?mode=create", course)) == ["EpisodeOfCare.type"]


def test_a_role_that_may_not_write_is_told_so_by_mode(system: Caller) -> None:
    analyst = Caller(Role.ANALYST)
    assert errors(analyst.send("POST", "/Patient/$validate", patient())) == []
    assert errors(analyst.send("POST", "/Patient/$validate?mode=create", patient())) != []


@pytest.fixture
def _warning_everything() -> Any:
    profiles_policy.use(Policy(default=Answer.WARN))
    yield
    profiles_policy.use(None)


@pytest.fixture
def _refusing_dk_core() -> Any:
    profiles_policy.use(Policy(required={"Patient": (DK_PATIENT,)}, profiles={DK_PATIENT: Answer.REFUSE}))
    yield
    profiles_policy.use(None)


@pytest.mark.usefixtures("_warning_everything")
def test_a_write_that_breaks_a_claimed_profile_goes_through_with_a_warning(
    system: Caller,
) -> None:
    claiming = {"resourceType": "Patient", "meta": {"profile": [DK_PATIENT]}, "gender": "male"}
    response = system.send("POST", "/Patient", claiming, prefer="return=OperationOutcome")
    assert response.status_code == 201
    assert ("warning", "Patient.identifier") in [
        (one["severity"], one.get("expression", [""])[0]) for one in response.json()["issue"]
    ]


def test_our_own_profiles_refuse_when_they_are_claimed(system: Caller) -> None:
    rid = system.send("POST", "/Patient", patient()).json()["id"]
    goal = {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "x" * 301},
        "subject": {"reference": f"Patient/{rid}"},
    }
    assert system.send("POST", "/Goal", goal | {"meta": {"profile": [GOAL]}}).status_code == 400
    assert (
        system.send(
            "POST", "/Goal", goal | {"description": {"text": "gå en tur"}, "meta": {"profile": [GOAL]}}
        ).status_code
        == 201
    )


@pytest.mark.usefixtures("_refusing_dk_core")
def test_a_type_can_be_held_to_a_profile_nobody_claims(system: Caller) -> None:
    refused = system.send("POST", "/Patient", {"resourceType": "Patient", "gender": "male"})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Patient.identifier"]
    assert system.send("POST", "/Patient", patient()).status_code == 201
