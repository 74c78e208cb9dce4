"""``tovholder demo``: build the demo once, then serve it; or check the main job from end to end."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import typer

from tovholder.cli import server, setup
from tovholder.cli.setup import console

BUILDING = "demo-building"


def demo(
    port: int = typer.Option(8000, help="Port to serve on."),
    check: bool = typer.Option(False, "--check", help="Build in a temporary place, walk the main job over HTTP, exit."),
    fresh: bool = typer.Option(False, "--fresh", help="Throw the old demo away and build it anew."),
) -> None:
    """Build a fictitious clinic, its patients and twenty neighbours, and serve them."""
    os.environ["TOVHOLDER_ENV"] = "demo"
    if check:
        _check()
        return
    mark = setup.home() / setup.DEMO_MARK
    if fresh and mark.exists():
        # Only what a demo built is ever thrown away.
        for path in setup.home().glob("tovholder.sqlite3*"):
            path.unlink()
        mark.unlink()
    if not mark.exists() and (setup.home() / "tovholder.sqlite3").exists():
        _half_built(setup.home())
    setup.django(migrated=False)
    if not mark.exists():
        building = setup.home() / BUILDING
        building.touch()
        build()
        building.unlink()
        mark.write_text("This folder holds the demo: fictitious people only.\n", encoding="utf-8")
    setup.require_migrated()
    server.run_daily()
    welcome(port)
    server.start("127.0.0.1", port)


def build() -> None:
    """Tables, population, personas and their stories, flags and figures."""
    from tovholder.demo import build as making

    setup.migrate()
    with setup.progress_bar("Building the demo", None) as bar:
        task = bar.task_ids[0]

        def tell(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        counts = making.build(setup.now(), progress=tell)
    console.print(", ".join(f"{count} {what}" for what, count in counts.items()), markup=False)


def welcome(port: int) -> None:
    """What to open, and as whom."""
    from tovholder.access import personas

    base = f"http://127.0.0.1:{port}"
    console.print(f"\n[bold]Tovholder is at {base}/[/]  Choose who you are; everybody is fictitious.\n")
    for persona in personas.all_personas():
        if persona.role != "system":
            console.print(f"  {persona.display_name:<26} {persona.title}", markup=False)
    console.print(
        f"\n  The clinic {base}/klinik/   the patient {base}/minplan/   the nation {base}/monitorering/"
        f"\n  FHIR {base}/fhir/metadata   a token: tovholder token --persona system\n",
        markup=False,
    )


def _half_built(home: Path) -> None:
    # No mark means the build did not finish (or this is somebody's real database: then it is not ours to touch).
    if not (home / BUILDING).exists():
        console.print(f"There is a database in {home} that no demo made; set TOVHOLDER_HOME to another folder.")
        raise typer.Exit(4)
    for path in home.glob("tovholder.sqlite3*"):
        path.unlink()


def _check() -> None:
    place = Path(tempfile.mkdtemp(prefix="tovholder-check-"))
    os.environ["TOVHOLDER_HOME"] = str(place)
    os.environ.pop("TOVHOLDER_DATABASE_URL", None)
    try:
        setup.django(migrated=False)
        from tovholder.demo import check as walk

        build()
        ok = walk.walk(place, lambda line: console.print(line, markup=False))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if not ok:
        raise typer.Exit(1)
