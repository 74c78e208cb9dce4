"""Small readings of text that came from outside."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]*(?:[:.][A-Za-z_-]+)*")  # of FHIR's shape: no digit, so nobody's number


def whole_number(text: str) -> int | None:
    """A number written in at most 18 ASCII digits; None for anything else (``²`` is a digit to Python, too)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def name_to_tell(text: str) -> str:
    """A name a client sent, as far as it may be told back: one of FHIR's shape; else empty, as it may be anybody's."""
    return text if len(text) <= 64 and _NAME.fullmatch(text) else ""
