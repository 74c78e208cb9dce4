"""The audit trail as AuditEvents: valid R4 in BALP's shape, found by R4's parameters, and only by who may."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from lib.people import NOW, clinic, context, system
from lib.vectors import vectors
from tovholder.access import Role, audit, audit_event
from tovholder.access.domain import Context
from tovholder.base.errors import Category, Problem
from tovholder.fhir.searchparams import parameters_of
from tovholder.fhir.validate import validate
from tovholder.store import audit_search, unit_of_work

pytestmark = pytest.mark.django_db
OPERATOR = context(Role.OPERATOR, None, actor="user:7")


def write(action: str, patients: str = "", detail: str = "", minute: int = 0, **changes: Any) -> str:
    told = {"actor": "Practitioner/ida", "role": Role.GP, "organization": "clinic", "request_id": "0f" * 16} | changes
    outcome = told.pop("outcome", "ok")
    ctx = Context(now=NOW + timedelta(minutes=minute), **told)
    with transaction.atomic():
        audit.write([audit.Entry(ctx, action, frozenset(patients.split()), detail, outcome)])  # type: ignore[arg-type]
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) FROM access_auditevent")
        return str(cursor.fetchone()[0])


def found(query: str, ctx: Context = OPERATOR) -> list[str]:
    params = [tuple(part.split("=", 1)) for part in query.split("&") if part]
    return [entry.id for entry in audit_search.page(ctx, params).entries]  # type: ignore[arg-type]


@pytest.mark.parametrize("action", audit_event.ACTS)
@pytest.mark.parametrize("patients", ["", "p1", "p1 p2"])
def test_every_act_of_ours_is_a_valid_audit_event(action: str, patients: str) -> None:
    detail = "Observation Condition" if audit_event.ACTS[action].query else "Observation/a Patient/p1"
    outcome = "refused" if action == "refused" else "ok"
    number = write(action, patients, detail, outcome=outcome)
    event = audit_search.read(OPERATOR, number).resource
    assert [issue for issue in validate(event) if issue.severity in ("error", "fatal")] == []
    assert event["recorded"] == "2027-03-01T09:00:00.000Z"
    assert event["outcome"] == ("4" if outcome == "refused" else "0")
    about = [e["what"]["reference"] for e in event["entity"] if e["type"]["code"] == "1"]
    assert about == [f"Patient/{name}" for name in patients.split()]
    assert {"reference": "Practitioner/ida"} in [agent["who"] for agent in event["agent"]]
    assert {"reference": "Organization/clinic"} in [agent["who"] for agent in event["agent"]]
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"


def test_every_action_there_is_has_its_act() -> None:
    assert set(audit_event.ACTS) == set(audit.Action.__args__)  # type: ignore[attr-defined]


def test_people_without_a_resource_and_systems_are_named_by_what_they_log_in_as() -> None:
    number = write("import", "p1", "Patient/p1", actor="system:import", role=Role.SYSTEM, organization=None)
    agent = audit_search.read(OPERATOR, number).resource["agent"][2]
    assert (agent["who"], agent["altId"]) == ({"display": "import"}, "import")


def shape(event: dict[str, Any]) -> set[tuple[str, ...]]:
    """What BALP's profiles fix: kind, act, who takes part as what, and the kinds of entities."""
    agents = {("agent", coding["code"]) for agent in event["agent"] for coding in agent["type"]["coding"]}
    entities = {("entity", e["type"]["code"], e.get("role", {}).get("code", "")) for e in event["entity"]}
    own = {("type", event["type"]["code"]), ("action", event["action"]), ("outcome", event["outcome"])}
    return own | agents | entities | {("subtype", code["code"]) for code in event["subtype"]}


@pytest.mark.parametrize(
    ("example", "action", "patients", "detail"),
    [
        ("auditBasicReadServer", "read", "p1", "Observation/a"),
        ("auditBasicReadNoPatient", "read", "", "Organization/a"),
        ("auditBasicQueryPost", "search", "p1", "Observation"),
        ("auditBasicQueryGetNoPatient", "search", "", "Organization"),
        ("auditBasicCreate1", "create", "p1", "Observation/a"),
        ("auditBasicUpdate1", "update", "p1", "Observation/a"),
    ],
)
def test_it_has_the_shape_of_the_published_examples(example: str, action: str, patients: str, detail: str) -> None:
    published = json.loads((vectors("ihe-balp") / f"AuditEvent-ex-{example}.json").read_text(encoding="utf-8"))
    ours = audit_search.read(OPERATOR, write(action, patients, detail)).resource
    assert shape(published) - {("agent", "AUT"), ("agent", "IRCP"), ("agent", "INF")} <= shape(ours)
    assert ours["meta"]["profile"] == published["meta"]["profile"]


