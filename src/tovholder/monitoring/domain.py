"""Figures as values: a cell with its missingness and bounds, and the suppression that nothing can be computed back from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

THRESHOLD = 5  # cells with fewer people are not shown (domain.md §8.4)


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: a period in a place.

    ``missing`` stand beside the denominator: people with the right whose answer cannot be known, since a date is
    missing. unstarted and declined are parts of the denominator. A number that is withheld is None.
    """

    period: str
    place: str
    denominator: int | None
    numerator: int | None
    missing: int | None
    unstarted: int | None = None
    declined: int | None = None
    small: frozenset[str] = frozenset()  # names of numbers withheld because they are 1 to 4, which may be told

    @property
    def suppressed(self) -> bool:
        """Whether the whole cell is withheld."""
        return self.denominator is None

    @property
    def share(self) -> float | None:
        """Numerator over denominator; None when there is nobody or the numbers are withheld."""
        if not self.denominator or self.numerator is None:
            return None
        return self.numerator / self.denominator

    @property
    def worst(self) -> float | None:
        """The share if the right was kept for none of the missing."""
        if not self.denominator or self.numerator is None or self.missing is None:
            return None
        return self.numerator / (self.denominator + self.missing)

    @property
    def best(self) -> float | None:
        """The share if the right was kept for all of the missing."""
        if not self.denominator or self.numerator is None or self.missing is None:
            return None
        return (self.numerator + self.missing) / (self.denominator + self.missing)

    def withheld(self) -> Cell:
        """The cell without its numbers."""
        return replace(self, denominator=None, numerator=None, missing=None, unstarted=None, declined=None)


PARTS = ("missing", "numerator", "unstarted", "declined")
# Of these the denominator is made, with those who began too late, who are never told.
_WITHIN = ("declined", "unstarted", "numerator")


def suppress(cells: Iterable[Cell], total: str) -> list[Cell]:
    """Withhold numbers of fewer than five people, and as many more as keep them from being computed back.

    cells: one per (period, place); the place named ``total`` is the sum of the others in its period. Where the
    denominator is small the whole cell goes; where only a part of it is, that part goes, and so does a part beside which
    few are left: of 20 with the right 19 in time tells of one who was not. What is withheld in a period must together be
    nobody or at least five, since the total gives that sum away, and so must what is left of the denominators there; so
    the smallest others go too, and where there is none left, the total. The caller's tables have no sum over periods, so
    nothing leaks along that side. ``small`` says which numbers are withheld for being 1 to 4: that much may be told, and
    what is missing is so never hidden altogether.
    """
    periods: dict[str, list[Cell]] = {}
    for cell in cells:
        periods.setdefault(cell.period, []).append(cell)
    result = [cell for group in periods.values() for cell in _suppress_period(group, total)]
    return sorted(result, key=lambda cell: (cell.period, cell.place == total, cell.place))


def hide(values: Mapping[str, int], hidden: Iterable[str] = ()) -> tuple[frozenset[str], bool]:
    """Which places to withhold, given those withheld already, and whether their total must go too."""
    gone = set(hidden) | {place for place, value in values.items() if 0 < value < THRESHOLD}
    others = sorted((value, place) for place, value in values.items() if value and place not in gone)
    while 0 < sum(values[place] for place in gone) < THRESHOLD:
        if not others:
            return frozenset(gone), True
        gone.add(others.pop(0)[1])
    return frozenset(gone), False


def _suppress_period(group: Sequence[Cell], total: str) -> list[Cell]:
    places = {cell.place: cell for cell in group if cell.place != total}
    gone, no_total = hide({place: cell.denominator or 0 for place, cell in places.items()})
    whole = gone | ({total} if no_total else frozenset())
    dropped: dict[str, frozenset[str]] = dict.fromkeys(PARTS, whole)
    while True:  # each thing withheld may make another one tell too much; what is withheld only grows
        before = dict(dropped)
        for part in PARTS:
            found = dropped[part] - {total}
            found, no_part_total = hide({place: _of(cell, part) for place, cell in places.items()}, found)
            if part == "numerator" and not no_part_total:
                found, no_part_total = hide({place: _rest(cell) for place, cell in places.items()}, found)
            dropped[part] |= found | ({total} if no_part_total else frozenset())
        for cell in group:
            if cell.place not in whole:
                for part in _telling(cell, [part for part in _WITHIN if cell.place not in dropped[part]]):
                    dropped[part] |= {cell.place}
        if dropped == before:
            return [_shown(cell, cell.place in whole, dropped) for cell in group]


def _of(cell: Cell, part: str) -> int:
    return getattr(cell, part) or 0


def _rest(cell: Cell) -> int:
    """Those with the right for whom it was not kept."""
    return (cell.denominator or 0) - (cell.numerator or 0)


def _telling(cell: Cell, shown: Sequence[str]) -> list[str]:
    """Of the parts shown of a cell those that must go: the smallest, until nobody or at least five are left untold."""
    left = (cell.denominator or 0) - sum(_of(cell, part) for part in shown)
    gone: list[str] = []
    for part in sorted((part for part in shown if _of(cell, part)), key=lambda part: _of(cell, part)):
        if not 0 < left < THRESHOLD:
            break
        gone.append(part)
        left += _of(cell, part)
    return gone


def _shown(cell: Cell, whole: bool, dropped: Mapping[str, frozenset[str]]) -> Cell:
    names = {part for part in PARTS if cell.place in dropped[part]} if not whole else {"denominator", *PARTS}
    small = frozenset(name for name in names if 0 < _of(cell, name) < THRESHOLD)
    if whole:
        return replace(cell.withheld(), small=small)
    return replace(
        cell,
        small=small,
        numerator=None if "numerator" in names else cell.numerator,
        missing=None if "missing" in names else cell.missing,
        unstarted=None if "unstarted" in names else cell.unstarted,
        declined=None if "declined" in names else cell.declined,
    )
