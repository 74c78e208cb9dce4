"""Figures as values: a cell with its missingness and bounds, and the suppression that nothing can be computed back from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

THRESHOLD = 5  # cells with fewer people are not shown (domain.md §8.4)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: a period in a place. ``missing`` are in the denominator with an answer nobody knows.

    A suppressed cell has None in every number. unstarted and declined are parts of the denominator.
    """

    period: str
    place: str
    denominator: int | None
    numerator: int | None
    missing: int | None
    unstarted: int | None = None
    declined: int | None = None

    @property
    def suppressed(self) -> bool:
        """Whether the numbers are withheld."""
        return self.denominator is None

    @property
    def share(self) -> float | None:
        """Numerator over denominator, those with an unknown answer counted as not kept; None when there is nobody."""
        if not self.denominator or self.numerator is None:
            return None
        return self.numerator / self.denominator

    @property
    def best(self) -> float | None:
        """The share if every unknown answer were a kept one."""
        if not self.denominator or self.numerator is None or self.missing is None:
            return None
        return (self.numerator + self.missing) / self.denominator

    def withheld(self) -> Cell:
        """The cell without its numbers."""
        return replace(self, denominator=None, numerator=None, missing=None, unstarted=None, declined=None)


def suppress(cells: Iterable[Cell], total: str) -> list[Cell]:
    """Withhold small cells, and as many more as keep them from being computed back from a total.

    cells: one per (period, place); the place named ``total`` is the sum of the others in its period. A cell is
    small when 1 to 4 people stand in it. When exactly one place of a period is withheld, the smallest other goes with it;
    where nothing else is left to withhold, the total goes too.
    """
    result: list[Cell] = []
    periods: dict[str, list[Cell]] = {}
    for cell in cells:
        periods.setdefault(cell.period, []).append(cell)
    for group in periods.values():
        result += _suppress_period(group, total)
    # The caller's tables have no sum over periods, so nothing leaks along that side.
    return sorted(result, key=lambda cell: (cell.period, cell.place == total, cell.place))


def is_small(cell: Cell) -> bool:
    """Whether the cell tells about fewer than the threshold."""
    if cell.denominator is None:
        return True
    return 0 < cell.denominator < THRESHOLD


def _suppress_period(group: Sequence[Cell], total: str) -> list[Cell]:
    places = [cell for cell in group if cell.place != total]
    sums = [cell for cell in group if cell.place == total]
    hidden = {cell.place for cell in places if is_small(cell)}
    shown = sorted((c for c in places if c.place not in hidden and c.denominator), key=lambda c: c.denominator or 0)
    hide_total = any(is_small(cell) for cell in sums)
    if hidden and not hide_total:
        people = sum(cell.denominator or 0 for cell in places if cell.place in hidden)
        # The withheld cells together are what the total gives away: they must be two and not themselves small.
        while (len(hidden) < 2 or people < THRESHOLD) and shown:
            other = shown.pop(0)
            hidden.add(other.place)
            people += other.denominator or 0
        hide_total = len(hidden) < 2 or people < THRESHOLD
    return [cell.withheld() if cell.place in hidden or (cell.place == total and hide_total) else cell for cell in group]
