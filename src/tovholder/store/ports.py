"""What the record needs from above: guards before each write, derivations before commit; bound in config/wiring.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tovholder.access import Context

if TYPE_CHECKING:
    from tovholder.store.unit import UnitOfWork

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A write about to happen: old is None for a create, new is None for a delete."""

    type: str
    old: Resource | None
    new: Resource | None
    ctx: Context


class Guard(Protocol):
    """Checks one write, whoever makes it; raises Problem to stop it."""

    def __call__(self, change: Change, uow: UnitOfWork) -> None: ...


class Derive(Protocol):
    """A step that brings derived things up to date for patients whose facts changed.

    What it writes may name further tables for later steps, but never starts the steps again.
    """

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None: ...


# Whether the guards of a type let a new resource pass unseen: no more than a look at the resource itself.
Pass = Callable[[Resource], bool]
_guards: dict[str, list[Guard]] = {}
_passes: dict[str, Pass] = {}
_steps: list[Derive] = []


def bind(*, guards: Mapping[str, list[Guard]], steps: list[Derive], passes: Mapping[str, Pass] | None = None) -> None:
    """Set what runs; replaces what was bound before. passes: for types most of whose resources no guard cares about."""
    _guards.clear()
    _guards.update({name: list(items) for name, items in guards.items()})
    _passes.clear()
    _passes.update(passes or {})
    _steps[:] = steps


def unguarded(resource_type: str, resource: Resource) -> bool:
    """Whether no guard has anything to say about this new resource."""
    if not _guards.get(resource_type):
        return True
    passes = _passes.get(resource_type)
    return passes is not None and passes(resource)


def guards_of(resource_type: str) -> list[Guard]:
    """The guards for a resource type."""
    return _guards.get(resource_type, [])


def steps() -> list[Derive]:
    """The derivation steps in order."""
    return list(_steps)
