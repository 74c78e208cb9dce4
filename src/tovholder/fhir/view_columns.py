"""What a view column becomes in a table: the ``tovholder/as`` conversions and their SQL types."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from tovholder.base.days import COPENHAGEN, parse_day
from tovholder.fhir.fhirpath_values import exact, is_number

TAG = "tovholder/as"
Convert = Callable[[Any], Any]
_EPOCH = date(1970, 1, 1).toordinal()
_LARGEST = 2**63 - 1
_DIGITS = 15  # of a number that still fits as thousandths


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return str(exact(value))
    raise TypeError("an object is no text")


def _day(value: Any) -> int | None:
    if not isinstance(value, str):
        raise TypeError("only text can be a day")
    return day_of(value)


@lru_cache(maxsize=32768)
def day_of(text: str) -> int | None:
    """The day a date or instant names; None for a partial date."""
    return parse_day(text) if len(text) == 10 else _instant_day(text)


def _instant_day(text: str) -> int | None:
    """What parse_day says, without taking the text apart twice."""
    if text[10:11] != "T" or not text[4] == "-" == text[7]:
        return parse_day(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(COPENHAGEN).toordinal() - _EPOCH


def _int(value: Any) -> int | None:
    if not is_number(value) or value != value // 1:
        raise TypeError("not a whole number")
    return int(value) if abs(value) <= _LARGEST else None


def _milli(value: Any) -> int | None:
    """Thousandths, half away from zero; None for a number no column can hold."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1000 if abs(value) < 10**_DIGITS else None
    if not is_number(value):
        raise TypeError("not a number")
    written = exact(value)
    if not written.is_finite() or written.adjusted() >= _DIGITS:
        return None
    return int(written.scaleb(3).to_integral_value(decimal.ROUND_HALF_UP))


def _flag(value: Any) -> int:
    if not isinstance(value, bool):
        raise TypeError("not a boolean")
    return int(value)


CONVERSIONS: dict[str, Convert] = {
    "text": _text,
    "code": _text,
    "day": _day,
    "int": _int,
    "milli": _milli,
    "flag": _flag,
}
# What no value becomes: a flag is raised or it is not.
WHEN_EMPTY: dict[str, int | None] = {"flag": 0}


def sql_type(conversion: str, dialect: str) -> str:
    """The column type in a table."""
    if conversion in ("text", "code"):
        return 'TEXT COLLATE "C"' if dialect == "postgresql" else "TEXT"
    return "INTEGER" if dialect == "sqlite" else "BIGINT"
