"""What is too large is told as such, before it costs much; limits are settings."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lib.api import Caller
from lib.people import patient
from tovholder.access import Role
from tovholder.base import json
from tovholder.config import env

pytestmark = pytest.mark.django_db


@pytest.fixture
def limit(settings: Any) -> Any:
    def set_to(**values: int) -> None:
        limits = dataclasses.replace(settings.ENV.limits, **values)
        settings.ENV = dataclasses.replace(settings.ENV, limits=limits)

    return set_to


def told(answer: Any, status: int, number: str) -> None:
    assert answer.status_code == status, answer.content[:300]
    issue = answer.json()["issue"][0]
    assert issue["code"] == "too-long"
    assert number in issue["diagnostics"]


def many(count: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": "x"}] * count}


def test_a_resource_with_very_many_values(system: Caller) -> None:
    told(system.send("POST", "/Patient", many(600_000)), 413, "100000")
    assert system.send("POST", "/Patient", many(2000)).status_code == 201


def test_each_limit(system: Caller, limit: Any) -> None:
    limit(values=100, resource=20_000, depth=8, entries=2, url=200, header=300, body=30_000, body_values=5000, patch=3)
    told(system.send("POST", "/Patient", many(60)), 413, "100")
    told(system.send("POST", "/Patient", {"resourceType": "Patient", "language": "x" * 20_001}), 413, "20000")
    told(system.send("POST", "/Patient", {"resourceType": "Patient", "language": "x" * 30_001}), 413, "30000")
    told(system.send("POST", "/Patient", b'{"resourceType":"Patient","name":[' + b"1," * 5001 + b"1]}"), 413, "5000")
    deep: dict[str, Any] = {"url": "x", "valueString": "x"}
    for _ in range(4):
        deep = {"url": "x", "extension": [deep]}
    told(system.send("POST", "/Patient", {"resourceType": "Patient", "extension": [deep]}), 413, "8")
    told(system.send("GET", f"/Patient?family={'x' * 200}"), 414, "200")
    told(system.send("GET", "/Patient/1", **{"If-None-Match": "x" * 301}), 431, "300")
    patch = [{"op": "test", "path": "/id", "value": "x"}] * 4
    told(system.send("PATCH", "/Patient/1", patch, "application/json-patch+json"), 413, "3")
    entry = {"request": {"method": "GET", "url": "Patient"}}
    for kind in ("transaction", "batch"):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry] * 3}
        told(system.send("POST", "", bundle), 413, "2")


def test_an_entry_too_large_is_named(system: Caller, limit: Any) -> None:
    limit(values=100)
    large = {"resource": many(60), "request": {"method": "POST", "url": "Patient"}}
    good = {"resource": patient(), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [good, large]}
    answer = system.send("POST", "", bundle)
    told(answer, 413, "100")
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    batch = system.send("POST", "", bundle | {"type": "batch"}).json()
    assert [entry["response"]["status"][:3] for entry in batch["entry"]] == ["201", "413"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
        b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
        b'{"resourceType":"Patient","name":[{"family":"\xff"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
        b'\xef\xbb\xbf{"resourceType":"Patient"',
        b'{"resourceType":"Patient"}{}',
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_of_ours(system: Caller, raw: bytes) -> None:
    answer = system.send("POST", "/Patient", raw)
    assert answer.status_code == 400
    assert json.loads(answer.content)["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOVHOLDER_MAX_ENTRIES", "0"),
        ("TOVHOLDER_MAX_URL", "9000"),
        ("TOVHOLDER_MAX_DEPTH", "1000"),
        ("TOVHOLDER_MAX_VALUES", "many"),
        ("TOVHOLDER_CONDITIONAL_DELETE", "all"),
        ("TOVHOLDER_IDLE_MINUTES", "-1"),
        ("TOVHOLDER_ATTEMPTS", "20/200"),
        ("TOVHOLDER_PROXIES", "many"),
    ],
)
def test_a_limit_that_is_none_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(env.SettingsError) as error:
        env.read({"TOVHOLDER_ENV": "test", name: value})
    assert name in str(error.value)


def test_operations_take_no_larger_resources_than_writes(system: Caller) -> None:
    told(system.send("POST", "/Patient/$validate", many(60_000)), 413, "100000")
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": many(60_000)}]}
    told(system.send("POST", "/Patient/$validate", wrapped), 413, "100000")


def test_a_chain_the_database_cannot_take_is_told_as_too_costly() -> None:
    """Four links are allowed; within the scope of a clinic that is more than SQLite's parser holds."""
    asked = "_has:Observation:subject:subject._has:Observation:subject:subject.name=x"
    answer = Caller(Role.GP, "o").send("GET", f"/Patient?{asked}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert answer.json()["issue"][0]["code"] == "too-costly"


@pytest.mark.parametrize("asked", ["family:0702901234=x", "0702901234=x", "general-practitioner:0702901234.name=x"])
def test_what_may_be_a_number_of_somebodys_is_not_told_back(system: Caller, asked: str) -> None:
    for answer in (system.send("GET", f"/Patient?{asked}"), system.send("0702901234", "/Patient")):
        assert answer.status_code in (400, 405)
        assert b"0702901234" not in answer.content
        assert answer.json()["issue"][0]["expression"]


@pytest.mark.parametrize("path", ["/Patient/1%00", "/Patient/1%00/_history", "/Patient/1/_history/1%00", "/Patient%00"])
def test_nothing_is_kept_under_a_character_no_database_keeps(system: Caller, path: str) -> None:
    assert system.send("GET", path).status_code == 404
