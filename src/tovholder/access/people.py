"""Personas and bearer tokens: who a token stands for, remembered until rights change."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from tovholder.access import generation, hats
from tovholder.access.domain import Context, Role
from tovholder.access.models import AccessToken, Assignment, User
from tovholder.access.smart import tokens
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem

__all__ = [
    "Held",
    "Persona",
    "User",
    "context_named",
    "context_of_token",
    "forget_tokens",
    "make_token",
    "personas",
    "save_persona",
]

RELATIVE = "Pårørende med fuldmagt"  # what a relative among the personas is called


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody one can be in the demo: a user in one role.

    person: of a relative, the keyed hash of the CPR number (access/persons.py): whom they stand in for is in the record.
    """

    name: str
    display_name: str
    title: str
    role: Role
    organization_id: str
    practitioner_id: str
    patient_id: str
    person: str = ""


@transaction.atomic
def save_persona(persona: Persona) -> None:
    """Make or renew the user and assignment of a persona; a relative known by a number has no assignment of their own."""
    user, made = User.objects.update_or_create(
        username=persona.name,
        defaults={"display_name": persona.display_name, "is_active": True, "person": persona.person},
    )
    if made:
        user.set_unusable_password()
        user.save()
    if persona.role is Role.REPRESENTATIVE and persona.person:
        generation.bump()
        return
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
    generation.bump()


def personas() -> list[Persona]:
    """Everybody one can be, in the order they were made, relatives last; not those who come from a login provider."""
    return [*_assigned(), *_relatives()]


def _relatives() -> Iterator[Persona]:
    found = User.objects.filter(identities=None, assignments=None, is_active=True).exclude(person="")
    for user in found.order_by("username"):
        yield Persona(user.username, user.display_name, RELATIVE, Role.REPRESENTATIVE, "", "", "", user.person)


def _assigned() -> list[Persona]:
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
        for row in Assignment.objects.filter(user__identities=None)
        .exclude(user__username__startswith="client:")  # a registered system
        .select_related("user")
        .order_by("id")
    ]


def context_named(username: str, now: datetime, *, role: str = "") -> Context:
    """The context of a user by login name, for commands that ask what they may do; nobody is logged in by it.

    role: as what, where there are several. Raises Problem(NOT_FOUND, INVALID) that names what there is.
    """
    user = User.objects.filter(username=username, is_active=True).first()
    who = hats.who(str(user.pk)) if user is not None else None
    there = who.today(days.day_of(now)) if who is not None else ()
    if who is None or not there:
        raise Problem(Category.NOT_FOUND, "No user of that name may be anything today", kept="nothing was read")
    fitting = [hat for hat in there if role in ("", str(hat.role))]
    if len(fitting) != 1:
        told = ", ".join(f"{hat.role} {hat.title}".strip() for hat in there)
        issue = Issue("--role", "none or several of the user's roles are meant", f"one of: {told}", "value")
        raise Problem(Category.INVALID, "As what does the user act?", [issue], kept="nothing was read")
    context = hats.context_of(who.id, fitting[0].key, now)
    assert context is not None  # the hat was among today's
    return context


def make_token(persona: str, now: datetime, *, hours: int = 12) -> str:
    """A new bearer token for a persona. Raises Problem(NOT_FOUND) naming who there is."""
    row = Assignment.objects.select_related("user").filter(user__username=persona).order_by("id").first()
    if row is None:
        known = ", ".join(item.name for item in _assigned()) or "none yet"
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


@dataclass(frozen=True, slots=True)
class Held:
    """What a bearer token stands for, until it expires, on the days from and to (None: open) of its user's hat."""

    context: Context
    expires_at: datetime
    from_day: int = 0
    to_day: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it may be used now."""
        today = days.day_of(now)
        return self.expires_at > now and self.from_day <= today and (self.to_day is None or today <= self.to_day)


def context_of_token(token: str, now: datetime, *, request_id: str = "", live: bool = False) -> Context:
    """The context a bearer token stands for. Raises Problem(UNAUTHENTICATED) without saying why it failed.

    What a token stands for is remembered until somebody's rights change (access/generation.py): what is taken away is
    gone at the next request, in every process. That it expires, and that the server has another key, is seen at once.
    """
    key = hashlib.blake2b(token.encode(), key=_key(settings.SECRET_KEY), digest_size=32).digest()
    held = _tokens.get(key, lambda: _look_up(token, now))
    if held is None or not held.holds(now):
        raise Problem(Category.UNAUTHENTICATED, "The token is not valid", kept="nothing was read or changed")
    return hats.at(held.context, now, request_id=request_id, live=live)


def token_made_at(token: str) -> datetime | None:
    """When a bearer token of a persona was made, which is when they last proved who they are; None for an app's."""
    return AccessToken.objects.filter(digest=_digest(token)).values_list("created_at", flat=True).first()


# By a hash of the token under the server's key: the token itself is kept nowhere, and under another key is another's.
_tokens: generation.Memory[bytes, Held] = generation.Memory()


@lru_cache(2)
def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _look_up(token: str, now: datetime) -> Held | None:
    row = AccessToken.objects.select_related("assignment__user").filter(digest=_digest(token)).first()
    if row is None or not settings.PERSONAS_ALLOWED:
        return _of_app(token, now)  # of the demo, whose record production may have been given
    user, hat = str(row.assignment.user_id), hats.of_assignment(row.assignment)
    began = days.millis(row.created_at)
    context = hats.context_of(user, hat.key, now, since_ms=began)
    if context is None:
        return None
    return Held(replace(context, client="token"), row.expires_at, hat.from_day, hat.to_day)


def _of_app(token: str, now: datetime) -> Held | None:
    found = tokens.standing(token, now)
    return Held(found.context, found.expires_at, found.from_day, found.to_day) if found is not None else None


def forget_tokens() -> None:
    """Ask anew what every token stands for (in this process)."""
    _tokens.clear()
