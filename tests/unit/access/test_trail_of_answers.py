"""Whatever is shown, by whatever way it was asked, stands in the audit trail with everybody it is about."""

from __future__ import annotations

from typing import Any

import pytest

from lib import two_records as world
from lib.api import Caller
from lib.trail import events, noted, require_noted
from lib.two_records import HERE, MINE, THEIRS, Json, ref
from tovholder.access import Role
from tovholder.fhir import systems

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
PATCH = "application/json-patch+json"


@pytest.fixture
def system() -> Caller:
    return world.build()


@pytest.fixture
def gp(system: Caller) -> Caller:
    """A doctor who sees both patients."""
    team = {"resourceType": "CareTeam", "status": "active", "subject": ref("Patient", THEIRS)}
    assert system.send("POST", "/CareTeam", team | {"participant": [{"member": ref("Organization", HERE)}]})
    return Caller(Role.GP, HERE, name="both")


def group(system: Caller) -> str:
    """An appointment of both, filed under one of them."""
    here = {"url": systems.extension_url("organization"), "valueReference": ref("Organization", HERE)}
    made: Json = {"resourceType": "Appointment", "status": "booked", "extension": [here], "comment": "holdtræning"}
    made |= {"start": "2027-05-01T09:00:00Z", "end": "2027-05-01T10:00:00Z"}
    made["participant"] = [{"actor": ref("Patient", who), "status": "accepted"} for who in (MINE, THEIRS)]
    answer = system.send("POST", "/Appointment", made)
    assert answer.status_code == 201
    assert noted(answer) == {MINE, THEIRS}
    return str(answer.json()["id"])


def ways(rid: str) -> list[tuple[str, str, Any, str]]:
    """Every way to be shown the appointment of both."""
    get = ("GET", f"/Appointment/{rid}", None, PATCH)
    bundles = [
        (
            "POST",
            "",
            {"resourceType": "Bundle", "type": kind, "entry": [{"request": {"method": "GET", "url": url}}]},
            "",
        )
        for kind in ("batch", "transaction")
        for url in (f"Appointment/{rid}", f"Appointment?_id={rid}", f"Appointment/{rid}/_history")
    ]
    return [
        get,
        ("GET", f"/Appointment/{rid}/_history/1", None, PATCH),
        ("GET", f"/Appointment/{rid}/_history", None, PATCH),
        ("GET", "/Appointment/_history?_count=500", None, PATCH),
        ("GET", "/_history?_count=500", None, PATCH),
        ("GET", f"/Appointment?_id={rid}", None, PATCH),
        ("GET", f"/Appointment?_id={rid}&_elements=start", None, PATCH),
        ("POST", "/Appointment/_search", f"_id={rid}".encode(), FORM),
        ("GET", "/Appointment?date=2027-05-01&_sort=date", None, PATCH),
        ("GET", "/Appointment?patient.identifier=urn:test|kendt", None, PATCH),
        ("GET", f"/Patient?_id={MINE}&_revinclude=Appointment:actor", None, PATCH),
        ("GET", "/Organization?_id=here&_revinclude=*&_revinclude:iterate=*", None, PATCH),
        ("GET", f"/Patient/{MINE}/Appointment", None, PATCH),
        ("GET", f"/Patient/{THEIRS}/Appointment", None, PATCH),
        ("GET", f"/Patient/{MINE}/*?_count=500", None, PATCH),
        ("GET", f"/Patient/{MINE}/$everything", None, PATCH),
        ("GET", f"/Patient/{THEIRS}/$everything", None, PATCH),
        ("GET", f"?_type=Appointment,Encounter&_id={rid}", None, PATCH),
        *[(method, path, body, "application/fhir+json") for method, path, body, _ in bundles],
        ("PATCH", f"/Appointment/{rid}", [{"op": "add", "path": "/description", "value": "x"}], PATCH),
        ("PATCH", f"/Appointment?_id={rid}", [{"op": "add", "path": "/description", "value": "y"}], PATCH),
    ]


