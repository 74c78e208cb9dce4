"""What the clinic's lists show, as frozen values: presenters fill them, templates read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tovholder.web.view_models import Flag, NextStep, Text


@dataclass(frozen=True, slots=True)
class Tab:
    """One filter of the list, with how many it holds."""

    key: str
    title: Any
    count: int
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column the list can be ordered by: its name, the address that does, and which way it stands now ("" not)."""

    key: str
    title: Any
    url: str
    way: str  # ascending, descending or ""

    @property
    def current(self) -> bool:
        """Whether the list stands in this order."""
        return bool(self.way)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one column of a package's file says of one course."""

    title: Text
    text: Any
    known: bool


@dataclass(frozen=True, slots=True)
class Course:
    """One of the patient's courses, as the row names it."""

    title: Text
    phase_label: Any
    url: str


@dataclass(frozen=True, slots=True)
class Asleep:
    """A flag that is put off, and until when."""

    title: Text
    until_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CockpitRow:
    """One patient: in one package, or over all of them. level_from: the package the level is from, where there are several."""

    patient_id: str
    key: str
    name: str
    age: int | None
    courses: tuple[Course, ...]
    level: int | None
    level_from: Text
    review: str  # why the level should be looked at again
    flags: tuple[Flag, ...]
    asleep: tuple[Asleep, ...]
    deadline_day: int | None
    days_left: int | None
    deadline_state: str  # none, unknown, met, running, soon, broken
    next_step: NextStep | None
    last_control_day: int | None
    next_control_day: int | None
    noshows_12m: int
    missing: tuple[Text, ...]
    shown: tuple[Shown, ...]
    assigned: Any
    attempt: Any
    url: str
    follow_url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A saved view."""

    number: int
    name: str
    url: str
    shared: bool
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CockpitPage:
    """The clinic's list with its filters. never_measured: what no patient of the clinic has recorded."""

    rows: tuple[CockpitRow, ...]
    packages: tuple[Tab, ...]
    tabs: tuple[Tab, ...]
    levels: tuple[Tab, ...]
    columns: tuple[Column, ...]
    orders: tuple[Column, ...]
    never_measured: tuple[Text, ...]
    search: str
    shown: int  # that pass the filters
    total: int
    package: str
    title: Text
    empty: Text
    more_url: str
    query: str
    saved: tuple[Choice, ...]
    order_key: str
    order_way: str

    @property
    def chosen(self) -> int:
        """How many filters are on: a package, a part of the list, a level, an order of one's own."""
        part = any(tab.current for tab in self.tabs[1:])
        level = any(tab.current for tab in self.levels[1:])
        return sum((bool(self.package), part, level, bool(self.order_key)))
