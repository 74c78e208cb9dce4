"""A server in a process of its own on a free port of this machine, for as long as a command has use for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

SERVE = (sys.executable, "-m", "tovholder.cli.main", "serve", "--port", "{port}")
PATIENCE = 120  # seconds a server may take to catch up its daily runs and answer
GRACE = 30  # seconds it may take to end


class NotServing(Exception):
    """The server ended or never answered; says which, and its last words."""


@contextmanager
def serving(
    command: Sequence[str] = SERVE,
    path: str = "/healthz",
    environ: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> Iterator[int]:
    """The port a server listens on, from its first good answer to this path until the block ends. Raises NotServing.

    command: ``{port}`` stands in it where the port goes. environ: this process's own unless told otherwise. patience:
    seconds until the first answer. The server is stopped by its own process id.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 # our own command
            [part.replace("{port}", str(port)) for part in command],
            env=dict(os.environ if environ is None else environ),
            stdout=said,
            stderr=said,
        )
        try:
            _wait(f"http://127.0.0.1:{port}{path}", process, said, patience)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(address: str, process: subprocess.Popen[bytes], said: IO[bytes], patience: float) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-3:]
            raise NotServing(f"it ended with code {process.returncode}: {' '.join(last)}")
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 # this machine
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)  # not listening yet
    raise NotServing(f"no answer within {patience:.0f} seconds")
