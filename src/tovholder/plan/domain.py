"""The words of a course and what may follow what: phases, plan statuses, levels, reasons (domain.md §1.1, §1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from tovholder.base.errors import rule


class Phase(StrEnum):
    """Where a patient stands in a package."""

    ELIGIBLE = "eligible"  # a diagnosis meets inclusion; nobody has started
    STARTUP = "startup"  # trin 1: opstart
    FURTHER = "further"  # trin 2: yderligere indsatser
    CONTINUING = "continuing"  # vedvarende fase
    ENDED = "ended"
    DECLINED = "declined"

    @property
    def is_open(self) -> bool:
        """Whether the course still counts as the patient's one open course in the package."""
        return self in OPEN

    @property
    def is_started(self) -> bool:
        """Whether the clinic has begun and not ended: the phases in which a plan may be made."""
        return self in STARTED


STARTED = frozenset({Phase.STARTUP, Phase.FURTHER, Phase.CONTINUING})
OPEN = STARTED | {Phase.ELIGIBLE}

TRANSITIONS: Mapping[Phase, frozenset[Phase]] = {
    Phase.ELIGIBLE: frozenset({Phase.STARTUP, Phase.DECLINED, Phase.ENDED}),
    Phase.STARTUP: frozenset({Phase.FURTHER, Phase.CONTINUING, Phase.ENDED}),
    Phase.FURTHER: frozenset({Phase.CONTINUING, Phase.ENDED}),
    Phase.CONTINUING: frozenset({Phase.ENDED}),
    Phase.DECLINED: frozenset({Phase.STARTUP}),
    Phase.ENDED: frozenset(),
}


class EndReason(StrEnum):
    """Why a course ended. Package-free, so that figures can be compared across packages."""

    MOVED_PRACTICE = "moved-practice"
    DIED = "died"
    DECLINED = "declined"
    WRONG_DIAGNOSIS = "wrong-diagnosis"
    MERGED = "merged"  # taken over by the multimorbidity package
    COMPLETED = "completed"  # a course that can end well, as back pain does


class PlanStatus(StrEnum):
    """CarePlan.status as we use it."""

    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    REVOKED = "revoked"
    ENTERED_IN_ERROR = "entered-in-error"

    @property
    def is_valid(self) -> bool:
        """Whether the plan is the one that counts: at most one such plan per open course."""
        return self in {PlanStatus.DRAFT, PlanStatus.ACTIVE, PlanStatus.ON_HOLD}


PLAN_TRANSITIONS: Mapping[PlanStatus, frozenset[PlanStatus]] = {
    PlanStatus.DRAFT: frozenset({PlanStatus.ACTIVE, PlanStatus.REVOKED, PlanStatus.ENTERED_IN_ERROR}),
    PlanStatus.ACTIVE: frozenset(
        {PlanStatus.ON_HOLD, PlanStatus.COMPLETED, PlanStatus.REVOKED, PlanStatus.ENTERED_IN_ERROR}
    ),
    PlanStatus.ON_HOLD: frozenset(
        {PlanStatus.ACTIVE, PlanStatus.COMPLETED, PlanStatus.REVOKED, PlanStatus.ENTERED_IN_ERROR}
    ),
    PlanStatus.COMPLETED: frozenset({PlanStatus.ENTERED_IN_ERROR}),
    PlanStatus.REVOKED: frozenset({PlanStatus.ENTERED_IN_ERROR}),
    PlanStatus.ENTERED_IN_ERROR: frozenset(),
}


class Level(IntEnum):
    """The clinic's level for one course: how closely it holds the rope. Ordered; the meaning is the package's."""

    ONE = 1
    TWO = 2
    THREE = 3


class ActivityStatus(StrEnum):
    """ServiceRequest.status of a plan's activity."""

    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    REVOKED = "revoked"
    ENTERED_IN_ERROR = "entered-in-error"

    @property
    def is_open(self) -> bool:
        """Whether the activity is still to be done."""
        return self in {ActivityStatus.DRAFT, ActivityStatus.ACTIVE, ActivityStatus.ON_HOLD}


# Who does an activity within the clinic's own course; everybody else makes it one with further efforts.
INSIDE = frozenset({"gp", "nurse", "patient"})


class Achievement(StrEnum):
    """Goal.achievementStatus codes (R4 goal-achievement) we offer."""

    IN_PROGRESS = "in-progress"
    IMPROVING = "improving"
    NO_CHANGE = "no-change"
    WORSENING = "worsening"
    ACHIEVED = "achieved"
    NOT_ACHIEVED = "not-achieved"


GOAL_TEXT_MAX = 300  # CPD carries goals as one observation text; the receivers cut longer ones


def may_move(old: Phase, new: Phase) -> bool:
    """Whether a course may go from one phase to another; staying is no move and always fine."""
    return old == new or new in TRANSITIONS[old]


def move(old: Phase, new: Phase, *, reason: str = "") -> Phase:
    """The new phase, or Problem(RULE) naming what may follow. Ending needs a reason."""
    if not may_move(old, new):
        allowed = ", ".join(sorted(TRANSITIONS[old])) or "nothing: the course is closed"
        raise rule("EpisodeOfCare.extension('episode-phase')", f"a course cannot go from {old} to {new}", allowed)
    if new is Phase.ENDED and old is not Phase.ENDED:
        end_reason(reason)
    return new


def end_reason(text: str) -> EndReason:
    """The reason, or Problem(RULE) listing the reasons."""
    try:
        return EndReason(text)
    except ValueError:
        raise rule(
            "EpisodeOfCare.extension('end-reason')",
            "a course ends for a reason",
            "one of " + ", ".join(sorted(EndReason)),
        ) from None


def episode_status(phase: Phase, *, paused: bool = False) -> str:
    """EpisodeOfCare.status for a phase. A pause shows only on a started course; the phase itself stays."""
    if phase is Phase.ELIGIBLE:
        return "planned"
    if phase is Phase.ENDED:
        return "finished"
    if phase is Phase.DECLINED:
        return "cancelled"
    return "onhold" if paused else "active"


def phase_of_status(status: str) -> Phase | None:
    """The phase a foreign EpisodeOfCare without our phase extension stands in; None when it says none."""
    return {
        "planned": Phase.ELIGIBLE,
        "waitlist": Phase.ELIGIBLE,
        "active": Phase.STARTUP,
        "onhold": Phase.STARTUP,
        "finished": Phase.ENDED,
        "cancelled": Phase.DECLINED,
    }.get(status)


def level_of(value: object, *, path: str = "Observation.valueCodeableConcept") -> Level:
    """The level a number or code means, or Problem(RULE)."""
    try:
        return Level(int(str(value)))
    except ValueError:
        raise rule(path, "the level is not one of ours", "1, 2 or 3") from None
