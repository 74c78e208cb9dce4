"""Roles, the context every store call carries, and the scope a decision gives; pure values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tovholder.base import days


class Role(StrEnum):
    """What a person or system is, in one organisation, right now."""

    CITIZEN = "citizen"
    GP = "gp"
    STAFF = "staff"  # clinic staff, acting under the doctor's instruction
    HOSPITAL = "hospital"
    PREVENTION = "prevention"
    PARTNER = "partner"  # physiotherapist, chiropractor, other private actor
    ANALYST = "analyst"  # aggregates only
    OPERATOR = "operator"  # runs the system, sees no patient
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Context:
    """Who does something, as what, for whom, why and when.

    actor: ``Practitioner/<id>``, ``Patient/<id>`` or ``system:<name>``. organization: id of the organisation
    acted for. patient: the citizen's own patient id. now: the aware instant everything in this call happens at.
    live: now is this very moment (a request, a command), so what is written is stamped when its turn has come;
    otherwise it is stamped with now, whatever the clock shows (a replay, a story told in the past).
    """

    actor: str
    role: Role
    organization: str | None
    now: datetime
    patient: str | None = None
    purpose: str = "treatment"
    client: str = ""
    request_id: str = ""
    live: bool = False

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("Context.now needs a time zone")
        if not self.actor:
            raise ValueError("Context.actor may not be empty: nobody acts anonymously")

    @property
    def today(self) -> int:
        """The day in Copenhagen, as an integer day."""
        return days.day_of(self.now)

    @property
    def is_system(self) -> bool:
        """Whether a system, not a person, acts."""
        return self.role is Role.SYSTEM

    def at(self, now: datetime) -> Context:
        """The same actor at another time."""
        return replace(self, now=now)


def system_context(now: datetime, name: str, *, live: bool = False) -> Context:
    """The context of one of our own jobs or derivations."""
    return Context(f"system:{name}", Role.SYSTEM, organization=None, now=now, purpose="operation", live=live)


class Condition(StrEnum):
    """Under which relation a policy row holds."""

    ANY = "any"  # no relation asked
    DIRECTORY = "directory"  # resources that are about no patient
    SELF = "self"
    OWN_LIST = "own-list"
    CARE_TEAM = "care-team"
    REFERRAL = "referral"
    APPOINTMENT = "appointment"


RELATION_CONDITIONS = frozenset({Condition.OWN_LIST, Condition.CARE_TEAM, Condition.REFERRAL, Condition.APPOINTMENT})


@dataclass(frozen=True, slots=True)
class Scope:
    """What a decision lets through: everything, or the rows for which one of the conditions holds; none is a refusal."""

    conditions: frozenset[Condition]

    @property
    def everything(self) -> bool:
        """No filter is needed."""
        return Condition.ANY in self.conditions

    @property
    def nothing(self) -> bool:
        """Nothing at all may pass."""
        return not self.conditions

    @property
    def relations(self) -> tuple[str, ...]:
        """Relation kinds that let a patient's rows through, sorted."""
        return tuple(sorted(str(condition) for condition in self.conditions & RELATION_CONDITIONS))


NOTHING = Scope(frozenset())
