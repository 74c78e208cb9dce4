"""What checking and indexing a resource leaves behind: nothing that waits for Python to look for cycles.

A load switches that look off, and a server does it seldom: what stood in a cycle would stay, a resource at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from random import Random

import pytest

from lib.least import least
from lib.made_resources import made
from tovholder.fhir.prepare import prepare
from tovholder.fhir.validate import resource_types
from tovholder.store import schema

KINDS = sorted(resource_types())


@pytest.fixture
def no_search_for_cycles() -> Iterator[None]:
    was = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before is none of this test's, and looking through it takes half a second each time
    yield
    gc.unfreeze()
    if was:
        gc.enable()


@pytest.mark.parametrize("kind", KINDS)
def test_a_resource_leaves_no_cycle(kind: str, no_search_for_cycles: None) -> None:
    def some() -> None:
        random = Random(kind)
        prepare(least(kind) | {"id": "x"}, schema.FACTS_FOLDER)
        for number in range(3):
            prepare(made(random, kind) | {"id": f"x{number}"}, schema.FACTS_FOLDER)

    some()  # what is made once (generated checks, tables) may be as it likes
    gc.collect()
    some()
    assert gc.collect() == 0
