"""The demo's persona chooser: logging in as somebody without a password, impossible in production."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest

from tovholder.access.models import User
from tovholder.access.people import Persona, make_token, personas, save_persona
from tovholder.base.errors import Category, Problem, not_found

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


def log_in_as(request: HttpRequest, name: str) -> User:
    """Start a session as a persona. Raises Problem when not allowed or unknown."""
    require_allowed()
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise not_found("That person")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return user
