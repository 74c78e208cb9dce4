"""Daily runs: once a day, again the next day, again when one died half-way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tovholder.base import days
from tovholder.jobs import daily
from tovholder.jobs.models import DailyRun

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


class Runs:
    """Jobs that remember when they ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, datetime]] = []

    def job(self, name: str) -> Callable[[datetime], str]:
        def run(moment: datetime) -> str:
            self.ran.append((name, moment))
            return f"{name} done"

        return run


def test_each_job_runs_once_a_day_in_order() -> None:
    runs = Runs()
    jobs = {"flags": runs.job("flags"), "monitor": runs.job("monitor")}
    assert daily.catch_up(jobs, NOW) == ["flags", "monitor"]
    assert daily.catch_up(jobs, NOW + timedelta(hours=5)) == []
    assert runs.ran == [("flags", NOW), ("monitor", NOW)]


def test_the_next_day_begins_in_copenhagen() -> None:
    runs = Runs()
    jobs = {"flags": runs.job("flags")}
    daily.catch_up(jobs, datetime(2027, 3, 1, 22, 30, tzinfo=UTC))  # 23.30 in Copenhagen
    assert daily.catch_up(jobs, datetime(2027, 3, 1, 22, 59, tzinfo=UTC)) == []
    assert daily.catch_up(jobs, datetime(2027, 3, 1, 23, 1, tzinfo=UTC)) == ["flags"]


def test_days_the_server_was_away_are_not_run_one_by_one() -> None:
    runs = Runs()
    jobs = {"flags": runs.job("flags")}
    daily.catch_up(jobs, NOW)
    assert daily.catch_up(jobs, NOW + timedelta(days=9)) == ["flags"]
    assert len(runs.ran) == 2


def test_a_run_that_failed_is_run_again_and_stops_no_other() -> None:
    runs = Runs()

    def dies(moment: datetime) -> str:
        raise RuntimeError("the power went")

    assert daily.catch_up({"flags": dies, "other": runs.job("other")}, NOW) == ["other"]
    mended = {"flags": runs.job("flags"), "other": runs.job("other")}
    assert daily.catch_up(mended, NOW + timedelta(minutes=1)) == ["flags"]  # the other had finished


def test_a_run_whose_process_died_is_run_again() -> None:
    runs = Runs()

    def dies(moment: datetime) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        daily.catch_up({"flags": dies}, NOW)
    mended = {"flags": runs.job("flags")}
    assert daily.catch_up(mended, NOW + timedelta(minutes=1)) == ["flags"]
    assert daily.catch_up(mended, NOW + timedelta(minutes=2)) == []


def test_a_job_that_is_new_today_runs_today() -> None:
    runs = Runs()
    daily.catch_up({"flags": runs.job("flags")}, NOW)
    assert daily.catch_up({"flags": runs.job("flags"), "new": runs.job("new")}, NOW) == ["new"]


def test_what_a_finished_run_told_stands_with_its_day() -> None:
    runs = Runs()
    for ahead in (0, 1):
        daily.catch_up({"flags": runs.job("flags")}, NOW + timedelta(days=ahead))
    today = days.day_of(NOW)
    told = DailyRun.objects.order_by("day").values_list("job", "day", "summary")
    assert list(told) == [("flags", today, "flags done"), ("flags", today + 1, "flags done")]
