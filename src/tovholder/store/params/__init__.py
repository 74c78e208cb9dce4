"""Search parameters into SQL over the index tables; one module per parameter type (R4 §3.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number
from tovholder.fhir import searchparams
from tovholder.store.params import date, quantity, reference, string, token, uri

CONTROLS = ("_count", "_sort", "_total", "_cursor", "_format", "_pretty")
COMMON = ("_id", "_lastUpdated")
MAX_COUNT = 1000
DEFAULT_COUNT = 50
MAX_VALUES = 500  # values of one search, all parameters together; the database gives up at a thousand terms

_BY_KIND = {
    "token": token.clause,
    "date": date.clause,
    "string": string.clause,
    "reference": reference.clause,
    "uri": uri.clause,
    "quantity": quantity.clause,
    "number": quantity.clause,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter as asked: its name, modifier, and the values of which one must match."""

    name: str
    modifier: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """How the result is to be given."""

    count: int = DEFAULT_COUNT
    newest_first: bool = False
    total: bool = False
    cursor: str | None = None


def split(kind: str, params: Sequence[tuple[str, str]]) -> tuple[Control, list[Filter]]:
    """Parameters into how and what. Raises Problem(INVALID) for an unknown one, naming those there are."""
    count, newest, total, cursor = DEFAULT_COUNT, False, False, None
    filters: list[Filter] = []
    issues: list[Issue] = []
    for raw, value in params:
        name, _, modifier = raw.partition(":")
        if name == "_count":
            wanted = whole_number(value)
            if wanted is None:
                issues.append(Issue("_count", "not a whole number", f"0 to {MAX_COUNT}", "value"))
            else:
                count = min(wanted, MAX_COUNT)
        elif name == "_sort":
            if value not in ("_lastUpdated", "-_lastUpdated"):
                issues.append(Issue("_sort", "cannot sort by this", "_lastUpdated or -_lastUpdated", "not-supported"))
            newest = value.startswith("-")
        elif name == "_total":
            total = value in ("accurate", "estimate")
        elif name == "_cursor":
            cursor = value
        elif name in CONTROLS:
            continue
        elif name in COMMON or searchparams.search_parameter(kind, name) is not None:
            filters.append(Filter(name, modifier, tuple(split_values(value))))
        else:
            known = ", ".join(sorted([*COMMON, *(item.name for item in searchparams.parameters_of(kind))]))
            issues.append(Issue(name[:40], f"{kind} has no such search parameter here", known, "not-supported"))
    asked = sum(len(item.values) for item in filters)
    if asked > MAX_VALUES:
        issues.append(Issue("", f"{asked} search values", f"at most {MAX_VALUES} in one search", "too-costly"))
    if issues:
        raise Problem(Category.INVALID, "The search cannot be run", issues, kept="nothing was read")
    return Control(count, newest, total, cursor), filters


def clause(kind: str, item: Filter) -> tuple[str, list[str | int | float]]:
    """One filter as a term over ``r`` (store_resource)."""
    if not item.values:
        raise Problem(Category.INVALID, "A search value is empty", [Issue(item.name, "empty", "a value", "value")])
    if item.name == "_id":
        return f"r.rid IN ({', '.join(['%s'] * len(item.values))})", list(item.values)
    if item.name == "_lastUpdated":
        return date.updated_clause(item.name, item.values)
    found = searchparams.search_parameter(kind, item.name)
    assert found is not None
    if found.kind not in _BY_KIND or (
        item.modifier
        and not (found.kind == "reference" and item.modifier[:1].isupper())
        and not (found.kind == "string" and item.modifier in ("exact", "contains"))
    ):
        raise Problem(
            Category.UNSUPPORTED,
            "The search cannot be run",
            [
                Issue(
                    f"{item.name}:{item.modifier}",
                    "this modifier or type is not supported",
                    "the plain parameter",
                    "not-supported",
                )
            ],
            kept="nothing was read",
        )
    modifier = item.modifier or found.only  # rows shared with a parameter of any type: those of this one's
    terms = [_BY_KIND[found.kind](number, modifier, item.values) for number in searchparams.numbers(kind, item.name)]
    return f"({' OR '.join(sql for sql, _ in terms)})", [value for _, values in terms for value in values]


def split_values(text: str) -> list[str]:
    r"""Values of an OR list; ``\,`` and ``\|`` are literal (R4 §3.1.1.4.2)."""
    values, current, escaped = [], "", False
    for char in text:
        if escaped:
            current += char if char in ",|$\\" else "\\" + char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            values.append(current)
            current = ""
        else:
            current += char
    return [value for value in [*values, current] if value]
