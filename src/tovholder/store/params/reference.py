"""Reference search: id, Type/id, :Type (R4 §3.1.1.4.12)."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.fhir.references import parse_reference


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources that point at one of the targets."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        target = parse_reference(value)
        kind, rid = (target.type, target.id) if target else (modifier, value)
        if kind:
            terms.append("(param = %s AND rid = %s AND type = %s)")
            bound += [param, rid, kind]
        else:
            terms.append("(param = %s AND rid = %s)")
            bound += [param, rid]
    return f"r.key IN (SELECT key FROM store_reference WHERE {' OR '.join(terms)})", bound
