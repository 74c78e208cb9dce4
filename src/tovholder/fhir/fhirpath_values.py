"""What FHIRPath says of two plain JSON values: equal, before, plus; and the boundaries of an imprecise value."""

from __future__ import annotations

import calendar
import decimal
import re
from datetime import date, datetime, timedelta
from typing import Any

from tovholder.base.json import Decimal

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d+)?))?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_TIME = re.compile(r"(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d+)?))?)?", re.ASCII)


class Unsupported(Exception):
    """The native evaluator cannot be sure of the answer; the library is asked instead."""


def exact(value: Any) -> decimal.Decimal:
    """A JSON number as a decimal, as it was written."""
    return decimal.Decimal(value.text if isinstance(value, Decimal) else repr(value))


def number(value: decimal.Decimal) -> float | int:
    """A decimal as a JSON number: an int when whole, otherwise a float that keeps its digits."""
    if value == value.to_integral_value():
        return int(value)
    return Decimal(str(value))


def is_number(value: Any) -> bool:
    """Whether it is a JSON number (a boolean is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool | None:
    """FHIRPath ``=`` of two items; None when one of two dates is less precise and the answer is open."""
    if isinstance(left, str) and isinstance(right, str):
        if left == right:
            return True
        order = _temporal_order(left, right)
        return False if order is NotImplemented else order if order is None else order == 0
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict | list) and isinstance(right, dict | list):
        return bool(left == right)
    return bool(left == right) if is_number(left) and is_number(right) else False


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None when open because of precision. Raises Unsupported for what has no plain order."""
    if isinstance(left, str) and isinstance(right, str):
        order = _temporal_order(left, right)
        if order is not NotImplemented:
            return order  # type: ignore[no-any-return]
        return (left > right) - (left < right)
    if is_number(left) and is_number(right):
        return int(left > right) - int(left < right)
    raise Unsupported


def add(left: Any, right: Any, operator: str) -> Any:
    """``+ - * / div mod`` of numbers, ``+`` of strings. None for a division by zero."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not (is_number(left) and is_number(right)):
        raise Unsupported
    one, other = exact(left), exact(right)
    match operator:
        case "+":
            return number(one + other)
        case "-":
            return number(one - other)
        case "*":
            return number(one * other)
    if not other:
        return None
    match operator:
        case "div":
            return number(one // other)
        case "mod":
            return number(one % other)
    return number(one / other)


def shift(text: Any, amount: int, unit: str) -> str:
    """A date or dateTime moved by whole calendar units; the last day of the month where the day is missing there."""
    match = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] is None or match[3] is None:
        raise Unsupported
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    try:
        if unit in ("year", "month"):
            years, month = divmod(year * 12 + month - 1 + amount * (12 if unit == "year" else 1), 12)
            moved = date(years, month + 1, min(day, calendar.monthrange(years, month + 1)[1]))
        else:
            moved = date(year, month, day) + timedelta(days=amount * (7 if unit == "week" else 1))
    except (ValueError, OverflowError):
        raise Unsupported from None
    return moved.isoformat() + match[0][10:]


def _temporal_order(left: str, right: str) -> Any:
    """Order of two dates, dateTimes or times; None when open; NotImplemented when they are other strings."""
    if not (left[:2].isdigit() and right[:2].isdigit()):
        return NotImplemented
    for pattern in (_TIME, _DATE_TIME):
        one, other = pattern.fullmatch(left), pattern.fullmatch(right)
        if one and other:
            break
    else:
        return NotImplemented
    first, second = list(one.groups()), list(other.groups())
    if pattern is _DATE_TIME:
        if first[3] and second[3]:
            if bool(first[6]) != bool(second[6]):
                return None
            if first[6]:
                first, second = _utc(first), _utc(second)
        first, second = first[:6], second[:6]
    for a, b in zip(first, second, strict=True):
        if a is None and b is None:
            return 0
        if a is None or b is None:
            return None
        if float(a) != float(b):
            return 1 if float(a) > float(b) else -1
    return 0


def _utc(parts: list[str | None]) -> list[str | None]:
    """The parts of a dateTime moved to UTC (minutes and above; seconds do not change)."""
    year, month, day, hour, minute, second, zone = parts
    if not zone or zone == "Z" or minute is None:
        return parts
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])) * (1 if zone[0] == "+" else -1)
    try:
        moved = datetime(int(year or 0), int(month or 1), int(day or 1), int(hour or 0), int(minute)) - offset
    except (ValueError, OverflowError):
        return parts
    return [
        f"{moved.year:04}",
        f"{moved.month:02}",
        f"{moved.day:02}",
        f"{moved.hour:02}",
        f"{moved.minute:02}",
        second,
    ]


def boundary(value: Any, kind: str | None, *, high: bool) -> Any:
    """``lowBoundary()``/``highBoundary()``: the least and greatest value the precision of this one allows.

    ``kind`` is the FHIR type where it is known; a date then stays a date and a dateTime gets its time.
    """
    if is_number(value):
        written = exact(value)
        half = decimal.Decimal(5).scaleb(int(written.as_tuple().exponent) - 1)
        return number(written + half if high else written - half)
    if not isinstance(value, str):
        return None
    if kind == "time" and (match := _TIME.fullmatch(value)):
        return _clock(match.groups(), high=high)
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return None
    year, month, day, *clock, zone = match.groups()
    month = month or ("12" if high else "01")
    if day is None:
        day = f"{calendar.monthrange(int(year), int(month))[1]:02}" if high else "01"
    if kind == "date" or (kind is None and not clock[0]):
        return f"{year}-{month}-{day}"
    return f"{year}-{month}-{day}T{_clock(tuple(clock), high=high)}{zone or ('-12:00' if high else '+14:00')}"


def _clock(parts: tuple[str | None, ...], *, high: bool) -> str:
    hour, minute, second = parts
    whole, _, fraction = (second or ("59" if high else "00")).partition(".")
    end = fraction[:3].ljust(3, "9" if high else "0")
    return f"{hour or ('23' if high else '00')}:{minute or ('59' if high else '00')}:{whole}.{end}"
