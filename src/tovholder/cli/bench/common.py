"""What every measurement shares: a fresh place, medians, the machine's size, and how a result is shown."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import typer

from tovholder.base.errors import Category, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

# Mean ordinary visits of a person: with them a patient has some ten resources of 1.2 kB on average.
EVERYDAY = 1.6
app = typer.Typer(help="Measure, with a floor beside.", no_args_is_help=True)


def machine() -> dict[str, Any]:
    """The machine's size."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count(), "memory_gib": round(memory / 2**30, 1), "python": platform.python_version()}


def show(result: dict[str, Any], *, as_json: bool) -> None:
    """Print a result as lines, or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        console.print(f"{name.replace('_', ' '):<40} {value}", markup=False)


POSTGRESQL = typer.Option(False, "--postgresql", help="On a PostgreSQL server of its own (Debian's), not SQLite.")


@contextmanager
def fresh(postgresql: bool) -> Iterator[Path]:
    """A home of one's own with an empty record, and Django set up over it; gone afterwards, the server too."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["TOVHOLDER_ENV"] = "test"
        os.environ["TOVHOLDER_HOME"] = place
        os.environ.pop("TOVHOLDER_DATABASE_URL", None)
        # The made-up people need numpy, a load does not: beside its threads a load would not fork (ADR 0013).
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if postgresql:
            from tovholder.database import temporary

            try:
                server = stack.enter_context(temporary.Server.started(durable=True, buffers="1GB"))
            except temporary.Missing as missing:
                raise Problem(Category.UNSUPPORTED, str(missing), kept="nothing was measured") from None
            os.environ["TOVHOLDER_DATABASE_URL"] = server.create("tovholder")
        setup.django(migrated=False)
        empty()
        yield Path(place)
        from django.db import connections

        connections.close_all()


def empty() -> None:
    """Begin with an empty record."""
    from django.db import connection

    connection.close()
    if connection.vendor == "sqlite":
        for path in setup.home().glob("tovholder.sqlite3*"):
            path.unlink()
    else:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
        connection.close()
    setup.migrate()


def database_bytes() -> int:
    """What the record takes on disk, its log included."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return sum(path.stat().st_size for path in setup.home().glob("tovholder.sqlite3*"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def median(rounds: int, work: Callable[[], float]) -> tuple[float, float]:
    """Median of a few rounds, and the spread between the best and the worst as a share of it."""
    found = [work() for _ in range(rounds)]
    return statistics.median(found), (max(found) - min(found)) / statistics.median(found)


def size_of(folder: Path) -> int:
    """Bytes in the files of a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def shares() -> dict[str, Any]:
    """How many patients there are, what share has a course, and how many flags are open."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM store_resource WHERE type = 'Patient'")
        everybody = cursor.fetchone()[0]
        cursor.execute("SELECT COUNT(DISTINCT patient_id) FROM fact_episode")
        in_packages = cursor.fetchone()[0]
        cursor.execute("SELECT COUNT(*) FROM cockpit_flag WHERE cleared_ms IS NULL")
        flags = cursor.fetchone()[0]
    return {"patients": everybody, "in_packages": f"{in_packages / everybody:.1%}", "open_flags": flags}
