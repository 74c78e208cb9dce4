"""The FHIR API through its own door: interactions, headers, and what bad input is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from lib.api import JSON, Caller
from lib.people import clinic, condition, patient
from tovholder.access import Role, people
from tovholder.access.people import Persona

pytestmark = pytest.mark.django_db


@pytest.fixture
def system() -> Caller:
    return Caller(Role.SYSTEM)


def stored_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_version")
        return int(cursor.fetchone()[0])


def issue(response: Any) -> dict[str, Any]:
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome["issue"][0]


def test_create_read_update_vread_delete(system: Caller) -> None:
    made = system.send("POST", "/Patient", patient())
    assert made.status_code == 201
    rid = made.json()["id"]
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Location"].endswith(f"/fhir/Patient/{rid}/_history/1")
    changed = system.send("PUT", f"/Patient/{rid}", made.json() | {"active": True}, **{"If-Match": 'W/"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    assert system.send("GET", f"/Patient/{rid}").json()["active"] is True
    assert "active" not in system.send("GET", f"/Patient/{rid}/_history/1").json()
    assert system.send("DELETE", f"/Patient/{rid}").status_code == 204
    assert system.send("GET", f"/Patient/{rid}").status_code == 410


def test_decimals_come_back_as_written(system: Caller) -> None:
    raw = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"FEV1"},'
        b'"valueQuantity":{"value":1.10,"unit":"L"}}'
    )
    made = system.send("POST", "/Observation", raw)
    assert made.status_code == 201
    assert b'"value":1.10,' in system.send("GET", f"/Observation/{made.json()['id']}").content


def test_search_by_get_and_post_with_paging(system: Caller) -> None:
    organization = system.send("POST", "/Organization", clinic()).json()["id"]
    ids = {system.send("POST", "/Patient", patient(organization)).json()["id"] for _ in range(5)}
    found: set[str] = set()
    path = f"/Patient?general-practitioner=Organization/{organization}&_count=2"
    pages = 0
    while path:
        bundle = system.send("GET", path).json()
        found |= {entry["resource"]["id"] for entry in bundle.get("entry", [])}
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").partition("/fhir")[2]
        pages += 1
    assert (found, pages) == (ids, 3)
    response = system.client.post(
        "/fhir/Patient/_search",
        "family=jens&_total=accurate&_count=0",
        content_type="application/x-www-form-urlencoded",
    )
    assert response.json()["total"] == 5


def test_a_transaction_is_one_whole_with_references_resolved(system: Caller) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f02",
                "resource": condition("x")
                | {"subject": {"reference": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f01"}},
                "request": {"method": "POST", "url": "Condition"},
            },
            {
                "fullUrl": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f01",
                "resource": patient(),
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    }
    answer = system.send("POST", "", bundle)
    assert answer.status_code == 200, answer.content
    locations = [entry["response"]["location"] for entry in answer.json()["entry"]]
    assert locations[0].startswith("Condition/")
    patient_id = locations[1].split("/")[1]
    held = system.send("GET", f"/Condition/{locations[0].split('/')[1]}").json()
    assert held["subject"]["reference"] == f"Patient/{patient_id}"


def test_one_bad_entry_undoes_the_transaction_and_says_where(system: Caller) -> None:
    before = stored_count()
    good = {"resource": patient(), "request": {"method": "POST", "url": "Patient"}}
    bad = {"resource": patient() | {"gender": "nobody"}, "request": {"method": "POST", "url": "Patient"}}
    answer = system.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [good, bad]})
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[1].resource.gender"]
    assert stored_count() == before
    batch = system.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [good, bad]}).json()
    assert [entry["response"]["status"][:3] for entry in batch["entry"]] == ["201", "400"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "path_told", "expected"),
    [
        ("POST", "/Patient", b'{"resourceType": "Patient",', 400, "line 1", "JSON"),
        ("POST", "/Patient", b"[]", 400, "$this", "object"),
        ("POST", "/Patience", {"resourceType": "Patience"}, 404, "resourceType", "R4"),
        ("GET", "/Patience", None, 404, "resourceType", "R4"),
        ("POST", "/Patient", {"resourceType": "Observation"}, 400, "resourceType", "Patient"),
        ("POST", "/Observation", {"resourceType": "Observation", "code": {"text": "x"}}, 400, "Observation.status", ""),
        ("POST", "/Patient", {"resourceType": "Patient", "gender": "nobody"}, 400, "Patient.gender", "female"),
        ("POST", "/Patient", {"resourceType": "Patient", "birthDate": "1960-02-30"}, 400, "Patient.birthDate", ""),
        ("POST", "/Patient", {"resourceType": "Patient", "name": {"family": "X"}}, 400, "Patient.name", ""),
        ("POST", "/Patient", {"resourceType": "Patient", "nmae": []}, 400, "Patient.nmae", "name"),
        ("GET", "/Patient?colour=red", None, 400, "colour", "family"),
        ("GET", "/Patient?birthdate=soon", None, 400, "birthdate", "YYYY"),
        ("GET", "/Patient?_cursor=zzz", None, 400, "_cursor", ""),
    ],
)
def test_bad_input_is_told_where_what_and_what_was_kept(
    system: Caller, method: str, path: str, body: Any, status: int, path_told: str, expected: str
) -> None:
    before = stored_count()
    answer = system.send(method, path, body)
    assert answer.status_code == status, answer.content
    told = issue(answer)
    assert told["expression"][0].startswith(path_told)
    assert expected in told["diagnostics"]
    assert "Kept: nothing" in told["diagnostics"]
    assert stored_count() == before


def test_wrong_media_type_format_and_method(system: Caller) -> None:
    assert system.client.post("/fhir/Patient", "<Patient/>", content_type="application/fhir+xml").status_code == 415
    assert system.send("GET", "/Patient", Accept="application/fhir+xml").status_code == 406
    answer = system.client.post("/fhir/Patient/1", "{}", content_type=JSON)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, PUT, PATCH, DELETE")


def test_no_token_a_wrong_token_and_a_session_do_not_open_the_api() -> None:
    assert Client().get("/fhir/Patient").status_code == 401
    assert Client(headers={"Authorization": "Bearer nonsense"}).get("/fhir/Patient").status_code == 401
    people.save_persona(Persona("gp", "GP", "GP", Role.GP, "o", "p", ""))
    browser = Client()
    browser.post("/login/persona", {"persona": "gp"})
    assert browser.get("/fhir/Patient").status_code == 401


def test_not_yours_looks_like_not_there(system: Caller) -> None:
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    person = system.send("POST", "/Patient", patient(mine)).json()["id"]
    stranger = Caller(Role.GP, "another", name="stranger")
    theirs = stranger.send("GET", f"/Patient/{person}")
    nobodys = stranger.send("GET", "/Patient/nobody")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()
    assert Caller(Role.GP, mine, name="own").send("GET", f"/Patient/{person}").status_code == 200


def test_the_capability_statement_is_open_valid_and_true(system: Caller) -> None:
    from tovholder.fhir.validate import validate

    statement = Client().get("/fhir/metadata").json()
    assert validate(statement) == []
    listed = {item["type"]: item for item in statement["rest"][0]["resource"]}
    names = {item["name"] for item in listed["Patient"]["searchParam"]}
    for name in sorted(names - {"_lastUpdated"}):
        answer = system.send("GET", f"/Patient?{name}=2020-01-01")
        assert answer.status_code == 200, (name, answer.content)


def test_a_fault_tells_a_number_and_no_stack(system: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from tovholder.api import read

    def broken(*args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(read, "read", broken)
    answer = system.send("GET", "/Patient/1")
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert answer.headers["X-Request-Id"] in issue(answer)["details"]["text"]


BUNDLE = {"resourceType": "Bundle", "type": "transaction"}


def put(rid: str, **request: Any) -> dict[str, Any]:
    asked = {"method": "PUT", "url": f"Basic/{rid}"} | request
    return {"resource": {"resourceType": "Basic", "id": rid, "code": {"text": "new"}}, "request": asked}


def nested(depth: int) -> bytes:
    start, end = b'[{"url":"http://x","extension":' * depth, b"}]" * depth
    return b'{"resourceType":"Patient","extension":' + start + b'[{"url":"http://x","valueString":"a"}]' + end + b"}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "path_told"),
    [
        ("GET", "/Patient?_count=%C2%B2", None, 400, "_count"),
        ("GET", "/Patient?_count=" + "9" * 5000, None, 400, "_count"),
        ("GET", "/Patient?_count=-1", None, 400, "_count"),
        ("GET", "/Patient?_cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTkuOTk5OTk5OTk5OTk5OTk5OTk5OTk5", None, 400, "_cursor"),
        ("GET", "/Patient/1/_history/%C2%B2", None, 404, ""),
        ("GET", "/Patient/1/2/3", None, 404, ""),
        ("GET", "/Patient/a%2Fb/c", None, 404, ""),
        ("GET", "/Patient?family=" + "a," * 600, None, 400, ""),
        ("GET", "/Patient?" + "_id=a&" * 600, None, 400, ""),
        ("POST", "", BUNDLE | {"entry": [{"request": {"method": [], "url": "x"}}]}, 400, "Bundle.entry[0].request"),
        ("POST", "", BUNDLE | {"entry": [put("x", ifMatch='W/"abc"')]}, 400, "Bundle.entry[0].request.ifMatch"),
        ("POST", "", BUNDLE | {"entry": [put("x", url="Basic/x?y=z")]}, 400, "Bundle.entry[0].request.url"),
        ("POST", "", BUNDLE | {"entry": [put("x") | {"fullUrl": {}}]}, 400, "Bundle.entry[0].fullUrl"),
        ("POST", "", BUNDLE | {"entry": [put(n) | {"fullUrl": "urn:uuid:1"} for n in "ab"]}, 400, "Bundle.entry[1]"),
        ("POST", "/Patient", nested(150), 400, ""),
        ("POST", "/Patient", nested(5000), 400, ""),
    ],
)
def test_garbage_is_told_and_nothing_is_stored(
    system: Caller, method: str, path: str, body: Any, status: int, path_told: str
) -> None:
    before = stored_count()
    answer = system.send(method, path, body)
    assert answer.status_code == status, answer.content
    told = issue(answer)
    assert told.get("expression", [""])[0].startswith(path_told)
    assert "Kept: " in told["diagnostics"]
    assert stored_count() == before


def test_what_is_nested_as_deep_as_we_take_can_be_read_searched_and_changed(system: Caller) -> None:
    made = system.send("POST", "/Patient", nested(115))
    assert made.status_code == 201
    rid = made.json()["id"]
    assert system.send("GET", f"/Patient?_id={rid}").status_code == 200
    assert system.send("PUT", f"/Patient/{rid}", made.content).status_code == 200
    entry = {"request": {"method": "GET", "url": f"Patient?_id={rid}"}}
    assert system.send("POST", "", BUNDLE | {"entry": [entry]}).status_code == 200


def test_a_number_too_large_for_a_machine_comes_back_as_written(system: Caller) -> None:
    raw = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":99999999999999999999}}'
    made = system.send("POST", "/Observation", raw)
    assert made.status_code == 201
    assert b'"value":99999999999999999999}' in system.send("GET", f"/Observation/{made.json()['id']}").content


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01", "0001-01-01T00:00:00+14:00"])
def test_the_ends_of_the_calendar_are_no_fault_of_ours(system: Caller, day: str) -> None:
    rid = system.send("POST", "/Patient", patient()).json()["id"]
    diagnosis = condition(rid) | {"recordedDate": day, "onsetDateTime": day}
    assert system.send("POST", "/Condition", diagnosis).status_code in (201, 400)
    about = {"for": {"reference": f"Patient/{rid}"}, "owner": {"reference": "Organization/o"}}
    task = {"resourceType": "Task", "status": "completed", "intent": "order", "authoredOn": day, "lastModified": day}
    assert system.send("POST", "/Task", task | about).status_code in (201, 400)


def test_a_delete_names_the_version_it_means(system: Caller) -> None:
    rid = system.send("POST", "/Basic", {"resourceType": "Basic", "code": {"text": "x"}}).json()["id"]
    assert system.send("DELETE", f"/Basic/{rid}", **{"If-Match": 'W/"7"'}).status_code == 412
    entry = {"request": {"method": "DELETE", "url": f"Basic/{rid}", "ifMatch": 'W/"7"'}}
    assert system.send("POST", "", BUNDLE | {"entry": [entry]}).status_code == 412
    assert system.send("DELETE", f"/Basic/{rid}", **{"If-Match": 'W/"1"'}).status_code == 204


def test_a_host_that_is_not_ours_is_told_in_the_callers_language() -> None:
    machine = Client(headers={"Host": "evil.example"}).get("/fhir/metadata", headers={"Host": "evil.example"})
    assert machine.status_code == 400
    assert issue(machine)["code"] == "structure"
    page = Client().get("/", headers={"Host": "evil.example"})
    assert page.status_code == 400
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
