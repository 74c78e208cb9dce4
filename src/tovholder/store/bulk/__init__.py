"""Bulk loads: Bundles, NDJSON and folders into the record, in batches; bad lines set aside with file, line and path."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tovholder import database
from tovholder.access import Context
from tovholder.store.bulk import deletions, pace, workers
from tovholder.store.bulk.deriving import BATCH as DERIVE_BATCH
from tovholder.store.bulk.deriving import derive_pending, run_steps, waiting
from tovholder.store.bulk.sources import Item, bundle_items, read_lines, read_paths
from tovholder.store.bulk.writing import Reject, Report

__all__ = [
    "BATCH",
    "DERIVE_BATCH",
    "Item",
    "Reject",
    "Report",
    "bundle_items",
    "derive_pending",
    "load",
    "read_lines",
    "read_paths",
    "run_steps",
    "waiting",
]

# Resources of one transaction where that is short enough (see ``pace``).
BATCH = pace.MOST
STORE = workers.Job(deletions.prepare, deletions.write)
Progress = Callable[[int], None]


def load(
    ctx: Context,
    items: Iterable[Item],
    *,
    progress: Progress | None = None,
    set_aside: Callable[[Reject], None] | None = None,
) -> Report:
    """Store everything that is valid, each under its own id; the rest is reported. Loading again changes nothing.
    Deletions a Bulk Data export tells of are carried out.

    Batches are prepared by several processes and written in the order they were read. Derived things (episodes,
    flags, figures) are brought up to date at the end, and after a crash by the next ``derive_pending``: whose turn is
    due is written in the same transaction as their data.

    set_aside: told of each reject as it comes; without it they are gathered in the report.
    """
    report = Report()
    rhythm = pace.Pace()
    with _no_cycle_search(), database.loading():
        for batch, part in workers.done(ctx, STORE, rhythm.batches(items)):
            if database.writes_alone():
                rhythm.took(len(batch), part.turn)
            report.stored += part.stored
            report.unchanged += part.unchanged
            report.deleted += part.deleted
            report.turn = max(report.turn, part.turn)
            if set_aside is None:
                report.rejects += part.rejects
            else:
                for reject in part.rejects:
                    set_aside(reject)
            if progress:
                progress(len(batch))
    return report


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    # Resources are trees: counting references frees them, and looking for cycles among them costs a tenth of the load.
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
