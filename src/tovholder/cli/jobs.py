"""``tovholder jobs``: what stands in the queue, runs, or has failed."""

from __future__ import annotations

import typer

from tovholder.cli import setup
from tovholder.cli.setup import console


def jobs(
    failed: bool = typer.Option(False, "--failed", help="Only those that failed for good; exit 1 when there are any."),
) -> None:
    """List background jobs, the newest first; ended ones are forgotten after a month."""
    setup.django(filled=False)
    from tovholder.base import days
    from tovholder.jobs import queue
    from tovholder.jobs.queue import State

    found = [job for job in queue.jobs() if not failed or job.state is State.FAILED]
    if not found:
        console.print("No job has failed." if failed else "There are no jobs.")
        return
    for job in found:
        asked = job.enqueued.astimezone(days.COPENHAGEN).strftime("%Y-%m-%d %H:%M")
        told = f"{asked}  {job.job_id}  {job.name:<10} {job.state:<8} tries: {job.attempts}  {job.told}"
        console.print(told.rstrip(), markup=False)
    if failed:
        raise typer.Exit(1)
