"""What goes into a spreadsheet: text that is not run there."""

from __future__ import annotations


def harmless(text: str) -> str:
    """A text a spreadsheet does not take for a formula, whatever somebody called themselves or wrote."""
    return f"'{text}" if _is_run(text) else text


def meant(text: str) -> str:
    """What stood there before ``harmless``: for a file that is read again."""
    return text[1:] if text.startswith("'") and _is_run(text[1:]) else text


def _is_run(text: str) -> bool:
    return text.lstrip(" \u00a0")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")
