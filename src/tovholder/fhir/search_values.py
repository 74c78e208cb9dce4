"""What search compares of R4 elements: date ranges, folded strings, tokens, references, numbers (R4 §3.1.1.4)."""

from __future__ import annotations

import decimal
import re
import sys
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tovholder.base.days import COPENHAGEN
from tovholder.fhir.references import parse_reference

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
EARLIEST = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // _MILLISECOND  # of a period without start
LATEST = (datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) // _MILLISECOND  # of a period without end
GREATEST = sys.float_info.max
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?)?)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
# Letters of their own, not accented ones.
_DANISH = frozenset("æøå")
# Within a word nothing, between words a space.
_PUNCTUATION = str.maketrans({**dict.fromkeys("'`´’.\"()[]{}", ""), **dict.fromkeys("-,;:/_+&!?", " ")})
# In this order: an early one may make what a later one needs.
_SOUNDS = tuple(
    (re.compile(pattern), letters)
    for pattern, letters in (
        ("aa|å", "o"),
        ("ae|æ", "e"),
        ("oe|ø", "o"),
        ("sch(?=[lmnrtv])", "s"),
        ("ch|ck|q", "k"),
        ("c(?=[eiy])", "s"),
        ("c", "k"),
        ("ph", "f"),
        ("dt|th", "t"),
        ("gh", "g"),
        ("x", "ks"),
        ("z", "s"),
        ("w", "v"),
        ("y", "i"),
        ("^h(?=[jv])", ""),
        ("(?<=[lnr])d(?![aeiou])", ""),
        ("ie", "i"),
        ("s+on$", "sen"),
        (r"(\w)\1+", r"\1"),
    )
)
LONGEST, LARGEST = 200, 600  # characters and bytes of a value in the index
SURELY_SHORT = LARGEST // 4  # characters that cannot be more bytes than LARGEST


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


def asked_range(text: str) -> tuple[int, int] | None:
    """The same of a value in an address, where a plus that was not encoded has become a blank."""
    return date_range(text.replace(" ", "+"))


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


@lru_cache(maxsize=32768)
def fold(text: str) -> str:
    """Text as strings are compared: no case, accents or punctuation, single spaces (R4 §3.1.1.4.8).

    æ, ø and å stay letters of their own: Bø is neither Bo nor Boe. ``aa`` is not made an å, since what is asked may be
    the beginning of a text and Isa… must find Isaac; a phonetic parameter finds Aagård by Ågaard (``sounds``).
    """
    if text.isascii():
        plain = text.lower()
    else:
        composed = unicodedata.normalize("NFC", text).casefold()
        plain = "".join(letter if letter in _DANISH else _unaccented(letter) for letter in composed)
    spaced = " ".join(plain.translate(_PUNCTUATION).split())
    return spaced or " ".join(plain.split())  # of nothing but punctuation something must be left to compare


def _unaccented(letter: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))


@lru_cache(maxsize=8192)
def sounds(text: str) -> str:
    """Text as phonetic parameters compare it: what Danish ears hear alike is written alike, word by word.

    Kristian is Christian and Cristian, Sørensen is Soerensen and Sorensen, Aagård is Ågaard, Schmidt is Smith,
    Hansson is Hansen, Mathias is Matias.
    """
    words = []
    for word in fold(text).split():
        for pattern, letters in _SOUNDS:
            word = pattern.sub(letters, word)
        words.append(word)
    return " ".join(words)


def bounded(text: str) -> str:
    """Text as far as the index holds it: 200 characters and 600 bytes, which every index of PostgreSQL can take.

    The indexer cuts what it stores and a query cuts what it asks for by this function, so that long values still meet.
    """
    if len(text) <= SURELY_SHORT:
        return text
    return text[:LONGEST].encode(errors="ignore")[:LARGEST].decode(errors="ignore")


def number_range(text: str) -> tuple[float, float] | None:
    """What a number given in a search means by its precision: 100 is [99.5, 100.5), 1.00 is [0.995, 1.005)."""
    if not _NUMBER.fullmatch(text):
        return None
    value = decimal.Decimal(text)
    half = decimal.Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return decimal_of(value - half), decimal_of(value + half)


def decimal_of(value: Any) -> float:
    """A JSON number as the index holds it; what is too large for it is the largest there is."""
    return max(-GREATEST, min(GREATEST, float(value)))


def period_range(period: dict[str, Any]) -> tuple[int, int] | None:
    """What a Period covers; an end that is not told is open. None when it tells neither."""
    start, end = date_range(period.get("start", "")), date_range(period.get("end", ""))
    if start is None and end is None:
        return None
    return start[0] if start else EARLIEST, end[1] if end else LATEST


