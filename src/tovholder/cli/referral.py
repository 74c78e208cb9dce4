"""``tovholder referral``: the pakketabel, what each kind of receiver needs in a referral."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

app = typer.Typer(help="Referrals: what receivers need.", no_args_is_help=True)
table_app = typer.Typer(help="The pakketabel: required fields for each kind of receiver.", no_args_is_help=True)
app.add_typer(table_app, name="table")


@table_app.command("check")
def check(
    file: Path = typer.Argument(..., help="The table, TOML as src/tovholder/referral/tables/pakketabel.toml."),
) -> None:
    """Check a table: what it says, and whether it fits the packages this installation has."""
    from tovholder import packages
    from tovholder.referral import table

    held = table.load(file)
    faults = table.check(held, packages.builtin(), file.name)
    if faults:
        count = len(faults)
        message = f"The table {file.name} has {count} fault{'' if count == 1 else 's'}"
        raise Problem(Category.INVALID, message, list(faults), kept="the table was not taken into use")
    begins = days.day_of(held.valid_from)
    later = " (ours holds until then)" if begins > days.day_of(setup.now()) else ""
    console.print(
        f"{held.version} is whole: {len(held.receivers)} kinds of receiver, {len(held.referrals)} changes of referrals,"
        f" from {days.iso(begins)}{later}. Use it with TOVHOLDER_REFERRAL_TABLE={file}",
        markup=False,
    )


@table_app.command("show")
def show(
    file: Path | None = typer.Argument(None, help="A table; the one in force without it."),
    package: str = typer.Option("", help="Only this package."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """What is asked for, referral by referral: the table's fields and the package's as the form joins them."""
    from tovholder import packages
    from tovholder.referral import table
    from tovholder.referral.drafts import table_for

    if file is None:
        setup.django(migrated=False)
        held = table_for(days.day_of(setup.now()))
    else:
        held = table.load(file)
    rows: list[dict[str, Any]] = [
        {
            "package": one.id,
            "referral": kind.id,
            "receiver": receiver,
            "fields": [
                {
                    "id": asked.field.id,
                    "title": asked.field.title.da,
                    "required": asked.field.required,
                    "from": f"{asked.field.fill.kind} {asked.field.fill.name}".strip(),
                    "stale_after_months": asked.field.stale_after,
                    "asked_by": asked.by,
                }
                for asked in table.fields(held, kind, one.id, receiver)
            ],
        }
        for one in packages.builtin().values()
        if package in ("", one.id)
        for kind in one.referrals
        for receiver in kind.receiver_kinds
    ]
    if as_json:
        typer.echo(json.dumps({"version": held.version, "referrals": rows}, ensure_ascii=False))
        return
    console.print(f"pakketabel {held.version}, from {held.valid_from.isoformat()}, {held.approver}", markup=False)
    for row in rows:
        console.print(f"\n{row['package']} {row['referral']} ({row['receiver']})", markup=False)
        for one in row["fields"]:
            must = "*" if one["required"] else " "
            old = f", old after {one['stale_after_months']} months" if one["stale_after_months"] else ""
            console.print(
                f"  {must} {one['title']} [{one['id']}]: {one['from']}{old} ({one['asked_by']})", markup=False
            )
