"""Owns ``tovholder demo --check``: the real server in a process of its own, and the steps of the main job told as they go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tovholder import packages
from tovholder.base.clock import system_clock
from tovholder.demo.browser import Browser, Failed
from tovholder.demo.journey import STEPS, Step, Walk

Tell = Callable[[str], None]
PATIENCE = 120  # seconds the server may take to catch up its daily runs and answer


def walk(home: Path, tell: Tell) -> bool:
    """Walk the main job on a server over the demo in this home; one line per step; True when all is as it should be.

    The calling process must work on the same home: tokens and the new patient's persona are made here.
    """
    try:
        with serving(home) as base:
            return take(Walk(base, system_clock(), packages.get("kol")), STEPS, tell)
    except Failed as failed:
        tell(f"FAILED the server starts: {failed}")
        return False


def take(held: Walk, steps: tuple[Step, ...], tell: Tell) -> bool:
    """Take the steps in order; where one fails that others stand on, those are not taken."""
    failures = 0
    for number, step in enumerate(steps, start=1):
        try:
            tell(f"ok     {step.title}: {step.run(held)}")
        except Exception as error:  # whatever goes wrong is a finding about this step
            failures += 1
            what = (
                str(error)
                if isinstance(error, Failed)
                else f"expected an answer, found {type(error).__name__}: {error}"
            )
            tell(f"FAILED {step.title}: {what}")
            left = len(steps) - number
            if step.needed and left:
                tell(f"Stopped: the {left} steps after it stand on it.")
                break
    return failures == 0


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The real server on a free port of this machine, stopped by its own pid; its address. Raises Failed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environ = os.environ | {"TOVHOLDER_ENV": "demo", "TOVHOLDER_HOME": str(home)}
    for name in ("TOVHOLDER_DATABASE_URL", "TOVHOLDER_HOSTS"):
        environ.pop(name, None)
    base, log = f"http://127.0.0.1:{port}", home / "server.log"
    with log.open("wb") as handle:
        process = subprocess.Popen(  # noqa: S603 # our own command
            [sys.executable, "-m", "tovholder.cli.main", "serve", "--port", str(port)],
            env=environ,
            stdout=handle,
            stderr=handle,
        )
    try:
        _wait(base, process, log)
        yield base
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise Failed("a server that runs", f"it ended with code {process.returncode}: {' '.join(last)}")
        try:
            if Browser(base).get("/healthz").status == 200:
                return
        except OSError:
            pass  # not listening yet
        time.sleep(0.2)
    raise Failed(f"an answer from /healthz within {PATIENCE} seconds", "none")
