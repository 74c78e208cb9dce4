"""Clients others wrote, against the demo behind the real server: fhirpy, fhirclient, fhir-kit-client, and a Bulk Data walk.

No Bulk Data client installs from npm, so that walk is plain HTTP, as the guide tells it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from lib.homes import Home
from lib.serving import Server

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / "node_modules" / "fhir-kit-client" / "dist" / "index.js"
SCRIPT = Path(__file__).with_name("clients") / "fhir_kit_client.mjs"
BUILD = """
import django; django.setup()
from tovholder.base import days
from tovholder.cli import setup
from tovholder.demo import build
from tovholder.demo.synth import SynthConfig
anchor = days.date_of(days.day_of(setup.now()))
few = dict(list_size=100, package_clinics=2, package_patients_per_clinic=4)
build.build(setup.now(), config=SynthConfig(seed=2027, anchor=anchor, **few))
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A small demo, served."""
    with Server.made(tmp_path_factory.mktemp("clients")) as server:
        made = subprocess.run([sys.executable, "-c", BUILD], env=server.environ, capture_output=True, check=False)
        assert made.returncode == 0, made.stderr.decode()
        yield server


def base(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/fhir"


@pytest.fixture(scope="module")
def patient(demo: Server) -> str:
    """Somebody with a diagnosis."""
    (row,) = demo.home.rows(
        "SELECT patient_id FROM store_resource WHERE type = 'Condition' ORDER BY patient_id LIMIT 1"
    )
    return str(row[0])


def count(home: Home, kind: str) -> int:
    (row,) = home.rows(f"SELECT COUNT(*) FROM store_resource WHERE type = '{kind}' AND NOT deleted")
    return int(row[0])


# -- fhirpy --------------------------------------------------------------------------------------------------------


def fhirpy_arguments(demo: Server) -> dict[str, Any]:
    return {"url": base(demo), "authorization": f"Bearer {demo.token}"}


def test_fhirpy(demo: Server, patient: str) -> None:
    fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed: make install-dev")
    from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

    client = fhirpy.SyncFHIRClient(**fhirpy_arguments(demo))

    made = client.resource("Patient", name=[{"family": "Pythagoras", "given": ["Prøve"]}], birthDate="1950-01-02")
    made.save()
    assert made.id
    read = client.reference("Patient", made.id).to_resource()
    assert read.serialize()["name"] == [{"family": "Pythagoras", "given": ["Prøve"]}]
    read["birthDate"] = "1950-01-03"
    read.save()
    assert client.get("Patient", made.id)["meta"]["versionId"] == "2"

    found = client.resources("Patient").search(family="Pythagoras", birthdate="1950-01-03")
    assert [one.id for one in found.fetch()] == [made.id]
    assert found.first().id == made.id and found.get().id == made.id
    assert client.resources("Patient").search(family__exact="pythagoras").fetch() == []

    assert client.resources("Patient").search(family="Pythagoras").count() == 1  # sends _totalMethod, which is nobody's
    everybody = client.resources("Patient").limit(7).fetch_all()
    assert len(everybody) == len({one.id for one in everybody}) == count(demo.home, "Patient")
    newest = client.resources("Observation").search(patient=f"Patient/{patient}").sort("-date").limit(3).fetch()
    dates = [one["effectiveDateTime"] for one in newest if "effectiveDateTime" in one]
    assert dates == sorted(dates, reverse=True)
    bundle = client.resources("Condition").search(patient=f"Patient/{patient}").include("Condition", "subject")
    kinds = {entry["resource"]["resourceType"] for entry in bundle.fetch_raw()["entry"]}
    assert kinds == {"Condition", "Patient"}
    having = client.resources("Patient").has("Condition", "patient", code="R95").fetch_all()
    assert all(one["resourceType"] == "Patient" for one in having)
    assert set(client.resources("Patient").search(_id=made.id).elements("birthDate").get()) >= {"birthDate", "id"}

    ticket = {"system": "urn:test", "value": "fhirpy"}
    draft = client.resource("Practitioner", identifier=[ticket], name=[{"family": "Een"}])
    same = client.resources("Practitioner").search(identifier="urn:test|fhirpy")
    first, was_made = same.get_or_create(draft)
    again, made_again = same.get_or_create(draft)
    assert was_made and not made_again and first.id == again.id
    updated, _ = same.update(client.resource("Practitioner", identifier=[ticket], name=[{"family": "To"}]))
    assert updated.id == first.id and updated["name"] == [{"family": "To"}]
    other = client.resource("Practitioner", identifier=[ticket], name=[{"family": "Tre"}])
    other.save()
    with pytest.raises(MultipleResourcesFound):
        same.get_or_create(draft)

    entries = [
        {
            "fullUrl": "urn:uuid:8f0e8f0e-0000-4000-8000-00000000f001",
            "resource": {"resourceType": "Organization", "name": "Fhirpy Klinik"},
            "request": {"method": "POST", "url": "Organization"},
        },
        {
            "resource": {
                "resourceType": "PractitionerRole",
                "organization": {"reference": "urn:uuid:8f0e8f0e-0000-4000-8000-00000000f001"},
            },
            "request": {"method": "POST", "url": "PractitionerRole"},
        },
    ]
    answer = client.execute("", data={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]

    history = client.execute(f"Patient/{made.id}/_history", method="get")
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"]
    everything = client.execute(f"Patient/{patient}/$everything", method="get")
    assert everything["entry"][0]["resource"]["id"] == patient

    with pytest.raises(OperationOutcome) as refused:
        client.resource("Patient", gender="tree").save()
    assert refused.value.resource["issue"][0]["severity"] == "error"
    client.delete("Patient", made.id)
    with pytest.raises(ResourceNotFound):
        client.get("Patient", made.id)
    wrong = fhirpy.SyncFHIRClient(url=base(demo), authorization="Bearer nobody")
    with pytest.raises(fhirpy.base.exceptions.AuthorizationError):
        wrong.resources("Patient").fetch()


def test_fhirpy_patch_is_told_what_a_patch_is(demo: Server, patient: str) -> None:
    """fhirpy sends members to merge; R4 knows JSON Patch, FHIRPath Patch and XML Patch (§3.1.0.6)."""
    fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed: make install-dev")
    client = fhirpy.SyncFHIRClient(**fhirpy_arguments(demo))
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome) as refused:
        client.patch("Patient", patient, active=True)
    assert refused.value.resource["resourceType"] == "OperationOutcome"


def test_fhirpy_beside_itself(demo: Server, patient: str) -> None:
    """The asynchronous client, many requests at once."""
    fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed: make install-dev")

    async def walk() -> None:
        client = fhirpy.AsyncFHIRClient(**fhirpy_arguments(demo))
        drafts = [client.resource("Basic", code={"text": f"async {number}"}) for number in range(12)]
        await asyncio.gather(*(draft.save() for draft in drafts))
        assert len({draft.id for draft in drafts}) == 12
        read = await asyncio.gather(*(client.reference("Basic", draft.id).to_resource() for draft in drafts))
        assert [one["code"]["text"] for one in read] == [f"async {number}" for number in range(12)]
        seen = [one.id async for one in client.resources("Patient").limit(9)]
        assert len(seen) == len(set(seen)) == count(demo.home, "Patient")
        searches = [client.resources(kind).search(patient=f"Patient/{patient}") for kind in ("Condition", "Goal")]
        conditions, _ = await asyncio.gather(*(search.fetch_all() for search in searches))
        assert conditions
        await asyncio.gather(*(draft.delete() for draft in drafts))

    asyncio.run(walk())


# -- fhirclient ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # perform_resources of old
def test_fhirclient(demo: Server, patient: str) -> None:
    client = pytest.importorskip("fhirclient.client", reason="fhirclient is not installed: make install-dev")
    import requests
    from fhirclient.models.bundle import Bundle
    from fhirclient.models.condition import Condition
    from fhirclient.models.fhirreference import FHIRReference
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient
    from fhirclient.server import FHIRNotFoundException, FHIRUnauthorizedException

    smart = client.FHIRClient(settings={"app_id": "test", "api_base": base(demo)})
    server = smart.server
    assert not smart.prepare()  # it reads in our statement that an app is let in first, and where
    server.auth.access_token = demo.token  # what letting it in would have given
    assert smart.ready
    assert server.capabilityStatement.fhirVersion == "4.0.1"

    somebody = Patient.read(patient, server)
    assert somebody.id == patient and smart.human_name(somebody.name[0])
    conditions = list(Condition.where({"patient": patient}).perform_resources_iter(server))
    assert conditions and all(one.subject.reference == f"Patient/{patient}" for one in conditions)
    assert conditions[0].subject.resolved(Patient).id == patient
    everybody = list(Patient.where({"_count": "6"}).perform_resources_iter(server))
    assert len(everybody) == len({one.id for one in everybody}) == count(demo.home, "Patient")
    included = Condition.where({"patient": patient}).include("subject").perform(server)
    assert {entry.resource.resource_type for entry in included.entry} == {"Condition", "Patient"}

    made = Observation({"status": "final", "code": {"text": "weight"}, "valueQuantity": {"value": 71.5, "unit": "kg"}})
    made.subject = FHIRReference({"reference": f"Patient/{patient}"})
    answer = made.create(server)
    assert answer["resourceType"] == "Observation"
    stored = Observation.read(answer["id"], server)
    assert stored.valueQuantity.value == 71.5
    stored.status = "amended"
    assert stored.update(server)["meta"]["versionId"] == "2"
    pages = Bundle.read_from(f"Observation/{stored.id}/_history", server)
    assert [entry.resource.status for entry in pages.entry] == ["amended", "final"]
    stored.delete(server)
    with pytest.raises(requests.HTTPError) as gone:
        Observation.read(stored.id, server)
    assert gone.value.response.status_code == 410
    with pytest.raises(FHIRNotFoundException):
        Patient.read("nobody-of-that-name", server)
    stranger = client.FHIRClient(settings={"app_id": "test", "api_base": base(demo)})
    stranger.prepare()
    with pytest.raises(FHIRUnauthorizedException):
        Patient.read(patient, stranger.server)


# -- fhir-kit-client -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kit(demo: Server, patient: str) -> dict[str, dict[str, Any]]:
    """What each step of the walk in JavaScript told."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    if not KIT.exists():
        pytest.skip("fhir-kit-client is not installed: npm ci")
    command = [node, str(SCRIPT), str(KIT), base(demo), demo.token, patient]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    told = [orjson.loads(line) for line in done.stdout.splitlines()]
    return {one["step"]: one for one in told}


