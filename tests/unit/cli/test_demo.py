"""``tovholder demo`` from start to stop, on a small population: interrupted, built again, started twice, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# The command itself, with fewer people than the demo has.
SMALL = """
from functools import partial
from tovholder.demo import synth
few = {"list_size": 100, "package_clinics": 2, "package_patients_per_clinic": 4}
synth.SynthConfig = partial(synth.SynthConfig, **few)
from tovholder.cli.main import main
main()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """One ``tovholder demo`` in a process group of its own, as a terminal gives it."""

    def __init__(self, cli: Any, log: Path) -> None:
        self.home, self.log, self.port = cli.home, log, free_port()
        with log.open("wb") as handle:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SMALL, "demo", "--port", str(self.port)],
                env=cli.environ(),
                stdout=handle,
                stderr=handle,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < until, f"no {what} after {seconds} s: {self.said}"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def workers(self) -> list[int]:
        """Ids of the workers that were started for this server."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"worker" in words and str(self.process.pid).encode() in words:
                found.append(int(path.parent.name))
        return found

    def presses_ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=40)


@pytest.fixture
def demo(cli: Any, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Starts demos in one home, and sees that none is left."""
    cli.home.mkdir()
    started: list[Demo] = []

    @contextmanager
    def start() -> Iterator[Demo]:
        one = Demo(cli, tmp_path / f"log-{len(started)}")
        started.append(one)
        yield one

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def test_a_demo_from_an_interrupted_build_to_ctrl_c(demo: Callable[[], Any], cli: Any):
    database, mark, building = (cli.home / name for name in ("tovholder.sqlite3", "demo-home", "demo-building"))

    with demo() as first:  # the power goes while it is built
        first.wait_for("half a database", lambda: database.exists() and database.stat().st_size > 100_000)
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
    assert building.exists()
    assert not mark.exists()

    with demo() as second:  # and is built again
        second.wait_for("answer", second.answers)
        assert "The last build was interrupted" in second.said
        assert mark.exists()
        assert not building.exists()
        second.wait_for("worker", lambda: len(second.workers()) == 1)
        assert second.presses_ctrl_c() == 0
        assert "Traceback" not in second.said
        assert second.workers() == []
    built = database.stat().st_ino

    with demo() as third:  # it stands now, and is only served
        third.wait_for("answer", third.answers)
        assert "Building the demo" not in third.said
        assert f"http://127.0.0.1:{third.port}/klinik/" in third.said
        assert "Anna Holm" in third.said
        assert "Lungemedicinsk overlæge" in third.said
        assert f"http://127.0.0.1:{third.port}/partner/" in third.said
        assert database.stat().st_ino == built
        third.wait_for("worker", lambda: len(third.workers()) == 1)
        third.process.kill()  # nobody is left to stop the worker: it ends by itself
        third.process.wait()
        until = time.monotonic() + 20
        while third.workers() and time.monotonic() < until:
            time.sleep(0.2)
        assert third.workers() == []

    mark.unlink()  # now it could be anybody's
    refused = cli("demo", "--port", free_port())
    assert refused.code == 4
    assert "that no demo made" in refused.err


def test_only_one_builds_in_a_folder(demo: Callable[[], Any], cli: Any):
    with demo() as first:
        first.wait_for("the building mark", (cli.home / "demo-building").exists)
        other = cli("demo", "--port", free_port())
        assert other.code == 7
        assert "is being built" in other.err
        assert first.process.poll() is None
