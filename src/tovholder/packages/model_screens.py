"""cockpit.toml, referrals.toml and content.toml as values: what is shown and sent."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from tovholder.base import days
from tovholder.packages.common import Code, CodeValue, Condition, Frozen, Text, Whole, Words, YesNo
from tovholder.packages.model_head import Receiver


class Column(Frozen):
    """One column of the clinic's list, named to a fact ``table.column`` (or ``flag``: the open flags of the episode).

    ``pick`` says which row when there are several: of those that pass ``where``, latest/earliest/next/last by ``by``
    (next: from today on, last: before today), or their count (within ``within_days`` back from today).
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
    """Where a referral field is filled from; "written" is typed by the sender."""

    kind: Literal["diagnosis", "input", "grade", "level", "goals", "form", "fhirpath", "clinic", "written"]
    name: str = ""  # the input's name, form/linkId, or the FHIRPath over the patient's resources


class ReferralField(Frozen):
    """One field of a referral (pakketabel)."""

    id: Code
    title: Text
    required: YesNo
    fill: Fill


class Referral(Frozen):
    """One kind of referral: to whom, under which right, and what the receiver needs."""

    id: Code
    title: Text
    receiver_kinds: tuple[Receiver, ...]
    code: CodeValue | None = None
    right: Code | None = None
    fields: tuple[ReferralField, ...]
    source: Code


class Referrals(Frozen):
    """referrals.toml."""

    referrals: tuple[Referral, ...]


class ContentItem(Frozen):
    """Something to read or use; hidden and reported once ``valid_until`` has passed."""

    id: Code
    kind: Literal["article", "association", "app", "offer"]
    title: Text
    text: Text
    link: Annotated[str, Field(pattern=r"^https://")]
    audience: tuple[Literal["patient", "relative", "clinician"], ...]
    language: Literal["da", "en"]
    validated_by: Words
    valid_until: date
    when: Condition | None = None
    source: Code

    def shown(self, today: int) -> bool:
        """Whether it may still be shown on a day (its last valid day included)."""
        return today <= days.day_of(self.valid_until)


class Content(Frozen):
    """content.toml."""

    content: tuple[ContentItem, ...]
