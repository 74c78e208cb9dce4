"""What the page of a patient's merged plan shows, as frozen values: the presenter fills them, the template reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tovholder.web.patient_view import Head
from tovholder.web.view_models import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One package's own step: what it calls it, when it is due, and its days."""

    package: Text
    title: Text
    level: int | None
    due_day: int | None
    first_day: int | None
    last_day: int | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done on one day, for one or more packages."""

    id: str
    ids: tuple[str, ...]  # of the planned steps it is made of
    title: Text
    who: Any
    day: int | None
    first_day: int | None
    last_day: int | None
    state: str  # open, booked, paused, done
    state_label: Any
    icon: str
    late: bool
    start: Any  # of the appointment
    tests: tuple[str, ...]
    origins: tuple[Origin, ...]
    bookable: bool
    form: Any = None

    @property
    def joint(self) -> bool:
        """Whether more than one package asks for it."""
        return len(self.origins) > 1


@dataclass(frozen=True, slots=True)
class Month:
    """The steps of a month, in order."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What one package says, where several differ."""

    package: Text
    text: Text
    limits: str
    whose: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Something the clinic and the patient have to decide."""

    about: Text
    what: Any
    serious: bool
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, and how many there would be if each package stood alone."""

    title: Any
    after: int
    before: int

    @property
    def saved(self) -> int:
        """How many fewer."""
        return self.before - self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPage:
    """The whole page."""

    head: Head
    packages: tuple[Text, ...]
    contradictions: tuple[Contradiction, ...]
    counts: tuple[Count, ...]
    late: tuple[Step, ...]
    months: tuple[Month, ...]
    undated: tuple[Step, ...]
    paused: tuple[Step, ...]
    done: tuple[Step, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no package has a step."""
        return not (self.late or self.months or self.undated or self.paused or self.done)
