"""Saved views of the list: each person's own, and those a colleague shares with the clinic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found, rule
from tovholder.cockpit.models import SavedView

LONGEST_NAME = 60
MOST = 30  # of one person


@dataclass(frozen=True, slots=True)
class View:
    """One saved view. mine: whether the actor made it, and so may take it away."""

    number: int
    name: str
    query: str
    shared: bool
    mine: bool


def saved(ctx: Context) -> tuple[View, ...]:
    """The actor's own at this clinic and what is shared there, by name."""
    rows = SavedView.objects.filter(organization_id=ctx.organization or "").filter(Q(owner=ctx.actor) | Q(shared=True))
    found = [View(row.pk, row.name, row.query, row.shared, row.owner == ctx.actor) for row in rows]
    return tuple(sorted(found, key=lambda view: (view.name.casefold(), view.number)))


def save(ctx: Context, *, name: str, query: str, shared: bool, now: datetime) -> None:
    """Keep a view under a name. Raises Problem: RULE without a name, CONFLICT for a name the actor has used."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise rule("name", "a view has a name", f"between 1 and {LONGEST_NAME} characters")
    mine = SavedView.objects.filter(organization_id=ctx.organization or "", owner=ctx.actor)
    if mine.count() >= MOST:
        raise rule("name", "there are as many views as one person may have", f"fewer than {MOST}")
    try:
        with transaction.atomic():
            SavedView.objects.create(
                organization_id=ctx.organization or "",
                owner=ctx.actor,
                name=name,
                query=query,
                shared=shared,
                made_ms=days.millis(now),
            )
    except IntegrityError:
        raise Problem(
            Category.CONFLICT,
            "There is a view of that name",
            [Issue("name", "a view of that name is there", "another name", "duplicate")],
            kept="the view of that name",
        ) from None


def forget(ctx: Context, number: int) -> None:
    """Take away a view of one's own. Raises Problem(NOT_FOUND) for anybody else's."""
    gone, _ = SavedView.objects.filter(pk=number, organization_id=ctx.organization or "", owner=ctx.actor).delete()
    if not gone:
        raise not_found("The view")
