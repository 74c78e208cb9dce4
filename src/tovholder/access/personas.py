"""The demo's persona chooser: logging in as somebody without a password, impossible in production."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from tovholder.access import hats, sessions
from tovholder.access.models import User
from tovholder.access.people import Persona, make_token, personas, save_persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem, not_found

# In the place of a login provider, where a session says who vouched for its user.
ISSUER = sessions.PERSONA

__all__ = ["Persona", "all_personas", "log_in_as", "make_token", "require_allowed", "save_persona"]


def require_allowed() -> None:
    """Raise Problem(FORBIDDEN) unless this process may have personas (TOVHOLDER_ENV=demo or test)."""
    if not settings.PERSONAS_ALLOWED:
        raise Problem(
            Category.FORBIDDEN,
            "The persona chooser exists in the demo alone",
            kept="nobody was logged in",
        )


def all_personas() -> list[Persona]:
    """Everybody one can be here; empty where personas are not allowed."""
    return personas() if settings.PERSONAS_ALLOWED else []


def log_in_as(request: HttpRequest, name: str) -> hats.Who:
    """Start a session as a persona, in their hat where they have just one. Raises Problem when not allowed or unknown."""
    require_allowed()
    user = User.objects.filter(username=name, is_active=True).first()
    found = hats.who(str(user.pk)) if user is not None else None
    if found is None:
        raise not_found("That person")
    now = system_clock()
    choice = found.today(days.day_of(now))
    login = sessions.Login(found.id, issuer=ISSUER, authenticated_ms=days.millis(now))
    sessions.begin(request, login, now, hat=choice[0].key if len(choice) == 1 else "")
    return found
