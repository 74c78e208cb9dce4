"""Codes, refresh tokens and access tokens: what they give, and every way they are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from joserfc import jwt
from joserfc.jwk import KeySet

from lib import smart
from lib.people import condition, system
from lib.smart import Asking, Person, app, ask, fhir
from tovholder import store
from tovholder.access import Role, people, sessions
from tovholder.access.models import SmartGrant
from tovholder.access.smart import clients, tokens
from tovholder.access.smart.domain import Method
from tovholder.base.clock import system_clock
from tovholder.base.errors import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> dict[str, str]:
    return smart.two_clinics()


@pytest.fixture
def citizen(world: dict[str, str]) -> Person:
    return Person.of(Role.CITIZEN, patient=world["mine"], name="kirsten")


@pytest.fixture
def doctor(world: dict[str, str]) -> Person:
    return Person.of(Role.GP, world["organization"], name="anna")


def test_a_citizens_app_gets_their_own_data_and_no_more(world: dict[str, str], citizen: Person) -> None:
    asking = Asking(app())
    scope = "launch/patient patient/Condition.rs patient/Patient.r openid fhirUser"
    answer = asking.exchange(asking.code(citizen, scope, nonce="n1")).json()
    assert answer["patient"] == world["mine"]
    assert set(answer["scope"].split()) == set(scope.split())
    assert answer["token_type"] == "Bearer"
    token = answer["access_token"]
    assert fhir(token, "Condition").json()["total"] == 1
    assert fhir(token, f"Patient/{world['mine']}").status_code == 200
    assert fhir(token, "Goal").json()["total"] == 0  # another type: as if there were none
    assert fhir(token, f"Patient/{world['other']}").status_code == 404
    keys = KeySet.import_key_set(smart.Browser().get("/smart/jwks").json())
    claims = jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["fhirUser"] == f"{smart.BASE}/Patient/{world['mine']}"
    assert (claims["aud"], claims["nonce"], claims["iss"]) == (asking.client.id, "n1", "http://testserver")


def test_a_doctors_app_sees_the_chosen_patient_alone(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app())
    code = asking.code(doctor, "launch/patient patient/Condition.rs", patient=world["other"])
    token = asking.exchange(code).json()["access_token"]
    found = fhir(token, "Condition").json()
    assert {item["resource"]["subject"]["reference"] for item in found["entry"]} == {f"Patient/{world['other']}"}


def test_user_scopes_reach_all_the_user_sees_beside_a_patients_own(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app())
    code = asking.code(doctor, "patient/Patient.rs user/Condition.rs", patient=world["mine"])
    token = asking.exchange(code).json()["access_token"]
    assert fhir(token, "Condition").json()["total"] == 2
    assert fhir(token, "Patient").json()["total"] == 1
    assert fhir(token, f"Patient/{world['theirs']}").status_code == 404


def test_a_filter_in_a_scope_narrows(world: dict[str, str], doctor: Person) -> None:
    with store.unit_of_work(system()) as uow:
        uow.create(condition(world["mine"], code="L84"))
    asking = Asking(app())
    token = asking.exchange(asking.code(doctor, "user/Condition.rs?code=R95")).json()["access_token"]
    codes = {item["resource"]["code"]["coding"][0]["code"] for item in fhir(token, "Condition").json()["entry"]}
    assert codes == {"R95"}


def test_what_is_granted_never_passes_what_the_app_was_registered_for(citizen: Person) -> None:
    asking = Asking(app(scopes="patient/Condition.r launch/patient"))
    answer = asking.exchange(asking.code(citizen, "patient/*.cruds launch/patient offline_access")).json()
    assert set(answer["scope"].split()) == {"patient/Condition.r", "launch/patient"}
    assert "refresh_token" not in answer


def test_v1_scopes_are_taken_and_told_back(citizen: Person) -> None:
    asking = Asking(app())
    answer = asking.exchange(asking.code(citizen, "patient/*.read launch/patient")).json()
    assert set(answer["scope"].split()) == {"patient/*.read", "launch/patient"}


def test_a_code_works_once_and_its_replay_ends_what_came_of_it(citizen: Person) -> None:
    asking = Asking(app())
    code = asking.code(citizen, "patient/Patient.rs offline_access")
    answer = asking.exchange(code).json()
    assert fhir(answer["access_token"], "Patient").status_code == 200
    again = asking.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert fhir(answer["access_token"], "Patient").status_code == 401
    refresh = ask(
        "/smart/token", grant_type="refresh_token", refresh_token=answer["refresh_token"], client_id=asking.client.id
    )
    assert refresh.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": smart.REDIRECT + "?x=1"},
        {"redirect_uri": "https://app.example.dk/index.html/"},
        {"code": "unknown"},
    ],
)
def test_a_code_is_bound(citizen: Person, changed: dict[str, str]) -> None:
    asking = Asking(app())
    answer = asking.exchange(asking.code(citizen, "patient/Patient.rs"), **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("missing", ["code_verifier", "redirect_uri", "code", "grant_type"])
def test_nothing_may_be_missing(citizen: Person, missing: str) -> None:
    asking = Asking(app())
    answer = asking.exchange(asking.code(citizen, "patient/Patient.rs"), **{missing: None})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_another_client_cannot_use_a_code(citizen: Person) -> None:
    asking, other = Asking(app()), app()
    code = asking.code(citizen, "patient/Patient.rs")
    assert asking.exchange(code, client_id=other.id).json()["error"] == "invalid_grant"
    assert asking.exchange(code).status_code == 200  # and it did not use it up


def test_a_code_runs_out(citizen: Person) -> None:
    asking = Asking(app())
    code = asking.code(citizen, "patient/Patient.rs")
    later = system_clock() + timedelta(seconds=61)
    with pytest.raises(InvalidGrantError):
        tokens.exchange(asking.client, code, smart.REDIRECT, asking.verifier, later)


def test_refresh_tokens_rotate_and_one_used_twice_ends_all(citizen: Person) -> None:
    asking = Asking(app())
    first = asking.exchange(asking.code(citizen, "patient/Patient.rs patient/Condition.rs offline_access")).json()

    def renew(token: str, **more: str) -> Any:
        return ask("/smart/token", grant_type="refresh_token", refresh_token=token, client_id=asking.client.id, **more)

    second = renew(first["refresh_token"], scope="patient/Patient.rs").json()
    assert second["scope"] == "patient/Patient.rs"
    assert fhir(second["access_token"], "Condition").json()["total"] == 0
    third = renew(second["refresh_token"]).json()
    assert "patient/Condition.rs" in third["scope"]
    assert renew(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert fhir(third["access_token"], "Patient").status_code == 401
    assert renew(third["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_app_in_the_open_need_not_say_who_it_is_when_it_refreshes(citizen: Person) -> None:
    asking = Asking(app())
    first = asking.exchange(asking.code(citizen, "patient/Patient.rs offline_access")).json()
    assert ask("/smart/token", grant_type="refresh_token", refresh_token=first["refresh_token"]).status_code == 200
    key, jwks = smart.keys()
    keyed = Asking(app(method=Method.PRIVATE_KEY, jwks=jwks))
    code = keyed.code(citizen, "patient/Patient.rs offline_access")
    second = keyed.exchange(code, **smart.proved(keyed.client, key)).json()
    refused = ask("/smart/token", grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert ask("/smart/token", grant_type="refresh_token", refresh_token="x").status_code == 401


def test_a_refresh_token_cannot_widen(citizen: Person) -> None:
    asking = Asking(app())
    first = asking.exchange(asking.code(citizen, "patient/Patient.rs offline_access")).json()
    wider = ask(
        "/smart/token",
        grant_type="refresh_token",
        refresh_token=first["refresh_token"],
        client_id=asking.client.id,
        scope="patient/Condition.rs",
    )
    assert wider.json()["error"] == "invalid_scope"


def test_online_access_ends_with_the_session(citizen: Person) -> None:
    asking = Asking(app())
    first = asking.exchange(asking.code(citizen, "patient/Patient.rs online_access")).json()
    told = {"grant_type": "refresh_token", "client_id": asking.client.id}
    second = ask("/smart/token", refresh_token=first["refresh_token"], **told).json()
    citizen.browser.post("/logud")
    assert ask("/smart/token", refresh_token=second["refresh_token"], **told).json()["error"] == "invalid_grant"


def test_an_access_token_runs_out(citizen: Person) -> None:
    asking = Asking(app())
    answer = asking.exchange(asking.code(citizen, "patient/Patient.rs")).json()
    token, lasts = answer["access_token"], timedelta(seconds=answer["expires_in"])
    assert people.context_of_token(token, system_clock() + lasts / 2).grants is not None
    with pytest.raises(Problem, match="not valid"):
        people.context_of_token(token, system_clock() + lasts + timedelta(seconds=1))


def test_a_token_that_is_none_is_told_so() -> None:
    answer = fhir("nonsense", "Patient")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="tovholder", error="invalid_token"')
    assert smart.Browser().get("/fhir/Patient")["WWW-Authenticate"] == 'Bearer realm="tovholder"'


def test_ending_a_client_a_user_or_a_grant_ends_its_tokens_at_once(citizen: Person, doctor: Person) -> None:
    def token(person: Person) -> tuple[Asking, str]:
        asking = Asking(app())
        return asking, asking.exchange(asking.code(person, "user/Patient.rs")).json()["access_token"]

    asking, first = token(doctor)
    assert fhir(first, "Patient").status_code == 200
    clients.end(asking.client.id, system_clock())
    assert fhir(first, "Patient").status_code == 401
    _, second = token(doctor)
    assert fhir(second, "Patient").status_code == 200
    sessions.end_everywhere(str(doctor.user.pk), system_clock())
    assert fhir(second, "Patient").status_code == 401
    _, third = token(citizen)
    assert fhir(third, "Patient").status_code == 200
    grant = SmartGrant.objects.get(user=citizen.user)
    assert not tokens.end_grant(str(grant.id), str(doctor.user.pk), system_clock())
    assert tokens.end_grant(str(grant.id), str(citizen.user.pk), system_clock())
    assert fhir(third, "Patient").status_code == 401


def test_revoking(citizen: Person) -> None:
    asking, other = Asking(app()), app()
    answer = asking.exchange(asking.code(citizen, "patient/Patient.rs offline_access")).json()
    assert ask("/smart/revoke", token=answer["access_token"], client_id=other.id).status_code == 200
    assert fhir(answer["access_token"], "Patient").status_code == 200  # another's is passed over
    assert ask("/smart/revoke", token=answer["access_token"], client_id=asking.client.id).status_code == 200
    assert fhir(answer["access_token"], "Patient").status_code == 401
    told = {"grant_type": "refresh_token", "client_id": asking.client.id}
    second = ask("/smart/token", refresh_token=answer["refresh_token"], **told).json()
    ask("/smart/revoke", token=second["refresh_token"], client_id=asking.client.id)
    assert fhir(second["access_token"], "Patient").status_code == 401


def test_introspection(world: dict[str, str], citizen: Person) -> None:
    key, jwks = smart.keys()
    asking = Asking(app(method=Method.PRIVATE_KEY, jwks=jwks))
    code = asking.code(citizen, "patient/Patient.rs launch/patient openid fhirUser")
    answer = asking.exchange(code, **smart.proved(asking.client, key)).json()
    told = ask("/smart/introspect", token=answer["access_token"], **smart.proved(asking.client, key)).json()
    assert told["active"] is True
    assert (told["client_id"], told["patient"]) == (asking.client.id, world["mine"])
    assert told["fhirUser"].endswith(f"Patient/{world['mine']}")
    for text in ("nonsense", answer["access_token"][:-1]):
        assert ask("/smart/introspect", token=text, **smart.proved(asking.client, key)).json() == {"active": False}
    foreign = app(method=Method.PRIVATE_KEY, jwks=jwks)
    assert ask("/smart/introspect", token=answer["access_token"], **smart.proved(foreign, key)).json() == {
        "active": False
    }
    assert ask("/smart/introspect", token=answer["access_token"], client_id=app().id).status_code == 401
