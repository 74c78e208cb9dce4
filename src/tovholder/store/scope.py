"""A decision's scope as SQL over the resource's row, or over whom something is about.

The statement of a scope is put together once; what is bound in it (who asks, today) is filled in for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tovholder import database
from tovholder.access import Context, blocks
from tovholder.access.domain import Condition, Grant, Scope
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.fhir import search_tables
from tovholder.fhir.definitions import resource_types

_ALL, _NONE = "1 = 1", "1 = 0"
# What stands for a value until somebody asks; no text of a policy's is one of these objects.
_SELF, _TODAY, _UNITS, _OPENED, _HERE, _WHO = (object() for _ in range(6))


def predicate(
    scope: Scope, ctx: Context, kind: str, *, row: str | None = "r", patient: str | None = None, few: bool = False
) -> tuple[str, list[Any]]:
    """A WHERE term (with its values) that is true for the rows of a type the scope lets through.

    patient: the column that says whom a row is about; the row's own without it. row: None where there is no row of
    store_resource yet: then what a resource must say (criteria) is left out, and has to be asked for later. few: so few
    rows are looked at that each relation is looked up by itself, and not all the organisation has are listed first.
    """
    about = patient if patient is not None else f"{row}.patient_id"
    if scope.everything:  # for a system: then what is kept from those of others alone is left out
        kept, more = blocks.clause(ctx, row, about) if ctx.is_foreign else ("", [])
        return (kept, more) if kept else (_ALL, [])
    units = ctx.units or ((ctx.organization,) if ctx.organization else ())
    opened = _opened(ctx) if ctx.emergencies else ()
    text, slots = _statement(scope, kind, row, about, bool(ctx.patient), len(units), len(opened), few)
    values = _filled(slots, ctx, units, opened)
    if text is not _NONE and (ctx.is_foreign or _of_organisation(scope)):
        kept, more = blocks.clause(ctx, row, about)
        if kept:
            return f"({text} AND {kept})", [*values, *more]
    return text, values


def _opened(ctx: Context) -> tuple[str, ...]:
    now = days.millis(ctx.now)
    return tuple(sorted({one.patient for one in ctx.emergencies if one.until > now}))


@lru_cache(maxsize=4096)
def _of_organisation(scope: Scope) -> bool:
    """Whether somebody looks from outside, from whom a patient may keep something back."""
    return bool(scope.relations) or Condition.BREAK_GLASS in scope.conditions


@lru_cache(maxsize=8192)
def _statement(
    scope: Scope, kind: str, row: str | None, about: str, own: bool, units: int, opened: int, few: bool
) -> tuple[str, tuple[Any, ...]]:
    """The text, and what is bound in it: values, or what stands for them."""
    ways: list[str] = []
    slots: list[Any] = []
    for grant in scope.grants:
        text, values = _granted(grant, about, own, units, opened, few)
        if text and grant.criteria and row is not None:
            met, bound = _met((grant.criteria,), kind, row)
            text, values = f"({text} AND {met})", values + bound
        if text:
            ways.append(text)
            slots += values
    if not ways:
        return _NONE, ()
    found = ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"
    if row is not None:
        for searches in scope.within:
            met, bound = _met(searches, kind, row)
            found, slots = f"({found} AND {met})", slots + bound
    if scope.patient is not None:
        elsewhere = "" if is_about_somebody(kind) else f"{about} IS NULL OR "
        found, slots = f"({found} AND ({elsewhere}{about} = %s))", [*slots, scope.patient]
    return found, tuple(slots)


def _granted(grant: Grant, about: str, own: bool, units: int, opened: int, few: bool) -> tuple[str, list[Any]]:
    """True for rows about those to whom one of the conditions holds; empty when it can hold for nobody."""
    if Condition.ANY in grant.conditions:
        return _ALL, []
    terms: list[str] = []
    slots: list[Any] = []
    if Condition.DIRECTORY in grant.conditions:
        terms.append(f"{about} IS NULL")
    if own and not grant.conditions.isdisjoint((Condition.SELF, Condition.REPRESENTED)):
        terms.append(f"{about} = %s")
        slots.append(_SELF)
    relations = Scope((grant,)).relations
    if relations and units:
        held = (
            f"FROM access_relation AS rel WHERE {_one_of('rel.organization_id', units)}"
            f"{f' AND rel.patient_id = {about}' if few else ''} AND {_one_of('rel.kind', len(relations))}"
            " AND rel.from_day <= %s AND (rel.to_day IS NULL OR rel.to_day >= %s)"
        )
        terms.append(f"EXISTS (SELECT 1 {held})" if few else f"{about} IN (SELECT rel.patient_id {held})")
        slots += [_UNITS, *relations, _TODAY, _TODAY]
    if opened and Condition.BREAK_GLASS in grant.conditions:
        terms.append(_one_of(about, opened))
        slots.append(_OPENED)
    if not terms:
        return "", []
    return f"({' OR '.join(terms)})", slots


def _one_of(column: str, count: int) -> str:
    return f"{column} = %s" if count == 1 else f"{column} IN ({', '.join(['%s'] * count)})"


def _met(searches: Sequence[str], kind: str, row: str) -> tuple[str, list[Any]]:
    """True where one of the searches finds the row. One that cannot be read finds nothing."""
    from tovholder.store import criteria

    texts: list[str] = []
    values: list[Any] = []
    for search in searches:
        try:
            found = criteria.condition(kind, search, row)
        except Problem:
            continue
        texts.append(found.text)
        stand_ins = {criteria.ORGANIZATION: _HERE, criteria.PRACTITIONER: _WHO}
        values += [stand_ins.get(value, value) if isinstance(value, str) else value for value in found.values]
    return (texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})", values) if texts else (_NONE, [])


def is_about_somebody(kind: str) -> bool:
    """Whether resources of the type are somebody's (R4 patient compartment)."""
    return kind == "Patient" or kind in search_tables.patient_compartment()


