"""plan.toml as values: goals with targets, activities with their timing, medicines to follow up, and when to stop."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from tovholder.base import days
from tovholder.packages.common import Code, CodeValue, Condition, Frozen, LevelNumber, Number, Text, Whole
from tovholder.packages.model_head import Receiver


class GoalTarget(Frozen):
    """What a measurement (kept under the input's first code) is to reach, in the input's unit, both ends included."""

    input: Code
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> GoalTarget:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a target has at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self


class Goal(Frozen):
    """A goal suggested for the talk with the patient; never written into a plan by itself."""

    id: Code
    text: Text
    code: CodeValue | None = None
    target: GoalTarget | None = None
    when: Condition | None = None
    source: Code


MonthDay = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class Season(Frozen):
    """The time of the year something can be done in, both days included, as month-day; it may pass over New Year."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    opens: MonthDay = Field(alias="from")
    closes: MonthDay = Field(alias="to")

    @model_validator(mode="after")
    def _real_days(self) -> Season:
        for text in (self.opens, self.closes):
            try:
                self._on(2027, text)  # a year without 29 February: a season opens and closes every year
            except ValueError:
                raise ValueError(f"{text} is no day of every year") from None
        return self

    def around(self, day: int) -> tuple[int, int]:
        """The first and last day of the season a day lies in, else of the next one to come."""
        year = days.date_of(day).year
        for opening in (year - 1, year, year + 1):
            first = self._on(opening, self.opens)
            last = self._on(opening + (self.closes < self.opens), self.closes)
            if day <= last:
                return first, last
        raise AssertionError("a season comes every year")

    @staticmethod
    def _on(year: int, text: str) -> int:
        month, number = text.split("-")
        return days.day_of(date(year, int(month), int(number)))


class Timing(Frozen):
    """When an activity is due. The first row whose levels and grades fit is used; no row that fits: no activity.

    Empty levels or grades fit all; grade "unknown" fits when the grade could not be computed. ``after_months``,
    ``after_days`` or ``at_days`` (several times, as a status after 2, 4 and 8 weeks) count from the anchor;
    ``repeat_months`` repeats within the plan's horizon (its last day included). ``when``: the row is for those of whom
    it is true; where nobody knows, the next row is tried. ``season``: the day is moved into the season; it
    may be done from then on and is due on the season's last day (within the horizon).
    """

    levels: tuple[LevelNumber, ...] = ()
    grades: tuple[str, ...] = ()
    after_months: Whole | None = None
    after_days: Whole | None = None
    at_days: tuple[Whole, ...] = ()
    repeat_months: Whole | None = None
    when: Condition | None = None
    season: Season | None = None

    @model_validator(mode="after")
    def _one_offset(self) -> Timing:
        given = [self.after_months is not None, self.after_days is not None, bool(self.at_days)]
        if sum(given) != 1:
            raise ValueError("a timing has exactly one of after_months, after_days, at_days")
        if self.at_days and self.repeat_months:
            raise ValueError("at_days says every time itself; repeat_months does not belong beside it")
        if self.at_days and self.season:
            raise ValueError("at_days says every day itself; a season does not belong beside it")
        if list(self.at_days) != sorted(set(self.at_days)):
            raise ValueError("at_days are different days, in order")
        return self

    @property
    def repeats(self) -> bool:
        """Whether it comes more than once."""
        return bool(self.repeat_months) or len(self.at_days) > 1

    def fits(self, level: int | None, grade: str | None) -> bool:
        """Whether this row is for a level and grade (None = undecided, unknown)."""
        return (not self.levels or level in self.levels) and (not self.grades or (grade or "unknown") in self.grades)


class Activity(Frozen):
    """An activity of the plan, made when its condition is true (unknown makes none, and is listed).

    ``shared``: what it is to any package, an id of builtin/shared.toml: done once for all of the patient's packages
    whose windows meet. ``tests``: what is measured in it; done together, all of it is. ``anchor`` "input": its timing
    counts from the day ``anchor_input`` is known from (the discharge, the measurement); from the confirmed day when
    that has no day.
    """

    id: Code
    kind: Code  # ServiceRequest.code and Appointment.serviceType
    title: Text
    performer: Receiver
    anchor: Literal["confirmed", "diagnosis", "input"] = "confirmed"
    anchor_input: Code | None = None
    timing: tuple[Timing, ...]
    window_before_days: Whole
    window_after_days: Whole
    when: Condition | None = None
    referral: Code | None = None  # sent as this referral of referrals.toml
    shared: Code | None = None
    tests: tuple[CodeValue, ...] = ()
    source: Code

    @model_validator(mode="after")
    def _anchored(self) -> Activity:
        if (self.anchor == "input") != (self.anchor_input is not None):
            raise ValueError('anchor = "input" and anchor_input belong together')
        return self


Atc = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?$")]


class Medicine(Frozen):
    """A group of medicines the package knows, by what their ATC codes begin with, and when to ask how it went.

    A start or change is followed up by an activity of the kind ``followup``, ``start_days`` or ``change_days`` after it,
    with its window. ``look_for``: what to ask about then. What to prescribe is never said.
    """

    id: Code
    title: Text
    atc: Annotated[tuple[Atc, ...], Field(min_length=1)]
    followup: Code  # a kind of appointment
    performer: Receiver
    start_days: Annotated[Whole, Field(ge=0)]
    change_days: Annotated[Whole, Field(ge=0)]
    window_before_days: Annotated[Whole, Field(ge=0)] = 0
    window_after_days: Annotated[Whole, Field(ge=0)]
    look_for: Text | None = None
    source: Code

    def covers(self, code: str) -> bool:
        """Whether an ATC code belongs to the group."""
        return any(code.startswith(prefix) for prefix in self.atc)


class Stop(Frozen):
    """When a course can end well: told to the clinic as a question, never done by itself. Placeholders: input names."""

    id: Code
    end_reason: Literal["completed", "merged"]
    when: Condition
    text: Text
    source: Code


class PlanTemplate(Frozen):
    """plan.toml."""

    title: Text
    horizon_months: Whole
    review_months: Whole
    goals: tuple[Goal, ...]
    activities: tuple[Activity, ...]
    stops: tuple[Stop, ...] = ()
    medicines: tuple[Medicine, ...] = ()
    source: Code
