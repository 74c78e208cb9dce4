"""Measurements as series: one per code, oldest first, numbers as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tovholder.base import days
from tovholder.packages import Package
from tovholder.web.view_models import Point, Series

_COUNTED = frozenset({"final", "amended", "corrected"})


def series(package: Package, observations: Iterable[Mapping[str, Any]], language: str) -> tuple[Series, ...]:
    """The package's measured inputs, each with its values over time; those never measured are left out."""
    known = list(observations)
    found = []
    for item in package.level.inputs:
        codes = {
            (system, source.code)
            for source in item.sources
            if source.kind in ("measurement", "measurement-code")
            for system in source.systems
        }
        points = sorted(
            (point for one in known if codes and (point := _point(one, codes)) is not None), key=lambda point: point.day
        )
        if points:
            found.append(Series(key=item.name, title=item.title[language], unit=item.unit, points=tuple(points)))
    return tuple(found)


def _point(observation: Mapping[str, Any], codes: set[tuple[str, str]]) -> Point | None:
    if observation.get("status") not in _COUNTED:
        return None
    coded = {(item.get("system"), item.get("code")) for item in (observation.get("code") or {}).get("coding", ())}
    day = days.parse_day(observation.get("effectiveDateTime") or observation.get("effectiveInstant"))
    if not coded & codes or day is None:
        return None
    if "valueInteger" in observation:
        value: Any = observation["valueInteger"]
    else:
        value = (observation.get("valueQuantity") or {}).get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return Point(day, float(value), str(getattr(value, "text", value)))
