"""Preparing ahead: the same rows in the same order, whoever makes them, and on when the other process dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import active_children

import pytest

from lib.people import patient
from tovholder.base import json
from tovholder.fhir.prepare import Prepared, prepare
from tovholder.store import ahead, bulk, schema

LIMIT = 6000  # a minute's wait for another process to start, a hundredth of a second a batch


class Source:
    """Batches until some have been prepared elsewhere, and twenty more."""

    def __init__(self) -> None:
        self.given: list[list[bulk.Item]] = []
        self.left = LIMIT

    def __iter__(self) -> Iterator[list[bulk.Item]]:
        while self.left > 0:
            self.left -= 1
            number = len(self.given)
            resources = [patient(family=f"Nr {number}-{n}") | {"id": f"p-{number}-{n}"} for n in range(3)]
            items = [bulk.Item("x", resource, (), json.dumps(resource)) for resource in resources]
            self.given.append([*items[:1], bulk.Item("bad", None), *items[1:]])
            yield self.given[-1]

    def met(self, made: list[Prepared | None]) -> bool:
        """Whether another process made these; then the end is near."""
        elsewhere = any(one is not None for one in made)
        if elsewhere and self.left > 20:
            self.left = 20
        elif not elsewhere and self.left > 20:
            time.sleep(0.01)
        return elsewhere


@pytest.mark.slow
def test_other_processes_make_the_same_rows_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "ALONE", 1)
    source, found, elsewhere = Source(), [], 0
    for batch, made in ahead.prepared(source):
        found.append(batch)
        elsewhere += source.met(made)
        for item, one in zip(batch, made, strict=True):
            assert one is None or (item.resource and one == prepare(item.resource, schema.FACTS_FOLDER))
    assert elsewhere
    assert found == source.given


@pytest.mark.slow
def test_when_the_other_process_dies_the_writer_goes_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "ALONE", 1)
    source, found, killed = Source(), [], False
    for batch, made in ahead.prepared(source):
        found.append(batch)
        if source.met(made) and not killed:
            for child in active_children():
                os.kill(child.pid or 0, signal.SIGKILL)
            killed = True
    assert killed
    assert found == source.given
