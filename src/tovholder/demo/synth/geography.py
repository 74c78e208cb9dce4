"""Owns the reference data of Danish regions, sundhedsråd and municipalities, each valid on a day (geography.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Region:
    """A region and the days it exists; the code is ISO 3166-2 where one is published."""

    code: str
    name: str
    valid_from: date | None
    valid_to: date | None

    def exists_on(self, day: date) -> bool:
        """Whether the region exists on that day (both ends included)."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality with the town its fictitious clinics stand in. people is in thousands, rounded."""

    code: str
    name: str
    postcode: str
    town: str
    people: int
    council: str


@dataclass(frozen=True, slots=True)
class Council:
    """A sundhedsråd: the regions it has belonged to, oldest first, and its municipalities."""

    code: str
    name: str
    regions: tuple[str, ...]
    municipalities: tuple[Municipality, ...]


@dataclass(frozen=True, slots=True)
class Geography:
    """All of it, in the order of the file."""

    regions: tuple[Region, ...]
    councils: tuple[Council, ...]

    def regions_on(self, day: date) -> tuple[Region, ...]:
        """The regions that exist on a day: five until the end of 2026, four from 2027."""
        return tuple(region for region in self.regions if region.exists_on(day))

    def region_of(self, council: str, day: date) -> Region:
        """The region a sundhedsråd lies in on a day."""
        codes = next(found.regions for found in self.councils if found.code == council)
        return next(region for region in self.regions if region.code in codes and region.exists_on(day))

    @property
    def municipalities(self) -> tuple[Municipality, ...]:
        """All 98, by sundhedsråd."""
        return tuple(municipality for council in self.councils for municipality in council.municipalities)


@lru_cache(maxsize=1)
def geography() -> Geography:
    """The reference data, read once."""
    text = files("tovholder.demo.synth").joinpath("geography.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return Geography(
        regions=tuple(
            Region(row["code"], row["name"], row.get("valid_from"), row.get("valid_to")) for row in data["region"]
        ),
        councils=tuple(
            Council(
                code=row["code"],
                name=row["name"],
                regions=tuple(row["regions"]),
                municipalities=tuple(
                    Municipality(
                        one["code"],
                        one["name"],
                        one["postcode"],
                        one["town"],
                        one["people"],
                        row["code"],
                    )
                    for one in row["municipalities"]
                ),
            )
            for row in data["council"]
        ),
    )
