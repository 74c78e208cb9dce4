"""cockpit.toml, referrals.toml and content.toml as values: what is shown and sent."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from tovholder.base import days
from tovholder.packages.common import Code, CodeValue, Condition, Frozen, Text, Whole, Words, YesNo
from tovholder.packages.model_head import Receiver

STALE_MONTHS = 12
OF_PATIENT = ("name", "cpr", "birth", "address", "phone", "municipality", "language")
_AGEING = frozenset({"input", "grade", "level", "goals", "form", "fhirpath"})


class Column(Frozen):
    """One column of the clinic's list, named to a fact ``table.column`` (or ``flag``: the open flags of the episode).

    ``pick`` says which row when there are several: of those that pass ``where``, latest/earliest/next/last by ``by``
    (next: from today on, last: until today), or their count (within ``within_days`` back from today).
    """

    id: Code
    title: Text
    fact: Annotated[str, Field(pattern=r"^([a-z_]+\.[a-z_]+|flag)$")]
    show: Literal[
        "text", "date", "days-left", "days-since", "level", "phase", "flags", "count", "number", "code", "age"
    ]
    pick: Literal["only", "latest", "earliest", "next", "last", "count"] = "only"
    by: str = ""
    where: dict[str, str | Whole | tuple[str, ...]] = Field(default_factory=dict)
    within_days: Whole | None = None
    missing: Text | None = None  # what an empty cell says


class Filter(Frozen):
    """A choice above the list: rows that pass all that is given."""

    id: Code
    title: Text
    levels: tuple[Literal[1, 2, 3, "undecided"], ...] = ()
    phases: tuple[str, ...] = ()
    flags: tuple[Code, ...] = ()
    any_flag: YesNo = False
    paused: YesNo = False
    column: Code | None = None
    at_least: Whole | None = None


class Rank(Frozen):
    """One step of the default order; a row takes the first step it fits. Within a step: oldest since-day first."""

    id: Code
    title: Text
    levels: tuple[Literal[1, 2, 3, "undecided"], ...] = ()
    flags: tuple[Code, ...] = ()
    any_flag: YesNo = False
    phases: tuple[str, ...] = ()
    rest: YesNo = False


class StartList(Frozen):
    """The list of those who should start: phases and columns."""

    title: Text
    empty: Text
    phases: tuple[str, ...]
    columns: tuple[Code, ...]


class Cockpit(Frozen):
    """cockpit.toml."""

    title: Text
    empty: Text
    phases: tuple[str, ...]
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    order: tuple[Rank, ...]
    start_list: StartList
    source: Code


class Fill(Frozen):
    """Where a referral field is filled from; "written" is typed by the sender.

    clinic: the clinic that holds the rope. patient: name, cpr, birth, address, phone, municipality or language of the
    patient. sender: who refers, and from where. service: what is asked for. fixed: always this.
    """

    kind: Literal[
        "diagnosis", "input", "grade", "level", "goals", "form", "fhirpath", "clinic", "patient", "sender", "service",
        "fixed", "written",
    ]  # fmt: skip
    name: str = (
        ""  # the input, form/linkId, the FHIRPath over the patient's resources, what of the patient, or the words
    )

    @model_validator(mode="after")
    def _complete(self) -> Fill:
        if self.kind == "patient" and self.name not in OF_PATIENT:
            raise ValueError(f'kind "patient" needs a name: one of {", ".join(OF_PATIENT)}')
        if (self.kind in ("input", "form", "fhirpath", "patient", "fixed")) != bool(self.name):
            raise ValueError(f'kind "{self.kind}" {"takes no name" if self.name else "needs a name"}')
        return self


class ReferralField(Frozen):
    """One field of a referral (pakketabel). A value older than ``stale_months`` is to be confirmed or corrected.

    Without ``stale_months`` it is 12 for what is measured, answered or decided, and never for who somebody is and which
    diagnosis they have; 0 is never.
    """

    id: Code
    title: Text
    required: YesNo
    fill: Fill
    stale_months: Annotated[int, Strict(), Field(ge=0, le=120)] | None = None

    @property
    def stale_after(self) -> int | None:
        """Months after which its value is stale; None: never."""
        if self.stale_months is not None:
            return self.stale_months or None
        return STALE_MONTHS if self.fill.kind in _AGEING else None


class Referral(Frozen):
    """One kind of referral: to whom, under which right, what the receiver needs, and which inputs it measures and reports.

    ``reports``: inputs with a number of their own (a measurement), which the receiver writes down once for everybody.
    """

    id: Code
    title: Text
    receiver_kinds: tuple[Receiver, ...]
    code: CodeValue | None = None
    right: Code | None = None
    reports: tuple[Code, ...] = ()
    fields: tuple[ReferralField, ...]
    source: Code


class Referrals(Frozen):
    """referrals.toml."""

    referrals: tuple[Referral, ...]


class GuidePart(Frozen):
    """One part of a guide: when it holds, what to do, and how soon. Told by its words, never by colour alone."""

    urgency: Literal["daily", "soon", "now"]  # every day; call the clinic the same day; call 112
    title: Text
    signs: Annotated[tuple[Text, ...], Field(min_length=1)]
    actions: Annotated[tuple[Text, ...], Field(min_length=1)]


class ContentItem(Frozen):
    """Something to read or use; hidden and reported once ``valid_until`` has passed.

    A guide is written out in its ``parts`` (a self-management plan: what to do every day and when it gets worse) and
    needs no link; everything else is a link.
    """

    id: Code
    kind: Literal["article", "association", "app", "offer", "guide"]
    title: Text
    text: Text
    link: Annotated[str, Field(pattern=r"^https://")] | None = None
    parts: tuple[GuidePart, ...] = ()
    audience: tuple[Literal["patient", "relative", "clinician"], ...]
    language: Literal["da", "en"]
    validated_by: Words
    valid_until: date
    when: Condition | None = None
    source: Code

    @model_validator(mode="after")
    def _something(self) -> ContentItem:
        if (self.kind == "guide") != bool(self.parts):
            raise ValueError('kind "guide" and parts belong together')
        if self.kind != "guide" and self.link is None:
            raise ValueError(f'kind "{self.kind}" needs link')
        return self

    def shown(self, today: int) -> bool:
        """Whether it may still be shown on a day (its last valid day included)."""
        return today <= days.day_of(self.valid_until)


class Content(Frozen):
    """content.toml."""

    content: tuple[ContentItem, ...]
