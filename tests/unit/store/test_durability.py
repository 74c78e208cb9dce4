"""The real server under violence: what it acknowledged is there, and a record that is away is told and found again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from lib import homes, violence
from lib.serving import COMMAND, Server
from tovholder.database import temporary as postgres

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server.made(tmp_path) as made:
        yield made


def basic(rid: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "id": rid, "code": {"text": rid}}


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def whole(server: Server) -> None:
    """Facts and search index are what the record makes them, and the trail is as it was sealed, by our own commands."""
    again = server.run("rebuild", "--check")
    assert again.returncode == 0, again.stdout + again.stderr
    sealed = server.run("audit", "verify", "--json")
    assert sealed.returncode == 0, sealed.stdout + sealed.stderr
    assert json.loads(sealed.stdout)["events"] > 0
    if not server.home.database_url:
        assert server.home.rows("PRAGMA integrity_check") == [("ok",)]


def import_killed(server: Server, name: str, pause: float) -> None:
    """An import of its own people, killed with all it started once the first are in; then run again to its end."""
    file = server.home.folder / f"{name}.ndjson"
    rows = ({"id": f"{name}-{n}", **violence.person("Indlæst")} for n in range(1500))
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    count = "SELECT COUNT(*) FROM store_resource WHERE rid LIKE ?"
    command = [*COMMAND, "import", str(file)]
    said = (server.home.folder / f"{name}.said").open("wb")
    process = subprocess.Popen(command, env=server.environ, cwd=server.home.folder, stdout=said, stderr=said)
    said.close()
    until = time.monotonic() + 60
    while server.home.rows(count, f"{name}-%") == [(0,)]:
        assert process.poll() is None, (server.home.folder / f"{name}.said").read_text(encoding="utf-8")
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(pause)
    kill(process.pid)
    process.wait(10)


def test_everything_acknowledged_is_there_after_twenty_kills(server: Server) -> None:
    """Thirteen times one serving process, four times everything at one moment, three times an import meanwhile."""
    chosen = random.Random(7)
    with violence.Clients(server) as clients:
        clients.wait_for(20, 60)
        for number in range(1, 18):
            if number % 4:
                kill(chosen.choice(server.serving() or server.children()))
            else:
                server.kill()
                server.start()
            if number in (3, 9, 15):
                import_killed(server, f"i{number}", chosen.random() / 2)
            clients.wait_for(5 + chosen.randrange(40), 60)  # those who live, and those who take their place, go on
            violence.check(server, clients)
        server.kill()
    violence.check(server, clients)
    assert min(len(clients.told.created), len(clients.told.bundles)) > 50
    for number in (3, 9, 15):
        assert server.run("import", f"i{number}.ndjson").returncode == 0
        assert server.home.rows("SELECT COUNT(*) FROM store_resource WHERE rid LIKE ?", f"i{number}-%") == [(1500,)]
    violence.check(server, clients)
    whole(server)


@pytest.mark.postgresql("its own processes are killed")
def test_everything_acknowledged_is_there_after_postgresql_itself_is_killed(tmp_path: Path) -> None:
    with postgres.Server.started(durable=True) as database:
        home = homes.Home(tmp_path, database.create("tovholder"))
        subprocess.run([*COMMAND, "migrate"], env=home.environ, cwd=tmp_path, check=True, capture_output=True)
        busy = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tovholder' ORDER BY state = 'active' DESC"
        with ExitStack() as stack, Server.over(home) as server:
            with violence.Clients(server) as clients:
                clients.wait_for(30, 60)
                for _ in range(3):  # killing one makes PostgreSQL end every other and recover from its log
                    kill(home.rows(busy)[0][0])
                    clients.wait_for(20, 90)
                    violence.check(server, clients)
                kill(database.process.pid)
                stack.enter_context(database.again())
                clients.wait_for(20, 90)
            violence.check(server, clients)
            whole(server)


def test_of_twenty_who_change_the_same_version_one_wins(server: Server) -> None:
    assert server.send("PUT", "/fhir/Basic/one", basic("one")).status == 201
    for version in (1, 2):
        answers: list[int] = []

        def change(version: int = version, answers: list[int] = answers) -> None:
            answers.append(server.send("PUT", "/fhir/Basic/one", basic("one"), **{"If-Match": f'W/"{version}"'}).status)

        threads = [threading.Thread(target=change) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, *[412] * 19]


@pytest.mark.sqlite("a file can be moved away")
def test_a_record_that_is_away_is_told_and_found_again(server: Server) -> None:
    database, away = server.home.file, server.home.folder / "away.sqlite3"
    assert server.send("PUT", "/fhir/Basic/before", basic("before")).status == 201

    def told_away() -> None:
        for _ in range(8):  # whichever process and thread answers
            answer = server.send("GET", "/fhir/Basic/before")
            assert (answer.status, answer.json["resourceType"]) == (503, "OperationOutcome")
            assert server.send("PUT", "/fhir/Basic/lost", basic("lost")).status == 503
            answer = server.send("GET", "/")
            assert (answer.status, b"<html" in answer.body) == (503, True)
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
    stored = {row[0] for row in server.home.rows("SELECT rid FROM store_resource WHERE type = 'Basic'")}
    assert stored == {"before", *(f"after{n}" for n in range(8))}
