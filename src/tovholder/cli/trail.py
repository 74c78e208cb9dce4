"""``tovholder audit``: whether the trail is still as it was sealed and anchored, and removing what is old enough."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

_HASH = re.compile(r"[0-9a-f]{64}")

app = typer.Typer(help="The audit trail: check that nobody changed it.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Who looked at what; it only grows, and its seals show that nothing was changed."""


@app.command("verify")
def verify(
    head: str = typer.Option("", help="A hash printed before and kept elsewhere: it must still be in the chain."),
    folder: Path | None = typer.Option(
        None, "--anchors", help="Folder with the anchors kept elsewhere (without it that of TOVHOLDER_ANCHORS)."
    ),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Compute every seal of the audit trail again and compare it with the anchors; exit 1 when anything was changed."""
    kept = head.strip().lower()
    if kept and not _HASH.fullmatch(kept):
        # Said before anything is checked: a slip in copying must not look like a broken trail.
        raise Problem(
            Category.INVALID,
            "The trail was not checked",
            [
                Issue(
                    "--head", "not a hash", "the 64 characters 0-9 and a-f that audit verify or backup printed", "value"
                )
            ],
            kept="the audit trail, untouched",
        )
    setup.django(filled=False)
    from tovholder.store import sealing

    outside = _outside(folder)
    ((total,),) = sealing.query("SELECT COALESCE(SUM(events), 0) FROM access_auditseal", [])
    with setup.progress_bar("Checking events", int(total)) as bar:
        task = bar.task_ids[0]
        report = sealing.verify(head=kept or None, anchored=outside, progress=lambda count: bar.advance(task, count))
    if as_json:
        typer.echo(json.dumps(_as_json(report)))
    else:
        _tell(report)
    if report.broken is not None:
        raise typer.Exit(1)


def _outside(folder: Path | None) -> list[Any]:
    """Anchors kept outside the database. Raises Problem when a folder was named that has none."""
    from django.conf import settings

    from tovholder.store import anchors

    if folder is not None:
        return anchors.read(folder)
    own = settings.ENV.anchors
    return anchors.read(own) if own is not None and (own / anchors.FILE).exists() else []


@app.command("anchors")
def list_anchors(as_json: bool = typer.Option(False, "--json", help="One JSON object a line.")) -> None:
    """The newest hash of each day, as the database keeps them; those of TOVHOLDER_ANCHORS stand in its file."""
    setup.django(filled=False)
    from tovholder.store import anchors

    found = anchors.kept()
    for one in found:
        if as_json:
            typer.echo(json.dumps(asdict(one)))
        else:
            typer.echo(f"{one.day}  seal {one.seal}  {one.events} events  {one.hash}")
    if not found and not as_json:
        console.print("None yet: the daily run of tovholder serve makes one a day, and so does: tovholder audit anchor")


@app.command("anchor")
def make_anchor() -> None:
    """Keep today's newest hash now: in the database, and in the folder of TOVHOLDER_ANCHORS."""
    setup.django(filled=False)
    from django.conf import settings

    from tovholder.store import anchors, sealing

    sealing.seal_now(setup.now)
    kept = anchors.anchor(setup.now(), settings.ENV.anchors)
    if kept is None:
        console.print("The audit trail is empty: there is nothing to anchor.")
    else:
        console.print(f"{kept.day}: seal {kept.seal}, {kept.events} events, {kept.hash}")


@app.command("prune")
def prune(
    years: int = typer.Option(0, help="Keep so many years, 10 or more (without it TOVHOLDER_AUDIT_YEARS)."),
) -> None:
    """Remove what was sealed longer ago than the trail is kept; goes on where an earlier one was interrupted."""
    setup.django(filled=False)
    from django.conf import settings

    from tovholder.store import pruning, sealing

    sealing.seal_now(setup.now)
    with setup.progress_bar("Removing events", None) as bar:
        task = bar.task_ids[0]
        removed = pruning.prune(
            setup.now(), years or settings.ENV.audit_years, progress=lambda count: bar.advance(task, count)
        )
    console.print(f"{removed} events removed. What is left still proves: tovholder audit verify")


def _as_json(report: Any) -> dict[str, Any]:
    broken = report.broken
    return {
        "intact": broken is None,
        "seals": report.seals,
        "events": report.events,
        "head": None if report.head is None else {"seal": report.head[0], "hash": report.head[1]},
        "pruned": report.pruned,
        "leftover": report.leftover,
        "anchors": report.anchors,
        "unsealed": report.unsealed,
        "unsealed_since": None if report.since_ms is None else _moment(report.since_ms),
        "broken": None if broken is None else {"seal": broken.seal, "event": broken.event, "message": broken.message},
    }


def _tell(report: Any) -> None:
    if report.broken is not None:
        places = [("seal", report.broken.seal), ("event", report.broken.event)]
        where = ", ".join(f"{name} {number}" for name, number in places if number is not None)
        console.print(f"BROKEN{' at ' + where if where else ''}: {report.broken.message}.", style="bold red")
        console.print(f"Before it: {report.events} events under {report.seals} seals are as they were sealed.")
        return
    console.print(f"{report.events} events under {report.seals} seals are as they were sealed.")
    if report.pruned:
        console.print(f"{report.pruned} older ones were pruned; the seals over them are whole.")
    if report.leftover:
        console.print(f"{report.leftover} of these wait to be removed: tovholder audit prune")
    if report.anchors:
        console.print(f"{report.anchors} anchors bear it out.")
    if report.unsealed:
        console.print(f"{report.unsealed} more wait to be sealed, the oldest since {_moment(report.since_ms)}.")
    if report.head is not None:
        console.print(f"Newest hash, to be kept elsewhere (seal {report.head[0]}): {report.head[1]}")


def _moment(at_ms: int) -> str:
    return days.instant_of(at_ms)
