"""Where somebody is, as far as is known: a point, or the main town of a municipality; and how far it is between two."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tovholder.fhir import systems

_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the map. rough: only the municipality is known, so distances are told as approximate."""

    lat: float
    lon: float
    rough: bool = False


@dataclass(frozen=True, slots=True)
class Distance:
    """Kilometres as the crow flies."""

    km: float
    rough: bool


@lru_cache(maxsize=1)
def _municipalities() -> Mapping[str, Mapping[str, Any]]:
    text = files("tovholder.referral").joinpath("tables", "municipalities.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def name_of(code: str) -> str:
    """What a municipality is called; its code where we do not know it."""
    return str(_municipalities().get(code, {}).get("name") or code)


def names() -> tuple[tuple[str, str], ...]:
    """Codes and names of all municipalities, by name."""
    return tuple(
        sorted(((code, str(held["name"])) for code, held in _municipalities().items()), key=lambda one: one[1])
    )


def of_municipality(code: str | None) -> Point | None:
    """The main town of a municipality; None for one we do not know."""
    held = _municipalities().get(code or "")
    return Point(float(held["lat"]), float(held["lon"]), rough=True) if held else None


def municipality_code(address: Mapping[str, Any]) -> str | None:
    """The municipality an address says it lies in (dk-core-municipalityCodes)."""
    for extension in address.get("extension") or ():
        if extension.get("url") == systems.MUNICIPALITY_EXTENSION:
            for coding in (extension.get("valueCodeableConcept") or {}).get("coding") or ():
                if coding.get("code"):
                    return str(coding["code"])
    return None


def position(resource: Mapping[str, Any]) -> Point | None:
    """A Location's own position; None where it has none that can be on a map."""
    held = resource.get("position") or {}
    try:
        lat, lon = float(held["latitude"]), float(held["longitude"])
    except (KeyError, TypeError, ValueError):
        return None
    return Point(lat, lon) if -90 <= lat <= 90 and -180 <= lon <= 180 else None


def distance(one: Point | None, other: Point | None) -> Distance | None:
    """How far it is, along a great circle; None where either place is not known."""
    if one is None or other is None:
        return None
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    turn = math.radians(other.lon - one.lon)
    part = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(turn / 2) ** 2
    return Distance(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(part))), one.rough or other.rough)
