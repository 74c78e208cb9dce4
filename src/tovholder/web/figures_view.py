"""What the figures page shows, as frozen values: months, regions, and what is held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One month in one region. None stands for a number that is held back."""

    month: str
    region: str
    region_name: Any
    whole_country: bool
    denominator: int | None
    numerator: int | None
    missing: int | None
    share: float | None
    best: float | None
    unstarted: int | None
    declined: int | None
    preliminary: bool  # the month is not over
    small: frozenset[str]  # names of numbers held back for being under the threshold, which may be told

    @property
    def suppressed(self) -> bool:
        """Whether the numbers are held back."""
        return self.denominator is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresPage:
    """The rights table with what it means and how sure it is."""

    title: object
    definition: object
    period_rule: object
    standard_percent: int | None
    as_of_day: int
    rows: tuple[FigureRow, ...]
    headline: FigureRow | None
    months: int
    choices: tuple[int, ...]
    package: str
    packages: tuple[tuple[str, Mapping[str, str]], ...]  # those whose right is followed
    threshold: int
    chart: Mapping[str, Any]
