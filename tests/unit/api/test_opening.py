"""$open, $break-glass and blocks as a vendor meets them over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lib import people
from lib.api import Caller
from tovholder import store
from tovholder.access import Role, emergencies, evidence
from tovholder.access import people as people_of
from tovholder.base import days
from tovholder.fhir import systems

pytestmark = pytest.mark.django_db
CPR = "6105600000"
WHY = "Bevidstløs i modtagelsen, vi må vide hvad hun får."


@pytest.fixture
def at() -> dict[str, Any]:
    with store.unit_of_work(people.system(timezone.now())) as uow:
        clinic = uow.create(people.clinic()).id
        hospital = uow.create(people.clinic("Sygehuset", kind="hospital")).id
        patient = uow.create(people.patient(clinic)).id
        condition = uow.create(people.condition(patient, "P76", recorded="2020-02-20")).id
    return {
        "clinic": clinic, "hospital": hospital, "patient": patient, "condition": condition,
        "doctor": Caller(Role.HOSPITAL, hospital, name="lunge"), "gp": Caller(Role.GP, clinic, name="gp"),
        "citizen": Caller(Role.CITIZEN, patient=patient, name="pt"),
    }  # fmt: skip


def parameters(**values: Any) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    for name, value in values.items():
        if name == "identifier":
            told.append({"name": name, "valueIdentifier": {"system": systems.CPR, "value": value}})
        elif isinstance(value, dict):
            told.append({"name": name, "valueCoding": value})
        else:
            told.append({"name": name, "valueString": value})
    return {"resourceType": "Parameters", "parameter": told}


def consent(patient: str, **provision: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": days.instant_text(timezone.now()),
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "provision": {"type": "deny", **provision},
    }


def actor(reference: str) -> dict[str, Any]:
    return {"role": {"text": "recipient"}, "reference": {"reference": reference}}


def codes(answer: Any) -> list[str]:
    outcomes = [item["resource"] for item in answer.json().get("entry", []) if item["search"]["mode"] == "outcome"]
    return [issue["code"] for outcome in outcomes for issue in outcome["issue"]]


def test_a_hospital_opens_by_number_and_reads_at_once(at: dict[str, Any]) -> None:
    doctor = at["doctor"]
    assert doctor.send("GET", f"/Condition/{at['condition']}").status_code == 404
    answer = doctor.send("POST", "/Patient/$open", parameters(identifier=CPR, reason="admitted", text="Indlagt"))
    assert answer.status_code == 200 and answer.json()["id"] == at["patient"]
    assert doctor.send("GET", f"/Condition/{at['condition']}").status_code == 200
    assert [one.reason for one in evidence.of_patient(at["patient"])] == ["admitted"]
    assert (
        doctor.send("POST", "/Patient/$open", parameters(identifier=CPR, reason={"code": "visit"})).status_code == 200
    )
    assert doctor.send("GET", "/Patient/$open").status_code == 405


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"identifier": CPR},
        {"identifier": CPR, "reason": "curiosity"},
        {"identifier": CPR, "reason": "visit", "text": "x" * 2000},
        {"identifier": CPR, "reason": "visit", "sauce": "x"},
        {"reason": "visit"},
    ],
)
def test_what_is_missing_or_unknown_is_refused_in_words(at: dict[str, Any], sent: dict[str, Any]) -> None:
    answer = at["doctor"].send("POST", "/Patient/$open", parameters(**sent))
    assert answer.status_code in (400, 422) and CPR not in answer.content.decode()
    assert evidence.of_patient(at["patient"]) == []


def test_nobody_else_learns_whether_there_is_such_a_patient(at: dict[str, Any]) -> None:
    callers = [Caller(role, at["hospital"], name=f"x-{role}") for role in (Role.ANALYST, Role.OPERATOR)]
    answers = []
    for caller in [*callers, at["citizen"]]:
        for number in (CPR, "0101010000"):
            answers.append(caller.send("POST", "/Patient/$open", parameters(identifier=number, reason="visit")))
    answers.append(at["doctor"].send("POST", "/Patient/$open", parameters(identifier="0101010000", reason="visit")))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_guessing_numbers_is_stopped(at: dict[str, Any]) -> None:
    statuses = {
        at["doctor"]
        .send("POST", "/Patient/$open", parameters(identifier=f"01015{number:05d}", reason="visit"))
        .status_code
        for number in range(60)
    }
    assert statuses == {404, 429}


def test_a_block_made_by_the_citizens_app_holds_on_the_next_request(at: dict[str, Any]) -> None:
    gp, citizen, path = at["gp"], at["citizen"], f"/Condition/{at['condition']}"
    assert gp.send("GET", path).status_code == 200
    kind = {"system": "http://tovholder.dk/fhir/CodeSystem/data-kind", "code": "mental-health"}
    made = citizen.send("POST", "/Consent", consent(at["patient"], **{"class": [kind]}))
    assert made.status_code == 201
    assert gp.send("GET", path).status_code == 404
    found = gp.send("GET", f"/Condition?patient={at['patient']}")
    assert codes(found) == ["informational", "suppressed"]
    assert "suppressed" in codes(gp.send("GET", f"/Patient/{at['patient']}/$everything"))
    assert gp.send("GET", f"/Patient/{at['patient']}/_history").json()["meta"]["security"][0]["code"] == "REDACTED"
    assert citizen.send("GET", path).status_code == 200
    ended = {**made.json(), "status": "inactive"}
    assert citizen.send("PUT", f"/Consent/{made.json()['id']}", ended).status_code == 200
    assert gp.send("GET", path).status_code == 200
    assert "entry" in gp.send("GET", f"/Condition?patient={at['patient']}").json()


def test_a_block_nobody_would_obey_is_refused(at: dict[str, Any]) -> None:
    for provision in ({"purpose": [{"code": "TREAT"}]}, {"actor": [actor("Group/x")]}, {"code": [{"text": "alt"}]}):
        answer = at["citizen"].send("POST", "/Consent", consent(at["patient"], **provision))
        assert answer.status_code == 422, answer.content
    assert at["gp"].send("POST", "/Consent", consent(at["patient"])).status_code == 403
    assert at["gp"].send("GET", f"/Patient/{at['patient']}").status_code == 200


def test_break_glass_over_the_api_and_its_end(at: dict[str, Any]) -> None:
    doctor, citizen, path = at["doctor"], at["citizen"], f"/Condition/{at['condition']}"
    citizen.send("POST", "/Consent", consent(at["patient"], actor=[actor(f"Organization/{at['hospital']}")]))
    asked = parameters(identifier=CPR, reason="danger", text=WHY)
    assert doctor.send("POST", "/Patient/$open", parameters(identifier=CPR, reason="visit")).status_code == 404
    opened = doctor.send("POST", "/Patient/$break-glass", asked)
    assert opened.status_code == 200, opened.content
    nobody = doctor.send(
        "POST", "/Patient/$break-glass", parameters(identifier="0101010000", reason="danger", text=WHY)
    )
    # Nobody learns by breaking the glass who is a patient: a search by the number finds whose blocks were lifted.
    named = [[item["name"] for item in one.json()["parameter"]] for one in (opened, nobody)]
    assert named == [["until"], ["until"]] and nobody.status_code == 200
    assert doctor.send("GET", path).status_code == 200
    end = f"/Patient/{at['patient']}/$end-break-glass"
    assert doctor.send("POST", end).status_code == 200
    assert doctor.send("GET", path).status_code == 404
    assert doctor.send("POST", end).status_code == 404
    again = parameters(reason="danger", text=WHY)
    assert doctor.send("POST", f"/Patient/{at['patient']}/$break-glass", again).status_code == 200
    assert doctor.send("GET", path).status_code == 200
    assert len(emergencies.of_patient(at["patient"])) == 2


def test_break_glass_is_for_doctors(at: dict[str, Any]) -> None:
    for role in (Role.STAFF, Role.PARTNER, Role.PREVENTION, Role.ANALYST, Role.OPERATOR):
        caller = Caller(role, at["hospital"], name=f"y-{role}")
        asked = parameters(identifier=CPR, reason="danger", text=WHY)
        assert caller.send("POST", "/Patient/$break-glass", asked).status_code == 404
        one = caller.send("POST", f"/Patient/{at['patient']}/$break-glass", parameters(reason="danger", text=WHY))
        assert one.status_code == 403
    assert emergencies.of_patient(at["patient"]) == []


def test_an_old_token_lifts_no_blocks(at: dict[str, Any]) -> None:
    from tovholder.access.models import AccessToken

    AccessToken.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    people_of.forget_tokens()
    doctor = at["doctor"]
    assert doctor.send("GET", "/metadata").status_code == 200
    asked = parameters(reason="danger", text=WHY)
    assert doctor.send("POST", f"/Patient/{at['patient']}/$break-glass", asked).status_code == 403
    asked = parameters(identifier=CPR, reason="danger", text=WHY)
    assert doctor.send("POST", "/Patient/$break-glass", asked).status_code == 403
    assert emergencies.of_patient(at["patient"]) == []
