"""The words of a merged plan: where its steps come from, what is done together, and where packages disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tovholder.packages.common import Text
from tovholder.plan.domain import INSIDE
from tovholder.plan.values import Code


class State(StrEnum):
    """Where a step stands."""

    OPEN = "open"
    BOOKED = "booked"  # agreed for a day
    PAUSED = "paused"  # the course rests: shown, and done together with nothing
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One package's step: what it is, who does it, when it is due, and the days it may be done on."""

    id: str  # of the ServiceRequest
    course: str  # the episode
    package: str
    package_title: Text
    level: int | None = None
    kind: str
    title: Text
    shared: str | None = None
    performer: str
    due_day: int | None = None
    first_day: int | None = None
    last_day: int | None = None
    tests: tuple[Code, ...] = ()
    state: State = State.OPEN
    appointment: str | None = None
    day: int | None = None  # of the appointment, or when it was done

    @property
    def window(self) -> tuple[int, int] | None:
        """Its days, first and last included. Without a window the due day alone is safe; without that, none is known."""
        if self.due_day is None and (self.first_day is None or self.last_day is None):
            return None
        first = self.first_day if self.first_day is not None else self.due_day
        last = self.last_day if self.last_day is not None else self.due_day
        assert first is not None
        assert last is not None
        return (first, last) if first <= last else (last, last)

    def overdue(self, today: int) -> bool:
        """Whether its last day has passed."""
        return self.state is State.OPEN and self.window is not None and self.window[1] < today


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done on one day, for one or more packages."""

    family: str
    shared: str | None  # what it is called by, where any of its origins is shared
    day: int | None
    first_day: int | None  # the days it may be done on for all of its origins
    last_day: int | None
    performer: str
    state: State
    overdue: bool
    appointment: str | None
    origins: tuple[Origin, ...]

    @property
    def id(self) -> str:
        """The same for the same origins."""
        return self.origins[0].id

    @property
    def tests(self) -> tuple[Code, ...]:
        """All that its origins want measured, each once."""
        found: dict[tuple[str, str], Code] = {}
        for origin in self.origins:
            for test in origin.tests:
                found.setdefault((test.system, test.code), test)
        return tuple(found[key] for key in sorted(found))

    @property
    def level(self) -> int | None:
        """The highest level any of its courses is decided at."""
        return max((origin.level for origin in self.origins if origin.level is not None), default=None)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages it is for."""
        return tuple(dict.fromkeys(origin.package for origin in self.origins))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What one goal wants a measurement to be, or says in words; ``suggested``: by the package, not in the plan yet."""

    id: str
    package: str
    package_title: Text
    text: Text
    measure: Code | None = None
    at_least: int | None = None  # thousandths
    at_most: int | None = None
    unit: str = ""
    code: Code | None = None
    suggested: bool = False
    by_patient: bool = False


class Disagreement(StrEnum):
    """How packages differ."""

    APART = "apart"  # no value keeps both limits
    STRICTER = "stricter"  # one limit is narrower than another
    UNITS = "units"  # the limits stand in different units, so nobody can say
    ADVICE = "advice"  # the same subject, in different words
    PERFORMER = "performer"  # the same step, asked of people who cannot do it together


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Something a person has to decide; nothing is decided here."""

    kind: Disagreement
    about: Code
    aims: tuple[Aim, ...] = ()
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What is still to come: times the patient comes, times something is taken or examined, things measured, offers."""

    visits: int = 0
    examinations: int = 0
    tests: int = 0
    offers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One plan over all packages."""

    steps: tuple[Step, ...]
    contradictions: tuple[Contradiction, ...]
    before: Counts
    after: Counts


@dataclass(frozen=True, slots=True)
class Families:
    """Which shared ids are one family (an annual status is a check-up too), and what each counts as."""

    root: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # of two shared ids in one step, the first here gives it its name

    def of(self, origin: Origin) -> str:
        """The family of a step: of its shared id, else its kind; people who cannot do it together keep it apart."""
        what = self.root.get(origin.shared or "", origin.shared or "") or f"kind:{origin.kind}"
        return f"{what}/{hands(origin.performer)}"

    def counted(self, step_or_origin: Step | Origin) -> str:
        """visit, test or offer."""
        if step_or_origin.shared is not None:
            return self.counts.get(step_or_origin.shared, "visit")
        return "offer" if step_or_origin.performer == "patient" else "visit"


def hands(performer: str) -> str:
    """Doctor and nurse of the clinic can do a step together; everybody else is somebody else."""
    return "clinic" if performer in INSIDE - {"patient"} else performer


def performer_of(origins: Iterable[Origin]) -> str:
    """Who does a step for several packages: the doctor where any of them wants the doctor, else whom they agree on."""
    wanted = {origin.performer for origin in origins}
    return "gp" if "gp" in wanted else min(wanted)


def span(origin: Origin, today: int) -> tuple[int, int]:
    """The days a step may still be done on; one whose days have all passed is to be done now."""
    assert origin.window is not None
    first, last = origin.window
    return (max(first, today), last) if last >= today else (today, today)
