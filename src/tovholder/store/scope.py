"""A decision's scope as SQL over the resource row or a fact's patient."""

from __future__ import annotations

from tovholder.access import Context
from tovholder.access.domain import Condition, Scope


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
