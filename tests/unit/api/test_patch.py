"""JSON Patch by id and by criteria (RFC 6902, R4 §3.1.0.6)."""

from __future__ import annotations

from typing import Any

import pytest

from lib.api import JSON, Caller
from lib.people import clinic, patient
from tovholder.access import Role

pytestmark = pytest.mark.django_db
PATCH = "application/json-patch+json"


@pytest.fixture
def path(system: Caller) -> str:
    return f"/Patient/{system.send('POST', '/Patient', patient()).json()['id']}"


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path} | more


def send(caller: Caller, path: str, operations: Any, **headers: str) -> Any:
    return caller.send("PATCH", path, operations, PATCH, **headers)


def test_a_patch_changes_what_it_names_and_nothing_else(system: Caller, path: str) -> None:
    before = system.send("GET", path).json()
    answer = send(
        system,
        path,
        [
            op("test", "/gender", value="female"),
            op("add", "/name/0/given/-", value="Anna"),
            op("replace", "/gender", value="other"),
            op("copy", "/name/-", **{"from": "/name/0"}),
            op("remove", "/name/1/use"),
        ],
    )
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    after = answer.json()
    assert after["gender"] == "other"
    assert after["name"][0]["given"] == ["Prøve", "Anna"]
    assert "use" not in after["name"][1]
    assert {k: v for k, v in after.items() if k not in ("gender", "name", "meta")} == {
        k: v for k, v in before.items() if k not in ("gender", "name", "meta")
    }
    assert system.send("GET", f"{path}/_history/1").json() == before
    assert system.send("GET", "/Patient?gender=other").json()["total"] == 1


def test_decimals_a_patch_does_not_touch_stay_as_written(system: Caller) -> None:
    raw = b'{"resourceType":"Observation","status":"preliminary","code":{"text":"FEV1"},"valueQuantity":{"value":1.10}}'
    path = f"/Observation/{system.send('POST', '/Observation', raw).json()['id']}"
    patched = send(system, path, [op("replace", "/status", value="final")])
    assert b'"value":1.10' in patched.content


@pytest.mark.parametrize(
    ("operations", "status", "where"),
    [
        ([op("test", "/gender", value="male")], 422, "$this[0]"),
        ([op("test", "/gender", value="female"), op("remove", "/photo")], 422, "$this[1]"),
        ([op("add", "/name/9", value={})], 422, "$this[0]"),
        ([op("replace", "/resourceType", value="Person")], 422, "$this"),
        ([op("replace", "/id", value="other")], 422, "$this"),
        ([op("remove", "/id")], 422, "$this"),
        ([op("replace", "", value=[])], 422, "$this"),
        ([op("replace", "/gender", value="nobody")], 400, "Patient.gender"),
        ([op("increase", "/gender")], 400, "$this[0]"),
        ([op("add", "gender", value="male")], 400, "$this[0].path"),
        ([op("add", "/gender")], 400, "$this[0].value"),
        ([op("move", "/gender")], 400, "$this[0].from"),
        ([op("add", 1, value=1)], 400, "$this[0].path"),
        (["remove"], 400, "$this[0]"),
        ({"op": "remove"}, 400, "$this"),
        ([op("remove", "/gender")] * 1001, 413, "$this"),
        (
            [op("add", "/contained", value=[{}] * 50)] + [op("copy", "/contained/-", **{"from": "/contained"})] * 40,
            413,
            "$this[",
        ),
        # Over each other, so that the resource does not grow.
        (
            [op("add", "/contained", value=[{}] * 500)] + [op("copy", "/extension", **{"from": "/contained"})] * 999,
            413,
            "$this[",
        ),
    ],
)
def test_a_patch_that_does_not_fit_is_told_with_its_number(
    system: Caller, path: str, operations: Any, status: int, where: str
) -> None:
    answer = send(system, path, operations)
    assert answer.status_code == status, answer.content
    assert answer.json()["issue"][0]["expression"][0].startswith(where)
    assert system.send("GET", path).headers["ETag"] == 'W/"1"'


def test_a_patch_holds_the_version_named(system: Caller, path: str) -> None:
    change = [op("replace", "/gender", value="other")]
    assert send(system, path, change, **{"If-Match": 'W/"2"'}).status_code == 412
    assert send(system, path, change, **{"If-Match": 'W/"1"'}).status_code == 200


def test_other_patches_are_refused_and_told_what_is_taken(system: Caller, path: str) -> None:
    parameters = {"resourceType": "Parameters", "parameter": []}
    for kind in (JSON, "application/fhir+xml", "application/xml-patch+xml", "text/plain"):
        answer = system.send("PATCH", path, parameters, kind)
        assert answer.status_code == 415, kind
        assert PATCH in answer.json()["issue"][0]["diagnostics"]


def test_a_patch_by_criteria(system: Caller, path: str) -> None:
    change = [op("replace", "/gender", value="other")]
    assert send(system, "/Patient?family=Jensen", change).headers["ETag"] == 'W/"2"'
    assert send(system, "/Patient?family=Nobody", change).status_code == 404
    system.send("POST", "/Patient", patient())
    assert send(system, "/Patient?family=Jensen", change).status_code == 412


def test_what_is_gone_not_there_or_not_yours_cannot_be_patched(system: Caller) -> None:
    change = [op("replace", "/gender", value="other")]
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    path = f"/Patient/{system.send('POST', '/Patient', patient(mine)).json()['id']}"
    stranger = Caller(Role.GP, "another", name="stranger")
    assert send(stranger, path, change).status_code == send(stranger, "/Patient/none", change).status_code == 404
    assert send(Caller(Role.GP, mine, name="own"), path, change).status_code == 200
    system.send("DELETE", path)
    assert send(system, path, change).status_code == 410


def test_a_patch_in_a_transaction_is_a_binary(system: Caller, path: str) -> None:
    import base64

    from tovholder.base import json

    def entry(operations: Any) -> dict[str, Any]:
        data = base64.b64encode(json.dumps(operations)).decode()
        return {
            "resource": {"resourceType": "Binary", "contentType": PATCH, "data": data},
            "request": {"method": "PATCH", "url": path[1:]},
        }

    bundle = {"resourceType": "Bundle", "type": "transaction"}
    good = system.send("POST", "", bundle | {"entry": [entry([op("replace", "/gender", value="other")])]})
    assert good.json()["entry"][0]["response"]["etag"] == 'W/"2"'
    bad = system.send("POST", "", bundle | {"entry": [entry([op("test", "/gender", value="male")])]})
    assert (bad.status_code, bad.json()["issue"][0]["expression"]) == (422, ["Bundle.entry[0].resource.data[0]"])
    plain = entry([]) | {"resource": {"resourceType": "Parameters"}}
    assert system.send("POST", "", bundle | {"entry": [plain]}).status_code == 400
