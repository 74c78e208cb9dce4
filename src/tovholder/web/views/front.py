"""The front page: login, which in the demo is choosing who to be; log out; language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from tovholder.access import audit_acts, issuers, personas, sessions
from tovholder.access.domain import Role
from tovholder.access.issuers import Kind
from tovholder.access.people import Persona
from tovholder.access.web import context_for
from tovholder.base import clock
from tovholder.base.errors import Category, Problem
from tovholder.web.areas import OF_ROLE
from tovholder.web.views.common import open_to_all, safe_next
from tovholder.web.views.login import then_or_home


@dataclass(frozen=True, slots=True)
class Group:
    """Personas that do the same."""

    title: Any
    about: Any
    icon: str
    personas: tuple[Persona, ...]


@dataclass(frozen=True, slots=True)
class Providers:
    """Login providers for the same people, each with its id and the words on its button."""

    title: Any
    issuers: tuple[tuple[str, str], ...]


_KINDS = ((Kind.CITIZEN, _("Patienter og pårørende")), (Kind.STAFF, _("Sundhedspersonale og myndigheder")))
_GROUPS: tuple[tuple[Any, Any, str, frozenset[Role]], ...] = (
    (
        _("Patienter og pårørende"),
        _("Se én samlet plan: hvad der sker næste gang, og hvem der er tovholder."),
        "person",
        frozenset({Role.CITIZEN, Role.REPRESENTATIVE}),
    ),
    (
        _("Klinikken"),
        _("Find dem, der har brug for jer i dag. Vurdér, lav en plan, og følg op."),
        "business",
        frozenset({Role.GP, Role.STAFF}),
    ),
    (
        _("Hospital, kommune og andre behandlere"),
        _("Svar på henvisninger, aftal tider, og skriv i den samme plan som klinikken."),
        "groups",
        frozenset({Role.HOSPITAL, Role.PREVENTION, Role.PARTNER}),
    ),
    (
        _("Myndighed"),
        _("Se, om patienternes rettigheder bliver overholdt, og hvor sikre tallene er."),
        "analytics",
        frozenset({Role.ANALYST}),
    ),
    (
        _("Drift"),
        _("Registrér de apps og systemer, der må komme til grænsefladen."),
        "settings",
        frozenset({Role.OPERATOR}),
    ),
)
_WITH_PAGES = frozenset(OF_ROLE) | {
    Role.CITIZEN, Role.REPRESENTATIVE, Role.GP, Role.STAFF, Role.ANALYST, Role.OPERATOR,
}  # fmt: skip


def groups_of(found: list[Persona]) -> tuple[Group, ...]:
    """Personas in groups; those whose role has no page yet are left out."""
    return tuple(
        Group(title, about, icon, members)
        for title, about, icon, roles in _GROUPS
        if (members := tuple(one for one in found if one.role in roles & _WITH_PAGES))
    )


@require_GET
@open_to_all
def front(request: HttpRequest) -> HttpResponse:
    """Who do you want to be?"""
    language = get_language() or "da"
    providers = tuple(
        Providers(text, tuple((one.id, one.title[language]) for one in issuers.current() if one.kind is kind))
        for kind, text in _KINDS
    )
    return render(
        request,
        "web/front.html",
        {
            "groups": groups_of(personas.all_personas()),
            "providers": [one for one in providers if one.issuers],
            "next": safe_next(request, request.GET.get("next", "")),
        },
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
    wanted = safe_next(request, request.POST.get("next", ""))
    if hat is None:
        return HttpResponseRedirect(f"{reverse('web:hat')}?{urlencode({'next': wanted})}")
    audit_acts.login(context_for(request), how="persona")
    return HttpResponseRedirect(then_or_home(wanted, hat))


@require_POST
@open_to_all
def language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in a cookie, and go back to where the person was."""
    chosen = request.POST.get("language", "")
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next", "")) or reverse("web:front"))
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
