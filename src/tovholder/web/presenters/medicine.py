"""The medicine noted in a course as the pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tovholder.access.domain import Context
from tovholder.packages import Package
from tovholder.plan.actions import medicine as m
from tovholder.plan.values import Medicine
from tovholder.web import reading


@dataclass(frozen=True, slots=True)
class Noted:
    """One medicine as the pages show it."""

    name: str
    atc: str
    group: str
    dosage: str
    reason: str
    day: int
    by: str
    stopped: bool
    ended_day: int | None
    stop_reason: str


def noted(
    ctx: Context, found: Iterable[dict[str, Any]], episode_id: str | None, package: Package, language: str
) -> tuple[Noted, ...]:
    """The medicines of a course the reader may see, newest first, those that run before those that do not.

    What was replaced by a newer note of the same medicine is left out: the newest says how it is.
    """
    newest: dict[tuple[str, str], Medicine] = {}
    for _stored, held in m.of_course(found, episode_id):
        newest[held.atc, held.name.casefold()] = held
    names = reading.called(ctx, [held.by for held in newest.values() if held.by])
    shown = [_noted(held, package, language, names.get(held.by or "", "")) for held in newest.values()]
    return tuple(sorted(shown, key=lambda item: (item.stopped, -item.day, item.name)))


def _noted(held: Medicine, package: Package, language: str, by: str) -> Noted:
    group = m.group_of(package, held.atc)
    return Noted(
        name=held.name,
        atc=held.atc,
        group=group.title[language] if group else "",
        dosage=held.dosage,
        reason=held.reason,
        day=held.day,
        by=by,
        stopped=held.stopped,
        ended_day=held.ended_day if held.ended_day is not None else (held.day if held.stopped else None),
        stop_reason=held.stop_reason,
    )
