"""Duties: each again and again, none delayed or ended by another."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

import pytest
from django.db import connections

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


@pytest.mark.django_db(transaction=True)
def test_a_duty_that_rests_long_holds_no_connection() -> None:
    ended = threading.Event()
    used: dict[str, Any] = {}

    def ask(name: str) -> None:
        connection = connections["default"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        used[name] = connection

    threads = duties.start(
        [Duty("long", 60, lambda _: ask("long")), Duty("short", 0.01, lambda _: ask("short"))], ended
    )
    until = time.monotonic() + 20
    try:
        while used.keys() != {"long", "short"} or used["long"].connection is not None:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert used["short"].connection is not None
    finally:
        ended.set()
    for thread in threads:
        thread.join(20)
    assert used["short"].connection is None
