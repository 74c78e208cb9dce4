"""``tovholder flags run`` and ``tovholder monitor run``: the daily runs by hand."""

from __future__ import annotations

import typer

from tovholder.cli import setup
from tovholder.cli.setup import console

flags = typer.Typer(help="Flags, which rules raise and clear: run the rules by hand.", no_args_is_help=True)
monitor = typer.Typer(help="Figures from the packages' indicators: work them out by hand.", no_args_is_help=True)


@flags.callback()
def _flags() -> None:
    """Flags are raised and cleared by rules."""


@flags.command("run")
def run_flags() -> None:
    """Evaluate every flag rule for everyone."""
    setup.django()
    from django.db import connection

    from tovholder.cockpit import flags as work

    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(DISTINCT patient_id) FROM fact_episode")
        total = cursor.fetchone()[0]
    with setup.progress_bar("Evaluating rules", total) as bar:
        task = bar.task_ids[0]
        patients, raised, cleared = work.run_all(setup.now(), lambda count: bar.advance(task, count))
    console.print(f"{patients} patients: {raised} flags raised, {cleared} cleared.")


@monitor.callback()
def _monitor() -> None:
    """Figures come from the packages' indicators."""


@monitor.command("run")
def run_monitor() -> None:
    """Recompute every figure, and say whether DuckDB gives the same."""
    setup.django()
    from django.db import connection

    from tovholder.monitoring import contributions, engines

    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(DISTINCT patient_id) FROM fact_episode")
        total = cursor.fetchone()[0]
    with setup.progress_bar("Counting", total) as bar:
        task = bar.task_ids[0]
        patients, rows = contributions.run_all(setup.now(), lambda count: bar.advance(task, count))
    console.print(f"{patients} patients: {rows} contributions.")
    differing = engines.compare(setup.now())
    for indicator, count in differing.items():
        console.print(f"{indicator}: {'equal on DuckDB' if count == 0 else f'{count} rows differ on DuckDB'}")
    if any(differing.values()):
        raise typer.Exit(1)
