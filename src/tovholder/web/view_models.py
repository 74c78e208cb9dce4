"""What the pages show, as frozen values: presenters fill them, templates read them, neither knows the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Text = Mapping[str, str]  # {"da": …, "en": …}


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that needs a person: what, why, since when."""

    rule_id: str
    title: Text
    severity: str
    reason: Text
    since_day: int | None
    age_days: int | None
    action: Text = field(default_factory=dict)
    refer_url: str = ""  # the prefilled form of the referral that answers it


@dataclass(frozen=True, slots=True)
class NextStep:
    """The one thing to do next, where, and the day that matters in words; "" where another column tells it."""

    kind: str
    title: Text
    day: int | None
    url: str
    day_label: Any = ""


@dataclass(frozen=True, slots=True)
class ClockDate:
    """One dated fact of the rights clock."""

    label: Any
    day: int | None
    note: Any = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The rights clock with every date it rests on."""

    state: str  # running, soon, broken, met, met-late, unknown, stopped
    title: Text | None
    deadline_day: int | None
    days_left: int | None
    days: int | None
    legacy: bool
    dates: tuple[ClockDate, ...]
    paused_days: int
    open_pause_day: int | None
    open_pause_reason: str
    rule: str
    legal_source: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the guided flow."""

    key: str
    number: int
    title: Any
    state: str  # done, current, todo
    summary: Any
    anchor: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The latest needs assessment."""

    form: str
    day: int | None
    answers: tuple[Answer, ...]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stands in the way of a level: why, what to do first, and the form the assessment is written in."""

    text: str
    action: str
    urgent: bool
    url: str
    form_title: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One of the package's forms: where it is filled in, and when that was last done."""

    title: str
    url: str
    day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed level with its reasons and what was not known."""

    id: str | None
    level: int | None
    day: int | None
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]
    inputs: tuple[Answer, ...]
    blocks: tuple[Block, ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided level: when, by whom, and why it differs from the proposal."""

    level: int
    day: int
    by: str
    proposed: int | None
    override_reason: str
    review_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal and whose words it is in."""

    id: str | None
    text: str
    by_patient: bool
    lifecycle: str
    achievement: Any
    start_day: int | None
    target_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing the plan says shall be done."""

    id: str | None
    kind: str
    title: str
    who: Any
    status: str
    due_day: int | None
    window_start_day: int | None
    window_end_day: int | None
    done_day: int | None
    overdue_days: int
    packages: tuple[str, ...] = ()  # what it is done for, told to a patient who has several


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment with its status in words and what may be done with it."""

    id: str | None
    kind: str
    title: str
    status: str
    status_label: Any
    status_icon: str
    start: datetime | None
    day: int | None
    place: str
    reason: str
    by: Any
    actions: tuple[str, ...]
    needs_outcome: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value."""

    day: int
    value: float
    text: str
    band: str = ""  # what the package calls it


@dataclass(frozen=True, slots=True)
class Level:
    """A line or the edge of a band in a chart: where, and what it is called."""

    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One kind of measurement over time; drawn as a chart and written as a table."""

    key: str
    title: str
    unit: str
    points: tuple[Point, ...]
    about: str = ""  # how it has gone since the course began
    band: str = ""  # what the newest value is called
    way: str = ""  # better, worse, same or unknown; empty where the package does not say what is better
    goals: tuple[Level, ...] = ()  # lines to reach
    bands: tuple[Level, ...] = ()  # each from its value up to the next
    told: tuple[str, ...] = ()  # the chart in words: goals reached or not, smallest change that is felt
    packages: tuple[Text, ...] = ()  # which ask about it
    yes_no: bool = False  # told in words alone

    @property
    def data_id(self) -> str:
        """The id of the chart's data on the page."""
        return f"maaling-{self.key}"

    @property
    def latest(self) -> Point:
        """The newest value."""
        return self.points[-1]

    @property
    def newest_first(self) -> tuple[Point, ...]:
        """For the table."""
        return tuple(reversed(self.points))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside a form: the newest measurements, and the other forms with when they were filled in."""

    measurements: tuple[Series, ...]
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shared plan of one course."""

    id: str | None
    title: str
    status: str
    made_day: int | None
    confirmed_day: int | None
    confirmed_by: str
    shared_day: int | None
    review_day: int | None
    no_goal_reason: str
    version: str


@dataclass(frozen=True, slots=True)
class Planned:
    """One activity of the package that a plan confirmed today would hold, with all its days."""

    id: str
    title: str
    who: Any
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GuidePart:
    """One part of a guide: its words in the page's language, and how soon to act."""

    urgency: str
    title: str
    signs: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Something to read or somewhere to turn. A guide has its words in ``parts``."""

    title: object
    url: str
    about: object
    validated_by: str = ""
    parts: tuple[GuidePart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """A patient's page in the clinic: the guided flow and everything it stands on."""

    patient_id: str
    name: str
    age: int | None
    cpr: str
    package: str
    package_title: Text
    phase: str
    phase_label: Any
    episode_id: str | None
    level: int | None
    flags: tuple[Flag, ...]
    clock: Clock | None
    steps: tuple[Step, ...]
    current: Step | None
    inclusion_reasons: tuple[str, ...]
    declined_day: int | None
    decline_reason: str
    ended_day: int | None
    end_reason: Any
    assessment: Assessment | None
    assessment_url: str
    proposal: Proposal | None
    decision: Decision | None
    plan: Plan | None
    goals: tuple[Goal, ...]
    suggested_goals: tuple[tuple[str, str], ...]  # id and words
    preview: tuple[Planned, ...]
    activities: tuple[Activity, ...]
    appointments: tuple[Appointment, ...]
    measurements: tuple[Series, ...]
    sheets: tuple[Sheet, ...] = ()
    stops: tuple[str, ...] = ()  # why the course could end now
    plans_elsewhere: bool = False  # plans come from the GP system
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormError:
    """One thing to correct, and the id of the field it is about ("" for none)."""

    field: str
    text: Any
