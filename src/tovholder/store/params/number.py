"""Number search: a number means its precision's interval; prefixes compare the number itself (R4 §3.1.1.4.6)."""

from __future__ import annotations

from tovholder.fhir.search_values import decimal_of, number_range
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.terms import Sql, Term

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_EXPECTED = "a number such as 5, 5.40 or 5.4e-3, after eq ne gt lt ge le sa eb ap"


def term(asked: Asked) -> Term:
    """Resources with a number in one of the ranges."""
    asked.without()
    return asked.rows("store_quantity", [condition(asked, value, "t.low", "t.high") for value in asked.values])


def condition(asked: Asked, value: str, low: str, high: str) -> Sql:
    """A number over two columns that hold the resource's least and greatest.

    100 is [99.5, 100.5), 1.00 is [0.995, 1.005), 1e2 is [50, 150): whatever would be written so. With a prefix the
    number is exact, but for ne and ap (within a tenth).
    """
    text = plain(value).strip()
    prefix, digits = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    covered = number_range(digits)
    if prefix not in PREFIXES or covered is None:
        asked.refuse("not a number", _EXPECTED)
    first, end = covered
    number = decimal_of(digits)
    within = Sql(f"{low} >= %s AND {high} < %s", (first, end))
    match prefix:
        case "eq":
            return Sql(f"{low} >= %s AND {low} < %s AND {high} < %s", (first, end, end))
        case "ne":
            return Sql(f"NOT ({within.text})", within.values)
        case "gt":
            return Sql(f"{high} > %s", (number,))
        case "lt":
            return Sql(f"{low} < %s", (number,))
        case "ge":
            return Sql(f"{high} >= %s", (number,))
        case "le":
            return Sql(f"{low} <= %s", (number,))
        case "sa":
            return Sql(f"{low} > %s", (number,))
        case "eb":
            return Sql(f"{high} < %s", (number,))
    room = abs(number) / 10
    return Sql(f"{low} <= %s AND {high} >= %s", (number + room, number - room))
