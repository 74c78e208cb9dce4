"""What the policy shows of a resource, through the API: views at every way out, no search that tells more, criteria on
what is read and on what is written.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lib.api import JSON, Caller
from lib.people import clinic, context
from tovholder import store
from tovholder.access import Context, Role
from tovholder.access.domain import Grants
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
PATCH = "application/json-patch+json"
HIDDEN = "skjult"  # stands in every element the minimum view leaves out
CPR = "0105600000"
MINIMUM = {"identifier", "active", "name", "telecom", "gender", "birthDate", "address", "communication"}
MINIMUM |= {"generalPractitioner", "resourceType", "id", "meta"}
OTHERS = [Role.PARTNER, Role.PREVENTION]


def ref(kind: str, rid: str) -> Json:
    return {"reference": f"{kind}/{rid}"}


def person() -> Json:
    return {
        "resourceType": "Patient",
        "id": "p",
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{HIDDEN}</div>'},
        "identifier": [{"system": systems.CPR, "value": CPR}, {"system": "urn:test:other", "value": HIDDEN}],
        "active": True,
        "name": [{"family": "Prøve", "given": ["Petra"]}],
        "telecom": [{"system": "phone", "value": "12345678"}],
        "gender": "female",
        "birthDate": "1960-05-01",
        "address": [
            {
                "line": [f"{HIDDEN} 1"],
                "city": "Randers",
                "postalCode": "8900",
                "state": HIDDEN,
                "extension": [
                    {
                        "url": systems.MUNICIPALITY_EXTENSION,
                        "valueCodeableConcept": {"coding": [{"system": systems.MUNICIPALITY, "code": "0730"}]},
                    },
                    {"url": "urn:test:secret", "valueString": HIDDEN},
                ],
            }
        ],
        "contact": [{"name": {"family": HIDDEN}}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "da"}]}}],
        "generalPractitioner": [ref("Organization", "here")],
        "managingOrganization": ref("Organization", "here"),
        "link": [{"other": ref("RelatedPerson", "r"), "type": "seealso"}],
    }


def observation(rid: str, code: str, system: str, **more: Any) -> Json:
    made = {"resourceType": "Observation", "id": rid, "status": "final", "subject": ref("Patient", "p")}
    return made | {"code": {"coding": [{"system": system, "code": code}]}, "effectiveDateTime": "2026-02-01"} | more


def level(**more: Any) -> Json:
    value = {"coding": [{"system": systems.LEVEL_SYSTEM, "code": "2"}]}
    course = [{"url": systems.EPISODE_OF_CARE_EXTENSION, "valueReference": ref("EpisodeOfCare", "e")}]
    who = [ref("Practitioner", "doctor")]
    made = observation("level", "tovholder-level", systems.OBSERVATION_SYSTEM)
    return made | {"valueCodeableConcept": value, "extension": course, "performer": who} | more


@pytest.fixture
def system() -> Caller:
    caller = Caller(Role.SYSTEM)
    fresh: list[Json] = [
        clinic() | {"id": "here"},
        clinic("Fysioterapi", kind="physio") | {"id": "physio"},
        {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Holst"}]},
        person(),
        {"resourceType": "RelatedPerson", "id": "r", "patient": ref("Patient", "p")},
        {
            "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": ref("Patient", "p"),
            "managingOrganization": ref("Organization", "here"),
        },
        {
            "resourceType": "Task", "id": "t", "status": "accepted", "intent": "order", "authoredOn": "2026-01-05",
            "for": ref("Patient", "p"), "owner": ref("Organization", "physio"),
        },
        {
            "resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "Gå en tur"},
            "subject": ref("Patient", "p"),
        },
        {
            "resourceType": "Appointment", "id": "a", "status": "booked", "start": "2026-12-01T10:00:00+01:00",
            "end": "2026-12-01T10:30:00+01:00",
            "participant": [{"actor": ref("Patient", "p"), "status": "accepted"}],
            "extension": [
                {"url": systems.extension_url("organization"), "valueReference": ref("Organization", "physio")}
            ],
        },
        level(),
        observation("pressure", "MCS88020", systems.MCS, note=[{"text": HIDDEN}]),
    ]  # fmt: skip
    for resource in fresh:
        told = caller.send("PUT", f"/{resource['resourceType']}/{resource['id']}", resource)
        assert told.status_code == 201, told.content
    return caller


def other(role: Role) -> Caller:
    return Caller(role, "physio", name=f"physio-{role}")


WAYS_OUT = [
    "/Patient/p",
    "/Patient/p/_history/1",
    "/Patient/p/_history",
    "/Patient/_history",
    "/_history",
    "/Patient",
    "/Patient?_elements=contact,name,identifier",
    "/Patient?_summary=data",
    "/Patient/p?_elements=contact,link,identifier",
    "/Patient/p?_summary=data",
    "/Patient/p/Task?_include=Task:patient",
    "/Goal?_include=*&_include:iterate=*",
    "/Task?_include=Task:patient&_include:iterate=Patient:*&_revinclude=*",
    "/Patient?_sort=family&_revinclude=Goal:patient&_include=Patient:*",
    "/Patient/p/$everything",
    "/Patient/p/*",
    "?_type=Patient,Goal",
]


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize("path", WAYS_OUT)
def test_a_part_alone_is_given_by_every_way_out(system: Caller, role: Role, path: str) -> None:
    caller = other(role)
    told = caller.send("GET", path)
    assert told.status_code == 200, told.content
    assert HIDDEN not in told.content.decode(), path
    body = told.json()
    found = [item["resource"] for item in body.get("entry", ())] if body["resourceType"] == "Bundle" else [body]
    patients = [item for item in found if item["resourceType"] == "Patient"]
    assert len(patients) == (1 if "Goal" not in path or "_include" in path or "_type" in path else 0), found
    for one in patients:
        assert set(one) <= MINIMUM
        assert "SUBSETTED" in {tag["code"] for tag in one["meta"]["tag"]}
        assert [item["system"] for item in one.get("identifier", ())] in ([], [systems.CPR])
    assert "RelatedPerson" not in {item["resourceType"] for item in found}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": path[1:]}}]}
    assert HIDDEN not in caller.send("POST", "", bundle).content.decode()
    assert HIDDEN in system.send("GET", path).content.decode() or "_elements" in path or "Task" in path


@pytest.mark.parametrize("role", OTHERS)
def test_what_is_shown_is_the_minimum_and_the_version_is_the_same(system: Caller, role: Role) -> None:
    told = other(role).send("GET", "/Patient/p")
    whole = system.send("GET", "/Patient/p")
    assert told["ETag"] == whole["ETag"] and told["Last-Modified"] == whole["Last-Modified"]
    one = told.json()
    assert one["identifier"] == [{"system": systems.CPR, "value": CPR}]
    assert one["address"] == [
        {"city": "Randers", "postalCode": "8900", "extension": [person()["address"][0]["extension"][0]]}
    ]
    for name in ("name", "telecom", "birthDate", "generalPractitioner", "communication", "gender"):
        assert one[name] == person()[name]
    assert other(role).send("GET", "/Patient/p", **{"If-None-Match": told["ETag"]}).status_code == 304


REFUSED = [
    "/Patient?address={h}",
    "/Patient?address-state={h}",
    "/Patient?link=RelatedPerson/r",
    "/Patient?link:missing=false",
    "/Patient?link.relationship=x",
    "/Patient?organization=Organization/here",
    "/Patient?organization.name=x",
    "/Patient?identifier=urn:test:other|{h}",
    "/Patient?identifier={h}",
    "/Patient?identifier=|{h}",
    "/Patient?identifier=urn:oid:1.2.208.176.1.2|x,urn:test:other|{h}",
    "/Patient?identifier:not=urn:oid:1.2.208.176.1.2|x",
    "/Patient?identifier:missing=false",
    "/Patient?identifier:text={h}",
    "/Patient?_sort=organization",
    "/Patient?_sort=-identifier",
    "/Patient?_include=Patient:organization",
    "/Patient?_include=Patient:link",
    "/Organization?_revinclude=Patient:organization",
    "/Organization?_has:Patient:organization:family=x",
    "/Organization?_has:Patient:general-practitioner:identifier={h}",
    "/Goal?patient.identifier={h}",
    "/Goal?patient.organization.name=x",
    "/Goal?patient:Patient.address-state={h}",
    "/Goal?subject:Patient.link=RelatedPerson/r",
    "/RelatedPerson?_has:Patient:link:_id=p",
]


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize("path", REFUSED)
def test_nobody_learns_by_searching_what_is_not_shown(system: Caller, role: Role, path: str) -> None:
    caller = other(role)
    asked = path.format(h=HIDDEN)
    told = caller.send("GET", asked)
    assert told.status_code == 400, told.content
    assert HIDDEN not in told.content.decode()
    kind, _, query = asked[1:].partition("?")
    posted = caller.send("POST", f"/{kind}/_search", query.encode(), "application/x-www-form-urlencoded")
    assert posted.status_code == 400
    assert system.send("GET", asked).status_code == 200
    lenient = caller.send("GET", asked, Prefer="handling=lenient")
    if lenient.status_code == 200:  # passed over and told so, as a parameter there is not
        assert HIDDEN not in json.dumps([item["resource"] for item in lenient.json().get("entry", ())])
        assert "OperationOutcome" in {item["resource"]["resourceType"] for item in lenient.json()["entry"]}


@pytest.mark.parametrize(
    "path",
    [
        f"/Patient?identifier={systems.CPR}|{CPR}",
        "/Patient?given=Petra&birthdate=1960-05-01",
        "/Patient?phone=12345678&gender=female",
        "/Patient?general-practitioner=Organization/here",
        "/Patient?address-city=Randers&address-postalcode=8900",
        "/Patient?_has:Goal:patient:_id=g&_sort=birthdate",
    ],
)
def test_what_is_shown_can_be_searched(system: Caller, path: str) -> None:
    told = other(Role.PARTNER).send("GET", path).json()
    assert [item["resource"]["id"] for item in told["entry"]] == ["p"]


# -- the level, and what everybody involved needs --------------------------------------------------------------------------


EVERYBODY = [
    (Role.CITIZEN, "", "p"),
    (Role.GP, "here", ""),
    (Role.STAFF, "here", ""),
    (Role.HOSPITAL, "physio", ""),
    (Role.PREVENTION, "physio", ""),
    (Role.PARTNER, "physio", ""),
]


@pytest.mark.parametrize(("role", "organization", "patient"), EVERYBODY)
def test_level_holder_goals_and_next_steps_are_in_everybodys_minimum(
    system: Caller, role: Role, organization: str, patient: str
) -> None:
    caller = Caller(role, organization, patient, name=f"min-{role}")
    for path in (
        "/Observation/level",
        "/EpisodeOfCare/e",
        "/Organization/here",
        "/Goal/g",
        "/Appointment/a",
        "/Task/t",
    ):
        assert caller.send("GET", path).status_code == 200, (role, path)
    found = caller.send("GET", "/Observation?patient=Patient/p&code=tovholder-level").json()
    assert [item["resource"]["id"] for item in found["entry"]] == ["level"]


def test_a_representative_sees_it_too_in_the_areas_given(system: Caller) -> None:
    def reads(right: str, kind: str, rid: str) -> bool:
        held = replace(
            context(Role.REPRESENTATIVE, None, patient="p", actor="RelatedPerson/r"), rights=frozenset({right})
        )
        with suppress(Problem):
            return bool(store.read(held, kind, rid))
        return False

    for kind, rid in (("Observation", "level"), ("EpisodeOfCare", "e"), ("Goal", "g"), ("Appointment", "a")):
        assert reads("plan", kind, rid), kind
    assert reads("record", "Observation", "pressure") and not reads("plan", "Observation", "pressure")
    assert reads("", "Patient", "p") and not reads("", "Goal", "g")


@pytest.mark.parametrize("role", OTHERS)
def test_of_observations_only_the_level_is_there(system: Caller, role: Role) -> None:
    caller = other(role)
    assert caller.send("GET", "/Observation/pressure").status_code == 404
    for path in (
        "/Observation",
        "/Observation?_total=accurate",
        "/Patient/p/Observation",
        "/Observation/_history",
        "/_history",
        "/Patient/p/$everything",
        "/Patient?_revinclude=Observation:patient",
        "/Observation?code=MCS88020",
        "/Patient?_has:Observation:patient:code=MCS88020",
    ):
        told = caller.send("GET", path)
        assert told.status_code == 200 and HIDDEN not in told.content.decode(), path
        assert "MCS88020" not in json.dumps(told.json().get("entry", ())), path
    assert caller.send("GET", "/Observation?_summary=count").json()["total"] == 1
    assert caller.send("GET", "/Patient?_has:Observation:patient:code=MCS88020").json()["total"] == 0


def test_an_older_version_that_said_something_else_is_not_shown(system: Caller) -> None:
    was = observation("changed", "MCS88020", systems.MCS, note=[{"text": HIDDEN}])
    assert system.send("PUT", "/Observation/changed", was).status_code == 201
    now = level(id="changed")
    assert system.send("PUT", "/Observation/changed", now).status_code == 200
    caller = other(Role.PARTNER)
    assert caller.send("GET", "/Observation/changed").status_code == 200
    assert caller.send("GET", "/Observation/changed/_history/2").status_code == 200
    assert caller.send("GET", "/Observation/changed/_history/1").status_code == 404
    for path in ("/Observation/changed/_history", "/Observation/_history", "/_history"):
        told = caller.send("GET", path).content.decode()
        assert HIDDEN not in told and "changed" in told, path
    assert HIDDEN in Caller(Role.GP, "here").send("GET", "/Observation/changed/_history").content.decode()
    # What is no longer the level is no longer theirs to see.
    assert system.send("PUT", "/Observation/changed", was).status_code in (200, 422)
    assert system.send("DELETE", "/Observation/changed").status_code == 204
    assert caller.send("GET", "/Observation/changed").status_code == 404


# -- criteria on writes ----------------------------------------------------------------------------------------------------


def fresh(**more: Any) -> Json:
    made = observation("x", "MCS88021", systems.MCS, **more)
    del made["id"]
    return made


OWN = {"performer": [ref("Organization", "physio")]}


def test_a_partner_writes_what_they_measured_themselves_and_reads_it_again(system: Caller) -> None:
    caller = other(Role.PARTNER)
    made = caller.send("POST", "/Observation", fresh(**OWN))
    assert made.status_code == 201, made.content
    where = f"/Observation/{made.json()['id']}"
    assert caller.send("GET", where).status_code == 200
    assert len(caller.send("GET", "/Observation").json()["entry"]) == 2
    again = made.json() | {"status": "amended"}
    assert caller.send("PUT", where, again).status_code == 200
    # Given away it would be nobody's of theirs.
    assert caller.send("PUT", where, again | {"performer": [ref("Organization", "here")]}).status_code == 403
    to = [{"op": "replace", "path": "/performer/0/reference", "value": "Organization/here"}]
    assert caller.send("PATCH", where, to, PATCH).status_code == 403
    assert caller.send("GET", where).json()["performer"] == OWN["performer"]
    assert len(system.send("GET", f"{where}/_history").json()["entry"]) == 2


@pytest.mark.parametrize("performer", [{}, {"performer": [ref("Organization", "here")]}])
def test_a_partner_writes_nobody_elses_observation(system: Caller, performer: Json) -> None:
    caller = other(Role.PARTNER)
    before = system.send("GET", "/Observation?_summary=count").json()["total"]
    refused = caller.send("POST", "/Observation", fresh(**performer))
    assert refused.status_code == 403 and "performer" in refused.content.decode()
    entry = {"resource": fresh(**performer), "request": {"method": "POST", "url": "Observation"}}
    goal = {"lifecycleStatus": "active", "description": {"text": "x"}, "subject": ref("Patient", "p")}
    along = {"resource": {"resourceType": "Goal"} | goal, "request": {"method": "POST", "url": "Goal"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [along, entry]}
    assert caller.send("POST", "", bundle).status_code == 403
    assert caller.send("GET", "/Goal?_summary=count").json()["total"] == 1
    assert caller.send("PUT", "/Observation/level", level(performer=OWN["performer"])).status_code == 403
    assert caller.send("PUT", "/Observation/pressure", fresh(**OWN) | {"id": "pressure"}).status_code == 404
    assert system.send("GET", "/Observation?_summary=count").json()["total"] == before


# -- apps ------------------------------------------------------------------------------------------------------------------


def app(*allowed: tuple[str, str, str], patient: str | None = None) -> Context:
    """A doctor's app that was given this: action, type, search."""
    given = Grants(tuple((action, kind, (search,)) for action, kind, search in allowed), patient)
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    return replace(context(Role.GP, "here", actor="Practitioner/doctor", now=now), grants=given)


