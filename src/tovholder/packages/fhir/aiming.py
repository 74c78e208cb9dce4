"""The goals of a PlanDefinition: as the package format has them, and as the Goals they propose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tovholder.packages.common import Text
from tovholder.packages.fhir import naming
from tovholder.packages.fhir.asking import Asking
from tovholder.packages.fhir.naming import Json
from tovholder.packages.fhir.requesting import Refusals
from tovholder.packages.model import Goal, GoalTarget
from tovholder.packages.questionnaires import translation


@dataclass(frozen=True, slots=True)
class Aim:
    """One goal of a definition, and the Goal it proposes (without patient)."""

    goal: Goal
    resource: Json


def aim(faults: Refusals, asking: Asking, held: Json, index: int) -> Aim | None:
    """A goal of a PlanDefinition; None when something of it is refused."""
    place = f"PlanDefinition.goal[{index}]"
    described = held["description"]
    words = words_of(described, "text") or next(
        (found for item in described.get("coding", ()) if (found := words_of(item, "display"))), None
    )
    if words is None:
        faults.refuse(f"{place}.description", "the goal is not told in words", "a text, or a coding with a display")
        return None
    asked = naming.values_of(held, naming.GOAL_WHEN)
    when = asking.conditions(asked, f"{place}.extension('{naming.GOAL_WHEN}')")
    coded = next((item for item in described.get("coding", ()) if item.get("system") and item.get("code")), None)
    code = {key: coded[key] for key in ("system", "code", "display") if key in coded} if coded else None
    resource: Json = {"description": described}
    for name in ("category", "priority", "target"):
        if name in held:
            resource[name] = [held[name]] if name == "category" else held[name]
    if "start" in held:
        resource["startCodeableConcept"] = held["start"]
    targets = _targets(faults, asking, held, place)
    if "target" in held:
        resource["target"] = targets[1]
    try:
        goal = Goal.model_validate(
            {
                "id": held.get("id") or f"goal-{index + 1}",
                "text": words,
                "code": code,
                "target": targets[0],
                "when": when,
                "source": naming.source_of(held.get("documentation", ())),
            }
        )
    except ValidationError:
        faults.refuse(f"{place}.id", "not a short name", "letters, digits, dots and dashes, at most 64")
        return None
    return Aim(goal, resource)


def _targets(faults: Refusals, asking: Asking, held: Json, place: str) -> tuple[GoalTarget | None, list[Json]]:
    """The package's target, if it is one; and the Goal's, where R4 calls a Duration to reach it in by another name."""
    ours: GoalTarget | None = None
    made = []
    for index, item in enumerate(held.get("target", ())):
        told = {key: value for key, value in item.items() if key not in ("due", "extension", "id")}
        if "due" in item:
            told["dueDuration"] = item["due"]
        if "measure" not in told and any(key.startswith("detail") for key in told):
            faults.refuse(f"{place}.target[{index}]", "a detail of nothing", "a measure beside it")
        made.append(told)
        name = naming.value_of(item, naming.TARGET_INPUT)
        if name is None:
            continue
        limits = item.get("detailRange", {})
        low, high = (limits.get(end, {}).get("value") for end in ("low", "high"))
        if len(held["target"]) > 1 or name not in asking.inputs() or (low is None and high is None):
            faults.refuse(f"{place}.target[{index}]", "not a target of one of the package's inputs", "one Range")
            continue
        values = {key: _plain(value) for key, value in (("at_least", low), ("at_most", high)) if value is not None}
        ours = GoalTarget.model_validate({"input": name, **values})
    return ours, made


def words_of(held: Json, name: str) -> Text | None:
    """Words in Danish and English; those in one language stand in for the other."""
    written = held.get(name)
    if not isinstance(written, str) or not written.strip():
        return None
    return translation(held, name)


def _plain(value: Any) -> int | float:
    """A JSON number without the memory of how it was written."""
    return int(value) if float(value).is_integer() and "." not in str(getattr(value, "text", value)) else float(value)
