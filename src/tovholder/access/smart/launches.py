"""An app opened from one of our pages: the opaque launch parameter, and what it stands for."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction

from tovholder import database
from tovholder.access import Context
from tovholder.access.models import SmartLaunch
from tovholder.access.smart import clients
from tovholder.access.smart.clients import digest
from tovholder.access.smart.domain import LAUNCH_SECONDS, Client, Surroundings
from tovholder.base import days, json
from tovholder.base.errors import not_found


def begin(ctx: Context, hat: str, session: str, client: Client, into: Surroundings) -> str:
    """The launch parameter for an app this person opens, in this session. Raises Problem(NOT_FOUND) for another's app.

    The caller has seen to it that the person may see what it is launched into.
    """
    if client.ended or not client.launch or not clients.may_use(client, ctx.role, ctx.organization):
        raise not_found("The app")
    token = secrets.token_urlsafe(32)
    with database.write_turn(), transaction.atomic():
        SmartLaunch.objects.create(
            digest=digest("launch", token),
            client_id=client.id,
            user_id=ctx.person,
            hat=hat,
            session=session,
            surroundings=written(into),
            until_ms=days.millis(ctx.now) + LAUNCH_SECONDS * 1000,
        )
    return token


def find(token: str, client: str, ctx: Context, hat: str, session: str) -> Surroundings | None:
    """What a launch stands for, where this app comes with it for the person and session it was made in, in time, once."""
    row = SmartLaunch.objects.filter(
        digest=digest("launch", token),
        client_id=client,
        user_id=ctx.person,
        hat=hat,
        session=session,
        until_ms__gt=days.millis(ctx.now),
        used_ms__isnull=True,
    ).first()
    return read(row.surroundings) if row is not None else None


def use(token: str, now: datetime) -> bool:
    """Note that it led to a grant; False when it had been used. Inside the caller's transaction."""
    found = SmartLaunch.objects.filter(digest=digest("launch", token), used_ms__isnull=True)
    return bool(found.update(used_ms=days.millis(now)))


def written(into: Surroundings) -> str:
    """As text for a row."""
    told = {
        "patient": into.patient,
        "encounter": into.encounter,
        "references": [list(item) for item in into.references],
        "intent": into.intent,
    }
    return json.dumps({name: value for name, value in told.items() if value}).decode()


def read(text: str) -> Surroundings:
    """Of the text of a row."""
    told: dict[str, Any] = json.loads(text or "{}")
    return Surroundings(
        patient=told.get("patient", ""),
        encounter=told.get("encounter", ""),
        references=tuple((kind, rid, role) for kind, rid, role in told.get("references", [])),
        intent=told.get("intent", ""),
    )
