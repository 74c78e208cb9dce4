"""Several processes at one long job: each prepares batches and writes them, where order counts when it is their turn."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Literal

from django.db import connection

from tovholder import database
from tovholder.access import Context

# Batches done alone before other processes are started. A forked one costs some hundredths of a second, a spawned one
# a second and more: small jobs do without.
FORK_AFTER, SPAWN_AFTER = 2, 8
Done = tuple[Any, Any]  # a batch, and what its writing gave
# Batches one process holds: the one it writes or waits to write, and the next.
HELD = 2
# Batches a process writes before it sees to the database's log: a page that several of them touch is then copied once.
UNTIDY = 10


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to each batch: module-level functions, since other processes are told their names.

    prepare runs in any order and writes nothing. write runs in the order of the batches, in short transactions of
    its own, and must change nothing when a batch comes a second time. in_turn: False where batches have nothing to do
    with each other and the database has many writers: then they are written, and done, in any order.
    """

    prepare: Callable[[Any], Any]
    write: Callable[[Context, Any], Any]
    in_turn: bool = True


@dataclass(slots=True)
class Worker:
    """One of the processes and what it has been given, oldest first."""

    process: BaseProcess
    pipe: Connection
    given: deque[int] = field(default_factory=deque)
    ready: bool = False


def done(ctx: Context, job: Job, batches: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Do the job; yields each batch with what its writing gave, in order where the job keeps one.

    The first batches, and all of a small job, are done by this process while the others start; so is whatever a
    process that died was given.
    """
    with ExitStack() as stack:
        crew = Crew(ctx, job)
        stack.callback(crew.end)
        for number, batch in enumerate(batches):
            if number in (FORK_AFTER, SPAWN_AFTER) and not crew.started and _may_share():
                how = _way_to_start()
                if how == "fork" or number == SPAWN_AFTER:
                    crew.start(max(2, os.cpu_count() or 2), how)
            yield from crew.take(number, batch)
        yield from crew.rest()


def _may_share() -> bool:
    # Inside a transaction others cannot see (tests, mostly) and in memory, this process is the only one that can write.
    name = str(connection.settings_dict["NAME"])
    return not connection.in_atomic_block and ":memory:" not in name and "mode=memory" not in name


def _way_to_start() -> Literal["fork", "spawn"]:
    """Fork where that is safe; closes this process's connections, which must not be carried into another.

    Forked, the others have all that is loaded and made already: types, checks, statements. But a lock that another thread
    of this process holds would stay held in them for ever, so this must be its only thread, the libraries' counted in.
    """
    database.disconnect()
    try:
        return "fork" if len(os.listdir("/proc/self/task")) == 1 else "spawn"
    except OSError:  # not Linux
        return "spawn"


class Crew:
    """The processes of one job, their batches, and whose turn it is to write."""

    def __init__(self, ctx: Context, job: Job) -> None:
        self._ctx, self._job = ctx, job
        self._workers: list[Worker] = []
        self._held: dict[int, Any] = {}  # given to a process and not yet stored
        self._orphans: set[int] = set()  # held, and the process they were given to is dead
        self._turn = 0  # the batch that may be written next
        self._told = -1  # the last one whose process was told so
        self.started = False

    def start(self, count: int, how: Literal["fork", "spawn"]) -> None:
        """Start the processes; they are used once they say they are ready."""
        self.started = True
        context = get_context(how)
        for _ in range(count):
            ours, theirs = context.Pipe()
            told = (theirs, self._ctx, self._job, dict(connection.settings_dict), os.getpid())
            # Typeshed gives Process to each kind of context, not to what they have in common.
            process: BaseProcess = context.Process(target=_work, args=told, daemon=True)  # type: ignore[attr-defined]
            process.start()
            theirs.close()
            self._workers.append(Worker(process, ours))

    def take(self, number: int, batch: Any) -> Iterator[Done]:
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

    def _here(self, batch: Any) -> Done:
        return batch, self._job.write(self._ctx, self._job.prepare(batch))

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
                number, result = message[1:]
                worker.given.remove(number)
                yield self._finished(number, result)
            else:  # it failed in a way that is not the data's: tell it here, where somebody sees it
                raise message[1]
        yield from self._adopt()

    def _finished(self, number: int, result: Any) -> Done:
        batch = self._held.pop(number)
        self._turn = number + 1
        self._give_turn()
        return batch, result

    def _give_turn(self) -> None:
        if self._told >= self._turn or not self._job.in_turn:
            return
        for worker in self._workers:
            if self._turn in worker.given:
                self._told = self._turn
                with suppress(OSError):
                    worker.pipe.send(("turn", self._turn))

    def _adopt(self) -> Iterator[Done]:
        # What the dead had not told of may or may not be stored: it is stored (again) here, in its turn.
        while self._turn in self._orphans or (self._orphans and not self._job.in_turn):
            number = self._turn if self._job.in_turn else min(self._orphans)
            self._orphans.remove(number)
            done = self._here(self._held[number])
            self._finished(number, done[1])
            yield done


def _work(pipe: Connection, ctx: Context, job: Job, settings: Mapping[str, Any], parent: int) -> None:
    """The life of one process: prepare what is given, write it when its turn comes, tell what became of it."""
    _end_with_parent(parent)
    _set_up(settings)
    told: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, told), daemon=True).start()
    pipe.send(("ready",))
    try:
        with database.loading():
            (_take_turns if job.in_turn else _take_all)(pipe, ctx, job, told)
    except OSError:
        return  # the parent is gone
    except Exception as error:
        with suppress(Exception):
            pipe.send(("failed", error))


def _take_turns(pipe: Connection, ctx: Context, job: Job, told: SimpleQueue[tuple[Any, ...] | None]) -> None:
    given: deque[tuple[int, Any]] = deque()
    prepared: deque[tuple[int, Any]] = deque()
    turn, written = -1, 0
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
            number, made = prepared.popleft()
            pipe.send(("stored", number, job.write(ctx, made)))
            written += 1
            if written % UNTIDY == 0:
                database.tidy()  # now that it is another's turn
        else:
            number, batch = given.popleft()
            prepared.append((number, job.prepare(batch)))


def _take_all(pipe: Connection, ctx: Context, job: Job, told: SimpleQueue[tuple[Any, ...] | None]) -> None:
    while (message := told.get()) is not None:
        _, number, batch = message
        pipe.send(("stored", number, job.write(ctx, job.prepare(batch))))


def _listen(pipe: Connection, told: SimpleQueue[tuple[Any, ...] | None]) -> None:
    # Always listening: a batch is larger than a pipe holds, and the parent must not wait while this process works.
    with suppress(EOFError, OSError):
        while (message := pipe.recv())[0] != "end":
            told.put(message)
    told.put(None)


def _set_up(settings: Mapping[str, Any]) -> None:
    import gc

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tovholder.config.settings")
    django.setup()
    # The parent's database, which in tests is not the one the settings name.
    connection.settings_dict.update({name: settings[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")})
    connection.close()
    gc.disable()


def _end_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
