"""A client's socket: answers wait for nobody, and what is read by a thread has an end."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from gunicorn.http.unreader import SocketUnreader

HELD = 1_048_576  # of an answer for a client that does not take it as fast as it comes


def allowance(size: int) -> float:
    """Seconds a client may take for so many bytes."""
    return float(settings.ENV.patience + size / settings.ENV.least_rate)


class Line(socket.socket):
    """A client's socket whose answers wait for nobody: what it does not take at once is kept for the loop to send."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.kept = bytearray()

    def give(self, data: bytes) -> None:
        """Send what goes at once and keep the rest, however much: the loop waits for nobody."""
        sent = 0 if self.kept else self.push(data)
        if sent < len(data):
            self.kept += memoryview(data)[sent:]

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
