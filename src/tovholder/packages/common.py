"""The small values every part of a package is written in: text in two languages, sources, conditions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator

Language = Literal["da", "en"]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Whole = Annotated[int, Strict()]
YesNo = Annotated[bool, Strict()]
Number = Annotated[int, Strict()] | Annotated[float, Strict()]
LevelNumber = Annotated[int, Strict(), Field(ge=1, le=3)]


class Frozen(BaseModel):
    """A value that cannot change and that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


class Text(Frozen):
    """Words for people, in Danish and English."""

    da: Words
    en: Words

    def __getitem__(self, language: str) -> str:
        return self.en if language.startswith("en") else self.da


class SourceKind(StrEnum):
    """Where a value comes from, and so how far to trust it."""

    LAW = "law"
    GUIDELINE = "guideline"
    ROADMAP = "roadmap"
    PRACTICE = "practice"  # seen in use, not written in a guideline
    DEFAULT = "default"  # nothing public was found: a proposal, to be replaced


class Source(Frozen):
    """One source; items of a package name it by ``id``."""

    id: Code
    kind: SourceKind
    text: Words
    link: str = ""


class CodeValue(Frozen):
    """A code in a code system."""

    system: Words
    code: Words
    display: str = ""


Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in"]


class Condition(Frozen):
    """True, false or unknown. Exactly one kind of question in each.

    The kinds: ``input`` (with op and value), ``unknown``, ``grade``, ``level``, ``fhirpath``, ``all``, ``any``, ``not``.

    ``input`` compares a named input of level.toml; an input nobody knows makes the answer unknown, never false.
    ``unknown`` names an input and is true when nobody knows it, false when somebody does: never unknown itself.
    ``fhirpath`` is asked of a Bundle (type collection) with all the patient's resources; true when it answers true.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    input: Code | None = None
    op: Operator | None = None
    value: Number | str | tuple[str, ...] | None = None
    grade: tuple[str, ...] | None = None
    level: tuple[LevelNumber, ...] | None = None
    unknown: Code | None = None
    fhirpath: Words | None = None
    all: tuple[Condition, ...] | None = None
    any: tuple[Condition, ...] | None = None
    not_: Condition | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        kinds = {
            "input": self.input,
            "grade": self.grade,
            "level": self.level,
            "unknown": self.unknown,
            "fhirpath": self.fhirpath,
            "all": self.all,
            "any": self.any,
            "not": self.not_,
        }
        given = [name for name, held in kinds.items() if held]
        if len(given) != 1:
            raise ValueError(f"a condition has exactly one of {', '.join(kinds)}; found {', '.join(given) or 'none'}")
        if (self.input is None) != (self.op is None and self.value is None):
            raise ValueError("op and value belong to input, and input needs both")
        if self.input is not None and (self.op is None or self.value is None):
            raise ValueError("input needs op and value")
        if self.op == "in" and not isinstance(self.value, tuple):
            raise ValueError('op "in" needs a list of codes as value')
        if self.op in ("lt", "le", "gt", "ge") and not isinstance(self.value, (int, float)):
            raise ValueError(f'op "{self.op}" needs a number as value')
        return self

    @property
    def milli(self) -> int | None:
        """The number compared with, in thousandths; None when the value is a code."""
        return to_milli(self.value) if isinstance(self.value, (int, float)) else None

    def walk(self) -> Iterator[Condition]:
        """This condition and all inside it."""
        yield self
        for inner in (*(self.all or ()), *(self.any or ()), *((self.not_,) if self.not_ else ())):
            yield from inner.walk()


def to_milli(number: float) -> int:
    """A number in thousandths, half away from zero, by its written decimals."""
    exact = Decimal(str(number)) * 1000
    return int(exact.to_integral_value(rounding="ROUND_HALF_UP"))
