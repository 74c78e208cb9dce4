"""Integer days: days since 1970-01-01 in Europe/Copenhagen, the only time unit facts and rules know."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_EPOCH = date(1970, 1, 1).toordinal()
# Years that senders write for "never" and "no end": arithmetic from them leaves the calendar.
_NEVER = ("0001", "9999")
_FULL_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(T.*)?", re.ASCII)


def day_of(moment: date | datetime) -> int:
    """The day a date, or an instant seen in Copenhagen, falls on. A naive datetime is an error (ValueError)."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        moment = moment.astimezone(COPENHAGEN).date()
    return moment.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The calendar date of an integer day. Raises OverflowError beyond the calendar's years 1 to 9999."""
    try:
        return date.fromordinal(day + _EPOCH)
    except ValueError as error:
        raise OverflowError(str(error)) from None


def noon(day: int) -> datetime:
    """Noon in Copenhagen on a day: an instant that surely falls on it."""
    return datetime.combine(date_of(day), time(12), COPENHAGEN)


def midnight(day: int) -> datetime:
    """When a day begins in Copenhagen."""
    return datetime.combine(date_of(day), time(0), COPENHAGEN)


def parse_day(text: str | None) -> int | None:
    """Day of a FHIR date, dateTime or instant; None for nothing, a partial date, the years 1 and 9999, or what is no date."""
    if not text:
        return None
    match = _FULL_DATE.fullmatch(text)
    if not match or match.group(1) in _NEVER:
        return None
    try:
        if match.group(4) is None:
            return date(int(match.group(1)), int(match.group(2)), int(match.group(3))).toordinal() - _EPOCH
        return day_of(parse_instant(text))
    except (ValueError, OverflowError):  # the last hours of the calendar lie beyond it in another time zone
        return None


def parse_instant(text: str) -> datetime:
    """A FHIR dateTime with time as an aware datetime. Raises ValueError when it has no zone or is no date."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment


def iso(day: int) -> str:
    """The FHIR date (YYYY-MM-DD) of a day."""
    return date_of(day).isoformat()


def instant_text(moment: datetime) -> str:
    """A FHIR instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 in UTC."""
    return int(moment.timestamp() * 1000)


def instant_of(milliseconds: int) -> str:
    """Milliseconds since 1970-01-01 as a FHIR instant in UTC."""
    return instant_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def day_of_millis(milliseconds: int) -> int:
    """The day in Copenhagen that milliseconds since 1970-01-01 fall on; what is earlier counts as its first day."""
    return day_of(datetime.fromtimestamp(max(milliseconds, 0) / 1000, UTC))


def add_months(day: int, months: int) -> int:
    """Calendar arithmetic: the same day of the month later, or the month's last day where there is none."""
    start = date_of(day)
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return day_of(date(year, month, min(start.day, last)))


def month_of(day: int) -> str:
    """The month a day falls in, as YYYY-MM."""
    return date_of(day).strftime("%Y-%m")
