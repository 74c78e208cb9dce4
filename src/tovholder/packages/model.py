"""The package format as frozen values: what a folder of package files means once it is read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tovholder.packages.common import CodeValue, Condition, Source, SourceKind, Text
from tovholder.packages.locate import Locator
from tovholder.packages.model_clinical import (
    Band,
    Base,
    Block,
    Change,
    Form,
    Grade,
    GradeGroup,
    Guideline,
    Input,
    InputSource,
    LevelRules,
    LicensedText,
    Limit,
    Raiser,
    Score,
    ScoreGroup,
    Scoring,
)
from tovholder.packages.model_head import (
    AppointmentKind,
    Head,
    Inclusion,
    InclusionCode,
    InclusionReasons,
    LevelMeaning,
    Parameter,
    PlanSource,
    Recurrence,
    Requirement,
    Right,
)
from tovholder.packages.model_plan import (
    Activity,
    Goal,
    GoalTarget,
    Medicine,
    PlanTemplate,
    Season,
    Stop,
    Timing,
)
from tovholder.packages.model_rules import (
    Example,
    Expect,
    ExpectedActivity,
    ExpectedBand,
    ExpectedChange,
    ExpectedFlag,
    ExpectedInclusion,
    ExpectedIndicator,
    ExpectedLevel,
    Indicator,
    Rule,
    RuleExample,
)
from tovholder.packages.model_screens import (
    Cockpit,
    Column,
    Content,
    ContentItem,
    Fill,
    Filter,
    GuidePart,
    Rank,
    Referral,
    ReferralField,
    Referrals,
    StartList,
)

__all__ = [
    "Activity",
    "AppointmentKind",
    "Band",
    "Base",
    "Block",
    "Change",
    "Cockpit",
    "CodeValue",
    "Column",
    "Condition",
    "Content",
    "ContentItem",
    "Example",
    "Expect",
    "ExpectedActivity",
    "ExpectedBand",
    "ExpectedChange",
    "ExpectedFlag",
    "ExpectedInclusion",
    "ExpectedIndicator",
    "ExpectedLevel",
    "Fill",
    "Filter",
    "Form",
    "Goal",
    "GoalTarget",
    "Grade",
    "GradeGroup",
    "GuidePart",
    "Guideline",
    "Head",
    "Inclusion",
    "InclusionCode",
    "InclusionReasons",
    "Indicator",
    "Input",
    "InputSource",
    "LevelMeaning",
    "LevelRules",
    "LicensedText",
    "Limit",
    "Medicine",
    "Package",
    "Parameter",
    "PlanSource",
    "PlanTemplate",
    "Raiser",
    "Rank",
    "Recurrence",
    "Referral",
    "ReferralField",
    "Referrals",
    "Requirement",
    "Right",
    "Rule",
    "RuleExample",
    "Score",
    "ScoreGroup",
    "Scoring",
    "Season",
    "Source",
    "SourceKind",
    "StartList",
    "Stop",
    "Text",
    "Timing",
]


@dataclass(frozen=True, slots=True)
class Package:
    """A package read, typed and whole. Where each thing was written is kept in ``locators`` (file → lines)."""

    folder: Path
    id: str
    version: str
    valid_from: int  # day
    titles: Text
    summary: Text
    approver: str
    episode_label: CodeValue
    source: PlanSource  # the one in force
    source_choices: tuple[PlanSource, ...]  # all this package can be run with
    sources: Mapping[str, Source]
    rights: tuple[Right, ...]
    levels: tuple[LevelMeaning, ...]
    appointment_kinds: tuple[AppointmentKind, ...]
    parameter_definitions: Mapping[str, Parameter]
    inclusion: Inclusion  # without the optional codes that are not chosen
    optional_codes: tuple[InclusionCode, ...]  # all that a parameter chooses
    plan: PlanTemplate
    forms: Mapping[str, Form]
    level: LevelRules
    rules: tuple[Rule, ...]
    cockpit: Cockpit
    indicators: tuple[Indicator, ...]
    referrals: tuple[Referral, ...]
    content: tuple[ContentItem, ...]
    examples: tuple[Example, ...]
    locators: Mapping[str, Locator] = field(compare=False, repr=False)

    @property
    def parameters(self) -> dict[str, int | str]:
        """Parameter values by name, as rules and indicators are given them."""
        given: dict[str, int | str] = {name: held.value for name, held in self.parameter_definitions.items()}
        given["plan_source"] = self.source
        return given | {right.parameter: right.days for right in self.rights}

    def with_parameters(self, changes: Mapping[str, int | str]) -> Package:
        """The package with other values of some of its parameters. Raises KeyError for one it has not."""
        held = dict(self.parameter_definitions)
        for name, value in changes.items():
            held[name] = held[name].model_copy(update={"value": value})
        return replace(self, parameter_definitions=held)

    @property
    def makes_plans(self) -> bool:
        """Whether plans are made here; else the GP system makes them and tells."""
        return self.source == "tovholder"

    def taking_plans_from(self, source: str) -> Package:
        """The package run with another source of plans. Raises ValueError when it cannot be."""
        for choice in self.source_choices:
            if choice == source:
                return replace(self, source=choice)
        raise ValueError(f"{self.id} takes plans from {' or '.join(self.source_choices)}, not {source}")

    @property
    def plan_right(self) -> Right:
        """The right to a plan: the one a confirmed plan stops."""
        return next(right for right in self.rights if right.stopped_by == "plan-confirmed")

    def rule(self, rule_id: str) -> Rule:
        """A rule by id (KeyError when there is none)."""
        return {held.id: held for held in self.rules}[rule_id]

    def referral(self, referral_id: str) -> Referral:
        """A kind of referral by id (KeyError when there is none)."""
        return {held.id: held for held in self.referrals}[referral_id]

    @property
    def queries(self) -> tuple[Rule | Indicator, ...]:
        """All rules and indicators."""
        return (*self.rules, *self.indicators)

    def file_of(self, part: Rule | Indicator) -> str:
        """The file a rule or an indicator stands in."""
        folder = "rules" if isinstance(part, Rule) else "indicators"
        return f"{folder}/{part.id.removeprefix(self.id + '-')}.toml"

    def kind_title(self, kind: str, language: str) -> str:
        """What an activity or appointment kind is called; the code itself when the package does not know it."""
        for held in self.appointment_kinds:
            if held.kind == kind:
                return held.title[language]
        for activity in self.plan.activities:
            if activity.kind == kind:
                return activity.title[language]
        return next((held.title[language] for held in self.referrals if held.id == kind), kind)

    def defaults(self) -> tuple[str, ...]:
        """Ids of sources that are proposals of ours, to be replaced when something official is public."""
        return tuple(key for key, held in self.sources.items() if held.kind is SourceKind.DEFAULT)

    def place(self, file: str, *path: str | int) -> str:
        """``file:line`` of something written in the package."""
        locator = self.locators.get(file)
        return f"{file}:{locator.line(path)}" if locator else file