def refusal(ctx: Context, resource: Json) -> Category:
    with pytest.raises(Problem) as caught, store.unit_of_work(ctx) as uow:
        uow.update(resource) if "id" in resource else uow.create(resource)
    return caught.value.category


def test_an_app_writes_what_it_was_given_to_and_nothing_else(system: Caller) -> None:
    code = f"code={systems.MCS}|MCS88021"
    creating = app(("create", "Observation", code))
    with store.unit_of_work(creating) as uow:
        made = uow.create(fresh()).resource
    other_code = observation("y", "MCS88020", systems.MCS)
    assert refusal(creating, {key: other_code[key] for key in other_code if key != "id"}) is Category.FORBIDDEN
    assert refusal(creating, made | {"status": "amended"}) is Category.NOT_FOUND
    with pytest.raises(Problem):
        store.read(creating, "Observation", made["id"])
    updating = app(("update", "Observation", code), ("read", "Observation", code))
    with store.unit_of_work(updating) as uow:
        uow.update(made | {"status": "amended"})
    assert refusal(updating, made | {"code": other_code["code"]}) is Category.FORBIDDEN
    assert refusal(updating, observation("pressure", "MCS88021", systems.MCS)) is Category.NOT_FOUND
    assert refusal(app(("create", "Goal", "")), fresh()) is Category.FORBIDDEN
    with pytest.raises(Problem), store.unit_of_work(updating) as uow:
        uow.delete("Observation", made["id"])


