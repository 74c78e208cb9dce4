"""A client's connection, and what it has sent of its next request."""

from __future__ import annotations

import socket
import time
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers import gthread

from tovholder.cli.intake.head import Heads, Request
from tovholder.cli.intake.line import Line, Reader, allowance

GATHERED = 262_144  # a request up to this size is gathered by the loop
HEAD = 65_536  # gunicorn's own limits are told long before


class Connection(gthread.TConn):  # type: ignore[misc] # gunicorn tells no types
    """A client's connection. The loop has it, but while a thread reads from it."""

    def __init__(self, cfg: Any, sock: Line, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer is sent at once or is large
        self.parser = get_parser(cfg, sock, client)
        self.parser.unreader = Reader(sock)
        self.initialized = True  # nothing is left to do for gunicorn
        self.heads = Heads(cfg, sock, client, server)
        self.received = bytearray()
        self.end = 0  # of the head, once it is there
        self.whole = 0  # bytes of the request, once its head is there
        self.until = 0.0
        self.keep = False
        self.large = False
        self.is_watched = False  # by the poller
        self.is_asked = False  # a request is being answered

    def take(self, data: bytes) -> bool:
        """Add what came; returns whether it can be answered: all is there, or it is not to be gathered."""
        before = len(self.received)
        self.received += data
        return self.is_ready(before)

    def is_ready(self, before: int = 0) -> bool:
        """Whether it can be answered. before: how much had been looked at already."""
        if self.whole:
            return len(self.received) >= self.whole
        end = self.received.find(b"\r\n\r\n", max(0, before - 3))
        if end < 0:
            self.large = len(self.received) > HEAD  # a thread will tell that it is too long
            return self.large
        self.end = end + 4
        length = self.heads.measure(bytes(self.received[: self.end]))
        self.whole = self.end + (length or 0)
        self.large = length is None or self.whole > GATHERED
        if self.large or len(self.received) >= self.whole:
            return True
        self.until = time.monotonic() + allowance(self.whole)
        return False

    def plain(self) -> Request | None:
        """Take the request that is here, when it is a plain one."""
        if self.large:
            return None
        found = self.heads.read(bytes(self.received[self.end : self.whole]))
        if found is not None:
            del self.received[: self.whole]
            self.whole = 0
        return found

    def hand_over(self) -> None:
        """Let gunicorn's parser read what is here, and the rest from the socket."""
        self.parser.unreader.unread(bytes(self.received))
        self.parser.unreader.begin()
        self.received.clear()
        self.whole = 0
