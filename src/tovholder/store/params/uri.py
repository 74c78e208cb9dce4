"""URI search: the whole URI (R4 §3.1.1.4.13)."""

from __future__ import annotations

from collections.abc import Sequence


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources with one of the URIs."""
    marks = ", ".join(["%s"] * len(values))
    return f"r.key IN (SELECT key FROM store_uri WHERE param = %s AND uri IN ({marks}))", [param, *values]
