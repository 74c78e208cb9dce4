"""``tovholder bench referral``: how much of what receivers must have is filled in by itself and right, beside a baseline."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tovholder.base import days
from tovholder.cli import setup
from tovholder.cli.bench import common
from tovholder.cli.setup import console


@common.app.command("referral")
def referral(
    patients: int = typer.Option(200, min=1, help="Made-up patients for each package."),
    seed: int = typer.Option(1, help="Another seed, other patients."),
    table: Path | None = typer.Option(None, help="A pakketabel to measure with; ours without it."),
    at_least: float = typer.Option(80.0, help="Fail below this share of required fields, in per cent."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """The share of required fields filled in from records with gaps; wrong or old ones are misses."""
    from tovholder import packages
    from tovholder.referral import table as tables
    from tovholder.workbench import referral_bench

    today = days.day_of(setup.now())
    held = tables.load(table) if table is not None else tables.builtin()
    found = referral_bench.measure(packages.builtin().values(), held, today, patients=patients, seed=seed)
    if as_json:
        typer.echo(json.dumps({**found.told(), "table": held.version, "seed": seed}, ensure_ascii=False))
    else:
        console.print(f"pakketabel {held.version}, {patients} patients per package, seed {seed}", markup=False)
        console.print(
            "gaps (assumed): " + ", ".join(f"{k} {v:.0%}" for k, v in found.gaps.told().items()), markup=False
        )
        head = f"{'package referral (receiver)':<44}{'right':>7}{'base':>7}{'clinical':>10}{'wrong':>7}{'old':>6}{'gone':>6}"
        console.print(head, markup=False)
        for one in found.shares:
            row = one.told()
            name = f"{one.package} {one.referral} ({one.receiver_kind})"
            values = [
                row[key] for key in ("prefilled_right", "baseline", "clinical_right", "wrong", "stale", "missing")
            ]
            texts = ["-" if value is None else f"{value:.1f}" for value in values]
            widths = (7, 7, 10, 7, 6, 6)
            console.print(
                f"{name:<44}" + "".join(f"{t:>{w}}" for t, w in zip(texts, widths, strict=True)), markup=False
            )
        console.print(
            f"all required fields: {found.right:.1f} % right, {found.baseline:.1f} % from demographics alone;"
            f" of what only the record can answer: {found.clinical_right:.1f} %",
            markup=False,
        )
    if found.right < at_least:
        raise typer.Exit(1)
