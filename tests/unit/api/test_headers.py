"""Formats, preferences, methods and the headers of answers (R4 §3.1.0.1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from lib.api import JSON, Caller
from lib.people import patient
from tovholder.fhir.validate import validate

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(system: Caller) -> str:
    return f"/Patient/{system.send('POST', '/Patient', patient()).json()['id']}"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("application/fhir+json", "application/fhir+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/fhir+json; charset=utf-8"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json; charset=utf-8; fhirVersion=4.0"),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.5", "application/fhir+json; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/fhir+json; charset=utf-8"),
        ("application/fhir+xml", None),
        ("application/fhir+json; fhirVersion=3.0", None),
        ("application/fhir+json;q=0", None),
        ("image/png", None),
        ("application/fhir+json; charset=iso-8859-1", None),
    ],
)
def test_the_form_asked_for_by_accept(system: Caller, path: str, accept: str, given: str | None) -> None:
    answer = system.send("GET", path, Accept=accept)
    if given is None:
        assert answer.status_code == 406
        assert answer.json()["issue"][0]["expression"] == ["Accept"]
    else:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, given)


@pytest.mark.parametrize(
    ("wished", "status"),
    [
        ("json", 200),
        ("application/json", 200),
        ("application/fhir+json", 200),
        ("application/fhir%2Bjson", 200),
        ("xml", 406),
        ("application/fhir%2Bxml", 406),
        ("ttl", 406),
        ("", 406),
    ],
)
def test_the_form_asked_for_in_the_address_goes_first(system: Caller, path: str, wished: str, status: int) -> None:
    for accept in ("application/fhir+xml", JSON):
        assert system.send("GET", f"{path}?_format={wished}", Accept=accept).status_code == status
        assert system.send("GET", f"/Patient?_format={wished}", Accept=accept).status_code == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("application/fhir+json", 201),
        ("application/fhir+json; charset=UTF-8; fhirVersion=4.0", 201),
        ("application/json", 201),
        ("application/fhir+xml", 415),
        ("application/xml", 415),
        ("text/plain", 415),
        ("application/fhir+json; charset=latin1", 415),
        ("application/fhir+json; fhirVersion=5.0", 415),
    ],
)
def test_the_form_sent(system: Caller, sent: str, status: int) -> None:
    answer = system.send("POST", "/Patient", patient(), sent)
    assert answer.status_code == status, answer.content
    packed = system.send("POST", "/Patient", patient(), sent, **{"Content-Encoding": "gzip"})
    assert packed.status_code == 415


def test_pretty_is_the_same_for_people(system: Caller, path: str) -> None:
    plain, pretty = system.send("GET", path), system.send("GET", f"{path}?_pretty=true")
    assert plain.json() == pretty.json()
    assert pretty.content.startswith(b'{\n  "resourceType"')
    assert int(pretty.headers["Content-Length"]) == len(pretty.content)


def test_head_tells_the_headers_of_get(system: Caller, path: str) -> None:
    for where in (path, f"{path}/_history/1", f"{path}/_history", "/Patient", "/metadata"):
        get, head = system.send("GET", where), system.send("HEAD", where)
        assert (head.status_code, head.content) == (200, b""), where
        assert head.headers["Content-Length"] == str(len(get.content)), where
        for name in ("ETag", "Last-Modified", "Content-Type", "Content-Location"):
            assert head.headers.get(name) == get.headers.get(name), (where, name)
    assert system.send("HEAD", "/Patient/nobody").status_code == 404


@pytest.mark.parametrize(
    ("where", "allowed"),
    [
        ("", "GET, HEAD, POST"),
        ("/metadata", "GET, HEAD"),
        ("/_history", "GET, HEAD"),
        ("/Patient", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("/Patient/_search", "POST"),
        ("/Patient/_history", "GET, HEAD"),
        ("/Patient/1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/Patient/1/_history", "GET, HEAD"),
        ("/Patient/1/_history/1", "GET, HEAD"),
        ("/AuditEvent", "GET, HEAD"),
        ("/AuditEvent/1", "GET, HEAD"),
    ],
)
def test_methods_there_are_and_those_there_are_not(system: Caller, where: str, allowed: str) -> None:
    asked = system.send("OPTIONS", where)
    assert (asked.status_code, asked.content, asked.headers["Allow"]) == (204, b"", allowed)
    assert ("Accept-Patch" in asked.headers) == ("PATCH" in allowed)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(allowed.split(", ")):
        refused = system.send(method, where, {} if method != "GET" else None)
        assert (refused.status_code, refused.headers["Allow"]) == (405, allowed), method
        assert refused.json()["issue"][0]["code"] == "not-supported"


def test_what_a_write_gives_back(system: Caller) -> None:
    whole = system.send("POST", "/Patient", patient(), Prefer="return=representation")
    assert whole.json()["gender"] == "female"
    nothing = system.send("POST", "/Patient", patient(), Prefer="return=minimal")
    assert (nothing.status_code, nothing.content) == (201, b"")
    assert nothing.headers["Location"].endswith("/_history/1")
    told = system.send("POST", "/Patient", patient(), Prefer="handling=lenient; return=OperationOutcome")
    assert validate(told.json()) == []
    assert told.json()["resourceType"] == "OperationOutcome"
    rid = whole.json()["id"]
    for method, body in (("PUT", patient() | {"id": rid}), ("PATCH", [])):
        kind = "application/json-patch+json" if method == "PATCH" else JSON
        answer = system.send(method, f"/Patient/{rid}", body, kind, Prefer="return=minimal")
        assert (answer.status_code, answer.content) == (200, b"")
    gone = system.send("DELETE", f"/Patient/{rid}", Prefer="return=OperationOutcome")
    assert (gone.status_code, gone.json()["resourceType"]) == (200, "OperationOutcome")


def test_where_a_version_is(system: Caller) -> None:
    made = system.send("POST", "/Patient", patient())
    where = f"http://testserver/fhir/Patient/{made.json()['id']}/_history/1"
    assert made.headers["Location"] == made.headers["Content-Location"] == where
    read = system.client.get(where)
    assert read.headers["Content-Location"] == where
    assert read.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in read.headers
    updated = system.send("PUT", f"/Patient/{made.json()['id']}", made.json())
    assert updated.headers["Content-Location"] == where.replace("_history/1", "_history/2")


def test_part_of_a_resource(system: Caller, path: str) -> None:
    summary = system.send("GET", f"{path}?_summary=true").json()
    assert summary["meta"]["tag"][-1]["code"] == "SUBSETTED"
    assert "gender" in summary
    assert validate(summary) == []
    elements = system.send("GET", f"{path}?_elements=gender,birthDate").json()
    assert set(elements) == {"resourceType", "id", "meta", "gender", "birthDate"}
    text = system.send("GET", f"{path}?_summary=text").json()
    assert set(text) == {"resourceType", "id", "meta"}
    assert system.send("GET", f"{path}?_summary=false").json() == system.send("GET", path).json()
    assert system.send("GET", f"{path}?_summary=count").status_code == 400
    assert system.send("GET", path).json()["meta"].get("tag") is None


def test_addresses_of_this_server_become_relative(system: Caller, path: str) -> None:
    about = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": f"http://testserver/fhir{path}"}}
    made = system.send("POST", "/Basic", about).json()
    assert made["subject"]["reference"] == path[1:]
    elsewhere = about | {"subject": {"reference": "https://other.example/fhir/Patient/1"}}
    assert system.send("POST", "/Basic", elsewhere).json()["subject"] == elsewhere["subject"]


def test_no_token_is_needed_to_ask_what_there_is() -> None:
    assert Client().get("/fhir/metadata").status_code == 200
    assert Client().options("/fhir/Patient").status_code == 204
    answer: Any = Client().get("/fhir/Patient/1")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="tovholder"')
