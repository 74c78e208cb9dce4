"""Goal.target: when a goal is to be reached, and by what number of what measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tovholder.base import days, json
from tovholder.fhir import systems
from tovholder.plan.inputs import number_text, to_milli
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Code, Goal, Limits

# How a unit is told in UCUM; a unit that is not here is told in words alone.
UCUM = {
    "%": "%",
    "mmol/mol": "mmol/mol",
    "mmol/l": "mmol/L",
    "mmHg": "mm[Hg]",
    "kg": "kg",
    "kg/m2": "kg/m2",
    "cm": "cm",
}
_DETAILS = ("measure", "detailQuantity", "detailRange", "detailString")


def write(goal: Goal, before: Sequence[Mapping[str, Any]]) -> list[e.Json]:
    """The goal's targets. What it already says in other words (a value below, say) stays as it was written."""
    first: e.Json = dict(before[0]) if before else {}
    if goal.limits is not None and read(first) != goal.limits:
        first = {key: value for key, value in first.items() if key not in _DETAILS} | _limits(goal.limits)
    elif goal.limits is None and goal.target and goal.code:  # tgt-1: a detail needs a measure
        first = {key: value for key, value in first.items() if key not in _DETAILS}
        first["measure"] = {"coding": [{"system": goal.code.system, "code": goal.code.code}]}
        first["detailString"] = goal.target
    if goal.target_day is not None:
        first["dueDate"] = days.iso(goal.target_day)
    return [item for item in (first, *map(dict, before[1:])) if item]


def _limits(limits: Limits) -> e.Json:
    code = {"system": limits.measure.system, "code": limits.measure.code}
    if limits.measure.text:
        code["display"] = limits.measure.text
    made: e.Json = {"measure": {"coding": [code]}}
    low, high = limits.at_least_milli, limits.at_most_milli
    if low is not None and high is not None and low != high:
        made["detailRange"] = {"low": _quantity(low, limits.unit), "high": _quantity(high, limits.unit)}
        return made
    only = high if low is None else low
    assert only is not None
    quantity = _quantity(only, limits.unit)
    if low is None or high is None:
        quantity["comparator"] = "<=" if low is None else ">="
    made["detailQuantity"] = quantity
    return made


def _quantity(milli: int, unit: str) -> e.Json:
    made: e.Json = {"value": milli // 1000 if milli % 1000 == 0 else json.Decimal(number_text(milli))}
    if unit:
        made["unit"] = unit
    if unit in UCUM:
        made |= {"system": systems.UCUM, "code": UCUM[unit]}
    return made


def read(target: Mapping[str, Any]) -> Limits | None:
    """The limits a target tells of a measurement; None where it names no measurement or no number."""
    coding = e.first((target.get("measure") or {}).get("coding"))
    if not coding.get("code"):
        return None
    low: e.Json | None
    high: e.Json | None
    if isinstance(span := target.get("detailRange"), Mapping):
        low, high = span.get("low"), span.get("high")
    else:
        quantity = target.get("detailQuantity") or {}
        comparator = str(quantity.get("comparator") or "")
        low = None if comparator.startswith("<") else quantity
        high = None if comparator.startswith(">") else quantity
    at_least, at_most = _milli(low), _milli(high)
    if at_least is None and at_most is None:
        return None
    unit = (low or {}).get("unit") or (high or {}).get("unit") or (low or high or {}).get("code") or ""
    measure = Code(coding.get("system", ""), coding["code"], coding.get("display", ""))
    return Limits(measure=measure, at_least_milli=at_least, at_most_milli=at_most, unit=unit)


def _milli(quantity: Mapping[str, Any] | None) -> int | None:
    value = (quantity or {}).get("value")
    return None if value is None or isinstance(value, bool) else to_milli(str(Decimal(str(value))))
