"""The front page: login, which in the demo is choosing who to be; log out; language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from tovholder.access import personas, sessions
from tovholder.access.domain import Role
from tovholder.access.people import Persona
from tovholder.base import clock
from tovholder.base.errors import Category, Problem
from tovholder.web.context import home_of
from tovholder.web.views.common import open_to_all


@dataclass(frozen=True, slots=True)
class Group:
    """Personas that do the same."""

    title: Any
    about: Any
    icon: str
    personas: tuple[Persona, ...]


_GROUPS: tuple[tuple[Any, Any, str, frozenset[Role]], ...] = (
    (
        _("Patienter"),
        _("Se én samlet plan: hvad der sker næste gang, og hvem der er tovholder."),
        "person",
        frozenset({Role.CITIZEN}),
    ),
    (
        _("Klinikken"),
        _("Find dem, der har brug for jer i dag. Vurdér, lav en plan, og følg op."),
        "business",
        frozenset({Role.GP, Role.STAFF}),
    ),
    (
        _("Hospital, kommune og andre behandlere"),
        _("De har ikke en side endnu. De kan bruge FHIR-grænsefladen."),
        "groups",
        frozenset({Role.HOSPITAL, Role.PREVENTION, Role.PARTNER}),
    ),
    (
        _("Myndighed"),
        _("Se, om patienternes rettigheder bliver overholdt, og hvor sikre tallene er."),
        "analytics",
        frozenset({Role.ANALYST}),
    ),
)
_WITH_PAGES = frozenset({Role.CITIZEN, Role.GP, Role.STAFF, Role.ANALYST})


def groups_of(found: list[Persona]) -> tuple[Group, ...]:
    """Personas in groups; those whose role has no page yet are left out."""
    return tuple(
        Group(title, about, icon, members)
        for title, about, icon, roles in _GROUPS
        if (members := tuple(one for one in found if one.role in roles & _WITH_PAGES))
    )


def _safe_next(request: HttpRequest, wanted: str) -> str:
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed and wanted.startswith("/") else ""


@require_GET
@open_to_all
def front(request: HttpRequest) -> HttpResponse:
    """Who do you want to be?"""
    return render(
        request,
        "web/front.html",
        {"groups": groups_of(personas.all_personas()), "next": _safe_next(request, request.GET.get("next", ""))},
    )


@require_POST
@open_to_all
def persona(request: HttpRequest) -> HttpResponse:
    """Log in as a persona; refused in production (access.personas)."""
    personas.require_allowed()
    name = request.POST.get("persona", "")
    if not name:
        raise Problem(Category.INVALID, "Choose a person", kept="nobody was logged in")
    personas.log_in_as(request, name)
    hat = sessions.hat_of(request, clock.system_clock())
    home = home_of(hat.role if hat else None)
    wanted = _safe_next(request, request.POST.get("next", ""))
    return HttpResponseRedirect(wanted if wanted.startswith(home) and home != reverse("web:front") else home)


@require_POST
@open_to_all
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    sessions.end(request)
    return HttpResponseRedirect(reverse("web:front"))


@require_POST
@open_to_all
def language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in a cookie, and go back to where the person was."""
    chosen = request.POST.get("language", "")
    response = HttpResponseRedirect(_safe_next(request, request.POST.get("next", "")) or reverse("web:front"))
    if chosen in dict(settings.LANGUAGES):
        translation.activate(chosen)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=365 * 86_400,
            samesite="Lax",
            secure=request.is_secure(),
            httponly=True,
        )
    return response
