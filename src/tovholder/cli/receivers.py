"""``tovholder receivers``: the directory of those who can be referred to, as a CSV file in and out."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import typer

from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.spreadsheet import harmless
from tovholder.cli import setup
from tovholder.cli.setup import console, errors

app = typer.Typer(help="Those who can be referred to: the directory as CSV.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Path = typer.Argument(..., help="CSV in UTF-8, by comma or semicolon (docs/operations.md)."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only tell what would be new and what would change."),
    rejects: Path = typer.Option(Path("receivers-rejected.csv"), help="Where lines that did not go in are set aside."),
) -> None:
    """Take receivers in; a line with a fault is set aside and told by line and column. The same file twice changes nothing.

    Fails (exit 1) where a line was set aside; the others are in.
    """
    if not file.is_file():
        raise not_found(f"the file {file.name}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        issue = Issue(file.name, "the file is not UTF-8 text", "UTF-8")
        raise Problem(Category.INVALID, "The file cannot be read", [issue], kept="the directory as it was") from None
    setup.django()
    from tovholder.access import system_context
    from tovholder.referral import receivers, receivers_file

    ctx = system_context(setup.now(), "receivers")
    count: Counter[str] = Counter()
    bad: list[list[str]] = []
    lines = text.splitlines()
    for found in receivers_file.read(text, file.name):
        if isinstance(found, receivers_file.Bad):
            line, cells, issues = found.line, list(found.cells), found.issues
        else:
            line, row = found
            try:
                count[receivers.take(ctx, line, row, dry=dry_run).outcome] += 1
                continue
            except Problem as problem:
                cells, issues = [getattr(row, one) for one in receivers_file.COLUMNS], problem.issues
        bad.append([str(line), "; ".join(str(issue) for issue in issues), *map(harmless, cells)])
        for issue in issues:
            errors.print(str(issue), markup=False)
    done = "would be " if dry_run else ""
    told = ", ".join(f"{count[one]} {done}{one}" for one in ("new", "changed", "unchanged"))
    console.print(f"{told}; {len(bad)} set aside of {max(len(lines) - 1, 0)} lines.", markup=False)
    if bad and not dry_run:
        with rejects.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([["line", "fault"], *bad])
        console.print(f"Set aside: {rejects}", markup=False)
    if bad:
        raise typer.Exit(1)


@app.command("export")
def export(file: Path | None = typer.Argument(None, help="Where to; standard output without it.")) -> None:
    """Every receiver that has a SOR code or a ydernummer, closed ones included, as import reads them."""
    setup.django()
    from tovholder.access import system_context
    from tovholder.referral import receivers, receivers_file

    text = receivers_file.text_of(receivers.rows(system_context(setup.now(), "receivers")))
    if file is None:
        typer.echo(text, nl=False)
        return
    file.write_text(text, encoding="utf-8")
    console.print(f"{text.count(chr(10)) - 1} receivers in {file}", markup=False)
