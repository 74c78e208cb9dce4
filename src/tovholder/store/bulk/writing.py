"""One batch of a bulk load: prepared anywhere, then written in one short transaction; the bad are set aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.prepare import Prepared, prepare_many
from tovholder.fhir.references import patient_of
from tovholder.store import schema
from tovholder.store.bulk.fresh import Fresh, load
from tovholder.store.bulk.sources import Item
from tovholder.store.rows import Resource
from tovholder.store.unit import UnitOfWork, unit_of_work

Done = TypeVar("Done")
TOGETHER = 32  # resources prepared step by step: few enough to stay in the processor's caches
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)  # seconds before a batch is tried again that others were in the way of


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that did not go in: where it stood, why, and the line itself (for the reject file)."""

    source: str
    issues: tuple[Issue, ...]
    raw: bytes = b""


@dataclass(slots=True)
class Report:
    """What a load did. turn: seconds its longest turn as writer took, of a batch."""

    stored: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A valid resource and its place in the batch. prepared: its rows, where they are not with what is new."""

    place: int
    item: Item
    prepared: Prepared | None

    @property
    def resource(self) -> Resource:
        """The resource."""
        assert self.item.resource is not None  # it was found valid
        return self.item.resource


@dataclass(slots=True)
class Batch:
    """What a batch of items came to before it is written: the good, and the bad by place.

    fresh: those of the good that may be new, made ready for the shortest way; usual: the others.
    """

    good: list[Ready] = field(default_factory=list)
    fresh: Fresh = field(default_factory=Fresh)
    usual: list[Ready] = field(default_factory=list)
    bad: list[tuple[int, Reject]] = field(default_factory=list)


def prepare_batch(items: Sequence[Item]) -> Batch:
    """Parse, check and make rows; needs no database."""
    batch = Batch()
    for first in range(0, len(items), TOGETHER):
        _prepare_some(items[first : first + TOGETHER], first, batch)
    return batch


def _prepare_some(items: Sequence[Item], first: int, batch: Batch) -> None:
    resources = [item.resource for item in items]
    made = iter(prepare_many([resource for resource in resources if resource is not None], schema.FACTS_FOLDER))
    for place, (item, resource) in enumerate(zip(items, resources, strict=True), start=first):
        if resource is None:
            batch.bad.append((place, Reject(item.source, item.issues, item.raw)))
            continue
        prepared = next(made)
        if prepared.refused:
            errors = tuple(issue for issue in prepared.issues if issue.severity in ("error", "fatal"))
            batch.bad.append((place, Reject(item.source, errors, item.raw)))
        else:
            new = batch.fresh.take(resource, prepared, item.as_written)
            one = Ready(place, item, None if new else prepared)
            batch.good.append(one)
            if new:
                item.forget()
            else:
                batch.usual.append(one)


def write_batch(ctx: Context, batch: Batch) -> Report:
    """Store the good in one transaction; where one is refused, the halves by themselves, down to the one."""
    report = Report()
    bad = list(batch.bad)
    _write(ctx, batch.good, report, bad, batch)
    report.rejects = [reject for _, reject in sorted(bad, key=lambda pair: pair[0])]
    return report


def _write(
    ctx: Context,
    good: Sequence[Ready],
    report: Report,
    bad: list[tuple[int, Reject]],
    whole: Batch | None = None,
) -> None:
    if not good:
        return
    try:
        stored, unchanged, turn = patiently(lambda: _unit(ctx, good, whole))
    except Problem as problem:
        if problem.category is Category.BUSY:
            raise  # not the data's fault: nothing is set aside
        if len(good) == 1:
            item = good[0].item
            bad.append((good[0].place, Reject(item.source, problem.issues, item.raw)))
            return
        middle = len(good) // 2
        _write(ctx, good[:middle], report, bad)
        _write(ctx, good[middle:], report, bad)
    else:
        report.stored += stored
        report.unchanged += unchanged
        report.turn = max(report.turn, turn)


def patiently(unit: Callable[[], Done]) -> Done:
    """Do a unit, again after a while where others were in its way. Raises Problem(BUSY) in the end."""
    for pause in PAUSES:
        try:
            return unit()
        except Problem as problem:
            if problem.category is not Category.BUSY:
                raise
        time.sleep(pause)  # somebody else writes about the same patients
    return unit()


def _unit(ctx: Context, good: Sequence[Ready], whole: Batch | None) -> tuple[int, int, float]:
    stored = 0
    with unit_of_work(ctx, bulk=True) as uow:
        begun = time.perf_counter()
        rest = good
        if whole is not None:
            _look_up(uow, whole.usual, whole.fresh.patients)
            if not uow.any_there(whole.fresh.pairs):
                load(uow, whole.fresh)
                stored, rest = len(whole.fresh.new), whole.usual
        if rest is good:
            _look_up(uow, good)
        for one in rest:
            resource = one.resource
            if "id" not in resource:
                uow.create(resource)
            elif uow.holds(resource):
                continue
            else:
                uow.update(resource, prepared=one.prepared)
            stored += 1
    return stored, len(good) - stored, time.perf_counter() - begun


def _look_up(uow: UnitOfWork, some: Sequence[Ready], patients: Iterable[str] = ()) -> None:
    """Hold what is there of them, and whom they are about."""
    resources = [one.resource for one in some]
    about = {patient for patient in map(patient_of, resources) if patient}
    uow.prefetch([(one["resourceType"], one["id"]) for one in resources if "id" in one], about.union(patients))
