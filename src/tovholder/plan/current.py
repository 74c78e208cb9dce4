"""Which of several fact rows holds now: the level last decided in each course."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LEVEL_COLUMNS = ("level_id", "episode_id", "level", "decided_day")


def levels(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The level of each course by its latest decision; a course without one is left out (undecided)."""
    ordered = sorted(rows, key=lambda row: (row["decided_day"] or 0, row["level_id"]))
    return {row["episode_id"]: row["level"] for row in ordered if row["level"] is not None and row["episode_id"]}
