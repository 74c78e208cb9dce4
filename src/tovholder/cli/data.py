"""Commands that move data: migrate, import, rebuild, synth, token."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any

import typer

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console, errors


def migrate(
    fill: bool | None = typer.Option(
        None,
        "--rebuild/--no-rebuild",
        help="Also fill search index and facts anew where this version keeps others. Asked at a terminal when neither is said.",
    ),
) -> None:
    """Make or update the database's tables, and what is derived from the record where that is wished."""
    setup.django(migrated=False)
    setup.migrate()
    from tovholder.store import schema

    console.print("The database is up to date.")
    waiting = schema.stale()
    if not waiting:
        return
    console.print(f"This version keeps other search index or facts: {', '.join(waiting)}.")
    console.print("The record is whole; they are filled from it, and a rebuild that is stopped goes on where it was.")
    if fill is None and sys.stdin.isatty():
        fill = typer.confirm("Fill them now?", default=True)
    if fill:
        _fill()
    else:
        console.print("Nothing is served by this version before: tovholder rebuild")


def import_(
    paths: list[Path] = typer.Argument(..., help="Files or folders: .json, .ndjson, .gz, .tgz packages; - is stdin."),
    rejects: Path = typer.Option(
        Path("rejected.ndjson"),
        help="Where lines that did not go in are set aside; an earlier file of that name is replaced.",
    ),
) -> None:
    """Load FHIR resources, Bundles and packages; what is not valid is set aside with file, line and reason.

    The deletions of a Bulk Data export are carried out.
    """
    setup.django()
    from tovholder.access import system_context
    from tovholder.store import bulk, sealing

    ctx = system_context(setup.now(), "import")
    if rejects.is_dir() or not rejects.absolute().parent.is_dir():
        raise Problem(
            Category.INVALID,
            f"What is set aside cannot be written to {rejects}",
            [Issue("--rejects", "no file can be made there", "a file in a folder that is there", "value")],
            kept="the record as it was; nothing was loaded",
        )

    def items() -> Iterator[Any]:
        for path in paths:
            if str(path) == "-":
                yield from bulk.read_lines(sys.stdin.buffer, "stdin")
            else:
                yield from bulk.read_paths([path])

    with _Rejects(rejects) as aside, setup.progress_bar("Loading", None, forks=True) as bar:
        task = bar.task_ids[0]
        report = bulk.load(ctx, items(), progress=lambda count: bar.advance(task, count), set_aside=aside.add)
    with setup.progress_bar("Finding patients, flags and figures", bulk.waiting(), forks=True) as bar:
        task = bar.task_ids[0]
        bulk.derive_pending(ctx, progress=lambda count: bar.advance(task, count), together=True)
    sealing.seal_now(setup.now)
    gone = f"{report.deleted} deleted, " if report.deleted else ""
    console.print(f"{report.stored} stored, {gone}{report.unchanged} unchanged, {aside.count} set aside.")
    if aside.lines:
        errors.print(f"Set aside in {rejects}: {aside.lines}. Mend them and load that file again.", markup=False)
    if aside.count > aside.lines:
        errors.print(f"Could not be read at all: {aside.count - aside.lines}, named above.")
    if aside.count:
        raise typer.Exit(1)
    if not report.stored and not report.unchanged and not report.deleted:
        errors.print("Nothing to load was found there. A folder's files end in .json, .ndjson, .jsonl, .gz or .tgz.")


class _Rejects:
    """The file of what did not go in, written as it comes; not made when there is nothing to put in it.

    It gets its name at the end: it may be the very file that is being loaded again.
    """

    def __init__(self, path: Path) -> None:
        self.count = self.lines = 0
        self._path, self._part = path, path.with_name(path.name + ".part")
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._part.replace(self._path)

    def add(self, reject: Any) -> None:
        """Set one aside: its line in the file, its place and reasons on standard error."""
        self.count += 1
        if reject.raw:
            self.lines += 1
            if self._file is None:
                self._file = self._part.open("wb")
            self._file.write(reject.raw + b"\n")
        for issue in reject.issues[:5]:
            errors.print(str(issue) if issue.path == reject.source else f"{reject.source}: {issue}", markup=False)


def rebuild(
    check: bool = typer.Option(False, "--check", help="Also compare: exit 1 when anything came out different."),
) -> None:
    """Make search index, facts, flags and figures again from the record."""
    setup.django(filled=False)
    _fill(check)


def _fill(check: bool = False) -> None:
    from django.db import connection

    from tovholder.store import rebuild as again

    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_resource WHERE NOT deleted")
        total = cursor.fetchone()[0]
    before = again.fingerprint() if check else {}
    with setup.progress_bar("Rebuilding", total, forks=True) as bar:
        task = bar.task_ids[0]
        count = again.rebuild(setup.now(), lambda done: bar.advance(task, done))
    console.print(f"{count} resources read; search index, facts, flags and figures are new.")
    if check:
        after = again.fingerprint()
        different = sorted(name for name in after if before.get(name) != after[name])
        console.print("Same rows as before." if not different else f"Different: {', '.join(different)}")
        if different:
            raise typer.Exit(1)


def synth(
    folder: Path = typer.Argument(..., help="Where the NDJSON files go."),
    seed: int = typer.Option(1, min=0, help="The same seed gives the same people."),
    anchor: str = typer.Option("", help="The day everything is dated from (YYYY-MM-DD); today without it."),
    clinics: int = typer.Option(1, min=0, help="Clinics with a full list of 1,600 people."),
    package_clinics: int = typer.Option(20, min=0, help="Clinics with package patients only."),
    everyday: float = typer.Option(0, min=0, help="Ordinary visits per person on a full list, each with four values."),
) -> None:
    """Make a fictitious Danish population as FHIR NDJSON."""
    from tovholder.demo import synth as population

    try:
        day = date.fromisoformat(anchor) if anchor else days.date_of(days.day_of(setup.now()))
    except ValueError:
        raise typer.BadParameter(f"{anchor!r} is not a day; write it as YYYY-MM-DD", param_hint="--anchor") from None
    config = population.SynthConfig(
        seed=seed, anchor=day, full_clinics=clinics, package_clinics=package_clinics, everyday=everyday
    )
    with setup.progress_bar("Making people", None) as bar:
        task = bar.task_ids[0]
        counts = population.write_ndjson(config, folder, lambda count: bar.advance(task, count))
    for kind, count in sorted(counts.items()):
        console.print(f"{count:>7} {kind}")
    console.print(f"{sum(counts.values()):>7} resources in {folder}")


def token(persona: str = typer.Option(..., help="Whose: a persona of the demo, such as anna, or system.")) -> None:
    """Print a bearer token for the API (demo only)."""
    setup.django(migrated=False)
    from tovholder.access import personas

    personas.require_allowed()
    setup.require_migrated()
    typer.echo(personas.make_token(persona, setup.now()))
