"""Binary: content in and out as itself, or as a resource where FHIR is asked (R4 §2.31)."""

from __future__ import annotations

import base64

import pytest

from lib.api import JSON, Caller
from lib.people import clinic, patient
from tovholder.access import Role

pytestmark = pytest.mark.django_db
PAGE = b"<html><script>alert(1)</script></html>"


def test_content_comes_back_as_it_was_sent_and_cannot_run(system: Caller) -> None:
    made = system.send("POST", "/Binary", PAGE, "text/html; charset=utf-8")
    assert made.status_code == 201
    where = f"/Binary/{made.json()['id']}"
    raw = system.send("GET", where, Accept="*/*")
    assert raw.content == PAGE
    assert raw.headers["Content-Type"] == "text/html; charset=utf-8"
    assert raw.headers["Content-Disposition"] == "attachment"
    assert "sandbox" in raw.headers["Content-Security-Policy"]
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    assert raw.headers["ETag"] == 'W/"1"'
    resource = system.send("GET", where, Accept=JSON).json()
    assert (resource["contentType"], base64.b64decode(resource["data"])) == ("text/html; charset=utf-8", PAGE)
    assert system.send("GET", f"{where}?_format=json", Accept="text/html").json() == resource
    assert system.send("GET", f"{where}/_history/1", Accept="text/html").content == PAGE
    assert system.send("HEAD", where, Accept="text/html").headers["Content-Length"] == str(len(PAGE))


def test_a_binary_sent_as_a_resource_is_one(system: Caller) -> None:
    resource = {"resourceType": "Binary", "contentType": "application/pdf", "data": base64.b64encode(b"%PDF").decode()}
    made = system.send("POST", "/Binary", resource)
    assert made.json()["data"] == resource["data"]
    assert system.send("GET", f"/Binary/{made.json()['id']}", Accept="application/pdf").content == b"%PDF"


def test_content_is_replaced_by_content(system: Caller) -> None:
    rid = system.send("POST", "/Binary", b"one", "text/plain").json()["id"]
    assert system.send("PUT", f"/Binary/{rid}", b"two", "text/plain").headers["ETag"] == 'W/"2"'
    assert system.send("GET", f"/Binary/{rid}", Accept="text/plain").content == b"two"


def test_fhir_xml_is_no_content_and_a_type_that_is_none_is_refused(system: Caller) -> None:
    assert system.send("POST", "/Binary", b"<Binary/>", "application/fhir+xml").status_code == 415
    assert system.send("POST", "/Binary", b"x", "nonsense").status_code == 415


def test_who_may_see_it_follows_the_patient_it_is_about(system: Caller) -> None:
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    person = system.send("POST", "/Patient", patient(mine)).json()["id"]
    context = {"X-Security-Context": f"http://testserver/fhir/Patient/{person}"}
    made = system.send("POST", "/Binary", b"secret", "text/plain", **context).json()
    assert made["securityContext"] == {"reference": f"Patient/{person}"}
    where = f"/Binary/{made['id']}"
    own, stranger = Caller(Role.GP, mine, name="own"), Caller(Role.GP, "another", name="stranger")
    assert own.send("GET", where, Accept="text/plain").content == b"secret"
    assert stranger.send("GET", where, Accept="text/plain").status_code == 404
    bare = system.send("POST", "/Binary", b"nobody's", "text/plain").json()["id"]
    assert own.send("GET", f"/Binary/{bare}", Accept="text/plain").status_code == 404
    bad = system.send("POST", "/Binary", b"x", "text/plain", **{"X-Security-Context": "somebody"})
    assert bad.status_code == 400


def test_a_media_type_with_a_line_end_never_becomes_a_header(system: Caller) -> None:
    """R4 ``code`` allows white space between words; in a header it would be the start of another one."""
    for name, odd in (
        ("contentType", "text/plain\nX-Evil: 1"),
        ("securityContext", {"reference": "Patient/p\nX-Evil: 1"}),
    ):
        made = system.send(
            "POST", "/Binary", {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVq", name: odd}
        )
        if made.status_code == 400:
            continue
        raw = system.send("GET", f"/Binary/{made.json()['id']}", Accept="*/*")
        assert (raw.status_code, raw.content) == (200, b"hej")
        assert "X-Evil" not in raw.headers
        assert raw.headers["Content-Type"] in ("application/octet-stream", "text/plain")
