"""What one patient's record says is nowhere in the answers to those who may not see it, however they ask.

Every search parameter, chain, reverse chain, inclusion and order is asked with what stands in the record of a patient the
caller has no part in. Then that record is changed and half of it deleted: every answer must still be the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from lib import two_records as world
from lib.api import Caller
from lib.asking import Searches, others
from lib.trail import require_noted

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
# How many of the linked searches each role asks: of some thousand there are; all of them when there is time.
SAMPLE = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25")) * 6
# One in how many of the other searches each role asks, where it is not one in twelve: what differs is their scope alone.
SHARES = {"gp": 1, "hospital": 3, "partner": 3, "citizen": 3}


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
    asking = Searches()
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
    asking = Searches()
    found = answers(system, [*asking.plain()])
    assert sum(world.SECRET in one for one in found) > len(found) / 3
    linked = answers(system, Random(7).sample(list(asking.linked()), 200))
    assert sum('"fullUrl"' in one for one in linked) > 20
