"""A patient's measurements over time, named by the package that asks about them."""

from __future__ import annotations

from dataclasses import dataclass

from tovholder.packages import Package
from tovholder.packages.common import Text
from tovholder.plan.inputs import to_milli
from tovholder.plan.record import Record


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: a number in thousandths, or a code."""

    id: str
    day: int
    milli: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """All measurements of one kind, oldest first."""

    name: str  # the package's input
    title: Text
    unit: str
    system: str
    code: str
    points: tuple[Point, ...]

    @property
    def latest(self) -> Point:
        """The newest measurement."""
        return self.points[-1]


def series(package: Package, record: Record) -> tuple[Series, ...]:
    """The measurements the package's inputs are read from; kinds never measured are left out."""
    found: list[Series] = []
    for item in package.level.inputs:
        for source in item.sources:
            if source.kind not in ("measurement", "measurement-code"):
                continue
            points = []
            for held in record.measured:
                if held.day is None or not held.has(source.systems, source.code):
                    continue
                milli = None
                if source.kind == "measurement" and held.number is not None:
                    factor = source.units.get(held.unit, 1) if source.units else 1
                    plain = to_milli(held.number)
                    milli = None if plain is None else round(plain * factor)
                points.append(Point(held.id, held.day, milli, held.coded))
            if points:
                system = source.systems[0]
                found.append(Series(item.name, item.title, item.unit, system, source.code, tuple(reversed(points))))
                break
    return tuple(found)
