"""The size of a load's batches: smaller where turns take long, never all commits, large again when they are short."""

from __future__ import annotations

from tovholder.store.bulk.pace import GOOD, LEAST, MOST, Pace
from tovholder.store.bulk.sources import Item

ITEMS = [Item(f"a:{number}") for number in range(5000)]


def sizes(pace: Pace, seconds_each: float) -> list[int]:
    found = []
    for batch in pace.batches(ITEMS):
        found.append(len(batch))
        pace.took(len(batch), len(batch) * seconds_each)
    assert sum(found) == len(ITEMS)
    return found


def test_batches_are_large_while_turns_are_short() -> None:
    assert set(sizes(Pace(), GOOD / MOST / 2)) == {MOST}


def test_slow_turns_make_them_as_small_as_is_good() -> None:
    *_, before, last = sizes(Pace(), GOOD / 300)
    assert 290 <= before <= 320
    assert last <= before


def test_they_are_never_all_commits() -> None:
    assert min(sizes(Pace(), 1.0)[:-1]) == LEAST


def test_they_grow_again_and_one_slow_turn_is_no_rule() -> None:
    pace = Pace(LEAST)
    sizes(pace, GOOD / MOST / 2)
    assert pace.size == MOST
    pace.took(MOST, GOOD * 2)
    assert pace.size > MOST * 0.8


def test_small_and_untimed_batches_say_nothing() -> None:
    pace = Pace()
    pace.took(3, 1.0)
    pace.took(MOST, 0.0)
    assert pace.size == MOST


def test_other_bounds_than_a_loads() -> None:
    pace = Pace(20, 20, 40)
    assert max(sizes(pace, 0.0001)) == 40
    pace.took(40, GOOD * 100)
    pace.took(40, GOOD * 100)
    pace.took(40, GOOD * 100)
    assert pace.size == 20
