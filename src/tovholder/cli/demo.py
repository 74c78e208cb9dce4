"""``tovholder demo``: build the demo once, then serve it; or check the main job from end to end."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from tovholder.base.errors import Category, Problem
from tovholder.cli import server, setup
from tovholder.cli.beside import NotServing, serving
from tovholder.cli.setup import console

BUILDING = "demo-building"  # there while a demo is built, and after that only if it was interrupted
HOST = "127.0.0.1"
# What a visitor can do first: as whom, where, and what is seen there.
TRY = (
    ("Mette Skov", "/klinik/", "the list: who needs us, called, put off, handed to Mette by Anna"),
    ("Mette Skov", "/klinik/i-dag", "today's patients: Bjarne Fog comes with a cough; his controls can be done too"),
    ("Mette Skov", "Gerda Villadsen", "KOL, diabetes and heart: three plans as one; a draft to take up"),
    ("Anna Holm", "Egon Frost", "answers nobody knows: no level is proposed"),
    ("Anna Holm", "Finn Ibsen", "the right to a plan is broken; Ruth Holst wished to wait"),
    ("Anna Holm", "Dorthe Vinter", "back pain again after a course that ended; Tina Eriksen has a red flag"),
    ("Anna Holm", "/klinik/henvisninger", "Alice Brandt: refused and resent, answered; Niels Damgaard: referred on"),
    ("Mette Skov", "/klinik/indkaldelser", "a round sent a week ago: who has booked, who was rung, letters to post"),
    ("Anna Holm", "/klinik/overdragelser", "a patient from another clinic, to be taken over"),
    ("Anna Holm", "/klinik/pakker", "plans that follow an earlier version of KOL"),
    ("Anna Holm", "/klinik/afvigelser", "levels decided otherwise than proposed, and why"),
    ("Gerda", "/minplan/", "the patient's own three plans"),
    ("Lone Poulsen", "/minplan/", "her father's plan, by his power of attorney"),
)


def demo(
    port: int = typer.Option(8000, min=0, max=65535, help="Port to serve on."),
    check: bool = typer.Option(False, "--check", help="Build in a temporary place, walk the main job over HTTP, exit."),
    fresh: bool = typer.Option(False, "--fresh", help="Throw the old demo away and build it anew."),
) -> None:
    """Build a fictitious clinic, its patients and twenty neighbours, and serve them."""
    if os.environ.get("TOVHOLDER_ENV") == "production":
        raise Problem(
            Category.FORBIDDEN,
            "TOVHOLDER_ENV is production: fictitious people and real ones do not belong together",
            kept="everything as it was",
        )
    os.environ["TOVHOLDER_ENV"] = "demo"
    if check:
        _check()
        return
    if os.environ.get("TOVHOLDER_DATABASE_URL"):
        raise Problem(
            Category.RULE,
            f"The demo keeps a database of its own in {setup.home()}; unset TOVHOLDER_DATABASE_URL to build it there",
            kept="the database TOVHOLDER_DATABASE_URL names, as it was",
        )
    server.require_free(HOST, port)
    setup.home().mkdir(parents=True, exist_ok=True)
    _build_once(setup.home(), fresh=fresh)
    server.run_daily()
    welcome(port)
    server.start(HOST, port)


def _build_once(home: Path, *, fresh: bool) -> None:
    """Django on a whole demo: the one that stands, or one built now. Only what a demo made is ever thrown away."""
    mark, building, database = home / setup.DEMO_MARK, home / BUILDING, home / "tovholder.sqlite3"
    with _only_builder(home):
        if database.exists() and not mark.exists() and not building.exists():
            raise Problem(
                Category.RULE,
                f"There is a database in {home} that no demo made; set TOVHOLDER_HOME to another folder",
                kept="that database, as it was",
            )
        whole = mark.exists() and database.exists() and not building.exists()
        if whole and not fresh:
            setup.django(migrated=False)
            _require_current()
            return
        if building.exists():
            console.print("The last build was interrupted; it is thrown away and begun again.")
        building.touch()
        mark.unlink(missing_ok=True)
        _throw_away(home)
        setup.django(migrated=False)
        build()
        mark.write_text("This folder holds the demo: fictitious people only.\n", encoding="utf-8")
        building.unlink()


@contextmanager
def _only_builder(home: Path) -> Iterator[None]:
    """Nobody else builds in this folder meanwhile; the kernel lets go of the lock when a builder dies."""
    with (home / "demo.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                Category.BUSY, f"Another tovholder demo is being built in {home}; wait for it", kept="that build"
            ) from None
        yield


def _throw_away(home: Path) -> None:
    for path in home.glob("tovholder.sqlite3*"):
        path.unlink()


def _require_current() -> None:
    try:
        setup.require_migrated()
        setup.require_filled()
    except Problem:
        raise Problem(
            Category.BUSY,
            "This demo was built by another version of Tovholder; build it anew: tovholder demo --fresh",
            kept="the demo as it was",
        ) from None


def build() -> None:
    """Tables, population, personas and their stories, flags and figures."""
    from tovholder.demo import build as making

    console.print("Building the demo; this takes a minute or two.")
    start = time.monotonic()
    setup.migrate()
    with setup.progress_bar("Building the demo", None) as bar:
        task = bar.task_ids[0]

        def tell(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        counts = making.build(setup.now(), progress=tell)
    taken = time.monotonic() - start
    console.print(f"{', '.join(f'{count} {what}' for what, count in counts.items())}; {taken:.0f} s", markup=False)


def welcome(port: int) -> None:
    """What to open, and as whom."""
    from tovholder.access import personas
    from tovholder.web.views.front import groups_of

    base = f"http://{HOST}:{port}"
    everybody = [persona for group in groups_of(personas.all_personas()) for persona in group.personas]
    console.print(f"\n[bold]Tovholder is at {base}/[/]  Choose who you are; everybody is fictitious.\n")
    for persona in everybody:
        console.print(f"  {persona.display_name:<26} {persona.title}", markup=False)
    console.print(
        f"\n  The clinic {base}/klinik/   the patient {base}/minplan/   the nation {base}/monitorering/"
        f"\n  Physiotherapists and others {base}/partner/   the hospital {base}/journal/"
        f"\n  FHIR {base}/fhir/metadata   a token: {_myself()} token --persona system"
        "\n  Ctrl-C stops it.\n",
        markup=False,
    )
    console.print("  Worth trying:\n")
    for who, where, what in TRY:
        console.print(f"  {who:<12} {where:<28} {what}", markup=False)
    console.print()


def _myself() -> str:
    """How the one who reads this can call this command: as it was called, where that is a file."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "tovholder" and called.parent != Path() else "tovholder"


def walk(tell: Callable[[str], None]) -> bool:
    """Walk the main job on a server over the demo in this home; True when all is as it should be."""
    from tovholder.demo import check

    others = ("TOVHOLDER_DATABASE_URL", "TOVHOLDER_HOSTS")
    try:
        with serving(environ={name: value for name, value in os.environ.items() if name not in others}) as port:
            return check.walk(f"http://{HOST}:{port}", tell)
    except NotServing as found:
        tell(f"FAILED the server starts: {found}")
        return False


def _check() -> None:
    place = Path(tempfile.mkdtemp(prefix="tovholder-check-"))
    os.environ["TOVHOLDER_HOME"] = str(place)
    os.environ.pop("TOVHOLDER_DATABASE_URL", None)
    try:
        setup.django(migrated=False)
        build()
        ok = walk(lambda line: console.print(line, markup=False))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    console.print("Every step is ok." if ok else "Not every step is ok.")
    if not ok:
        raise typer.Exit(1)
