"""Eight processes write at once: nobody fails, nobody waits for ever, nothing is lost; a killed one lets go."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

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
MIGRATE = "import django; django.setup(); from django.core.management import call_command; call_command('migrate', verbosity=0)"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    environ = {
        **os.environ,
        "TOVHOLDER_ENV": "test",
        "TOVHOLDER_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tovholder.config.settings",
    }
    environ.pop("TOVHOLDER_DATABASE_URL", None)
    subprocess.run([sys.executable, "-c", MIGRATE], env=environ, check=True)
    return environ


def start(environ: dict[str, str], name: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(count)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def authors(environ: dict[str, str]) -> list[str]:
    with sqlite3.connect(Path(environ["TOVHOLDER_HOME"]) / "tovholder.sqlite3") as raw:
        return [
            row[0]
            for row in raw.execute("SELECT json_extract(body, '$.name[0].family') FROM store_version ORDER BY seq")
        ]


@pytest.mark.slow
def test_eight_writers_neither_fail_nor_starve(home: dict[str, str]) -> None:
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
    # First come, first served: by the time half is written, each writer has had at least a quarter of its turns.
    first_half = order[: len(order) // 2]
    assert {name: first_half.count(name) >= each // 4 for name in set(order)} == dict.fromkeys(set(order), True)


@pytest.mark.slow
def test_a_killed_writer_lets_the_others_go_on_and_loses_nothing_it_was_told_is_stored(home: dict[str, str]) -> None:
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
