"""Everything about a patient: their compartment and what it refers to, page by page (Patient $everything)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.domain import Scope
from tovholder.access.policy import decide
from tovholder.base.errors import Issue, forbidden
from tovholder.base.text import whole_number
from tovholder.fhir import searchparams
from tovholder.fhir.prepare import index_rows
from tovholder.fhir.references import parse_reference, references, subjects_of
from tovholder.store import compartment, paging, scope, shown, trail, withholding
from tovholder.store.rows import Stored

CHUNK = 500
# What goes on is not over, whatever day it began.
_GOING_ON = frozenset({"active", "in-progress", "on-hold", "planned", "accepted", "requested"})
_STILL_ILL = frozenset({"active", "recurrence", "relapse"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted. count: entries on a page. types: only these, all when empty.

    start, end: care between these moments, the end not included; since: changed from then on (epoch milliseconds).
    """

    count: int
    start: int | None = None
    end: int | None = None
    since: int | None = None
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """One page: what is about the patients, what that refers to, and where the next page begins (None: nowhere).

    withheld: what is said where something is kept from the actor.
    """

    entries: tuple[Stored, ...]
    included: tuple[Stored, ...]
    cursor: str | None
    withheld: Issue | None = None


class _Place(NamedTuple):
    """Where a page begins: with which patient, and there after which key of the compartment or which reference."""

    patient: int = 0
    key: int = -1  # -1: with the patient's own resource
    reference: str = ""  # when not empty, the compartment has been told


def everything(ctx: Context, patient: Stored, wish: Wish, cursor: str | None = None) -> Part:
    """A page of everything about one patient, whom the actor has read, in so far as the actor may see it.

    The patient comes first, then the compartment in the order it was first stored, then, each once, the resources
    about nobody that these refer to, directly or through each other. What is about somebody else is left out. A page
    goes on where the last one ended, whatever was written meanwhile.
    """
    part, place = _page(ctx, patient, wish, _decode(cursor))
    about = frozenset({patient.id}).union(*(subjects_of(one.resource) for one in part.entries))
    trail.note(audit.Entry(ctx, "search", about, f"{patient.reference}/$everything"))
    hidden = withholding.notice(ctx, ("Patient",), [patient.id])
    return replace(part, cursor=_encode(place), withheld=hidden)


def everything_of_all(ctx: Context, wish: Wish, cursor: str | None = None) -> Part:
    """The same for every patient the actor may export, one after the other. Raises Problem(FORBIDDEN).

    What several refer to, or what is about several, is told with each of them, once on a page.
    """
    allowed = decide(ctx, "export", "Patient")
    if allowed.nothing:
        raise forbidden("Patient", f"the role {ctx.role} may not read everything of everybody", "one patient at a time")
    begin = _decode(cursor)
    entries: dict[str, Stored] = {}
    included: dict[str, Stored] = {}
    seen: set[str] = set()
    place: _Place | None = None
    for key, patient in _patients(ctx, allowed, begin.patient):
        left = wish.count - len(entries) - len(included)
        if left <= 0:
            place = _Place(key)
            break
        part, place = _page(ctx, patient, replace(wish, count=left), begin if key == begin.patient else _Place(key))
        entries |= {one.reference: one for one in part.entries}
        included |= {one.reference: one for one in part.included}
        seen |= {patient.id}.union(*(subjects_of(one.resource) for one in part.entries))
        if place is not None:
            break
    trail.note(audit.Entry(ctx, "search", frozenset(seen), "Patient/$everything"))
    return Part(tuple(entries.values()), tuple(included.values()), _encode(place))


def _page(ctx: Context, patient: Stored, wish: Wish, begin: _Place) -> tuple[Part, _Place | None]:
    entries: list[Stored] = []
    if begin.key < 0 and not begin.reference and _wanted(patient, wish):
        entries.append(patient)
    key = max(begin.key, 0)
    if not begin.reference:
        for found, one in _compartment(ctx, patient.id, wish, key):
            if len(entries) >= wish.count:
                return Part(tuple(entries), (), None), _Place(begin.patient, key)
            entries.append(one)
            key = found
    room = wish.count - len(entries)
    if room <= 0:
        return Part(tuple(entries), (), None), _Place(begin.patient, key, "-")  # sorts before any reference
    after = islice(
        (one for one in _referred(ctx, patient, wish) if one.reference > begin.reference and _wanted(one, wish)),
        room + 1,
    )
    included = list(after)
    place = _Place(begin.patient, key, included[room - 1].reference) if len(included) > room else None
    return Part(tuple(entries), tuple(included[:room]), None), place


def _wanted(one: Stored, wish: Wish) -> bool:
    return (not wish.types or one.type in wish.types) and (wish.since is None or one.updated >= wish.since)


# -- the compartment -----------------------------------------------------------------------------------------------


