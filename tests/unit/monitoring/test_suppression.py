"""Suppression: no small cell is shown, and none can be computed back from its period's total."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tovholder.monitoring.domain import THRESHOLD, Cell, suppress

TOTAL = "DK"


def cells(*counts: int) -> list[Cell]:
    made = [Cell("2027-01", f"R{number}", count, count // 2, 0, 0, 0) for number, count in enumerate(counts)]
    made.append(Cell("2027-01", TOTAL, sum(counts), sum(c.numerator or 0 for c in made), 0, 0, 0))
    return made


def shown(*counts: int) -> dict[str, int | None]:
    return {cell.place: cell.denominator for cell in suppress(cells(*counts), TOTAL)}


def test_large_cells_are_shown() -> None:
    assert shown(10, 20) == {"R0": 10, "R1": 20, TOTAL: 30}


def test_one_small_cell_takes_the_next_smallest_with_it() -> None:
    assert shown(3, 20, 9, 30) == {"R0": None, "R1": 20, "R2": None, "R3": 30, TOTAL: 62}


def test_a_small_part_goes_alone_and_with_as_many_as_keep_it_hidden() -> None:
    table = suppress(
        [
            Cell("m", "A", 20, 10, 2, 0, 0),
            Cell("m", "B", 30, 10, 6, 0, 0),
            Cell("m", "C", 30, 10, 9, 0, 0),
            Cell("m", TOTAL, 80, 30, 17, 0, 0),
        ],
        TOTAL,
    )
    assert [(cell.place, cell.denominator, cell.missing) for cell in table] == [
        ("A", 20, None),
        ("B", 30, None),
        ("C", 30, 9),
        (TOTAL, 80, 17),
    ]
    assert [cell.small for cell in table] == [frozenset({"missing"}), frozenset(), frozenset(), frozenset()]


def test_when_nothing_is_left_to_hide_behind_the_total_goes_too() -> None:
    assert shown(3) == {"R0": None, TOTAL: None}
    assert shown(2, 1) == {"R0": None, "R1": None, TOTAL: None}


def test_nobody_is_no_small_cell() -> None:
    assert shown(0, 10) == {"R0": 0, "R1": 10, TOTAL: 10}


@given(st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=6))
def test_nothing_small_can_be_computed_back(counts: list[int]) -> None:
    table = suppress(cells(*counts), TOTAL)
    places = [cell for cell in table if cell.place != TOTAL]
    total = next(cell for cell in table if cell.place == TOTAL)
    assert all(
        cell.denominator == 0 or cell.denominator >= THRESHOLD for cell in places if cell.denominator is not None
    )
    hidden = [cell for cell in places if cell.suppressed]
    if hidden and total.denominator is not None:
        rest = total.denominator - sum(cell.denominator or 0 for cell in places)
        assert rest >= THRESHOLD


parts = st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(parts, min_size=1, max_size=6))
def test_no_small_part_can_be_computed_back_either(rows: list[tuple[int, int, int, int]]) -> None:
    made = [Cell("m", f"R{n}", d, d // 2, m, min(u, d), min(x, d)) for n, (d, m, u, x) in enumerate(rows)]
    sums = [
        sum(getattr(cell, name) or 0 for cell in made)
        for name in ("denominator", "numerator", "missing", "unstarted", "declined")
    ]
    table = suppress([*made, Cell("m", TOTAL, *sums)], TOTAL)
    total = next(cell for cell in table if cell.place == TOTAL)
    places = [cell for cell in table if cell.place != TOTAL]
    for name in ("denominator", "missing", "unstarted", "declined"):
        known = [getattr(cell, name) for cell in places if getattr(cell, name) is not None]
        assert all(value == 0 or value >= THRESHOLD for value in known)
        whole = getattr(total, name)
        if whole is not None:
            rest = whole - sum(known)
            assert rest == 0 or rest >= THRESHOLD


def one(denominator: int, numerator: int, unstarted: int = 0, declined: int = 0) -> Cell:
    cell = Cell("m", "A", denominator, numerator, 0, unstarted, declined)
    (shown,) = [found for found in suppress([cell, replace(cell, place=TOTAL)], TOTAL) if found.place == "A"]
    return shown


def test_few_for_whom_it_was_kept_or_was_not_are_not_told() -> None:
    assert (one(20, 19).numerator, one(20, 16).numerator, one(20, 3).numerator) == (None, None, None)
    assert (one(20, 20).numerator, one(20, 15).numerator, one(20, 5).numerator, one(20, 0).numerator) == (20, 15, 5, 0)
    assert one(20, 19).share is None and one(20, 19).best is None
    assert one(20, 3).small == {"numerator"} and one(20, 19).small == frozenset()


def test_nor_are_few_who_are_left_beside_the_parts() -> None:
    """Of 30, 20 in time and 9 not begun: one is left, who was late."""
    found = one(30, 20, unstarted=9)
    assert (found.denominator, found.numerator, found.unstarted) == (30, 20, None)


rows = st.tuples(*[st.integers(0, 12)] * 4)


@given(st.lists(rows, min_size=1, max_size=5))
def test_no_few_can_be_computed_back_from_what_is_shown(told: list[tuple[int, int, int, int]]) -> None:
    """numerator, unstarted, declined and late are given; every sum that a reader can form is nobody or at least five."""
    made = [Cell("m", f"R{at}", n + u + x + late, n, 0, u, x) for at, (n, u, x, late) in enumerate(told)]
    names = ("denominator", "numerator", "missing", "unstarted", "declined")
    table = suppress([*made, Cell("m", TOTAL, *(sum(getattr(cell, name) for cell in made) for name in names))], TOTAL)
    true = {cell.place: cell for cell in made}
    for cell in table:
        if cell.denominator is not None:
            parts = [cell.numerator, cell.unstarted, cell.declined]
            left = cell.denominator - sum(part or 0 for part in parts)
            assert left == 0 or left >= THRESHOLD
            assert all(part is None or part == 0 or part >= THRESHOLD for part in parts)
    total = next(cell for cell in table if cell.place == TOTAL)
    hidden = [true[cell.place] for cell in table if cell.place != TOTAL and cell.numerator is None]
    if hidden and total.numerator is not None:
        for few in (sum(cell.numerator for cell in hidden), sum(cell.denominator - cell.numerator for cell in hidden)):
            assert few == 0 or few >= THRESHOLD


def test_shares_and_bounds() -> None:
    cell = Cell("2027-01", "R", 10, 6, 2)
    assert (cell.share, cell.worst, cell.best) == (0.6, 0.5, 8 / 12)
    assert Cell("2027-01", "R", 0, 0, 0).share is None
    assert cell.withheld().share is None
