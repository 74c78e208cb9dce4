"""What the pages about one patient are given: frozen values, everything named, nothing looked up later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tovholder.packages import Package
from tovholder.packages.common import Text
from tovholder.packages.model import ContentItem, Stop
from tovholder.plan.aims import Suggestion
from tovholder.plan.clock import ClockState, RightsClock
from tovholder.plan.domain import Level
from tovholder.plan.level import LevelProposal
from tovholder.plan.measures import Series
from tovholder.plan.nextstep import NextThing, Waiting
from tovholder.plan.record import Contact
from tovholder.plan.schedule import PlannedActivity
from tovholder.plan.stages import PathStep, Stage
from tovholder.plan.values import Activity, Appointment, Decision, Episode, Goal, Plan, Proposal, Referral


@dataclass(frozen=True, slots=True)
class LevelOrigin:
    """The patient's level: the highest of the courses', and which course it comes from."""

    level: Level
    package: str
    title: Text
    decided_day: int


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """Who the patient is, and where they stand in each package."""

    id: str
    name: str
    birth_day: int | None
    age: int | None
    sex: str
    deceased: bool
    clinic_id: str | None
    clinic_name: str
    clinic_phone: str
    clinic_link: str
    episodes: tuple[Episode, ...]
    level: LevelOrigin | None


@dataclass(frozen=True, slots=True)
class DateLine:
    """One of the dates the right is followed by (domain.md §1.5); ``day`` None is told as missing."""

    name: (
        str  # diagnosed, eligible, offered, started, made, confirmed, shared, referred, offer-started, paused, deadline
    )
    day: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClockView:
    """The clock today."""

    clock: RightsClock
    state: ClockState
    days_left: int | None
    stopped_day: int | None
    paused_days: int
    paused_since: int | None


@dataclass(frozen=True, slots=True)
class NeedAnswer:
    """One field of the needs assessment; ``value`` None when it is not answered."""

    link_id: str
    title: Text
    value: int | None


@dataclass(frozen=True, slots=True)
class FormState:
    """One of the package's forms besides the needs assessment; ``day`` None when nobody has answered it."""

    id: str
    title: Text
    kind: str
    day: int | None
    answers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # of that time


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeView:
    """One course with everything that hangs on it, as the clinic's patient page needs it."""

    patient: PatientSummary
    package: Package
    episode: Episode
    clock: ClockView | None
    dates: tuple[DateLine, ...]
    decision: Decision | None
    decisions: tuple[Decision, ...]
    saved_proposal: Proposal | None
    proposal: LevelProposal
    unknown: tuple[Text, ...]  # what nobody knows, in words
    needs: tuple[NeedAnswer, ...]
    needs_day: int | None
    plan: Plan | None
    plan_versions: tuple[Plan, ...]
    preview: tuple[PlannedActivity, ...]  # what a plan confirmed today would hold
    undecided: tuple[str, ...]  # activities nobody can say belong in the plan or not
    goals: tuple[Goal, ...]
    suggested_goals: tuple[Text, ...]
    suggestions: tuple[Suggestion, ...]  # the same, with what each would be kept as
    activities: tuple[Activity, ...]
    appointments: tuple[Appointment, ...]
    referrals: tuple[Referral, ...]
    measurements: tuple[Series, ...]
    stops: tuple[tuple[Stop, Text], ...]  # rules by which the course could end well now, with their words
    forms: tuple[FormState, ...]
    next: NextThing | None
    waiting: tuple[Waiting, ...]
    contacts: tuple[Contact, ...] = ()  # those that took place, an admission among them asks for a new assessment
    warnings: tuple[str, ...]  # codes: deceased, no-own-doctor, other-clinic, no-diagnosis-date, legacy, blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class MinPlanCourse:
    """One package as the patient follows it, from the day the right to a course is found."""

    package: Package
    episode: Episode
    stage: Stage
    path: tuple[PathStep, ...]
    clock: ClockView | None  # of a closed course: as it stood the day it closed
    level: Level | None
    level_day: int | None
    level_title: Text | None
    level_meaning: Text | None
    plan: Plan | None
    next: NextThing | None
    goals: tuple[Goal, ...]
    activities: tuple[Activity, ...]
    content: tuple[ContentItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinPlanView:
    """What the patient sees: who holds the rope, what is next, and everything agreed; a course from when it is found."""

    patient: PatientSummary
    courses: tuple[MinPlanCourse, ...]
    next: NextThing | None
    goals: tuple[Goal, ...]  # those that belong to no course
    appointments: tuple[Appointment, ...]
    measurements: tuple[Series, ...]