def test_each_parameter_finds_what_it_should_and_nothing_else() -> None:
    read = write("read", "p1", "Observation/a", 0)
    search = write("search", "p1 p2", "Observation", 10, organization="other", actor="Practitioner/bo")
    create = write("create", "p3", "Observation/A", 20, actor="system:import", role=Role.SYSTEM, organization=None)
    refused = write("refused", "p2", "Condition/c", 30, outcome="refused", role=Role.STAFF)
    figures = write("aggregate", "", "indicator", 40, role=Role.ANALYST, request_id="")
    everything = [figures, refused, create, search, read]
    assert found("") == everything
    these = f"&_id={','.join(everything)}"  # each look is an event, too
    for query, expected in {
        f"_id={read},{create}": [create, read],
        "patient=Patient/p1": [search, read],
        "patient=p2": [refused, search],
        "patient:Patient=p2": [refused, search],
        "patient=Group/p2": [],
        "entity=Observation/a": [read],
        "entity=Patient/p3": [create],
        "agent=Practitioner/bo": [search],
        "agent:Practitioner=bo": [search],
        "agent=Organization/other": [search],
        "agent=ida": [figures, refused, read],
        "agent-role=gp": [search, read],
        f"agent-role={audit_event.ROLE_SYSTEM}|system": [create],
        "action=R": [read],
        "action=E": [figures, refused, search],
        "action:not=E": [create, read],
        "type=rest": [figures, create, search, read],
        "type=http://dicom.nema.org/resources/ontology/DCM|110113": [refused],
        "type=http://dicom.nema.org/resources/ontology/DCM|": [refused],
        "type=http://example.org|rest": [],
        "subtype=create,read": [create, read],
        "outcome=4": [refused],
        "outcome:not=4": [figures, create, search, read],
        "entity-type=1": [refused, create, search, read],
        "entity-type=XrequestId": [refused, create, search, read],
        "entity-role=24": [figures, search],
        "entity-role=4": [refused, create, read],
        "altid=import": [create],
        "site=tovholder": everything,
        "site=elsewhere": [],
        "source=Device/x": [],
        "address=10.0.0.1": [],
        "agent-name=Ida": [],
        "policy=http://example.org": [],
        "entity-name=x": [],
        "date=2027-03-01T09:10:00Z": [search],
        "date=2027-03-01": everything,
        "date=ne2027-03-01": [],
        "date=gt2027-03-01T09:20:00Z": [figures, refused],
        "date=ge2027-03-01T09:20:00Z": [figures, refused, create],
        "date=lt2027-03-01T09:10:00Z": [read],
        "date=le2027-03-01T09:10:00Z": [search, read],
        "date=sa2027-03-01T09:20:00Z": [figures, refused],
        "date=eb2027-03-01T09:10:00Z": [read],
        "date=ap2027-03-01T09:10:00Z": [search],
        "_lastUpdated=ge2027-03-01T09:10:00Z&date=lt2027-03-01T09:30:00Z": [create, search],
        "patient=p1&action=R": [read],
        "_sort=date": everything[::-1],
        "_sort=-_lastUpdated&_count=2": [figures, refused],
    }.items():
        assert (query, found(query + these)) == (query, expected)


