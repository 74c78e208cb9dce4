"""A version of a package that cannot be used: what is wrong with it, and what is in force in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tovholder.base.errors import Issue


class Origin(StrEnum):
    """Which folder a version came from."""

    OURS = "ours"  # comes with Tovholder
    EARLIER = "earlier"  # an earlier version that comes with Tovholder
    OWN = "own"  # the installation's


@dataclass(frozen=True, slots=True)
class SetAside:
    """One version set aside. ``id`` and ``version`` as its package.toml says or, where that cannot be read, its folder.

    ``instead``: the version in force in its place; empty when the package has no other here, and then its courses are
    shown as the record has them. ``words``: only its licensed words are set aside, and it is used in its neutral ones.
    """

    folder: str
    origin: Origin
    id: str
    version: str
    title: str
    issues: tuple[Issue, ...]
    instead: str = ""
    words: bool = False

    @property
    def name(self) -> str:
        """What to call it: its id and version, as far as they are known."""
        return f"{self.id}@{self.version}" if self.version else self.id
