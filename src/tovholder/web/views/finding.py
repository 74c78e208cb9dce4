"""Finding a patient by name or number among those one may see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tovholder import store
from tovholder.access.domain import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.cockpit.queries import full_name
from tovholder.fhir import systems
from tovholder.store import Stored

LONGEST = 100
MOST = 20
_NUMBER = re.compile(r"\d{6}-?[0-9A-Za-z]{4}")


@dataclass(frozen=True, slots=True)
class Found:
    """A patient to choose. age: in whole years, where the birth date tells it."""

    id: str
    name: str
    age: int | None


def patients(ctx: Context, text: str) -> tuple[Found, ...]:
    """Those whose number this is, or whose names begin with each of these words; at most ``MOST``, by name."""
    plain = text.replace(" ", "")
    if _NUMBER.fullmatch(plain):
        number = plain.replace("-", "").upper()
        asked = [("identifier", f"{systems.CPR}|{number}")]
    else:
        asked = [("name", word.replace("\\", "").replace(",", "\\,").replace("$", "\\$")) for word in text.split()[:5]]
    try:
        page = store.search(ctx, "Patient", [*asked, ("_count", str(MOST)), ("_sort", "family,given")])
    except Problem as problem:
        if problem.category is not Category.INVALID:
            raise
        return ()  # a role that may not search by this
    return tuple(_found(item, ctx) for item in page.entries)


def _found(item: Stored, ctx: Context) -> Found:
    return Found(item.id, full_name(item.resource), _age(str(item.resource.get("birthDate", "")), ctx))


def _age(born: str, ctx: Context) -> int | None:
    try:
        birth, today = date.fromisoformat(born), days.date_of(ctx.today)
    except ValueError:
        return None
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
