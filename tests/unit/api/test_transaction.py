"""Transactions and batches: order, references, conditions, all or nothing (R4 §3.1.0.11)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.api import Caller
from lib.people import clinic, condition, patient
from tovholder.access import Role
from tovholder.fhir.validate import validate

pytestmark = pytest.mark.django_db
ONE, TWO, THREE = (f"urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f0{n}" for n in range(3))


def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    if resource is not None:
        made["resource"] = resource
    return made | ({"fullUrl": full_url} if full_url else {})


def send(caller: Caller, *entries: dict[str, Any], kind: str = "transaction", **headers: str) -> Any:
    return caller.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)}, **headers)


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["response"]["status"][:3] for item in answer.json()["entry"]]


def count(caller: Caller, kind: str) -> int:
    return int(caller.send("GET", f"/{kind}?_total=accurate&_count=0").json()["total"])


def device(value: str = "one", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Device", "identifier": [{"system": "urn:x", "value": value}]} | more


def about(reference: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain"}}],
        "context": {"related": [{"reference": reference}]},
    }


def refused(answer: Any, status: int, path: str) -> None:
    assert answer.status_code == status, answer.content
    assert answer.json()["issue"][0]["expression"][0].startswith(path)


def test_deletes_then_creates_then_updates_then_reads(system: Caller) -> None:
    old = system.send("POST", "/Device", device()).json()["id"]
    system.send("PUT", "/Device/kept", device("two", id="kept"))
    answer = send(
        system,
        entry("GET", "Device"),
        entry("PUT", "Device/kept", device("three", id="kept")),
        entry("POST", "Device", device(), ifNoneExist="identifier=urn:x|one"),
        entry("DELETE", f"Device/{old}"),
        entry("GET", "Device/kept"),
    )
    # The delete came first: so the conditional create found nothing.
    assert statuses(answer) == ["200", "200", "201", "204", "200"]
    entries = answer.json()["entry"]
    assert validate(answer.json()) == []
    values = {item["resource"]["identifier"][0]["value"] for item in entries[0]["resource"]["entry"]}
    assert values == {"one", "three"}
    assert entries[4]["resource"]["identifier"][0]["value"] == "three"
    assert entries[4]["response"]["etag"] == 'W/"2"'


def test_links_between_entries_also_in_circles_and_attachments(system: Caller) -> None:
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "url": TWO}}],
        "context": {"related": [{"reference": THREE}]},
    }
    answer = send(
        system,
        entry("POST", "DocumentReference", document, ONE),
        entry("POST", "Binary", {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}, TWO),
        entry("POST", "DocumentReference", about(ONE), THREE),
    )
    assert statuses(answer) == ["201"] * 3
    where = ["/".join(item["response"]["location"].split("/")[:2]) for item in answer.json()["entry"]]
    held = system.send("GET", f"/{where[0]}").json()
    assert held["content"][0]["attachment"]["url"] == where[1]
    assert held["context"]["related"][0]["reference"] == where[2]
    assert system.send("GET", f"/{where[2]}").json()["context"]["related"][0]["reference"] == where[0]
    # Found by the reference as it was rewritten, so its index row was made from that.
    assert system.send("GET", f"/DocumentReference?related={where[0]}").json()["total"] == 1


def test_links_relative_to_where_the_bundle_comes_from(system: Caller) -> None:
    home = "https://other.example/fhir"
    answer = send(
        system,
        entry("POST", "Device", device(), f"{home}/Device/7"),
        entry("POST", "DocumentReference", about("Device/7"), f"{home}/DocumentReference/8"),
        entry("POST", "DocumentReference", about(f"{home}/Device/7"), f"{home}/DocumentReference/9"),
        entry("POST", "DocumentReference", about(f"{home}/Device/6"), f"{home}/DocumentReference/10"),
        entry("POST", "DocumentReference", about("http://testserver/fhir/Device/6")),
    )
    where = ["/".join(item["response"]["location"].split("/")[:2]) for item in answer.json()["entry"]]
    subjects = [system.send("GET", f"/{one}").json()["context"]["related"][0]["reference"] for one in where[1:]]
    assert subjects == [where[0], where[0], f"{home}/Device/6", "Device/6"]


def test_conditional_references_to_what_is_there_and_to_what_the_transaction_makes(system: Caller) -> None:
    there = system.send("POST", "/Device", device()).json()["id"]
    answer = send(
        system,
        entry("POST", "DocumentReference", about("Device?identifier=urn:x|one")),
        entry("POST", "DocumentReference", about("Device?identifier=urn:x|two")),
        entry("POST", "Device", device("two")),
    )
    assert statuses(answer) == ["201"] * 3
    where = [item["response"]["location"].split("/")[1] for item in answer.json()["entry"]]
    assert (
        system.send("GET", f"/DocumentReference/{where[0]}").json()["context"]["related"][0]["reference"]
        == f"Device/{there}"
    )
    assert (
        system.send("GET", f"/DocumentReference/{where[1]}").json()["context"]["related"][0]["reference"]
        == f"Device/{where[2]}"
    )
    assert system.send("GET", f"/DocumentReference?related=Device/{where[2]}").json()["total"] == 1


def test_a_conditional_reference_with_no_or_several_matches_undoes_everything(system: Caller) -> None:
    system.send("POST", "/Device", device())
    for value, more in (("none", []), ("one", [entry("POST", "Device", device())])):
        answer = send(
            system,
            entry("POST", "Device", device("new")),
            entry("POST", "DocumentReference", about(f"Device?identifier=urn:x|{value}")),
            *more,
        )
        refused(answer, 412, "Bundle.entry[1]")
        assert count(system, "Device") == 1
        assert count(system, "DocumentReference") == 0


def test_the_same_criteria_are_looked_up_once(system: Caller) -> None:
    system.send("POST", "/Device", device())

    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = send(
                system,
                *(entry("POST", "DocumentReference", about("Device?identifier=urn:x|one")) for _ in range(number)),
                *(entry("PUT", f"DocumentReference/{n}", about("Device/1") | {"id": str(n)}) for n in range(number)),
            )
        assert set(statuses(answer)) <= {"200", "201"}
        return len(captured.captured_queries)

    queries(1)
    assert queries(40) <= queries(2) + 10


def test_conditional_creates_in_a_transaction(system: Caller) -> None:
    made = entry("POST", "Device", device(), ONE, ifNoneExist="identifier=urn:x|one")
    again = entry("POST", "Device", device(), TWO, ifNoneExist="Device?identifier=urn:x|one")
    for expected in (["201", "200", "201"], ["200", "200", "201"]):
        answer = send(system, made, again, entry("POST", "DocumentReference", about(TWO)))
        assert statuses(answer) == expected
        one, two, basic = (item["response"]["location"].split("/")[1] for item in answer.json()["entry"])
        assert one == two
        assert (
            system.send("GET", f"/DocumentReference/{basic}").json()["context"]["related"][0]["reference"]
            == f"Device/{one}"
        )
    system.send("POST", "/Device", device())
    refused(send(system, made), 412, "Bundle.entry[0].request.ifNoneExist")
    assert count(system, "Device") == 2


def test_conditional_updates_and_deletes_in_a_transaction(system: Caller) -> None:
    url = "Device?identifier=urn:x|one"
    first = send(system, entry("PUT", url, device(), ONE), entry("POST", "DocumentReference", about(ONE)))
    assert statuses(first) == ["201", "201"]
    rid = first.json()["entry"][0]["response"]["location"].split("/")[1]
    second = send(system, entry("PUT", url, device(lotNumber="2"), ONE), entry("POST", "DocumentReference", about(ONE)))
    assert statuses(second) == ["200", "201"]
    assert second.json()["entry"][0]["response"]["location"] == f"Device/{rid}/_history/2"
    assert system.send("GET", f"/DocumentReference?related=Device/{rid}").json()["total"] == 2
    refused(send(system, entry("PUT", url, device(id="other"))), 400, "Bundle.entry[0].resource.id")
    twice = (entry("PUT", url, device()), entry("PUT", f"Device/{rid}", device(id=rid)))
    refused(send(system, *twice), 400, "Bundle.entry[1].request.url")
    assert statuses(send(system, entry("DELETE", url))) == ["204"]
    assert system.send("GET", f"/Device/{rid}").status_code == 410
    for _ in range(2):
        system.send("POST", "/Device", device())
    for item in (entry("PUT", url, device()), entry("DELETE", url)):
        refused(send(system, item), 412, "Bundle.entry[0].request.url")


def test_conditions_of_entries(system: Caller) -> None:
    system.send("PUT", "/Device/a", device(id="a"))
    refused(send(system, entry("PUT", "Device/a", device(id="a"), ifMatch='W/"2"')), 412, "Bundle.entry[0]")
    read = send(system, entry("GET", "Device/a", ifNoneMatch='W/"1"'), entry("GET", "Device/a", ifNoneMatch='W/"2"'))
    assert statuses(read) == ["304", "200"]
    assert "resource" not in read.json()["entry"][0]
    since = system.send("GET", "/Device/a").headers["Last-Modified"]
    assert statuses(send(system, entry("GET", "Device/a", ifModifiedSince=since))) == ["304"]


def test_reads_of_every_kind(system: Caller) -> None:
    system.send("PUT", "/Device/a", device(id="a"))
    urls = [
        "Device/a",
        "Device/a/_history/1",
        "Device/a/_history",
        "Device/_history",
        "_history",
        "Device?_id=a",
        "metadata",
    ]
    for kind in ("transaction", "batch"):
        answer = send(system, *(entry("GET", url) for url in urls), entry("HEAD", "Device/a"), kind=kind)
        assert statuses(answer) == ["200"] * 8
        types = [item.get("resource", {}).get("resourceType") for item in answer.json()["entry"]]
        assert types == ["Device", "Device", "Bundle", "Bundle", "Bundle", "Bundle", "CapabilityStatement", None]
    refused(send(system, entry("GET", "Device/none")), 404, "Bundle.entry[0]")
    assert statuses(send(system, entry("GET", "Device/none"), entry("GET", "a/b/c/d"), kind="batch")) == ["404", "404"]


def test_what_each_entry_gives_back(system: Caller) -> None:
    made = entry("POST", "Device", device())
    plain = send(system, made).json()["entry"][0]
    assert set(plain) == {"response"}
    whole = send(system, made, Prefer="return=representation").json()["entry"][0]
    assert whole["resource"]["identifier"] == device()["identifier"]
    told = send(system, made, Prefer="return=OperationOutcome").json()
    assert validate(told) == []
    assert told["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_a_batch_is_each_for_itself(system: Caller) -> None:
    answer = send(
        system,
        entry("POST", "Device", device()),
        entry("POST", "Device", device(status="nonsense")),
        entry("PUT", "Device?identifier=urn:x|one", device(lotNumber="2")),
        entry("GET", "Device?identifier=urn:x|one"),
        {"request": {"method": "MOVE", "url": "x"}},
        entry("DELETE", "Device/none"),
        kind="batch",
    )
    assert statuses(answer) == ["201", "400", "200", "200", "400", "404"]
    entries = answer.json()["entry"]
    assert entries[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert entries[3]["resource"]["total"] == 1
    assert validate(answer.json()) == []


@pytest.mark.parametrize(
    ("item", "status", "path"),
    [
        ("x", 400, "request"),
        ({}, 400, "request"),
        (entry("POST", "Device"), 400, "resource"),
        (entry("POST", "Device/a", device()), 400, "request.url"),
        (entry("POST", "Device?x=y", device()), 400, "request.url"),
        (entry("PUT", "Device", device()), 400, "request.url"),
        (entry("PUT", "Device/a/b", device()), 400, "request.url"),
        (entry("PUT", "Device/a", device()), 400, "resource.id"),
        (entry("PUT", "Device/a", device(id="b")), 400, "resource.id"),
        (entry("PUT", "Device?identifier=", device()), 400, "request.url"),
        (entry("PUT", "Device?_count=1", device()), 400, "request.url"),
        (entry("PUT", "Patient/a", device(id="a")), 400, "resource.resourceType"),
        (entry("POST", "Patience", {"resourceType": "Patience"}), 400, ""),
        (entry("POST", "DocumentReference", about("Patience?x=y")), 400, ""),
        (entry("POST", "DocumentReference", about("Device?")), 400, "resource"),
        (entry("POST", "DocumentReference", about("Device?colour=red")), 400, ""),
        (entry("POST", "Device", device(), ifNoneExist=7), 400, "request.ifNoneExist"),  # type: ignore[arg-type]
        (entry("POST", "Patient/$validate", patient()), 400, "request.url"),
        (entry("GET", ""), 404, ""),
        (entry("GET", "nonsense/a/b/c"), 404, ""),
    ],
)
def test_an_entry_that_says_nothing_usable_is_named(system: Caller, item: Any, status: int, path: str) -> None:
    answer = system.send(
        "POST",
        "",
        {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Device", device()), item]},
    )
    refused(answer, status, f"Bundle.entry[1].{path}".rstrip(".") if path else "")
    assert count(system, "Device") == 0


def test_a_bundle_that_is_none(system: Caller) -> None:
    for body in (
        {"resourceType": "Patient"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
    ):
        assert system.send("POST", "", body).status_code == 400
    empty = system.send("POST", "", {"resourceType": "Bundle", "type": "transaction"})
    assert (empty.status_code, empty.json()) == (200, {"resourceType": "Bundle", "type": "transaction-response"})


def test_a_persons_transaction_stays_within_what_is_theirs(system: Caller) -> None:
    mine = system.send("POST", "/Organization", clinic()).json()["id"]
    theirs = system.send("POST", "/Organization", clinic("Andre")).json()["id"]
    other = system.send("POST", "/Patient", patient(theirs)).json()["id"]
    gp = Caller(Role.GP, mine)
    good = send(
        gp,
        entry("POST", "Patient", patient(mine), ONE),
        entry("POST", "Condition", condition("x") | {"subject": {"reference": ONE}}),
    )
    assert statuses(good) == ["201", "201"]
    bad = send(gp, entry("POST", "Patient", patient(mine)), entry("POST", "Condition", condition(other)))
    refused(bad, 404, "Bundle.entry[1]") if bad.json()["issue"][0].get("expression") else None
    assert bad.status_code == 404
    assert count(gp, "Patient") == 1


def test_two_thousand_entries_ask_the_database_no_more_per_entry_than_two_hundred(system: Caller) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = send(system, *(entry("POST", "Device", device(str(n)), f"urn:uuid:{n}") for n in range(number)))
        assert statuses(answer) == ["201"] * number
        return len(captured.captured_queries)

    queries(1)
    assert queries(2000) <= queries(200) + 40
