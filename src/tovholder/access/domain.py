"""Roles, the context every store call carries, and the scope a decision gives; pure values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from tovholder.base import days


class Role(StrEnum):
    """What a person or system is, in one organisation, right now."""

    CITIZEN = "citizen"
    REPRESENTATIVE = "representative"  # a relative with a power of attorney, a guardian, a minor's parent
    GP = "gp"
    STAFF = "staff"  # clinic staff, acting under the doctor's instruction
    HOSPITAL = "hospital"
    PREVENTION = "prevention"
    PARTNER = "partner"  # physiotherapist, chiropractor, other private actor
    AUTHOR = "author"  # writes packages, sees no patient
    ANALYST = "analyst"  # aggregates; pseudonymised facts by a right of its own
    OPERATOR = "operator"  # runs the system, sees no patient
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Emergency:
    """Break-glass (*værdispring*) one person has opened on one patient: blocks are lifted and a relation stands in.

    number: of its row, for the audit trail. until: epoch milliseconds. reason: a code of access/emergencies.py.
    """

    number: int
    patient: str
    until: int
    reason: str


@dataclass(frozen=True)
class Grants:
    """What an app or system was given (SMART scopes): it narrows what its user may do and never widens it.

    allowed: per (action, resource type) the searches of which a resource must meet one; ``""`` is every resource, the
    type ``*`` every type. Actions are the policy's: create, read, update, delete, search. patient: the one patient of
    the launch, None for all the user sees.
    """

    allowed: tuple[tuple[str, str, tuple[str, ...]], ...]
    patient: str | None = None

    def searches(self, action: str, resource_type: str) -> tuple[str, ...] | None:
        """The searches of which a resource must meet one; empty for every resource, None when nothing was given."""
        told = self._by.get((action, resource_type), ()) + self._by.get((action, "*"), ())
        if not told:
            return None
        return () if "" in told else tuple(dict.fromkeys(told))

    @cached_property
    def _by(self) -> dict[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for action, kind, searches in self.allowed:
            found[action, kind] = found.get((action, kind), ()) + searches
        return found

    @cached_property
    def _hash(self) -> int:
        return hash((self.allowed, self.patient))

    def __hash__(self) -> int:  # once: contexts are keys, and an app may have been given hundreds of scopes
        return self._hash


@dataclass(frozen=True, slots=True)
class Context:
    """Who does something, as what, for whom, why and when.

    actor: ``Practitioner/<id>``, ``Patient/<id>``, ``RelatedPerson/<id>`` or ``system:<name>``. organization: id of
    the organisation acted for; units: that one and those it is part of. patient: the citizen's own patient id, or the
    one a representative stands for. person: the opaque id of the user. rights: what this user has beside the role.
    emergencies: the break-glass this user has open. grants: what the app acting for the user was given, None where
    no app stands between. now: the aware instant everything in this call happens at.
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
    person: str = ""
    units: tuple[str, ...] = ()
    rights: frozenset[str] = frozenset()
    emergencies: tuple[Emergency, ...] = ()
    grants: Grants | None = None

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

    @property
    def is_foreign(self) -> bool:
        """Whether it is somebody else's system (a client with a user of its own), not one of our own derivations."""
        return self.role is Role.SYSTEM and bool(self.person)

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
    REPRESENTED = "represented"  # the patient a representative stands for
    OWN_LIST = "own-list"
    CARE_TEAM = "care-team"
    REFERRAL = "referral"
    APPOINTMENT = "appointment"
    CONTACT = "contact"  # a hospital's contact with the patient
    OWN_ACT = "own-act"  # the patient opened it themselves
    STATED = "stated"  # told by the professional, checked afterwards
    BREAK_GLASS = "break-glass"


RELATION_CONDITIONS = frozenset(
    {
        Condition.OWN_LIST,
        Condition.CARE_TEAM,
        Condition.REFERRAL,
        Condition.APPOINTMENT,
        Condition.CONTACT,
        Condition.OWN_ACT,
        Condition.STATED,
    }
)


class Right(StrEnum):
    """What a user has been given beside the role; a policy row may ask for one.

    The areas of a power of attorney are rights of the one who acts under it.
    """

    PSEUDONYMS = "pseudonymised-facts"  # an analyst's, given for one purpose and a time
    PLAN = "plan"  # see the plan: courses, goals, appointments, what is next
    RECORD = "record"  # see what the plan rests on: diagnoses, measurements, answers, documents
    ACT = "act"  # answer, set goals and keep data back in the patient's stead
    BLOCKED = "blocked-data"  # a system's, which keeps the patients' blocks towards its own users


@dataclass(frozen=True, slots=True)
class Grant:
    """Under any of the conditions, resources that meet the criteria (a FHIR search such as ``code=a|b``; "": all).

    In criteria ``{organization}`` and ``{practitioner}`` stand for the ids of those who ask.
    """

    conditions: frozenset[Condition]
    criteria: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a decision lets through: the rows for which one of the grants holds; none is a refusal.

    view: the elements shown, None for all of them (``access.views``). within: what an app was given; of each, one
    search must be met. patient: of what is about patients, only what is about this one.
    """

    grants: tuple[Grant, ...] = ()
    view: frozenset[str] | None = None
    within: tuple[tuple[str, ...], ...] = ()
    patient: str | None = None

    @property
    def conditions(self) -> frozenset[Condition]:
        """Every condition under which something is let through."""
        return frozenset[Condition]().union(*(grant.conditions for grant in self.grants))

    @property
    def everything(self) -> bool:
        """No filter is needed."""
        whole = any(Condition.ANY in grant.conditions and not grant.criteria for grant in self.grants)
        return whole and self.view is None and not self.within and self.patient is None

    @property
    def nothing(self) -> bool:
        """Nothing at all may pass."""
        return not self.grants

    @property
    def by_content(self) -> bool:
        """Whether what a resource says decides, not only whom it is about."""
        return bool(self.within) or any(grant.criteria for grant in self.grants)

    @property
    def relations(self) -> tuple[str, ...]:
        """Relation kinds that let a patient's rows through, sorted."""
        return tuple(sorted(str(condition) for condition in self.conditions & RELATION_CONDITIONS))


def under(*conditions: Condition) -> Scope:
    """The scope of everything under one of the conditions."""
    return Scope((Grant(frozenset(conditions)),)) if conditions else NOTHING


NOTHING = Scope()
