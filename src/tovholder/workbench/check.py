"""Checks a package folder: its files, its rules' examples and its example patients, on SQLite and DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tovholder.base import days
from tovholder.base.errors import Issue, Problem
from tovholder.packages import load
from tovholder.packages.check import check
from tovholder.packages.check_rules import sql_of
from tovholder.packages.model import Indicator, Package, Rule
from tovholder.packages.model_rules import RuleExample
from tovholder.rules.check import Checked
from tovholder.workbench import patients
from tovholder.workbench.factbase import FactBase, cell
from tovholder.workbench.report import Line, Outcome, Report, compare, from_issues

# A level example: the decisions of an episode in order, and what is asked of the last.
_DECISIONS: Mapping[str, tuple[int, ...]] = {"1": (1,), "2": (2,), "3": (3,), "undecided": (), "3-to-1": (3, 1)}


def check_package(folder: Path, *, today: int | None = None, source: str | None = None) -> Report:
    """Everything that can be said about a package without installing it.

    ``today`` is the day content is checked for having expired; examples carry their own day. ``source``: where plans
    come from; none: the rules and examples are run with every source the package can have.
    """
    try:
        package = load(folder)
    except Problem as problem:
        return Report(folder.name, tuple(from_issues(problem.issues)))
    lines = [Line(Outcome.OK, folder.name, f"{package.id} {package.version} can be read")]
    try:
        faults = check(package, today=today)
    except Problem as problem:  # the facts themselves cannot be read
        return Report(package.id, (*lines, *from_issues(problem.issues)))
    found = from_issues(faults)
    lines += found or [Line(Outcome.OK, folder.name, "the files agree with each other")]
    if source is not None and source not in package.source_choices:
        expected = f"one of: {', '.join(package.source_choices)}"
        lines.append(Line(Outcome.FAILED, package.place("package.toml", "source"), f"no source {source}", expected))
        return Report(package.id, tuple(lines))
    choices = package.source_choices if source is None else (source,)
    with FactBase() as facts:
        for choice in choices:
            told = f" (plans from {choice})" if len(package.source_choices) > 1 else ""
            lines += [_named(line, told) for line in _run(package.taking_plans_from(choice), facts)]
    return Report(package.id, tuple(lines))


def _run(package: Package, facts: FactBase) -> Iterator[Line]:
    """The rules' examples and the example patients, with the package's source of plans."""
    queries = _queries(package, facts)
    for part, checked in queries:
        yield from _examples(package, part, checked, facts)
    if len(queries) == len(package.queries):
        for example in package.examples:
            if example.source in (None, package.source):
                yield from _guarded(example.id, patients.run(package, example, queries, facts))


def _named(line: Line, told: str) -> Line:
    return replace(line, message=line.message + told) if told else line


def _queries(package: Package, facts: FactBase) -> list[tuple[Rule | Indicator, Checked]]:
    """The queries that can run; what is wrong with the others is already told."""
    found: list[tuple[Rule | Indicator, Checked]] = []
    for part in package.queries:
        try:
            found.append((part, sql_of(package, part, facts.schema)))
        except Problem:
            continue
    return found


def _guarded(where: str, lines: Iterator[Line]) -> Iterator[Line]:
    """Lines, and a Problem among them as one more."""
    try:
        yield from lines
    except Problem as problem:
        yield from from_issues(Issue(where, f"{held.path}: {held.message}", held.expected) for held in problem.issues)


def _examples(package: Package, part: Rule | Indicator, checked: Checked, facts: FactBase) -> Iterator[Line]:
    file = package.file_of(part)
    for index, example in enumerate(part.examples):
        if any(table not in facts.schema.tables for table in example.facts):
            continue  # told by the static checks
        where = package.place(file, "examples", index)
        yield from _guarded(where, _example(package, part, checked, facts, example, where))


def _example(
    package: Package, part: Rule | Indicator, checked: Checked, facts: FactBase, example: RuleExample, where: str
) -> Iterator[Line]:
    today = days.day_of(example.today)
    facts.load(example.facts)
    rows = facts.ask(checked, {**package.parameters, "today": today})
    wanted = [{name: cell(name, value) for name, value in row.items()} for row in example.expect]
    names = {name for row in wanted for name in row}
    found = [{name: value for name, value in row.items() if name in names} for row in rows]
    yield compare(where, example.name, _sorted(found), _sorted(wanted))
    if not isinstance(part, Rule):
        return
    for level, raised in example.at_levels.items():
        episodes = {str(row["episode_id"]) for row in rows}
        facts.empty("level")
        facts.insert("level", [*example.facts.get("level", ()), *_decided(level, rows, today)])
        decided = patients.current_levels(facts)
        again = {str(row["episode_id"]) for row in facts.ask(checked, {**package.parameters, "today": today})}
        flagged = {episode for episode in again if part.applies_at(decided.get(episode))}
        what = f"{'raised' if raised else 'not raised'} at level {level}"
        yield compare(where, f"{example.name}: {what}", sorted(flagged), sorted(episodes) if raised else [])


def _decided(level: str, rows: list[dict[str, Any]], today: int) -> Iterator[dict[str, Any]]:
    for row in rows:
        for number, value in enumerate(_DECISIONS[level]):
            yield {
                "level_id": f"example-{row['episode_id']}-{number}",
                "patient_id": row["patient_id"],
                "episode_id": row["episode_id"],
                "level": value,
                "status": "final",
                "decided_day": today - 2 + number,
            }


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    plain = [dict(sorted(row.items())) for row in rows]
    return sorted(plain, key=lambda row: [str(value) for value in row.values()])
