"""The reckoning of a task's cost, on events small enough to add up by hand."""

from __future__ import annotations

import pytest

from lib.klm import Event, Kind, cost

CLICK, PRESS, LOAD = Event(Kind.CLICK), Event(Kind.PRESS), Event(Kind.LOAD)
ONE, TWO, MOVE = Event(Kind.VALUE, "one"), Event(Kind.VALUE, "two"), Event(Kind.MOVE)


@pytest.mark.parametrize(
    ("events", "seconds", "beyond", "cautious"),
    [
        ([], 0, 0, 0),
        ([CLICK], 2.65, 2.65, 2.65),  # M P B B
        ([CLICK, LOAD, PRESS], 2.65 + 0.4 + 1.55, 4.6, 4.6),  # the hand goes to the keyboard
        ([ONE, ONE, MOVE, TWO], 1.35 + 4 * 0.2, 0, 1.35 + 0.8 + 1.35),  # one run of two values
        ([ONE, PRESS, TWO], 2 * 1.55 + 1.55, 1.55, 4.65),  # a press ends the run
    ],
)
def test_seconds(events: list[Event], seconds: float, beyond: float, cautious: float) -> None:
    found = cost(events)
    assert (found.seconds, found.beyond_values, found.cautious) == pytest.approx((seconds, beyond, cautious))


def test_what_is_counted() -> None:
    found = cost([CLICK, LOAD, ONE, ONE, MOVE, TWO, PRESS, LOAD])
    assert (found.clicks, found.interactions, found.fields, found.keys, found.loads) == (1, 2, 2, 5, 2)
