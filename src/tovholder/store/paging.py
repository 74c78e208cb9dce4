"""Where a page ended, as text for an address: opaque, though not secret (what must be is sealed by search/cursor.py)."""

from __future__ import annotations

import base64
import binascii

from tovholder.base.errors import Category, Issue, Problem


def encode(told: str) -> str:
    """The place as a cursor."""
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """The place a cursor stands for; nothing when it is unreadable."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        return ""


def not_ours() -> Problem:
    """A cursor that stands for no place."""
    return Problem(
        Category.INVALID, "The page cursor is not one of ours", [Issue("_cursor", "unreadable", "a link we gave")]
    )
