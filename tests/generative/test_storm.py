"""The real server under clients that dawdle, break off, pipeline and send rubbish: others go on being answered."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib import serving
from lib.garbage import NUMBER
from lib.people import patient
from tovholder.base import json

pytestmark = pytest.mark.slow
CLIENTS = 50  # far more than the server has threads
PATIENT = patient() | {"id": "p"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    folder: Path = tmp_path_factory.mktemp("storm")
    with serving.Server.made(folder, TOVHOLDER_PATIENCE="3") as made:
        assert made.send("PUT", "/fhir/Patient/p", PATIENT).status == 201
        before = made.serving()
        yield made
        assert made.serving() == before, "a process that served has died"


@pytest.fixture(autouse=True)
def _as_before(server: serving.Server) -> Iterator[None]:
    yield
    still_answers(server, 20)


def still_answers(server: serving.Server, times: int) -> None:
    for number in range(times):
        assert server.send("GET", "/fhir/Patient/p").json["birthDate"] == PATIENT["birthDate"]
        if number % 5 == 0:
            assert server.send("POST", "/fhir/Patient", patient()).status == 201


def connected(server: serving.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def head(server: serving.Server, method: str, path: str, *lines: str) -> bytes:
    told = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {server.token}", *lines]
    return "\r\n".join([*told, "", ""]).encode("latin-1")


@contextmanager
def crowd(server: serving.Server, first: bytes, drip: bytes = b"") -> Iterator[list[socket.socket]]:
    """Clients that send this much and then, while the block runs, no more than a byte now and then."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(first)
        ended = threading.Event()

        def drop() -> None:
            while not ended.wait(0.3):
                for client in clients:
                    try:
                        client.sendall(drip)
                    except OSError:  # the server had enough of it
                        continue

        thread = threading.Thread(target=drop)
        thread.start()
        try:
            yield clients
        finally:
            ended.set()
            thread.join()


DAWDLE: dict[str, Callable[[serving.Server], tuple[bytes, bytes]]] = {
    "who say nothing": lambda server: (b"", b""),
    "whose head never ends": lambda server: (head(server, "GET", "/fhir/Patient/p")[:-2] + b"X-Slow: ", b"x"),
    "whose body never ends": lambda server: (
        head(server, "POST", "/fhir/Patient", "Content-Type: application/fhir+json", "Content-Length: 5000") + b'{"a',
        b" ",
    ),
    "whose large body never ends": lambda server: (
        head(server, "POST", "/fhir/Patient", "Content-Type: application/fhir+json", "Content-Length: 50000000") + b"{",
        b" ",
    ),
    "whose chunks never end": lambda server: (
        head(server, "POST", "/fhir/Patient", "Content-Type: application/fhir+json", "Transfer-Encoding: chunked"),
        b"1\r\n \r\n",
    ),
    "who wait to be asked": lambda server: (
        head(server, "POST", "/fhir/Patient", "Content-Length: 500", "Expect: 100-continue"),
        b"",
    ),
    "who never read": lambda server: (head(server, "GET", "/fhir/metadata") * 40, b""),
}


@pytest.mark.parametrize("what", list(DAWDLE))
def test_clients(server: serving.Server, what: str) -> None:
    first, drip = DAWDLE[what](server)
    with crowd(server, first, drip):
        still_answers(server, 20)


def test_who_dawdles_is_told_and_left(server: serving.Server) -> None:
    """408 where a request was begun, in the form of every answer; nothing where none was."""
    with connected(server) as client:
        client.sendall(b"GET /fhir/Patient/p HTTP/1.1\r\nX-Slow: ")
        told = everything(client)
        assert told.startswith(b"HTTP/1.1 408 ")
        assert json.loads(told.partition(b"\r\n\r\n")[2])["resourceType"] == "OperationOutcome"
    with connected(server) as client:
        assert everything(client) == b""


def everything(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    told = b""
    while True:
        try:
            more = client.recv(65_536)
        except ConnectionResetError:
            return told
        if not more:
            return told
        told += more


def test_bodies_cut_off(server: serving.Server) -> None:
    body = json.dumps(patient())
    for length in (len(body), 400_000):
        for cut in (0, 1, len(body) // 2, len(body) - 1):
            with connected(server) as client:
                media = "Content-Type: application/fhir+json"
                client.sendall(head(server, "POST", "/fhir/Patient", media, f"Content-Length: {length}") + body[:cut])
                client.shutdown(socket.SHUT_WR)
                assert not everything(client).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))


