"""rules/*.toml, indicators/*.toml and examples/*.json as values: what is watched, counted and expected."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from tovholder.packages.common import Code, Frozen, LevelNumber, Text, Whole, Words, YesNo
from tovholder.packages.model_head import PlanSource

Value = str | Whole | None
AtLevel = Literal["1", "2", "3", "undecided", "3-to-1"]
Rows = dict[str, tuple[dict[str, Value], ...]]  # fact table → rows; columns left out are NULL


class RuleExample(Frozen):
    """Fact rows and the rows the SQL gives for them, the same on every engine.

    In ``facts`` and ``expect`` a column ending in _day may be written YYYY-MM-DD; columns left out of ``facts`` are
    NULL, and only the columns named in ``expect`` are compared. ``at_levels`` asks of a rule whether its flag is raised
    when the episodes of ``expect`` are decided at that level ("3-to-1": decided 3 first and 1 the day after).
    """

    name: Words
    today: date
    facts: Rows
    expect: tuple[dict[str, Value], ...]
    at_levels: dict[AtLevel, YesNo] = Field(default_factory=dict)


class Rule(Frozen):
    """rules/*.toml: a flag as one SELECT with columns patient_id, episode_id, since_day (and more for the reason text).

    ``levels``: the levels of the episode's latest decision at which the flag is raised; "all" includes undecided.
    Reason placeholders: {days} (since → today), {since}, {deadline} (column deadline_day), and further output
    columns by name (those ending in _day are dates). ``refer``: the referral of the package that answers the flag.
    """

    id: Code
    version: Whole = 1
    kind: Literal["compliance", "deadline", "question"]
    title: Text
    severity: Literal["high", "medium", "low"]
    levels: Literal["all"] | tuple[LevelNumber, ...]
    reason: Text
    action: Text  # what to do about it
    refer: Code | None = None
    sql: Words
    source: Code
    examples: tuple[RuleExample, ...] = ()

    def applies_at(self, level: int | None) -> bool:
        """Whether the flag is raised for an episode whose decided level is this (None: undecided)."""
        return self.levels == "all" or level in self.levels


class Indicator(Frozen):
    """indicators/*.toml: one SELECT giving patient_id, episode_id, period_id, in_denominator, in_numerator, missing."""

    id: Code
    version: Whole = 1
    title: Text
    definition: Text
    period_rule: Text  # which month an episode counts in
    period: Literal["month"]
    strata: tuple[Literal["region", "sundhedsraad", "municipality", "level", "legacy", "sex", "age"], ...]
    standard_percent: Whole | None = None  # the wanted share, where one is set
    right: Code | None = None
    sql: Words
    source: Code
    examples: tuple[RuleExample, ...] = ()


class ExpectedLevel(Frozen):
    """The proposal expected: level (None: none may be proposed), ids of reasons, names of what is unknown."""

    proposed: LevelNumber | None
    grade: str | None = None
    reasons: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class ExpectedActivity(Frozen):
    """An activity expected in the plan made on the example's plan day."""

    id: Code
    kind: Code
    due: date


class ExpectedChange(Frozen):
    """How a measure is expected to have changed since the course began; ``matters`` None: nobody can say."""

    input: Code
    way: Literal["better", "worse", "same", "unknown"]
    matters: YesNo | None


class ExpectedBand(Frozen):
    """The band the newest measurement of an input is expected to lie in; None: it lies in none, or is not measured."""

    input: Code
    band: Code | None


class ExpectedFlag(Frozen):
    """A flag expected on the example's today."""

    rule: Code
    since: date


class ExpectedIndicator(Frozen):
    """An indicator row expected for the patient's episode; absent from the list: no row."""

    period: str
    in_denominator: Literal[0, 1]
    in_numerator: Literal[0, 1]
    missing: Literal[0, 1]


class ExpectedInclusion(Frozen):
    """Whether the patient is proposed, with the names of the reasons for and against."""

    included: YesNo
    reasons: tuple[str, ...]
    diagnosis_day: date | None = None


class Expect(Frozen):
    """All that is expected of one patient; what is left out is not asked (an empty list is)."""

    inclusion: ExpectedInclusion
    level: ExpectedLevel | None = None
    plan: tuple[ExpectedActivity, ...] | None = None
    stops: tuple[Code, ...] | None = None  # the ids of the stop rules that hold
    changes: tuple[ExpectedChange, ...] | None = None
    bands: tuple[ExpectedBand, ...] | None = None
    flags: tuple[ExpectedFlag, ...] = ()
    indicators: dict[str, ExpectedIndicator] = Field(default_factory=dict)


class Example(Frozen):
    """examples/*.json: one patient's resources and what must come of them."""

    id: Code
    title: Text
    today: date
    plan_confirmed: date | None = None  # the day the expected plan is made on; none: today
    # Only where plans come from there. None: wherever they come from, but an expected plan is then the package's own.
    source: PlanSource | None = None
    # Values of the package's parameters in this example, as an installation might choose them.
    parameters: dict[str, Whole | str] = Field(default_factory=dict)
    resources: tuple[dict[str, Any], ...]
    expect: Expect
