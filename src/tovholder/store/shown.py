"""What a role is shown of a resource, at every way out; and the searches that would tell of what it is not shown.

A parameter that reads a hidden element is refused as one there is not, wherever it stands: alone, in a chain, reversed,
to sort by, or to include by. So nobody learns by asking what an answer would not tell.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from tovholder.access import Context, views
from tovholder.access.policy import current
from tovholder.base import json
from tovholder.fhir import searchparams
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.asked import plain, split
from tovholder.store.params.special import EVERYWHERE
from tovholder.store.rows import Stored

View = frozenset[str] | None


def stored(one: Stored, view: View) -> Stored:
    """A version as it is shown: the same version, and of its content what the view lets through."""
    if view is None or not (one.body or one.parsed):
        return one
    part = views.cut(one.resource, view)
    return replace(one, parsed=part, body=json.dumps(part))


def view_of(ctx: Context, kind: str) -> View:
    """The elements of a type the actor is shown; None for all of them."""
    return current().views.get((ctx.role, kind))


def to(ctx: Context, one: Stored) -> Stored:
    """A version as the actor is shown it."""
    return stored(one, view_of(ctx, one.type))


def body(content: bytes, view: View) -> bytes:
    """The same of a body; nothing of a deletion."""
    return json.dumps(views.cut(json.loads(content), view)) if view is not None and content else content


def hides(
    ctx: Context, parameter: SearchParameter, kind: str, modifier: str = "", values: tuple[str, ...] = ()
) -> bool:
    """Whether a parameter of a type, asked so, would tell the actor of what they are not shown.

    Where only some items of a list are shown (identifiers of one system), only those may be asked for.
    """
    view = view_of(ctx, kind)
    if view is None or parameter.name in EVERYWHERE:
        return False
    only = _shown(kind, view, parameter)
    if only is None:
        return True
    return bool(only) and (bool(modifier) or not values or not all(_of_system(value, only) for value in values))


@lru_cache(maxsize=2048)
def _shown(kind: str, view: frozenset[str], parameter: SearchParameter) -> tuple[str, ...] | None:
    """The systems of codes that may be asked for: none named for all of them; None where all are hidden."""
    if parameter.components:
        parts = [searchparams.search_parameter(kind, part.name) for part in parameter.components]
        whole = all(part is not None and _shown(kind, view, part) == () for part in parts)
        return () if whole else None
    systems: list[str] = []
    ways = searchparams.ways(kind, parameter.name)
    for way in ways:
        found = views.shown(kind, view, way.names)
        if found is None or any(only.name != "system" for only in found) or (found and parameter.kind != "token"):
            return None
        systems += [only.text for only in found]
    if not ways:  # who it is about, which no view hides
        return () if parameter.is_patient else None
    return tuple(systems)


def _of_system(value: str, systems: tuple[str, ...]) -> bool:
    parts = split(value, "|")
    return len(parts) == 2 and bool(parts[1]) and plain(parts[0]) in systems
