"""``tovholder access``: whether a policy can be used, and what it decides for somebody, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

app = typer.Typer(help="Who may see what: check the policy, explain a decision.", no_args_is_help=True)


@app.callback()
def _access() -> None:
    """The policy says which role may do what (docs/reference/policy.md); relations and blocks say to whom."""


@app.command("check")
def check(
    file: Path | None = typer.Argument(None, help="A policy file; the one in use without it."),
) -> None:
    """Whether a policy can be used: every name in it is one there is, and it has no hole. Exit 3 and every fault if not."""
    setup.django(reached=False)
    from django.conf import settings

    from tovholder.access import policy
    from tovholder.store import criteria

    chosen = policy.load(file or settings.ENV.policy or policy.FILE)
    criteria.check_all(chosen)
    roles = len({row.role for row in chosen.rows})
    console.print(
        f"{chosen.name} can be used: {len(chosen.rows)} rows for {roles} roles, {len(chosen.views)} types shown in part, "
        f"{len(chosen.closed)} types closed to all but systems."
    )


@app.command("explain")
def explain(
    name: str = typer.Option(..., "--as", help="Who: a user's login name, in the demo a persona's such as anna."),
    patient: str = typer.Option(..., help="The patient's opaque id."),
    kind: list[str] = typer.Option([], "--type", help="Only this resource type; may be given again."),
    role: str = typer.Option("", help="As what, where the user has several roles."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """What somebody may do about a patient now: by which row of the policy, which relation, and what blocks keep back."""
    setup.django(filled=False)
    from tovholder.access import explain as explaining
    from tovholder.access import people
    from tovholder.fhir.definitions import resource_types

    unknown = sorted(set(kind) - resource_types())
    if unknown:
        raise Problem(
            Category.INVALID,
            "That is no resource type",
            [Issue("--type", "unknown resource type", "an R4 type such as Observation", "value")],
            kept="nothing was read",
        )
    told = explaining.explain(people.context_named(name, setup.now(), role=role), patient, kind or None)
    if as_json:
        typer.echo(json.dumps(asdict(told) | {"blocked": told.blocked}, ensure_ascii=False))
    else:
        _tell(told)


def _tell(told: Any) -> None:
    where = f" for Organization/{told.organization}" if told.organization else ""
    console.print(f"{told.actor} as {told.role}{where}{', rights: ' if told.rights else ''}{' '.join(told.rights)}")
    console.print(f"Patient/{told.patient}")
    for tie in told.ties:
        until = "open" if tie.to_day is None else f"until {days.iso(tie.to_day)}"
        now = "" if tie.holds else ", does not hold today"
        console.print(f"  {tie.kind}: by {tie.source}, from {days.iso(tie.from_day)}, {until}{now}")
    if not told.ties:
        console.print("  no relation to this patient")
    for one in told.emergencies:
        console.print(f"  break-glass {one.number} ({one.reason}) until {days.instant_of(one.until)}")
    for block in told.blocks:
        console.print(f"  {'part is' if block.narrow else 'everything is'} withheld by {block.source}{_aim(block)}")
    table = Table(box=None, pad_edge=False)
    for title in ("Type", "May", "By row", "Because", "Shown"):
        table.add_column(title, overflow="fold")  # nothing of a decision is cut off
    for one in told.types:
        shown = "all" if one.view is None else ", ".join(one.view)
        if one.withheld:
            shown += f"; not what {', '.join(sorted({block.source for block in one.withheld}))} withholds"
        for (rows, because), answers in groupby(one.allowed, _because):
            table.add_row(
                one.type, ", ".join(answer.action for answer in answers), rows, escape(because), escape(shown)
            )
        if not one.allowed:
            why = sorted({answer.why for answer in one.answers if answer.reasons}) or ["no row of the policy allows it"]
            table.add_row(one.type, "nothing", "", "; ".join(why), "")
    console.print(table)


def _because(answer: Any) -> tuple[str, str]:
    holding = [reason for reason in answer.reasons if reason.holding]
    told = [
        " or ".join(reason.holding) + (f", where {reason.criteria}" if reason.criteria else "") for reason in holding
    ]
    app_only = [f"and where {' or '.join(searches)}" for searches in answer.within]
    return ", ".join(str(reason.row) for reason in holding), "; ".join(dict.fromkeys([*told, *app_only]))


def _aim(block: Any) -> str:
    if not block.narrow:
        return ""
    period = [
        f"{word} {days.instant_of(moment)[:10]}"
        for word, moment in (("from", block.data_from), ("before", block.data_until))
        if moment is not None
    ]
    what = " ".join(part for part in (block.type, block.kind) if part)
    return f": {', '.join(part for part in (what, *period) if part)}"
