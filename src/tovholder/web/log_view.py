"""What the log's pages are made of: days, visits that unfold into their single looks, marks, and what one may choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """Something out of the ordinary about a line, with the words that explain it. kind: glass, stated, app, behalf, refused."""

    kind: str
    text: Any
    why: Any = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One event."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What one did in one go, as one line. looks: its events, newest first, where there are more than one."""

    first: datetime
    last: datetime
    text: str
    icon: str
    marks: tuple[Mark, ...] = ()
    looks: tuple[Look, ...] = ()
    about: str = ""  # of a clinic's log: which patients
    why: Any = ""

    @property
    def at_once(self) -> bool:
        """Whether it began and ended in the same minute."""
        return self.first.replace(second=0, microsecond=0) == self.last.replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Day:
    """The visits of a day, newest first."""

    day: int
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be chosen in a filter."""

    value: str
    text: Any
    chosen: bool


@dataclass(frozen=True, slots=True)
class LogPage:
    """The page. query: the filter as an address keeps it; older: the address of the page that follows."""

    days: tuple[Day, ...]
    kinds: tuple[Choice, ...]
    organizations: tuple[Choice, ...]
    colleagues: tuple[Choice, ...]
    from_day: str
    to_day: str
    filtered: bool
    query: str
    older: str
    newest: str
    fhir: str = ""
