"""The API's own way through the server gives what the pages' way gives, and asks what it must."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import OperationalError
from django.http import BadHeaderError, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.http import http_date as django_date

from lib.api import JSON, Caller
from lib.people import patient
from tovholder.access import Role
from tovholder.api import lane, response
from tovholder.base import json
from tovholder.config.wsgi import application
from tovholder.store import presence, web

# The lane closes a connection that is left inside a transaction, as Django does between requests.
on_database = pytest.mark.django_db(transaction=True)


class Answer:
    """What a WSGI application answered."""

    def __init__(self, environ: dict[str, Any]) -> None:
        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            self.status = int(status[:3])
            self.headers = dict(headers)

        found = application(environ, start)
        self.content = b"".join(found)

    def json(self) -> Any:
        return json.loads(self.content)


def ask(method: str, path: str, body: bytes = b"", **more: Any) -> Answer:
    address, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "SCRIPT_NAME": "",
    }
    if body:
        environ |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": JSON}
    return Answer({name: value for name, value in (environ | more).items() if value is not None})


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": Caller(Role.SYSTEM).headers["Authorization"]}


@pytest.mark.parametrize(
    "path",
    [
        "/fhir",
        "/fhir/",
        "/fhir/metadata",
        "/fhir/_history",
        "/fhir/$export",
        "/fhir/Patient",
        "/fhir/Patient/_search",
        "/fhir/Patient/_history",
        "/fhir/Patient/$everything",
        "/fhir/Patient/1",
        "/fhir/Patient/metadata",
        "/fhir/Patient/1/_history",
        "/fhir/Patient/1/$everything",
        "/fhir/Patient/1/_history/2",
        "/fhir/$export-status/1",
        "/fhir/$export-file/1/Patient.ndjson",
        "/fhir/$",
        "/fhir/Patient/",
        "/fhir//1",
        "/fhir/Patient/1/",
        "/fhir/Patient/1/2",
        "/fhir/Patient/1/Observation",
        "/fhir/Patient/1/*",
        "/fhir/Observation/1/Patient",
        "/fhir/_search",
        "/fhir/Patient/1/_history/2/3",
    ],
)
def test_an_address_leads_to_the_same_view(path: str) -> None:
    found = lane.find(path)
    try:
        wanted = resolve(path)
    except Resolver404:
        assert found is None
        return
    if path == "/fhir/":
        assert found is None  # left to Django
        return
    assert found is not None
    assert (found[0], found[2]) == (wanted.func, wanted.kwargs)


@on_database
def test_every_interaction_answers_as_on_the_pages_way(bearer: dict[str, str]) -> None:
    made = ask("POST", "/fhir/Patient", json.dumps(patient()), **bearer)
    assert made.status == 201
    path = f"/fhir/Patient/{made.json()['id']}"
    usual = Caller(Role.SYSTEM, name="usual")
    for method, address in (
        ("GET", path),
        ("HEAD", path),
        ("GET", f"{path}/_history"),
        ("GET", "/fhir/Patient?family=Jensen"),
        ("GET", "/fhir/metadata"),
        ("GET", "/fhir/Patient/none"),
        ("GET", "/fhir/nothing/at/all/here"),
        ("POST", path),
        ("OPTIONS", path),
    ):
        here, there = (
            ask(method, address, **bearer),
            usual.send(method, address.removeprefix("/fhir"), Host="127.0.0.1"),
        )
        assert here.status == there.status_code, address
        if "_history" not in address:  # which tells the moment it was asked
            assert here.content == there.content, address
        for name in ("Content-Type", "Content-Length", "ETag", "Allow", "Cache-Control", "X-Content-Type-Options"):
            assert here.headers.get(name) == there.headers.get(name), (address, name)
        assert "X-Request-Id" in here.headers
        assert "Set-Cookie" not in here.headers


@on_database
def test_reads_are_noted_in_the_audit_trail(bearer: dict[str, str]) -> None:
    from django.db import connection

    rid = ask("POST", "/fhir/Patient", json.dumps(patient()), **bearer).json()["id"]
    answer = ask("GET", f"/fhir/Patient/{rid}", **bearer)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, detail FROM access_auditevent WHERE request_id = %s", [answer.headers["X-Request-Id"]]
        )
        assert cursor.fetchall() == [("read", f"Patient/{rid}")]


@on_database
def test_a_host_that_is_not_ours_is_refused(bearer: dict[str, str]) -> None:
    for path in ("/fhir/metadata", "/fhir/Patient"):
        answer = ask("GET", path, HTTP_HOST="evil.example", **bearer)
        assert answer.status == 400
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert ask("GET", "/fhir/metadata", HTTP_HOST="localhost:8000").status == 200


@on_database
def test_no_session_opens_the_api() -> None:
    assert ask("GET", "/fhir/Patient", HTTP_COOKIE="sessionid=x; csrftoken=y").status == 401


@on_database
def test_a_body_in_chunks_is_read_whole_and_no_further_than_the_limit(bearer: dict[str, str]) -> None:
    body = json.dumps(patient())
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_TYPE": JSON}
    made = ask("POST", "/fhir/Patient", body, **{**bearer, **chunked, "CONTENT_LENGTH": None})
    assert made.status == 201
    environ = {**chunked, "wsgi.input": io.BytesIO(b"x" * 100)}
    lane.with_whole_body(environ, 10)
    assert (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == ("11", b"x" * 11)


@on_database
def test_pages_go_their_own_way() -> None:
    assert ask("GET", "/healthz").status == 200
    page = ask("GET", "/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert ask("GET", "/fhirish").status == 404


def noted(request_id: str) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent WHERE request_id = %s", [request_id])
        return [row[0] for row in cursor.fetchall()]


@on_database
def test_a_server_that_holds_the_answer_back_is_given_its_rows(bearer: dict[str, str]) -> None:
    path = f"/fhir/Patient/{ask('POST', '/fhir/Patient', json.dumps(patient()), **bearer).json()['id']}"
    held: list[Any] = []
    answer = ask("GET", path, **{**bearer, web.HELD: held})
    assert answer.status == 200
    assert [entry.detail for entry in held] == [path.removeprefix("/fhir/")]
    assert held[0].ctx.request_id == answer.headers["X-Request-Id"]
    assert noted(answer.headers["X-Request-Id"]) == []


@on_database
def test_a_server_that_could_not_write_the_rows_gets_an_answer_that_says_so(bearer: dict[str, str]) -> None:
    for failure in (OperationalError("disk full"), presence.unreachable()):
        answer = ask("GET", "/fhir/Patient/1", **{**bearer, web.FAILED: failure})
        assert answer.status == 503
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["X-Request-Id"]
    assert ask("GET", "/fhir/Patient/1", **{**bearer, web.FAILED: KeyError("x")}).status == 500


@pytest.mark.parametrize(
    ("method", "path", "held", "short"),
    [
        ("GET", "/fhir/Patient/1", True, True),
        ("HEAD", "/fhir/Patient/1", True, True),
        ("GET", "/fhir/Patient/1/_history/2", True, True),
        ("GET", "/fhir/Patient/1/_history", True, False),
        ("GET", "/fhir/Patient/_history", True, False),
        ("GET", "/fhir/Patient", True, False),
        ("GET", "/fhir/Patient/1/Observation", True, False),
        ("GET", "/fhir/AuditEvent/1", True, False),
        ("GET", "/fhir/Binary/1", True, False),
        ("GET", "/fhir/metadata", True, False),
        ("GET", "/fhir/$export", False, False),
        ("GET", "/fhir/Patient/$everything", False, False),
        ("PUT", "/fhir/Patient/1", False, True),
        ("POST", "/fhir/Patient/_search", False, False),
        ("GET", "/healthz", False, False),
        ("GET", "/", False, False),
    ],
)
def test_what_may_be_held_back_and_what_is_short(method: str, path: str, held: bool, short: bool) -> None:
    assert lane.may_be_held(method, path) is held
    if held:
        assert lane.is_short(path) is short


@pytest.mark.parametrize(
    ("path", "query", "short"),
    [
        ("/fhir/Observation", "patient=1&code=http://loinc.org|x&_sort=-date&_count=5", True),
        ("/fhir/Condition", "subject=Patient/1", True),
        ("/fhir/Observation", "subject=Group/1", False),
        ("/fhir/Observation", "subject=1", False),
        ("/fhir/Observation", "code=x", False),
        ("/fhir/Observation", "patient=1,2", False),
        ("/fhir/Observation", "patient=1%2C2", False),
        ("/fhir/Observation", "patient=", False),
        ("/fhir/Observation", "patient=1&_include=Observation:subject", False),
        ("/fhir/Observation", "patient.name=x", False),
        ("/fhir/Observation", "patient=1&code:in=x", False),
        ("/fhir/Observation", f"patient=1&code={'x' * 600}", False),
        ("/fhir/AuditEvent", "patient=1", False),
        ("/fhir", "patient=1", False),
        ("/fhir/Patient/1/Observation", "patient=1", False),
        ("/fhir/Patient/1", "_elements=name", False),
    ],
)
def test_a_search_about_one_patient_is_short(path: str, query: str, short: bool) -> None:
    assert lane.is_short(path, query) is short


def test_dates_and_headers_are_as_django_has_them() -> None:
    for seconds in (0, 951_782_399, 1_700_000_000, 4_102_444_800):
        assert response.http_date(seconds) == django_date(seconds)
    made, usual = response.Response(b"x", content_type="text/plain"), HttpResponse(b"x", content_type="text/plain")
    for one in (made, usual):
        one.headers["X-Number"] = 5  # type: ignore[assignment]
        one.headers["X-Danish"] = "\xe6"
        one.headers["X-Other"] = "\u4e2d"
        one.headers.setdefault("x-other", "kept as it is")
    assert response.headers_of(made) == response.headers_of(usual)
    with pytest.raises(BadHeaderError):
        made.headers["X-Split"] = "a\r\nb"
