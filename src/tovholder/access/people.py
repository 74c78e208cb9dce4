"""Users and their assignments: making them, logging in as one, bearer tokens."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
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
    "forget_tokens",
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
    forget_tokens()


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
    """The context a bearer token stands for. Raises Problem(UNAUTHENTICATED) without saying why it failed.

    What a token stands for is remembered for TOVHOLDER_TOKEN_SECONDS: a revoked token, or one whose user was taken
    away or given another assignment, goes on that long at most. That it expires, and that the server has another key,
    is seen at once.
    """
    held = _remembered(token)
    today = days.day_of(now)
    if (
        held is None
        or held.expires_at <= now
        or held.from_day > today
        or (held.to_day is not None and held.to_day < today)
    ):
        raise Problem(Category.UNAUTHENTICATED, "The token is not valid", kept="nothing was read or changed")
    return replace(held.context, now=now, request_id=request_id, live=live)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a token stands for. asked: the moment of the monotonic clock from which it is asked anew."""

    asked: float
    expires_at: datetime
    from_day: int
    to_day: int | None
    context: Context


# By a hash of the token under the server's key: the token itself is kept nowhere, and under another key is another's.
_tokens: dict[bytes, _Held] = {}
_MOST_TOKENS = 10_000


@lru_cache(2)
def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _remembered(token: str) -> _Held | None:
    key = hashlib.blake2b(token.encode(), key=_key(settings.SECRET_KEY), digest_size=32).digest()
    moment = time.monotonic()
    held = _tokens.get(key)
    if held is not None and moment < held.asked:
        return held
    row = AccessToken.objects.select_related("assignment__user").filter(digest=_digest(token)).first()
    if row is None or not row.assignment.user.is_active:
        _tokens.pop(key, None)
        return None
    if len(_tokens) >= _MOST_TOKENS:
        _tokens.clear()
    context = context_of(row.assignment, row.created_at, client="token")
    until = moment + settings.ENV.token_seconds
    _tokens[key] = _Held(until, row.expires_at, row.assignment.from_day, row.assignment.to_day, context)
    return _tokens[key]


def forget_tokens() -> None:
    """Ask anew what every token stands for (in this process)."""
    _tokens.clear()
