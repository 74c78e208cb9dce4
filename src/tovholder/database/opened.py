"""What a unit of work learns when it begins to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Statement = tuple[str, Sequence[Any]]
Answer = list[tuple[Any, ...]]


@dataclass(slots=True)
class Opened:
    """now: the database's time after every lock was held, epoch milliseconds; on SQLite never below the last stamp.

    keys, seqs: numbers for resources and versions already taken for this unit, to be used before others are asked for.
    """

    now: int
    keys: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
