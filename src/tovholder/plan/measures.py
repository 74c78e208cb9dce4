"""A patient's measurements over time, named by the package that asks about them, and whether a change matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tovholder.packages import Package
from tovholder.packages.common import Text
from tovholder.packages.common import to_milli as milli_of
from tovholder.packages.model_clinical import Band, Change, Input, InputSource
from tovholder.plan.inputs import to_milli
from tovholder.plan.record import Measured, Record

BEFORE = 60  # days before the course began in which a measurement still is its first


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: a number in thousandths, or a code."""

    id: str
    day: int
    milli: int | None
    code: str | None


class Way(StrEnum):
    """Which way a measure went."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNKNOWN = "unknown"  # not measured twice since the course began


@dataclass(frozen=True, slots=True)
class Trend:
    """From the first measurement of the course to the newest. ``matters`` None: nobody can say whether it is felt."""

    way: Way
    matters: bool | None
    first: Point | None = None
    latest: Point | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """All measurements of one kind, oldest first."""

    name: str  # the package's input
    title: Text
    unit: str
    system: str
    code: str
    points: tuple[Point, ...]
    band: Band | None = None  # of the newest
    change: Change | None = None
    trend: Trend | None = None  # None: the package does not say what is better
    bands: tuple[Band, ...] = ()  # all the package names, lowest first
    limits: tuple[int | None, int | None] = (None, None)  # what can be meant at all, in thousandths

    @property
    def latest(self) -> Point:
        """The newest measurement."""
        return self.points[-1]


def series(package: Package, record: Record, *, since: int | None = None) -> tuple[Series, ...]:
    """The measurements the package's inputs are read from; kinds never measured are left out.

    ``since``: the day the course began, from which changes are told; None: from the first measurement there is.
    """
    found: list[Series] = []
    for item in package.level.inputs:
        for source in item.sources:
            if source.kind not in ("measurement", "measurement-code"):
                continue
            points = _points(source, record)
            if points:
                system = source.systems[0]
                made = Series(
                    item.name,
                    item.title,
                    item.unit,
                    system,
                    source.code,
                    points,
                    band=_band(item, points[-1]),
                    change=item.change,
                    trend=trend(item.change, points, since) if item.change else None,
                    bands=tuple(sorted(item.bands, key=lambda band: band.at_least)),
                    limits=(
                        None if item.minimum is None else milli_of(item.minimum),
                        None if item.maximum is None else milli_of(item.maximum),
                    ),
                )
                found.append(made)
                break
    return tuple(found)


def _points(source: InputSource, record: Record) -> tuple[Point, ...]:
    held = [item for item in record.measured if item.day is not None and item.has(source.systems, source.code)]
    return tuple(Point(item.id, item.day or 0, _number(source, item), item.coded) for item in reversed(held))


def _number(source: InputSource, held: Measured) -> int | None:
    if source.kind != "measurement" or held.number is None:
        return None
    factor = source.units.get(held.unit, 1) if source.units else 1
    plain = to_milli(held.number)
    return None if plain is None else round(plain * factor)


def _band(item: Input, point: Point) -> Band | None:
    if point.milli is None:
        return None
    fitting = [band for band in item.bands if milli_of(band.at_least) <= point.milli]
    return max(fitting, key=lambda band: band.at_least, default=None)


def trend(change: Change, points: tuple[Point, ...], since: int | None) -> Trend:
    """How the measure went. Numbers alone count; two on one day are one, the later."""
    held = {point.day: point for point in points if point.milli is not None}
    asked = [point for day, point in sorted(held.items()) if since is None or day >= since - BEFORE]
    if len(asked) < 2:
        return Trend(Way.UNKNOWN, None)
    first, latest = asked[0], asked[-1]
    assert first.milli is not None and latest.milli is not None
    moved = latest.milli - first.milli
    if moved == 0:
        return Trend(Way.SAME, False, first, latest)
    way = Way.BETTER if (moved < 0) == (change.better == "lower") else Way.WORSE
    return Trend(way, _matters(change, first.milli, abs(moved)), first, latest)


def _matters(change: Change, first: int, moved: int) -> bool | None:
    if change.minimal is not None:
        return moved >= milli_of(change.minimal)
    if change.minimal_percent is None or first <= 0:
        return None
    return moved * 100 >= first * change.minimal_percent
