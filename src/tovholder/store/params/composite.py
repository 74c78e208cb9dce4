"""Composite search: two parts that must be true of the same element, code$value (R4 §3.1.1.4.14)."""

from __future__ import annotations

from tovholder.fhir.search_values import fold
from tovholder.store.params import date, number, quantity, reference, token
from tovholder.store.params.asked import Asked, plain, split
from tovholder.store.params.string import starts_with
from tovholder.store.params.terms import Sql, Term, conjunction


def term(asked: Asked) -> Term:
    """Resources with an element that meets both parts of one of the values."""
    asked.without()
    return asked.rows("store_composite", [_way(asked, value) for value in asked.values])


def _way(asked: Asked, value: str) -> Sql:
    told = split(value, "$")
    if len(told) != 2 or not all(told):
        asked.refuse("not two parts", f"{' $ '.join(part.name for part in asked.parameter.components)}")
    return conjunction([token.condition(asked, told[0], "t.code", "t.system"), _second(asked, told[1])])


def _second(asked: Asked, value: str) -> Sql:
    match asked.parameter.components[1].kind:
        case "token":
            return token.condition(asked, value, "t.code2", "t.system2")
        case "date":
            return date.condition(asked, value, "t.low", "t.high")
        case "number":
            return number.condition(asked, value, "t.low", "t.high")
        case "quantity":
            return quantity.condition(asked, value, "t.low", "t.high", "t.code2", "t.system2")
        case "reference":
            kind, rid = reference.target(asked, plain(value))
            either = Sql("t.code2 = %s", (rid,))
            return either if kind is None else Sql("t.code2 = %s AND t.system2 = %s", (rid, kind))
    return starts_with(fold(plain(value)), "t.code2")
