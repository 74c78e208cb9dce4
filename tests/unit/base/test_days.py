"""Days in Copenhagen: midnight, summer time, partial dates, the last day of a month."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.base import days


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027-03-01", "2027-03-01"),
        ("2027-03-01T23:30:00Z", "2027-03-02"),  # 00:30 in Copenhagen
        ("2027-07-01T21:59:59Z", "2027-07-01"),
        ("2027-07-01T22:00:00Z", "2027-07-02"),  # summer time
        ("2027-03-01T00:15:00+01:00", "2027-03-01"),
    ],
)
def test_an_instant_falls_on_its_danish_day(text: str, day: str) -> None:
    assert days.parse_day(text) == days.day_of(date.fromisoformat(day))


@pytest.mark.parametrize("text", [None, "", "2027", "2027-03", "2027-02-30", "soon", "2027-03-01T10:00:00"])
def test_what_is_no_whole_day_is_none(text: str | None) -> None:
    assert days.parse_day(text) is None


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2027-05-15", 12, "2028-05-15"),
    ],
)
def test_months_end_on_the_months_last_day(start: str, months: int, end: str) -> None:
    assert days.iso(days.add_months(days.day_of(date.fromisoformat(start)), months)) == end


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1)))
def test_days_and_dates_are_the_same_thing(moment: date) -> None:
    assert days.date_of(days.day_of(moment)) == moment
    assert days.day_of(days.noon(days.day_of(moment))) == days.day_of(moment)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        days.day_of(datetime(2027, 1, 1))
    assert days.instant_text(datetime(2027, 1, 1, tzinfo=UTC)) == "2027-01-01T00:00:00.000Z"