def timing_range(timing: dict[str, Any]) -> tuple[int, int] | None:
    """The outer limits of a Timing, from its first event or bound to its last; None when it names no date."""
    found = [covered for text in timing.get("event", ()) if text and (covered := date_range(text)) is not None]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds and (covered := period_range(bounds)) is not None:
        found.append(covered)
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def quantity_ranges(quantity: dict[str, Any]) -> list[tuple[float, float, str, str]]:
    """(low, high, system, code) of a Quantity: under its code, and under its unit where that is written otherwise.

    A comparator opens the range: ``<5`` is anything below 5.
    """
    number = quantity.get("value")
    if number is None:
        return []
    value = decimal_of(number)
    comparator = quantity.get("comparator", "")
    low = -GREATEST if comparator.startswith("<") else value
    high = GREATEST if comparator.startswith(">") else value
    return [(low, high, system, code) for system, code in _units(quantity)]


def limits_ranges(limits: dict[str, Any]) -> list[tuple[float, float, str, str]]:
    """The same of a Range; an end that is not told is open."""
    low, high = limits.get("low", {}), limits.get("high", {})
    if "value" not in low and "value" not in high:
        return []
    least = decimal_of(low["value"]) if "value" in low else -GREATEST
    greatest = decimal_of(high["value"]) if "value" in high else GREATEST
    return [(least, greatest, system, code) for system, code in _units(low or high)]


def samples_ranges(samples: dict[str, Any]) -> list[tuple[float, float, str, str]]:
    """The same of SampledData: from its least to its greatest value (R4 Observation value-quantity)."""
    origin = samples.get("origin", {})
    zero, factor = decimal_of(origin.get("value", 0)), decimal_of(samples.get("factor", 1))
    values = [zero + factor * float(text) for text in samples.get("data", "").split() if _NUMBER.fullmatch(text)]
    values += [decimal_of(samples[name]) for name in ("lowerLimit", "upperLimit") if name in samples]
    return [(min(values), max(values), system, code) for system, code in _units(origin)] if values else []


def _units(quantity: dict[str, Any]) -> list[tuple[str, str]]:
    system, code, unit = quantity.get("system", ""), quantity.get("code", ""), quantity.get("unit", "")
    if not code:
        return [("", bounded(unit))]
    own = (bounded(system), bounded(code))
    return [own] if unit in ("", code) else [own, ("", bounded(unit))]


@lru_cache(maxsize=32768)
def text_key(text: str) -> tuple[str, str]:
    """A string as compared and as written."""
    return bounded(fold(text)), bounded(text)


@lru_cache(maxsize=8192)
def sound_key(text: str) -> tuple[str, str]:
    """A string as it sounds and as written."""
    return bounded(sounds(text)), bounded(text)


@lru_cache(maxsize=16384)
def reference_key(text: str) -> tuple[str, str, str] | None:
    """(rid, type, type it is known to be) of a literal reference; elsewhere the type is empty and rid the address.

    None for what is inside the resource (``#id``) or no address. Which addresses are this server's own is for the
    writer to know, who makes them relative before the resource is stored: the index says what the resource says.
    """
    if text.startswith("#"):
        return None
    reference = parse_reference(text)
    if reference is not None and not reference.base:
        return reference.id, reference.type, reference.type
    if ":" not in text:
        return None
    return bounded(text), "", reference.type if reference is not None else ""


@lru_cache(maxsize=1024)
def canonical_keys(text: str) -> tuple[tuple[str, str], ...]:
    """(rid, type) of a canonical: its address with and without version, or what a relative one names."""
    if ":" not in text:
        key = reference_key(text)
        return (key[:2],) if key is not None else ()
    return tuple((uri, "") for uri in uri_keys(text))


@lru_cache(maxsize=1024)
def uri_keys(text: str) -> tuple[str, ...]:
    """What a uri is found by; a canonical also without its version."""
    url, version, _ = text.partition("|")
    return (bounded(text), bounded(url)) if version else (bounded(text),)


def coding_keys(codings: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """(code, system) of codings that have either."""
    pairs = [(bounded(coding.get("code", "")), bounded(coding.get("system", ""))) for coding in codings]
    return [pair for pair in pairs if pair != ("", "")]


def identifier_keys(reference: dict[str, Any], target: str) -> list[tuple[str, str]]:
    """(value, system) of who a Reference names by identifier, unless it is somebody of another type than ``target``."""
    identifier = reference["identifier"]
    value = identifier.get("value")
    if not value:
        return []
    if target:
        literal = parse_reference(reference.get("reference"))
        if (reference.get("type", target) if literal is None else literal.type) != target:
            return []
    return [(bounded(value), bounded(identifier.get("system", "")))]


def contact_codes(value: str) -> tuple[str, ...]:
    """What a telephone number or address is found by: as written and without the spaces numbers are grouped by."""
    plain = "".join(value.split())
    return (bounded(value),) if plain == value else (bounded(value), bounded(plain))
