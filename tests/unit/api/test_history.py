"""History of a resource, a type and the whole record (R4 §3.1.0.10)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from lib.api import Caller
from lib.people import clinic, patient
from tovholder.access import Role
from tovholder.fhir.validate import validate

pytestmark = pytest.mark.django_db


def basic(text: str = "x") -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": text}}


def pages(caller: Caller, path: str) -> list[dict[str, Any]]:
    found = []
    while path:
        bundle = caller.send("GET", path).json()
        found.append(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").partition("/fhir")[2]
    return found


def told(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    return [(e["request"]["method"], e["response"]["etag"]) for e in bundle.get("entry", [])]


def test_every_version_newest_first_with_what_was_asked_and_answered(system: Caller) -> None:
    made = system.send("POST", "/Basic", basic()).json()
    path = f"/Basic/{made['id']}"
    system.send("PUT", path, basic("y") | {"id": made["id"]})
    system.send("DELETE", path)
    answer = system.send("GET", f"{path}/_history")
    bundle = answer.json()
    assert validate(bundle) == []
    assert (bundle["type"], bundle["total"]) == ("history", 3)
    assert told(bundle) == [("DELETE", 'W/"3"'), ("PUT", 'W/"2"'), ("POST", 'W/"1"')]
    assert "resource" not in bundle["entry"][0]
    assert bundle["entry"][1]["resource"]["code"]["text"] == "y"
    assert bundle["entry"][2]["resource"] == made
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {f"http://testserver/fhir{path}"}


def test_pages_stay_as_they_were_while_others_write(system: Caller) -> None:
    rids = [system.send("POST", "/Basic", basic(str(n))).json()["id"] for n in range(5)]
    for level in ("/Basic/_history", "/_history"):
        first = system.send("GET", f"{level}?_count=2").json()
        system.send("POST", "/Basic", basic("late"))
        following = {link["relation"]: link["url"] for link in first["link"]}["next"].partition("/fhir")[2]
        rest = pages(system, following)
        seen = [e["resource"]["id"] for page in (first, *rest) for e in page.get("entry", [])]
        assert len(seen) == len(set(seen))
        assert set(rids) <= set(seen)
        assert {page["meta"]["lastUpdated"] for page in rest} == {first["meta"]["lastUpdated"]}
        rids.append(seen[0])


def test_since_goes_on_where_the_last_answer_ended(system: Caller) -> None:
    system.send("POST", "/Basic", basic("old"))
    moment = system.send("GET", "/Basic/_history").json()["meta"]["lastUpdated"]
    new = system.send("POST", "/Basic", basic("new")).json()["id"]
    answer = system.send("GET", f"/Basic/_history?_since={moment}").json()
    assert new in [entry["resource"]["id"] for entry in answer["entry"]]
    for later in ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00+01:00"):
        assert "entry" not in system.send("GET", f"/Basic/_history?_since={later}").json()


def test_at_shows_what_was_current_then(system: Caller) -> None:
    made = system.send("POST", "/Basic", basic("one")).json()
    path = f"/Basic/{made['id']}"
    system.send("PUT", path, basic("two") | {"id": made["id"]})
    with connection.cursor() as cursor:  # as if half a day lay between
        cursor.execute("UPDATE store_version SET updated = updated - 43200000 WHERE version = 1")
        cursor.execute("SELECT MIN(updated) FROM store_version")
        first = cursor.fetchone()[0]
    from tovholder.api.http import instant

    assert told(system.send("GET", f"{path}/_history?_at={instant(first + 60_000)}").json()) == [("POST", 'W/"1"')]
    assert told(system.send("GET", f"{path}/_history?_at=2999").json()) == [("PUT", 'W/"2"')]
    assert told(system.send("GET", f"{path}/_history?_at=1999").json()) == []


def test_each_sees_the_versions_that_are_theirs_and_it_is_noted(system: Caller) -> None:
    mine, theirs = (system.send("POST", "/Organization", clinic(name)).json()["id"] for name in ("A", "B"))
    ours = system.send("POST", "/Patient", patient(mine)).json()["id"]
    other = system.send("POST", "/Patient", patient(theirs)).json()["id"]
    gp = Caller(Role.GP, mine)
    for path in ("/Patient/_history", "/_history"):
        shown = {e["resource"]["id"] for e in gp.send("GET", path).json()["entry"]}
        assert ours in shown, path
        assert other not in shown, path
    assert gp.send("GET", f"/Patient/{ours}/_history").status_code == 200
    refused = gp.send("GET", f"/Patient/{other}/_history")
    assert refused.json() == gp.send("GET", "/Patient/nobody/_history").json()
    assert refused.status_code == 404
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM access_auditevent AS e JOIN access_auditpatient AS p ON p.event_id = e.id"
            " WHERE p.patient_id = %s AND e.detail LIKE %s AND e.outcome = 'ok'",
            [ours, "%_history%"],
        )
        assert cursor.fetchone()[0] == 3


def test_a_version_from_before_a_move_is_the_first_patients(system: Caller) -> None:
    mine, theirs = (system.send("POST", "/Organization", clinic(name)).json()["id"] for name in ("A", "B"))
    ours = system.send("POST", "/Patient", patient(mine)).json()["id"]
    other = system.send("POST", "/Patient", patient(theirs)).json()["id"]
    about = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{other}"},
    }
    rid = system.send("POST", "/Observation", about).json()["id"]
    moved = about | {"id": rid, "subject": {"reference": f"Patient/{ours}"}}
    assert system.send("PUT", f"/Observation/{rid}", moved).status_code == 200
    gp = Caller(Role.GP, mine)
    for path in (f"/Observation/{rid}/_history", "/Observation/_history", "/_history"):
        shown = [entry for entry in gp.send("GET", path).json()["entry"] if rid in entry["fullUrl"]]
        assert [entry["response"]["etag"] for entry in shown] == ['W/"2"'], path
    assert gp.send("GET", f"/Observation/{rid}/_history/1").status_code == 404


@pytest.mark.parametrize(
    "query", ["_count=x", "_count=-1", "_since=soon", "_since=2020-13-01", "_at=x", "_cursor=zz", "_sort=x", "name=y"]
)
def test_what_history_does_not_know_is_refused(system: Caller, query: str) -> None:
    for level in ("/_history", "/Basic/_history"):
        assert system.send("GET", f"{level}?{query}").status_code == 400


def test_a_page_is_no_longer_than_asked(system: Caller) -> None:
    for _ in range(3):
        system.send("POST", "/Basic", basic())
    assert len(system.send("GET", "/Basic/_history?_count=2").json()["entry"]) == 2
    assert "entry" not in system.send("GET", "/Basic/_history?_count=0").json()
    assert len(system.send("GET", "/Basic/_history?_count=99999").json()["entry"]) == 3
