"""Whether somebody else's resource is there is told by no interaction: the answer is that to a resource there never was."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import pytest

from lib import two_records as world
from lib.api import Caller
from lib.two_records import Json, ref, rid_of

pytestmark = pytest.mark.django_db
NOBODY = "nobody"
# How many types each role asks about: more when there is time.
TIMES = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25")) // 25
COUNTS = {"gp": 9, "citizen": 4, "partner": 4}
PATCH = "application/json-patch+json"
# What is new in every answer: ids, moments, links.
MADE = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|"(lastUpdated|lastModified|url)":"[^"]*"')


class Ask(NamedTuple):
    """One request."""

    method: str
    path: str
    body: Any = None
    content_type: str = "application/fhir+json"
    headers: dict[str, str] | None = None


def requests(kind: str, who: str) -> Iterator[Ask]:
    """Everything one can ask of a resource of a type: who is whose it is, or nobody."""
    rid, word = rid_of(kind, who), world.SECRET if who == world.THEIRS else NOBODY
    own = next(one for one in world.record(world.MINE, "andet", world.HERE) if one["resourceType"] == kind)
    here = f"/{kind}/{rid}"
    yield Ask("GET", here)
    yield Ask("HEAD", here)
    yield Ask("GET", f"{here}/_history")
    yield Ask("GET", f"{here}/_history/1")
    yield Ask("GET", f"{here}/_history/9")
    for tag in ('W/"1"', "*"):
        yield Ask("GET", here, headers={"If-None-Match": tag})
    yield Ask("GET", here, headers={"If-Modified-Since": "Tue, 01 Jan 2999 00:00:00 GMT"})
    about = json.loads(json.dumps(own).replace(f"Patient/{world.MINE}", f"Patient/{who}")) | {"id": rid}
    note = [{"op": "add", "path": "/language", "value": "da"}]
    for headers in ({}, {"If-Match": 'W/"1"'}, {"If-Match": 'W/"9"'}):
        for body in (own | {"id": rid}, about):
            yield Ask("PUT", here, body, headers=headers)
        yield Ask("PATCH", here, note, PATCH, headers)
        yield Ask("DELETE", here, headers=headers)
    yield Ask("PATCH", here, [{"op": "test", "path": "/id", "value": rid}, *note], PATCH)
    fresh = {name: value for name, value in own.items() if name != "id"}
    for query in (f"identifier=urn:test|{word}", f"_id={rid}", f"_id={rid}&_lastUpdated=gt2020-01-01"):
        if kind in ("Binary", "Provenance") and query.startswith("identifier"):
            continue
        yield Ask("PUT", f"/{kind}?{query}", own | {"id": rid})
        yield Ask("PUT", f"/{kind}?{query}", about)
        yield Ask("PATCH", f"/{kind}?{query}", note, PATCH)
        yield Ask("DELETE", f"/{kind}?{query}")
        yield Ask("PUT", f"/{kind}?{query}", fresh, headers={"If-Match": 'W/"1"'})
        yield Ask("POST", f"/{kind}", fresh, headers={"If-None-Exist": query})
        yield _bundle({"request": {"method": "PUT", "url": f"{kind}?{query}"}, "resource": fresh})
        yield _bundle({"request": {"method": "POST", "url": kind, "ifNoneExist": query}, "resource": fresh})
        yield _bundle({"request": {"method": "DELETE", "url": f"{kind}?{query}"}})
        pointing = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        pointing |= {"subject": ref("Patient", world.MINE), "derivedFrom": [{"reference": f"{kind}?{query}"}]}
        for name in ("focus", "derivedFrom"):
            linked = {key: value for key, value in pointing.items() if key != "derivedFrom"}
            linked[name] = pointing["derivedFrom"]
            yield _bundle({"request": {"method": "POST", "url": "Observation"}, "resource": linked})
    for url in (here, f"http://testserver/fhir{here}", f"{here}/_history/1"):
        named = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        named |= {"subject": ref("Patient", world.MINE), "focus": [{"reference": url.lstrip("/")}]}
        yield Ask("POST", "/Observation", named)
        yield Ask("POST", "/Observation/$validate?mode=create", named)
    for mode in ("update", "delete"):
        yield Ask("POST", f"{here}/$validate?mode={mode}", about)
    yield Ask("GET", f"{here}/$validate")
    yield Ask("POST", f"/{kind}/$validate?mode=update", about)
    data = base64.b64encode(json.dumps(note).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": PATCH, "data": data}
    for kept in ("batch", "transaction"):
        yield _bundle({"request": {"method": "GET", "url": here.lstrip("/")}}, kind=kept)
        yield _bundle({"request": {"method": "DELETE", "url": here.lstrip("/")}}, kind=kept)
        yield _bundle({"request": {"method": "PUT", "url": here.lstrip("/")}, "resource": about}, kind=kept)
        yield _bundle({"request": {"method": "PATCH", "url": here.lstrip("/")}, "resource": binary}, kind=kept)
    if kind == "Patient":
        for path in ("$everything", "Observation", "*", "Observation?_summary=count"):
            yield Ask("GET", f"{here}/{path}")
        yield Ask("POST", f"{here}/Observation/_search", b"code=x", "application/x-www-form-urlencoded")


def _bundle(*entries: Json, kind: str = "transaction") -> Ask:
    return Ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def told(caller: Caller, asked: Ask, who: str, kind: str) -> tuple[int, str, dict[str, str]]:
    """Status, content and headers, with nothing in them that differs because it was asked of another id."""
    answer = caller.send(asked.method, asked.path, asked.body, asked.content_type, **(asked.headers or {}))
    text = MADE.sub("", answer.content.decode()).replace(rid_of(kind, who), "it")
    kept = {name: value for name, value in answer.headers.items() if name in ("ETag", "Allow", "WWW-Authenticate")}
    return answer.status_code, re.sub(rf"Patient/{who}\b", "Patient/it", text), kept


def test_nobody_learns_what_is_there() -> None:
    world.build()
    random = Random(3)
    kinds = sorted({one["resourceType"] for one in world.record(world.THEIRS, "", "")})
    known: set[tuple[str, str]] = set()
    for name, caller in world.callers().items():
        count = min(len(kinds), COUNTS.get(name, 2) * TIMES)
        for kind in dict.fromkeys(("Patient", *random.sample(kinds, count))):
            for theirs, nobodys in zip(requests(kind, world.THEIRS), requests(kind, NOBODY), strict=True):
                one, other = told(caller, theirs, world.THEIRS, kind), told(caller, nobodys, NOBODY, kind)
                if one != other:
                    known.add((f"{name} {theirs.method} {theirs.path} {theirs.headers}", f"{one}\n   {other}"))
                assert one[0] < 500, (theirs, one)
    assert not known, "\n".join(f"{asked}\n   {told}" for asked, told in sorted(known)[:40])
