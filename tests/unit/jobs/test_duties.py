"""Duties: each again and again, none delayed or ended by another."""

from __future__ import annotations

import threading
from datetime import datetime

from tovholder.jobs import duties
from tovholder.jobs.duties import Duty


def test_duties_go_on_beside_each_other_until_told_to_end() -> None:
    ended, thrice, never = threading.Event(), threading.Event(), threading.Event()
    moments: list[datetime] = []

    def often(now: datetime) -> None:
        moments.append(now)
        if len(moments) == 3:
            thrice.set()

    def fails(now: datetime) -> None:
        raise RuntimeError("it always does")

    threads = duties.start(
        [Duty("long", 1, lambda _: never.wait(30)), Duty("often", 0.01, often), Duty("fails", 0.01, fails)], ended
    )
    try:
        assert thrice.wait(20)
        assert all(thread.is_alive() for thread in threads)
    finally:
        ended.set()
        never.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert all(moment.tzinfo is not None for moment in moments)


def test_a_duty_that_failed_is_tried_again() -> None:
    ended, again = threading.Event(), threading.Event()
    tries: list[int] = []

    def fails_once(now: datetime) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError
        again.set()

    threads = duties.start([Duty("once", 0.01, fails_once)], ended)
    assert again.wait(20)
    ended.set()
    threads[0].join(20)
