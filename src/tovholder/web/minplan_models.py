"""What the patient's own page shows, as frozen values: the presenter fills them, the templates read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tovholder.web.presenters.medicine import Noted
from tovholder.web.view_models import Activity, Appointment, Content, Goal, Plan, Series, Text


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step on the way to the plan, in the patient's words."""

    done: bool
    day: int | None
    text: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRight:
    """The right to a plan and its last day, as the patient is told it."""

    state: str  # unknown, running, broken, met, met-late; closed-running, closed-broken for a course that is over
    deadline_day: int | None
    days_left: int | None
    made_day: int | None
    legacy: bool
    paused_since: int | None
    declined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One package as the patient follows it, in the patient's words."""

    package: str
    title: Text
    stage: str  # found, begun, planned, declined, ended
    path: tuple[PathStep, ...]  # while the plan is not made
    upcoming: Any
    right: PatientRight | None
    closed_day: int | None
    closed_words: Any
    level: int | None
    level_title: Any
    level_about: Any
    level_day: int | None
    plan: Plan | None
    goals: tuple[Goal, ...]
    activities: tuple[Activity, ...]
    content: tuple[Content, ...]
    guides: tuple[Content, ...]
    medicines: tuple[Noted, ...] = ()  # what the reader may see of what was noted
    goal_url: str

    @property
    def right_now(self) -> bool:
        """Whether nothing is to come: the page tells how things stand instead."""
        return self.stage in ("declined", "ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The clinic that holds the rope."""

    name: str
    person: str
    phone: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MinPlanPage:
    """The patient's own page."""

    first_name: str
    next_appointment: Appointment | None
    next_activity: Activity | None
    missed: tuple[Appointment, ...]
    holder: Holder | None
    courses: tuple[Course, ...]
    lead: Course | None  # the course the page speaks of first when nothing is agreed
    ahead: tuple[Activity, ...]  # what was agreed in all courses and is not done, next first
    done: tuple[Activity, ...]  # newest first
    coming: tuple[Appointment, ...]
    earlier: tuple[Appointment, ...]
    measurements: tuple[Series, ...]
    reading: tuple[Content, ...]

    @property
    def several(self) -> bool:
        """Whether there are so many courses that each is folded."""
        return len(self.courses) > 1
