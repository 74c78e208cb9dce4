"""Small readings of text that came from outside."""

from __future__ import annotations


def whole_number(text: str) -> int | None:
    """A number written in at most 18 ASCII digits; None for anything else (``²`` is a digit to Python, too)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
