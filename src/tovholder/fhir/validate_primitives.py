"""Checks of the primitive types: JSON kind, format, range and real calendar dates; no message ever repeats the value."""

from __future__ import annotations

import math
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from calendar import monthrange
from collections.abc import Callable, Mapping

from tovholder.fhir import narrative

# What a check found: location relative to the checked value (".family", "[0].family" or ""), message, expected, code.
Finding = tuple[str, str, str, str]
Check = Callable[[object], list[Finding] | None]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ZONELESS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?", re.ASCII)
_LONGEST_TEXT = 1024 * 1024  # R4 §2.24.0.1: strings SHALL NOT exceed 1 MB
_INTEGER = range(-(2**31), 2**31)
_RANGES = {"integer": _INTEGER, "positiveInt": range(1, 2**31), "unsignedInt": range(2**31)}
_EXPECTED = {
    "date": "a date such as 2027, 2027-03 or 2027-03-15",
    "dateTime": "a date, or a date and time with seconds and zone such as 2027-03-15T09:30:00+01:00",
    "instant": "a date and time with seconds and zone such as 2027-03-15T09:30:00+01:00",
    "time": "a time such as 09:30:00",
    "id": "1 to 64 of the characters A-Z a-z 0-9 - .",
    "element-id": "text without spaces",
    "uri": "a URI without spaces",
    "url": "a URL without spaces",
    "canonical": "a URL without spaces",
    "oid": "urn:oid: and an object identifier",
    "uuid": "urn:uuid: and a UUID in lower case",
    "code": "a code without leading, trailing or double spaces",
    "base64Binary": "base64 text",
    "decimal": "a number",
    "integer": "a whole number from -2147483648 to 2147483647",
    "positiveInt": "a whole number from 1 to 2147483647",
    "unsignedInt": "a whole number from 0 to 2147483647",
    "boolean": "true or false",
    "string": "text",
    "markdown": "text",
    "xhtml": "a div of XHTML with basic formatting",
}


def kind_of(value: object) -> str:
    """What JSON calls a value, for messages that may not repeat it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "text" if value else "an empty text"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a decimal number"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    return f"a {type(value).__name__}"


def wrong_kind(value: object, wanted: str, expected: str) -> list[Finding]:
    """Findings for a value of the wrong JSON kind, or for null and empty ones, which FHIR has no use for."""
    if value is None:
        return [("", "null is not a value", f"{expected}, or no element at all", "structure")]
    if isinstance(value, (str, list, dict)) and not value:
        return [("", f"{kind_of(value)} is not a value", f"{expected}, or no element at all", "structure")]
    return [("", f"found {kind_of(value)} where {wanted} belongs", expected, "structure")]


def _bad_text(value: object, name: str) -> list[Finding]:
    expected = _EXPECTED[name]
    if not isinstance(value, str) or not value:
        return wrong_kind(value, f"a {name}", expected)
    return [("", f"the text is not a valid {name}", expected, "value")]


def _string(name: str) -> Check:
    def check(value: object) -> list[Finding] | None:
        # isprintable is the quick way to see that there is no control character; line breaks need the closer look.
        if isinstance(value, str) and value and (value.isprintable() or not _CONTROL.search(value)):
            if len(value) <= _LONGEST_TEXT:
                return None
            return [("", "the text is too long", f"at most {_LONGEST_TEXT} characters", "too-long")]
        if isinstance(value, str) and value:
            return [
                (
                    "",
                    "the text has control characters",
                    "text with no control character but tab and line break",
                    "value",
                )
            ]
        return _bad_text(value, name)

    return check


# R4's own pattern of a code, written so that a text of a million words is not tried in a million ways.
_CODE = r"\S++(?:\s\S++)*+"


def _pattern(name: str, pattern: str) -> Check:
    matches = re.compile(_CODE if name == "code" else pattern, re.ASCII).fullmatch

    def check(value: object) -> list[Finding] | None:
        if isinstance(value, str) and value and len(value) <= _LONGEST_TEXT and matches(value):
            return None
        return _bad_text(value, name)

    return check


def _calendar(name: str, pattern: str) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check(value: object) -> list[Finding] | None:
        if not isinstance(value, str) or not matches(value):
            if name != "date" and isinstance(value, str) and _ZONELESS.fullmatch(value):
                return [("", f"the {name} has a time without seconds or zone", _EXPECTED[name], "value")]
            return _bad_text(value, name)
        if value[8:10] > "28" and int(value[8:10]) > monthrange(int(value[:4]), int(value[5:7]))[1]:
            return [("", f"the {name} names a day that month does not have", "a day of the calendar", "value")]
        return None

    return check


def _whole(name: str) -> Check:
    allowed = _RANGES[name]
    low, high = allowed.start, allowed.stop - 1

    def check(value: object) -> list[Finding] | None:
        if isinstance(value, int) and value is not True and value is not False:
            if low <= value <= high:
                return None
            return [("", f"the number is outside the range of {name}", _EXPECTED[name], "value")]
        return wrong_kind(value, f"a {name}", _EXPECTED[name])

    return check


def _decimal(value: object) -> list[Finding] | None:
    if isinstance(value, (int, float)) and value is not True and value is not False:
        # A whole number of any size is finite; math.isfinite would overflow on very long ones.
        if isinstance(value, int) or math.isfinite(value):
            return None
        return [("", "the number is too large", _EXPECTED["decimal"], "value")]
    return wrong_kind(value, "a decimal", _EXPECTED["decimal"])


def _boolean(value: object) -> list[Finding] | None:
    if value is True or value is False:
        return None
    return wrong_kind(value, "a boolean", _EXPECTED["boolean"])


def _base64(value: object) -> list[Finding] | None:
    if isinstance(value, str) and value.strip():
        try:
            # FHIR allows white space between groups; the strict decoder does not.
            a2b_base64("".join(value.split()), strict_mode=True)
        except (Base64Error, ValueError):
            return _bad_text(value, "base64Binary")
        return None
    return _bad_text(value, "base64Binary")


def _xhtml(value: object) -> list[Finding] | None:
    if not isinstance(value, str) or not value:
        return _bad_text(value, "xhtml")
    if len(value) > _LONGEST_TEXT:
        return [("", "the text is too long", f"at most {_LONGEST_TEXT} characters", "too-long")]
    wrong = narrative.problem(value)
    return [("", wrong, _EXPECTED["xhtml"], "invariant")] if wrong else None


def primitive_checks(patterns: Mapping[str, str]) -> dict[str, Check]:
    """The check of each primitive type; ``patterns`` are the regular expressions of the definitions."""
    checks: dict[str, Check] = {"boolean": _boolean, "decimal": _decimal, "base64Binary": _base64, "xhtml": _xhtml}
    checks |= {name: _whole(name) for name in _RANGES}
    checks |= {name: _string(name) for name in ("string", "markdown")}
    checks |= {name: _calendar(name, patterns[name]) for name in ("date", "dateTime", "instant")}
    checks |= {name: _pattern(name, pattern) for name, pattern in patterns.items() if name not in checks}
    checks["element-id"] = _pattern("element-id", r"\S+")
    return checks
