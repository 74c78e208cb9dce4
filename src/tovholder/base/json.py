"""JSON in and out with decimals kept as they were written: 1.0 stays 1.0 and 1.10 stays 1.10 (FHIR R4 §2.24.0.1 decimal)."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from tovholder.base.errors import Category, Issue, Problem

# A number a float may not give back as written: trailing zero, exponent, more than 15 digits.
_FRAGILE = re.compile(rb"[:\[,]\s*-?(?:\d+\.\d*0\b|\d[\d.]*[eE]|(?=[\d.]{16,})\d[\d.]*|-0\b)")


class Decimal(float):
    """A float that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Decimal:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __reduce__(self) -> tuple[type[Decimal], tuple[str]]:
        return (Decimal, (self.text,))


def _default(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def loads(data: bytes | str) -> Any:
    """Read JSON. Raises Problem(MALFORMED) with line and column; NaN and Infinity are not JSON."""
    raw = data.encode() if isinstance(data, str) else data
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(
            Category.MALFORMED,
            f"The content is not JSON: {error.msg}",
            [Issue(where, f"not JSON: {error.msg}", "one JSON value in UTF-8", "structure")],
        ) from None
    try:
        # Some room above it, since what is read is later written inside a Bundle.
        written = orjson.dumps([[[[[[[[value]]]]]]]])
    except TypeError:
        raise Problem(
            Category.MALFORMED,
            "The content is nested too deeply",
            [Issue("", "nested too deeply", "at most 240 levels", "too-long")],
        ) from None
    # What comes out the same byte for byte has nothing to remember; most machines write JSON that way.
    if written[8:-8] != raw and _FRAGILE.search(raw):
        return json.loads(raw, parse_float=Decimal, parse_int=_whole)
    return value


def _whole(text: str) -> int | Decimal:
    # Larger ones have no place in a machine's integer; as a decimal they come back as they were written.
    return int(text) if len(text) < 19 else Decimal(text)


def dumps(value: object, *, pretty: bool = False) -> bytes:
    """Write JSON in UTF-8, decimals as they were read."""
    option = orjson.OPT_PASSTHROUGH_SUBCLASS
    if pretty:
        option |= orjson.OPT_INDENT_2
    return orjson.dumps(value, default=_default, option=option)
