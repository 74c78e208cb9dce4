"""Writes whose target a search names: create when there is none, update, patch or delete what matches (R4 §3.1.0.8.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from tovholder import database
from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.fhir.prepare import Prepared
from tovholder.store import versions
from tovholder.store.ports import Resource
from tovholder.store.rows import Stored
from tovholder.store.search import match_ids
from tovholder.store.unit import UnitOfWork

# How an answer is given, which says nothing about what is meant.
SHAPE = frozenset({"_format", "_pretty", "_summary", "_elements"})
_RESULT = frozenset(
    {"_count", "_sort", "_total", "_cursor", "_include", "_revinclude", "_contained", "_containedType", "_score"}
)


@dataclass(frozen=True, slots=True)
class Criteria:
    """A search that names the one resource meant. path: where it stood, for messages."""

    kind: str
    params: tuple[tuple[str, str], ...]
    path: str = "url"

    @property
    def name(self) -> str:
        """The same text for the same search, in whatever order it was written: what is locked."""
        return f"{self.kind}?{urlencode(sorted(self.params))}"

    def at(self, path: str) -> Criteria:
        """The same, told at another place."""
        return replace(self, path=path)


def criteria(kind: str, params: Sequence[tuple[str, str]], path: str) -> Criteria:
    """Search parameters as criteria. Raises Problem(INVALID) for a search that would match everything or a page."""
    kept = tuple((name, value) for name, value in params if name not in SHAPE)
    wrong = [Issue(path, "a parameter that is about the result", "search criteria alone", "value")] * any(
        name.partition(":")[0] in _RESULT for name, _ in kept
    )
    if not kept or any(not value.strip() for _, value in kept):
        wrong.append(Issue(path, "no search criteria, or one without a value", "identifier=system|value", "required"))
    if wrong:
        raise Problem(Category.INVALID, "The criteria name no resource", wrong)
    return Criteria(kind, kept, path)


def matches(ctx: Context, wanted: Criteria, limit: int = 2) -> list[str]:
    """Ids of what matches in the actor's scope, at most ``limit``; inside a unit flush it first."""
    return match_ids(ctx, wanted.kind, wanted.params, limit)


def one(uow: UnitOfWork, wanted: Criteria) -> str | None:
    """The id of the one match; None when there is none. Raises Problem(PRECONDITION) for several.

    Others who ask with the same criteria wait until this unit is done, so that only one of them finds nothing.
    """
    database.lock_name(wanted.name)
    uow.flush()
    return single(matches(uow.ctx, wanted), wanted)


def single(ids: Sequence[str], wanted: Criteria) -> str | None:
    """The only id; None for none. Raises Problem(PRECONDITION) for several."""
    if len(ids) > 1:
        raise Problem(
            Category.PRECONDITION,
            f"More than one {wanted.kind} meets the criteria",
            [Issue(wanted.path, "several matches", "criteria that one resource meets", "multiple-matches")],
        )
    return ids[0] if ids else None


def create(uow: UnitOfWork, resource: Resource, wanted: Criteria, *, prepared: Prepared | None = None) -> Stored:
    """Create the resource (which has its new id) unless one meets the criteria: that one is given, not created."""
    rid = one(uow, wanted)
    if rid is not None:
        return versions.read(uow.ctx, wanted.kind, rid)
    return uow.create(resource, id=resource["id"], prepared=prepared)


def update(
    uow: UnitOfWork,
    resource: Resource,
    wanted: Criteria,
    *,
    new_id: str,
    if_match: int | None = None,
    prepared: Prepared | None = None,
) -> Stored:
    """Update what meets the criteria; with no match create it, under its own id (systems) or a new one.

    prepared: made for the resource under the id expected, which may have changed since; then it is made anew.
    Raises Problem(INVALID) when the resource has another id than the match.
    """
    rid = one(uow, wanted)
    given = resource.get("id")
    if rid is None and given is None:
        if if_match is not None:
            raise Problem(Category.PRECONDITION, f"There is no version {if_match} of this {wanted.kind}")
        made = {**resource, "id": new_id}
        return uow.create(made, id=new_id, prepared=prepared)
    if rid is not None and given is not None and given != rid:
        raise Problem(
            Category.INVALID,
            "The resource's id is not that of the match",
            [Issue(f"{wanted.kind}.id", "another id than the match has", "the match's id, or none", "value")],
        )
    named = resource if given is not None else {**resource, "id": rid}
    return uow.update(named, if_match=if_match, prepared=prepared if given is not None or rid == new_id else None)


def target(uow: UnitOfWork, wanted: Criteria) -> str:
    """The id of the one match. Raises Problem(NOT_FOUND) for none, PRECONDITION for several."""
    rid = one(uow, wanted)
    if rid is None:
        raise not_found(wanted.kind)
    return rid


def delete(uow: UnitOfWork, wanted: Criteria, *, most: int = 1, if_match: int | None = None) -> int:
    """Delete what meets the criteria; returns how many. Raises Problem(PRECONDITION) for more than ``most``."""
    database.lock_name(wanted.name)
    uow.flush()
    ids = matches(uow.ctx, wanted, most + 1)
    if len(ids) > most:
        if most == 1:
            single(ids, wanted)
        raise Problem(
            Category.TOO_LARGE,
            "More resources meet the criteria than one delete takes",
            [Issue(wanted.path, f"more than {most} matches", "narrower criteria", "too-costly")],
        )
    for rid in ids:
        uow.delete(wanted.kind, rid, if_match=if_match)
    return len(ids)
