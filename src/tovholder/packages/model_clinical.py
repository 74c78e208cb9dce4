"""level.toml, plan.toml and the forms as values: what is proposed for one patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from tovholder.packages.common import Code, CodeValue, Condition, Frozen, LevelNumber, Number, Text, Whole, Words, YesNo
from tovholder.packages.model_head import Receiver
from tovholder.packages.questionnaires import translation


class InputSource(Frozen):
    """One place an input's value may come from.

    measurement: the latest final Observation of a code, as a number. measurement-code: the same, as a code or text.
    form: an answer of the latest completed response. contacts: how many contacts of these classes ended (or go on)
    in the last ``max_age_days``; none seen says nothing (we may not hear of all), so it is unknown, not 0.
    implied: a fixed value when another condition holds. age: whole years today.
    """

    kind: Literal["measurement", "measurement-code", "form", "contacts", "implied", "age"]
    systems: tuple[Words, ...] = ()
    code: str = ""
    units: dict[str, Number] = Field(default_factory=dict)  # unit → factor; a unit not named makes the value unknown
    form: Code | None = None
    link_id: str = ""
    classes: tuple[Code, ...] = ()
    max_age_days: Whole | None = None
    when: Condition | None = None
    value: Whole | None = None

    @model_validator(mode="after")
    def _complete(self) -> InputSource:
        needs = {
            "measurement": ("systems", "code"),
            "measurement-code": ("systems", "code"),
            "form": ("form", "link_id"),
            "contacts": ("classes", "max_age_days"),
            "implied": ("when",),
            "age": (),
        }[self.kind]
        absent = [name for name in needs if not getattr(self, name)]
        if self.kind == "implied" and self.value is None:
            absent.append("value")
        if absent:
            raise ValueError(f'kind "{self.kind}" also needs {", ".join(absent)}')
        return self


class Input(Frozen):
    """A named value the level, grade and plan conditions ask about; ``sources`` are tried in order, first known wins.

    A number outside ``minimum``..``maximum`` is taken as unknown (mistyped or wrong unit), never used.
    """

    name: Code
    title: Text
    unit: str = ""
    sources: tuple[InputSource, ...]
    minimum: Number | None = None
    maximum: Number | None = None
    shown_as_missing: YesNo = True  # listed among what is not known
    source: Code


class Base(Frozen):
    """The needs assessment that gives the first proposal: the highest of its fields."""

    form: Code
    link_ids: tuple[str, ...]
    reason: Text  # placeholders {field}, {value}
    missing: Text  # placeholder {field}
    incomplete: Text  # why no level is proposed although no rule raises it
    source: Code


class Raiser(Frozen):
    """Raises the proposal to at least a level, with the reason told. Placeholders: input names and {grade}."""

    id: Code
    at_least: LevelNumber
    when: Condition
    reason: Text
    source: Code


class Block(Frozen):
    """Blocks any proposal until a clinician has looked ("assess first")."""

    id: Code
    when: Condition
    reason: Text
    source: Code


class GradeGroup(Frozen):
    """One group of a grading; groups are tried in order."""

    grade: Code
    when: Condition
    title: Text


class Guideline(Frozen):
    """One version of a grading (GOLD abcd, abe2023, abe2026)."""

    id: Code
    title: Text
    groups: tuple[GradeGroup, ...]
    source: Code


class Grade(Frozen):
    """A clinical grade computed from inputs; the parameter ``parameter`` names the guideline in force."""

    name: Code
    title: Text
    parameter: Code
    guidelines: tuple[Guideline, ...]


class LevelRules(Frozen):
    """level.toml. Proposal = max(needs assessment, raisers); the clinician decides.

    Level 1 is proposed only when every field of the needs assessment is answered; what is missing is listed,
    never taken as normal.
    """

    version: Words
    base: Base
    inputs: tuple[Input, ...]
    grade: Grade | None = None
    raisers: tuple[Raiser, ...]
    blocks: tuple[Block, ...] = ()
    review_months: Whole
    review_source: Code


class Goal(Frozen):
    """A goal suggested for the talk with the patient; never written into a plan by itself."""

    id: Code
    text: Text
    code: CodeValue | None = None
    when: Condition | None = None
    source: Code


class Timing(Frozen):
    """When an activity is due. The first row whose levels and grades fit is used; no row that fits: no activity.

    Empty levels or grades fit all; grade "unknown" fits when the grade could not be computed. ``after_months`` or
    ``after_days`` count from the anchor; ``repeat_months`` repeats within the plan's horizon (its last day included).
    """

    levels: tuple[LevelNumber, ...] = ()
    grades: tuple[str, ...] = ()
    after_months: Whole | None = None
    after_days: Whole | None = None
    repeat_months: Whole | None = None

    @model_validator(mode="after")
    def _one_offset(self) -> Timing:
        if (self.after_months is None) == (self.after_days is None):
            raise ValueError("a timing has exactly one of after_months, after_days")
        return self

    def fits(self, level: int | None, grade: str | None) -> bool:
        """Whether this row is for a level and grade (None = undecided, unknown)."""
        return (not self.levels or level in self.levels) and (not self.grades or (grade or "unknown") in self.grades)


class Activity(Frozen):
    """An activity of the plan, made when its condition is true (unknown makes none, and is listed)."""

    id: Code
    kind: Code  # ServiceRequest.code and Appointment.serviceType
    title: Text
    performer: Receiver
    anchor: Literal["confirmed", "diagnosis"] = "confirmed"
    timing: tuple[Timing, ...]
    window_before_days: Whole
    window_after_days: Whole
    when: Condition | None = None
    referral: Code | None = None  # sent as this referral of referrals.toml
    source: Code


class PlanTemplate(Frozen):
    """plan.toml."""

    title: Text
    horizon_months: Whole
    review_months: Whole
    goals: tuple[Goal, ...]
    activities: tuple[Activity, ...]
    source: Code


class Band(Frozen):
    """A named stretch of a score: from ``at_least`` up to the next band."""

    at_least: Number
    code: Code
    title: Text


class Score(Frozen):
    """A versioned score over answers; fewer than ``min_answered`` answers give "insufficient"."""

    id: Code
    version: Whole = 1
    title: Text
    method: Literal["max", "sum", "mean"]
    link_ids: tuple[str, ...]
    min_answered: Whole
    bands: tuple[Band, ...] = ()
    source: Code


class Scoring(Frozen):
    """forms/<id>.toml: what the questionnaire is for, and how it is scored."""

    form: Code
    kind: Literal["needs-assessment", "annual-status", "pro", "checklist"]
    filled_by: tuple[Literal["gp", "staff", "citizen"], ...]
    scores: tuple[Score, ...] = ()
    source: Code


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire (FHIR R4 Questionnaire as JSON) and its scoring."""

    id: str
    questionnaire: Mapping[str, Any]
    scoring: Scoring

    @property
    def version(self) -> str:
        """The Questionnaire's business version."""
        return str(self.questionnaire.get("version", ""))

    @property
    def canonical(self) -> str:
        """What a response names: url|version."""
        return f"{self.questionnaire['url']}|{self.version}"

    @property
    def titles(self) -> Text:
        """The title in both languages (the English one is the translation extension's)."""
        return translation(self.questionnaire, "title")
