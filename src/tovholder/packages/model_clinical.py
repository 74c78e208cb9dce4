"""level.toml, plan.toml and the forms as values: what is proposed for one patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tovholder.packages.common import Code, CodeValue, Condition, Frozen, LevelNumber, Number, Text, Whole, Words, YesNo
from tovholder.packages.questionnaires import translation


class InputSource(Frozen):
    """One place an input's value may come from.

    measurement: the latest final Observation of a code, as a number. measurement-code: the same, as a code or text.
    form: an answer of the latest completed response. score: a score over its answers (too few of them: unknown); its
    band is the code. contacts: how many contacts of these classes ended (or go on) in the last ``max_age_days``; none
    seen says nothing (we may not hear of all), so it is unknown, not 0. implied: a fixed value when another condition
    holds. age: whole years today. documented: days since a diagnosis that includes was first documented (its onset or
    its record, whichever is earlier) and still stands; of the ``clinical_statuses`` named, or with none told.
    diagnosis: 1 when a diagnosis with one of ``codes`` (or a code that begins with it) stands in the record, else 0: it
    asks the record, not the patient.
    """

    kind: Literal[
        "measurement", "measurement-code", "form", "score", "contacts", "implied", "age", "documented", "diagnosis"
    ]
    systems: tuple[Words, ...] = ()
    code: str = ""
    codes: tuple[Words, ...] = ()
    clinical_statuses: tuple[str, ...] = ()
    units: dict[str, Number] = Field(default_factory=dict)  # unit → factor; a unit not named makes the value unknown
    form: Code | None = None
    link_id: str = ""
    score: str = ""
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
            "score": ("form", "score"),
            "contacts": ("classes", "max_age_days"),
            "implied": ("when",),
            "age": (),
            "documented": ("clinical_statuses",),
            "diagnosis": ("systems", "codes"),
        }[self.kind]
        absent = [name for name in needs if not getattr(self, name)]
        if self.kind == "implied" and self.value is None:
            absent.append("value")
        if absent:
            raise ValueError(f'kind "{self.kind}" also needs {", ".join(absent)}')
        return self


class Band(Frozen):
    """A named stretch of a number: from ``at_least`` up to the next band."""

    at_least: Number
    code: Code
    title: Text


class Change(Frozen):
    """What counts as a change that the patient feels, from the first measurement of the course to the newest.

    Exactly one of ``minimal`` (in the input's unit) and ``minimal_percent`` (of the first measurement; from 0 no share
    can be told, so any change the other way counts as unknown). A smaller change is told as no certain change.
    """

    better: Literal["lower", "higher"]
    minimal: Annotated[Number, Field(gt=0)] | None = None
    minimal_percent: Annotated[Whole, Field(gt=0, le=100)] | None = None
    source: Code

    @model_validator(mode="after")
    def _one_measure(self) -> Change:
        if (self.minimal is None) == (self.minimal_percent is None):
            raise ValueError("a change has exactly one of minimal, minimal_percent")
        return self


class Input(Frozen):
    """A named value the level, grade and plan conditions ask about; ``sources`` are tried in order, first known wins.

    A number outside ``minimum``..``maximum`` is taken as unknown (mistyped or wrong unit), never used. ``bands`` name
    stretches of it; ``change`` says which way is better and how much must happen to matter.
    """

    name: Code
    title: Text
    unit: str = ""
    sources: tuple[InputSource, ...]
    minimum: Number | None = None
    maximum: Number | None = None
    shown_as_missing: YesNo = True  # listed among what is not known
    bands: tuple[Band, ...] = ()
    change: Change | None = None
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
    """Blocks any proposal until a clinician has looked ("assess first").

    ``action``: what must be done before anything else; ``urgent``: the same day. ``form``: the form the assessment is
    written in. Placeholders of both texts: input names and {grade}.
    """

    id: Code
    when: Condition
    reason: Text
    action: Text | None = None
    urgent: YesNo = False
    form: Code | None = None
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


class Limit(Frozen):
    """A stretch another score of the form must lie in, both ends included."""

    score: Code
    at_least: Number | None = None
    at_most: Number | None = None


class ScoreGroup(Frozen):
    """One group of a grouping score; ``value`` is its place in the order, ``code`` what it is stored as."""

    code: Words
    value: Whole
    title: Text
    limits: tuple[Limit, ...] = ()


class Score(Frozen):
    """A versioned score over answers; fewer than ``min_answered`` answers give "insufficient".

    max, sum and mean are of ``link_ids``, times ``factor``. group: the first of ``groups`` whose limits on the form's
    earlier scores all hold; insufficient as soon as one of those is. With ``code`` the score is kept as a measurement:
    its number, in ``unit``, or its band or group (``keep = "band"``). An insufficient score is never kept.
    """

    id: Code
    version: Whole = 1
    title: Text
    method: Literal["max", "sum", "mean", "group"]
    link_ids: tuple[str, ...] = ()
    min_answered: Whole = 0
    factor: Whole = 1
    bands: tuple[Band, ...] = ()
    groups: tuple[ScoreGroup, ...] = ()
    code: CodeValue | None = None
    unit: str = ""
    keep: Literal["value", "band"] = "value"
    source: Code

    @model_validator(mode="after")
    def _whole(self) -> Score:
        if self.method == "group":
            if not self.groups or self.link_ids:
                raise ValueError('method "group" has groups and no link_ids')
        elif self.groups or not self.link_ids or self.min_answered < 1:
            raise ValueError(f'method "{self.method}" has link_ids and min_answered, and no groups')
        return self


class LicensedText(Frozen):
    """The questions' own words belong to somebody: neutral words are shipped, the installation may provide the others.

    ``notice`` must be shown wherever the licensed words are (their copyright statement).
    """

    holder: Words
    terms: Text
    notice: Words
    link: str = ""


class Scoring(Frozen):
    """forms/<id>.toml: what the questionnaire is for, and how it is scored."""

    form: Code
    kind: Literal["needs-assessment", "annual-status", "status", "pro", "checklist"]
    filled_by: tuple[Literal["gp", "staff", "citizen"], ...]
    scores: tuple[Score, ...] = ()
    licensed: LicensedText | None = None
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

    def score(self, score_id: str) -> Score | None:
        """A score by id."""
        return next((held for held in self.scoring.scores if held.id == score_id), None)
