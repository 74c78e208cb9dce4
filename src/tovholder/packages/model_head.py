"""package.toml and inclusion.toml as values: what a package is called, promises and includes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tovholder.packages.common import Code, CodeValue, Condition, Frozen, LevelNumber, Source, Text, Whole, Words, YesNo

# Where a package's plans come from: made here, or told by the GP system.
PlanSource = Literal["tovholder", "lps"]
Receiver = Literal[
    "gp", "nurse", "physio", "chiropractor", "prevention", "hospital", "ophthalmologist", "podiatrist", "patient"
]


class Right(Frozen):
    """A patient right with a deadline. Day 0 is the event's day; the deadline day itself is still in time."""

    id: Code
    version: Whole = 1
    title: Text
    event: Literal["diagnosis", "inclusion", "referral"]  # what starts the clock
    days: Annotated[Whole, Field(ge=0)]
    parameter: Code  # the name rules and indicators know ``days`` by
    stopped_by: Literal["plan-confirmed", "offer-started"]
    legacy_before: date | None = None  # events before this day start the clock at inclusion instead, marked legacy
    legacy_event: Literal["inclusion"] = "inclusion"
    receiver_kinds: tuple[Receiver, ...] = ()  # for event "referral": to whom
    legal_source: Words
    source: Code
    counting_source: Code  # how days are counted, which the law may leave open

    @property
    def rule(self) -> str:
        """The rule and version written beside each clock, e.g. ``kol-plan-30@1``."""
        return f"{self.id}@{self.version}"


class LevelMeaning(Frozen):
    """What a level is called, its colour name, and what it means. Shown with text and shape, never colour alone."""

    level: LevelNumber
    colour: Literal["green", "yellow", "red"]
    title: Text
    meaning: Text
    source: Code


class Parameter(Frozen):
    """A number or code that rules, indicators and guidelines take as ``:name``."""

    value: Whole | str
    title: Text
    source: Code


class AppointmentKind(Frozen):
    """A kind of appointment this package knows by name. ``covers``: kinds that count as attended when this one is."""

    kind: Code
    title: Text
    covers: tuple[Code, ...] = ()


class Head(Frozen):
    """package.toml."""

    id: Code
    version: Words
    valid_from: date
    title: Text
    summary: Text
    approver: Words
    episode_label: CodeValue
    source: PlanSource
    source_choices: tuple[PlanSource, ...] = ()  # others an installation may choose; none: only ``source``
    sources: tuple[Source, ...]
    rights: tuple[Right, ...]
    levels: tuple[LevelMeaning, ...]
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    appointment_kinds: tuple[AppointmentKind, ...]


class InclusionCode(Frozen):
    """A diagnosis code that may include. The same diagnosis is known under several systems' names."""

    systems: tuple[Words, ...]
    code: Words
    children: YesNo = False  # also codes that begin with this one
    parameter: Code | None = None  # an optional code: it includes where this parameter is 1


class InclusionReasons(Frozen):
    """What is told for and against. Placeholders: {code}, {age}, {day}, {minimum}."""

    diagnosis: Text
    age: Text
    own_doctor: Text
    no_diagnosis: Text
    too_young: Text
    age_unknown: Text
    no_own_doctor: Text
    not_confirmed: Text
    refuted: Text
    not_active: Text
    deceased: Text
    coded_too_young: Text | None = None  # {age}: at the coding


class Requirement(Frozen):
    """Something more that must be known to be true (or, as a block, false).

    ``reason`` is told when it speaks for inclusion (of a block: against). ``against`` is told when a requirement is not
    met and ``unknown`` when nobody knows; without them the reason stands in. Placeholders: input names.
    """

    id: Code
    when: Condition
    reason: Text
    against: Text | None = None
    unknown: Text | None = None
    source: Code


class Recurrence(Frozen):
    """What a new diagnosis after an ended course means: a course of its own, told as a recurrence for ``within_days``.

    Only what was documented after that course ended counts. Placeholder: {days} since it ended.
    """

    within_days: Whole
    text: Text
    source: Code


class Inclusion(Frozen):
    """inclusion.toml: who is proposed. A proposal with reasons; a person confirms.

    A Condition includes when a coding matches ``codes``, its clinicalStatus is absent or in ``clinical_statuses``,
    and its verificationStatus is absent or in ``verification_statuses``. The earliest such diagnosis gives the day.
    With ``coded_age_min`` one coded at a younger age does not include; one whose day nobody knows does, for a person
    to confirm.
    """

    codes: tuple[InclusionCode, ...]
    clinical_statuses: tuple[str, ...]
    verification_statuses: tuple[str, ...]
    excluded_verifications: tuple[str, ...]
    age_min: Whole
    coded_age_min: Whole | None = None  # the patient's age when the diagnosis was coded
    own_doctor: YesNo  # Patient.generalPractitioner names an Organization
    reasons: InclusionReasons
    requires: tuple[Requirement, ...] = ()
    blocks: tuple[Requirement, ...] = ()
    recurrence: Recurrence | None = None
    confirm: Text | None = None  # what whoever starts the course confirms; kept among the course's reasons
    source: Code

    @model_validator(mode="after")
    def _told(self) -> Inclusion:
        if (self.coded_age_min is None) != (self.reasons.coded_too_young is None):
            raise ValueError("coded_age_min and reasons.coded_too_young belong together")
        return self

    def matches(self, system: str, code: str) -> bool:
        """Whether a coding is one of the including codes; some systems leave out the "urn:oid:" in front."""
        named = {system, f"urn:oid:{system}"}
        return any(
            not named.isdisjoint(held.systems) and (code == held.code or (held.children and code.startswith(held.code)))
            for held in self.codes
        )
