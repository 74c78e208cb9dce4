"""What every measurement shares: a fresh place, medians, the machine's size, and how a result is shown."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

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


def fresh(place: str) -> None:
    """Set Django up over an empty home of its own; on SQLite unless a PostgreSQL database is named."""
    os.environ["TOVHOLDER_ENV"] = "test"
    os.environ["TOVHOLDER_HOME"] = place
    if not os.environ.get("TOVHOLDER_DATABASE_URL", "").startswith("postgres"):
        os.environ.pop("TOVHOLDER_DATABASE_URL", None)
    setup.django(migrated=False)


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
