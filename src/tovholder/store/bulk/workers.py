"""The processes of a bulk load: each prepares batches and writes them when it is their turn, so order is kept."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from django.db import connection

from tovholder.access import Context
from tovholder.store.bulk.sources import Item
from tovholder.store.bulk.writing import Ready, Reject, Report, ready, write

Batch = list[Item]
Done = tuple[int, Report]
# Another process costs about a second to start: small loads do without.
ALONE = 8
# Batches one process holds: the one it writes or waits to write, and the next.
HELD = 2


@dataclass(slots=True)
class Worker:
    """One of the processes and what it has been given, oldest first."""

    process: BaseProcess
    pipe: Connection
    given: deque[int] = field(default_factory=deque)
    ready: bool = False


def stored(ctx: Context, batches: Iterable[Batch]) -> Iterator[Done]:
    """Store each batch; yields how many items it had and what became of them, in order.

    The first batches, and all of a small load, are stored by this process while the others start; so is whatever a
    process that died was given. A batch stored twice changes nothing the second time.
    """
    with ExitStack() as stack:
        crew = Crew(ctx)
        stack.callback(crew.end)
        for number, batch in enumerate(batches):
            if number == ALONE and _may_share():
                crew.start(max(2, os.cpu_count() or 2))
            yield from crew.take(number, batch)
        yield from crew.rest()


def _may_share() -> bool:
    # Inside a transaction others cannot see (tests, mostly) and in memory, this process is the only one that can write.
    name = str(connection.settings_dict["NAME"])
    return not connection.in_atomic_block and ":memory:" not in name and "mode=memory" not in name


class Crew:
    """The processes of one load, their batches, and whose turn it is to write."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._workers: list[Worker] = []
        self._held: dict[int, Batch] = {}  # given to a process and not yet stored
        self._orphans: set[int] = set()  # held, and the process they were given to is dead
        self._turn = 0  # the batch that may be written next
        self._told = -1  # the last one whose process was told so

    def start(self, count: int) -> None:
        """Start the processes; they are used once they say they are ready."""
        # Spawned, not forked: an open database connection must not be carried into another process.
        spawn = get_context("spawn")
        for _ in range(count):
            ours, theirs = spawn.Pipe()
            told = (theirs, self._ctx, dict(connection.settings_dict), os.getpid())
            process = spawn.Process(target=_work, args=told, daemon=True)
            process.start()
            theirs.close()
            self._workers.append(Worker(process, ours))

    def take(self, number: int, batch: Batch) -> Iterator[Done]:
        """Give the batch to a process that has room, or store it here; yields what was finished meanwhile."""
        yield from self._hear(0)
        while True:
            able = [worker for worker in self._workers if worker.ready]
            free = min(
                (worker for worker in able if len(worker.given) < HELD), key=lambda w: len(w.given), default=None
            )
            if free is not None:
                self._held[number] = batch
                free.given.append(number)
                with suppress(OSError):  # it died: told when it is heard
                    free.pipe.send(("batch", number, batch))
                self._give_turn()
                return
            if not able:
                break
            yield from self._hear(None)
        yield from self.rest()
        self._turn = number + 1
        yield self._here(batch)

    def rest(self) -> Iterator[Done]:
        """Wait for everything that was given."""
        while self._held:
            yield from self._hear(None)

    def end(self) -> None:
        """Let the processes go."""
        for worker in self._workers:
            with suppress(OSError):
                worker.pipe.send(("end",))
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()

    def _here(self, batch: Batch) -> Done:
        good, bad = ready(batch)
        report = write(self._ctx, good)
        return len(batch), Report(report.stored, report.unchanged, _in_order(batch, bad + report.rejects))

    def _hear(self, timeout: float | None) -> Iterator[Done]:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(by_pipe), timeout):
            worker = by_pipe[pipe]  # type: ignore[index] # wait() gives back what it was given
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._workers.remove(worker)
                self._orphans.update(worker.given)
                continue
            if message[0] == "ready":
                worker.ready = True
            elif message[0] == "stored":
                number, report = message[1:]
                worker.given.remove(number)
                yield self._finished(number, report)
            else:  # it failed in a way that is not the data's: tell it here, where somebody sees it
                raise message[1]
        yield from self._adopt()

    def _finished(self, number: int, report: Report) -> Done:
        batch = self._held.pop(number)
        self._turn = number + 1
        self._give_turn()
        return len(batch), Report(report.stored, report.unchanged, _in_order(batch, report.rejects))

    def _give_turn(self) -> None:
        if self._told >= self._turn:
            return
        for worker in self._workers:
            if self._turn in worker.given:
                self._told = self._turn
                with suppress(OSError):
                    worker.pipe.send(("turn", self._turn))

    def _adopt(self) -> Iterator[Done]:
        # What the dead had not told of may or may not be stored: it is stored (again) here, in its turn.
        while self._turn in self._orphans:
            self._orphans.remove(self._turn)
            done = self._here(self._held[self._turn])
            self._finished(self._turn, done[1])
            yield done


def _in_order(batch: Batch, rejects: list[Reject]) -> list[Reject]:
    place = {item.source: at for at, item in enumerate(batch)}
    return sorted(rejects, key=lambda reject: place.get(reject.source, 0))


def _work(pipe: Connection, ctx: Context, database: Mapping[str, Any], parent: int) -> None:
    """The life of one process: prepare what is given, write it when its turn comes, tell what became of it."""
    _end_with_parent(parent)
    _set_up(database)
    given: deque[tuple[int, Batch]] = deque()
    prepared: deque[tuple[int, list[Ready], list[Reject]]] = deque()
    turn = -1
    told: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, told), daemon=True).start()
    pipe.send(("ready",))
    try:
        while True:
            while not told.empty() or not (given or (prepared and prepared[0][0] == turn)):
                message = told.get()
                if message is None:
                    return
                if message[0] == "batch":
                    given.append(message[1:])
                else:
                    turn = message[1]
            if prepared and prepared[0][0] == turn:
                number, good, bad = prepared.popleft()
                report = write(ctx, good)
                report.rejects += bad
                pipe.send(("stored", number, report))
            else:
                number, batch = given.popleft()
                prepared.append((number, *ready(batch)))
    except OSError:
        return  # the parent is gone
    except Exception as error:
        with suppress(Exception):
            pipe.send(("failed", error))


def _listen(pipe: Connection, told: SimpleQueue[tuple[Any, ...] | None]) -> None:
    # Always listening: a batch is larger than a pipe holds, and the parent must not wait while this process works.
    with suppress(EOFError, OSError):
        while (message := pipe.recv())[0] != "end":
            told.put(message)
    told.put(None)


def _set_up(database: Mapping[str, Any]) -> None:
    import gc

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tovholder.config.settings")
    django.setup()
    # The parent's database, which in tests is not the one the settings name.
    connection.settings_dict.update({name: database[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")})
    connection.close()
    gc.disable()


def _end_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