def test_both_patients_of_a_group_stand_in_the_trail(system: Caller, gp: Caller) -> None:
    rid = group(system)
    for method, path, body, form in ways(rid):
        answer = gp.send(method, path, body, form)
        assert answer.status_code == 200, (path, answer.content)
        assert rid in answer.content.decode(), (method, path)
        assert noted(answer) >= {MINE, THEIRS}, (method, path)
        require_noted(answer, answer.json(), gp)


COUNTS = [
    f"/Condition?patient={MINE}&code=nothing",
    f"/Condition?patient={MINE}&_summary=count",
    f"/Condition?patient=Patient/{MINE}&_count=0",
    f"/Condition?subject:Patient={MINE}&code=nothing",
    f"/Condition?subject:Patient._id={MINE}&code=nothing",
    f"/Patient?_id={MINE}&_has:Condition:patient:code=nothing",
    f"/Organization?_has:Patient:organization:_id={MINE}&_summary=count",
    f"/Practitioner?_has:Observation:performer:patient={MINE}&_has:Observation:performer:code=nothing",
    f"/Patient/{MINE}/Condition?code=nothing",
    f"/Patient/{MINE}/*?_summary=count",
    "/Patient?identifier=urn:test|kendt&name=nothing",
    "/Condition?patient.identifier=urn:test|kendt&code=nothing",
    "/Organization?_has:Patient:organization:identifier=kendt&_summary=count",
    f"?_type=Condition,Observation&patient={MINE}&_lastUpdated=lt2000",
]


@pytest.mark.parametrize("path", COUNTS)
def test_that_there_is_nothing_of_a_patients_is_told_of_them_too(system: Caller, gp: Caller, path: str) -> None:
    assert MINE in noted(gp.send("GET", path))
    there, _, query = path.partition("?")
    if there and "*" not in there:
        assert MINE in noted(gp.send("POST", f"{there}/_search", query.encode(), FORM))
    stranger = Caller(Role.GP, "nowhere", name="stranger")
    refused = stranger.send("GET", path)
    assert refused.status_code == 200
    assert MINE in noted(refused)  # their log says who asked for them and may not see them
    assert "refused" in {outcome for _, outcome, _ in events(refused)}
    nobody = stranger.send("GET", path.replace(MINE, "nobody").replace("kendt", "nobody"))
    assert noted(nobody) == set()


def test_what_criteria_met_is_in_the_trail_though_nothing_was_written(system: Caller, gp: Caller) -> None:
    fresh = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": ref("Patient", MINE)}
    several = f"/Condition?patient={MINE}"
    pointing = fresh | {"focus": [{"reference": f"Condition?patient={MINE}&code=urn:test|kendt"}]}
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": pointing}
    asked: list[tuple[str, str, Any, str, dict[str, str]]] = [
        ("PATCH", several, [{"op": "test", "path": "/id", "value": "x"}], PATCH, {}),
        ("PUT", several, world.moved(MINE, "x", "x"), "application/fhir+json", {}),
        ("DELETE", several, None, PATCH, {}),
        ("POST", "/Observation", fresh, "application/fhir+json", {"If-None-Exist": f"patient={MINE}&code=nothing"}),
        ("POST", "/Observation", fresh, "application/fhir+json", {"If-None-Exist": f"patient={MINE}"}),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, "application/fhir+json", {}),
    ]
    for method, path, body, form, headers in asked:
        assert MINE in noted(gp.send(method, path, body, form, **headers)), (method, path)


def test_no_word_of_what_was_asked_for_is_in_the_trail(system: Caller, gp: Caller) -> None:
    for path in (
        "/Patient?identifier=urn:test|kendt&name=kendt",
        f"/Condition?code=kendt&patient={MINE}",
        "/Patient?kendt=1",
    ):
        told = gp.send("GET", path)
        assert all("kendt" not in detail for _, _, detail in events(told))
