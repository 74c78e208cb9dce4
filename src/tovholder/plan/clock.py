"""The rights clock: when a patient's right starts to count, its last day, and pauses beside it (domain.md §1.5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ClockEvent(StrEnum):
    """What started the clock."""

    DIAGNOSIS = "diagnosis"
    INCLUSION = "inclusion"  # legacy: diagnosed before the package was in force
    UNKNOWN = "unknown"  # no date to start from: no deadline, and counted as missing


class ClockState(StrEnum):
    """What can be said about the right on a day."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    BROKEN = "broken"  # the last day has passed and nothing stopped the clock
    MET = "met"
    MET_LATE = "met-late"


@dataclass(frozen=True, slots=True)
class Pause:
    """Days the patient asked to wait. Shown beside the clock and never taken from it."""

    start_day: int
    end_day: int | None
    reason: str

    def __post_init__(self) -> None:
        if self.end_day is not None and self.end_day < self.start_day:
            raise ValueError("a pause cannot end before it starts")

    def days(self, today: int) -> int:
        """Days waited so far; a pause begun today has lasted 0 days."""
        return max(0, (today if self.end_day is None else self.end_day) - self.start_day)


@dataclass(frozen=True, slots=True)
class RightsClock:
    """One right of one course. Day 0 is the event's day; the deadline day itself is still in time."""

    rule: str
    event: ClockEvent
    start_day: int | None
    days: int
    legacy: bool = False

    def __post_init__(self) -> None:
        if self.days < 0:
            raise ValueError("a right cannot have a negative number of days")
        if (self.start_day is None) != (self.event is ClockEvent.UNKNOWN):
            raise ValueError("a clock has a start day exactly when its event is known")

    @property
    def deadline_day(self) -> int | None:
        """The last day in time: day 30 for a right of 30 days."""
        return None if self.start_day is None else self.start_day + self.days

    @property
    def missing(self) -> bool:
        """Whether the date the right counts from is missing."""
        return self.event is ClockEvent.UNKNOWN

    def days_left(self, today: int) -> int | None:
        """Days until the last day (0 on it, negative after it)."""
        return None if self.deadline_day is None else self.deadline_day - today

    def state(self, today: int, stopped_day: int | None = None) -> ClockState:
        """What can be said today, given the day a clinician confirmed a plan made with the patient."""
        if self.deadline_day is None:
            return ClockState.UNKNOWN
        if stopped_day is not None:
            return ClockState.MET if stopped_day <= self.deadline_day else ClockState.MET_LATE
        return ClockState.RUNNING if today <= self.deadline_day else ClockState.BROKEN


def start_clock(
    *, rule: str, days: int, diagnosed_day: int | None, inclusion_day: int, valid_from_day: int
) -> RightsClock:
    """The clock of a course: from the diagnosis; from inclusion when diagnosed before the package was in force.

    A diagnosis without a full date starts no clock: the patient is counted as missing, never guessed.
    """
    if diagnosed_day is None:
        return RightsClock(rule, ClockEvent.UNKNOWN, None, days)
    if diagnosed_day < valid_from_day:
        return RightsClock(rule, ClockEvent.INCLUSION, inclusion_day, days, legacy=True)
    return RightsClock(rule, ClockEvent.DIAGNOSIS, diagnosed_day, days)


def paused_days(pauses: Iterable[Pause]) -> int:
    """Days of the pauses that have ended. An open pause is told by its start day instead."""
    return sum(pause.days(pause.end_day) for pause in pauses if pause.end_day is not None)


def open_pause(pauses: Iterable[Pause]) -> Pause | None:
    """The pause that has not ended, if any."""
    return next((pause for pause in pauses if pause.end_day is None), None)
