"""Eight processes write at once: nobody fails, nobody waits for ever, nothing is lost; a killed one lets go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import homes

WRITER = """
import sys
import django
django.setup()
from tovholder.access import system_context
from tovholder.base.clock import system_clock
from tovholder.store import unit_of_work
name, count = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    with unit_of_work(system_context(system_clock(), name)) as uow:
        uow.create({"resourceType": "Patient", "name": [{"family": name}]})
    print("stored", flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[homes.Home]:
    with homes.made(tmp_path) as found:
        yield found


def start(home: homes.Home, name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(count)],
        env=home.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def authors(home: homes.Home) -> list[str]:
    bodies = home.rows("SELECT body FROM store_version ORDER BY seq")
    return [json.loads(bytes(body))["name"][0]["family"] for (body,) in bodies]


@pytest.mark.slow
def test_eight_writers_neither_fail_nor_starve(home: homes.Home) -> None:
    each = 25
    writers = [start(home, f"writer{number}", each) for number in range(8)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, told = writer.communicate(timeout=120)
        assert writer.returncode == 0, told
    order = authors(home)
    assert len(order) == 8 * each
    if home.database_url:
        return  # many write at once: nobody has a turn to wait for
    # First come, first served: by the time half is written, each writer has had at least a quarter of its turns.
    first_half = order[: len(order) // 2]
    assert {name: first_half.count(name) >= each // 4 for name in set(order)} == dict.fromkeys(set(order), True)


@pytest.mark.slow
def test_a_killed_writer_lets_the_others_go_on_and_loses_nothing_it_was_told_is_stored(home: homes.Home) -> None:
    doomed, survivor = start(home, "doomed", 100_000), start(home, "survivor", 40)
    for writer in (doomed, survivor):
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert doomed.stdout is not None
    for _ in range(5):
        assert doomed.stdout.readline() == "stored\n"
    os.kill(doomed.pid, signal.SIGKILL)
    acknowledged = 5 + doomed.communicate(timeout=60)[0].count("stored")
    _, told = survivor.communicate(timeout=120)
    assert survivor.returncode == 0, told
    order = authors(home)
    assert order.count("survivor") == 40
    assert order.count("doomed") >= acknowledged
