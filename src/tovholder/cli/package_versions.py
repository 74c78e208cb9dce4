"""``tovholder package diff`` and ``simulate``: what a version of a package changes, and what one would change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

if TYPE_CHECKING:
    from tovholder.workbench.diff import Report
    from tovholder.workbench.simulate import Simulation

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


def _tell(report: Report, *, plans: bool) -> None:
    from tovholder.packages.difference import TITLES

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


def simulate(
    package: Path = typer.Argument(..., help="The changed package: its folder, or a file in it."),
    patients: int = typer.Argument(2000, min=1, help="With --on synth: how many patients with a package's illness."),
    on: str = typer.Option("synth", help="On whom: synth (a fictitious population) or record (everybody here)."),
    weeks: int = typer.Option(12, min=1, max=104, help="Weeks back that flags are asked about."),
    seed: int = typer.Option(1, min=0, help="With --on synth: the same seed gives the same people."),
    page: Path | None = typer.Option(None, "--html", help="Also write a page with charts and tables to this file."),
    language: str = typer.Option("da", help="The page's language: da or en."),
    as_json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """What a changed package would do on a population, beside the version in force; nothing is written to the record."""
    if on not in ("synth", "record"):
        raise _option("--on", on, "synth or record")
    if language not in ("da", "en"):
        raise _option("--language", language, "da or en")
    setup.django(migrated=on == "record")
    from tovholder.access import system_context
    from tovholder.workbench import simulate as workbench
    from tovholder.workbench import simulation_page

    new = workbench.read_package(package)
    if page is not None and not page.absolute().parent.is_dir():
        raise _option("--html", str(page), "a file in a folder that is there")
    now, begun = setup.now(), time.monotonic()
    with setup.progress_bar("Looking at patients", patients if on == "synth" else None) as bar:
        found = workbench.simulate(
            new,
            workbench.from_record(system_context(now, "simulate")) if on == "record" else _made_up(patients, seed),
            today=days.day_of(now),
            weeks=weeks,
            most=patients if on == "synth" else None,
            progress=lambda done: bar.advance(bar.task_ids[0], done),
        )
    if page is not None:
        page.write_text(simulation_page.html(found, language), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found.as_json()).decode())
        return
    _tell_simulation(found)
    say(f"{time.monotonic() - begun:.0f} seconds" + (f"; the page is {page}" if page is not None else ""))


def _option(name: str, given: str, expected: str) -> Problem:
    return Problem(Category.INVALID, "This cannot be simulated", [Issue(name, f"{given!r} will not do", expected)])


def _made_up(patients: int, seed: int) -> Iterator[dict[str, Any]]:
    """Enough clinics of patients with a package's illness; no clinic has fewer than three quarters of the usual."""
    from tovholder.demo import synth

    usual = synth.SynthConfig(seed=seed, anchor=days.date_of(days.day_of(setup.now()))).package_patients_per_clinic
    return synth.generate(
        synth.SynthConfig(
            seed=seed,
            anchor=days.date_of(days.day_of(setup.now())),
            full_clinics=0,
            package_clinics=-(-patients // (usual * 3 // 4)),
        )
    )


def _tell_simulation(found: Simulation) -> None:
    before, after = found.before, found.after
    installed = found.old.version if found.old else "not installed"
    say(f"{found.new.id} {installed} → {found.new.version} on {found.patients} patients, {days.iso(found.today)}")
    say(f"{len(found.differences)} differences in the package")
    rows = [("included", before.included, after.included)]
    rows += [(f"level {key} proposed", before.levels[key], after.levels[key]) for key in ("1", "2", "3", "none")]
    old, new = before.per_month(), after.per_month()
    rows += [(f"visits {month}", old.get(month, 0), new.get(month, 0)) for month in sorted({*old, *new})]
    weekly, then = before.per_week(), after.per_week()
    rows += [(f"flags, week until {days.iso(day)}", weekly.get(day, 0), then.get(day, 0)) for day in found.weeks]
    for name, one, other in rows:
        say(f"  {name:<32}{one:>8}{other:>8}{other - one:>+8}")
