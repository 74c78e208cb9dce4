"""Date search with prefixes eq ne gt lt ge le over [low, high) intervals in epoch milliseconds (R4 §3.1.1.4.7)."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.searchparams import date_range

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le")


def _interval(name: str, value: str) -> tuple[str, int, int]:
    prefix = value[:2] if value[:2].isalpha() else "eq"
    interval = date_range(value[2:] if value[:2].isalpha() else value)
    if prefix not in PREFIXES or interval is None:
        raise Problem(
            Category.INVALID,
            "The search cannot be run",
            [Issue(name, "not a date", "YYYY, YYYY-MM, YYYY-MM-DD or an instant, after eq ne gt lt ge le", "value")],
            kept="nothing was read",
        )
    return prefix, interval[0], interval[1]


def _term(prefix: str, low: int, high: int) -> tuple[str, list[str | int | float]]:
    # A value matches eq when it lies within what was asked; gt and lt ask for a part beyond (R4 §3.1.1.4.7).
    if prefix == "eq":
        return "low >= %s AND high <= %s", [low, high]
    if prefix == "ne":
        return "NOT (low >= %s AND high <= %s)", [low, high]
    if prefix == "gt":
        return "high > %s", [high]
    if prefix == "lt":
        return "low < %s", [low]
    if prefix == "ge":
        return "(high > %s OR (low >= %s AND high <= %s))", [high, low, high]
    return "(low < %s OR (low >= %s AND high <= %s))", [low, low, high]


def clause(param: int, modifier: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources with a date in one of the ranges."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        sql, numbers = _term(*_interval("date", value))
        terms.append(f"(param = %s AND {sql})")
        bound += [param, *numbers]
    return f"r.key IN (SELECT key FROM store_date WHERE {' OR '.join(terms)})", bound


def updated_clause(name: str, values: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Resources last updated in one of the ranges."""
    terms: list[str] = []
    bound: list[str | int | float] = []
    for value in values:
        sql, numbers = _term(*_interval(name, value))
        terms.append(f"({sql.replace('low', 'r.updated').replace('high', '(r.updated + 1)')})")
        bound += numbers
    return f"({' OR '.join(terms)})", bound
