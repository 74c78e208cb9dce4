"""What an app, or whoever has got hold of its token, tries beyond what it was given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from lib import smart
from lib.people import clinic, condition, patient, system
from lib.smart import Asking, Browser, Person, app, ask, fhir
from tovholder import store
from tovholder.access import Role
from tovholder.access.models import SmartGrant, SmartRequest
from tovholder.access.smart import clients, scopes
from tovholder.base.errors import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> dict[str, str]:
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic()).id
        mine = uow.create(patient(organization)).id
        uow.create(condition(mine))
        uow.create(condition(mine, code="L84"))
    return {"organization": organization, "mine": mine}


@pytest.fixture
def citizen(world: dict[str, str]) -> Person:
    return Person.of(Role.CITIZEN, patient=world["mine"], name="kirsten")


@pytest.fixture
def doctor(world: dict[str, str]) -> Person:
    return Person.of(Role.GP, world["organization"], name="anna")


def given(asking: Asking, person: Person, scope: str) -> dict[str, str]:
    answer: dict[str, str] = asking.exchange(asking.code(person, scope)).json()
    return answer


@pytest.mark.parametrize("path", ["/minplan/", "/minplan/log", "/minplan/spaerringer", "/smart/apps", "/login/rolle"])
def test_a_token_opens_no_page(citizen: Person, path: str) -> None:
    token = given(Asking(app()), citizen, "openid patient/Observation.r")["access_token"]
    browser = Browser(headers={"Authorization": f"Bearer {token}"})
    answer = browser.get(path)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/")


def test_a_token_ends_no_apps(citizen: Person) -> None:
    token = given(Asking(app()), citizen, "openid patient/Patient.r")["access_token"]
    other = given(Asking(app()), citizen, "patient/Patient.rs")["access_token"]
    grant = SmartGrant.objects.order_by("created_ms").last()
    assert grant is not None
    Browser(headers={"Authorization": f"Bearer {token}"}).post("/smart/apps", {"grant": str(grant.id)})
    assert fhir(other, "Patient").status_code == 200


def test_a_scope_text_is_cut_at_no_filter() -> None:
    """What an app is given is written down and read again: a filter whose end got lost would give all."""
    limit = scopes.parse("user/Condition.rs?code=R95")
    asked = [f"user/Condition.r?onset-date=ge19{n:02}-01-01" for n in range(99)]
    found = scopes.narrowed(scopes.parse(" ".join(asked)), limit)
    assert len(str(found)) > 4000
    assert scopes.parse(str(found)).resources == found.resources
    for length in range(3900, 4100):
        padded = "x" * length + " user/Condition.rs?code=R95"
        assert all(item.query == "code=R95" for item in scopes.parse(padded).resources)


def test_what_is_narrowed_again_stays_as_it_is() -> None:
    limit = scopes.parse("user/Condition.rs?code=R95 user/Condition.rs?code=L84 user/Goal.*")
    once = scopes.narrowed(scopes.parse("user/*.rs user/Condition.r?onset-date=ge2020"), limit)
    assert scopes.narrowed(once, limit).resources == once.resources


def test_no_request_fills_the_database() -> None:
    asking = Asking(app())
    answer = Browser().post("/smart/authorize", asking.params("patient/Patient.rs " + "x" * 1_000_000))
    assert smart.told(answer["Location"])["error"] == "invalid_scope"
    assert not SmartRequest.objects.exists()


def test_a_narrower_registration_holds_at_the_next_request(doctor: Person) -> None:
    asking = Asking(app(scopes="user/*.rs offline_access"))
    answer = given(asking, doctor, "user/Patient.rs user/Condition.rs offline_access")
    token = answer["access_token"]
    assert fhir(token, "Condition").json()["total"] == 2
    clients.change(replace(asking.client, scopes="user/Patient.rs user/Condition.rs?code=R95 offline_access"))
    assert fhir(token, "Condition").json()["total"] == 1
    clients.change(replace(asking.client, scopes="user/Patient.rs offline_access"))
    assert fhir(token, "Condition").json()["total"] == 0
    told = ask(
        "/smart/token",
        grant_type="refresh_token",
        refresh_token=answer["refresh_token"],
        client_id=asking.client.id,
    ).json()
    assert "Condition" not in told["scope"]
    assert fhir(told["access_token"], "Condition").json()["total"] == 0
    assert fhir(told["access_token"], "Patient").json()["total"] == 1


@pytest.mark.parametrize("changed", [{"roles": (Role.CITIZEN,)}, {"organization": "elsewhere"}])
def test_an_app_that_is_for_others_now_is_let_in_no_more(doctor: Person, changed: dict[str, str]) -> None:
    asking = Asking(app())
    answer = given(asking, doctor, "user/Patient.rs offline_access")
    clients.change(replace(asking.client, **changed))  # type: ignore[arg-type] # one of its fields
    assert fhir(answer["access_token"], "Patient").status_code == 401
    told = {"grant_type": "refresh_token", "client_id": asking.client.id}
    assert ask("/smart/token", refresh_token=answer["refresh_token"], **told).json()["error"] == "invalid_grant"


UNJUDGED = [
    "user/Patient.rs?_count=1",
    "user/Observation.rs?code:in=http://example.org/vs",
    "user/Observation.rs?date=ap2020",
    "user/Observation.rs?_sort=date",
    "user/Patient.rs?birthdate=nonsense",
    "user/Observation.rs?subject:Patient.name=x",
]


@pytest.mark.parametrize("scope", UNJUDGED)
def test_a_filter_that_cannot_be_judged_is_refused(scope: str) -> None:
    answer = Browser().get("/smart/authorize", Asking(app()).params(f"openid user/Patient.rs {scope}"))
    assert smart.told(answer["Location"])["error"] == "invalid_scope"
    with pytest.raises(Problem):
        app(scopes=scope)


def test_logging_out_leaves_apps_alone_and_logging_out_everywhere_ends_them(citizen: Person) -> None:
    asking = Asking(app())
    answer = given(asking, citizen, "patient/Patient.rs offline_access")
    citizen.browser.post("/logud")
    assert fhir(answer["access_token"], "Patient").status_code == 200
    citizen.browser.post("/login/persona", {"persona": citizen.name})
    citizen.browser.post("/logud/overalt")
    assert fhir(answer["access_token"], "Patient").status_code == 401
    told = {"grant_type": "refresh_token", "client_id": asking.client.id}
    assert ask("/smart/token", refresh_token=answer["refresh_token"], **told).json()["error"] == "invalid_grant"
    citizen.browser.post("/login/persona", {"persona": citizen.name})
    page = citizen.browser.get("/smart/apps").content.decode()
    assert asking.client.name not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["code", "refresh"])
def test_of_many_at_once_one_is_answered_and_then_nothing_holds(citizen: Person, what: str) -> None:
    asking = Asking(app())
    code = asking.code(citizen, "patient/Patient.rs offline_access")
    token = "" if what == "code" else asking.exchange(code).json()["refresh_token"]

    def one(_: int) -> Any:
        try:
            if what == "code":
                return asking.exchange(code)
            return ask("/smart/token", grant_type="refresh_token", refresh_token=token, client_id=asking.client.id)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(6)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) <= 1
    assert {answer.json()["error"] for answer in answers if answer.status_code != 200} == {"invalid_grant"}
    for answer in won:
        assert fhir(answer["access_token"], "Patient").status_code == 401
        told = {"grant_type": "refresh_token", "client_id": asking.client.id}
        assert ask("/smart/token", refresh_token=answer["refresh_token"], **told).status_code == 400
