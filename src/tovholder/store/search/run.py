"""Searching: a page of matches with what goes along, ids for conditional writes, all of a patient's; always in a scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tovholder import database
from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.base import days, json
from tovholder.base.errors import Issue, Severity
from tovholder.fhir import search_tables, searchparams
from tovholder.store import compartment, reading, shown, withholding
from tovholder.store.params.asked import of_parameter
from tovholder.store.params.terms import OfPatient, Sql, Term, all_of, conjunction, either
from tovholder.store.rows import Stored
from tovholder.store.search import cursor as cursors
from tovholder.store.search import links, named, order, plan, query, rows, subset
from tovholder.store.search.cursor import Cursor, Params
from tovholder.store.search.include import Gathering
from tovholder.store.search.links import Asking
from tovholder.store.search.query import Query
from tovholder.store.search.rows import Row

Given = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    entries: the matches. total: how many there are in all, None when nobody counted. cursor: where the next page
    begins, None on the last. included: what goes along. used: the parameters followed, as written. notes: what the
    client should know (parameters passed over, inclusions cut). hidden: the search as a cursor that begins at its
    beginning, where it came by POST and no address may name what was asked.
    """

    entries: tuple[Stored, ...]
    total: int | None
    cursor: str | None
    included: tuple[Stored, ...] = ()
    used: Params = ()
    notes: tuple[Issue, ...] = ()
    hidden: str | None = None

    @property
    def ignored(self) -> tuple[Issue, ...]:
        """Parameters that were passed over."""
        return tuple(note for note in self.notes if note.severity is Severity.WARNING and note.code != "suppressed")


def search(
    ctx: Context,
    kind: str,
    params: Given,
    *,
    strict: bool = True,
    base: str = "",
    about: str | None = None,
    sealed: bool = False,
) -> Page:
    """One page of matches of a type, noted in the audit trail. Raises Problem(INVALID) that names what there is.

    strict: refuse what is not known rather than pass it over. base: this server's own address. about: only what is in
    this patient's compartment. sealed: the cursor carries the search itself, so that a link need not (for POST).
    """
    reading.require_type(kind)
    if kind == "AuditEvent":
        return _of_trail(ctx, params, sealed)
    return search_types(ctx, (kind,), params, strict=strict, base=base, about=about, sealed=sealed)


def search_types(
    ctx: Context,
    kinds: Sequence[str],
    params: Given,
    *,
    strict: bool = True,
    base: str = "",
    about: str | None = None,
    sealed: bool = False,
) -> Page:
    """The same over several types at once, by parameters all of them have (R4 §3.1.1.2)."""
    cursor, params = _resumed(params)
    asking = Asking(ctx, days.millis(ctx.now), base)
    hides = partial(shown.hides, ctx)
    queries = [query.parse(kind, params, strict=strict, to_look=True, hides=hides) for kind in kinds]
    asked = queries[0]
    if cursor is not None and cursor.search != _mark(kinds, about, asked):
        raise cursors.not_ours()
    place = cursor.place if cursor is not None else None
    carried = None
    if sealed or (cursor is not None and cursor.params is not None):
        carried = tuple(item for item in asked.used if item[0] != "_cursor")
    terms = {item.kind: _terms(item, asking, about) for item in queries}
    total = None
    if asked.total or asked.summary == "count" or asked.count == 0:
        total = sum(_count(kind, terms[kind], asking) for kind in kinds)
    found: list[Row] = []
    following = None
    if asked.summary != "count" and asked.count:
        # Several types are read one after the other, and must be of one moment.
        with database.snapshot() if len(kinds) > 1 else nullcontext():
            found, seq = _rows(queries, terms, asking, cursor)
        if len(found) > asked.count:
            found = found[: asked.count]
            following = cursors.seal(Cursor(_mark(kinds, about, asked), found[-1].place, seq, carried))
        elif total is None and place is None:
            total = len(found)
        found = _seen(ctx, kinds, found)
    notes = [replace(issue, severity=Severity.WARNING) for issue in asked.ignored]
    hidden = withholding.notice(ctx, kinds, _patients(terms.values(), about))
    if hidden is not None:
        notes.append(hidden)
    along: list[Row] = []
    if asked.includes and found:
        gathering = Gathering(asking, found)
        gathering.run(asked.includes, found)
        along = gathering.rows
        if gathering.cut:
            notes.append(_cut())
    steps = list(dict.fromkeys(step for item in queries for step in item.steps))
    _note(asking, kinds, steps, [*found, *along], about)
    return Page(
        entries=_given(found, asked),
        total=total,
        cursor=following,
        included=_given(along, asked),
        used=tuple(asked.used),
        notes=tuple(notes),
        hidden=cursors.seal(Cursor(_mark(kinds, about, asked), None, 0, carried)) if carried is not None else None,
    )


