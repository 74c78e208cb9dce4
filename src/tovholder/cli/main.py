"""The ``tovholder`` command."""

from __future__ import annotations

import typer

from tovholder import __version__
from tovholder.cli import (
    access,
    backup,
    bench,
    client,
    data,
    demo,
    export,
    jobs,
    package,
    receivers,
    referral,
    runs,
    server,
    trail,
    user,
)
from tovholder.cli.setup import reported

app = typer.Typer(
    name="tovholder",
    help="Tovholder: one plan per patient, one clinic that holds the rope, one definition of every rule.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold a patient's data
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("serve")(server.serve)
app.command("worker", hidden=True)(server.worker)
app.command("migrate")(data.migrate)
app.command("import")(data.import_)
app.command("export")(export.export)
app.command("jobs")(jobs.jobs)
app.command("rebuild")(data.rebuild)
app.command("synth")(data.synth)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("token")(data.token)
app.add_typer(access.app, name="access")
app.add_typer(client.app, name="client")
app.add_typer(package.app, name="package")
app.add_typer(referral.app, name="referral")
app.add_typer(receivers.app, name="receivers")
app.add_typer(runs.flags, name="flags")
app.add_typer(runs.monitor, name="monitor")
app.add_typer(trail.app, name="audit")
app.add_typer(user.app, name="user")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Run a command with --help for its options."""


def main() -> None:
    """Entry point: problems become text and exit codes (docs/reference/cli.md)."""
    with reported():
        app()


if __name__ == "__main__":
    main()
