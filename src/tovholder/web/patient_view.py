"""What the pages about one patient over all packages show, as frozen values: presenters fill them, templates read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tovholder.web.view_models import Appointment, Clock, Flag, Goal, Series, Text


@dataclass(frozen=True, slots=True)
class Button:
    """One press: what is sent, and what it says."""

    name: str
    value: str
    text: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """One decision or act that waits. ``url``: where it is done; ``post``: where its buttons send, at once."""

    rank: int  # how pressing: smallest first
    title: Text
    about: Text | str
    day: int | None
    day_word: Any
    late: bool
    url: str
    link: Any
    post: str = ""
    hidden: Mapping[str, str]
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Why the level should be assessed anew, since when; in words."""

    text: Any
    day: int | None
    detail: str = ""
    flag: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """The plan of one course in numbers."""

    confirmed_day: int | None
    review_day: int | None
    steps: int
    done: int
    overdue: int
    history_url: str
    edit_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One package as the overview shows it."""

    package: str
    title: Text
    phase: str
    phase_label: Any
    is_open: bool
    level: int | None
    level_day: int | None
    url: str
    clock: Clock | None
    flags: tuple[Flag, ...]
    todos: tuple[Todo, ...]
    reviews: tuple[Review, ...]
    plan: PlanSummary | None
    ended_day: int | None
    ended_word: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One referral that goes on."""

    title: str
    receiver: str
    status: Any
    sent_day: int
    days: int
    package: Text | None


@dataclass(frozen=True, slots=True)
class Why:
    """One reason somebody takes part: the word, what it is about, the latest day it shows."""

    word: Any
    about: str
    day: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody around the patient, and why."""

    name: str
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who the patient is, over all packages; the same on every page about them."""

    patient_id: str
    name: str
    age: int | None
    cpr: str
    level: int | None
    level_from: Text | None
    level_day: int | None
    deceased: bool
    deceased_day: int | None
    moved: bool  # another clinic is their own doctor now
    inactive: bool
    tabs: tuple[Tab, ...] = ()


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the pages about the patient."""

    key: str
    text: Any
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The patient across all packages: first what needs somebody now."""

    head: Head
    courses: tuple[Course, ...]
    over: tuple[Course, ...]  # declined or ended
    waiting: int
    appointments: tuple[Appointment, ...]
    referrals: tuple[Referral, ...]
    team: tuple[Member, ...]
    goals: tuple[tuple[Text | None, Goal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the timeline."""

    kind: str
    kind_label: Any
    icon: str
    when: str  # "" for a day; else as much as is known, in words
    day: int | None
    title: str
    detail: str
    status: Any
    source: str
    packages: tuple[Text, ...]
    ahead: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """One choice of a filter, with how many it holds."""

    key: str
    text: Any
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """A page of the timeline with its filters."""

    head: Head
    rows: tuple[Happening, ...]
    kinds: tuple[Pick, ...]
    packages: tuple[Pick, ...]
    total: int
    first: int
    last: int
    newer: str
    older: str
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementPage:
    """Everything measured over time, with goal lines and bands."""

    head: Head
    series: tuple[Series, ...]
    missing: tuple[tuple[Text, str], ...]  # what a package asks about and nobody has measured
