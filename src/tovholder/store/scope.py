"""A decision's scope as SQL over the resource row or a fact's patient."""

from __future__ import annotations

from typing import Any

from tovholder import database
from tovholder.access import Context
from tovholder.access.domain import Condition, Scope
from tovholder.access.policy import decide
from tovholder.fhir.definitions import resource_types


def predicate(scope: Scope, ctx: Context, *, patient: str = "r.patient_id") -> tuple[str, list[str | int]]:
    """A WHERE term (with its parameters) that is true for the rows the scope lets through."""
    if scope.everything:
        return "1 = 1", []
    terms: list[str] = []
    values: list[str | int] = []
    if Condition.DIRECTORY in scope.conditions:
        terms.append(f"{patient} IS NULL")
    if Condition.SELF in scope.conditions and ctx.patient:
        terms.append(f"{patient} = %s")
        values.append(ctx.patient)
    if scope.relations and ctx.organization:
        marks = ", ".join(["%s"] * len(scope.relations))
        terms.append(
            f"{patient} IN (SELECT rel.patient_id FROM access_relation AS rel WHERE rel.organization_id = %s"
            f" AND rel.kind IN ({marks}) AND rel.from_day <= %s AND (rel.to_day IS NULL OR rel.to_day >= %s))"
        )
        values += [ctx.organization, *scope.relations, ctx.today, ctx.today]
    if not terms:
        return "1 = 0", []
    return "(" + " OR ".join(terms) + ")", values


def readable(ctx: Context) -> tuple[str, list[Any]]:
    """The same over rows of every type: what the actor may read, each type by its own decision."""
    by_scope: dict[Scope, list[str]] = {}
    for kind in sorted(resource_types()):
        by_scope.setdefault(decide(ctx, "read", kind), []).append(kind)
    terms: list[str] = []
    values: list[Any] = []
    for allowed, kinds in by_scope.items():
        if allowed.nothing:
            continue
        if allowed.everything and len(by_scope) == 1:
            return "1 = 1", []
        named, names = database.in_list("r.type", kinds)
        term, bound = predicate(allowed, ctx)
        terms.append(f"({named} AND {term})")
        values += [*names, *bound]
    return ("(" + " OR ".join(terms) + ")", values) if terms else ("1 = 0", [])