REFUSED = {"update of an older version": 412, "not valid": 400, "read what was deleted": 410}


def test_each_step_of_fhir_kit_client_does_what_it_should(kit: dict[str, dict[str, Any]]) -> None:
    failed = {name: (one.get("status"), one["error"]) for name, one in kit.items() if "error" in one}
    assert {name: told[0] for name, told in failed.items()} == REFUSED, failed
    for name in REFUSED:
        assert kit[name]["outcome"]["resourceType"] == "OperationOutcome"


def test_fhir_kit_client_is_given_what_it_asks_for(kit: dict[str, dict[str, Any]], demo: Server, patient: str) -> None:
    answer = {name: one.get("answer") for name, one in kit.items()}
    assert answer["capabilityStatement"] == {
        "fhirVersion": "4.0.1",
        "transaction": True,
        "create": True,
        "birthdate": True,
    }
    quiet = answer["create returning nothing"]
    assert quiet["status"] == 201 and quiet["body"] == [] and "/Basic/" in quiet["location"]
    me = answer["create"]["id"]
    assert answer["read"] == answer["create"] == answer["vread"]
    assert answer["update"]["meta"]["versionId"] == "2"
    assert answer["patch"]["name"][0]["given"] == ["Prøve", "Mia"]
    versions = [entry["resource"]["meta"]["versionId"] for entry in answer["history"]["entry"]]
    assert versions == ["3", "2", "1"]
    assert answer["history of a type"]["type"] == answer["history of all"]["type"] == "history"
    for name in ("search", "search by post"):
        assert [entry["resource"]["id"] for entry in answer[name]["entry"]] == [me]
    kinds = {entry["resource"]["resourceType"] for entry in answer["search of all"]["entry"]}
    assert kinds <= {"Patient", "Practitioner"} and len(answer["search of all"]["entry"]) == 5
    about = {entry["resource"]["subject"]["reference"] for entry in answer["search of a compartment"]["entry"]}
    assert about == {f"Patient/{patient}"}
    seen = [one for page in answer["pages"] for one in page]
    assert len(seen) == len(set(seen)) >= 20 and all(len(page) == 7 for page in answer["pages"][:-1])
    assert answer["resolve"]["id"] == patient
    assert [entry["response"]["status"][:3] for entry in answer["batch"]["entry"]] == ["200", "404", "200"]
    assert [entry["response"]["status"][:3] for entry in answer["transaction"]["entry"]] == ["201", "201"]
    assert answer["conditional update"]["identifier"] == [{"system": "urn:test", "value": "kit"}]
    whole = {entry["resource"]["resourceType"] for entry in answer["operation on one"]["entry"]}
    assert whole == {"Patient", "Observation", "Practitioner"}
    part = {entry["resource"]["resourceType"] for entry in answer["operation by post"]["entry"]}
    assert part == {"Observation"}
    assert answer["validate"]["resourceType"] == "OperationOutcome"
    assert answer["delete"] in (200, 204)


