"""The rights clock: first and last day, legacy, missing date, pauses that are told and never subtracted."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.base import days
from tovholder.plan.clock import ClockEvent, ClockState, Pause, RightsClock, open_pause, paused_days, start_clock


def day(text: str) -> int:
    return days.day_of(date.fromisoformat(text))


def clock(diagnosed: int | None, *, included: str = "2027-02-10") -> RightsClock:
    return start_clock(
        rule="kol-plan-30@1",
        days=30,
        diagnosed_day=diagnosed,
        inclusion_day=day(included),
        valid_from_day=day("2027-01-01"),
    )


def test_day_0_is_the_diagnosis_and_day_30_is_still_in_time() -> None:
    running = clock(day("2027-01-15"))
    assert running.event is ClockEvent.DIAGNOSIS and not running.legacy
    assert days.iso(running.deadline_day or 0) == "2027-02-14"
    assert running.days_left(day("2027-02-14")) == 0
    assert running.state(day("2027-02-14")) is ClockState.RUNNING
    assert running.state(day("2027-02-15")) is ClockState.BROKEN
    assert running.state(day("2027-03-01"), stopped_day=day("2027-02-14")) is ClockState.MET
    assert running.state(day("2027-03-01"), stopped_day=day("2027-02-15")) is ClockState.MET_LATE


def test_the_day_the_package_comes_into_force_is_not_legacy_and_the_day_before_is() -> None:
    assert clock(day("2027-01-01")).event is ClockEvent.DIAGNOSIS
    old = clock(day("2026-12-31"))
    assert old.legacy and old.event is ClockEvent.INCLUSION
    assert old.start_day == day("2027-02-10") and days.iso(old.deadline_day or 0) == "2027-03-12"


def test_without_a_diagnosis_date_there_is_no_deadline_and_it_is_told_as_missing() -> None:
    unknown = clock(None)
    assert unknown.event is ClockEvent.UNKNOWN and unknown.missing
    assert unknown.deadline_day is None and unknown.days_left(day("2027-02-10")) is None
    assert unknown.state(day("2027-02-10")) is ClockState.UNKNOWN
    assert unknown.state(day("2027-02-10"), stopped_day=day("2027-02-10")) is ClockState.UNKNOWN


@pytest.mark.parametrize(
    ("start", "deadline"),
    [
        ("2027-03-20", "2027-04-19"),  # summer time begins 28 March
        ("2027-10-15", "2027-11-14"),  # winter time begins 31 October
        ("2028-02-10", "2028-03-11"),  # 29 February in between
        ("2027-02-10", "2027-03-12"),
        ("2028-02-29", "2028-03-30"),
        ("2027-12-15", "2028-01-14"),
    ],
)
def test_calendar_days_across_clock_changes_and_leap_days(start: str, deadline: str) -> None:
    assert days.iso(clock(day(start)).deadline_day or 0) == deadline


def test_a_diagnosis_just_before_midnight_in_copenhagen_counts_on_that_day() -> None:
    late = days.day_of(datetime(2027, 6, 30, 22, 30, tzinfo=UTC))  # 00:30 on 1 July in Copenhagen
    assert days.iso(late) == "2027-07-01"
    winter = days.day_of(datetime(2027, 1, 31, 22, 59, tzinfo=UTC))  # 23:59 on 31 January
    assert days.iso(winter) == "2027-01-31"


def test_pauses_are_counted_beside_the_clock() -> None:
    begun = day("2027-01-20")
    closed, running = Pause(begun, begun + 10, "travelling"), Pause(begun + 12, None, "wants to think")
    assert paused_days([closed, running]) == 10
    assert open_pause([closed, running]) == running and open_pause([closed]) is None
    assert running.days(begun + 12) == 0 and running.days(begun + 15) == 3
    with pytest.raises(ValueError, match="before it starts"):
        Pause(begun, begun - 1, "")


def test_a_clock_cannot_be_built_with_an_event_and_no_day_or_the_other_way() -> None:
    with pytest.raises(ValueError, match="start day"):
        RightsClock("r@1", ClockEvent.DIAGNOSIS, None, 30)
    with pytest.raises(ValueError, match="start day"):
        RightsClock("r@1", ClockEvent.UNKNOWN, 20000, 30)
    with pytest.raises(ValueError, match="negative"):
        RightsClock("r@1", ClockEvent.DIAGNOSIS, 20000, -1)


_DAY = st.integers(min_value=15000, max_value=30000)


@given(diagnosed=st.none() | _DAY, included=_DAY, valid_from=_DAY, length=st.integers(0, 400), today=_DAY)
def test_every_clock_is_one_of_three_kinds_and_its_state_turns_exactly_once(
    diagnosed: int | None, included: int, valid_from: int, length: int, today: int
) -> None:
    made = start_clock(
        rule="r@1", days=length, diagnosed_day=diagnosed, inclusion_day=included, valid_from_day=valid_from
    )
    if diagnosed is None:
        assert made.missing and made.deadline_day is None
        return
    start = included if diagnosed < valid_from else diagnosed
    assert made.start_day == start and made.legacy == (diagnosed < valid_from)
    assert made.deadline_day == start + length
    assert (made.state(today) is ClockState.BROKEN) == (today > start + length)
    assert (made.days_left(today) or 0) < 0 or made.state(today) is ClockState.RUNNING
