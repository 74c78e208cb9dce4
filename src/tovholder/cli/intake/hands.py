"""The threads that answer, and how they and the loop tell each other: as few calls into the system as will do."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from gunicorn.workers import gthread

Work = Callable[[], None]


class Hands:
    """Threads that do what they are given, in the order it was given. failed: called where that raised."""

    def __init__(self, count: int, failed: Callable[[], None]) -> None:
        self._failed = failed
        self._given: SimpleQueue[Work | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._work, name=f"answers-{number}", daemon=True).start()

    def give(self, work: Callable[..., None], *args: Any) -> None:
        """Have it done."""
        self._given.put(partial(work, *args))

    def shutdown(self, wait: bool = True) -> None:  # as gunicorn calls it
        """Nothing more is begun after what was given."""
        for _ in range(self._count):
            self._given.put(None)

    def _work(self) -> None:
        while (work := self._given.get()) is not None:
            try:
                work()
            except BaseException:  # a thread less would be a request less at once, for ever
                self._failed()


class Calls(gthread.PollableMethodQueue):  # type: ignore[misc] # gunicorn tells no types
    """What threads want the loop to do; the loop is woken once for all of it."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[Work] = deque()
        self._woken = False

    def defer(self, callback: Callable[..., Any], *args: Any) -> None:
        """Have the loop call it."""
        self._calls.append(partial(callback, *args))
        if not self._woken:
            self._woken = True
            try:
                os.write(self._write_fd, b"\0")
            except OSError:
                return  # unread bytes wake the loop as well; or it has ended

    def run_callbacks(self, _fileobj: Any, max_callbacks: int = 50) -> None:
        """Called by the loop when it was woken."""
        try:
            os.read(self._read_fd, max_callbacks)
        except BlockingIOError:
            return
        self._woken = False  # before looking: who comes from now on wakes the loop again
        for _ in range(len(self._calls)):
            self._calls.popleft()()
        if self._calls and not self._woken:
            self.defer(_nothing)


def _nothing() -> None:
    """Only to wake the loop."""
