"""Static checks of plan.toml's targets: each rests on a measurement that can be told and compared."""

from __future__ import annotations

from collections.abc import Iterator

from tovholder.base.errors import Issue
from tovholder.packages.model import Package
from tovholder.packages.model_clinical import GoalTarget, Input, InputSource


def measurement_of(held: Input) -> InputSource | None:
    """The measurement an input is first looked for as, by whose code its targets are kept and compared."""
    return next((source for source in held.sources if source.kind == "measurement"), None)


def check(package: Package) -> Iterator[Issue]:
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


def _outside(target: GoalTarget, asked: Input) -> float | None:
    for limit in (target.at_least, target.at_most):
        if limit is None:
            continue
        if (asked.minimum is not None and limit < asked.minimum) or (
            asked.maximum is not None and limit > asked.maximum
        ):
            return limit
    return None
