"""``tovholder backup`` and ``tovholder restore``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.cli import setup
from tovholder.cli.setup import console


def backup(path: Path = typer.Argument(..., help="The file to make, or a folder in which it gets a name.")) -> None:
    """Write the whole record into one file while the server runs; it is checked, and a manifest stands beside it."""
    setup.django(filled=False)
    from tovholder.store import backup as backups

    with _steps() as progress:
        made, told = backups.make(path, setup.now(), progress=progress)
    console.print(f"{_holds(told)} in {made} ({told.size / 2**20:.1f} MiB), checked.", markup=False)
    if told.state.audit_head:
        console.print(f"Newest hash of the audit trail: {told.state.audit_head}")


def restore(
    path: Path = typer.Argument(..., help="A backup; its manifest stands beside it."),
    replace: bool = typer.Option(False, "--replace", help="Exchange the record that is there (SQLite); it is kept."),
) -> None:
    """Put a backup in the place of the record, whole or not at all."""
    setup.django(migrated=False)
    from tovholder.store import backup as backups

    with _steps() as progress:
        told, kept = backups.restore(path, setup.now(), replace=replace, progress=progress)
    console.print(f"{_holds(told)} restored, as they were at {days.instant_text(told.made)}.", markup=False)
    if kept:
        console.print(f"The record that was there is now {kept}", markup=False)
    try:
        setup.require_migrated()
        setup.require_filled()
    except Problem as problem:
        console.print(f"Next: {problem.message.rpartition('; ')[2]}", markup=False)
    else:
        console.print("Next: tovholder serve")


def _holds(told: Any) -> str:
    state = told.state
    return f"{state.resources} resources ({state.versions} versions) and {state.audit_events} audit events"


@contextmanager
def _steps() -> Iterator[Any]:
    with setup.progress_bar("Beginning", None) as bar:
        task = bar.task_ids[0]

        def progress(step: str, done: int, total: int | None) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield progress
