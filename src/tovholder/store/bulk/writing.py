"""One batch of a bulk load: prepared anywhere, then written in one short transaction; the bad are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tovholder.access import Context
from tovholder.base.errors import Issue, Problem
from tovholder.fhir.prepare import Prepared, prepare
from tovholder.store import schema
from tovholder.store.bulk.sources import Item
from tovholder.store.rows import Resource
from tovholder.store.unit import unit_of_work


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that did not go in: where it stood, why, and the line itself (for the reject file)."""

    source: str
    issues: tuple[Issue, ...]
    raw: bytes = b""


@dataclass(slots=True)
class Report:
    """What a load did."""

    stored: int = 0
    unchanged: int = 0
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ready:
    """A valid resource with its rows."""

    item: Item
    resource: Resource
    prepared: Prepared


def ready(batch: Sequence[Item]) -> tuple[list[Ready], list[Reject]]:
    """Parse, check and make rows; needs no database."""
    good: list[Ready] = []
    bad: list[Reject] = []
    for item in batch:
        resource = item.resource
        if resource is None:
            bad.append(Reject(item.source, item.issues, item.raw))
            continue
        prepared = prepare(resource, schema.FACTS_FOLDER)
        errors = tuple(issue for issue in prepared.issues if issue.severity in ("error", "fatal"))
        if errors:
            bad.append(Reject(item.source, errors, item.raw))
        else:
            good.append(Ready(item, resource, prepared))
    return good, bad


def write(ctx: Context, good: Sequence[Ready]) -> Report:
    """Store them in one transaction. Where one is refused, the halves go in by themselves, down to the one."""
    report = Report()
    if not good:
        return report
    try:
        report.stored, report.unchanged = _unit(ctx, good)
    except Problem as problem:
        if len(good) == 1:
            item = good[0].item
            report.rejects.append(Reject(item.source, problem.issues, item.raw))
            return report
        middle = len(good) // 2
        for half in (good[:middle], good[middle:]):
            part = write(ctx, half)
            report.stored += part.stored
            report.unchanged += part.unchanged
            report.rejects += part.rejects
    return report


def _unit(ctx: Context, good: Sequence[Ready]) -> tuple[int, int]:
    stored = 0
    with unit_of_work(ctx, bulk=True) as uow:
        uow.prefetch((one.resource["resourceType"], one.resource["id"]) for one in good if "id" in one.resource)
        for one in good:
            if "id" not in one.resource:
                uow.create(one.resource)
            elif uow.holds(one.resource):
                continue
            else:
                uow.update(one.resource, prepared=one.prepared)
            stored += 1
    return stored, len(good) - stored
