"""Whose a handed-over course is in a figure: the clinic that held the rope when the figure was settled.

A right to a plan is settled the day the plan was agreed, or the day its deadline ran out; every other figure at the end
of its period. Until then it is with whoever holds the course today. Most courses were never handed over, and for those
nothing is asked.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tovholder import database
from tovholder.base import days
from tovholder.plan import holding, resources
from tovholder.plan.values import Episode
from tovholder.store import UnitOfWork

Row = tuple[Any, ...]
_STRATA = 7  # where a contribution's strata begin
Strata = tuple[Any, ...]  # phase, level, clinic, region, health council


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A course that changed hands. settled: the day its right to a plan was; places: region and council of each clinic."""

    value: Episode
    settled_day: int | None
    places: Mapping[str, tuple[Any, Any]]

    def strata(self, now: Strata, period: str, today: int) -> Strata:
        """What the course is counted under in a period (a month, ``2027-03``)."""
        end = _last_day(period)
        if self.settled_day is not None and _last_day(days.iso(self.settled_day)[:7]) == end:
            end = self.settled_day
        holder = holding.held_on(self.value, today if end is None else min(end, today))
        region, council = self.places.get(holder or "", (None, None))
        return (now[0], now[1], holder, region, council)


def settled(uow: UnitOfWork, people: Sequence[str], rows: list[Row]) -> list[Row]:
    """Contributions (``contributions.COLUMNS``) with those of handed-over courses under the clinic they were settled at."""
    handed = handed_over(uow, people)
    if not handed:
        return rows
    today = uow.ctx.today
    return [
        (*row[:_STRATA], *handed[row[2]].strata(row[_STRATA:], str(row[3]), today)) if row[2] in handed else row
        for row in rows
    ]


def handed_over(uow: UnitOfWork, people: Sequence[str]) -> dict[str, HandedOver]:
    """Of these patients' courses those that were ever handed over, by id."""
    uow.flush()
    about, whom = database.in_list("e.patient_id", people)
    found = database.rows(
        "SELECT e.episode_id, e.deadline_day, (SELECT MIN(p.confirmed_day) FROM fact_plan AS p"
        " WHERE p.episode_id = e.episode_id) FROM fact_episode AS e"
        f" WHERE e.held_before IS NOT NULL AND {about}",
        whom,
    )
    if not found:
        return {}
    hand = uow.as_system("monitoring")
    values = {row[0]: resources.read_episode(hand.read("EpisodeOfCare", row[0])) for row in found}
    clinics = {item.organization_id for value in values.values() for item in value.holdings if item.organization_id}
    named, ids = database.in_list("organization_id", sorted(clinics))
    places = {
        row[0]: (row[1], row[2])
        for row in database.rows(
            f"SELECT organization_id, region, sundhedsraad FROM fact_organization WHERE {named}", ids
        )
    }
    return {
        episode: HandedOver(
            values[episode], min((day for day in (deadline, agreed) if day is not None), default=None), places
        )
        for episode, deadline, agreed in found
    }


def _last_day(period: str) -> int | None:
    try:
        year, month = (int(part) for part in period.split("-"))
        return days.day_of(date(year, month, monthrange(year, month)[1]))
    except ValueError:
        return None
