"""The way to the resources of a search: a few that are looked at one by one, or a walk along a sorted index.

Three ways in, in this order:
1. a patient, an id: an index of the resource's own leads to a few;
2. a condition whose list of keys turns out short (asking for one more than FEW costs less than guessing wrong);
3. none of these: so many meet each condition that walking in the order asked for soon fills a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tovholder import database
from tovholder.access.domain import Condition, Scope
from tovholder.store import scope
from tovholder.store.params.terms import (
    NEVER,
    Ids,
    OfPatient,
    Sql,
    Term,
    all_of,
    among,
    member,
)
from tovholder.store.search.links import Asking, Chained, Reversed, within

FEW = 1000
EACH = 100  # of so many, each one's relation is looked up by itself
_OWN = frozenset({Condition.SELF, Condition.REPRESENTED})


@dataclass(frozen=True, slots=True)
class Way:
    """where: over ``r``. few: so few come out of it that all of them may be looked at. empty: nothing can match."""

    where: Sql
    few: bool
    empty: bool = False


def way(kind: str, terms: Sequence[Term], allowed: Scope, asking: Asking) -> Way:
    """Choose the way in. Runs the short lists it needs to know of."""
    seen = within(asking, kind)("r")
    if seen.text == NEVER.text:
        return Way(NEVER, few=True, empty=True)
    each = within(asking, kind, few=True)("r")
    narrow = _narrow(kind, terms, allowed, asking)
    if narrow is not None:
        return Way(all_of([_current(kind), *_checks(terms, narrow), *_scope(each)]), few=True)
    listed = _short_list(terms)
    if listed is not None:
        term, keys = listed
        if not keys:
            return Way(NEVER, few=True, empty=True)
        inside = among("r.key", keys)
        rest = [item for item in terms if item is not term]
        few = among("k.key", keys)
        looked = Sql(f"SELECT k.key FROM store_resource AS k WHERE {few.text}", few.values)
        # The type is left out: keys name resources, and SQLite would gladly walk all of a type instead.
        return Way(
            all_of(
                [inside, Sql("NOT r.deleted"), *_checks(rest, looked), *_scope(each if len(keys) <= EACH else seen)]
            ),
            few=True,
        )
    return Way(all_of([_current(kind), *_checks(terms, None), *_scope(seen)]), few=False)


def counting(kind: str, terms: Sequence[Term], asking: Asking) -> Sql:
    """A SELECT that counts all matches: each list made once, and compared."""
    seen = within(asking, kind)("r")
    found = all_of([_current(kind), *(member(term, "r") for term in terms), *_scope(seen)])
    return Sql(f"SELECT COUNT(*) FROM store_resource AS r WHERE {found.text}", found.values)


def _current(kind: str) -> Sql:
    return Sql("r.type = %s AND NOT r.deleted", (kind,))


def _scope(seen: Sql) -> list[Sql]:
    return [] if seen.text == "1 = 1" else [seen]


def _checks(terms: Sequence[Term], narrow: Sql | None) -> list[Sql]:
    return [term.check("r", narrow) for term in terms]


def _narrow(kind: str, terms: Sequence[Term], allowed: Scope, asking: Asking) -> Sql | None:
    """A SELECT of the few there are to look at by an index of the resource's own; None when nothing leads to few."""
    for term in terms:
        if isinstance(term, Ids):
            return term.listed
        if isinstance(term, OfPatient):
            return _of_patients(kind, term.patients)
    if asking.ctx.patient and allowed.conditions and allowed.conditions <= _OWN:
        return _of_patients(kind, (asking.ctx.patient,))
    if allowed.patient is not None and scope.is_about_somebody(kind):
        return _of_patients(kind, (allowed.patient,))
    return None


def _of_patients(kind: str, patients: Sequence[str]) -> Sql:
    about = among("k.patient_id", patients)
    return Sql(
        f"SELECT k.key FROM store_resource AS k WHERE {about.text} AND k.type = %s AND NOT k.deleted",
        (*about.values, kind),
    )


def _short_list(terms: Sequence[Term]) -> tuple[Term, list[int]] | None:
    """The first condition that few resources meet, and their keys."""
    for term in terms:
        leaf = term.leaf()
        if leaf is None:
            continue
        if isinstance(term, Chained | Reversed) and len(_first_keys(leaf)) > FEW:
            continue  # what it leads through is long already
        keys = term.keys()
        if keys is not None:
            found = _first_keys(keys)
            if len(found) <= FEW:
                return term, found
    return None


def _first_keys(select: Sql) -> list[int]:
    # One resource may stand in it twice (a code under two systems): those beyond FEW are no harm.
    rows = database.rows(f"SELECT u.key FROM ({select.text}) AS u LIMIT {2 * FEW + 1}", select.values)
    return list(dict.fromkeys(row[0] for row in rows)) if len(rows) <= 2 * FEW else [row[0] for row in rows]
