"""``tovholder audit verify``: whether the audit trail is still as it was sealed."""

from __future__ import annotations

import json
import re
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
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Compute every seal of the audit trail again; exit 1 when anything was changed, removed or put in."""
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

    ((total,),) = sealing.query("SELECT COALESCE(SUM(events), 0) FROM access_auditseal", [])
    with setup.progress_bar("Checking events", int(total)) as bar:
        task = bar.task_ids[0]
        report = sealing.verify(head=kept or None, progress=lambda count: bar.advance(task, count))
    if as_json:
        typer.echo(json.dumps(_as_json(report)))
    else:
        _tell(report)
    if report.broken is not None:
        raise typer.Exit(1)


def _as_json(report: Any) -> dict[str, Any]:
    broken = report.broken
    return {
        "intact": broken is None,
        "seals": report.seals,
        "events": report.events,
        "head": None if report.head is None else {"seal": report.head[0], "hash": report.head[1]},
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
    if report.unsealed:
        console.print(f"{report.unsealed} more wait to be sealed, the oldest since {_moment(report.since_ms)}.")
    if report.head is not None:
        console.print(f"Newest hash, to be kept elsewhere (seal {report.head[0]}): {report.head[1]}")


def _moment(at_ms: int) -> str:
    return days.instant_of(at_ms)