def _of_trail(ctx: Context, params: Given, sealed: bool) -> Page:
    """Audit events, which are rendered from the trail; their pages are sealed as all others are."""
    from tovholder.store import audit_search

    cursor, params = _resumed(params)
    asked = tuple(item for item in params if item[0] != "_cursor")
    carried = asked if sealed or (cursor is not None and cursor.params is not None) else None
    mark = cursors.mark("AuditEvent", asked)
    if cursor is not None and cursor.search != mark:
        raise cursors.not_ours()
    place = cursor.place if cursor is not None else None
    page = audit_search.page(ctx, [*asked, *([("_cursor", str(place[0]))] if place else [])])
    return replace(
        page,
        used=tuple(params),
        cursor=cursors.seal(Cursor(mark, (page.cursor,), 0, carried)) if page.cursor else None,
        hidden=cursors.seal(Cursor(mark, None, 0, carried)) if carried is not None else None,
    )


def _rows(
    queries: Sequence[Query], terms: Mapping[str, Sequence[Term]], asking: Asking, cursor: Cursor | None
) -> tuple[list[Row], int]:
    """One more than a page, of each type and then of them all; and the newest version the pages go by."""
    found: list[Row] = []
    seq = 0
    for asked in queries:
        keys = [order.key(asked.kind, sort) for sort in asked.sorts]
        way = plan.way(asked.kind, terms[asked.kind], decide(asking.ctx, "search", asked.kind), asking)
        if cursor is None or cursor.place is None:
            fresh, newest = rows.first(asked.kind, way, keys, asked.count + 1)
            found, seq = found + fresh, max(seq, newest)
        else:
            found += rows.page(asked.kind, way, keys, cursor.place, cursor.seq, asked.count + 1)
            seq = cursor.seq
    if len(queries) > 1:
        by = order.compare(keys)
        found = sorted(found, key=lambda row: by(row.place))[: asked.count + 1]
    return found, seq


def _seen(ctx: Context, kinds: Iterable[str], found: list[Row]) -> list[Row]:
    """The rows as the actor is shown them: what is included, too, is looked for in what is shown."""
    if all(shown.view_of(ctx, kind) is None for kind in kinds):
        return found
    return [replace(row, stored=shown.to(ctx, row.stored)) for row in found]


def _mark(kinds: Sequence[str], about: str | None, asked: Query) -> str:
    return cursors.mark(f"{' '.join(kinds)} {about or ''}", asked.identity)


def match_ids(ctx: Context, kind: str, params: Given, limit: int) -> list[str]:
    """Ids of matches in the actor's scope, at most ``limit``, noted. Inside a unit of work flush it first."""
    asked, asking = _asked(ctx, kind, params)
    found = _matches(asked, asking, limit)
    # Systems ask so for each entry of what they bring, and see everybody anyway.
    _note(asking, (kind,), () if ctx.is_system else asked.steps, found)
    return [row.stored.id for row in found]


def condition(ctx: Context, kind: str, params: Given) -> tuple[str, list[Any]]:
    """A search as a WHERE term on ``r`` with its values, without the scope. Raises Problem(INVALID)."""
    asked = query.parse(kind, params, hides=partial(shown.hides, ctx))
    terms = _terms(asked, Asking(ctx, days.millis(ctx.now), ""), None)
    found = all_of([term.check("r") for term in terms])
    return found.text, list(found.values)


def matches(ctx: Context, kind: str, params: Given, *, limit: int | None) -> list[Stored]:
    """Matches in the actor's scope, not noted: for guards and derivations inside a unit of work."""
    return [row.stored for row in _matches(*_asked(ctx, kind, params), limit)]


