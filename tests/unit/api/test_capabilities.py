"""The CapabilityStatement: every line of it is called for real, for every type it lists (R4 §3.1.0.9)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.test import Client

from lib.api import JSON, Caller
from lib.least import least
from lib.people import patient
from tovholder.api import capabilities, http
from tovholder.api.operations import OPERATIONS
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.validate import validate

pytestmark = pytest.mark.django_db
PATCH = "application/json-patch+json"
_VALUES = {
    "token": "urn:x|x",
    "date": "ge2020-01-01",
    "reference": "Patient/x",
    "string": "x",
    "uri": "urn:x",
    "quantity": "1",
    "number": "1",
}


@cache
def listed() -> dict[str, dict[str, Any]]:
    statement = capabilities.statement("http://testserver/fhir", delete_many=False)
    return {item["type"]: item for item in statement["rest"][0]["resource"]}


def in_parts(items: list[str], size: int = 20) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def refused(answer: Any) -> str:
    return "" if answer.status_code < 400 else f"{answer.status_code} {answer.content[:600]!r}"


def test_the_statement_itself(system: Caller) -> None:
    answer = Client().get("/fhir/metadata")
    statement = answer.json()
    assert [issue for issue in validate(statement) if issue.severity == "error"] == []
    assert {item["type"] for item in statement["rest"][0]["resource"]} == resource_types()
    assert statement["implementation"]["url"] == "http://testserver/fhir"
    assert str(http.settings.ENV.limits.entries) in statement["rest"][0]["documentation"]
    for mode, status in (("full", 200), ("normative", 200), ("terminology", 200), ("nonsense", 400)):
        assert Client().get(f"/fhir/metadata?mode={mode}").status_code == status


def test_formats_and_what_the_whole_system_does(system: Caller) -> None:
    statement = Client().get("/fhir/metadata").json()
    for wished in statement["format"]:
        assert system.send("GET", f"/Patient?_format={wished.replace('+', '%2B')}").status_code == 200
    entry = {"request": {"method": "GET", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "entry": [entry]}
    proofs = {
        "transaction": lambda: system.send("POST", "", bundle | {"type": "transaction"}),
        "batch": lambda: system.send("POST", "", bundle | {"type": "batch"}),
        "history-system": lambda: system.send("GET", "/_history"),
        "search-system": lambda: system.send("GET", "?_type=Patient,Observation"),
    }
    rest = statement["rest"][0]
    assert {item["code"] for item in rest["interaction"]} == set(proofs)
    for code, proof in proofs.items():
        assert proof().status_code == 200, code
    for item in rest["searchParam"]:
        answer = system.send("GET", f"?_type=Patient,Device&{item['name']}=2020-01-01")
        assert answer.status_code == 200, item
    for item in rest["operation"]:
        assert ("system", "*", f"${item['name']}") in OPERATIONS
        assert there_is(system, f"/${item['name']}")
    rid = system.send("POST", "/Patient", patient()).json()["id"]
    assert rest["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    for path in (f"/Patient/{rid}/Observation", f"/Patient/{rid}/*"):
        assert system.send("GET", path).status_code == 200
    form = "application/x-www-form-urlencoded"
    assert system.send("POST", "/_search", b"_type=Patient", form).status_code == 200
    assert system.send("POST", f"/Patient/{rid}/Observation/_search", b"", form).status_code == 200


def there_is(system: Caller, path: str) -> bool:
    """Whether an operation is there: with nothing to work on it may well refuse, but not as an unknown one."""
    answer = system.send("GET", path)
    if answer.status_code == 405:
        answer = system.send("POST", path, {"resourceType": "Parameters"})
    assert answer.status_code < 500
    return answer.status_code < 400 or "no such operation" not in answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("kind", sorted(resource_types() - http.READ_ONLY))
def test_every_line_of_a_type(system: Caller, kind: str) -> None:
    told = listed()[kind]
    # What our own guards ask of a course of care stands in their tests; here a plain one about nobody will do.
    body = least(kind)
    made = system.send("POST", f"/{kind}", body)
    assert made.status_code == 201, made.content
    rid = made.json()["id"]
    path, whole = f"/{kind}/{rid}", made.json()
    mark = {"op": "add", "path": "/language", "value": "da"}
    proofs = {
        "create": lambda: made,
        "read": lambda: system.send("GET", path, Accept=JSON),
        "update": lambda: system.send("PUT", path, whole),
        "patch": lambda: system.send("PATCH", path, [mark], PATCH),
        "vread": lambda: system.send("GET", f"{path}/_history/1", Accept=JSON),
        "history-instance": lambda: system.send("GET", f"{path}/_history"),
        "history-type": lambda: system.send("GET", f"/{kind}/_history"),
        "search-type": lambda: system.send("GET", f"/{kind}?_id={rid}"),
        "delete": lambda: system.send("DELETE", f"/{kind}/other"),
    }
    assert {item["code"] for item in told["interaction"]} == set(proofs)
    if told["updateCreate"]:
        assert refused(system.send("PUT", f"/{kind}/other", body | {"id": "other"})) == ""
    for code, proof in proofs.items():
        assert refused(proof()) == "", code
    assert system.send("GET", f"/{kind}/other").status_code == 410
    assert (told["versioning"], told["readHistory"]) == ("versioned-update", True)
    held = system.send("GET", path, Accept=JSON)
    assert held.headers["ETag"] == 'W/"3"'
    assert told["conditionalRead"] == "full-support"
    assert system.send("GET", path, **{"If-None-Match": 'W/"3"'}).status_code == 304
    assert system.send("GET", path, **{"If-Modified-Since": held.headers["Last-Modified"]}).status_code == 304
    if told["conditionalCreate"]:
        again = system.send("POST", f"/{kind}", body, **{"If-None-Exist": f"_id={rid}"})
        assert (again.status_code, again.headers["ETag"]) == (200, 'W/"3"')
    if told["conditionalUpdate"]:
        assert system.send("PUT", f"/{kind}?_id={rid}", whole).headers["ETag"] == 'W/"4"'
    _searches(system, kind, rid, told)
    for item in told.get("operation", []):
        levels = [level for level, of, name in OPERATIONS if name == f"${item['name']}" and of in ("*", kind)]
        for level in levels:
            where = {"type": f"/{kind}/${item['name']}", "instance": f"{path}/${item['name']}"}.get(level)
            assert where is None or there_is(system, where), where
    assert told["conditionalDelete"] == "single"
    assert system.send("DELETE", f"/{kind}?_id={rid}").status_code == 204
    assert system.send("GET", path).status_code == 410


def _searches(system: Caller, kind: str, rid: str, told: dict[str, Any]) -> None:
    for item in told["searchParam"]:
        query = f"{item['name']}={_value(kind, item)}"
        assert refused(system.send("GET", f"/{kind}?{query}&_count=0")) == "", query
    for name, element in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
        for part in in_parts(told.get(element, [])):
            query = "&".join(f"{name}={item}" for item in part)
            answer = system.send("GET", f"/{kind}?_id={rid}&{query}")
            assert refused(answer) == "", query
            assert answer.json()["entry"][0]["resource"]["id"] == rid


def _value(kind: str, item: dict[str, Any]) -> str:
    if item["name"] == "_id":
        return "x"
    if item["type"] == "composite":
        found = searchparams.search_parameter(kind, item["name"])
        assert found is not None
        return "$".join(_VALUES[part.kind] for part in found.components)
    return _VALUES[item["type"]]


def test_what_is_read_only_is_read_and_nothing_else(system: Caller) -> None:
    told = listed()["AuditEvent"]
    assert [item["code"] for item in told["interaction"]] == ["read", "search-type"]
    system.send("GET", f"/Patient/{system.send('POST', '/Patient', patient()).json()['id']}")
    found = system.send("GET", "/AuditEvent")
    assert found.status_code == 200, found.content
    one = found.json()["entry"][0]["resource"]
    assert system.send("GET", f"/AuditEvent/{one['id']}").json() == one
    for item in told["searchParam"]:
        answer = system.send("GET", f"/AuditEvent?{item['name']}={_value('AuditEvent', item)}")
        assert answer.status_code == 200, (item, answer.content)
    for method, path, body in (
        ("POST", "/AuditEvent", one),
        ("PUT", f"/AuditEvent/{one['id']}", one),
        ("PATCH", f"/AuditEvent/{one['id']}", []),
        ("DELETE", f"/AuditEvent/{one['id']}", None),
        ("DELETE", "/AuditEvent?_id=1", None),
    ):
        assert system.send(method, path, body).status_code == 405, (method, path)
    assert system.send("GET", f"/AuditEvent/{one['id']}/_history").status_code == 404
    assert system.send("GET", "/AuditEvent/_history").status_code == 404
    entry = {"resource": one | {"id": "x"}, "request": {"method": "PUT", "url": "AuditEvent/x"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert system.send("POST", "", bundle).status_code == 403


def test_definitions_are_those_of_r4() -> None:
    by_name = {item["name"]: item.get("definition") for item in listed()["Patient"]["searchParam"]}
    assert by_name["family"] == "http://hl7.org/fhir/SearchParameter/individual-family"
    assert by_name["link"] == "http://hl7.org/fhir/SearchParameter/Patient-link"
    assert by_name["_id"] == "http://hl7.org/fhir/SearchParameter/Resource-id"