def test_an_app_sees_one_patient_and_what_it_was_given(system: Caller) -> None:
    for body in (
        person() | {"id": "q", "link": []},
        observation("of-q", "MCS88020", systems.MCS) | {"subject": ref("Patient", "q")},
    ):
        body = {key: value for key, value in body.items() if value != []}
        assert system.send("PUT", f"/{body['resourceType']}/{body['id']}", body).status_code == 201
    every = [(action, kind, "") for action in ("read", "search") for kind in ("Patient", "Observation", "Organization")]
    one = app(*every, patient="p")
    assert [item.id for item in store.search(one, "Patient", []).entries] == ["p"]
    assert {item.id for item in store.search(one, "Observation", []).entries} == {"level", "pressure"}
    assert store.search(one, "Organization", []).entries  # about nobody
    assert store.search(one, "Goal", []).entries == ()
    with pytest.raises(Problem):
        store.read(one, "Observation", "of-q")
    narrowed = app(("read", "Observation", f"code={systems.MCS}|MCS88020"), ("search", "Observation", "status=nothing"))
    assert store.read(narrowed, "Observation", "of-q").id == "of-q"
    assert store.search(narrowed, "Observation", []).entries == ()
    with pytest.raises(Problem):
        store.read(narrowed, "Observation", "level")
    unreadable = app(("read", "Observation", "nonsense=1"), ("search", "Observation", "patient.name=x"))
    with pytest.raises(Problem):
        store.read(unreadable, "Observation", "pressure")
    assert store.search(unreadable, "Observation", []).entries == ()


def test_an_update_tells_nothing_but_what_was_sent(system: Caller) -> None:
    caller = other(Role.PARTNER)
    task = system.send("GET", "/Task/t").json()
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": task | {"priority": "routine"}, "request": {"method": "PUT", "url": "Task/t"}},
            {"request": {"method": "GET", "url": "Patient/p"}},
        ],
    }
    told = caller.send("POST", "", bundle, JSON, Prefer="return=representation")
    assert told.status_code == 200 and HIDDEN not in told.content.decode()
    assert caller.send("PUT", "/Patient/p", person()).status_code in (403, 404)
    assert caller.send("PATCH", "/Patient/p", [{"op": "test", "path": "/link", "value": []}], PATCH).status_code >= 400
