"""How requests come in: a thread takes one when it is there, so that clients that dawdle cost no thread.

gunicorn's threaded worker reads from a client in the thread that is going to answer, for as long as the client likes:
as many slow clients as there are threads, and nobody else is served. Here the worker's one loop gathers what every
client sends, and a thread begins with a whole request. What an answer is too large to send at once the loop sends too.
Bodies too large to gather are read in threads, in no more than half of them. Each wait has an end.
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.http import errors, get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

from tovholder.api.errors import outcome
from tovholder.api.negotiate import FHIR_JSON
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem

PIECE = 65_536  # bytes read or dropped at once
GATHERED = 262_144  # a request up to this size is gathered by the loop
HEAD = 65_536  # gunicorn's own limits are told long before
HELD = 1_048_576  # of an answer for a client that does not take it as fast as it comes
LINGER = 2.0  # seconds a client gets to read the last answer before the connection is gone
SWEEP = 0.25  # seconds between two looks at who has waited too long

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
# Sent in pieces, or only after we have said that we want it: no length to wait for.
_UNMEASURED = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)


def allowance(size: int) -> float:
    """Seconds a client may take for so many bytes."""
    return float(settings.ENV.patience + size / settings.ENV.least_rate)


class Line(socket.socket):
    """A client's socket whose answers wait for nobody: what it does not take at once is kept for the loop to send."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.kept = bytearray()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send or keep all of it. Raises TimeoutError when the client takes too little for too long."""
        view = memoryview(data).cast("B")
        if not self.kept:
            view = view[self.push(view) :]
        self.kept += view
        if len(self.kept) > HELD:
            self._patiently(lambda: super(Line, self).sendall(self.kept))
            self.kept.clear()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file after what was kept. Raises TimeoutError when the client takes nothing for too long."""
        if self.kept:
            self._patiently(lambda: super(Line, self).sendall(self.kept))
            self.kept.clear()
        sent: list[int] = []
        self._patiently(lambda: sent.append(super(Line, self).sendfile(file, offset, count)))
        return sent[0]

    def _patiently(self, send: Callable[[], None]) -> None:
        before = self.gettimeout()
        self.settimeout(allowance(len(self.kept)))
        try:
            send()
        except TimeoutError:
            raise TimeoutError(errno.EPIPE, "the client does not read") from None
        finally:
            self.settimeout(before)

    def push(self, data: Any) -> int:
        """Send what goes at once; returns how much went."""
        try:
            return self.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def flush(self) -> bool:
        """Send of what was kept what goes at once; returns whether that was all."""
        del self.kept[: self.push(self.kept)]
        return not self.kept


class Reader(SocketUnreader):  # type: ignore[misc] # gunicorn tells no types
    """The rest of a body, read by a thread: the client may be slow, but not for ever."""

    def begin(self) -> None:
        """A new request: the clock starts."""
        self.until = time.monotonic() + allowance(0)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece. Raises TimeoutError when the client has sent too little for too long."""
        left, before = self.until - time.monotonic(), self.sock.gettimeout()
        if left <= 0:
            raise TimeoutError(errno.EPIPE, "the client sends too slowly")
        self.sock.settimeout(left if before is None else min(left, before))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TimeoutError(errno.EPIPE, "the client sends too slowly") from None
        finally:
            self.sock.settimeout(before)
        self.until += len(data) / settings.ENV.least_rate
        return data


