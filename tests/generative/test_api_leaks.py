"""What one patient's record says is nowhere in the answers to those who may not see it, however they ask.

Every search parameter, chain, reverse chain, inclusion and order is asked with what stands in the record of a patient the
caller has no part in. Then that record is changed and half of it deleted: every answer must still be the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from lib import two_records as world
from lib.api import Caller
from lib.trail import require_noted
from tovholder.fhir import searchparams
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.special import TABLES

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
# How many of the linked searches each role asks: of some thousand there are; all of them when there is time.
SAMPLE = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25")) * 6
# One in how many of the other searches each role asks, where it is not one in twelve: what differs is their scope alone.
SHARES = {"gp": 1, "hospital": 3, "partner": 3, "citizen": 3}
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


def values(kind: str, parameter: SearchParameter) -> list[str]:
    """What stands in the second patient's record under a parameter, as one asks for it."""
    numbers = searchparams.numbers(kind, parameter.name)
    columns = _VALUES.get(parameter.kind)
    if not numbers or columns is None:
        return []
    marks = ", ".join(["%s"] * len(numbers))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {columns} FROM {TABLES[parameter.kind]} AS t JOIN store_resource AS r ON r.key = t.key"
            f" WHERE r.patient_id = %s AND r.type = %s AND t.param IN ({marks}) ORDER BY 1 LIMIT 3",
            [world.THEIRS, kind, *numbers],
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


def _links() -> set[tuple[str, int, str]]:
    """The references there are out of the first record into the second, and out of the second: type, number, type."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT r.type, t.param, t.type FROM store_reference AS t JOIN store_resource AS r ON r.key = t.key"
            " WHERE r.patient_id = %s OR (r.patient_id = %s AND t.rid LIKE %s)",
            [world.THEIRS, world.MINE, f"%{world.THEIRS}"],
        )
        return set(cursor.fetchall())


class Asking:
    """The searches there are over the types of the two records."""

    def __init__(self) -> None:
        self.kinds = sorted({one["resourceType"] for one in world.record(world.THEIRS, "", "")})
        self.values: dict[str, list[tuple[str, str]]] = {}
        for kind in self.kinds:
            pairs = [(one.name, value) for one in searchparams.parameters_of(kind) for value in values(kind, one)]
            self.values[kind] = [*pairs, ("_id", world.rid_of(kind, world.THEIRS))]

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
        for of in (world.MINE, world.THEIRS):
            for kind in ("*", *self.kinds):
                yield f"Patient/{of}/{kind}"
        yield f"?_type={','.join(self.kinds)}&_count=1000"

    def linked(self) -> Iterator[str]:
        """Chains and reverse chains that end in a value of the second record, where a reference leads there."""
        links = _links()
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


def others() -> list[str]:
    """What is no search: histories, versions, everything, and what was moved from one record to the other."""
    paths = ["_history?_count=500", f"Patient/{world.MINE}/_history", f"Patient/{world.THEIRS}/_history"]
    for kind in ("Patient", "Condition", "Observation", "Task"):
        paths += [f"{kind}/_history?_count=500", f"{kind}/{world.rid_of(kind, world.THEIRS)}/_history/1"]
    for rid in ("came", "went", "gone"):
        paths += [f"Condition/{rid}", f"Condition/{rid}/_history/2", f"Condition/{rid}/_history/1"]
        paths.append(f"Condition/{rid}/_history?_count=10")
    return [*paths, f"Patient/{world.MINE}/$everything", f"Patient/{world.THEIRS}/$everything", "Patient/$everything"]


def answers(caller: Caller, asked: Sequence[str]) -> list[str]:
    """The answers to a batch of GETs, without links (which repeat what was asked) and moments; the trail is checked."""
    entries = [{"request": {"method": "GET", "url": url}} for url in asked]
    told = caller.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert told.status_code == 200, told.content[:500]
    found = told.json()["entry"]
    require_noted(told, found, caller)
    return [_plain(entry) for entry in found]


def _plain(entry: Json) -> str:
    resource = entry.get("resource")
    if resource is not None and resource.get("resourceType") == "Bundle":
        resource.pop("link", None)
        resource.pop("meta", None)
    return json.dumps(entry, sort_keys=True)


def test_no_answer_depends_on_a_record_the_caller_may_not_see() -> None:
    system = world.build()
    asking = Asking()
    random = Random(7)
    plain, linked = list(asking.plain()), list(asking.linked())
    callers = world.callers()
    asked: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for name, caller in callers.items():
        share = random.sample(plain, len(plain) // SHARES.get(name, 12))
        asked[name] = [
            *share,
            *others(),
            *random.sample(linked, min(SAMPLE, len(linked))),
            *asking.twice(random, SAMPLE // 10),
        ]
        before[name] = answers(caller, asked[name])
    world.change_theirs(system)
    for name, caller in callers.items():
        leaks = [
            url
            for url, one, other in zip(asked[name], before[name], answers(caller, asked[name]), strict=True)
            if one != other or world.SECRET in one
        ]
        assert leaks == [], (name, len(leaks), leaks[:20])


def test_those_whose_it_is_find_it_by_the_same_searches() -> None:
    system = world.build()
    asking = Asking()
    found = answers(system, [*asking.plain()])
    assert sum(world.SECRET in one for one in found) > len(found) / 3
    linked = answers(system, Random(7).sample(list(asking.linked()), 200))
    assert sum('"fullUrl"' in one for one in linked) > 20