def _filled(slots: Sequence[Any], ctx: Context, units: Sequence[str], opened: Sequence[str]) -> list[Any]:
    values: list[Any] = []
    for slot in slots:
        if slot is _TODAY:
            values.append(ctx.today)
        elif slot is _UNITS:
            values += units
        elif slot is _SELF:
            values.append(ctx.patient)
        elif slot is _OPENED:
            values += opened
        elif slot is _HERE:
            values.append(ctx.organization or "")
        elif slot is _WHO:
            kind, _, rid = ctx.actor.partition("/")
            values.append(rid if kind == "Practitioner" else "")
        else:
            values.append(slot)
    return values


def reaches(allowed: Scope, ctx: Context, kind: str, patient: str | None) -> bool:
    """Whether a scope lets through what is about a patient (None: about nobody), criteria aside."""
    term, values = predicate(allowed, ctx, kind, row=None, patient="p.id", few=True)
    return bool(database.rows(f"SELECT 1 FROM (SELECT %s AS id) AS p WHERE {term}", [patient, *values]))


def reaches_stored(allowed: Scope, ctx: Context, kind: str, rid: str) -> bool:
    """Whether a scope lets a resource through, as it is stored now."""
    term, values = predicate(allowed, ctx, kind, few=True)
    asked = f"SELECT 1 FROM store_resource AS r WHERE r.type = %s AND r.rid = %s AND {term}"
    return bool(database.rows(asked, [kind, rid, *values]))


def of_old_versions(scope: Scope, ctx: Context, kind: str) -> tuple[str, list[Any]]:
    """A WHERE term over ``r`` and ``v`` that keeps back what cannot be judged: what a version said that is no longer the
    current one is in no index, so where content decides it is not shown. Empty where content decides nothing.
    """
    if not scope.by_content:
        return "", []
    plain = Scope(tuple(grant for grant in scope.grants if not grant.criteria))
    if scope.within or plain.nothing:
        return "v.seq = r.seq", []
    text, values = predicate(plain, ctx, kind)
    return f"(v.seq = r.seq OR {text})", values


def readable(ctx: Context, *, old: bool = False) -> tuple[str, list[Any]]:
    """The same over rows of every type: what the actor may read, each type by its own decision.

    old: versions (``v``) that are not the current one are asked for, too.
    """
    by_scope: dict[tuple[Scope, str], list[str]] = {}
    for kind in sorted(resource_types()):
        allowed = decide(ctx, "read", kind)
        if not allowed.nothing:
            apart = kind if allowed.by_content or allowed.patient is not None else ""
            by_scope.setdefault((allowed, apart), []).append(kind)
    terms: list[str] = []
    values: list[Any] = []
    for (allowed, _), kinds in by_scope.items():
        whole = allowed.everything and not (ctx.is_foreign and blocks.actors(ctx))
        if whole and len(by_scope) == 1 and len(kinds) == len(resource_types()):
            return _ALL, []
        named, names = database.in_list("r.type", kinds)
        term, bound = predicate(allowed, ctx, kinds[0])
        still, more = of_old_versions(allowed, ctx, kinds[0]) if old else ("", [])
        terms.append(f"({named} AND {term}{' AND ' if still else ''}{still})")
        values += [*names, *bound, *more]
    return ("(" + " OR ".join(terms) + ")", values) if terms else (_NONE, [])
