"""``tovholder jobs``: what waits, and what has failed and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib import homes
from lib.homes import Home

pytestmark = pytest.mark.slow
ENQUEUE = """
import django; django.setup()
from lib import jobs
from tovholder.jobs import queue
print(queue.enqueue(jobs.{name}, path={path!r}))
"""
WORK = "import django; django.setup(); from tovholder.jobs.worker import Worker; Worker().work()"


def python(home: Home, code: str) -> str:
    environ = home.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1] if done.stdout.split() else ""


def jobs(home: Home, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tovholder.cli.main", "jobs", *arguments]
    done = subprocess.run(command, env=home.environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_jobs_are_listed_and_those_that_failed_say_why(tmp_path: Path) -> None:
    with homes.made(tmp_path / "home") as home:
        assert jobs(home) == (0, "There are no jobs.\n")
        refused = python(home, ENQUEUE.format(name="refuse", path=str(tmp_path / "paper")))
        python(home, WORK)
        waiting = python(home, ENQUEUE.format(name="refuse", path=str(tmp_path / "paper")))
        code, told = jobs(home)
        assert code == 0
        newest, oldest = told.splitlines()
        assert waiting in newest and "waiting" in newest
        assert refused in oldest and "failed" in oldest and oldest.endswith("tries: 1  The rule says no")
        code, told = jobs(home, "--failed")
        assert code == 1 and refused in told and waiting not in told
