"""A real worker, killed in the middle of a job: the job is run again, whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from lib import jobs
from tovholder.jobs import queue
from tovholder.jobs.queue import State

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WORKER = """
import django; django.setup()
from django.db import connection
connection.settings_dict["NAME"] = {name!r}
from tovholder.cli import server
server.worker(parent={parent})
"""


def start() -> subprocess.Popen[bytes]:
    """The server's own worker, on this test's database."""
    code = WORKER.format(name=str(connection.settings_dict["NAME"]), parent=os.getpid())
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DJANGO_SETTINGS_MODULE": "tovholder.config.settings",
    }
    return subprocess.Popen([sys.executable, "-c", code], env=environ)


def until(what: str, paper: Path, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not paper.exists() or what not in paper.read_text(encoding="utf-8").split():
        assert time.monotonic() < limit, f"{what} did not happen"
        time.sleep(0.05)


def test_a_job_killed_half_way_is_run_again_by_the_next_worker(tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=3)
    first = start()
    until("began:1", paper)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = start()
    try:
        until("ended:2", paper)
        limit = time.monotonic() + 30
        while (found := queue.status(job_id)) is not None and found.state is not State.DONE:
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert paper.read_text(encoding="utf-8").split() == ["began:1", "began:2", "ended:2"]
    finally:
        second.terminate()
        assert second.wait(30) == 0


def test_a_worker_told_to_end_puts_its_job_back(tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    job_id = queue.enqueue(jobs.wait, path=str(paper), seconds=60)
    worker = start()
    until("began:1", paper)
    worker.terminate()
    assert worker.wait(30) == 0
    found = queue.status(job_id)
    assert found is not None and (found.state, found.attempts) == (State.WAITING, 0)