def search_all(ctx: Context, kind: str, params: Given, *, limit: int = 5000) -> list[Stored]:
    """Every match, noted as one search; for pages that show a patient's whole (bounded) history."""
    asked, asking = _asked(ctx, kind, params)
    found = _matches(asked, asking, limit)
    _note(asking, (kind,), asked.steps, found)
    return [row.stored for row in found]


def _asked(ctx: Context, kind: str, params: Given) -> tuple[Query, Asking]:
    reading.require_type(kind)
    return query.parse(kind, params, hides=partial(shown.hides, ctx)), Asking(ctx, days.millis(ctx.now), "")


def _matches(asked: Query, asking: Asking, limit: int | None) -> list[Row]:
    kind = asked.kind
    terms = _terms(asked, asking, None)
    keys = [order.key(kind, sort) for sort in asked.sorts]
    way = plan.way(kind, terms, decide(asking.ctx, "search", kind), asking)
    found = rows.first(kind, way, keys, limit if limit is not None else 1_000_000_000)[0]
    return _seen(asking.ctx, (kind,), found)


def _resumed(params: Given) -> tuple[Cursor | None, Given]:
    """The cursor among the parameters, and the parameters; one that carries the search gives them itself."""
    text = next((value for name, value in params if name == "_cursor"), None)
    if text is None:
        return None, params
    cursor = cursors.unseal(text)
    rest = [item for item in params if item[0] != "_cursor"]
    if cursor.params is not None:
        rest = [*cursor.params, *(item for item in rest if item not in cursor.params)]
    return cursor, rest


def _terms(asked: Query, asking: Asking, about: str | None) -> list[Term]:
    terms = [links.term(step, values, asking) for step, values in asked.steps]
    if about is not None:
        terms.append(in_compartment(asked.kind, about))
    return terms


def in_compartment(kind: str, patient: str) -> Term:
    """Resources of a type in a patient's compartment: about the patient, or one in which they took part (R4 §2.40)."""
    about: Term = OfPatient(kind, (patient,))
    held = search_tables.patient_compartment().get(kind)
    if held is None or not (held["party"] or len(held["about"]) > 1 or kind in compartment.shared()):
        return about
    paths = {*held["about"], *held["party"]}
    one = conjunction([Sql("t.rid = %s", (patient,)), Sql("t.type = %s", ("Patient",))])
    taking_part = [
        of_parameter(kind, item, "store_reference", [one], exact=True)
        for item in searchparams.parameters_of(kind)
        if item.kind == "reference" and any(".".join(way.names) in paths for way in searchparams.ways(kind, item.name))
    ]
    return either([about, *taking_part])


def _patients(terms: Iterable[Sequence[Term]], about: str | None) -> set[str] | None:
    """Whom a search is about, where it names patients; None where it may find anybody's."""
    found = {about} if about is not None else set[str]()
    for some in terms:
        found.update(patient for term in some if isinstance(term, OfPatient) for patient in term.patients)
    return found or None


def _count(kind: str, terms: Iterable[Term], asking: Asking) -> int:
    sql = plan.counting(kind, list(terms), asking)
    return int(database.rows(sql.text, sql.values)[0][0])


def _given(found: Iterable[Row], asked: Query) -> tuple[Stored, ...]:
    if not subset.wanted(asked):
        return tuple(row.stored for row in found)
    return tuple(_part(row.stored, asked) for row in found)


def _part(stored: Stored, asked: Query) -> Stored:
    cut = subset.part(stored.resource, asked)
    return Stored(cut, stored.type, stored.id, stored.version, stored.updated, body=json.dumps(cut))


def _note(
    asking: Asking, kinds: Sequence[str], steps: named.Steps, given: Sequence[Row], about: str | None = None
) -> None:
    patients = frozenset[str]().union(*(compartment.about(row.stored, row.patient) for row in given))
    told = dict.fromkeys([*(kinds if len(kinds) == 1 else ()), *(row.stored.type for row in given)])
    named.note(asking, " ".join(told) or "search", steps, patients, about)


def _cut() -> Issue:
    return Issue(
        "_include",
        "there was more to include than one answer takes",
        "narrower parameters",
        "incomplete",
        Severity.INFORMATION,
    )
