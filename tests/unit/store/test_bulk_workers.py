"""Several processes load: everything once, in the order it was read, and on when one of them dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import active_children
from typing import Literal

import pytest
from django.db import connection

from lib.people import patient, system
from tovholder import database
from tovholder.base import json
from tovholder.store import bulk
from tovholder.store.bulk import workers

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SIZE = 5
LIMIT = 3000  # batches, a hundredth of a second each: the wait for the other processes to start


class Source:
    """Batches until other processes have stored some, and forty more; the last line of each is no resource."""

    def __init__(self) -> None:
        self.given = 0
        self.left = LIMIT

    def __iter__(self) -> Iterator[list[bulk.Item]]:
        while self.left > 0:
            self.left -= 1
            number, self.given = self.given, self.given + 1
            resources = [patient(family=f"Nr {number}-{n}") | {"id": f"p-{number}-{n}"} for n in range(SIZE - 1)]
            lines = [json.dumps(resource) for resource in resources] + [b"{"]
            yield [bulk.Item(f"x:{number}:{n}", raw=line) for n, line in enumerate(lines)]
            if self.left > 40:
                if active_children() and others():
                    self.left = 40
                else:
                    time.sleep(0.01)


def others() -> bool:
    """Whether another process than this one holds a batch."""
    return any(worker.given for crew in CREWS for worker in crew._workers)


CREWS: list[workers.Crew] = []


@pytest.fixture(autouse=True, params=["fork", "spawn"])
def _watched(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    def way() -> str:
        database.disconnect()
        return str(request.param)

    monkeypatch.setattr(workers, "_way_to_start", way)
    monkeypatch.setattr(workers, "SPAWN_AFTER", 1)
    monkeypatch.setattr(workers, "FORK_AFTER", 1)
    start = workers.Crew.start

    def watched(crew: workers.Crew, count: int, how: Literal["fork", "spawn"]) -> None:
        CREWS.append(crew)
        start(crew, count, how)

    monkeypatch.setattr(workers.Crew, "start", watched)
    yield
    CREWS.clear()


def stored_order() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT r.rid FROM store_version AS v JOIN store_resource AS r ON r.key = v.key ORDER BY v.seq")
        return [row[0] for row in cursor.fetchall()]


def expected(source: Source) -> list[str]:
    return [f"p-{number}-{n}" for number in range(source.given) for n in range(SIZE - 1)]


def test_everything_is_stored_once_and_in_order() -> None:
    source, rejects = Source(), []
    stored = 0
    for batch, report in workers.done(system(), bulk.STORE, source):
        assert len(batch) == SIZE
        stored += report.stored
        rejects += [reject.source for reject in report.rejects]
    assert source.given < LIMIT, "no other process ever took part"
    assert stored == source.given * (SIZE - 1)
    assert rejects == [f"x:{number}:{SIZE - 1}" for number in range(source.given)]
    assert stored_order() == expected(source)


def test_when_processes_die_the_rest_is_stored_all_the_same() -> None:
    source, done, killed = Source(), 0, False
    for _ in workers.done(system(), bulk.STORE, source):
        done += 1
        if others() and not killed:
            for child in active_children():
                os.kill(child.pid or 0, signal.SIGKILL)
            killed = True
    assert killed
    assert done == source.given
    assert stored_order() == expected(source)
