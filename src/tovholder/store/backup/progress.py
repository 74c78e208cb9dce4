"""How far a long step has come."""

from __future__ import annotations

from collections.abc import Callable

# What is done just now, how much of it, of how much (None: nobody knows).
Progress = Callable[[str, int, int | None], None]


def silent(step: str, done: int, total: int | None) -> None:
    """Tell nobody."""
