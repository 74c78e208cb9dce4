"""``tovholder package export``: a package as FHIR R4 files or one Bundle."""

from __future__ import annotations

from pathlib import Path

import typer

from tovholder.base import json
from tovholder.base.errors import Category, Problem
from tovholder.cli.setup import console


def export(
    package: str = typer.Argument(..., help="The package's id, or id@version."),
    out: Path | None = typer.Option(None, help="A folder for one file for each resource: <type>-<id>.json."),
    bundle: Path | None = typer.Option(None, help="A file for one collection Bundle; - is standard output."),
) -> None:
    """Write a package as FHIR R4: its plan, activities, questionnaires, whom it is for, its logic and our codes.

    The same resources the server answers with; a questionnaire with licensed words is written in its neutral ones.
    """
    from tovholder import packages
    from tovholder.packages import fhir

    if (out is None) == (bundle is None):
        raise Problem(
            Category.INVALID, "Say where to: either --out FOLDER or --bundle FILE", kept="nothing was written"
        )
    held = packages.named(package)
    in_force = held.version == packages.get(held.id).version
    written = [*fhir.resources(held, in_force=in_force), *fhir.code_systems(list(packages.builtin().values()))]
    if bundle is not None:
        made = fhir.bundle(written)
        text = json.dumps(made, pretty=True) + b"\n"
        if str(bundle) == "-":
            typer.echo(text.decode(), nl=False)
            return
        bundle.write_bytes(text)
        console.print(f"{len(made['entry'])} resources of {held.id}@{held.version} in {bundle}", markup=False)
        return
    assert out is not None
    out.mkdir(parents=True, exist_ok=True)
    for item in written:
        (out / f"{item['resourceType']}-{item['id']}.json").write_bytes(json.dumps(item, pretty=True) + b"\n")
    console.print(f"{len(written)} resources of {held.id}@{held.version} in {out}", markup=False)
