"""Preparing resources ahead of the writer: checking and making rows in other processes while this one writes."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any

from tovholder.base import json
from tovholder.fhir.prepare import Prepared, prepare_many
from tovholder.store import schema

Batch = list[Any]
# Another process costs about a second to start: small loads do without.
ALONE = 8


def prepared(batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Prepared | None]]]:
    """Each batch of items (with ``resource`` and ``raw``) with what was prepared for it, in order.

    None stands for "prepare it yourself": so for the first batches, while the other processes start, for a batch
    they have not come to yet, and when they die. They run at most a few batches ahead, so memory stays flat.
    """
    waiting: deque[tuple[Batch, Future[list[Prepared]] | None]] = deque()
    with ExitStack() as stack:
        pool: ProcessPoolExecutor | None = None
        ready: Future[int] | None = None
        workers = max(1, (os.cpu_count() or 2) - 1)
        for number, batch in enumerate(batches):
            if number == ALONE:
                # Spawned, not forked: an open SQLite connection must not be carried into another process.
                pool = ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent, (os.getpid(),))
                stack.callback(pool.shutdown, wait=False, cancel_futures=True)
                ready = pool.submit(os.getpid)
            started = ready is not None and ready.done()
            waiting.append((batch, _submit(pool, batch) if started else None))
            if not started or len(waiting) > 2 * workers + 1:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)


def _submit(pool: ProcessPoolExecutor | None, batch: Batch) -> Future[list[Prepared]] | None:
    if pool is None:
        return None
    bodies = [item.raw or json.dumps(item.resource) for item in batch if item.resource is not None]
    try:
        return pool.submit(prepare_many, bodies, schema.FACTS_FOLDER)
    except BrokenProcessPool:
        return None


def _next(
    waiting: deque[tuple[Batch, Future[list[Prepared]] | None]],
) -> tuple[Batch, list[Prepared | None]]:
    batch, future = waiting.popleft()
    nothing: list[Prepared | None] = [None] * len(batch)
    if future is None or future.cancel():
        return batch, nothing
    try:
        made = iter(future.result())
    except BrokenProcessPool:
        return batch, nothing
    return batch, [next(made) if item.resource is not None else None for item in batch]


def _end_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
