"""Trends: from the first measurement of the course to the newest, with what counts as a change that is felt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.packages.model import Change
from tovholder.plan.measures import BEFORE, Point, Way, trend

POINTS = Change(better="lower", minimal=2, source="x")
PERCENT = Change(better="lower", minimal_percent=30, source="x")
UPWARDS = Change(better="higher", minimal=2, source="x")


def points(*values: float | None, first_day: int = 100) -> tuple[Point, ...]:
    return tuple(
        Point(str(place), first_day + place * 10, None if value is None else round(value * 1000), None)
        for place, value in enumerate(values)
    )


@pytest.mark.parametrize(
    ("change", "values", "way", "matters"),
    [
        (POINTS, (6, 4), Way.BETTER, True),
        (POINTS, (6, 4.5), Way.BETTER, False),
        (POINTS, (4, 6), Way.WORSE, True),
        (UPWARDS, (4, 6), Way.BETTER, True),
        (UPWARDS, (4, 3), Way.WORSE, False),
        (PERCENT, (10, 7), Way.BETTER, True),  # exactly 30 %
        (PERCENT, (10, 8), Way.BETTER, False),
        (PERCENT, (20, 14), Way.BETTER, True),
        (PERCENT, (0, 3), Way.WORSE, None),  # of nothing there is no share
        (PERCENT, (0, 0), Way.SAME, False),
        (PERCENT, (3, 0), Way.BETTER, True),  # 0 is a measurement
        (POINTS, (6, 9, 6), Way.SAME, False),  # what came between is not asked
        (POINTS, (6,), Way.UNKNOWN, None),
        (POINTS, (), Way.UNKNOWN, None),
        (POINTS, (6, None), Way.UNKNOWN, None),  # measured, but no number: nobody knows
    ],
)
def test_the_change(change: Change, values: tuple[float | None, ...], way: Way, matters: bool | None) -> None:
    found = trend(change, points(*values), None)
    assert (found.way, found.matters) == (way, matters)


def test_what_was_measured_long_before_the_course_is_not_its_beginning() -> None:
    held = points(20, 10, 9)  # days 100, 110, 120
    assert trend(POINTS, held, 110 + BEFORE).first == held[1]
    assert trend(POINTS, held, 100 + BEFORE).first == held[0]
    assert trend(POINTS, held, 120 + BEFORE).way is Way.UNKNOWN


@given(st.integers(0, 24), st.integers(0, 24))
def test_there_and_back_are_opposite_and_of_one_size(first: int, latest: int) -> None:
    there, back = trend(POINTS, points(first, latest), None), trend(POINTS, points(latest, first), None)
    turned = {Way.BETTER: Way.WORSE, Way.WORSE: Way.BETTER, Way.SAME: Way.SAME}
    assert back.way is turned[there.way]
    assert back.matters == there.matters
