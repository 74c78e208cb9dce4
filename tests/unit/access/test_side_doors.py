"""The ways around: pages handed on, rights that ended, Bundles that call what they should not, files, headers, logs."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from django.db import connection

from lib import two_records as world
from lib.api import Caller
from lib.people import patient
from lib.two_records import HERE, MINE, SECRET, THEIRS, Json, ref
from tovholder.access import Role

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def system() -> Caller:
    return world.build()


def following(bundle: Json) -> str:
    (found,) = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    return str(found).removeprefix("http://testserver/fhir")


PAGES = [
    "/Observation?_count=1",
    "/Observation?_count=1&_sort=-date",
    "/_history?_count=2",
    "/Patient/$everything?_count=2",
]


@pytest.mark.parametrize("path", [*PAGES, "/Observation/_search", f"/Patient/{THEIRS}/$everything?_count=2"])
def test_a_page_handed_on_shows_nobody_more_than_their_own(system: Caller, path: str) -> None:
    post = path.endswith("_search")
    first = system.send("POST", path, b"_count=1&_sort=date", FORM) if post else system.send("GET", path)
    link = following(first.json())
    assert system.send("GET", link).status_code == 200
    for name, caller in world.callers().items():
        told = caller.send("GET", link)
        assert SECRET not in told.content.decode(), name
        assert THEIRS not in {item.get("resource", {}).get("id") for item in told.json().get("entry", ())}


def test_a_page_after_rights_ended_is_empty(system: Caller) -> None:
    gp = Caller(Role.GP, HERE)
    for path in PAGES[:3]:
        link = following(gp.send("GET", path).json()) if path != PAGES[0] else None
        if link is None:
            second = world.moved(MINE, "x", "o2") | {"resourceType": "Observation", "status": "final"}
            del second["recordedDate"]
            assert system.send("PUT", "/Observation/o2", second).status_code == 201
            link = following(gp.send("GET", path).json())
        with connection.cursor() as cursor:
            cursor.execute("UPDATE access_relation SET to_day = 1 WHERE organization_id = %s", [HERE])
        told = gp.send("GET", link).json()
        assert not [item for item in told.get("entry", ()) if MINE in json.dumps(item)], path
        with connection.cursor() as cursor:
            cursor.execute("UPDATE access_relation SET to_day = NULL WHERE organization_id = %s", [HERE])


WITHIN = [
    "Patient/$export",
    "$export",
    "Patient/$everything",
    "Group/x/$export",
    f"Patient/{THEIRS}/$everything",
    "Patient/_search?name=hemmelig",
    f"Patient/{THEIRS}/_search",
    f"Patient/{THEIRS}/Nonsense",
    "Nonsense",
    "Nonsense/_history",
    f"Patient/{THEIRS}/*",
    "$export-file/x/y",
    "$export-status/x",
    "../admin",
    "/Patient",
    "metadata",
    "?_type=Patient",
    f"Condition/{world.rid_of('Condition', THEIRS)}/$validate",
    "AuditEvent",
    "AuditEvent/1",
    f"AuditEvent?patient={THEIRS}",
    f"Patient/{THEIRS}/AuditEvent",
    f"Binary/{world.rid_of('Binary', THEIRS)}",
]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_entry_of_a_bundle_reads_what_its_caller_may(system: Caller, kind: str) -> None:
    for name, caller in world.callers().items():
        for url in WITHIN:
            fresh = {"resourceType": "Basic", "code": {"text": "x"}}
            for more in ((), ({"request": {"method": "POST", "url": "Basic"}, "resource": fresh},)):
                entries = [{"request": {"method": "GET", "url": url}}, *more]
                told = caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})
                assert told.status_code < 500, (name, url, told.content)
                assert b'"status":"5' not in told.content, (name, url, told.content)
                kept = told.content.decode().replace(f"name={SECRET}", "")
                assert SECRET not in kept and "aGVtbWVsaWc=" not in kept, (name, url)
    whole = [{"request": {"method": "GET", "url": url}} for url in WITHIN]
    told = system.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": whole})
    assert b'"status":"5' not in told.content


@pytest.mark.parametrize(
    "name",
    ["../../tovholder.sqlite3", "..%2f..%2fsecret", "manifest.json", "patients.sqlite3", "%2e%2e", "Patient.ndjson"],
)
def test_no_file_but_those_of_ones_own_export(system: Caller, name: str) -> None:
    for caller in (system, Caller(Role.GP, HERE)):
        for export in ("x", "..", "00000000-0000-0000-0000-000000000000"):
            assert caller.send("GET", f"/$export-file/{export}/{name}").status_code == 404


def test_who_may_not_export_is_told_so_before_anything_is_looked_up(system: Caller) -> None:
    for caller in world.callers().values():
        for path in ("/$export", "/Patient/$export", "/Group/nobody/$export", "/Group/g/$export"):
            for query in ("", f"?_typeFilter=Patient%3Fname%3D{SECRET}"):
                told = caller.send("GET", path + query, Prefer="respond-async")
                assert told.status_code in (403, 404)


def test_a_binary_of_a_patients_follows_the_patient(system: Caller) -> None:
    where = f"/Binary/{world.rid_of('Binary', THEIRS)}"
    for name, caller in world.callers().items():
        for accept in ("text/plain", "*/*", "application/fhir+json"):
            assert caller.send("GET", where, Accept=accept).status_code == 404, name
            assert caller.send("GET", f"{where}/_history/1", Accept=accept).status_code == 404, name
    gp = Caller(Role.GP, HERE)
    for context in (f"Patient/{THEIRS}", "Patient/nobody", f"Condition/{world.rid_of('Condition', MINE)}"):
        made = gp.send("POST", "/Binary", b"x", "text/plain", **{"X-Security-Context": context})
        assert made.status_code == 404
    mine = f"/Binary/{world.rid_of('Binary', MINE)}"
    moved = {"resourceType": "Binary", "id": mine[8:], "contentType": "text/plain"}
    assert gp.send("PUT", mine, moved | {"securityContext": ref("Patient", THEIRS)}).status_code == 404
    assert gp.send("PUT", mine, moved).status_code == 404  # about nobody it would be nobody's to see
    assert gp.send("GET", mine, Accept="text/plain").status_code == 200


def test_a_header_holds_one_line_whatever_the_resource_says(system: Caller) -> None:
    data = base64.b64encode(b"x").decode()
    for more in (
        {"contentType": "text/plain\r\nX-Evil: 1"},
        {"contentType": "text/plain", "securityContext": {"reference": "Patient/mine\r\nX-Evil: 1"}},
        {"contentType": "text/plæin", "securityContext": {"reference": "Patient/ø"}},
    ):
        made = system.send("POST", "/Binary", {"resourceType": "Binary", "data": data, **more})
        if made.status_code == 201:
            told = system.send("GET", f"/Binary/{made.json()['id']}", Accept="*/*")
            assert told.status_code < 500
            assert "X-Evil" not in told.headers
        else:
            assert made.status_code == 400


def test_a_patients_own_log_tells_of_no_other(system: Caller) -> None:
    gp, citizen = Caller(Role.GP, HERE), Caller(Role.CITIZEN, patient=MINE)
    system.send("GET", "/Patient")  # both in one event
    gp.send("GET", f"/Patient/{THEIRS}")
    gp.send("GET", "/Condition/gone")
    for path in (
        "/AuditEvent?_count=1000",
        f"/AuditEvent?patient={THEIRS}",
        f"/AuditEvent?entity=Patient/{THEIRS}",
        "/AuditEvent?entity=Condition/gone",
        f"/AuditEvent?entity=Condition/{world.rid_of('Condition', THEIRS)}",
        f"/AuditEvent?patient:Patient={MINE},{THEIRS}&_total=accurate",
    ):
        told = citizen.send("GET", path)
        assert told.status_code == 200
        text = json.dumps([item["resource"] for item in told.json().get("entry", ())])
        assert THEIRS not in text and "gone" not in text, path
        if "_count" not in path and MINE not in path:
            assert not told.json().get("entry"), path
    for caller in (gp, Caller(Role.ANALYST, HERE)):
        assert caller.send("GET", "/AuditEvent").status_code == 403
        assert caller.send("GET", "/AuditEvent/1").status_code in (403, 404)
    operator = Caller(Role.OPERATOR, HERE).send("GET", "/AuditEvent?_count=1000").content.decode()
    assert SECRET not in operator


def test_what_is_about_nobody_and_not_ones_to_see_is_not_there(system: Caller) -> None:
    gp = Caller(Role.GP, HERE)
    kept = {"resourceType": "Schedule", "id": "kept", "actor": [ref("Practitioner", "doctor")]}
    assert system.send("PUT", "/Schedule/kept", kept).status_code == 201
    told = set()
    for rid in ("kept", "nowhere"):
        fresh = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        answer = gp.send(
            "POST", "/Observation", fresh | {"subject": ref("Patient", MINE), "focus": [ref("Schedule", rid)]}
        )
        told.add((answer.status_code, answer.content))
    assert [status for status, _ in told] == [422]


def test_a_new_patient_with_anothers_number_tells_nothing_of_them(system: Caller) -> None:
    gp = Caller(Role.GP, HERE)
    fresh = patient(HERE) | {"identifier": [{"system": "urn:test", "value": SECRET}]}
    assert gp.send("POST", "/Patient", fresh).status_code == 201
    query = f"identifier=urn:test|{SECRET}"
    assert gp.send("PUT", f"/Patient?{query}", fresh | {"id": THEIRS}).status_code == 400
    again = gp.send("POST", "/Patient", fresh, **{"If-None-Exist": query})
    assert again.status_code == 200 and again.json()["id"] != THEIRS  # their own, the only one they see


def test_nothing_that_was_asked_is_in_the_log(system: Caller, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    gp = Caller(Role.GP, HERE)
    for path in (
        f"/Patient?name={SECRET}",
        f"/Patient?{SECRET}=1",
        f"/Patient?birthdate={SECRET}",
        f"/Nonsense?name={SECRET}",
        f"/Patient/{SECRET}",
        f"/Condition?code:{SECRET}=x",
    ):
        told = gp.send("GET", path)
        if told.status_code >= 400:
            assert f"={SECRET}" not in told.content.decode()
    gp.send("POST", "/Patient", {"resourceType": "Patient", "birthDate": SECRET, "generalPractitioner": SECRET})
    gp.send(
        "PATCH", f"/Patient/{MINE}", [{"op": "test", "path": "/id", "value": SECRET}], "application/json-patch+json"
    )
    assert SECRET not in caplog.text
