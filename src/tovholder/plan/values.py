"""The frozen values of a course as the rest of the house handles them; plan.resources turns them into FHIR and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tovholder.plan.clock import Pause, RightsClock, open_pause, paused_days
from tovholder.plan.domain import ActivityStatus, Level, Phase, PlanStatus


@dataclass(frozen=True, slots=True)
class Code:
    """A code in a system, with its text where known."""

    system: str
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A stretch of days in which one clinic held the rope; ``organization_id`` None: nobody of this system did.

    ``to_day``: the day it was handed over, None while it lasts. ``taken_day``: the day the clinic took it over.
    """

    organization_id: str | None
    from_day: int
    to_day: int | None = None
    taken_day: int | None = None
    taken_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One patient's course in one package (EpisodeOfCare)."""

    id: str | None = None
    patient_id: str
    package: str
    package_version: str
    phase: Phase
    organization_id: str | None
    condition_id: str | None = None
    diagnosed_day: int | None = None
    eligible_day: int | None = None
    offered_day: int | None = None
    started_day: int | None = None
    declined_day: int | None = None
    decline_reason: str | None = None
    decided_by: str | None = None  # reference of whoever recorded the start, the refusal or the end
    ended_day: int | None = None
    end_reason: str | None = None
    inclusion_reasons: tuple[str, ...] = ()
    clock: RightsClock | None = None
    pauses: tuple[Pause, ...] = ()
    care_manager: str | None = None
    holdings: tuple[Holding, ...] = ()  # oldest first; none while it was never handed over

    @property
    def awaits(self) -> Holding | None:
        """The hand-over nobody has taken yet."""
        last = self.holdings[-1] if self.holdings else None
        return last if last is not None and last.organization_id is not None and last.taken_day is None else None

    @property
    def paused_days(self) -> int:
        """Days of closed pauses."""
        return paused_days(self.pauses)

    @property
    def open_pause(self) -> Pause | None:
        """The pause that still runs."""
        return open_pause(self.pauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shared plan of one course (CarePlan). A draft made from the package stops no clock."""

    id: str | None = None
    patient_id: str
    episode_id: str
    package: str
    package_version: str
    status: PlanStatus
    title: str
    made_day: int
    author: str | None = None
    confirmed_day: int | None = None
    confirmed_by: str | None = None
    shared_day: int | None = None
    start_day: int | None = None
    end_day: int | None = None
    review_day: int | None = None
    no_goal_reason: str | None = None
    condition_ids: tuple[str, ...] = ()
    goal_ids: tuple[str, ...] = ()
    activity_ids: tuple[str, ...] = ()
    planned_from: int | None = None  # the day its steps are counted from
    kept_version: str | None = None  # the version of the package the clinic looked at and did not take
    kept_reason: str | None = None
    look_again_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a measurement is to reach, in thousandths of its unit, both ends included; None: no limit that way."""

    measure: Code
    at_least_milli: int | None = None
    at_most_milli: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the patient wants to reach, in text first (Goal)."""

    id: str | None = None
    patient_id: str
    episode_id: str | None
    text: str
    lifecycle: str = "active"
    achievement: str | None = None
    expressed_by: str | None = None
    start_day: int | None = None
    target_day: int | None = None
    target: str = ""  # in words; ``limits`` say it in numbers
    limits: Limits | None = None
    code: Code | None = None
    condition_ids: tuple[str, ...] = ()

    @property
    def by_patient(self) -> bool:
        """Whether the patient set the goal."""
        return bool(self.expressed_by and self.expressed_by.startswith("Patient/"))


@dataclass(frozen=True, slots=True)
class ProposalInput:
    """What a proposal was built on: a named value and the resource it came from."""

    name: str
    value: str
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed level with its reasons (RiskAssessment)."""

    id: str | None = None
    patient_id: str
    episode_id: str
    level: Level | None
    made: datetime
    rule: str
    rule_version: str
    reasons: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    inputs: tuple[ProposalInput, ...] = ()
    blocked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The level a clinician decided (Observation)."""

    id: str | None = None
    patient_id: str
    episode_id: str
    level: Level
    decided_day: int
    decided_by: str
    organization_id: str | None = None
    proposal_id: str | None = None
    proposed_level: Level | None = None
    override_reason: str | None = None
    rule_version: str | None = None
    review_day: int | None = None
    review_wish_day: int | None = None  # the day the patient asked for a new assessment
    review_wish: str = ""  # and what was said
    derived_from: tuple[str, ...] = ()
    status: str = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing the plan says shall be done (ServiceRequest)."""

    id: str | None = None
    patient_id: str
    episode_id: str
    plan_id: str | None
    package: str
    kind: str
    title: str
    status: ActivityStatus
    performer_kind: str
    due_day: int | None
    window_start_day: int | None = None
    window_end_day: int | None = None
    done_day: int | None = None
    performer_id: str | None = None
    authored_day: int | None = None
    step: str = ""  # the package's activity it is; "": added by hand, or made before this was kept
    step_version: str = ""  # of the package it was made from


@dataclass(frozen=True, slots=True, kw_only=True)
class Medicine:
    """Medicine decided on or noted in a course (MedicationRequest of a doctor, MedicationStatement of others)."""

    id: str | None = None
    kind: str  # the resource's type
    patient_id: str
    episode_id: str | None
    name: str
    atc: str
    reason: str
    dosage: str = ""
    day: int
    by: str | None = None
    stopped: bool = False
    stop_reason: str = ""
    ended_day: int | None = None
    replaces: str | None = None  # reference of what it changed

    @property
    def reference(self) -> str:
        """Its address."""
        return f"{self.kind}/{self.id}"

    def same_as(self, atc: str, name: str) -> bool:
        """Whether it is that medicine: the same code, and the same name whatever the capitals."""
        return self.atc == atc and self.name.casefold() == name.casefold()


@dataclass(frozen=True, slots=True)
class Served:
    """One planned step that an appointment for several is for: the step, its course, and what kind it is there."""

    activity_id: str
    episode_id: str | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A meeting agreed or wished for (Appointment). ``kind``, ``episode_id`` and ``activity_id`` are the first's."""

    id: str | None = None
    patient_id: str
    kind: str
    title: str
    status: str
    start: datetime | None = None
    end: datetime | None = None
    created_day: int | None = None
    organization_id: str | None = None
    practitioner_id: str | None = None
    episode_id: str | None = None
    activity_id: str | None = None
    cancel_reason: str | None = None  # a code
    cancel_text: str = ""
    cancelled_by: str | None = None
    outcome_unknown: bool = False
    correction: str | None = None
    serves: tuple[Served, ...] = ()  # the steps of several packages it is for; none: the one of activity_id
    other_activity_ids: tuple[str, ...] = ()  # steps it is based on besides, where nobody said of what kind

    @property
    def activity_ids(self) -> tuple[str, ...]:
        """All the planned steps it is for."""
        first = (self.activity_id,) if self.activity_id else ()
        return tuple(dict.fromkeys((*first, *(one.activity_id for one in self.serves), *self.other_activity_ids)))

    @property
    def kinds(self) -> tuple[str, ...]:
        """All the kinds it is of."""
        return tuple(dict.fromkeys((self.kind, *(one.kind for one in self.serves))))

    @property
    def episode_ids(self) -> tuple[str, ...]:
        """All the courses it says it belongs to."""
        found = (self.episode_id, *(one.episode_id for one in self.serves))
        return tuple(dict.fromkeys(one for one in found if one))

    def kinds_in(self, episode_id: str | None) -> tuple[str, ...]:
        """What kinds it is of in a course; its own kind where it does not say."""
        return tuple(one.kind for one in self.serves if one.episode_id == episode_id) or (self.kind,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One field of a referral as the receiver was told it. how: record, confirmed (the record's, though old) or written."""

    id: str
    title: str
    value: str
    source: str | None = None  # reference of the resource it comes from
    day: int | None = None  # the day it was true: measured, answered, decided
    how: str = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One round of a referral: the task between sender and receiver (Task on a ServiceRequest)."""

    id: str | None = None
    patient_id: str
    episode_id: str | None
    request_id: str
    kind: str
    receiver_id: str | None
    receiver_kind: str
    status: str
    sent_day: int
    requester: str | None = None
    accepted_day: int | None = None
    started_day: int | None = None
    completed_day: int | None = None
    stop_reason: str | None = None  # a code
    stop_text: str = ""
    title: str = ""
    first_sent_day: int | None = None  # of one sent again after a rejection: the day the patient was first referred
    follows: str | None = None  # the round it follows: one sent again, or one the receiver referred on
    resent: str | None = None  # the round that took this one over
    seen_day: int | None = None  # the clinic has seen how it ended
    key: str = ""  # what the sender's form called it: the same form sent twice is one referral
    table: str = ""  # version of the pakketabel it was sent by
    told: tuple[Told, ...] = ()
    answer: str = ""  # what the receiver told back

    @property
    def asked_day(self) -> int:
        """The day the patient was referred for it: where the right's clock starts, whoever the receiver became."""
        return self.first_sent_day if self.first_sent_day is not None else self.sent_day
