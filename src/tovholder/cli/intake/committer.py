"""Answers wait here until their rows of the audit trail are on disk: one thread of the process writes for all who wait.

So neither the loop nor a thread that answers waits for a commit, nor for the writer's turn while somebody stores much.
No answer leaves without its rows: where they cannot be written it is replaced by one that says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from tovholder.access import audit
from tovholder.api.lane import tidy
from tovholder.store import presence
from tovholder.store.commits import OF_A_ROW
from tovholder.store.trail import write_audit

ROOM = 67_108_864  # bytes of answers that may wait; beyond that whoever answers waits for the commit


@dataclass(slots=True)
class Waiting:
    """An answer and its rows. error: what kept the rows from being written, once the answer is released."""

    owner: Any
    content: bytes
    entries: Sequence[audit.Entry]
    error: BaseException | None = None


class Committer:
    """release: called in the committer's thread with every answer that need not wait any more."""

    def __init__(self, release: Callable[[list[Waiting]], None]) -> None:
        self._release = release
        self._given: SimpleQueue[list[Waiting]] = SimpleQueue()
        self._guard = threading.Lock()
        self._held = 0
        threading.Thread(target=self._run, name="committer", daemon=True).start()

    def has_room(self) -> bool:
        """Whether more answers may be made to wait."""
        return self._held < ROOM

    def give(self, waiting: list[Waiting]) -> None:
        """Take answers that may leave once their rows are written."""
        with self._guard:
            self._held += sum(len(one.content) for one in waiting)
        self._given.put(waiting)

    def _run(self) -> None:
        while True:
            batch = list(self._given.get())
            while True:
                try:
                    batch += self._given.get_nowait()
                except Empty:
                    break
            settle(batch)
            with self._guard:
                self._held -= sum(len(one.content) for one in batch)
            self._release(batch)


def settle(batch: Sequence[Waiting]) -> None:
    """Write the rows of all; what keeps some of them from it stands with their answers."""
    try:
        presence.check()
        write_audit([entry for one in batch for entry in one.entries])
    except BaseException as error:
        if isinstance(error, OF_A_ROW) and len(batch) > 1:
            for one in batch:
                settle([one])
        else:
            for one in batch:
                one.error = error
    with suppress(Exception):
        tidy()
