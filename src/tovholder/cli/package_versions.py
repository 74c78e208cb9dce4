"""``tovholder package diff``: what a version of a package changes, in itself and for every live plan here."""

from __future__ import annotations

import typer

from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

_WHAT = {"added": "+", "removed": "-", "changed": "~"}


def diff(
    old: str = typer.Argument(..., help="The version plans follow: kol@1 or kol@1.0.0."),
    new: str = typer.Argument(..., help="The version to compare with: kol@2, or kol for the one in force."),
    as_json: bool = typer.Option(False, "--json", help="For machines."),
    plans: bool = typer.Option(False, "--plans", help="Also a line for each plan, by its opaque id."),
) -> None:
    """What differs between two versions of a package, and what would change for each live plan; nothing is changed."""
    setup.django()
    from tovholder import packages
    from tovholder.access import system_context
    from tovholder.packages.installed import number_of
    from tovholder.plan import upgrade
    from tovholder.workbench import diff as workbench

    before, after = packages.named(old), packages.named(new)
    if before.id != after.id:
        raise _wrong(new, "these are two packages, not two versions of one", f"{before.id}@…")
    if (number_of(before.version) or ()) >= (number_of(after.version) or ()):
        raise _wrong(new, f"{after.version} is not later than {before.version}", "the earlier version first")
    ctx = system_context(setup.now(), "versions")
    total = sum(item.package == before.id and item.version == before.version for item in upgrade.live(ctx))
    with setup.progress_bar("Looking at plans", total) as bar:
        report = workbench.run_diff(ctx, before, after, lambda done: bar.advance(bar.task_ids[0], done))
    if as_json:
        typer.echo(json.dumps(report.as_json(plans=plans)).decode())
        return
    _tell(report, plans=plans)


def _wrong(where: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "These versions cannot be compared", [Issue(where, message, expected)])


def _tell(report: object, *, plans: bool) -> None:
    from tovholder.packages.difference import TITLES
    from tovholder.workbench.diff import Report

    assert isinstance(report, Report)
    say(f"{report.old.id} {report.old.version} → {report.new.version}: {len(report.differences)} differences")
    part = None
    for item in report.differences:
        if item.part != part:
            part = item.part
            say(f"\n{TITLES[part]['en']}")
        say(f"  {_WHAT[item.what]} {item.title['en']}" + (f" ({item.told['en']})" if item.told else ""))
        for one in item.details:
            say(f"      {one.label['en']}: {one.before['en']} → {one.after['en']}")
    say("\nLive plans here")
    _counts(report.counts())
    if report.elsewhere:
        say(f"  {report.elsewhere} more plans of the package follow other versions and are not counted.")
    for key, name in report.clinics.items():
        held = report.counts(key)
        say(
            f"  {name}: {held['plans_changed']} of {held['plans']} plans; steps +{held['steps_added']}"
            f" -{held['steps_removed']} moved {held['steps_moved']}; flags +{held['flags_raised']}"
            f" -{held['flags_cleared']}; level proposals {held['level_proposals_changed']}"
        )
    for line in report.plans if plans else ():
        steps = ", ".join(
            f"{item.what} {item.step.id if item.step else item.activity.step or item.activity.kind if item.activity else ''}"
            for item in line.found.steps.changes
        )
        say(f"  plan {line.plan_id}: {line.found.hindrance or steps or 'the same'}")


def _counts(held: dict[str, int]) -> None:
    for name, count in held.items():
        if count or name.startswith("plans"):
            say(f"  {count:>6} {name.replace('_', ' ')}")


def say(text: str) -> None:
    """One line, as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
