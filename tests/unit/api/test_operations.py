"""Operations: routing by level, type and name, and their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lib.api import Caller
from tovholder.access import Role
from tovholder.api import operations
from tovholder.api.operations.call import Call, Operation
from tovholder.api.operations.parameters import outgoing

pytestmark = pytest.mark.django_db


def told(call: Call) -> dict[str, Any]:
    """Tells back what it was given."""
    call.params.require_known(["text", "list", "count", "yes", "resource"])
    resource = call.params.resource("resource")
    return outgoing(
        {"name": "level", "valueString": f"{call.kind}:{call.rid}"},
        {"name": "text", "valueString": call.params.text("text") or "none"},
        {"name": "list", "valueString": "+".join(call.params.texts("list"))},
        {"name": "count", "valueInteger": call.params.number("count") or 0},
        {"name": "yes", "valueBoolean": call.params.flag("yes")},
        {"name": "resource", "resource": resource} if resource else None,
    )


@pytest.fixture(autouse=True)
def _table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(operations.OPERATIONS, ("system", "*", "$echo"), Operation(told, "urn:echo", "echo"))
    monkeypatch.setitem(operations.OPERATIONS, ("type", "*", "$echo"), Operation(told, "urn:echo", "echo"))
    monkeypatch.setitem(operations.OPERATIONS, ("instance", "Group", "$echo"), Operation(told, "urn:echo", "echo"))
    changing = Operation(told, "urn:change", "changes", affects_state=True)
    monkeypatch.setitem(operations.OPERATIONS, ("system", "*", "$change"), changing)


@pytest.fixture
def caller() -> Caller:
    return Caller(Role.SYSTEM)


def values(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.content
    return {
        item["name"]: next(value for key, value in item.items() if key != "name")
        for item in response.json()["parameter"]
    }


def test_each_level_has_its_own_operations(caller: Caller) -> None:
    assert values(caller.send("GET", "/$echo"))["level"] == ":"
    assert values(caller.send("GET", "/Patient/$echo"))["level"] == "Patient:"
    assert values(caller.send("GET", "/Group/g1/$echo"))["level"] == "Group:g1"
    assert caller.send("GET", "/Patient/p1/$echo").status_code == 404


def test_parameters_come_in_the_query_in_a_resource_or_as_the_resource_itself(caller: Caller) -> None:
    asked = values(caller.send("GET", "/$echo?text=a&list=b,c&list=d&count=3&yes=true"))
    assert asked == {"level": ":", "text": "a", "list": "b+c+d", "count": 3, "yes": True}
    given = [
        {"name": "text", "valueCode": "a"},
        {"name": "list", "valueString": "b,c"},
        {"name": "list", "valueReference": {"reference": "Patient/d"}},
        {"name": "count", "valueInteger": 3},
        {"name": "yes", "valueBoolean": True},
        {"name": "resource", "resource": {"resourceType": "Basic"}},
    ]
    sent = values(caller.send("POST", "/$echo", {"resourceType": "Parameters", "parameter": given}))
    assert sent == {**asked, "list": "b+c+Patient/d", "resource": {"resourceType": "Basic"}}
    assert values(caller.send("POST", "/$echo", {"resourceType": "Basic"}))["resource"] == {"resourceType": "Basic"}


@pytest.mark.parametrize(
    "given",
    [
        "x",
        [{"name": 3}],
        [{"valueString": "no name"}],
        [{"name": "text", "valueString": "a", "valueCode": "a"}],
        [{"name": "text", "valueString": "a"}, {"name": "text", "valueString": "b"}],
        [{"name": "text", "valueCoding": {}}],
        [{"name": "text", "part": 4}],
        [{"name": "count", "valueString": "three"}],
        [{"name": "yes", "valueString": "yes"}],
        [{"name": "other", "valueString": "x"}],
        [{"name": "resource", "resource": []}],
    ],
)
def test_parameters_that_cannot_be_read_are_refused(caller: Caller, given: Any) -> None:
    response = caller.send("POST", "/$echo", {"resourceType": "Parameters", "parameter": given})
    assert response.status_code == 400
    assert response.json()["resourceType"] == "OperationOutcome"


def test_an_unknown_operation_is_told_which_there_are(caller: Caller) -> None:
    response = caller.send("GET", "/$nothing")
    assert response.status_code == 404
    told_back = response.json()["issue"][0]["diagnostics"]
    assert "$change" in told_back and "$echo" in told_back and "$nothing" not in told_back
    assert caller.send("GET", "/Nonsense/$echo").status_code == 404


def test_what_changes_something_is_asked_by_post(caller: Caller) -> None:
    response = caller.send("GET", "/$change")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert caller.send("POST", "/$change").status_code == 200


def test_an_operation_needs_a_token(caller: Caller) -> None:
    assert caller.client.__class__().get("/fhir/$echo").status_code == 401
