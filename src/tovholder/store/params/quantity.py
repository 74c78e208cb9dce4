"""Quantity search: [prefix]number[|system|code], number||unit (R4 §3.1.1.4.11)."""

from __future__ import annotations

from tovholder.fhir.search_values import bounded
from tovholder.store.params import number
from tovholder.store.params.asked import Asked, plain, split
from tovholder.store.params.terms import Sql, Term, conjunction


def term(asked: Asked) -> Term:
    """Resources with a quantity in one of the ranges, in that unit; units are compared, not converted."""
    asked.without()
    ways = [condition(asked, value, "t.low", "t.high", "t.code", "t.system") for value in asked.values]
    return asked.rows("store_quantity", ways)


def condition(asked: Asked, value: str, low: str, high: str, code: str, system: str) -> Sql:
    """A quantity over columns of these names. Without a system the code is a code or a unit as written."""
    told = split(value, "|")
    if len(told) not in (1, 3):
        asked.refuse("not a quantity", "number, number|system|code or number||unit")
    found = [number.condition(asked, told[0], low, high)]
    if len(told) == 3:
        wanted_system, wanted_code = (bounded(plain(part)) for part in told[1:])
        if wanted_code:
            found.append(Sql(f"{code} = %s", (wanted_code,)))
        if wanted_system:
            found.append(Sql(f"{system} = %s", (wanted_system,)))
    return conjunction(found)
