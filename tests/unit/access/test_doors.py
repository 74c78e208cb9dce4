"""Nobody lets themselves in: every way to write, tried on everything that makes an organisation see a patient."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from lib import two_records as world
from lib.api import Caller
from lib.two_records import HERE, MINE, THEIRS, Json, ref
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.fhir import systems

pytestmark = pytest.mark.django_db
PATCH = "application/json-patch+json"
Row = tuple[str, str, str, str, int, int | None]


def relations() -> set[Row]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT patient_id, organization_id, kind, source, from_day, to_day FROM access_relation")
        return set(cursor.fetchall())


def wanting(kind: str, who: str, organization: str) -> Json:
    """A resource of a type that would let an organisation see a patient."""
    subject, here = ref("Patient", who), ref("Organization", organization)
    made: Json = {"resourceType": kind}
    match kind:
        case "Patient":
            return made | {"generalPractitioner": [here], "name": [{"family": "x"}]}
        case "EpisodeOfCare":
            return made | {"status": "active", "patient": subject, "managingOrganization": here}
        case "CareTeam":
            return made | {"status": "active", "subject": subject, "participant": [{"member": here}]}
        case "Task":
            return made | {"status": "requested", "intent": "order", "for": subject, "owner": here}
    link = {"url": systems.extension_url("organization"), "valueReference": here}
    made |= {"status": "booked", "start": "2027-04-01T09:00:00Z", "end": "2027-04-01T09:30:00Z", "extension": [link]}
    return made | {"participant": [{"actor": subject, "status": "accepted"}]}


KINDS = ("Patient", "EpisodeOfCare", "CareTeam", "Task", "Appointment")


def bundle(entry: Json, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [entry]}


def replacing(resource: Json) -> list[Json]:
    parts = [(name, value) for name, value in resource.items() if name not in ("resourceType", "id")]
    return [{"op": "add", "path": f"/{name}", "value": value} for name, value in parts]


def ways(resource: Json, rid: str) -> list[tuple[str, str, Any, str, dict[str, str]]]:
    """Each way to write a resource: as new, in the place of one there is, or by what describes it."""
    kind, form = resource["resourceType"], "application/fhir+json"
    named, patch = resource | {"id": rid}, replacing(resource)
    data = base64.b64encode(json.dumps(patch).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": PATCH, "data": data}
    absolute = json.loads(json.dumps(resource).replace('"Patient/', '"http://testserver/fhir/Patient/'))
    absolute = json.loads(json.dumps(absolute).replace('"Organization/', '"http://testserver/fhir/Organization/'))
    versioned = json.loads(json.dumps(resource).replace(f'"Patient/{THEIRS}"', f'"Patient/{THEIRS}/_history/1"'))
    by_number = f"Patient?identifier=urn:test|{world.SECRET}"
    criteria = json.loads(json.dumps(resource).replace(f'"Patient/{THEIRS}"', f'"{by_number}"'))
    found: list[tuple[str, str, Any, str, dict[str, str]]] = [
        ("POST", f"/{kind}", one, form, {}) for one in (resource, absolute, versioned)
    ]
    found += [
        ("POST", f"/{kind}", resource, form, {"If-None-Exist": "identifier=nothing"}),
        ("PUT", f"/{kind}/{rid}", named, form, {}),
        ("PUT", f"/{kind}?_id={rid}", named, form, {}),
        ("PUT", f"/{kind}?_id={rid}", resource, form, {}),
        ("PUT", f"/{kind}?identifier=nothing", resource, form, {}),
        ("PATCH", f"/{kind}/{rid}", patch, PATCH, {}),
        ("PATCH", f"/{kind}?_id={rid}", patch, PATCH, {}),
    ]
    for together in ("batch", "transaction"):
        for request, body in (
            ({"method": "POST", "url": kind}, resource),
            ({"method": "POST", "url": kind}, criteria),
            ({"method": "PUT", "url": f"{kind}/{rid}"}, named),
            ({"method": "PUT", "url": f"{kind}?_id={rid}"}, resource),
            ({"method": "PATCH", "url": f"{kind}/{rid}"}, binary),
            ({"method": "PATCH", "url": f"{kind}?_id={rid}"}, binary),
        ):
            found.append(("POST", "", bundle({"request": request, "resource": body}, together), form, {}))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_writes_themselves_into_another_patients_record(kind: str) -> None:
    world.build()
    before = relations()
    for name, caller in world.callers().items():
        organization = world.OUTSIDERS[name][1] or HERE
        for rid in (world.rid_of(kind, THEIRS), world.rid_of(kind, MINE)):
            for method, path, body, form, headers in ways(wanting(kind, THEIRS, organization), rid):
                answer = caller.send(method, path, body, form, **headers)
                assert answer.status_code < 500, (name, method, path, answer.content[:300])
        fresh = {row for row in relations() - before if row[0] == THEIRS}
        assert fresh == set(), (name, fresh)
        assert {row for row in before if row[0] == THEIRS} <= relations()


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_clinic_opens_its_patients_record_to_others(kind: str) -> None:
    world.build()
    before = relations()
    for name in ("hospital", "prevention", "partner", "citizen", "analyst", "operator", "stranger"):
        caller = world.callers()[name]
        for method, path, body, form, headers in ways(wanting(kind, MINE, "there"), world.rid_of(kind, MINE)):
            answer = caller.send(method, path, body, form, **headers)
            assert answer.status_code < 500, (name, method, path, answer.content[:300])
        assert {row for row in relations() - before if row[0] == MINE} == set(), name
        assert {row for row in before if row[0] == MINE} <= relations(), name


@pytest.mark.parametrize(
    "change",
    [
        {"status": "requested"},
        {"lastModified": "2099-01-01"},
        {"lastModified": "2027-01-01"},
        {"authoredOn": "2001-01-01"},
        {"status": "completed", "authoredOn": "2026"},
        {"executionPeriod": {"end": "2099-01-01"}},
    ],
)
def test_a_receiver_makes_its_referral_last_no_longer(change: Json) -> None:
    system, partner = world.build(), world.callers()["partner"]
    done = [("status", "completed"), ("lastModified", "2026-06-01")]
    for name, value in done:
        path = [{"op": "add", "path": f"/{name}", "value": value}]
        assert system.send("PATCH", "/Task/task-mine", path, PATCH).status_code == 200
    with_appointment(system, MINE, "physio")
    before = {row for row in relations() if row[2] == "referral"}
    told = partner.send("PATCH", "/Task/task-mine", replacing(change), PATCH)
    after = {row for row in relations() if row[2] == "referral"}
    assert told.status_code == 403 or after == before, told.content
    assert after == before


def with_appointment(system: Caller, about: str, organization: str) -> None:
    """The organisation sees the patient today, by an appointment."""
    made = wanting("Appointment", about, organization) | {"created": "2020-01-01"}
    made |= {"start": days.iso(days.day_of(system_clock())) + "T09:00:00Z", "end": "2099-01-01T09:00:00Z"}
    assert system.send("POST", "/Appointment", made).status_code == 201


def test_a_referral_is_over_a_while_after_it_was_done_whatever_it_says() -> None:
    system = world.build()
    today = days.day_of(system_clock())
    for ended in ({"lastModified": "2099-01-01"}, {"executionPeriod": {"end": "2099-01-01"}}, {"authoredOn": "2026"}):
        task = wanting("Task", THEIRS, "hospital") | {"status": "completed", "authoredOn": "2026-01-01"} | ended
        rid = system.send("POST", "/Task", task).json()["id"]
        (row,) = [row for row in relations() if row[3] == f"Task/{rid}"]
        assert row[5] == today + settings.ENV.aftercare_days
    task = wanting("Task", THEIRS, "hospital") | {"status": "completed", "authoredOn": "2020-01-01"}
    rid = system.send("POST", "/Task", task | {"executionPeriod": {"end": "2021-01-01"}}).json()["id"]
    (row,) = [row for row in relations() if row[3] == f"Task/{rid}"]
    assert row[5] == (days.parse_day("2021-01-01") or 0) + settings.ENV.aftercare_days


def test_a_receiver_does_not_turn_one_patients_referral_into_anothers() -> None:
    system, partner = world.build(), world.callers()["partner"]
    with_appointment(system, THEIRS, "physio")
    moved = [{"op": "replace", "path": "/for", "value": ref("Patient", THEIRS)}]
    moved += [{"op": "remove", "path": f"/{name}"} for name in ("focus", "basedOn", "encounter")]
    before = relations()
    assert partner.send("PATCH", "/Task/task-mine", moved, PATCH).status_code == 403
    assert relations() == before


def test_a_clinic_that_takes_part_takes_nobody_off_anothers_list() -> None:
    system, gp = world.build(), world.callers()["gp"]
    team = wanting("CareTeam", THEIRS, HERE)
    assert system.send("POST", "/CareTeam", team).status_code == 201
    before = relations()
    for path in ("/generalPractitioner", "/generalPractitioner/0"):
        told = gp.send("PATCH", f"/Patient/{THEIRS}", [{"op": "remove", "path": path}], PATCH)
        assert told.status_code == 403
    assert relations() == before
    assert gp.send("PATCH", f"/Patient/{THEIRS}", [{"op": "add", "path": "/active", "value": True}], PATCH).json()[
        "active"
    ]


def test_an_organisation_elsewhere_with_the_same_id_is_not_ours() -> None:
    system = world.build()
    away = {"reference": "https://elsewhere.example/fhir/Organization/here"}
    for kind, name, value in (("Task", "owner", away), ("EpisodeOfCare", "managingOrganization", away)):
        rid = system.send("POST", f"/{kind}", wanting(kind, THEIRS, HERE) | {name: value}).json()["id"]
        assert not [row for row in relations() if row[3] == f"{kind}/{rid}"]
