"""The real server while answers wait for their rows: none leaves without, and nobody else waits with them."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib import serving
from lib.people import patient
from tovholder.base import json

pytestmark = pytest.mark.slow
PATIENT = patient() | {"id": "p"}
PATH = "/fhir/Patient/p"


@contextmanager
def one_process(folder: Path) -> Iterator[serving.Server]:
    """A server in which all requests meet in one process."""
    with serving.Server.made(folder, TOVHOLDER_WORKERS="1", TOVHOLDER_THREADS="2") as made:
        assert made.send("PUT", PATH, PATIENT).status == 201
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    with one_process(tmp_path_factory.mktemp("worker")) as made:
        yield made


@contextmanager
def no_row_can_be_written(server: serving.Server) -> Iterator[None]:
    server.home.change("ALTER TABLE access_auditevent RENAME TO away")
    try:
        yield
    finally:
        server.home.change("ALTER TABLE away RENAME TO access_auditevent")


@contextmanager
def somebody_writes(server: serving.Server) -> Iterator[None]:
    """For as long as the block runs no row of the trail can be written, as while somebody stores very much."""
    if not server.home.database_url:
        with contextlib.closing(sqlite3.connect(server.home.file, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            yield
            raw.execute("ROLLBACK")
        return
    import psycopg

    with psycopg.connect(server.home.database_url) as connection:
        connection.execute("LOCK TABLE access_auditevent IN EXCLUSIVE MODE")
        yield
        connection.rollback()


def asked(server: serving.Server, *paths: str, last: str = "Connection: close") -> socket.socket:
    """A client that has sent these requests at once."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    heads = [
        [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {server.token}", "", ""] for path in paths
    ]
    heads[-1].insert(1, last)
    client.sendall("".join("\r\n".join(head) for head in heads).encode())
    return client


def everything(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    told = b""
    with client:
        while more := client.recv(65_536):
            told += more
    return told


def statuses(told: bytes) -> list[bytes]:
    return [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]


def silent(client: socket.socket, seconds: float = 0.7) -> bool:
    """Whether nothing comes for so long."""
    client.settimeout(seconds)
    try:
        client.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)
    return False


def reads_noted(server: serving.Server) -> int:
    found: int = server.home.rows("SELECT COUNT(*) FROM access_auditevent WHERE action IN ('read', 'search')")[0][0]
    return found


@pytest.mark.parametrize("path", [PATH, f"{PATH}/_history/1", "/fhir/Patient?_id=p", f"{PATH}/_history"])
def test_an_answer_whose_rows_cannot_be_written_never_leaves(server: serving.Server, path: str) -> None:
    with no_row_can_be_written(server):
        answer = server.send("GET", path)
        assert answer.status == 503
        assert answer.json["resourceType"] == "OperationOutcome"
        assert PATIENT["birthDate"].encode() not in answer.body
        assert answer.request_id
        assert answer.headers["Retry-After"]
    assert server.send("GET", path).status == 200


def test_every_answer_has_its_rows_when_it_comes(server: serving.Server) -> None:
    for path in (PATH, f"{PATH}/_history/1", "/fhir/Patient?_id=p"):
        answer = server.send("GET", path)
        told = server.home.rows("SELECT detail FROM access_auditevent WHERE request_id = ?", answer.request_id)
        assert len(told) == 1, path


def test_who_waits_for_a_long_writer_holds_up_nobody(server: serving.Server) -> None:
    before = reads_noted(server)
    with somebody_writes(server):
        clients = [asked(server, PATH) for _ in range(20)] + [asked(server, "/fhir/Patient?_id=p") for _ in range(20)]
        assert silent(clients[0])
        assert silent(clients[-1])
        for _ in range(10):
            assert server.send("GET", "/healthz").status == 200
            assert server.send("GET", "/fhir/metadata").status == 200
            assert server.send("GET", "/fhir/Patient/none").status == 404
        slowly = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        for piece in (b"GET /healthz HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n", b"Connection: close\r\n\r\n"):
            slowly.sendall(piece)
            time.sleep(0.05)
        assert statuses(everything(slowly)) == [b"200"]
        assert all(silent(client, 0.01) for client in clients)
        assert reads_noted(server) == before
    assert [statuses(everything(client)) for client in clients] == [[b"200"]] * 40
    assert reads_noted(server) == before + 40


def test_requests_in_one_go_are_answered_in_order(server: serving.Server) -> None:
    before = reads_noted(server)
    paths = [PATH, "/healthz", "/fhir/Patient/none", "/fhir/Patient?_id=p", f"{PATH}/_history/1", PATH] * 20
    told = everything(asked(server, *paths))
    assert statuses(told) == [b"200", b"200", b"404", b"200", b"200", b"200"] * 20
    assert reads_noted(server) == before + 80


def test_a_connection_is_kept_and_asked_again(server: serving.Server) -> None:
    with asked(server, PATH, last="X: y") as client:
        for _ in range(50):
            told = b""
            while b'"birthDate"' not in told:
                told += client.recv(65_536)
            assert told.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nConnection: keep-alive\r\n" in told
            head = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n\r\n"
            client.sendall(head.encode())


def test_clients_that_go_while_their_answers_wait(server: serving.Server) -> None:
    """What they asked was looked up for them: it stands in the trail, and nobody else notices."""
    before = reads_noted(server)
    with somebody_writes(server):
        for number in range(20):
            client = asked(server, PATH, PATH, last="X: y")
            assert silent(client, 0.02)
            if number % 2:  # at once, not in order
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()
    assert server.send("GET", PATH).status == 200
    assert reads_noted(server) >= before + 21


def test_half_a_connection_is_enough_to_answer(server: serving.Server) -> None:
    with somebody_writes(server):
        client = asked(server, PATH, last="X: y")
        client.shutdown(socket.SHUT_WR)
        assert silent(client)
    assert statuses(everything(client)) == [b"200"]


def test_what_waits_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    with one_process(tmp_path / "home") as server:
        assert server.process is not None
        with somebody_writes(server):
            clients = [asked(server, PATH, last="X: y") for _ in range(5)]
            assert silent(clients[0])
            server.process.send_signal(signal.SIGTERM)
            assert silent(clients[0])
        for client in clients:
            told = everything(client)
            assert statuses(told) == [b"200"]
            assert json.loads(told.partition(b"\r\n\r\n")[2])["birthDate"] == PATIENT["birthDate"]
        assert server.process.wait(30) == 0


def test_who_does_not_read_a_large_answer_holds_up_nobody(server: serving.Server) -> None:
    big: dict[str, Any] = patient() | {"id": "big", "name": [{"family": "x" * 1000} for _ in range(6000)]}
    assert server.send("PUT", "/fhir/Patient/big", big).status == 201
    lazy = [asked(server, "/fhir/Patient/big") for _ in range(2)]  # as many as there are threads
    assert not silent(lazy[-1], 30)
    for _ in range(10):
        assert server.send("GET", PATH).status == 200
    for client in lazy:
        told = everything(client)
        assert len(json.loads(told.partition(b"\r\n\r\n")[2])["name"]) == 6000


@pytest.mark.sqlite("the record is a file, which can be gone")
def test_a_record_that_is_gone_tells_nothing(server: serving.Server) -> None:
    assert server.send("GET", PATH).status == 200
    away = server.home.file.with_name("away")
    server.home.file.rename(away)
    assert server.send("GET", PATH).status == 503
    away.rename(server.home.file)
    assert server.send("GET", PATH).status == 200
