"""What a user may be right now (a hat): a role in an organisation, a citizen, or whom they represent; one per session."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from tovholder.access import emergencies, representation, units
from tovholder.access.domain import Context, Role
from tovholder.access.generation import Memory
from tovholder.access.models import Assignment, User
from tovholder.base import days

OPERATIONAL = frozenset({Role.ANALYST, Role.OPERATOR, Role.AUTHOR, Role.SYSTEM})


@dataclass(frozen=True, slots=True)
class Hat:
    """One thing a user may be, from a day to a day (None: open).

    key: names it among the user's own. actor: who acts in the record (``Practitioner/<id>``, ``Patient/<id>`` …).
    patient: the citizen's own, or whom a representative stands for. title: what it is called on the pages, in Danish.
    """

    key: str
    role: Role
    actor: str
    organization: str = ""
    patient: str = ""
    title: str = ""
    rights: frozenset[str] = frozenset()
    from_day: int = 0
    to_day: int | None = None

    def holds(self, today: int) -> bool:
        """Whether it may be worn today."""
        return self.from_day <= today and (self.to_day is None or today <= self.to_day)


@dataclass(frozen=True, slots=True)
class Who:
    """A user that is not closed, and every hat there is for them, today or on another day."""

    id: str
    username: str
    name: str
    not_before_ms: int
    hats: tuple[Hat, ...]

    def today(self, today: int) -> tuple[Hat, ...]:
        """The hats that may be worn today; what several powers of attorney of one patient give is one."""
        found: dict[str, Hat] = {}
        for hat in self.hats:
            if hat.holds(today):
                before = found.get(hat.key)
                found[hat.key] = hat if before is None else replace(before, rights=before.rights | hat.rights)
        return tuple(found.values())

    def hat(self, key: str, today: int) -> Hat | None:
        """The hat of this name, where it may be worn today."""
        return next((hat for hat in self.today(today) if hat.key == key), None)


def who(user_id: str) -> Who | None:
    """A user and their hats; None for one who is closed or is not there."""
    return _users.get(user_id, lambda: _look_up(user_id))


def context_of(user_id: str, key: str, now: datetime, *, since_ms: int = 0) -> Context | None:
    """The access context of a user in one of their hats; None when they may not wear it now.

    since_ms: when the session or token that asks began; those begun before the user was logged out everywhere are
    over. What is read of the database is remembered until rights change (access/generation.py).
    """
    user = who(user_id)
    hat = user.hat(key, days.day_of(now)) if user is not None else None
    if user is None or hat is None or since_ms < user.not_before_ms:
        return None
    found = _contexts.get((user_id, hat), lambda: _context(user, hat, now))
    return found and at(found, now)


def at(context: Context, now: datetime, *, request_id: str = "", live: bool = False) -> Context:
    """A remembered context as that of a request now: what was opened for a time is in it only until that time."""
    emergencies = context.emergencies
    if emergencies:
        moment = days.millis(now)
        emergencies = tuple(one for one in emergencies if one.until > moment)
    # Each request passes here, and replace() costs thrice this.
    return Context(
        context.actor,
        context.role,
        context.organization,
        now,
        context.patient,
        context.purpose,
        context.client,
        request_id,
        live,
        context.person,
        context.units,
        context.rights,
        emergencies,
        context.grants,
    )


def of_assignment(row: Assignment) -> Hat:
    """The hat an assignment gives."""
    role = Role(row.role)
    if role is Role.SYSTEM:
        actor = f"system:{row.user.username}"
    elif row.patient_id and role is not Role.REPRESENTATIVE:
        actor = f"Patient/{row.patient_id}"
    elif row.practitioner_id:
        actor = f"Practitioner/{row.practitioner_id}"
    else:
        actor = f"user:{row.user.pk}"
    return Hat(
        key=f"a{row.pk}",
        role=role,
        actor=actor,
        organization=row.organization_id,
        patient=row.patient_id,
        title=row.title,
        rights=frozenset(row.rights.split()),
        from_day=row.from_day,
        to_day=row.to_day,
    )


_users: Memory[str, Who] = Memory()
_contexts: Memory[tuple[str, Hat], Context] = Memory()


def _look_up(user_id: str) -> Who | None:
    try:
        user = User.objects.filter(pk=uuid.UUID(user_id), is_active=True).first()
    except ValueError:
        return None
    if user is None:
        return None
    found = [of_assignment(row) for row in user.assignments.select_related("user").order_by("id")]
    found += [_representing(one) for one in representation.of_person(user.person)]
    return Who(str(user.pk), user.username, user.display_name, user.not_before_ms, tuple(found))


def _representing(one: representation.Represented) -> Hat:
    name = hashlib.sha256(f"{one.patient_id} {one.related_id}".encode()).hexdigest()
    return Hat(
        key=f"r{name[:32]}",
        role=Role.REPRESENTATIVE,
        actor=f"RelatedPerson/{one.related_id}",
        patient=one.patient_id,
        rights=one.areas,
        from_day=one.from_day,
        to_day=one.to_day,
    )


def _context(user: Who, hat: Hat, now: datetime) -> Context:
    return Context(
        actor=hat.actor,
        role=hat.role,
        organization=hat.organization or None,
        now=now,
        patient=hat.patient or None,
        purpose="operation" if hat.role in OPERATIONAL else "treatment",
        person=user.id,
        units=units.of(hat.organization),
        rights=hat.rights,
        emergencies=emergencies.open_of(user.id, hat.organization, now),
    )
