"""What one can ask of somebody else's record: every interaction with a resource, every search, history and operation."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from django.db import connection

from lib import two_records as world
from lib.api import Caller
from lib.two_records import Json, ref, rid_of
from tovholder.fhir import searchparams
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.special import TABLES

NOBODY = "nobody"
PATCH = "application/json-patch+json"
# What is new in every answer: ids, moments, links.
MADE = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|"(lastUpdated|lastModified|url)":"[^"]*"')


# -- a resource ------------------------------------------------------------------------------------------------------


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


# -- searches --------------------------------------------------------------------------------------------------------

DIRECTORY = ("Organization", "Practitioner", "Location", "HealthcareService", "Questionnaire", "ValueSet")
# Which column a value is told from, and how many there are of the others.
_VALUES = {
    "token": "t.system, t.code",
    "string": "t.text",
    "date": "t.low",
    "reference": "t.type, t.rid",
    "uri": "t.uri",
    "quantity": "t.low, t.high",
    "number": "t.low, t.high",
}


def values(kind: str, parameter: SearchParameter, whose: str = world.THEIRS) -> list[str]:
    """What stands in a patient's record under a parameter, as one asks for it."""
    numbers = searchparams.numbers(kind, parameter.name)
    columns = _VALUES.get(parameter.kind)
    if not numbers or columns is None:
        return []
    marks = ", ".join(["%s"] * len(numbers))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {columns} FROM {TABLES[parameter.kind]} AS t JOIN store_resource AS r ON r.key = t.key"
            f" WHERE r.patient_id = %s AND r.type = %s AND t.param IN ({marks}) ORDER BY 1 LIMIT 3",
            [whose, kind, *numbers],
        )
        return [_told(parameter.kind, row) for row in cursor.fetchall()]


def _told(kind: str, row: Sequence[Any]) -> str:
    if kind == "token":
        return f"{row[0]}|{row[1]}" if row[0] else str(row[1])
    if kind == "reference":
        return f"{row[0]}/{row[1]}" if row[0] else str(row[1])
    if kind == "date":
        return datetime.fromtimestamp(row[0] / 1000, UTC).date().isoformat()
    return f"ap{(row[0] + row[1]) / 2}" if kind in ("quantity", "number") else str(row[0])


def _references(kind: str) -> list[SearchParameter]:
    return [one for one in searchparams.parameters_of(kind) if one.kind == "reference" and not one.canonical]


def _links(whose: str) -> set[tuple[str, int, str]]:
    """The references there are out of the first record into this one, and out of this one: type, number, type."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT r.type, t.param, t.type FROM store_reference AS t JOIN store_resource AS r ON r.key = t.key"
            " WHERE r.patient_id = %s OR (r.patient_id = %s AND t.rid LIKE %s)",
            [whose, world.MINE, f"%{whose}"],
        )
        return set(cursor.fetchall())


class Searches:
    """The searches there are over the types of two records: one's own, and one that is not ("whose")."""

    def __init__(self, whose: str = world.THEIRS) -> None:
        self.whose = whose
        self.kinds = sorted({one["resourceType"] for one in world.record(world.THEIRS, "", "")})
        self.values: dict[str, list[tuple[str, str]]] = {}
        for kind in self.kinds:
            pairs = [
                (one.name, value) for one in searchparams.parameters_of(kind) for value in values(kind, one, whose)
            ]
            self.values[kind] = [*pairs, ("_id", world.rid_of(kind, whose))]

    def plain(self) -> Iterator[str]:
        """Every parameter by itself, and what a search is given with."""
        for kind in (*self.kinds, *DIRECTORY):
            yield f"{kind}"
            yield f"{kind}?_summary=count"
            yield f"{kind}?_lastUpdated=gt2020-01-01&_total=accurate"
            yield f"{kind}?_include=*&_include:iterate=*"
            yield f"{kind}?_revinclude=*&_revinclude:iterate=*"
            for name, value in self.values.get(kind, ()):
                yield f"{kind}?{name}={quote(value)}"
            for parameter in searchparams.parameters_of(kind):
                yield f"{kind}?{parameter.name}:missing=false&_total=accurate"
                if parameter.kind != "composite":
                    yield f"{kind}?_sort=-{parameter.name},_id&_count=2"
                if parameter.kind == "reference":
                    yield f"{kind}?_include={kind}:{parameter.name}&_include:iterate=*"
        for of in (world.MINE, self.whose):
            for kind in ("*", *self.kinds):
                yield f"Patient/{of}/{kind}"
        yield f"?_type={','.join(self.kinds)}&_count=1000"

    def linked(self) -> Iterator[str]:
        """Chains and reverse chains that end in a value of the second record, where a reference leads there."""
        links = _links(self.whose)
        for kind in (*self.kinds, *DIRECTORY):
            for parameter in _references(kind):
                for target in self.kinds:
                    if any((kind, number, target) in links for number in searchparams.numbers(kind, parameter.name)):
                        for name, value in self.values[target]:
                            yield f"{kind}?{parameter.name}:{target}.{name}={quote(value)}"
                        yield f"{kind}?{parameter.name}:{target}._id:not=nobody"
            for source in self.kinds:
                for parameter in _references(source):
                    if any((source, number, kind) in links for number in searchparams.numbers(source, parameter.name)):
                        for name, value in self.values[source]:
                            yield f"{kind}?_has:{source}:{parameter.name}:{name}={quote(value)}"
                        yield f"{kind}?_has:{source}:{parameter.name}:_id:not=nobody&_summary=count"

    def twice(self, random: Random, count: int) -> Iterator[str]:
        """Two links: through what may be seen to what may not."""
        for _ in range(count):
            source, target = random.choice(self.kinds), random.choice(self.kinds)
            name, value = random.choice(self.values[target])
            first = _references(source)
            parameter = random.choice(first) if first else None
            if parameter is not None and (not parameter.target or target in parameter.target):
                yield f"Patient?_has:{source}:patient:{parameter.name}:{target}.{name}={quote(value)}"
                yield f"Organization?_has:Patient:organization:_has:{target}:patient:{name}={quote(value)}"


def others(whose: str = world.THEIRS) -> list[str]:
    """What is no search: histories, versions, everything, and what was moved from one record to the other."""
    paths = ["_history?_count=500", f"Patient/{world.MINE}/_history", f"Patient/{whose}/_history"]
    for kind in ("Patient", "Condition", "Observation", "Task"):
        paths += [f"{kind}/_history?_count=500", f"{kind}/{world.rid_of(kind, whose)}/_history/1"]
    for rid in ("came", "went", "gone"):
        paths += [f"Condition/{rid}", f"Condition/{rid}/_history/2", f"Condition/{rid}/_history/1"]
        paths.append(f"Condition/{rid}/_history?_count=10")
    return [*paths, f"Patient/{world.MINE}/$everything", f"Patient/{whose}/$everything", "Patient/$everything"]
