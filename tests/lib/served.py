"""The real server over a home of a test's own, and a plain HTTP client of it.

with homes.made(tmp_path) as home, serving(home) as server:
    status, headers, body = server.send("GET", "/fhir/metadata")
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.homes import Home

TOKEN = """
import django; django.setup()
from tovholder.access import Role, people
from tovholder.base.clock import system_clock
people.save_persona(people.Persona("system", "System", "", Role.SYSTEM, "", "", ""))
print(people.make_token("system", system_clock()))
"""


@dataclass
class Served:
    """A running server and a token for everything."""

    home: Home
    port: int
    token: str
    process: subprocess.Popen[bytes]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"} | headers
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, raw, told)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def worker(self) -> int:
        """The process id of the one worker. Waits for it."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
            for pid in told.split():
                if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
            time.sleep(0.05)
        raise AssertionError("the server has no worker")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@contextmanager
def serving(home: Home) -> Iterator[Served]:
    """``tovholder serve`` on a free port, until the block ends."""
    server = start(home)
    try:
        yield server
    finally:
        server.stop()


def start(home: Home, token: str = "") -> Served:
    """Start it and wait until it answers."""
    if not token:
        made = subprocess.run([sys.executable, "-c", TOKEN], env=home.environ, capture_output=True, check=True)
        token = made.stdout.decode().split()[-1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tovholder.cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=home.environ, stderr=subprocess.DEVNULL, start_new_session=True)
    server = Served(home, port, token, process)
    until = time.monotonic() + 90
    while True:
        try:
            if server.send("GET", "/healthz")[0] == 200:
                return server
        except OSError:
            pass
        assert process.poll() is None and time.monotonic() < until, "the server did not come up"
        time.sleep(0.1)
