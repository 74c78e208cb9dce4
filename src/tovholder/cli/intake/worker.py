"""gunicorn's threaded worker with a loop that gathers requests, answers the shortest, and waits for slow clients."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.http import errors
from gunicorn.http.wsgi import FileWrapper, Response
from gunicorn.workers import gthread

from tovholder import database
from tovholder.api import lane
from tovholder.cli.intake import answer
from tovholder.cli.intake.committer import Committer, Waiting
from tovholder.cli.intake.connection import Connection
from tovholder.cli.intake.hands import Calls, Hands
from tovholder.cli.intake.head import Request
from tovholder.cli.intake.line import HELD, Line, allowance
from tovholder.store import web
from tovholder.store.trail import write_audit

PIECE = 65_536  # bytes read or dropped at once
LINGER = 2.0  # seconds a client gets to read the last answer before the connection is gone
OWED = 67_108_864  # bytes of large answers kept for clients that read slowly; beyond that a thread waits for them
TOGETHER = 16  # answers whose rows are written in one commit, where so many are there
SWEEP = 0.25  # seconds between two looks at who has waited too long


class Worker(gthread.ThreadWorker):  # type: ignore[misc] # gunicorn tells no types
    """One process that serves. What is not said to run in a thread runs in the loop, and waits for nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method_queue = Calls()
        self._waiting: set[Connection] = set()  # for their clients, each with its end
        self._queue: deque[Connection] = deque()  # large ones; nothing is read from them meanwhile
        self._ready: deque[Connection] = deque()  # whose next request came with the one before
        self._held: list[Waiting] = []  # answers of this turn of the loop that wait for their rows
        self._large = 0
        self._swept = 0.0

    def init_process(self) -> None:
        """In the new process: its threads are its own."""
        self._committer = Committer(lambda batch: self.method_queue.defer(self._released, batch))
        super().init_process()

    def get_thread_pool(self) -> Hands:
        """The threads that answer."""
        return Hands(self.cfg.threads, lambda: self.log.exception("a request failed in the server"))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the loop."""
        try:
            events = self.poller.select(0 if self._ready or self._held else timeout)
        except InterruptedError:
            return
        for key, _ in events:
            key.data(key.fileobj)
        for _ in range(len(self._ready)):
            self._start(self._ready.popleft())
        # A commit for each request would cost more than the requests: whoever is there already goes along.
        if self._held and (len(self._held) >= TOGETHER or not (events or self._ready)):
            held, self._held = self._held, []
            self._committer.give(held)

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
        self._listen(conn)

    def _listen(self, conn: Connection) -> None:
        self._waiting.add(conn)
        if not conn.is_watched:
            self._watch(conn, selectors.EVENT_READ, self._gather)

    def _watch(self, conn: Connection, event: int, then: Callable[[Connection], None]) -> None:
        conn.is_watched = True
        self.poller.register(conn.sock, event, lambda _: then(conn))

    def _unwatch(self, conn: Connection) -> None:
        if conn.is_watched:
            conn.is_watched = False
            self.poller.unregister(conn.sock)

    def _gather(self, conn: Connection) -> None:
        if conn.is_asked:  # it sends on while it is being answered, or has gone: looked at later
            self._unwatch(conn)
            return
        try:
            data = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        if not conn.received:
            conn.until = time.monotonic() + allowance(0)
        if conn.take(data):
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        self._waiting.discard(conn)
        conn.is_asked = True
        request = conn.plain()
        if request is not None:
            self._answer(conn, request)
            return
        self._unwatch(conn)  # a thread reads from it
        if conn.large and self._large >= max(1, self.cfg.threads // 2):
            self._queue.append(conn)
            return
        self._large += conn.large
        conn.hand_over()
        self.tpool.give(self._unusual, conn)

    # -- a plain request is answered ---------------------------------------------------------------------------------

    def _answer(self, conn: Connection, request: Request) -> None:
        path, query = request.environ["PATH_INFO"], request.environ["QUERY_STRING"]
        if lane.may_be_held(request.method, path) and self._committer.has_room():
            request.environ[web.HELD] = []
            # A record on a server may let the loop wait, one in a file does not: readers wait for nobody there.
            if lane.is_short(path, query) and database.writes_alone():
                self._in_loop(conn, request)
                return
        self.tpool.give(self._in_thread, conn, request)

    def _in_thread(self, conn: Connection, request: Request) -> None:
        content, found = self._make(conn, request)
        if content is None:
            self._in_pieces(conn, request, found)
        elif request.environ.get(web.HELD):
            self._committer.give([Waiting((conn, request), content, request.environ[web.HELD])])
        elif len(content) > HELD:
            self.method_queue.defer(self._send_in_loop, conn, content)
        else:
            self._send_in_thread(conn, content)

    def _in_loop(self, conn: Connection, request: Request) -> None:
        content, found = self._make(conn, request)
        if content is None:
            self.tpool.give(self._in_pieces, conn, request, found)
        elif request.environ.get(web.HELD):
            self._held.append(Waiting((conn, request), content, request.environ[web.HELD]))
        else:
            self._send_in_loop(conn, content)

    def _make(self, conn: Connection, request: Request) -> tuple[bytes | None, Any]:
        """The answer as bytes where it is whole and plain; else what the application gave: status, headers, pieces."""
        conn.keep = request.keep = request.keep and self.alive
        told: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            told[:] = [status, headers]

        try:
            pieces = self.wsgi(request.environ, start)
            if type(pieces) is list and len(pieces) == 1:
                content = answer.plain(request.method, told[0], told[1], pieces[0], keep=request.keep)
                if content is not None:
                    return content, None
            return None, (*told, pieces)
        except Exception:
            self.log.exception("a request failed in the server")
            conn.keep = False
            request.environ.pop(web.HELD, None)
            return answer.fault(), None

    def _released(self, batch: list[Waiting]) -> None:
        """Their rows are on disk; or cannot be written, and the client is told that."""
        for one in batch:
            conn, request = one.owner
            if one.error is None:
                self._send_in_loop(conn, one.content)
            else:
                del request.environ[web.HELD]
                request.environ[web.FAILED] = one.error
                self._in_loop(conn, request)

    def _send_in_loop(self, conn: Connection, content: bytes) -> None:
        if len(content) > HELD and sum(len(other.sock.kept) for other in self._waiting) > OWED:
            self.tpool.give(self._send_in_thread, conn, content)
            return
        try:
            conn.sock.give(content)
        except OSError:  # it has gone
            self._drop(conn)
        else:
            self._go_on(conn)

    def _send_in_thread(self, conn: Connection, content: bytes) -> None:
        try:
            conn.sock.sendall(content)
        except OSError:
            conn.keep = False
        self.method_queue.defer(self._go_on, conn)

    def _in_pieces(self, conn: Connection, request: Request, found: tuple[str, list[Any], Any]) -> None:
        """A stream, a file, or an answer with something unusual: by gunicorn's writer, in a thread."""
        status, headers, pieces = found
        writer = Response(request, conn.sock, self.cfg)
        keep = False
        try:
            write_audit(request.environ.get(web.HELD, ()))
            writer.start_response(status, headers)
            if isinstance(pieces, FileWrapper):
                writer.write_file(pieces)
            else:
                for piece in pieces:
                    writer.write(piece)
            writer.close()
            keep = not writer.should_close()
        except OSError:
            self.log.debug("the client has gone")
        except Exception as error:
            if writer.headers_sent:  # nothing more can be told
                self.log.exception("a request failed in the server")
            else:
                self.handle_error(None, conn.sock, conn.client, error)
        finally:
            with suppress(Exception):
                getattr(pieces, "close", _nothing)()
            conn.keep = keep
            self.method_queue.defer(self._go_on, conn)

    # -- a request that is not plain -----------------------------------------------------------------------------------

    def _unusual(self, conn: Connection) -> None:
        keep = False
        try:
            keep = bool(self.handle(conn))
        finally:
            self.method_queue.defer(self._done, conn, keep)

    def _done(self, conn: Connection, keep: bool) -> None:
        if conn.large:
            conn.large = False
            self._large -= 1
            if self._queue:
                self._start(self._queue.popleft())
        conn.sock.setblocking(False)
        conn.keep = keep
        conn.received += conn.parser.unreader.take_buffered()  # the next request may have come with this one
        self._go_on(conn)

    # -- an answer is out ----------------------------------------------------------------------------------------------

    def _go_on(self, conn: Connection) -> None:
        conn.is_asked = False
        if conn.sock.kept:
            conn.until = time.monotonic() + allowance(len(conn.sock.kept))
            self._waiting.add(conn)
            self._unwatch(conn)
            self._watch(conn, selectors.EVENT_WRITE, self._send)
        elif not conn.keep:
            self._part(conn)
        else:
            conn.until = time.monotonic() + (allowance(0) if conn.received else self.cfg.keepalive)
            if conn.received and conn.is_ready():
                conn.is_asked = True
                self._ready.append(conn)
            else:
                self._listen(conn)

    def _send(self, conn: Connection) -> None:
        try:
            done = conn.sock.flush()
        except OSError:
            self._drop(conn)
            return
        if done:
            self._unwatch(conn)
            self._waiting.discard(conn)
            self._go_on(conn)

    def _part(self, conn: Connection) -> None:
        """Say that nothing more comes, and let the client read what came (RFC 9112 §9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.received.clear()
        conn.whole, conn.until = 0, time.monotonic() + LINGER
        self._waiting.add(conn)
        self._unwatch(conn)
        self._watch(conn, selectors.EVENT_READ, partial(self._pour_away, left=[16]))

    def _pour_away(self, conn: Connection, left: list[int]) -> None:
        left[0] -= 1
        try:
            more = conn.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more or left[0] <= 0:
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self._unwatch(conn)
        self._waiting.discard(conn)
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
                if conn.received and not force:
                    with suppress(OSError):
                        conn.sock.push(
                            answer.refusal(
                                408, "Request Timeout", "the request did not come to its end", "all of it, sooner"
                            )
                        )
                self._drop(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Tell of what never became a request. gunicorn would print what was sent: it may be anybody's number."""
        ours = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
        if isinstance(exc, errors.LimitRequestLine):
            expected = f"at most {settings.ENV.limits.url} bytes"
            told = answer.refusal(414, "URI Too Long", "the address is too long", expected)
        elif isinstance(exc, errors.LimitRequestHeaders):
            expected = f"at most {settings.ENV.limits.header} bytes in a header, and at most 100 headers"
            message = "a header is too long, or there are too many"
            told = answer.refusal(431, "Request Header Fields Too Large", message, expected)
        elif isinstance(exc, errors.ExpectationFailed):
            told = answer.refusal(417, "Expectation Failed", "this cannot be expected", "Expect: 100-continue")
        elif isinstance(exc, errors.ParseException) and not ours:
            told = answer.refusal(400, "Bad Request", "this is not a request of HTTP", "HTTP/1.1 as RFC 9112 has it")
        else:
            self.log.exception("a request failed in the server")
            told = answer.fault()
        try:
            client.sendall(told)
        except OSError:
            self.log.debug("the client has gone")


def _nothing() -> None:
    """Nothing is to be closed."""
