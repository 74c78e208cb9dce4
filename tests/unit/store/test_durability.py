"""The real server under violence: what it acknowledged is there, and a record that is away is told and found again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

pytestmark = pytest.mark.slow
SET_UP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tovholder.access import Role, people
from tovholder.base.clock import system_clock
people.save_persona(people.Persona("system", "System", "", Role.SYSTEM, "", "", ""))
print(people.make_token("system", system_clock()))
"""


@dataclass
class Server:
    """tovholder serve in a home of its own."""

    home: Path
    token: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOVHOLDER_")}
        mine = {"TOVHOLDER_ENV": "test", "TOVHOLDER_HOME": str(self.home)}
        self.environ = kept | mine | {"DJANGO_SETTINGS_MODULE": "tovholder.config.settings"}
        made = subprocess.run([sys.executable, "-c", SET_UP], env=self.environ, capture_output=True, check=True)
        self.token = made.stdout.decode().split()[-1]

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "tovholder.cli.main", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=self.environ, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 60
        while self.status("GET", "/healthz") != 200:
            assert time.monotonic() < until, "the server did not come up"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"} | headers
        try:
            connection.request(method, path, orjson.dumps(body) if body is not None else None, told)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self, method: str, path: str, body: Any = None) -> int | None:
        """The status; None when nobody answered."""
        try:
            return self.send(method, path, body)[0]
        except (OSError, http.client.HTTPException):
            return None

    def children(self) -> list[int]:
        assert self.process is not None
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in told.split()]

    def serving(self) -> list[int]:
        """The server's own processes (beside the one that does the daily runs)."""
        return [pid for pid in self.children() if b"worker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def database(self) -> Path:
        return self.home / "tovholder.sqlite3"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.prepare()
    made.start()
    try:
        yield made
    finally:
        made.stop()


def basic(rid: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "id": rid, "code": {"text": rid}}


def test_everything_acknowledged_is_there_after_workers_and_server_are_killed(server: Server) -> None:
    acknowledged: list[str] = []
    done = threading.Event()

    def writer(name: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            rid = f"w{name}-{number}"
            if server.status("PUT", f"/fhir/Basic/{rid}", basic(rid)) in (200, 201):
                acknowledged.append(rid)

    threads = [threading.Thread(target=writer, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    os.kill(server.serving()[0], signal.SIGKILL)
    before = len(acknowledged)
    time.sleep(3)
    assert len(acknowledged) > before  # a killed worker is replaced; the others went on
    family = server.children()
    assert server.process is not None
    server.process.kill()
    server.process.wait(10)
    done.set()
    for thread in threads:
        thread.join()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < until, "orphans outlived the server"
        time.sleep(0.2)
    with sqlite3.connect(server.database()) as held:
        stored = {row[0] for row in held.execute("SELECT rid FROM store_resource")}
        assert held.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    held.close()
    assert set(acknowledged) <= stored
    again = [sys.executable, "-m", "tovholder.cli.main", "rebuild", "--check"]
    assert subprocess.run(again, env=server.environ, capture_output=True, check=False).returncode == 0


def test_of_twenty_who_change_the_same_version_one_wins(server: Server) -> None:
    assert server.send("PUT", "/fhir/Basic/one", basic("one"))[0] == 201
    for version in (1, 2):
        answers: list[int] = []

        def change(version: int = version, answers: list[int] = answers) -> None:
            answers.append(server.send("PUT", "/fhir/Basic/one", basic("one"), **{"If-Match": f'W/"{version}"'})[0])

        threads = [threading.Thread(target=change) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, *[412] * 19]


def test_a_record_that_is_away_is_told_and_found_again(server: Server) -> None:
    database, away = server.database(), server.home / "away.sqlite3"
    assert server.send("PUT", "/fhir/Basic/before", basic("before"))[0] == 201

    def told_away() -> None:
        for _ in range(8):  # whichever process and thread answers
            status, body = server.send("GET", "/fhir/Basic/before")
            assert (status, orjson.loads(body)["resourceType"]) == (503, "OperationOutcome")
            assert server.send("PUT", "/fhir/Basic/lost", basic("lost"))[0] == 503
            status, body = server.send("GET", "/")
            assert (status, b"<html" in body) == (503, True)
            assert server.status("GET", "/healthz") == 503

    database.rename(away)
    told_away()
    assert not database.exists()  # no empty record was made in its place
    away.rename(database)
    assert [server.status("GET", "/fhir/Basic/before") for _ in range(8)] == [200] * 8

    for suffix in ("", "-wal", "-shm"):
        if (found := Path(f"{database}{suffix}")).exists():
            found.rename(f"{away}{suffix}")
    database.write_bytes(b"not a database" * 1000)
    told_away()
    for suffix in ("", "-wal", "-shm"):
        if (found := Path(f"{away}{suffix}")).exists():
            found.rename(f"{database}{suffix}")
    assert [server.status("PUT", f"/fhir/Basic/after{n}", basic(f"after{n}")) for n in range(8)] == [201] * 8
    with sqlite3.connect(database) as held:
        stored = {row[0] for row in held.execute("SELECT rid FROM store_resource WHERE type = 'Basic'")}
    held.close()
    assert stored == {"before", *(f"after{n}" for n in range(8))}
