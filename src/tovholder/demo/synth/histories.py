"""Owns when things happened to each package patient: the days of the course, drawn as arrays, one place per person.

The demo behaves as a pilot that has run for fourteen months, although the rights themselves begin on 1 January 2027:
built before or soon after that day it would otherwise have no history at all. Everybody diagnosed before the package
is in force has the legacy clock, which starts at inclusion (packages/builtin/kol/package.toml says from which day).

Every delay is drawn as if time had no end; what falls after the anchor day has not happened yet. So the open courses,
the deadlines near and the deadlines passed come about as they would in life, and no day contradicts another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tovholder.demo.synth.clinical import Clinical
from tovholder.demo.synth.people import People

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = 10**7  # a day after every other day
PILOT_DAYS = 425  # fourteen months
END_REASONS = ("died", "moved-practice", "wrong-diagnosis", "merged")
_END_MIX = (0.45, 0.35, 0.12, 0.08)

_NEW = 0.17  # diagnosed during the pilot
_NO_DATE = 0.05  # came from an older system without the day of the diagnosis
_FORGOTTEN = 0.11  # nobody offers anything for a long time
_DECLINES = 0.06
_NO_LEVEL = 0.08  # started, and then no level is decided for a long time
_DRAFT = 0.07  # a draft is made and left
_ENDS = 0.05
_PAUSES = 0.05


@dataclass(frozen=True, slots=True)
class Days:
    """One person's days as plain numbers; None where it has not happened."""

    diagnosed: int | None
    eligible: int
    offered: int | None
    declined: int | None
    started: int | None
    assessed: int | None
    decided: int | None
    drafted: int | None
    confirmed: int | None
    ended: int | None
    paused: int | None
    resumed: int | None


@dataclass(frozen=True, slots=True)
class Histories:
    """Days (NEVER where it has not happened by the anchor day) and what was chosen."""

    diagnosed: Ints  # NEVER: the day is unknown
    known_since: Ints  # when the illness was known, whatever is written
    eligible: Ints
    offered: Ints
    declined: Ints
    started: Ints
    assessed: Ints
    decided: Ints
    drafted: Ints
    confirmed: Ints
    ended: Ints
    end_reason: Ints  # index of END_REASONS
    paused: Ints
    resumed: Ints
    override: Flags  # the clinician decides another level than the proposed
    own_goal: Flags  # the patient set a goal; else the reason for none is written

    def __len__(self) -> int:
        return len(self.eligible)

    def of(self, index: int) -> Days:
        """One person's days."""

        def day(column: Ints) -> int | None:
            value = int(column[index])
            return None if value >= NEVER else value

        return Days(
            diagnosed=day(self.diagnosed),
            eligible=int(self.eligible[index]),
            offered=day(self.offered),
            declined=day(self.declined),
            started=day(self.started),
            assessed=day(self.assessed),
            decided=day(self.decided),
            drafted=day(self.drafted),
            confirmed=day(self.confirmed),
            ended=day(self.ended),
            paused=day(self.paused),
            resumed=day(self.resumed),
        )


def draw_histories(rng: np.random.Generator, people: People, clinical: Clinical, today: int) -> Histories:
    """Draw the courses of one clinic's people (all with KOL). Clinics differ in how fast they are."""
    size = len(people)
    pace = float(np.exp(rng.normal(0, 0.28)))

    new = rng.random(size) < _NEW
    old_since = today - PILOT_DAYS - np.floor(rng.gamma(2.0, 1100, size)).astype(np.int64)
    adult = today - (people.age - 30) * 365
    old_since = np.clip(np.maximum(old_since, adult), None, today - PILOT_DAYS)
    new_since = today - rng.integers(1, PILOT_DAYS, size=size)
    since = np.where(new, new_since, old_since)
    # The clinic works through its old diagnoses during the pilot, most of them early; a new one is eligible at once.
    review = today - PILOT_DAYS + np.floor(rng.beta(1.0, 1.15, size) * (PILOT_DAYS - 1)).astype(np.int64)
    eligible = np.where(new, since, review)
    diagnosed = np.where(~new & (rng.random(size) < _NO_DATE), NEVER, since)

    return follow(rng, since, eligible, diagnosed, pace, today)


def follow(
    rng: np.random.Generator,
    since: Ints,
    eligible: Ints,
    diagnosed: Ints,
    pace: float,
    today: int,
    *,
    ends: float = _ENDS,
) -> Histories:
    """What came after the day each could be offered a course. pace: 1 is the usual clinic, more is slower.

    ends: the share whose course ends.
    """
    size = len(eligible)

    def after(start: Ints, shape: float, scale: float) -> Ints:
        wait = np.floor(rng.gamma(shape, scale * pace, size)).astype(np.int64)
        return np.where(start >= NEVER, NEVER, start + wait)

    def later(chance: float, low: int, high: int) -> Ints:
        return np.where(rng.random(size) < chance, rng.integers(low, high, size=size), 0)

    offered = after(eligible, 1.5, 4.2) + later(_FORGOTTEN, 70, 500)
    waits = rng.random(size) < _PAUSES
    wait = np.where(waits, rng.integers(10, 75, size=size), 0)
    declines = (rng.random(size) < _DECLINES) & ~waits
    declined = np.where(declines, offered + rng.integers(0, 15, size=size), NEVER)
    started = np.where(declines, NEVER, after(offered, 1.4, 3.2) + wait)
    assessed = after(started, 0.6, 3.0)
    decided = after(assessed, 0.5, 1.5) + later(_NO_LEVEL, 60, 300)
    drafted = after(decided, 0.6, 2.0)
    confirmed = after(drafted, 1.1, 4.0) + later(_DRAFT, 50, 300)
    over = rng.random(size) < ends
    ended = np.where(over & ~declines, after(started, 1.6, 120.0), NEVER)

    def by_now(days: Ints, *, until: Ints | None = None) -> Ints:
        stopped = days > today if until is None else (days > today) | (days >= until)
        return np.where(stopped, NEVER, days)

    paused = by_now(np.where(waits, offered + 1, NEVER), until=ended)
    return Histories(
        diagnosed=diagnosed,
        known_since=since,
        eligible=eligible,
        offered=by_now(offered),
        declined=by_now(declined),
        started=by_now(started),
        assessed=by_now(assessed, until=ended),
        decided=by_now(decided, until=ended),
        drafted=by_now(drafted, until=ended),
        confirmed=by_now(confirmed, until=ended),
        ended=by_now(ended),
        end_reason=rng.choice(len(END_REASONS), size=size, p=_END_MIX).astype(np.int64),
        paused=paused,
        resumed=np.where(paused < NEVER, by_now(offered + 1 + wait), NEVER),
        override=rng.random(size) < 0.08,
        own_goal=rng.random(size) < 0.82,
    )
