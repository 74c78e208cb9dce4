"""Where a value stands while R4's invariants are judged, and what the hand-written ones share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Object = dict[str, Any]


class Scope:
    """Where a value stands: ``resource`` is the resource it is part of, ``root`` the one that contains that (or the same)."""

    __slots__ = ("_contained", "_root", "resource")

    def __init__(self, resource: Object, root: Scope | None = None) -> None:
        self.resource = resource
        self._root = (
            root  # not itself: a scope that held itself would keep its resource until the cycles are looked for
        )
        self._contained: dict[str, str] | None = None

    @property
    def root(self) -> Scope:
        """The scope of the resource that contains this one; of one that stands alone its own."""
        return self if self._root is None else self._root

    def contained(self) -> dict[str, str]:
        """The ids of the resources contained in the root, with the type of each."""
        found = self.root._contained
        if found is None:
            listed = self.root.resource.get("contained")
            found = {
                one["id"]: one.get("resourceType", "")
                for one in (listed if isinstance(listed, list) else ())
                if isinstance(one, dict) and isinstance(one.get("id"), str)
            }
            self.root._contained = found
        return found


Broken = Callable[[Any, Scope], bool]


def never(o: Any, scope: Scope) -> bool:
    """For what the structure already refuses, or what R4's own expression never finds."""
    return False


def repeated(values: Iterable[Any]) -> bool:
    """Whether a value comes twice."""
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            return True
        seen.add(value)
    return False