class Connection(gthread.TConn):  # type: ignore[misc]
    """A client's connection, and what it has sent of its next request."""

    def __init__(self, cfg: Any, sock: Line, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = get_parser(cfg, sock, client)
        self.parser.unreader = Reader(sock)
        self.initialized = True  # nothing is left to do for gunicorn
        self.received = bytearray()
        self.whole = 0  # bytes of the request, once its head is there
        self.until = 0.0
        self.keep = False
        self.large = False

    def take(self, data: bytes) -> bool:
        """Add what came; returns whether a thread can begin: all is there, or it is not to be gathered."""
        before = len(self.received)
        self.received += data
        return self.is_ready(before)

    def is_ready(self, before: int = 0) -> bool:
        """Whether a thread can begin. before: how much had been looked at already."""
        if self.whole:
            return len(self.received) >= self.whole
        end = self.received.find(b"\r\n\r\n", max(0, before - 3))
        if end < 0:
            self.large = len(self.received) > HEAD  # a thread will tell that it is too long
            return self.large
        head = bytes(self.received[: end + 4])
        lengths = _LENGTH.findall(head)
        self.whole = end + 4 + (int(lengths[0]) if lengths else 0)
        self.large = bool(_UNMEASURED.search(head)) or self.whole > GATHERED
        self.until = time.monotonic() + allowance(self.whole)
        return self.large or len(self.received) >= self.whole

    def hand_over(self) -> None:
        """Let gunicorn's parser read what is here, and the rest from the socket."""
        self.parser.unreader.unread(bytes(self.received))
        self.parser.unreader.begin()
        self.received.clear()
        self.whole = 0


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, with a loop that gathers requests and waits for slow clients."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[Connection] = set()  # in the poller, each with its end
        self._queue: deque[Connection] = deque()  # large ones; nothing is read from them meanwhile
        self._large = 0
        self._swept = 0.0

    # -- a request comes in ------------------------------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        """A new connection."""
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, Line(accepted), client, listener.getsockname())
        conn.until = time.monotonic() + allowance(0)
        self._wait(conn, selectors.EVENT_READ, self._gather)

    def _wait(self, conn: Connection, event: int, then: Callable[[Connection], None]) -> None:
        conn.sock.setblocking(False)
        self._waiting.add(conn)
        self.poller.register(conn.sock, event, lambda _: then(conn))

    def _leave(self, conn: Connection) -> None:
        self._waiting.discard(conn)
        self.poller.unregister(conn.sock)

    def _gather(self, conn: Connection) -> None:
        try:
            data = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave(conn)
            self._drop(conn)
            return
        if not conn.received:
            conn.until = time.monotonic() + allowance(0)
        if conn.take(data):
            self._leave(conn)
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        if conn.large and self._large >= max(1, self.cfg.threads // 2):
            self._queue.append(conn)
            return
        self._large += conn.large
        conn.hand_over()
        self.enqueue_req(conn)

    # -- an answer goes out ------------------------------------------------------------------------------------------

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """A thread is done with a request."""
        if conn.large:
            conn.large = False
            self._large -= 1
            if self._queue:
                self._start(self._queue.popleft())
        try:
            conn.keep = bool(fs.result())
        except Exception:  # gunicorn has told of it
            self._drop(conn)
            return
        if conn.sock.kept:
            conn.until = time.monotonic() + allowance(len(conn.sock.kept))
            self._wait(conn, selectors.EVENT_WRITE, self._send)
        else:
            self._go_on(conn)

    def _send(self, conn: Connection) -> None:
        try:
            done = conn.sock.flush()
        except OSError:
            self._leave(conn)
            self._drop(conn)
            return
        if done:
            self._leave(conn)
            self._go_on(conn)

    def _go_on(self, conn: Connection) -> None:
        now = time.monotonic()
        if not conn.keep:
            self._part(conn)
            return
        conn.received += conn.parser.unreader.take_buffered()  # the next request may have come with this one
        conn.until = now + (allowance(0) if conn.received else self.cfg.keepalive)
        if conn.received and conn.is_ready():
            self._start(conn)
        else:
            self._wait(conn, selectors.EVENT_READ, self._gather)

    def _part(self, conn: Connection) -> None:
        """Say that nothing more comes, and let the client read what came (RFC 9112 §9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.received.clear()
        conn.keep, conn.whole, conn.until = False, 0, time.monotonic() + LINGER
        self._wait(conn, selectors.EVENT_READ, partial(self._pour_away, left=[16]))

    def _pour_away(self, conn: Connection, left: list[int]) -> None:
        left[0] -= 1
        try:
            more = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more or left[0] <= 0:
            self._leave(conn)
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    # -- every wait has an end ---------------------------------------------------------------------------------------

    def murder_keepalived(self, force: bool = False) -> None:
        """Close connections that have waited too long; called by gunicorn's loop at each turn."""
        now = time.monotonic()
        if now < self._swept + SWEEP and not force:
            return
        self._swept = now
        for conn in list(self._waiting):
            end = conn.until if self.alive or conn.received or conn.sock.kept else min(conn.until, now + LINGER)
            conn.until = end
            if end <= now or force:
                self._leave(conn)
                if conn.received and not force:
                    self._refuse(
                        conn, 408, "Request Timeout", "the request did not come to its end", "all of it, sooner"
                    )
                self._drop(conn)

    def _refuse(self, conn: Connection, status: int, reason: str, message: str, expected: str) -> None:
        with suppress(OSError):
            conn.sock.push(_told(status, reason, message, expected))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Tell of what never became a request. gunicorn would print what was sent: it may be anybody's number."""
        ours = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
        if isinstance(exc, errors.LimitRequestLine):
            told = _told(414, "URI Too Long", "the address is too long", f"at most {settings.ENV.limits.url} bytes")
        elif isinstance(exc, errors.LimitRequestHeaders):
            expected = f"at most {settings.ENV.limits.header} bytes in a header, and at most 100 headers"
            told = _told(
                431, "Request Header Fields Too Large", "a header is too long, or there are too many", expected
            )
        elif isinstance(exc, errors.ExpectationFailed):
            told = _told(417, "Expectation Failed", "this cannot be expected", "Expect: 100-continue")
        elif isinstance(exc, errors.ParseException) and not ours:
            told = _told(400, "Bad Request", "this is not a request of HTTP", "HTTP/1.1 as RFC 9112 has it")
        else:
            self.log.exception("a request failed in the server")
            told = _told(500, "Internal Server Error", "something failed on our side", "an answer", Category.FAULT)
        try:
            client.sendall(told)
        except OSError:
            self.log.debug("the client has gone")


def _told(status: int, reason: str, message: str, expected: str, category: Category = Category.MALFORMED) -> bytes:
    """A whole answer, after which the connection ends."""
    code = "exception" if category is Category.FAULT else "structure"
    problem = Problem(category, f"The request was refused: {message}", [Issue("http", message, expected, code)])
    body = json.dumps(outcome(problem))
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {FHIR_JSON}; charset=utf-8\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