# -- Bulk Data -----------------------------------------------------------------------------------------------------

WAIT = 90.0


class Bulk:
    """A Bulk Data client: kick-off, polling as it is told to, the files of the manifest (Bulk Data Access IG 2.0)."""

    def __init__(self, demo: Server) -> None:
        self.demo = demo

    def kick_off(self, path: str, body: Any = None) -> str:
        told = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        answer = self.demo.send("POST" if body else "GET", f"/fhir{path}", body, **told)
        assert answer.status == 202, answer.body
        return self.path(answer.headers["Content-Location"])

    def path(self, url: str) -> str:
        assert url.startswith(base(self.demo))
        return urlsplit(url).path

    def wait(self, where: str) -> dict[str, Any]:
        until = time.monotonic() + WAIT
        while True:
            answer = self.demo.send("GET", where, Accept="application/json")
            if answer.status == 200:
                assert answer.headers["Content-Type"].startswith("application/json") and "Expires" in answer.headers
                found: dict[str, Any] = answer.json
                return found
            assert answer.status == 202, answer.body
            assert answer.headers["X-Progress"] and time.monotonic() < until
            time.sleep(min(int(answer.headers["Retry-After"]), 1))

    def resources(self, manifest: dict[str, Any], part: str = "output") -> Iterator[dict[str, Any]]:
        for file in manifest[part]:
            answer = self.demo.send("GET", self.path(file["url"]), Accept="application/fhir+ndjson")
            assert answer.status == 200 and answer.headers["Content-Type"] == "application/fhir+ndjson"
            lines = [orjson.loads(line) for line in answer.body.splitlines()]
            assert len(lines) == file["count"] and {one["resourceType"] for one in lines} == {file["type"]}
            yield from lines


