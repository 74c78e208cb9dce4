"""How a role is called on the pages: where one chooses between several, and beside the name on each page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from tovholder.access.domain import Role
from tovholder.access.hats import Hat
from tovholder.store import registry

ROLES: dict[Role, Any] = {
    Role.CITIZEN: _("Mig selv"),
    Role.REPRESENTATIVE: _("På vegne af en anden"),
    Role.GP: _("Læge"),
    Role.STAFF: _("Klinikpersonale"),
    Role.HOSPITAL: _("Hospital"),
    Role.PREVENTION: _("Forebyggelse"),
    Role.PARTNER: _("Privat behandler"),
    Role.AUTHOR: _("Pakkeforfatter"),
    Role.ANALYST: _("Analytiker"),
    Role.OPERATOR: _("Drift"),
    Role.SYSTEM: _("System"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One role to choose. title: where, or what somebody called it in Danish; icon: one of the shapes we have."""

    key: str
    text: Any
    title: str
    icon: str
    current: bool


def choice_of(hat: Hat, current: str) -> Choice:
    """How a role is offered."""
    icon = "person" if hat.patient else "business"
    place = registry.name_of("Organization", hat.organization) if hat.organization else ""
    return Choice(hat.key, called(hat), place or (hat.title if not hat.patient else ""), icon, hat.key == current)


def called(hat: Hat) -> Any:
    """What a role is called: whom one stands in for, or the role."""
    if hat.role is Role.REPRESENTATIVE:
        name = registry.name_of("Patient", hat.patient)
        return _("På vegne af %(name)s") % {"name": name} if name else ROLES[hat.role]
    return ROLES[hat.role]


def beside_the_name(hat: Hat) -> Any:
    """What stands beside the name on each page: nothing for a citizen, who is called by name."""
    if hat.role is Role.CITIZEN:
        return ""
    return hat.title or called(hat)
