"""A package's targets as limits on a measurement, and limits as words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.packages.check_plan import measurement_of
from tovholder.packages.common import Text, to_milli
from tovholder.packages.model_plan import Goal
from tovholder.plan.values import Code, Limits


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A goal a package suggests for the talk, as it would be kept when patient and clinic choose it."""

    id: str
    text: Text
    code: Code | None
    limits: Limits | None


def suggestion(package: Package, goal: Goal) -> Suggestion:
    """The goal as it would be kept."""
    code = Code(goal.code.system, goal.code.code, goal.code.display) if goal.code else None
    return Suggestion(goal.id, goal.text, code, limits_of(package, goal))


def limits_of(package: Package, goal: Goal) -> Limits | None:
    """What a suggested goal asks of a measurement, under the first code its input is looked for by."""
    if goal.target is None:
        return None
    asked = next((held for held in package.level.inputs if held.name == goal.target.input), None)
    measured = measurement_of(asked) if asked is not None else None
    if asked is None or measured is None:
        return None
    low, high = goal.target.at_least, goal.target.at_most
    return Limits(
        measure=Code(measured.systems[0], measured.code, asked.title.da),
        at_least_milli=None if low is None else to_milli(low),
        at_most_milli=None if high is None else to_milli(high),
        unit=asked.unit,
    )


def same_measure(one: Code, other: Code) -> bool:
    """Whether two codes are the same measurement; NPU is known under two systems' names."""
    return (canonical(one.system), one.code) == (canonical(other.system), other.code)


def canonical(name: str) -> str:
    """One name for a code system that has several."""
    return (systems.NPU if name == systems.NPU_DK_CORE else name).removeprefix("urn:oid:")


def measure_title(measure: Code, packages: Iterable[Package]) -> Text:
    """What a measurement is called: the packages' name for it, else its own display, else its code."""
    for package in packages:
        for asked in package.level.inputs:
            found = measurement_of(asked)
            if found is not None and any(same_measure(measure, Code(system, found.code)) for system in found.systems):
                return asked.title
    return Text(da=measure.text or measure.code, en=measure.text or measure.code)


def plain(words: str) -> Text:
    """Words a person wrote, which are the same in every language; a dash where there are none."""
    told = words.strip() or "–"
    return Text(da=told, en=told)
