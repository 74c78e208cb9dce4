"""String search: starts with, :contains, :exact, on text folded the same way (R4 §3.1.1.4.9)."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.fhir.searchparams import fold


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources with a text that starts with (contains, is) one of the values."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        folded = fold(value)
        if modifier == "exact":
            terms.append("(param = %s AND value = %s AND text = %s)")
            bound += [param, folded, value]
        elif modifier == "contains":
            terms.append("(param = %s AND instr(value, %s) > 0)")
            bound += [param, folded]
        else:
            terms.append("(param = %s AND value >= %s AND value < %s)")
            bound += [param, folded, folded + "\U0010ffff"]
    return f"r.key IN (SELECT key FROM store_string WHERE {' OR '.join(terms)})", bound
