"""The codes of a value set a search names (:in and :not-in, R4 §3.1.1.4.10), bounded by what one search may ask for."""

from __future__ import annotations

from django.conf import settings

from tovholder.base.errors import Category, Problem
from tovholder.fhir.references import parse_reference
from tovholder.fhir.terminology import Member, Resource
from tovholder.store import terminology, versions
from tovholder.store.params.asked import Asked


def members(asked: Asked, name: str) -> list[Member]:
    """All of its codes. Raises Problem(INVALID) when it is not at hand, not known here to the last code, or too large."""
    assert asked.ctx is not None
    most = settings.ENV.limits.search_values
    try:
        found = terminology.of_record(asked.ctx).members(_stored(asked, name) or name)
    except Problem as problem:
        if problem.category not in (Category.NOT_FOUND, Category.GONE, Category.RULE):
            raise
        told = problem.issues[0] if problem.issues else None
        asked.refuse(
            told.message if told else "there is no such value set here",
            "the url or ValueSet/id of a value set whose codes are all at hand",
            told.code if told else "not-found",
        )
    if len(found) > most:
        asked.refuse(f"a value set of {len(found)} codes", f"at most {most} in one search", "too-costly")
    return found


def _stored(asked: Asked, name: str) -> Resource | None:
    """The resource an address on this server names; None where it is a url."""
    assert asked.ctx is not None
    if asked.base and name.startswith(f"{asked.base}/"):
        name = name[len(asked.base) + 1 :]
    ref = parse_reference(name)
    if ref is None or ref.base:
        return None
    if ref.type != "ValueSet":
        asked.refuse("not a value set", "the url or ValueSet/id of a value set")
    return versions.read(asked.ctx, ref.type, ref.id).resource
