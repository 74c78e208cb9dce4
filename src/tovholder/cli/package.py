"""``tovholder package``: list and check packages."""

from __future__ import annotations

from pathlib import Path

import typer

from tovholder.base import days
from tovholder.cli.package_export import export
from tovholder.cli.package_versions import diff, simulate
from tovholder.cli.setup import console

app = typer.Typer(help="Packages: care for one disease, as data.", no_args_is_help=True)
app.command("diff")(diff)
app.command("simulate")(simulate)
app.command("export")(export)


@app.command("list")
def list_() -> None:
    """The packages this installation has."""
    from tovholder import packages

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


@app.command("check")
def check(
    folder: Path = typer.Argument(..., help="The package's folder."),
    source: str = typer.Option("", help="Where plans come from: tovholder or lps. Default: all the package can have."),
) -> None:
    """Check a package's files and run all its examples on SQLite and DuckDB."""
    from tovholder.workbench import check as workbench

    report = workbench.check_package(folder, source=source or None)
    for line in report.lines:
        console.print(str(line), markup=False)
    console.print(f"{report.ok} ok, {report.failed} failed.")
    if report.failed:
        raise typer.Exit(1)
