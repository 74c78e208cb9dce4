"""Static checks of plan.toml: targets rest on a measurement, anchors on an input, medicines on a kind of visit."""

from __future__ import annotations

from collections.abc import Iterator

from tovholder.base.errors import Issue
from tovholder.packages.model import Package
from tovholder.packages.model_clinical import Input, InputSource
from tovholder.packages.model_plan import GoalTarget, Medicine


def measurement_of(held: Input) -> InputSource | None:
    """The measurement an input is first looked for as, by whose code its targets are kept and compared."""
    return next((source for source in held.sources if source.kind == "measurement"), None)


def check(package: Package) -> Iterator[Issue]:
    """All faults of targets, anchors and medicines."""
    yield from _targets(package)
    yield from _activities(package)


def _targets(package: Package) -> Iterator[Issue]:
    """Targets that name no measured input, have no unit, or lie where the input is taken as unknown."""
    inputs = {held.name: held for held in package.level.inputs}
    measured = sorted(name for name, held in inputs.items() if measurement_of(held) is not None)
    for index, goal in enumerate(package.plan.goals):
        if goal.target is None:
            continue
        place = package.place("plan.toml", "goals", index, "target")
        asked = inputs.get(goal.target.input)
        if asked is None:
            yield Issue(
                place, f'no input of level.toml is called "{goal.target.input}"', f"one of: {', '.join(measured)}"
            )
        elif asked.name not in measured:
            yield Issue(place, f"the input {asked.name} is no measurement", f"one of: {', '.join(measured)}")
        elif wrong := _outside(goal.target, asked):
            yield Issue(place, f"{wrong} is outside what {asked.name} may be", f"{asked.minimum} to {asked.maximum}")


def _activities(package: Package) -> Iterator[Issue]:
    """Anchors that name no input, and medicines that nothing follows up or that two groups claim."""
    inputs = {held.name for held in package.level.inputs}
    for index, activity in enumerate(package.plan.activities):
        if activity.anchor_input is not None and activity.anchor_input not in inputs:
            place = package.place("plan.toml", "activities", index, "anchor_input")
            message = f'no input of level.toml is called "{activity.anchor_input}"'
            yield Issue(place, message, f"one of: {', '.join(sorted(inputs))}")
    kinds = sorted(held.kind for held in package.appointment_kinds)
    claimed: dict[str, str] = {}
    for index, medicine in enumerate(package.plan.medicines):
        yield from _medicine(package, index, medicine, kinds, claimed)


def _medicine(
    package: Package, index: int, medicine: Medicine, kinds: list[str], claimed: dict[str, str]
) -> Iterator[Issue]:
    place = package.place("plan.toml", "medicines", index)
    if medicine.id in {held.id for held in package.plan.medicines[:index]}:
        yield Issue(place, f"{medicine.id} is there twice", "each once")
    if medicine.followup not in kinds:
        yield Issue(place, f"{medicine.followup} is no kind of appointment here", f"one of: {', '.join(kinds)}")
    for code in medicine.atc:
        for other, owner in claimed.items():
            if owner != medicine.id and (code.startswith(other) or other.startswith(code)):
                yield Issue(place, f"{code} overlaps {other} of {owner}", "each ATC code in one group")
        claimed[code] = medicine.id


def _outside(target: GoalTarget, asked: Input) -> float | None:
    for limit in (target.at_least, target.at_most):
        if limit is None:
            continue
        if (asked.minimum is not None and limit < asked.minimum) or (
            asked.maximum is not None and limit > asked.maximum
        ):
            return limit
    return None
