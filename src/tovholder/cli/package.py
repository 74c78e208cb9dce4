"""``tovholder package``: list and check packages."""

from __future__ import annotations

from pathlib import Path

import typer

from tovholder.base import days
from tovholder.cli import setup
from tovholder.cli.package_export import export
from tovholder.cli.package_versions import diff, simulate
from tovholder.cli.setup import console

app = typer.Typer(help="Packages: care for one disease, as data.", no_args_is_help=True)
app.command("diff")(diff)
app.command("simulate")(simulate)
app.command("export")(export)


@app.command("list")
def list_() -> None:
    """The packages this installation has, and those set aside for their faults."""
    from tovholder import packages

    setup.django(reached=False)

    for package in packages.builtin().values():
        console.print(
            f"{package.id}@{package.version}  {package.titles['da']}  (from {days.iso(package.valid_from)},"
            f" {len(package.rules)} flags, {len(package.indicators)} indicators, {len(package.examples)} examples,"
            f" {len(package.defaults())} sources are defaults of ours)",
            markup=False,
        )
        earlier = packages.versions(package.id)[:-1]
        if earlier:
            console.print(f"    also, for plans made with them: {', '.join(earlier)}", markup=False)
    _tell_set_aside()


def _tell_set_aside() -> int:
    """The versions with a hole, what is wrong with each, and what is in force instead; how many."""
    from tovholder import packages

    for one in packages.set_aside():
        kept = "used in its neutral words" if one.words else f"{one.instead or 'nothing'} is in force instead"
        console.print(f"SET ASIDE {one.name} ({one.origin}, folder {one.folder}): {kept}", markup=False)
        for issue in one.issues:
            console.print(f"    {issue}", markup=False)
    return len(packages.set_aside())


@app.command("check")
def check(
    folder: Path | None = typer.Argument(None, help="The package's folder. Without one: what is installed here."),
    source: str = typer.Option("", help="Where plans come from: tovholder or lps. Default: all the package can have."),
) -> None:
    """Check a package's files and run all its examples on SQLite and DuckDB.

    Without a folder: whether any version installed here is set aside for its faults, and what is in force instead.
    """
    if folder is None:
        _check_installed()
        return
    from tovholder.workbench import check as workbench

    report = workbench.check_package(folder, source=source or None)
    for line in report.lines:
        console.print(str(line), markup=False)
    console.print(f"{report.ok} ok, {report.failed} failed.")
    if report.failed:
        raise typer.Exit(1)


def _check_installed() -> None:
    from tovholder import packages

    setup.django(reached=False)  # reads the settings that say which packages there are
    held = packages.builtin()
    for package_id, package in held.items():
        console.print(f"{package_id}@{package.version} in force", markup=False)
    found = _tell_set_aside()
    console.print(f"{len(held)} in force, {found} set aside.")
    if found:
        raise typer.Exit(1)