def test_the_parameters_are_those_of_r4() -> None:
    known = {item.name for item in parameters_of("AuditEvent")} - {"_profile", "_security", "_source", "_tag"}
    assert known | {"_id", "_lastUpdated"} == set(audit_search.parameters())


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("colour=red", "colour"),
        ("date=soon", "date"),
        ("date=xx2027", "date"),
        ("action:exact=R", "action:exact"),
        ("entity=abc", "entity"),
        ("_sort=agent", "_sort"),
        ("_count=many", "_count"),
        ("_cursor=x", "_cursor"),
        ("patient=", "patient"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_there_is(query: str, path: str) -> None:
    with pytest.raises(Problem) as told:
        found(query)
    assert told.value.category is Category.INVALID
    assert [issue.path for issue in told.value.issues] == [path]
    assert told.value.issues[0].expected


@pytest.mark.parametrize("sort", ["", "_sort=date", "_sort=-date", "_sort=_id"])
def test_pages_follow_each_other_while_others_write(sort: str) -> None:
    there = [write("read", f"p{n}", f"Observation/o{n}", minute=n // 3) for n in range(11)]
    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = [("_count", "4"), *([("_cursor", cursor)] if cursor else [])]
        page = audit_search.page(OPERATOR, [tuple(sort.split("=")), *more] if sort else more)  # type: ignore[list-item]
        met += [entry.id for entry in page.entries]
        cursor = page.cursor
        write("read", "late", "Observation/late", minute=100)
    assert [number for number in met if number in there] == (
        there if sort in ("_sort=date", "_sort=_id") else there[::-1]
    )
    assert len(met) == len(set(met))


def test_how_many_there_are_is_counted_when_asked() -> None:
    for n in range(5):
        write("read", f"p{n}", f"Observation/o{n}")
    assert audit_search.page(OPERATOR, [("_count", "2")]).total is None
    assert audit_search.page(OPERATOR, [("_count", "2"), ("_total", "accurate")]).total == 6  # the look before is one
    counted = audit_search.page(OPERATOR, [("_summary", "count"), ("patient", "p1")])
    assert (counted.entries, counted.total) == ((), 1)  # the looks showed the newest, not p1


def test_looking_at_the_trail_stands_in_the_trail() -> None:
    number = write("read", "p1 p2", "Observation/o")
    audit_search.page(OPERATOR, [("_id", number)])
    look = audit_search.page(system(), [("agent", "user:7"), ("_count", "1")])
    assert look.entries == ()  # a person without a resource is found by what they log in as
    (event,) = audit_search.page(system(), [("altid", "7")]).entries
    about = [e["what"]["reference"] for e in event.resource["entity"] if e["type"]["code"] == "1"]
    assert (event.resource["action"], about) == ("E", ["Patient/p1", "Patient/p2"])


def test_a_patient_sees_who_looked_at_them_and_nothing_of_anybody_else() -> None:
    own = write("read", "p1", "Observation/mine")
    both = write("read", "p1 p2", "Observation/mine Observation/theirs")
    others = write("read", "p2", "Observation/theirs")
    citizen = context(Role.CITIZEN, None, patient="p1")
    assert found("", citizen) == [both, own]
    assert "theirs" not in json.dumps([entry.resource for entry in audit_search.page(citizen, []).entries])
    assert "p2" not in json.dumps(audit_search.read(citizen, both).resource)
    assert "Observation/mine" in json.dumps(audit_search.read(citizen, own).resource)
    with pytest.raises(Problem) as told:
        audit_search.read(citizen, others)
    assert told.value.category is Category.NOT_FOUND
    for query in ("patient=p2", "entity=Patient/p2", "entity=Observation/theirs"):
        assert found(query, citizen) == []  # nor is it told that both were on one page
    assert found("entity=Patient/p1", citizen) == [both, own]
    assert found("entity=Observation/mine", citizen) == [own]


@pytest.mark.parametrize("role", [Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER, Role.ANALYST])
def test_nobody_else_reads_the_trail(role: Role) -> None:
    number = write("read", "p1", "Observation/o")
    for look in (
        lambda: found("", context(role, "clinic")),
        lambda: audit_search.read(context(role, "clinic"), number),
    ):
        with pytest.raises(Problem) as told:
            look()
        assert told.value.category is Category.FORBIDDEN


def test_a_number_that_is_none_is_not_found() -> None:
    for rid in ("0", "99999", "x", "1" * 30):
        with pytest.raises(Problem) as told:
            audit_search.read(OPERATOR, rid)
        assert told.value.category is Category.NOT_FOUND


def test_with_a_date_asked_the_newest_moment_comes_first_and_the_index_of_dates_is_the_way_in() -> None:
    newest = write("read", "p1", "Observation/a", 20)
    late = write("read", "p1", "Observation/b", 10)  # written behind one that happened after it
    query = "agent=Practitioner/ida&date=ge2027-03-01"
    assert found("agent=Practitioner/ida") == [late, newest]
    assert found(query) == [newest, late]
    if connection.vendor == "sqlite":  # PostgreSQL's choice depends on how many there are
        with CaptureQueriesContext(connection) as told:
            found(query)
        asked = next(one["sql"] for one in told if "access_auditevent AS e WHERE" in one["sql"])
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
            assert [row[3] for row in cursor.fetchall()] == ["SEARCH e USING INDEX audit_at (at_ms>?)"]


@pytest.mark.parametrize("bulk", [False, True])
def test_an_event_that_names_but_the_first_of_many_says_how_many_more_there_are(bulk: bool) -> None:
    with unit_of_work(system(), bulk=bulk) as uow:
        made = [uow.create(clinic(f"Clinic {n}")).reference for n in range(audit_event.NAMED + 5)]
    (event,) = audit_search.page(OPERATOR, [("action", "C")]).entries
    things = [one for one in event.resource["entity"] if one["type"]["code"] == "2"]
    assert [one["what"]["reference"] for one in things[:-1]] == made[: audit_event.NAMED]
    assert things[-1]["description"].startswith("And 5 more")
    assert [issue for issue in validate(event.resource) if issue.severity in ("error", "fatal")] == []
