"""Users and their assignments: making them, logging in as one, bearer tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.crypto import salted_hmac

from tovholder.access.domain import Context, Role
from tovholder.access.models import AccessToken, Assignment, User
from tovholder.base import days
from tovholder.base.errors import Category, Problem

__all__ = [
    "Persona",
    "User",
    "assignment_of",
    "context_of",
    "context_of_token",
    "make_token",
    "personas",
    "save_persona",
]


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody one can be in the demo: a user in one role."""

    name: str
    display_name: str
    title: str
    role: Role
    organization_id: str
    practitioner_id: str
    patient_id: str


def save_persona(persona: Persona) -> None:
    """Make or renew the user and assignment of a persona."""
    user, _ = User.objects.update_or_create(
        username=persona.name, defaults={"display_name": persona.display_name, "is_active": True}
    )
    user.set_unusable_password()
    user.save()
    Assignment.objects.update_or_create(
        user=user,
        role=str(persona.role),
        defaults={
            "organization_id": persona.organization_id,
            "practitioner_id": persona.practitioner_id,
            "patient_id": persona.patient_id,
            "title": persona.title,
        },
    )


def personas() -> list[Persona]:
    """Everybody one can be, in the order they were made."""
    return [
        Persona(
            row.user.username,
            row.user.display_name,
            row.title,
            Role(row.role),
            row.organization_id,
            row.practitioner_id,
            row.patient_id,
        )
        for row in Assignment.objects.select_related("user").order_by("id")
    ]


def assignment_of(user: User, today: int) -> Assignment | None:
    """The user's valid assignment (the first one, where there are several)."""
    for row in user.assignments.all().order_by("id"):
        if row.from_day <= today and (row.to_day is None or today <= row.to_day):
            return row
    return None


def context_of(
    assignment: Assignment, now: datetime, *, request_id: str = "", client: str = "", live: bool = False
) -> Context:
    """The access context of a user acting in an assignment."""
    role = Role(assignment.role)
    if role is Role.SYSTEM:
        actor = f"system:{assignment.user.username}"
    elif assignment.patient_id:
        actor = f"Patient/{assignment.patient_id}"
    elif assignment.practitioner_id:
        actor = f"Practitioner/{assignment.practitioner_id}"
    else:
        actor = f"user:{assignment.user.pk}"
    return Context(
        actor=actor,
        role=role,
        organization=assignment.organization_id or None,
        now=now,
        patient=assignment.patient_id or None,
        request_id=request_id,
        client=client,
        live=live,
        purpose="treatment" if role not in (Role.ANALYST, Role.OPERATOR, Role.SYSTEM) else "operation",
    )


def make_token(persona: str, now: datetime, *, hours: int = 12) -> str:
    """A new bearer token for a persona. Raises Problem(NOT_FOUND) naming who there is."""
    row = Assignment.objects.select_related("user").filter(user__username=persona).order_by("id").first()
    if row is None:
        known = ", ".join(item.name for item in personas()) or "none yet"
        raise Problem(
            Category.NOT_FOUND, f"No persona is called {persona}; there are: {known}", kept="no token was made"
        )
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(
        digest=_digest(token),
        assignment=row,
        created_at=now,
        expires_at=now + timedelta(hours=hours),
    )
    return token


def _digest(token: str) -> str:
    # Keyed: a token made under the demo's known key means nothing under production's.
    return salted_hmac("tovholder.access.token", token, algorithm="sha256").hexdigest()


def context_of_token(token: str, now: datetime, *, request_id: str = "", live: bool = False) -> Context:
    """The context a bearer token stands for. Raises Problem(UNAUTHENTICATED) without saying why it failed."""
    row = (
        AccessToken.objects.select_related("assignment__user").filter(digest=_digest(token), expires_at__gt=now).first()
    )
    today = days.day_of(now)
    if (
        row is None
        or not row.assignment.user.is_active
        or row.assignment.from_day > today
        or (row.assignment.to_day is not None and row.assignment.to_day < today)
    ):
        raise Problem(Category.UNAUTHENTICATED, "The token is not valid", kept="nothing was read or changed")
    return context_of(row.assignment, now, request_id=request_id, client="token", live=live)
