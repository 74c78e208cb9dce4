"""A load generator: many connections from one thread, requests made beforehand, every answer read whole and checked."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

ENOUGH = 65_536


@dataclass(slots=True)
class Result:
    """What came back. latencies: seconds, sorted once the run is over; odd: other statuses than the one wished."""

    answers: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    odd: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """A latency in milliseconds that this share of the answers stayed within."""
        if not self.latencies:
            return 0.0
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent: float = 0.0
    held: bytearray = field(default_factory=bytearray)


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """One HTTP/1.1 request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/fhir+json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(port: int, requests: Iterator[bytes], *, seconds: float, connections: int, wished: int) -> Result:
    """Keep every connection busy for so long, or until the requests run out. Loopback only."""
    result = Result()
    with selectors.DefaultSelector() as selector:
        busy = 0
        for _ in range(connections):
            held = _Connection(socket.create_connection(("127.0.0.1", port), timeout=30))
            held.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _send(held, requests):
                selector.register(held.socket, selectors.EVENT_READ, held)
                busy += 1
        start = time.perf_counter()
        end = start + seconds
        while busy:
            for key, _ in selector.select(timeout=30):
                held = key.data
                received = held.socket.recv(ENOUGH)
                if not received:
                    raise ConnectionError("the server closed a connection in the middle of an answer")
                held.held += received
                status = _whole(held.held)
                if status is None:
                    continue
                now = time.perf_counter()
                result.answers += 1
                result.latencies.append(now - held.sent)
                if status != wished:
                    result.odd[status] = result.odd.get(status, 0) + 1
                held.held.clear()
                if now >= end or not _send(held, requests):
                    selector.unregister(held.socket)
                    held.socket.close()
                    busy -= 1
        result.seconds = time.perf_counter() - start
    result.latencies.sort()
    return result


def _send(held: _Connection, requests: Iterator[bytes]) -> bool:
    content = next(requests, None)
    if content is None:
        return False
    held.sent = time.perf_counter()
    held.socket.sendall(content)
    return True


def _whole(held: bytearray) -> int | None:
    """The status once the whole answer is there."""
    head = held.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = held.lower().find(b"content-length:", 0, head)
    length = 0 if at < 0 else int(held[at + 15 : held.find(b"\r", at)])
    return int(held[9:12]) if len(held) >= head + 4 + length else None
