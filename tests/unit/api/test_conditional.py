"""Conditional interactions: create, read, update, patch and delete (R4 §3.1.0.8.1, §3.1.0.1.7, §3.1.0.4.3, §3.1.0.7.1)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.conf import settings

from lib.api import Caller
from lib.people import clinic, patient
from tovholder.access import Role

pytestmark = pytest.mark.django_db
ONE = {"system": "urn:x", "value": "one"}
CRITERIA = "identifier=urn:x|one"


def basic(value: str = "one", **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Basic", "identifier": [{"system": "urn:x", "value": value}], "code": {"text": "x"}}
    return made | more


def device(value: str = "one", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Device", "identifier": [{"system": "urn:x", "value": value}]} | more


def issue(response: Any) -> dict[str, Any]:
    return response.json()["issue"][0]


# -- create --------------------------------------------------------------------------------------------------------


def test_create_makes_one_then_finds_it(system: Caller) -> None:
    first = system.send("POST", "/Device", device(), **{"If-None-Exist": CRITERIA})
    second = system.send("POST", "/Device", device(lotNumber="2"), **{"If-None-Exist": f"Device?{CRITERIA}"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.json() == first.json()
    assert system.send("GET", "/Device?_total=accurate&_count=0").json()["total"] == 1


def test_criteria_in_the_address_of_a_create_count_as_well(system: Caller) -> None:
    first = system.send("POST", f"/Device?{CRITERIA}", device())
    second = system.send("POST", f"/Device?{CRITERIA}&_format=json", device())
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert system.send("POST", "/Device?_format=json", device()).status_code == 201  # about the answer alone
    assert system.send("POST", f"/Device?{CRITERIA}", device()).status_code == 412
    assert system.send("POST", "/Device?nonsense=1", device()).status_code == 400


def test_create_with_several_matches_is_refused(system: Caller) -> None:
    for _ in range(2):
        system.send("POST", "/Device", device())
    answer = system.send("POST", "/Device", device(), **{"If-None-Exist": CRITERIA})
    assert answer.status_code == 412
    assert issue(answer)["code"] == "multiple-matches"


@pytest.mark.parametrize("told", ["", "?", "identifier=", "_count=1", "_sort=_id", "_format=json", "nonsense=1"])
def test_create_with_criteria_that_name_nothing_is_refused(system: Caller, told: str) -> None:
    answer = system.send("POST", "/Device", device(), **{"If-None-Exist": told})
    assert answer.status_code == 400
    assert system.send("GET", "/Device?_total=accurate&_count=0").json()["total"] == 0


def test_anothers_patient_is_neither_found_nor_told(system: Caller) -> None:
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    theirs = system.send("POST", "/Organization", clinic("Andre")).json()["id"]
    system.send("POST", "/Patient", patient(theirs))
    gp = Caller(Role.GP, mine)
    made = gp.send("POST", "/Patient", patient(mine), **{"If-None-Exist": "family=Jensen"})
    assert made.status_code == 201


# -- read ----------------------------------------------------------------------------------------------------------


def test_read_of_what_one_holds_already(system: Caller) -> None:
    made = system.send("POST", "/Basic", basic())
    path = f"/Basic/{made.json()['id']}"
    for tag in ('W/"1"', '"1"', 'W/"7", W/"1"', "*"):
        held = system.send("GET", path, **{"If-None-Match": tag})
        assert (held.status_code, held.content) == (304, b""), tag
        assert held.headers["ETag"] == 'W/"1"'
    assert system.send("GET", path, **{"If-None-Match": 'W/"2"'}).status_code == 200
    since = made.headers["Last-Modified"]
    assert system.send("GET", path, **{"If-Modified-Since": since}).status_code == 304
    assert system.send("GET", path, **{"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}).status_code == 200
    assert system.send("GET", path, **{"If-Modified-Since": "soon"}).status_code == 200
    # If-None-Match goes first (RFC 9110 §13.2.2).
    both = {"If-None-Match": 'W/"2"', "If-Modified-Since": since}
    assert system.send("GET", path, **both).status_code == 200


# -- update --------------------------------------------------------------------------------------------------------


def test_update_by_criteria_creates_then_updates(system: Caller) -> None:
    first = system.send("PUT", f"/Device?{CRITERIA}", device())
    assert first.status_code == 201
    rid = first.json()["id"]
    second = system.send("PUT", f"/Device?{CRITERIA}", device(lotNumber="2"))
    assert (second.status_code, second.headers["ETag"]) == (200, 'W/"2"')
    assert second.json()["id"] == rid
    named = system.send("PUT", f"/Device?{CRITERIA}", device(id=rid, lotNumber="3"))
    assert (named.status_code, named.headers["ETag"]) == (200, 'W/"3"')
    # What was made before the unit began finds the resource afterwards: index rows under the right key.
    assert system.send("GET", f"/Device?{CRITERIA}&_id={rid}").json()["entry"][0]["resource"]["lotNumber"] == "3"


def test_update_by_criteria_with_another_id_or_several_matches_is_refused(system: Caller) -> None:
    system.send("POST", "/Device", device())
    other = system.send("PUT", f"/Device?{CRITERIA}", device(id="another"))
    assert (other.status_code, issue(other)["expression"]) == (400, ["Device.id"])
    system.send("POST", "/Device", device())
    assert system.send("PUT", f"/Device?{CRITERIA}", device()).status_code == 412


def test_update_by_criteria_without_match_takes_the_id_given(system: Caller) -> None:
    made = system.send("PUT", f"/Device?{CRITERIA}", device(id="mine"))
    assert (made.status_code, made.json()["id"]) == (201, "mine")


def test_update_by_criteria_holds_the_version_named(system: Caller) -> None:
    system.send("PUT", f"/Device?{CRITERIA}", device())
    wrong = system.send("PUT", f"/Device?{CRITERIA}", device(), **{"If-Match": 'W/"7"'})
    assert wrong.status_code == 412
    none = system.send("PUT", "/Device?identifier=urn:x|two", device("two"), **{"If-Match": 'W/"1"'})
    assert none.status_code == 412


def test_nobody_but_a_system_creates_under_an_id_of_their_own(system: Caller) -> None:
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    gp = Caller(Role.GP, mine)
    body = patient(mine) | {"id": "mine"}
    assert gp.send("PUT", "/Patient/mine", body).status_code == 404
    assert gp.send("PUT", "/Patient?identifier=urn:x|one", body).status_code == 404
    assert system.send("PUT", "/Patient/mine", body).status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_no_criteria_at_all_means_no_resource(system: Caller, method: str) -> None:
    system.send("POST", "/Device", device())
    kind = {"content_type": "application/json-patch+json"} if method == "PATCH" else {}
    for query in ("", "?_count=1", "?identifier=", "?_format=json"):
        body = [] if method == "PATCH" else device() if method == "PUT" else None
        answer = system.send(method, f"/Device{query}", body, **kind)
        assert answer.status_code == 400, (method, query, answer.content)
    assert system.send("GET", "/Device?_total=accurate&_count=0").json()["total"] == 1


# -- delete --------------------------------------------------------------------------------------------------------


def test_delete_by_criteria_takes_one_and_no_more(system: Caller) -> None:
    rid = system.send("POST", "/Device", device()).json()["id"]
    assert system.send("DELETE", f"/Device?{CRITERIA}").status_code == 204
    assert system.send("GET", f"/Device/{rid}").status_code == 410
    assert system.send("DELETE", f"/Device?{CRITERIA}").status_code == 204
    for _ in range(2):
        system.send("POST", "/Device", device())
    assert system.send("DELETE", f"/Device?{CRITERIA}").status_code == 412
    assert system.send("GET", "/Device?_total=accurate&_count=0").json()["total"] == 2


def test_delete_by_criteria_takes_all_where_the_setting_says_so(system: Caller, settings: Any) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, delete_many=True)
    for _ in range(3):
        system.send("POST", "/Device", device())
    system.send("POST", "/Device", device("two"))
    told = system.send("DELETE", f"/Device?{CRITERIA}", Prefer="return=OperationOutcome")
    assert told.json()["issue"][0]["details"]["text"].startswith("3 deleted")
    assert system.send("GET", "/Device?_total=accurate&_count=0").json()["total"] == 1


def test_the_statement_announces_which_delete_it_is(system: Caller) -> None:
    assert not settings.ENV.delete_many
    resources = system.send("GET", "/metadata").json()["rest"][0]["resource"]
    assert {item["conditionalDelete"] for item in resources if item["type"] != "AuditEvent"} == {"single"}
