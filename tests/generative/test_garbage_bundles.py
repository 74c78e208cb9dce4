"""Bundles nobody can mean: references in a circle, criteria that meet nothing or many, entries of every wrong kind."""

from __future__ import annotations

import base64
import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from lib.garbage import GOOD, NUMBER, OBSERVATION, SECRET, SHARES, Ask, Judge, raw, stored
from lib.garbage_json import TEXTS, any_value, changed, spoilt
from lib.people import patient
from tovholder.base import json

pytestmark = pytest.mark.django_db(transaction=True)
METHODS = ["POST", "PUT", "DELETE", "PATCH", "GET", "HEAD", "OPTIONS", "post", "", None, 1, SECRET]
URLS = [
    "", "/", "//", ".", "..", "../Patient", "Patient", "Patient/", "Patient/p", "Patient/p/", "Patient/x",
    "Patient?", "Patient?_id=p",
    "Patient?_id=x", "Patient?identifier=" + NUMBER, "Patient?family=Jensen", "Patient?_count=1",
    "Patient?" + SECRET, "Patient/p/_history",
    "Patient/p/_history/1", "Patient/p/_history/x", "_history", "_history?_count=x", "metadata", "$export",
    "Patient/$export", "$export-status/x",
    "$export-file/x/Patient.ndjson", "Patient/$everything", "Patient/p/$everything", "Patient/p/$nothing",
    "Patient/$validate", "Nothing/1",
    "Nothing?a=b", "Nothing", "patient/p", "AuditEvent", "AuditEvent/1", "Binary/n", "Binary/n?_format=xml",
    "Patient/_search", "_search",
    "Patient/p/Observation", "Patient/p/*", "Patient/p/Nothing", "http://127.0.0.1/fhir/Patient/p",
    "http://elsewhere/fhir/Patient/p", "//x/Patient/p",
    "Patient/p#x", "Patient/%70", "Patient/p%00", "Patient/p\x00", "Patient/p\r\nX: 1", "Patient/" + "x" * 65,
    "Patient/" + "x" * 20_000, "Patient/æ",
    "urn:uuid:1", "urn:uuid:one", "?_type=Patient", "?", "Patient/" + NUMBER,
    "ValueSet/$expand?url=http://example.org/vs", "Patient?_sort=x",
    "Patient?_has:Observation:subject:code=x", "Patient/p?_elements=x", "Patient/p?_summary=x", "CodeSystem/$lookup",
    "../healthz", "\ud800",
]  # fmt: skip
LINKS = [
    "urn:uuid:one",
    "urn:uuid:two",
    "urn:uuid:none",
    "Patient?_id=p",
    "Patient?_id=x",
    "Patient?family=Jensen",
    "Patient?",
    "?",
    "Nothing?a=b",
]
LINKS += [
    "Patient?_count=1",
    "Patient?x=" + NUMBER,
    "Patient/p",
    "Patient/x",
    "#",
    "#x",
    "",
    SECRET,
    "http://127.0.0.1/fhir/Patient/p",
    "\ud800",
    "a\x00",
]


def entry(chance: random.Random) -> Any:
    """One entry, each part of it as likely right as wrong."""
    good = copy.deepcopy(chance.choice(GOOD))
    kind, rid = good["resourceType"], good["id"]
    method = (
        chance.choice(["POST", "PUT", "DELETE", "PATCH", "GET"]) if chance.random() < 0.8 else chance.choice(METHODS)
    )
    url = {"POST": kind, "GET": chance.choice(URLS)}.get(str(method), f"{kind}/{rid}")
    request: dict[str, Any] = {"method": method, "url": url if chance.random() < 0.7 else chance.choice(URLS)}
    for name in ("ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist"):
        if chance.random() < 0.12:
            request[name] = chance.choice(
                ['W/"1"', "*", "x", "", "_id=p", "identifier=x|y", "Patient?", 1, None, SECRET, "?a", "_count=1"]
            )
    for name in ("subject", "patient"):
        if name in good and chance.random() < 0.5:
            good[name] = {"reference": chance.choice(LINKS)}
    resource: Any = changed(chance, good) if chance.random() < 0.3 else good
    if method == "PATCH":
        data = base64.b64encode(raw([{"op": "add", "path": "/language", "value": chance.choice(TEXTS)}])).decode()
        resource = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
        if chance.random() < 0.4:
            resource[chance.choice(["data", "contentType", "resourceType"])] = any_value(chance, good)
    made: dict[str, Any] = {"request": request, "resource": resource}
    if chance.random() < 0.6:
        made["fullUrl"] = chance.choice(
            ["urn:uuid:one", "urn:uuid:two", f"http://elsewhere/fhir/{kind}/{rid}", "", "x", 1, None, SECRET]
        )
    if chance.random() < 0.15:
        del made[chance.choice(list(made))]
    return made if chance.random() < 0.95 else any_value(chance, good)


def bundles(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        entries = [entry(chance) for _ in range(chance.randint(1, 4))]
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": chance.choice(["transaction", "batch"]),
            "entry": entries,
        }
        if chance.random() < 0.1:
            bundle[chance.choice(["type", "entry", "resourceType"])] = any_value(chance, bundle)
        headers = {"Prefer": chance.choice(["return=minimal", "return=representation", "return=OperationOutcome"])}
        body = spoilt(chance, bundle) if chance.random() < 0.08 else raw(bundle)
        yield Ask("POST", chance.choice(["", "/"]), body, headers=headers if chance.random() < 0.5 else {})


