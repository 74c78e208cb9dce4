"""Bulk Data $export over HTTP: kick-off, polling, manifest, files, removal; whose it is and what the log tells."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from lib.api import Caller
from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.access.models import AuditEvent
from tovholder.base.clock import system_clock
from tovholder.jobs.worker import Worker
from tovholder.store import export
from tovholder.store.export import writing

pytestmark = pytest.mark.django_db(transaction=True)
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.jobs, "root", lambda: tmp_path / "exports")


class World:
    """Three patients with a diagnosis each; two of them are a group's members, one no longer."""

    def __init__(self) -> None:
        with store.unit_of_work(system()) as uow:
            self.clinic = uow.create(clinic()).id
            self.people = [uow.create(patient(self.clinic, family=name)).id for name in ("Ask", "Bøg", "Eg")]
        with store.unit_of_work(system()) as uow:
            self.ill = [uow.create(condition(one)).id for one in self.people]
            members = [{"entity": {"reference": f"Patient/{one}"}} for one in self.people[:2]]
            members[1]["inactive"] = True  # type: ignore[assignment]
            group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
            self.group = uow.create(group).id


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def caller(world: World) -> Caller:
    return Caller(Role.SYSTEM)


def path_of(url: str) -> str:
    return url.partition("/fhir")[2]


def kick_off(caller: Caller, path: str, body: Any = None) -> str:
    response = caller.send("POST" if body else "GET", path, body, **ASYNC)
    assert response.status_code == 202, response.content
    return path_of(response.headers["Content-Location"])


def manifest(caller: Caller, path: str, body: Any = None) -> dict[str, Any]:
    where = kick_off(caller, path, body)
    assert Worker().work() == 1
    response = caller.send("GET", where)
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = response.json()
    return found


