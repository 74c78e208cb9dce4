"""The number of rights changed: what a token or session stands for is remembered only as long as this number stays.

Whoever takes a right away (or gives one) calls ``bump`` in the transaction that does it; every process asks for the
number before it uses what it remembers, so that the next request after the commit is answered by the new rights.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from tovholder import database


def current() -> int:
    """The number now; 0 before rights have ever changed. One short SELECT."""
    found = database.rows("SELECT number FROM access_generation WHERE id = 1")
    return int(found[0][0]) if found else 0


def bump() -> None:
    """Rights change: forget what was remembered, everywhere, as soon as the caller's transaction is committed.

    The new number is drawn at random, so that a record restored from a backup never comes back to one it had.
    """
    number = secrets.randbits(62) + 1
    if not database.execute("UPDATE access_generation SET number = %s WHERE id = 1", [number]):
        database.insert("access_generation", ("id", "number"), [(1, number)])


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """What was looked up about somebody's rights, for as long as nobody's rights change."""

    def __init__(self, most: int = 10_000) -> None:
        self._kept: dict[K, tuple[int, V]] = {}
        self._most = most

    def get(self, key: K, look_up: Callable[[], V | None]) -> V | None:
        """What is known under the key, looked up where it is not known any more; None is not remembered.

        The number is asked before anything is looked up: what another process took away meanwhile may be kept under
        the old number, and is found under it by nobody.
        """
        number = current()
        held = self._kept.get(key)
        if held is not None and held[0] == number:
            return held[1]
        found = look_up()
        if found is None:
            self._kept.pop(key, None)
            return None
        if len(self._kept) >= self._most:
            self._kept.clear()
        self._kept[key] = (number, found)
        return found

    def clear(self) -> None:
        """Forget everything (in this process)."""
        self._kept.clear()
