"""What a condition answers: true, false or unknown, and what was missing then. Pure; resources are never seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tovholder.packages.common import Condition, to_milli
from tovholder.packages.model_clinical import Grade, Guideline


@dataclass(frozen=True, slots=True)
class Known:
    """The value of an input: a number in thousandths, or a code. Where it came from travels with it."""

    milli: int | None = None
    code: str | None = None
    day: int | None = None
    source: str | None = None  # reference of the resource, e.g. Observation/x


@dataclass(frozen=True, slots=True)
class Answer:
    """``truth`` None is unknown; ``missing`` names the inputs that made it so."""

    truth: bool | None
    missing: frozenset[str] = frozenset()


def _no_resources(expression: str) -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions may ask about one patient. An input absent or None is unknown."""

    inputs: Mapping[str, Known | None]
    grade: str | None = None
    grade_missing: frozenset[str] = frozenset()
    level: int | None = None
    fhirpath: Callable[[str], bool | None] = field(default=_no_resources)


def evaluate(condition: Condition | None, facts: Facts) -> Answer:
    """Three-valued logic: false settles an ``all``, true settles an ``any``, whatever else is unknown."""
    if condition is None:
        return Answer(True)
    if condition.input is not None:
        known = facts.inputs.get(condition.input)
        return Answer(None, frozenset({condition.input})) if known is None else Answer(_compare(condition, known))
    if condition.grade is not None:
        if facts.grade is None:
            return Answer("unknown" in condition.grade or None, facts.grade_missing)
        return Answer(facts.grade in condition.grade)
    if condition.level is not None:
        return Answer(None, frozenset({"level"})) if facts.level is None else Answer(facts.level in condition.level)
    if condition.unknown is not None:
        return Answer(facts.inputs.get(condition.unknown) is None)
    if condition.fhirpath is not None:
        return Answer(facts.fhirpath(condition.fhirpath))
    if condition.all is not None:
        return _settle([evaluate(inner, facts) for inner in condition.all], settled_by=False)
    if condition.any is not None:
        return _settle([evaluate(inner, facts) for inner in condition.any], settled_by=True)
    assert condition.not_ is not None  # the model allows no ninth kind
    inner = evaluate(condition.not_, facts)
    return Answer(None if inner.truth is None else not inner.truth, inner.missing)


def _settle(answers: list[Answer], *, settled_by: bool) -> Answer:
    if any(answer.truth is settled_by for answer in answers):
        return Answer(settled_by)
    missing = frozenset[str]().union(*(answer.missing for answer in answers if answer.truth is None))
    return Answer(None if any(answer.truth is None for answer in answers) else not settled_by, missing)


def _compare(condition: Condition, known: Known) -> bool | None:
    wanted = condition.value
    if isinstance(wanted, tuple):
        return known.code in wanted
    if isinstance(wanted, str):
        return (known.code == wanted) == (condition.op != "ne")
    if known.milli is None or wanted is None:
        return None
    value, limit = known.milli, to_milli(wanted)
    return {
        "eq": value == limit,
        "ne": value != limit,
        "lt": value < limit,
        "le": value <= limit,
        "gt": value > limit,
        "ge": value >= limit,
    }[condition.op or "eq"]


def guideline_in_force(grade: Grade, parameters: Mapping[str, int | str]) -> Guideline:
    """The guideline the package's parameter names."""
    wanted = parameters[grade.parameter]
    return next(held for held in grade.guidelines if held.id == wanted)


def grade_of(guideline: Guideline, facts: Facts) -> tuple[str | None, frozenset[str]]:
    """The first group that is true with all before it false; None, and what is missing, when one before is unknown."""
    for group in guideline.groups:
        answer = evaluate(group.when, facts)
        if answer.truth is None:
            return None, answer.missing
        if answer.truth:
            return group.grade, frozenset()
    return None, frozenset()
