"""What a version of a package would change for every live plan of an installation that follows another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tovholder import store
from tovholder.access import Context
from tovholder.packages.difference import Difference, between
from tovholder.packages.model import Package, Rule
from tovholder.plan import current, upgrade
from tovholder.plan.rebase import What
from tovholder.plan.upgrade import Live, Upgrade
from tovholder.rules import compile, run
from tovholder.store import reading

BATCH = 100
LEVELS = """
SELECT l.patient_id, l.level_id, l.episode_id, l.level, l.decided_day
FROM level AS l
WHERE l.episode_id IS NOT NULL AND l.level IS NOT NULL
"""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What would change for one plan. ``raised`` and ``cleared`` are flags by rule; nothing here names a patient."""

    plan_id: str
    clinic: str
    found: Upgrade
    raised: tuple[str, ...]
    cleared: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether anything of it changes for patient or clinic."""
        return not self.found.is_empty or bool(self.raised or self.cleared) or self.level_changes

    @property
    def level_changes(self) -> bool:
        """Whether another level is proposed."""
        return self.found.proposed_before != self.found.proposed_after


@dataclass(frozen=True, slots=True)
class Report:
    """The packages' differences, and a line for each plan that follows the old version."""

    old: Package
    new: Package
    differences: tuple[Difference, ...]
    plans: tuple[PlanLine, ...]
    elsewhere: int  # live plans of the package that follow other versions
    clinics: dict[str, str]  # names by id

    def counts(self, clinic: str | None = None) -> dict[str, int]:
        """How many plans and steps, of one clinic or all."""
        lines = [line for line in self.plans if clinic in (None, line.clinic)]
        steps = Counter(str(item.what) for line in lines for item in line.found.steps.changes)
        return {
            "plans": len(lines),
            "plans_changed": sum(line.changes for line in lines),
            "plans_that_cannot_be_compared": sum(bool(line.found.hindrance) for line in lines),
            **{f"steps_{what}": steps[str(what)] for what in What},
            "steps_kept": sum(len(line.found.steps.kept) for line in lines),
            "level_proposals_changed": sum(line.level_changes for line in lines),
            "flags_raised": sum(len(line.raised) for line in lines),
            "flags_cleared": sum(len(line.cleared) for line in lines),
        }

    def as_json(self, *, plans: bool = False) -> dict[str, Any]:
        """For machines. ``plans``: also a line for each plan, by its opaque id."""
        made: dict[str, Any] = {
            "package": self.old.id,
            "from": self.old.version,
            "to": self.new.version,
            "differences": [_difference(item) for item in self.differences],
            "plans_on_other_versions": self.elsewhere,
            "total": self.counts(),
            "clinics": [{"id": key, "name": name, **self.counts(key)} for key, name in self.clinics.items()],
        }
        return made | ({"plans": [_line(line) for line in self.plans]} if plans else {})


def _difference(item: Difference) -> dict[str, Any]:
    made: dict[str, Any] = {"part": str(item.part), "what": item.what, "id": item.id, "title": item.title.model_dump()}
    if item.told is not None:
        made["told"] = item.told.model_dump()
    if item.details:
        made["details"] = [
            {"label": one.label.model_dump(), "before": one.before.model_dump(), "after": one.after.model_dump()}
            for one in item.details
        ]
    return made


def _line(line: PlanLine) -> dict[str, Any]:
    found = line.found
    return {
        "plan": line.plan_id,
        "clinic": line.clinic,
        "hindrance": found.hindrance,
        "steps": [
            {
                "what": str(item.what),
                "step": item.step.id if item.step else (item.activity.step if item.activity else ""),
                "from_day": item.activity.due_day if item.activity else None,
                "to_day": item.step.due_day if item.step else None,
            }
            for item in found.steps.changes
        ],
        "kept": [str(item.why) for item in found.steps.kept],
        "proposed_level": [found.proposed_before, found.proposed_after],
        "flags_raised": list(line.raised),
        "flags_cleared": list(line.cleared),
    }


def run_diff(ctx: Context, old: Package, new: Package, progress: Progress | None = None) -> Report:
    """Compare the versions, and ask of every live plan that follows the old one what the new one would change."""
    every = [item for item in upgrade.live(ctx) if item.package == old.id]
    own = [item for item in every if item.version == old.version]
    before, after = _flags(ctx, old), _flags(ctx, new)
    lines: list[PlanLine] = []
    for chunk in _chunks(own):
        by_id = {item.plan_id: item for item in chunk}
        for found in upgrade.look(ctx, chunk, {old.id: new}):
            held = by_id[str(found.plan.id)]
            was, is_ = before.get(held.episode_id, frozenset()), after.get(held.episode_id, frozenset())
            lines.append(
                PlanLine(
                    held.plan_id, held.organization_id or "", found, tuple(sorted(is_ - was)), tuple(sorted(was - is_))
                )
            )
        if progress is not None:
            progress(len(chunk))
    clinics = sorted({line.clinic for line in lines})
    return Report(old, new, between(old, new), tuple(lines), len(every) - len(own), _names(ctx, clinics))


def _chunks(items: Sequence[Live]) -> Iterator[Sequence[Live]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _flags(ctx: Context, package: Package) -> dict[str, frozenset[str]]:
    """The rules that would raise a flag today, by course: each rule asked once of everybody."""
    levels = current.levels(store.facts(ctx, LEVELS, name="cockpit"))
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        for rule in package.rules:
            for episode in _hits(cursor, package, rule, ctx.today):
                if rule.applies_at(levels.get(episode)):
                    found.setdefault(episode, set()).add(rule.id)
    return {episode: frozenset(rules) for episode, rules in found.items()}


def _hits(cursor: Any, package: Package, rule: Rule, today: int) -> Iterator[str]:
    checked, compiled = reading.prepared(rule.sql, package.parameters, compile.All())
    place = [column[0] for column in checked.columns].index("episode_id")
    for row in run.run(compiled, cursor, {"today": today, **package.parameters}):
        if row[place]:
            yield row[place]


def _names(ctx: Context, clinics: Sequence[str]) -> dict[str, str]:
    held = {
        item.id: str(item.resource.get("name") or item.id)
        for start in range(0, len(clinics), BATCH)
        for item in store.search_all(ctx, "Organization", [("_id", ",".join(clinics[start : start + BATCH]))])
    }
    return {clinic: held.get(clinic, "?") for clinic in clinics}
