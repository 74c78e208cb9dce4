"""Backups of a PostgreSQL record: pg_dump of one snapshot, of which the counts in the manifest are, too."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.db import connection

from tovholder import database
from tovholder.base.errors import Category, Issue, Problem
from tovholder.database import programs
from tovholder.store import sealing
from tovholder.store.backup.manifest import Manifest, State, state_of
from tovholder.store.backup.progress import Progress

VENDOR = "postgresql"
SUFFIX = ".dump"


def write(part: Path, progress: Progress) -> State:
    """Dump the database into the part and read the dump again. Raises Problem."""
    dump, restore_ = _tool("pg_dump"), _tool("pg_restore")
    with database.unhurried(), database.snapshot(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it waits for pg_dump
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        state = state_of(sealing.query, progress=lambda _: progress("Checking the audit trail", 0, None))
        command = [dump, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={part}"]
        _run([*command, f"--dbname={_address()}"], lambda: progress("Dumping", part.stat().st_size, None))
    # Reads and unpacks all of it, down to the last row.
    _run([restore_, f"--file={os.devnull}", str(part)], lambda: progress("Reading it back", 0, None))
    return state


def restore(path: Path, told: Manifest, now: datetime, replace: bool, progress: Progress) -> str:
    """Restore into an empty database, in one transaction, and count what came. Raises Problem."""
    command = _tool("pg_restore")
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'")
        (tables,) = cursor.fetchone()
    if tables:
        raise Problem(
            Category.CONFLICT,
            f"The database has {tables} tables already",
            [Issue("TOVHOLDER_DATABASE_URL", "not empty", "a new database (createdb), then point the server to it")],
            kept="the database, untouched",
        )
    once = [command, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run([*once, f"--dbname={_address()}", str(path)], lambda: progress("Restoring", 0, None))
    with database.unhurried():
        found = state_of(sealing.query, progress=lambda _: progress("Checking the audit trail", 0, None))
    if found != told.state:
        raise Problem(
            Category.FAULT, f"{path} does not hold what its manifest says", kept="what was restored; do not use it"
        )
    return ""


def _tool(name: str) -> str:
    """The newest installed client program. Raises Problem naming the package."""
    found = programs.newest(name)
    if found is None:
        raise Problem(
            Category.UNSUPPORTED,
            f"{name} is not installed (Debian: apt-get install postgresql-client)",
            [Issue(name, "not found", "PostgreSQL's client programs, as new as the server or newer", "not-supported")],
            kept="the record, untouched",
        )
    return str(found[0])


# What every client program understands, however old; the password goes through the environment.
_PARAMETERS = (
    *("host", "hostaddr", "port", "user", "dbname", "passfile", "service", "connect_timeout"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "channel_binding", "gssencmode", "krbsrvname"),
    "target_session_attrs",
)


def _address() -> str:
    from psycopg.conninfo import make_conninfo

    told = {name: value for name, value in connection.get_connection_params().items() if name in _PARAMETERS}
    return make_conninfo(**told)


def _run(command: list[str], alive: Callable[[], None]) -> None:
    password = str(connection.settings_dict["PASSWORD"] or "")
    environ = os.environ | ({"PGPASSWORD": password} if password else {})
    with subprocess.Popen(  # noqa: S603 # PostgreSQL's own programs
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while process.poll() is None:
                alive()
                time.sleep(0.2)
        except BaseException:
            process.terminate()
            raise
        said = process.stderr.read() if process.stderr else ""
    if process.returncode:
        lines = [line for line in said.splitlines() if line.strip()]
        raise Problem(
            Category.FAULT,
            f"{Path(command[0]).name} failed",
            [Issue(Path(command[0]).name, lines[0] if lines else f"exit {process.returncode}", "", "exception")],
            kept="the record, as it was",
        )
