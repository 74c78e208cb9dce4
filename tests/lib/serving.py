"""The real server in a home of its own: started, asked over HTTP, killed, started again.

with serving.Server.made(tmp_path) as server:
    assert server.send("PUT", "/fhir/Basic/one", {...}).status == 201
    server.kill()
    server.start()
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from lib import homes

COMMAND = [sys.executable, "-m", "tovholder.cli.main"]
TOKEN = """
import django; django.setup()
from tovholder.access import Role, people
from tovholder.base.clock import system_clock
people.save_persona(people.Persona("system", "System", "", Role.SYSTEM, "", "", ""))
print(people.make_token("system", system_clock()))
"""


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def request_id(self) -> str:
        """Under which the trail knows the request."""
        return self.headers.get("X-Request-Id", "")

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Server:
    """tovholder serve; it and all it started are a process group of their own."""

    home: homes.Home
    token: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @staticmethod
    @contextmanager
    def made(folder: Path, **settings: str) -> Iterator[Server]:
        """A running server over an empty, migrated record."""
        with homes.made(folder) as home, Server.over(home, **settings) as server:
            yield server

    @staticmethod
    @contextmanager
    def over(home: homes.Home, **settings: str) -> Iterator[Server]:
        """A running server over this record."""
        server = Server(home, settings=settings)
        told = subprocess.run([sys.executable, "-c", TOKEN], env=home.environ, capture_output=True, check=True)
        server.token = told.stdout.decode().split()[-1]
        server.start()
        try:
            yield server
        finally:
            server.stop()

    @property
    def environ(self) -> dict[str, str]:
        return self.home.environ | self.settings

    def start(self) -> None:
        """Start it, on a new port, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [*COMMAND, "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=self.environ, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 90
        while self.status("GET", "/healthz") != 200:
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not come up"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self) -> None:
        """kill -9 to the server and everything it started, all at one moment."""
        assert self.process is not None
        family = self.children()
        for pid in [self.process.pid, *family]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.wait_gone(family)

    def wait_gone(self, family: list[int]) -> None:
        """Wait until none of the processes is there any more."""
        until = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in family):
            assert time.monotonic() < until, "orphans outlived the server"
            time.sleep(0.05)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another tovholder command over the same record."""
        return subprocess.run(
            [*COMMAND, *arguments], env=self.environ, cwd=self.home.folder, capture_output=True, text=True, check=False
        )

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask once, on a connection of its own. Raises when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"} | headers
        try:
            connection.request(method, path, orjson.dumps(body) if body is not None else None, told)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.headers))
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Answer | None:
        """The answer; None when nobody answered, or not to the end."""
        try:
            return self.send(method, path, body)
        except (OSError, http.client.HTTPException):
            return None

    def status(self, method: str, path: str, body: Any = None) -> int | None:
        """The status; None when nobody answered."""
        answer = self.ask(method, path, body)
        return None if answer is None else answer.status

    def children(self) -> list[int]:
        """Every process the server started."""
        assert self.process is not None
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in told.split()]

    def serving(self) -> list[int]:
        """Those that answer requests (beside the one for jobs, daily runs and seals)."""
        return [pid for pid in self.children() if b"worker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
