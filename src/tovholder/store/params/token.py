"""Token search: code, system|code, |code, system| (R4 §3.1.1.4.10)."""

from __future__ import annotations

from collections.abc import Sequence


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources with one of the codes."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        system, bar, code = value.partition("|")
        if not bar:
            terms.append("(param = %s AND code = %s)")
            bound += [param, value]
        elif not code:
            terms.append("(param = %s AND system = %s)")
            bound += [param, system]
        else:
            terms.append("(param = %s AND code = %s AND system = %s)")
            bound += [param, code, system]
    return f"r.key IN (SELECT key FROM store_token WHERE {' OR '.join(terms)})", bound