def _compartment(ctx: Context, patient: str, wish: Wish, after: int) -> Iterator[tuple[int, Stored]]:
    """What is about the patient, their own resource aside, in the order of keys."""
    named, bound = compartment.naming([patient])
    for stored, key, about in _rows(ctx, f"(r.patient_id = %s OR {named})", [patient, *bound], after, wish.since):
        if stored.type == "Patient" or (wish.types and stored.type not in wish.types):
            continue
        if (about == patient or patient in subjects_of(stored.resource)) and _in_time(stored, wish):
            yield key, stored


def _rows(
    ctx: Context, where: str, values: list[Any], after: int, since: int | None
) -> Iterator[tuple[Stored, int, str | None]]:
    """Current resources of a condition that the actor may read, in the order of keys, as they are shown them: each with
    key and patient.
    """
    term, bound = scope.readable(ctx)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT r.type, r.rid, r.version, r.updated, v.body, r.key, r.patient_id FROM store_resource AS r"
                f" JOIN store_version AS v ON v.seq = r.seq WHERE {where} AND NOT r.deleted AND r.key > %s"
                f" AND r.updated >= %s AND {term} ORDER BY r.key LIMIT {CHUNK}",
                [*values, after, since or 0, *bound],
            )
            found = cursor.fetchall()
        for kind, rid, version, updated, body, key, about in found:
            yield shown.to(ctx, Stored(None, kind, rid, version, updated, body=bytes(body))), key, about
        if len(found) < CHUNK:
            return
        after = found[-1][5]


def _in_time(stored: Stored, wish: Wish) -> bool:
    if wish.start is None and wish.end is None:
        return True
    main = searchparams.main_date(stored.type)
    resource = stored.resource
    told = [row for row in index_rows(resource).get("store_date", ()) if row[0] == main] if main is not None else []
    if not told:
        return True  # without a date it belongs to no day, and so to all of them
    if wish.end is not None and min(row[1] for row in told) >= wish.end:
        return False
    return wish.start is None or max(row[2] for row in told) > wish.start or _goes_on(resource)


def _goes_on(resource: dict[str, Any]) -> bool:
    if resource.get("resourceType") == "Condition":
        codings = (resource.get("clinicalStatus") or {}).get("coding") or ()
        return any(coding.get("code") in _STILL_ILL for coding in codings)
    return resource.get("status") in _GOING_ON


# -- what it refers to ---------------------------------------------------------------------------------------------


def _referred(ctx: Context, patient: Stored, wish: Wish) -> Iterator[Stored]:
    """What the compartment refers to and is about nobody, by type and id."""
    fresh = _named([patient.resource])
    every = replace(wish, types=frozenset())  # of what is not told, the references still are
    for _, stored in _compartment(ctx, patient.id, every, 0):
        fresh |= _named([stored.resource])
    found: dict[str, Stored] = {}
    while fresh:
        made = list(_about_nobody(ctx, fresh))
        found |= {one.reference: one for one in made}
        fresh = {pair for pair in _named(one.resource for one in made) if f"{pair[0]}/{pair[1]}" not in found}
        fresh -= {(one.type, one.id) for one in made}
        if not made:
            break
    for reference in sorted(found):
        yield found[reference]


def _named(resources: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    told = (parse_reference(text) for resource in resources for _, text in references(resource))
    return {(ref.type, ref.id) for ref in told if ref is not None and not ref.base and ref.type != "Patient"}


def _about_nobody(ctx: Context, wanted: set[tuple[str, str]]) -> Iterator[Stored]:
    by_type: dict[str, list[str]] = {}
    for kind, rid in sorted(wanted):
        by_type.setdefault(kind, []).append(rid)
    for kind, rids in by_type.items():
        term, bound = database.in_list("r.rid", rids)
        where = f"r.type = %s AND r.patient_id IS NULL AND {term}"
        for stored, _, _ in _rows(ctx, where, [kind, *bound], 0, None):
            if not subjects_of(stored.resource):
                yield stored


# -- all patients, and places --------------------------------------------------------------------------------------


def _patients(ctx: Context, allowed: Scope, key: int) -> Iterator[tuple[int, Stored]]:
    term, bound = scope.predicate(allowed, ctx, "Patient")
    for stored, found, _ in _rows(ctx, f"r.type = 'Patient' AND {term}", bound, key - 1, None):
        yield found, stored


def _encode(place: _Place | None) -> str | None:
    if place is None:
        return None
    return paging.encode(f"{place.patient} {place.key} {place.reference}")


def _decode(text: str | None) -> _Place:
    if not text:
        return _Place()
    parts = paging.decode(text).split(" ")
    patient, key, reference = parts if len(parts) == 3 else ("", "", "")
    first, second = whole_number(patient), -1 if key == "-1" else whole_number(key)
    if first is None or second is None:
        raise paging.not_ours()
    return _Place(first, second, reference)
