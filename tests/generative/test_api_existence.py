"""Whether somebody else's resource is there is told by no interaction: the answer is that to a resource there never was."""

from __future__ import annotations

import os
from random import Random

import pytest

from lib import two_records as world
from lib.asking import NOBODY, requests, told

pytestmark = pytest.mark.django_db
# How many types each role asks about: more when there is time.
TIMES = int(os.environ.get("TOVHOLDER_TEST_EXAMPLES", "25")) // 25
COUNTS = {"gp": 9, "citizen": 4, "partner": 4}


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
