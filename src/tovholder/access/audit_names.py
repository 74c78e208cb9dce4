"""What to call those who stand in the audit trail and in no directory: users without a resource, apps, systems."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Q

from tovholder.access.models import Assignment, SmartClient, User


def of_users(actors: Iterable[str]) -> dict[str, str]:
    """Names of ``user:<id>``, and of ``Practitioner/<id>`` by who logs in as such; those there are no more are left out."""
    ids: dict[uuid.UUID, str] = {}
    practitioners: dict[str, str] = {}
    for actor in set(actors):
        if actor.startswith("user:"):
            try:
                ids[uuid.UUID(actor.removeprefix("user:"))] = actor
            except ValueError:
                continue
        elif actor.startswith("Practitioner/"):
            practitioners[actor.removeprefix("Practitioner/")] = actor
    found: dict[str, str] = {}
    if ids:
        for key, name in User.objects.filter(pk__in=list(ids)).values_list("pk", "display_name"):
            found[ids[key]] = name
    if practitioners:
        rows = Assignment.objects.filter(practitioner_id__in=list(practitioners))
        for practitioner, name in rows.values_list("practitioner_id", "user__display_name"):
            found[practitioners[practitioner]] = name
    return found


def of_clients(clients: Iterable[str]) -> dict[str, str]:
    """Names of apps and systems by the number they are registered under."""
    wanted = sorted({client for client in clients if client})
    return dict(SmartClient.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}


def colleagues(organization: str) -> dict[str, str]:
    """Everybody who has, or had, a role in an organisation: the actor they stand as in the trail, and their name."""
    rows = Assignment.objects.filter(organization_id=organization).exclude(practitioner_id="")
    return {f"Practitioner/{row.practitioner_id}": row.user.display_name for row in rows.select_related("user")}


def at_work(organization: str, today: int) -> dict[str, str]:
    """Those who have a role in an organisation today: the actor they act as, and their name."""
    rows = Assignment.objects.filter(organization_id=organization, user__is_active=True, from_day__lte=today)
    rows = rows.exclude(practitioner_id="").filter(Q(to_day__isnull=True) | Q(to_day__gte=today))
    found = {f"Practitioner/{row.practitioner_id}": row.user.display_name for row in rows.select_related("user")}
    return dict(sorted(found.items(), key=lambda item: item[1]))
