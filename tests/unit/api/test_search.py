"""Search over HTTP: the Bundle, its links, forms that keep to themselves, what is passed over when asked to be lenient."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lib.api import Caller
from lib.people import patient
from tovholder.api.negotiate import FORM

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(system: Caller) -> list[str]:
    return [system.send("POST", "/Patient", patient(family=name)).json()["id"] for name in ("Ask", "Birk", "Carl")]


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def follow(system: Caller, url: str) -> Any:
    parts = urlsplit(url)
    return system.send("GET", f"{parts.path.removeprefix('/fhir')}?{parts.query}").json()


def test_the_next_page_is_a_link_away(system: Caller, people: list[str]) -> None:
    bundle = system.send("GET", "/Patient?_sort=-family&_count=2&gender=female").json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == people[:0:-1]
    assert bundle["entry"][0]["fullUrl"] == f"http://testserver/fhir/Patient/{people[2]}"
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    told = links(bundle)
    assert dict(parse_qsl(urlsplit(told["self"]).query)) == {"_sort": "-family", "_count": "2", "gender": "female"}
    assert "birk" not in told["next"].lower()
    last = follow(system, told["next"])
    assert [entry["resource"]["id"] for entry in last["entry"]] == people[:1]
    assert "next" not in links(last) and links(last)["first"] == told["self"]


def test_a_form_stays_out_of_every_address(system: Caller, people: list[str]) -> None:
    answer = system.send("POST", "/Patient/_search", b"family=a,b,c&_count=1&_sort=family", content_type=FORM)
    assert answer.status_code == 200, answer.content
    bundle, seen = answer.json(), []
    for _ in range(5):
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        for url in links(bundle).values():
            assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["_cursor"]
        again = follow(system, links(bundle)["self"])
        assert [entry["resource"]["id"] for entry in again["entry"]] == seen[-1:]
        if "next" not in links(bundle):
            break
        bundle = follow(system, links(bundle)["next"])
    assert seen == people
    assert system.send("POST", "/Patient/_search", b"{}").status_code == 415


def test_several_types_and_a_compartment_page_alike(system: Caller, people: list[str]) -> None:
    rid = system.send("POST", "/Organization", {"resourceType": "Organization", "name": "Vores"}).json()["id"]
    bundle, seen = system.send("GET", "?_type=Patient,Organization&_count=2&_sort=-_id").json(), []
    for _ in range(5):
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        if "next" not in links(bundle):
            break
        bundle = follow(system, links(bundle)["next"])
    assert seen == sorted([*people, rid], reverse=True)
    answer = system.send("POST", "/_search", b"_type=Patient,Organization&_count=3", content_type=FORM).json()
    assert {name for url in links(answer).values() for name, _ in parse_qsl(urlsplit(url).query)} == {
        "_type",
        "_cursor",
    }
    assert len(follow(system, links(answer)["next"])["entry"]) == 1
    own = system.send("GET", f"/Patient/{people[0]}/*").json()
    assert [entry["resource"]["id"] for entry in own["entry"]] == [people[0]]
    assert system.send("GET", "?_type=Nothing").status_code == 400


def test_the_audit_trail_pages_without_telling_whom_it_is_about(system: Caller, people: list[str]) -> None:
    for rid in people:
        system.send("GET", f"/Patient/{rid}")
    told = f"patient=Patient/{people[0]}&_count=1".encode()
    bundle = system.send("POST", "/AuditEvent/_search", told, content_type=FORM).json()
    assert len(bundle["entry"]) == 1
    assert not any(people[0] in url for url in links(bundle).values())
    again = follow(system, links(bundle)["next"])
    assert again["entry"][0]["resource"]["id"] != bundle["entry"][0]["resource"]["id"]


def test_a_resource_is_given_as_it_was_written(system: Caller) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    raw = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    rid = system.send("POST", "/Observation", raw).json()["id"]
    system.send("POST", "/Observation", body)
    for query in (f"_id={rid}", f"_id={rid}&_elements=value", f"_id={rid}&_summary=data"):
        assert b'"value":1.10' in system.send("GET", f"/Observation?{query}").content.replace(b" ", b"")


def test_strict_refuses_and_lenient_tells_what_it_passed_over(system: Caller, people: list[str]) -> None:
    refused = system.send("GET", "/Patient?family=ask&nonsense=1")
    assert refused.status_code == 400
    assert "birthdate" in refused.json()["issue"][0]["diagnostics"]
    bundle = system.send("GET", "/Patient?family=ask&nonsense=1", Prefer="handling=lenient").json()
    match, outcome = bundle["entry"]
    assert match["resource"]["id"] == people[0]
    assert outcome["search"] == {"mode": "outcome"}
    told = [issue for issue in outcome["resource"]["issue"] if issue["severity"] == "warning"]
    assert [issue["expression"] for issue in told] == [["nonsense"]]
    assert "nonsense" not in links(bundle)["self"]


def test_what_goes_along_says_so(system: Caller, people: list[str]) -> None:
    system.send(
        "POST",
        "/Condition",
        {
            "resourceType": "Condition",
            "subject": {"reference": f"Patient/{people[0]}"},
            "code": {"text": "x"},
            "clinicalStatus": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
            },
        },
    )
    bundle = system.send("GET", "/Condition?_include=Condition:subject&_total=accurate").json()
    assert bundle["total"] == 1
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["match", "include"]
    # References by this server's own address are those of the server.
    found = system.send("GET", f"/Condition?subject=http://testserver/fhir/Patient/{people[0]}").json()
    assert found["total"] == 1
    assert system.send("GET", "/Condition?_summary=count").json()["total"] == 1


def test_a_name_of_nobodys_that_cannot_narrow_a_search_is_passed_over_and_told(
    system: Caller, people: list[str]
) -> None:
    bundle = system.send("GET", "/Patient?family=ask&_totalMethod=count&_count=0").json()
    assert bundle["total"] == 1
    (told,) = bundle["entry"]
    assert told["search"] == {"mode": "outcome"}
    assert told["resource"]["issue"][-1]["expression"] == ["_totalMethod"]
    for name in ("_filter=name eq x", "_list=1", "_has:Nothing:subject:code=1", "_text=ask", "totalMethod=count"):
        assert system.send("GET", f"/Patient?{name}").status_code == 400, name


def test_before_anything_is_changed_every_name_must_be_known(system: Caller, people: list[str]) -> None:
    assert system.send("DELETE", "/Patient?family=ask&_totalMethod=count").status_code in (400, 412)
    made = system.send("POST", "/Patient", patient(), If_None_Exist="family=ask&_totalMethod=count")
    assert made.status_code == 400
    assert system.send("GET", "/Patient?_summary=count").json()["total"] == 3