@pytest.fixture
def bulk(demo: Server) -> Bulk:
    return Bulk(demo)


def current(home: Home) -> dict[str, str]:
    """Every current resource with its version, straight from the tables."""
    rows = home.rows("SELECT type, rid, version FROM store_resource WHERE NOT deleted")
    return {f"{kind}/{rid}": str(version) for kind, rid, version in rows}


def told_in(resources: Iterator[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in resources:
        reference = f"{one['resourceType']}/{one['id']}"
        assert reference not in found
        found[reference] = one["meta"]["versionId"]
    return found


def test_bulk_data_of_everything_and_then_of_what_changed(demo: Server, bulk: Bulk, patient: str) -> None:
    where = bulk.kick_off("/$export")
    manifest = bulk.wait(where)
    assert manifest["requiresAccessToken"] is True
    assert told_in(bulk.resources(manifest)) == current(demo.home)

    after = demo.send("POST", "/fhir/Basic", {"resourceType": "Basic", "code": {"text": "after"}}).json["id"]
    gone = demo.send("POST", "/fhir/Basic", {"resourceType": "Basic", "code": {"text": "gone"}}).json["id"]
    assert demo.status("DELETE", f"/fhir/Basic/{gone}") in (200, 204)
    later = bulk.wait(bulk.kick_off(f"/$export?_since={manifest['transactionTime']}"))
    assert f"Basic/{after}" in told_in(bulk.resources(later))
    urls = [entry["request"]["url"] for one in bulk.resources(later, "deleted") for entry in one["entry"]]
    assert f"Basic/{gone}" in urls

    assert demo.status("DELETE", where) == 202
    assert demo.status("GET", where) == 404
    assert demo.status("GET", bulk.path(manifest["output"][0]["url"])) == 404


def test_bulk_data_of_a_group_of_patients(demo: Server, bulk: Bulk) -> None:
    rows = demo.home.rows("SELECT rid FROM store_resource WHERE type = 'Patient' AND NOT deleted ORDER BY rid LIMIT 5")
    people = [row[0] for row in rows]
    members = [{"entity": {"reference": f"Patient/{one}"}} for one in people]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    made = demo.send("POST", "/fhir/Group", group)
    assert made.status == 201, made.body
    manifest = bulk.wait(bulk.kick_off(f"/Group/{made.json['id']}/$export"))
    rows = demo.home.rows(
        f"SELECT type, rid FROM store_resource WHERE NOT deleted AND patient_id IN ({', '.join('?' * 5)})", *people
    )
    assert {f"{kind}/{rid}" for kind, rid in rows} == set(told_in(bulk.resources(manifest)))
    part = bulk.wait(bulk.kick_off("/Patient/$export?_type=Patient&_typeFilter=Patient%3Fgender%3Dfemale"))
    assert {one["gender"] for one in bulk.resources(part)} == {"female"}


def one_worker(server: Server) -> int:
    """The process id of the one worker. Waits for it: another takes a while to follow one that died."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        found = set(server.children()) - set(server.serving())
        if found:
            return found.pop()
        time.sleep(0.05)
    raise AssertionError("the server has no worker")


def test_an_export_whose_worker_is_killed_is_whole_all_the_same(demo: Server, bulk: Bulk) -> None:
    """The worker dies in the middle of writing; the server starts another, and the job is run again."""
    folder = demo.home.folder / "exports"
    for _ in range(8):
        worker = one_worker(demo)
        where = bulk.kick_off("/$export")
        export_id = where.rpartition("/")[2]
        until = time.monotonic() + WAIT
        while not any(path.name.startswith(export_id) for path in folder.iterdir()):
            assert time.monotonic() < until
        os.kill(worker, signal.SIGKILL)
        manifest = bulk.wait(where)
        (row,) = demo.home.rows(
            "SELECT worker_ids FROM django_tasks_database_dbtaskresult WHERE id = ?",
            export_id if demo.home.database_url else export_id.replace("-", ""),
        )
        attempts = orjson.loads(row[0]) if isinstance(row[0], str) else row[0]
        assert told_in(bulk.resources(manifest)) == current(demo.home)
        assert [path.name for path in folder.iterdir() if path.name.startswith(export_id) and path.suffix != ".part"]
        assert demo.status("DELETE", where) == 202
        if len(attempts) > 1:
            return
    pytest.fail("no kill came in the middle of an export")
