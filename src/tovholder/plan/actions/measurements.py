"""A measurement that somebody who takes part made and writes down once: it feeds curves, levels, flags and figures alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found, rule
from tovholder.packages import Package
from tovholder.packages.model_clinical import Input, InputSource
from tovholder.plan import course, resources
from tovholder.plan.actions.episodes import past_day
from tovholder.plan.values import Code, Episode
from tovholder.store import UnitOfWork

_WHO = "those who take part in the treatment"
_OVER = frozenset({"entered-in-error", "cancelled"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a measurement. before: what stood for that day and was corrected by it; None where nothing did.

    changed: whether anything was written; False where the same stood there already.
    """

    id: str
    value: Decimal
    before: Decimal | None = None
    changed: bool = True


def measured(package: Package, name: str) -> tuple[Input, InputSource]:
    """An input that is a measured number, with the code it is kept under. Raises Problem(INVALID) for any other."""
    for item in package.level.inputs:
        source = next((one for one in item.sources if one.kind == "measurement"), None)
        if item.name == name and source is not None:
            return item, source
    known = [one.name for one in package.level.inputs if any(held.kind == "measurement" for held in one.sources)]
    issue = Issue("Observation.code", "the package asks for no such measurement", ", ".join(known), "value")
    raise Problem(Category.INVALID, "The measurement cannot be kept as it is", [issue])


def record_measurement(
    ctx: Context, *, patient_id: str, episode_id: str, name: str, value: Decimal, day: int | None = None
) -> Recorded:
    """Write down one measurement of a course's package. ``value`` in the input's unit; ``day``: today without it.

    The same from the same organisation on the same day is the same measurement: another number corrects it, and the
    wrong one stays in the history. Raises Problem: INVALID (no such input, a number that cannot be meant), RULE (a day
    to come, a course that is over), FORBIDDEN, NOT_FOUND.
    """
    course.require(ctx, course.ACTORS, "Observation", "this role may not write measurements", _WHO)
    told = past_day(ctx, day, "Observation.effectiveDateTime")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, episode = course.episode(uow, patient_id, episode_id)
        if not episode.phase.is_open:
            path = "Observation.extension('workflow-episodeOfCare')"
            raise rule(path, "the course is closed", "an open course", kept="nothing was changed")
        item, source = measured(course.package(episode.package), name)
        _can_be_meant(item, value)
        held = _same_day(uow, ctx, patient_id, source, told)
        if held is not None:
            return _corrected(uow, held, value)
        return Recorded(uow.create(_resource(ctx, episode, item, source, value, told)).id, value)


def withdraw_measurement(ctx: Context, *, patient_id: str, observation_id: str) -> None:
    """Take back a measurement of one's own organisation that should not have been written. Twice is once."""
    course.require(ctx, course.ACTORS, "Observation", "this role may not write measurements", _WHO)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored = uow.read("Observation", observation_id)
        if (stored.get("subject") or {}).get("reference") != f"Patient/{patient_id}":
            raise not_found("The measurement")
        if not _is_ours(ctx, stored):
            raise forbidden("Observation.performer", "somebody else measured this", "a measurement of your own")
        if stored.get("status") != "entered-in-error":
            uow.update({**stored, "status": "entered-in-error"})


def _can_be_meant(item: Input, value: Decimal) -> None:
    low, high = item.minimum, item.maximum
    if not value.is_finite() or (low is not None and value < low) or (high is not None and value > high):
        limits = " to ".join(str(limit) for limit in (low, high) if limit is not None) or "a number"
        issue = Issue("Observation.value", f"{item.title.en} cannot be that", limits, "value")
        raise Problem(Category.INVALID, "The measurement cannot be kept as it is", [issue], kept="nothing was changed")


def _is_ours(ctx: Context, stored: dict[str, Any]) -> bool:
    ours = {ctx.actor, f"Organization/{ctx.organization}"}
    return any(one.get("reference") in ours for one in stored.get("performer") or ())


def _same_day(uow: UnitOfWork, ctx: Context, patient_id: str, source: InputSource, day: int) -> dict[str, Any] | None:
    for stored in course.about(uow, "Observation", patient_id):
        coded = any(
            one.get("system") in source.systems and one.get("code") == source.code
            for one in (stored.get("code") or {}).get("coding") or ()
        )
        if (
            coded
            and stored.get("status") not in _OVER
            and days.parse_day(stored.get("effectiveDateTime")) == day
            and _is_ours(ctx, stored)
        ):
            return stored
    return None


def _corrected(uow: UnitOfWork, held: dict[str, Any], value: Decimal) -> Recorded:
    amount = held.get("valueQuantity") or {}
    stood = amount.get("value")
    before = None if stood is None else Decimal(str(stood))
    if before != value:
        uow.update({**held, "status": "corrected", "valueQuantity": {**amount, "value": json.Decimal(str(value))}})
    return Recorded(str(held["id"]), value, None if before == value else before, changed=before != value)


def _resource(
    ctx: Context, episode: Episode, item: Input, source: InputSource, value: Decimal, day: int
) -> dict[str, Any]:
    unit = next((name for name, factor in source.units.items() if factor == 1), item.unit)
    made = resources.measurement_resource(
        patient_id=episode.patient_id,
        code=Code(source.systems[0], source.code, item.title.da),
        at=day,
        quantity=value,
        unit=unit,
        episode_id=episode.id,
    )
    # The place too: what a colleague there measured is theirs to see and to mend.
    performers = [ctx.actor if "/" in ctx.actor else "", f"Organization/{ctx.organization}" if ctx.organization else ""]
    made["performer"] = [{"reference": one} for one in performers if one]
    return made
