"""Whom a search asks about by id or number: they stand in the audit trail, though the answer show nothing of theirs.

That there is nothing, or how many there are, is told of somebody too. Who asks for a patient that is not theirs is
refused by an answer like that for nobody, and the patient's log says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.policy import decide
from tovholder.store import reading, scope
from tovholder.store.params import token
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.reference import PATIENT, target
from tovholder.store.params.special import ID
from tovholder.store.params.terms import Term, among, member
from tovholder.store.search.links import Asking
from tovholder.store.search.steps import Chain, Has, Leaf, Step

Steps = Iterable[tuple[Step, tuple[str, ...]]]
_NUMBERS = 50  # patients looked up by number for one search


def note(asking: Asking, detail: str, steps: Steps, shown: frozenset[str], about: str | None = None) -> None:
    """Note a search: whom it showed, and whom it asked about. about: in whose compartment it looked."""
    ctx = asking.ctx
    asked = set(_ids(steps, asking, numbers=not shown)) | ({about} if about is not None else set())
    seen, refused = _sorted_out(ctx, asked - shown)
    reading.note(audit.Entry(ctx, "search", shown | seen, detail))
    if refused:
        reading.note(audit.Entry(ctx, "refused", refused, detail, "refused"))


def _ids(steps: Steps, asking: Asking, *, numbers: bool) -> Iterator[str]:
    """Ids of patients in the values. numbers: look up those asked for by number, too."""
    for step, values in steps:
        match step:
            case Chain(_, _, targets):
                yield from _ids([(inner, values) for inner in targets], asking, numbers=numbers)
            case Has(_, _, _, inner):
                yield from _ids([(inner, values)], asking, numbers=numbers)
            case Leaf(kind, parameter, modifier):
                asked = Asked(kind, parameter, modifier, values, asking.now, asking.base)
                if modifier in ("missing", "identifier", "text"):
                    continue
                if kind == PATIENT and parameter is ID:
                    yield from map(plain, values)
                elif kind == PATIENT and parameter.name == "identifier":
                    yield from _with(token.rows(asked)) if numbers else ()
                elif parameter.kind == "reference" and not parameter.canonical:
                    for of, rid in (target(asked, plain(value)) for value in values):
                        if of in (None, PATIENT):
                            yield rid


def _with(term: Term) -> list[str]:
    """Patients with a number, whoever's."""
    met = member(term, "c")
    sql = f"SELECT c.rid FROM store_resource AS c WHERE {met.text} AND c.type = %s LIMIT {_NUMBERS}"
    return [rid for (rid,) in database.rows(sql, [*met.values, PATIENT])]


def _sorted_out(ctx: Context, asked: set[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Those there are, apart: whom the actor may see, and whom not."""
    if not asked:
        return frozenset(), frozenset()
    seen, values = scope.predicate(decide(ctx, "read", PATIENT), ctx, PATIENT, patient="r.rid", few=True)
    these = among("r.rid", sorted(asked))
    found = database.rows(
        f"SELECT r.rid, CASE WHEN {seen} THEN 1 ELSE 0 END FROM store_resource AS r WHERE r.type = %s AND {these.text}",
        [*values, PATIENT, *these.values],
    )
    return frozenset(rid for rid, may in found if may), frozenset(rid for rid, may in found if not may)