def single(chance: random.Random, count: int) -> Iterator[Ask]:
    """One entry alone, by every method at every address."""
    every = [(kind, method, url) for kind in ("transaction", "batch") for method in METHODS[:6] for url in URLS]
    for kind, method, url in chance.sample(every, count):
        good = patient() | {"id": "p"}
        one = {"request": {"method": method, "url": url}, "resource": good}
        yield Ask("POST", "", raw({"resourceType": "Bundle", "type": kind, "entry": [one]}))


@pytest.mark.parametrize("what", [bundles, single])
def test_bundles(what) -> None:  # type: ignore[no-untyped-def] # one of the generators above
    count = {bundles: 500, single: 350}[what]
    judge = Judge(what.__name__)
    judge.all(what(judge.chance, count), system=0.8)
    assert judge.sent == count


def test_the_numbers_of_bundles() -> None:
    assert SHARES["bundles"] == 500 + 350


def post(resource: dict[str, Any], name: str = "", **request: str) -> dict[str, Any]:
    made = {"request": {"method": "POST", "url": resource["resourceType"]} | request, "resource": resource}
    return made | ({"fullUrl": name} if name else {})


def transaction(*entries: Any, kind: str = "transaction") -> bytes:
    return raw({"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def test_references_in_a_circle_and_to_oneself() -> None:
    """A circle is allowed in FHIR: two that name each other are stored, and each finds the other."""
    judge = Judge("circle")
    one = patient() | {"link": [{"other": {"reference": "urn:uuid:two"}, "type": "seealso"}]}
    two = patient() | {"link": [{"other": {"reference": "urn:uuid:one"}, "type": "seealso"}]}
    self_named = patient() | {"link": [{"other": {"reference": "urn:uuid:one"}, "type": "seealso"}]}
    judge.all([Ask("POST", "", transaction(post(one, "urn:uuid:one"), post(two, "urn:uuid:two")))], system=1)
    judge.all([Ask("POST", "", transaction(post(self_named, "urn:uuid:one")))], system=1)
    assert judge.statuses == {200: 2}
    ring = [
        post(
            patient() | {"link": [{"other": {"reference": f"urn:uuid:{(n + 1) % 300}"}, "type": "seealso"}]},
            f"urn:uuid:{n}",
        )
        for n in range(300)
    ]
    judge.all(
        [
            Ask("POST", "", transaction(*ring)),
            Ask("GET", "/Patient?_include:iterate=Patient:link&_revinclude:iterate=*"),
        ],
        system=1,
    )
    assert judge.statuses == {200: 4}


def test_what_no_transaction_may_hold() -> None:
    judge = Judge("refused")
    held = stored()
    many = {"resourceType": "Bundle", "type": "transaction", "entry": [post(patient())] * 10_001}
    inner = {"resourceType": "Bundle", "type": "transaction", "entry": [post(patient())]}
    nested: Any = {"resourceType": "Bundle", "type": "collection"}
    for _ in range(150):
        nested = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": nested}]}
    about = OBSERVATION | {"subject": {"reference": "Patient?_id=nobody"}}
    twice = OBSERVATION | {"subject": {"reference": "Patient?gender=female"}}
    late = {"request": {"method": "PUT", "url": "Patient/p", "ifMatch": 'W/"9"'}, "resource": GOOD[0]}
    judge.all(
        [
            Ask("POST", "/Patient", raw(patient())),
            Ask("POST", "", raw(many)),
            Ask("POST", "", raw(many | {"type": "batch"})),
            Ask("POST", "", transaction(post(patient(), "urn:uuid:one"), post(patient(), "urn:uuid:one"))),
            Ask("POST", "", transaction(post(patient()), post(about))),
            Ask("POST", "", transaction(post(patient()), post(twice))),
            Ask("POST", "", transaction(post(patient()), post(inner | {"entry": [{"resource": 1}]}))),
            Ask("POST", "", transaction(post(patient()), post({"resourceType": "Patient", "gender": NUMBER}))),
            Ask("POST", "", transaction(post(patient()), post(patient(), ifNoneExist="gender=female"))),
            Ask("POST", "", transaction(*[post(patient())] * 50, late)),
            Ask("POST", "", transaction({"request": {"method": "DELETE", "url": "Patient?gender=female"}})),
            Ask("POST", "", transaction(post(nested))),
        ],
        system=1,
    )
    assert judge.statuses.pop(201) == 1
    assert set(judge.statuses) <= {400, 409, 412, 413, 422}
    assert stored()[0] == held[0] + 1, "the patient that was created first, and nothing else"
    judge.still_answers()


def test_a_batch_keeps_what_is_good_and_tells_of_the_rest() -> None:
    judge = Judge("batch")
    held = stored()[0]
    entries: list[Any] = [
        post(patient()),
        1,
        None,
        [],
        {},
        {"request": {}},
        post({"resourceType": "Nothing"}),
        post(patient()),
    ]
    answer = judge.roles.send(Ask("POST", "", transaction(*entries, kind="batch")))
    statuses = [one["response"]["status"][:3] for one in answer.json()["entry"]]
    assert statuses[0] == statuses[-1] == "201"
    assert all(status.startswith("4") for status in statuses[1:-1]), statuses
    assert stored()[0] == held + 2
    assert json.dumps(answer.json()).count(b"Kept: ") >= 6
