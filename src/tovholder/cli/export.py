"""``tovholder export``: the record, or a part of it, as NDJSON files."""

from __future__ import annotations

from pathlib import Path

import typer

from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console


def export(
    folder: Path = typer.Argument(..., help="Where the files go; a folder that is not there yet, or empty."),
    types: list[str] = typer.Option([], "--type", help="Only this resource type; may be given several times."),
    since: str = typer.Option(
        "", help="Only what changed from this instant on, such as the last manifest's transactionTime."
    ),
    group: str = typer.Option("", help="Only what is about the members of the Group with this id."),
) -> None:
    """Write the record as NDJSON, one moment of it: a file per type, and manifest.json."""
    setup.django()
    from tovholder.access import system_context
    from tovholder.fhir.search_values import date_range
    from tovholder.fhir.validate import resource_types
    from tovholder.store import export as work

    ctx = system_context(setup.now(), "export")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise _wrong(str(folder), "something is there already", "a folder that is not there yet, or empty")
    unknown = [kind for kind in types if kind not in resource_types()]
    if unknown:
        raise _wrong("--type", f"{unknown[0]} is not an R4 resource type", "such as Observation")
    moment = date_range(since) if since else None
    if since and moment is None:
        raise _wrong("--since", "not an instant", "such as 2027-03-01T12:00:00Z")
    wish = work.Selection(
        "group" if group else "system", group, tuple(dict.fromkeys(types)), moment[0] if moment else None
    )
    with setup.progress_bar("Exporting", None) as bar:
        task = bar.task_ids[0]
        manifest = work.write(
            ctx, wish, folder.absolute(), name="tovholder export", tell=lambda told: bar.update(task, description=told)
        )
    counts: dict[str, int] = {}
    for file in manifest.files:
        counts[file.type] = counts.get(file.type, 0) + file.count
    for kind, count in counts.items():
        console.print(f"{count:>8} {kind}")
    console.print(f"{sum(counts.values()):>8} resources in {folder}; next time: --since {manifest.instant}")


def _wrong(path: str, message: str, expected: str) -> Problem:
    return Problem(
        Category.INVALID, "Nothing was exported", [Issue(path, message, expected, "value")], kept="the record, whole"
    )
