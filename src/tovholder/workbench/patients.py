"""Runs one example patient: resources in, and what comes of them compared with what is expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tovholder.base import days
from tovholder.base.errors import Severity
from tovholder.fhir.validate import validate
from tovholder.packages.model import Example, Indicator, Package, Rule
from tovholder.plan import inputs
from tovholder.plan.domain import OPEN, EndReason
from tovholder.plan.inclusion import closed_on, evaluate_inclusion, spent
from tovholder.plan.level import propose_level
from tovholder.plan.measures import series
from tovholder.plan.record import Record
from tovholder.plan.sources import planned
from tovholder.plan.stages import stops_that_hold
from tovholder.rules.check import Checked
from tovholder.workbench.factbase import FactBase
from tovholder.workbench.report import Line, Outcome, compare

_COUNTED = ("in_denominator", "in_numerator", "missing")


def current_levels(facts: FactBase) -> dict[str, int]:
    """The latest decided level of each episode."""
    rows = [row for row in facts.rows("level") if row["level"] is not None]
    rows.sort(key=lambda row: (row["decided_day"] or 0, row["level_id"]))
    return {row["episode_id"]: row["level"] for row in rows}


def run(
    package: Package, example: Example, queries: Sequence[tuple[Rule | Indicator, Checked]], facts: FactBase
) -> Iterator[Line]:
    """All comparisons of one example."""
    known = package.parameter_definitions  # one there is not is told by the static checks
    package = package.with_parameters({key: value for key, value in example.parameters.items() if key in known})
    where = f"examples/{example.id}.json"
    today = days.day_of(example.today)
    invalid = [
        f"{resource.get('resourceType')}/{resource.get('id')} {found}"
        for resource in example.resources
        for found in validate(dict(resource))
        if found.severity in (Severity.ERROR, Severity.FATAL)
    ]
    if invalid:
        yield from (Line(Outcome.FAILED, where, f"not valid FHIR: {message}") for message in invalid)
        return
    record = Record(tuple(example.resources))
    facts.load_resources(example.resources, first_day=min(package.valid_from, today - 400), last_day=today + 400)
    levels = current_levels(facts)
    yield from _inclusion(package, example, record, facts, today, where)
    yield from _level_and_plan(package, example, record, today, levels, where)
    yield from _stops_and_changes(package, example, record, facts, today, where)
    yield from _bands(package, example, record, where)
    yield from _flags(package, example, queries, facts, levels, today, where)
    yield from _indicators(package, example, queries, facts, today, where)


def _inclusion(
    package: Package, example: Example, record: Record, facts: FactBase, today: int, where: str
) -> Iterator[Line]:
    wanted = example.expect.inclusion
    without: frozenset[str] = frozenset()
    ended: int | None = None
    if package.inclusion.recurrence is not None:  # what earlier courses decided, as the derivation asks it
        closed = [row for row in facts.rows("episode") if row["phase"] not in OPEN]
        without = spent(record.diagnoses, closed)
        ended = closed_on([row for row in closed if row["end_reason"] == EndReason.COMPLETED])
    asks = package.inclusion.requires or package.inclusion.blocks
    asked = inputs.facts(package, record, today, without=without) if asks else None
    found = evaluate_inclusion(
        package, record.patient, record.diagnoses, today, asked, without=without, ended_day=ended
    )
    yield compare(where, "included" if wanted.included else "not included", found.included, wanted.included)
    yield compare(where, "reasons for and against", sorted(found.reason_ids), sorted(wanted.reasons))
    if wanted.diagnosis_day is not None:
        day = None if found.diagnosis_day is None else days.iso(found.diagnosis_day)
        yield compare(where, "day of diagnosis", day, wanted.diagnosis_day.isoformat())


def _level_and_plan(
    package: Package, example: Example, record: Record, today: int, levels: Mapping[str, int], where: str
) -> Iterator[Line]:
    wanted = example.expect.level
    proposal = propose_level(package, None, record, today)
    if wanted is not None:
        level = None if proposal.level is None else int(proposal.level)
        yield compare(where, "proposed level", level, wanted.proposed)
        yield compare(where, "grade", proposal.grade, wanted.grade)
        yield compare(where, "reasons for the level", sorted(proposal.reason_ids), sorted(wanted.reasons))
        yield compare(where, "what is unknown", sorted(proposal.unknown), sorted(wanted.unknown))
    if example.expect.plan is None or (example.source is None and not package.makes_plans):
        return  # a plan expected without a source is the package's own
    start = today if example.plan_confirmed is None else days.day_of(example.plan_confirmed)
    decided = next(iter(levels.values()), None)
    known = inputs.facts(package, record, start, level=decided)
    steps = planned(package, record, decided, start, known)
    yield compare(
        where,
        "the plan's activities",
        sorted((item.id, item.kind, days.iso(item.due_day)) for item in steps),
        sorted((item.id, item.kind, item.due.isoformat()) for item in example.expect.plan),
    )


def _stops_and_changes(
    package: Package, example: Example, record: Record, facts: FactBase, today: int, where: str
) -> Iterator[Line]:
    wanted = example.expect
    if wanted.stops is not None:
        found = [stop.id for stop, _ in stops_that_hold(package, inputs.facts(package, record, today))]
        yield compare(where, "rules for ending the course", sorted(found), sorted(wanted.stops))
    if wanted.changes is not None:
        running = next((row for row in facts.rows("episode") if row["phase"] in OPEN), None)
        told = [
            (line.name, str(line.trend.way), line.trend.matters)
            for line in series(package, record, since=running["started_day"] if running else None)
            if line.trend is not None
        ]
        asked = {item.input for item in wanted.changes}
        yield compare(
            where,
            "changes since the course began",
            sorted(item for item in told if item[0] in asked),
            sorted((item.input, item.way, item.matters) for item in wanted.changes),
        )


def _bands(package: Package, example: Example, record: Record, where: str) -> Iterator[Line]:
    if example.expect.bands is None:
        return
    newest = {line.name: line.band.code if line.band else None for line in series(package, record)}
    asked = {item.input: item.band for item in example.expect.bands}
    found = {name: newest.get(name) for name in asked}
    yield compare(where, "bands", dict(sorted(found.items())), dict(sorted(asked.items())))


def _flags(
    package: Package,
    example: Example,
    queries: Sequence[tuple[Rule | Indicator, Checked]],
    facts: FactBase,
    levels: Mapping[str, int],
    today: int,
    where: str,
) -> Iterator[Line]:
    still_open = {row["episode_id"] for row in facts.rows("episode") if row["phase"] in OPEN}
    found = [
        (part.id, days.iso(row["since_day"]))
        for part, checked in queries
        if isinstance(part, Rule)
        for row in facts.ask(checked, {**package.parameters, "today": today})
        if row["episode_id"] in still_open and part.applies_at(levels.get(row["episode_id"]))
    ]
    wanted = [(flag.rule, flag.since.isoformat()) for flag in example.expect.flags]
    yield compare(where, "flags", sorted(found), sorted(wanted))


def _indicators(
    package: Package,
    example: Example,
    queries: Sequence[tuple[Rule | Indicator, Checked]],
    facts: FactBase,
    today: int,
    where: str,
) -> Iterator[Line]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for part, checked in queries:
        if isinstance(part, Rule):
            continue
        for row in facts.ask(checked, {**package.parameters, "today": today}):
            counted = (row["period_id"], *(f"{name} {row[name]}" for name in _COUNTED))
            found.setdefault(part.id, []).append(counted)
    wanted = {
        name: [(held.period, *(f"{column} {getattr(held, column)}" for column in _COUNTED))]
        for name, held in example.expect.indicators.items()
    }
    yield compare(where, "figures", dict(sorted(found.items())), dict(sorted(wanted.items())))