def test_pipelined_requests_are_answered_in_order(server: serving.Server) -> None:
    asks = head(server, "GET", "/fhir/Patient/p") + head(server, "GET", "/fhir/Patient/none") * 2
    asks += head(server, "GET", "/fhir/metadata") + head(server, "GET", "/fhir/Patient/p", "Connection: close")
    for pieces in (1, 3, 50, len(asks)):
        with connected(server) as client:
            size = -(-len(asks) // pieces)
            for at in range(0, len(asks), size):
                client.sendall(asks[at : at + size])
            told = everything(client)
        statuses = [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"404", b"404", b"200", b"200"], pieces


def test_a_large_body_arrives_whole_and_what_follows_it_too(server: serving.Server) -> None:
    big = patient() | {"name": [{"family": "x" * 1000} for _ in range(2000)]}
    for lines, body in (
        ([f"Content-Length: {len(json.dumps(big))}"], json.dumps(big)),
        (["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (len(json.dumps(big)), json.dumps(big))),
    ):
        with connected(server) as client:
            first = head(server, "POST", "/fhir/Patient", "Content-Type: application/fhir+json", *lines)
            client.sendall(first + body + head(server, "GET", "/fhir/Patient/p", "Connection: close"))
            told = everything(client)
            assert [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]] == [b"201", b"200"]


def test_many_large_bodies_at_once(server: serving.Server) -> None:
    told: list[bytes] = []

    def send() -> None:
        with connected(server) as client:
            size = 50_000_000
            media = "Content-Type: application/fhir+json"
            client.sendall(head(server, "POST", "/fhir/Patient", media, f"Content-Length: {size}", "Connection: close"))
            piece = b"[" + b" " * 999_999
            for _ in range(size // len(piece)):
                client.sendall(piece)
            told.append(everything(client)[:12])

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    still_answers(server, 10)
    for thread in threads:
        thread.join()
    assert told == [b"HTTP/1.1 400"] * 5


NO_REQUESTS = [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET /fhir HTTP/9.9\r\n\r\n", b"GET /fhir\x00 HTTP/1.1\r\n\r\n",
    f"{NUMBER} {NUMBER}\r\n\r\n".encode(),
    b"GET  /fhir  HTTP/1.1\r\n\r\n", f"GET /fhir HTTP/1.1\r\n{NUMBER} : x\r\n\r\n".encode(),
    f"GET /fhir HTTP/1.1\r\n{NUMBER}\r\n\r\n".encode(),
    b"GET /fhir HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", b"GET /fhir HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /fhir HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nabcde",
    f"POST /fhir HTTP/1.1\r\nContent-Length: {NUMBER}x\r\n\r\n".encode(),
    b"POST /fhir HTTP/1.1\r\nTransfer-Encoding: gzip, x\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n\r\n",
    b"POST /fhir HTTP/1.1\r\nExpect: the moon\r\n\r\n", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
    b"GET /fhir HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    b"GET /fhir HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"x" * 70_000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://elsewhere/fhir HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n",
]  # fmt: skip


def test_what_is_no_request_is_told_so_without_repeating_it(server: serving.Server) -> None:
    for sent in NO_REQUESTS:
        with connected(server) as client:
            client.sendall(sent)
            with_end = threading.Timer(6, client.shutdown, [socket.SHUT_WR])
            told = everything(client)
            with_end.cancel()
        assert told.startswith(b"HTTP/1.1 4"), (sent[:80], told[:300])
        assert NUMBER.encode() not in told
        outcome: Any = json.loads(told.partition(b"\r\n\r\n")[2])
        assert outcome["issue"][0]["expression"], sent[:80]


def test_rubbish_beside_somebody_who_behaves(server: serving.Server) -> None:
    """CLIENTS at once, each several times: random bytes, cut and changed requests, some left open."""
    chance = random.Random("storm")
    good = head(server, "POST", "/fhir/Patient", "Content-Type: application/fhir+json", "Content-Length: 400")
    good += json.dumps(patient())
    told: list[bytes] = []

    def storm(seed: int) -> None:
        mine = random.Random(seed)
        for _ in range(6):
            sent = bytearray(good if mine.random() < 0.7 else mine.randbytes(mine.randrange(3000)))
            for _ in range(mine.randrange(5)):
                if sent:
                    sent[mine.randrange(len(sent))] = mine.randrange(256)
            with connected(server) as client:
                client.settimeout(0.5)
                try:
                    client.sendall(bytes(sent[: mine.randrange(len(sent) + 1)]))
                    told.append(client.recv(4096))
                except OSError:
                    continue

    threads = [threading.Thread(target=storm, args=(chance.randrange(2**32),)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    still_answers(server, 30)
    for thread in threads:
        thread.join()
    assert told
    assert not [answer for answer in told if answer.startswith(b"HTTP/1.1 5")]