def lines(caller: Caller, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for file in files:
        response = caller.send("GET", path_of(file["url"]))
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/fhir+ndjson"
        told = [orjson.loads(line) for line in b"".join(response.streaming_content).splitlines()]
        assert len(told) == file["count"]
        assert {one["resourceType"] for one in told} == {file["type"]}
        found += told
    return found


def references(resources: list[dict[str, Any]]) -> Counter[str]:
    return Counter(f"{one['resourceType']}/{one['id']}" for one in resources)


def test_the_whole_record_is_exported(caller: Caller, world: World) -> None:
    where = kick_off(caller, "/$export")
    waiting = caller.send("GET", where)
    assert waiting.status_code == 202
    assert waiting.headers["X-Progress"] and int(waiting.headers["Retry-After"]) >= 1
    Worker().work()
    told = caller.send("GET", where)
    assert told.status_code == 200 and "Expires" in told.headers
    found = told.json()
    assert found["requiresAccessToken"] is True and found["error"] == [] and found["deleted"] == []
    assert found["request"].endswith("/fhir/$export")
    exported = lines(caller, found["output"])
    kinds = ("Organization", "Patient", "Condition", "Group", "EpisodeOfCare", "Flag")
    expected: Counter[str] = Counter()
    for kind in kinds:
        expected.update(entry.reference for entry in store.search_all(system(), kind, []))
    got = references(exported)
    assert {one: got[one] for one in expected} == dict(expected)
    assert max(got.values()) == 1
    by_id = {one["id"]: one for one in exported}
    assert by_id[world.ill[0]] == store.read(system(), "Condition", world.ill[0]).resource


def test_what_is_about_patients_is_exported_alone(caller: Caller, world: World) -> None:
    exported = references(lines(caller, manifest(caller, "/Patient/$export")["output"]))
    assert {f"Patient/{one}" for one in world.people} | {f"Condition/{one}" for one in world.ill} <= set(exported)
    assert not [one for one in exported if one.startswith(("Organization/", "Group/"))]
    named = references(lines(caller, manifest(caller, "/Patient/$export?_type=Patient,Organization")["output"]))
    assert set(named) == {f"Patient/{one}" for one in world.people} | {f"Organization/{world.clinic}"}


def test_a_groups_members_are_exported(caller: Caller, world: World) -> None:
    found = manifest(caller, f"/Group/{world.group}/$export?_type=Patient,Condition")
    assert set(references(lines(caller, found["output"]))) == {
        f"Patient/{world.people[0]}",
        f"Condition/{world.ill[0]}",
    }
    assert caller.send("GET", "/Group/nobody/$export", **ASYNC).status_code == 404


def test_a_group_appointment_belongs_to_each_of_its_patients(caller: Caller, world: World) -> None:
    actors = [{"actor": {"reference": f"Patient/{one}"}, "status": "accepted"} for one in world.people[1:]]
    with store.unit_of_work(system()) as uow:
        shared = uow.create({"resourceType": "Appointment", "status": "proposed", "participant": actors}).id
        nobody = {"resourceType": "Appointment", "status": "proposed"}
        uow.create({**nobody, "participant": [{"actor": {"display": "a room"}, "status": "accepted"}]})
    every = lines(caller, manifest(caller, "/Patient/$export?_type=Appointment")["output"])
    assert [one["id"] for one in every] == [shared]
    asked = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Appointment"}]}
    for person, count in zip(world.people, (0, 1, 1), strict=True):
        named = {"name": "patient", "valueReference": {"reference": f"Patient/{person}"}}
        body = {**asked, "parameter": [*asked["parameter"], named]}
        assert len(lines(caller, manifest(caller, "/Patient/$export", body)["output"])) == count


def test_since_gives_what_changed_and_what_was_deleted(caller: Caller, world: World) -> None:
    first = manifest(caller, "/$export")
    caller.send("DELETE", f"/Condition/{world.ill[2]}")
    changed = store.read(system(), "Patient", world.people[1]).resource
    caller.send("PUT", f"/Patient/{world.people[1]}", {**changed, "gender": "male"})
    second = manifest(caller, f"/$export?_since={first['transactionTime']}&_type=Patient,Condition")
    assert f"Patient/{world.people[1]}" in references(lines(caller, second["output"]))
    deletions = [entry["request"] for bundle in lines(caller, second["deleted"]) for entry in bundle["entry"]]
    assert deletions == [{"method": "DELETE", "url": f"Condition/{world.ill[2]}"}]
    assert manifest(caller, "/$export?_since=2099-01-01T00:00:00%2B01:00")["output"] == []


def test_type_filters_are_searches_of_which_one_must_match(caller: Caller, world: World) -> None:
    query = "_type=Patient,Condition&_typeFilter=Patient%3Ffamily%3DAsk&_typeFilter=Patient%3Ffamily%3DEg"
    exported = references(lines(caller, manifest(caller, f"/$export?{query}")["output"]))
    patients = {one for one in exported if one.startswith("Patient/")}
    assert patients == {f"Patient/{world.people[0]}", f"Patient/{world.people[2]}"}
    assert len(exported) - len(patients) == 3


def test_files_are_of_bounded_length(caller: Caller, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "FILE_LINES", 1)
    monkeypatch.setattr("tovholder.store.export.selection.FETCH", 1)
    found = manifest(caller, "/$export?_type=Patient")
    assert [file["count"] for file in found["output"]] == [1, 1, 1]
    assert len(references(lines(caller, found["output"]))) == 3


def test_everybody_exported_has_it_in_their_log(caller: Caller, world: World) -> None:
    found = manifest(caller, "/$export?_type=Patient,Condition")
    (event,) = AuditEvent.objects.filter(action="export")
    for number, person in enumerate(world.people):
        own = Caller(Role.CITIZEN, "", person, name=f"own-{number}")
        told = own.send("GET", "/AuditEvent?subtype=operation").json()["entry"]
        assert [one["resource"]["id"] for one in told] == [str(event.pk)]
    lines(caller, found["output"][:1])
    fetched = AuditEvent.objects.filter(action="export").order_by("-id")[0]
    assert AuditEvent.objects.filter(action="export").count() == 2
    export_id = path_of(found["output"][0]["url"]).split("/")[2]
    assert export_id in fetched.detail and export_id in event.detail


def test_an_export_is_its_owners_alone(caller: Caller, world: World) -> None:
    where = kick_off(caller, "/$export?_type=Patient")
    other = Caller(Role.SYSTEM, name="another-system")
    assert other.send("GET", where).status_code == 404
    assert other.send("DELETE", where).status_code == 404
    Worker().work()
    url = path_of(caller.send("GET", where).json()["output"][0]["url"])
    assert other.send("GET", url).status_code == 404
    assert caller.client.__class__().get(f"/fhir{url}").status_code == 401
    assert len(lines(caller, [{"url": f"/fhir{url}", "type": "Patient", "count": 3}])) == 3
    assert caller.send("GET", url.rpartition("/")[0] + "/manifest.json").status_code == 404
    assert caller.send("GET", url.rpartition("/")[0] + "/..%2F..%2Ftovholder.sqlite3").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_only_systems_may_export(world: World, role: Role) -> None:
    caller = Caller(role, world.clinic, world.people[0] if role is Role.CITIZEN else "")
    for path in ("/$export", "/Patient/$export", f"/Group/{world.group}/$export"):
        response = caller.send("GET", path, **ASYNC)
        assert response.status_code in (403, 404), path
    assert Worker().work() == 0


def test_a_removed_export_is_gone_with_its_files(caller: Caller, world: World) -> None:
    where = kick_off(caller, "/$export?_type=Patient")
    Worker().work()
    folder = export.jobs.root() / where.rpartition("/")[2]
    url = path_of(caller.send("GET", where).json()["output"][0]["url"])
    assert folder.exists() and folder.stat().st_mode & 0o077 == 0
    assert caller.send("DELETE", where).status_code == 202
    assert not folder.exists()
    for path in (where, url):
        assert caller.send("GET", path).status_code == 404
    assert caller.send("DELETE", where).status_code == 404
    waiting = kick_off(caller, "/$export")
    assert caller.send("DELETE", waiting).status_code == 202
    assert Worker().work() == 0


def test_files_are_removed_when_their_time_is_over(caller: Caller, world: World) -> None:
    where = kick_off(caller, "/$export?_type=Patient")
    Worker().work()
    (export.jobs.root() / "of-nobody.part").mkdir()
    assert export.sweep(system_clock()) == 1  # what no job owns
    assert caller.send("GET", where).status_code == 200
    later = system_clock() + export.jobs.lifetime() + timedelta(minutes=1)
    assert export.sweep(later) == 1
    assert caller.send("GET", where).status_code == 404
    assert list(export.jobs.root().iterdir()) == []


def test_an_export_that_fails_is_told(caller: Caller, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(writing, "_settle", broken)
    where = kick_off(caller, "/$export?_type=Patient")
    Worker().work()
    response = caller.send("GET", where)
    assert response.status_code == 500
    assert response.json()["resourceType"] == "OperationOutcome"
    assert list(export.jobs.root().iterdir()) == []  # nothing half is left


def test_without_the_wish_to_wait_there_is_no_export(caller: Caller) -> None:
    response = caller.send("GET", "/$export")
    assert response.status_code == 400
    assert "respond-async" in response.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "query",
    [
        "_outputFormat=application/xml",
        "_since=yesterday",
        "_since=2027",
        "_type=Nonsense",
        "_type=AuditEvent",
        "_typeFilter=Patient",
        "_typeFilter=Patient%3Fnonsense%3D1",
        "_typeFilter=Nonsense%3Fa%3D1",
        "includeAssociatedData=LatestProvenanceResources",
        "_elements=id",
        "patient=Patient/1",
        "_since=2027-01-01T00:00:00Z&_since=2027-01-01T00:00:00Z",
    ],
)
def test_wishes_that_cannot_be_met_are_refused(caller: Caller, query: str) -> None:
    response = caller.send("GET", f"/$export?{query}", **ASYNC)
    assert response.status_code == 400, response.content
    assert response.json()["resourceType"] == "OperationOutcome"
    assert Worker().work() == 0


def test_what_is_not_understood_is_ignored_when_that_is_preferred(caller: Caller) -> None:
    response = caller.send("GET", "/$export?_elements=id", Prefer="respond-async, handling=lenient")
    assert response.status_code == 202


def test_an_export_is_asked_for_by_a_parameters_resource(caller: Caller, world: World) -> None:
    given = [
        {"name": "_type", "valueString": "Patient"},
        {"name": "_outputFormat", "valueString": "application/fhir+ndjson"},
        {"name": "_since", "valueInstant": "2020-01-01T00:00:00Z"},
    ]
    found = manifest(caller, "/$export", {"resourceType": "Parameters", "parameter": given})
    assert [(file["type"], file["count"]) for file in found["output"]] == [("Patient", 3)]


def test_no_file_holds_half_a_line(caller: Caller, world: World) -> None:
    manifest(caller, "/$export")
    for path in Path(export.jobs.root()).rglob("*.ndjson"):
        raw = path.read_bytes()
        assert raw.endswith(b"\n") and not raw.endswith(b"\n\n")
        assert all(orjson.loads(line) for line in raw.splitlines())
