"""What search compares of R4 elements: date ranges, folded strings, tokens, references, numbers (R4 §3.1.1.4)."""

from __future__ import annotations

import decimal
import re
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tovholder.base.days import COPENHAGEN
from tovholder.fhir.fhirpath_values import exact, is_number
from tovholder.fhir.references import parse_reference

Found = list[tuple[Any, ...]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
EARLIEST = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MILLISECOND  # of a period without start
LATEST = (datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) // _MILLISECOND  # of a period without end
GREATEST = sys.float_info.max
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_CONTACT_SYSTEMS = frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"})
_NAME_PARTS: tuple[str, ...] = ("family", "text")
_NAME_LISTS: tuple[str, ...] = ("given", "prefix", "suffix")
_NAME_KEYS = frozenset({"family", *_NAME_LISTS})
_ADDRESS_LISTS: tuple[str, ...] = ("line",)
_ADDRESS_PARTS: tuple[str, ...] = ("text", "city", "district", "state", "postalCode", "country")
# Letters of their own, not accented ones.
_DANISH = frozenset("æøå")


@lru_cache(maxsize=16384)
def date_range(text: str) -> tuple[int, int] | None:
    """The milliseconds [low, high) a FHIR date, dateTime or instant covers; None when it is none of them.

    A text without time zone is read in Copenhagen. A date without month or day covers the whole year or month.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if hour is None:
            first = date(int(year), int(month or 1), int(day or 1))
            return _midnight(first), _midnight(_after(first, month, day))
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        if zone is None:
            low = _milliseconds(moment.replace(tzinfo=COPENHAGEN))
        else:
            low = _milliseconds(datetime.fromisoformat(f"{moment.isoformat()}{zone}"))
    except (ValueError, OverflowError):
        return None
    if second is None:
        return low, low + 60_000
    if fraction is None:
        return low, low + 1000
    digits = min(len(fraction) - 1, 3)
    low += int(fraction[1:4].ljust(3, "0"))
    return low, low + 10 ** (3 - digits)


def _after(first: date, month: str | None, day: str | None) -> date:
    if day is not None:
        return first + timedelta(days=1)
    if month is None or month == "12":
        return date(first.year + 1, 1, 1)
    return date(first.year, first.month + 1, 1)


def _midnight(day: date) -> int:
    return _milliseconds(datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def fold(text: str) -> str:
    """Text as names are compared: no case, no accents, single spaces; æ, ø and å stay letters of their own."""
    if text.isascii():
        return " ".join(text.lower().split())
    composed = unicodedata.normalize("NFC", text).casefold()
    plain = "".join(letter if letter in _DANISH else _unaccented(letter) for letter in composed)
    return " ".join(plain.split())


def _unaccented(letter: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))


def number_range(text: str) -> tuple[float, float] | None:
    """What a number given in a search means by its precision: 100 is [99.5, 100.5), 1.00 is [0.995, 1.005)."""
    if not _NUMBER.fullmatch(text):
        return None
    value = decimal.Decimal(text)
    half = decimal.Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return _float(value - half), _float(value + half)


def _float(value: decimal.Decimal) -> float:
    return max(-GREATEST, min(GREATEST, float(value)))


def _tokens(items: list[Any]) -> Found:
    found: Found = []
    for item in items:
        if isinstance(item, dict):
            codings = item.get("coding")
            if codings is not None:
                found += [_coding(coding) for coding in codings if "code" in coding or "system" in coding]
            elif "value" in item:
                system = item.get("system", "")
                found.append(("" if system in _CONTACT_SYSTEMS else system, str(item["value"])))
            elif "code" in item or ("system" in item and "type" not in item):
                found.append(_coding(item))
        elif isinstance(item, bool):
            found.append(("", "true" if item else "false"))
        elif isinstance(item, str):
            found.append(("", item))
        elif item is not None:
            found.append(("", str(exact(item))))
    return found


def _coding(coding: dict[str, Any]) -> tuple[str, str]:
    return coding.get("system", ""), coding.get("code", "")


def _dates(items: list[Any]) -> Found:
    found: Found = []
    for item in items:
        if isinstance(item, str):
            covered = date_range(item)
            if covered is not None:
                found.append(covered)
        elif isinstance(item, dict):
            if "start" in item or "end" in item:
                found.append(_period(item))
            else:  # Timing
                found += _dates(item.get("event", []))
                bounds = item.get("repeat", {}).get("boundsPeriod")
                if bounds:
                    found.append(_period(bounds))
    return found


def _period(period: dict[str, Any]) -> tuple[int, int]:
    start, end = date_range(period.get("start", "")), date_range(period.get("end", ""))
    return start[0] if start else EARLIEST, end[1] if end else LATEST


def _strings(items: list[Any]) -> Found:
    found: Found = []
    for item in items:
        if isinstance(item, str):
            found.append((fold(item), item))
        elif isinstance(item, dict):
            named = not _NAME_KEYS.isdisjoint(item)
            parts, lists = (_NAME_PARTS, _NAME_LISTS) if named else (_ADDRESS_PARTS, _ADDRESS_LISTS)
            found += [(fold(item[part]), item[part]) for part in parts if isinstance(item.get(part), str)]
            found += [(fold(text), text) for name in lists for text in item.get(name, ()) if isinstance(text, str)]
    return found


def _references(items: list[Any]) -> Found:
    found: Found = []
    for item in items:
        text = item.get("reference") if isinstance(item, dict) else item
        if not isinstance(text, str) or text.startswith("#"):
            continue
        reference = parse_reference(text) if isinstance(item, dict) else None
        if reference is not None and not reference.base:
            found.append((reference.type, reference.id))
        elif ":" in text:  # elsewhere, or a canonical, which is found with and without its version
            found.append(("", text))
            url, version, _ = text.partition("|")
            if version:
                found.append(("", url))
    return found


def _uris(items: list[Any]) -> Found:
    return [(item,) for item in items if isinstance(item, str)]


def _quantities(items: list[Any]) -> Found:
    found: Found = []
    for item in items:
        if is_number(item):
            value = _float(exact(item))
            found.append((value, value, "", ""))
        elif isinstance(item, dict) and is_number(item.get("value")):
            value = _float(exact(item["value"]))
            comparator = item.get("comparator", "")
            low = -GREATEST if comparator.startswith("<") else value
            high = GREATEST if comparator.startswith(">") else value
            found.append((low, high, *_unit(item)))
        elif isinstance(item, dict) and ("low" in item or "high" in item):
            low, high = item.get("low", {}), item.get("high", {})
            least = _float(exact(low["value"])) if "value" in low else -GREATEST
            greatest = _float(exact(high["value"])) if "value" in high else GREATEST
            found.append((least, greatest, *_unit(low or high)))
    return found


def _unit(quantity: dict[str, Any]) -> tuple[str, str]:
    return quantity.get("system", ""), quantity.get("code") or quantity.get("unit", "")


EXTRACT: dict[str, Callable[[list[Any]], Found]] = {
    "token": _tokens,
    "date": _dates,
    "string": _strings,
    "reference": _references,
    "uri": _uris,
    "quantity": _quantities,
    "number": _quantities,
}
