"""Number and quantity search: [prefix]number[|system|code] (R4 §3.1.1.4.6, §3.1.1.4.11)."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.base.errors import Category, Issue, Problem


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources with a number in one of the ranges; a number stands for its precision's interval."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        number, _, rest = value.partition("|")
        system, _, code = rest.partition("|")
        prefix = number[:2] if number[:2].isalpha() else "eq"
        digits = number[2:] if number[:2].isalpha() else number
        try:
            middle = float(digits)
        except ValueError:
            raise Problem(
                Category.INVALID,
                "The search cannot be run",
                [Issue("the value", "not a number", "a number after eq gt lt ge le", "value")],
                kept="nothing was read",
            ) from None
        half = 0.5 * 10 ** -len(digits.partition(".")[2])
        compare = {
            "eq": ("low >= %s AND high <= %s", [middle - half, middle + half]),
            "gt": ("high > %s", [middle]),
            "lt": ("low < %s", [middle]),
            "ge": ("high >= %s", [middle]),
            "le": ("low <= %s", [middle]),
        }.get(prefix)
        if compare is None:
            raise Problem(
                Category.INVALID,
                "The search cannot be run",
                [Issue("the value", "unknown prefix", "eq gt lt ge le", "value")],
                kept="nothing was read",
            )
        term = f"param = %s AND {compare[0]}"
        bound += [param, *compare[1]]
        if system:
            term += " AND system = %s"
            bound.append(system)
        if code:
            term += " AND code = %s"
            bound.append(code)
        terms.append(f"({term})")
    return f"r.key IN (SELECT key FROM store_quantity WHERE {' OR '.join(terms)})", bound
