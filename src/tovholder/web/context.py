"""What every template gets as ``page``: who is here, where they may go, and whether this is the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tovholder import packages
from tovholder.access import policy, sessions
from tovholder.access.domain import Right, Role
from tovholder.base import clock, days
from tovholder.web.areas import OF_ROLE
from tovholder.web.hats_view import beside_the_name

CLINIC = frozenset({Role.GP, Role.STAFF})
GLASS = frozenset({Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the main menu."""

    text: Any
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The frame round a page."""

    name: str
    title: str
    several: bool  # hats to choose from
    front: str
    home: str
    here: str
    links: tuple[Link, ...]
    personas: bool
    set_aside: tuple[packages.SetAside, ...]  # told to clinics and the operator
    tells_faults: bool


def home_of(role: Role | None) -> str:
    """The first page of a role."""
    if role in (Role.CITIZEN, Role.REPRESENTATIVE):
        return reverse("web:minplan")
    if role in CLINIC:
        return reverse("web:cockpit")
    if role is not None and role in OF_ROLE:
        return OF_ROLE[role].home
    if role is Role.OPERATOR:
        return reverse("web:clients")
    if role is not None and sees_figures(role):
        return reverse("web:monitoring")
    return reverse("web:front")


def sees_figures(role: Role) -> bool:
    """Whether the role may see the nation's figures; the access policy says so."""
    return not policy.current().scope(role, "aggregate", "MeasureReport").nothing


def page(request: HttpRequest) -> dict[str, Page]:
    """Context processor: who is logged in, in which hat."""
    now = clock.system_clock()
    user, hat = sessions.who_of(request), sessions.hat_of(request, now)
    role = hat.role if hat else None
    return {
        "page": Page(
            name=user.name if user else "",
            title=beside_the_name(hat) if hat else "",
            several=user is not None and len(user.today(days.day_of(now))) > 1,
            front=reverse("web:front"),
            home=home_of(role),
            here=request.path if request.method == "GET" else home_of(role),
            links=_links(role, request.path, hat.rights if hat else frozenset()),
            personas=settings.PERSONAS_ALLOWED,
            set_aside=packages.set_aside() if role in CLINIC or role is Role.OPERATOR else (),
            tells_faults=role is Role.OPERATOR,
        )
    }


def _links(role: Role | None, path: str, rights: frozenset[str] = frozenset()) -> tuple[Link, ...]:
    if role is None:
        return ()
    links = []
    if role is Role.REPRESENTATIVE:
        links.append((_("Planen"), reverse("web:minplan")))
        if Right.RECORD in rights:
            links.append((_("Hvem har set den"), reverse("web:minplan-log")))
        if Right.ACT in rights:
            links.append((_("Spærringer"), reverse("web:blocks")))
    if role is Role.CITIZEN:
        links.append((_("Min plan"), reverse("web:minplan")))
        links.append((_("Hvem har set den"), reverse("web:minplan-log")))
        links.append((_("Hvem må se den"), reverse("web:blocks")))
    if role in (Role.CITIZEN, Role.REPRESENTATIVE):
        links.append((_("Apps"), reverse("web:apps")))
    if role is Role.OPERATOR:
        links.append((_("Apps og systemer"), reverse("web:clients")))
    if role in CLINIC:
        links.append((_("Patienter"), reverse("web:cockpit")))
        links.append((_("Pakker"), reverse("web:versions")))
        links.append((_("Log"), reverse("web:clinic-log")))
    if role in OF_ROLE:
        links.append((_("Patienter"), OF_ROLE[role].home))
    if role in GLASS:
        links.append((_("Værdispring"), reverse("web:glass")))
    if sees_figures(role):
        links.append((_("Patientrettigheder i tal"), reverse("web:monitoring")))
    if role is Role.ANALYST and Right.PSEUDONYMS in rights:
        links.append((_("Fakta under pseudonym"), reverse("web:facts")))
    here = max((url for _text, url in links if path.startswith(url)), key=len, default="")
    return tuple(Link(text, url, url == here) for text, url in links)
