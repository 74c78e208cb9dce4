"""Scores over a questionnaire's answers: versioned, with enough answers or "insufficient", never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tovholder.forms.domain import ORDINAL, Answers, Item, form_text, option_value, questions
from tovholder.packages.common import Text
from tovholder.packages.model import Form
from tovholder.packages.model_clinical import Limit, Score


@dataclass(frozen=True, slots=True)
class Scored:
    """One score. ``value`` None: too few answers ("insufficient"); the band is the package's word for the value."""

    id: str
    version: int
    title: Text
    value: Decimal | None
    band: str | None
    answered: int
    needed: int


def score(form: Form, answers: Answers) -> tuple[Scored, ...]:
    """All scores of the form for these answers, in the form's order: a group may ask about the scores before it."""
    asked = questions(form)
    found: dict[str, Scored] = {}
    for held in form.scoring.scores:
        found[held.id] = _group(held, found) if held.method == "group" else _one(held, asked, answers)
    return tuple(found.values())


def _group(held: Score, known: Mapping[str, Scored]) -> Scored:
    """The first group whose limits all hold; any score it asks about being insufficient makes it so too."""
    asked = {limit.score for group in held.groups for limit in group.limits}
    values = {name: known[name].value for name in asked}
    answered = sum(value is not None for value in values.values())
    chosen = None
    if answered == len(values):
        chosen = next((group for group in held.groups if all(_within(limit, values) for limit in group.limits)), None)
    value = None if chosen is None else Decimal(chosen.value)
    return Scored(held.id, held.version, held.title, value, chosen.code if chosen else None, answered, len(values))


def _within(limit: Limit, values: Mapping[str, Decimal | None]) -> bool:
    value = values[limit.score]
    if value is None:
        return False
    low = limit.at_least is None or Decimal(str(limit.at_least)) <= value
    return low and (limit.at_most is None or value <= Decimal(str(limit.at_most)))


def _one(held: Score, asked: Mapping[str, Item], answers: Answers) -> Scored:
    numbers = [
        number
        for link_id in held.link_ids
        for value in list(answers.get(link_id, ()))[:1]
        if (number := _number(asked.get(link_id), value)) is not None
    ]
    value: Decimal | None = None
    if numbers and len(numbers) >= held.min_answered:
        if held.method == "max":
            value = max(numbers)
        elif held.method == "sum":
            value = sum(numbers, Decimal(0))
        else:
            mean = sum(numbers, Decimal(0)) / len(numbers)
            value = mean.quantize(Decimal("0.01"), ROUND_HALF_UP)
    band = None
    if value is not None:
        value *= held.factor
        fitting = [item for item in held.bands if Decimal(str(item.at_least)) <= value]
        band = max(fitting, key=lambda item: Decimal(str(item.at_least)), default=None)
    return Scored(
        held.id,
        held.version,
        held.title,
        value,
        band.code if band else None,
        len(numbers),
        held.min_answered,
    )


def _number(item: Item | None, value: Any) -> Decimal | None:
    """What an answer counts: its ordinal value where the questionnaire gives one, else the number or numeric code."""
    for option in (item or {}).get("answerOption") or ():
        held = option_value(option)
        if form_text(held) != form_text(value):
            continue
        ordinal = _ordinal(option) if _ordinal(option) is not None else _ordinal(held)
        if ordinal is not None:
            return ordinal
    if isinstance(value, bool):
        return Decimal(1 if value else 0)
    try:
        return Decimal(form_text(value))
    except InvalidOperation:
        return None


def _ordinal(element: Any) -> Decimal | None:
    if not isinstance(element, Mapping):
        return None
    for extension in element.get("extension") or ():
        if extension.get("url") == ORDINAL:
            found = next((value for key, value in extension.items() if key.startswith("value")), None)
            return None if found is None else Decimal(str(getattr(found, "text", found)))
    return None
