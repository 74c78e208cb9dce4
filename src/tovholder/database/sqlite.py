"""SQLite: one file, one writer whose turn comes from a fair queue; readers never wait for it (WAL)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, connections, transaction

from tovholder.database import mutex
from tovholder.database.opened import Answer, Opened, Statement

MOST_PATIENTS = 2**31  # none is locked for itself
SCOPE_DDL: list[str] = []  # the table is the connection's own and made when it is first filled
_SCOPE = "CREATE TEMP TABLE IF NOT EXISTS scope_patient (patient_id TEXT PRIMARY KEY) WITHOUT ROWID"


def file() -> Path | None:
    """The database's file; None for one in memory."""
    name = str(connection.settings_dict["NAME"])
    return None if ":memory:" in name or "mode=memory" in name else Path(name)


def index_table(name: str, columns: Sequence[tuple[str, str]], order: Sequence[str]) -> list[str]:
    """Without rowid: the row is its own index."""
    types = {"int": "INTEGER", "text": "TEXT", "real": "REAL"}
    body = ", ".join(f"{column} {types[kind]} NOT NULL" for column, kind in columns)
    return [f"CREATE TABLE {name} ({body}, PRIMARY KEY ({', '.join(order)})) WITHOUT ROWID"]


def insert(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], ignore: bool) -> None:
    """See the package."""
    marks = ", ".join(["%s"] * len(columns))
    verb = "INSERT OR IGNORE" if ignore else "INSERT"
    with connection.cursor() as cursor:
        cursor.executemany(f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def insert_all(batches: Sequence[tuple[str, tuple[str, ...], Sequence[Sequence[Any]]]]) -> None:
    """One table after the other."""
    for table, columns, rows in batches:
        insert(table, columns, rows, False)


def insert_keyed(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], keys: Sequence[int]) -> None:
    """Keys follow each other, so the database adds the first: no row is made anew here."""
    marks = ", ".join(["%s"] * (len(columns) - 1))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}, %s + {int(keys[0])})",
            rows,
        )


def numbers(name: str, count: int) -> Sequence[int]:
    """See the package."""
    table, column = name.split(".")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT MAX({column}) FROM {table}")
        first = (cursor.fetchone()[0] or 0) + 1
    return range(first, first + count)


@contextmanager
def pipeline() -> Iterator[None]:
    """Nothing to wait for: the database is in the process."""
    yield


@contextmanager
def write_turn() -> Iterator[None]:
    """The fair queue beside the file; inside a transaction the turn is held already."""
    path = file()
    if path is None or connection.in_atomic_block:
        yield
        return
    with mutex.fair(path.with_name(path.name + ".queue")):
        yield


def open_unit(patients: Sequence[str], floor: int | None, then: Sequence[Statement]) -> tuple[Opened, list[Answer]]:
    """The time, never below the newest version's: history is in the order of its stamps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT updated FROM store_version ORDER BY seq DESC LIMIT 1")
        row = cursor.fetchone()
    return Opened(max(time.time_ns() // 1_000_000, row[0] if row else 0)), lock_patients(patients, then)


def lock_patients(patients: Sequence[str], then: Sequence[Statement]) -> list[Answer]:
    """The one writer's turn locks everybody."""
    answers: list[Answer] = []
    with connection.cursor() as cursor:
        for sql, values in then:
            cursor.execute(sql, values)
            answers.append(cursor.fetchall())
    return answers


def lock_everybody() -> None:
    """The one writer's turn locks everybody."""


def lock_name(name: str) -> None:
    """The one writer's turn locks every name."""


@contextmanager
def snapshot() -> Iterator[None]:
    """A deferred transaction that refuses writes: it takes no writer's turn."""
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    wrapper: Any = connection  # Django's stubs do not know how SQLite begins
    mode = wrapper.transaction_mode
    wrapper.transaction_mode = "DEFERRED"
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                wrapper.transaction_mode = mode
                cursor.execute("PRAGMA query_only = ON")
                yield
        finally:
            wrapper.transaction_mode = mode
            cursor.execute("PRAGMA query_only = OFF")


def horizon() -> int:
    """The newest stamp: the one writer never stamps below it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT updated FROM store_version ORDER BY seq DESC LIMIT 1")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def fill_scope(patients: Sequence[str]) -> None:
    """A temporary table of the connection's own."""
    with connection.cursor() as cursor:
        cursor.execute(_SCOPE)
        cursor.execute("DELETE FROM scope_patient")
        cursor.executemany("INSERT INTO scope_patient (patient_id) VALUES (%s)", [(patient,) for patient in patients])


def broken(error: IntegrityError) -> str:
    """SQLite names the columns."""
    return str(error).rpartition("UNIQUE constraint failed: ")[2]


def retryable(error: BaseException) -> bool:
    """The file was locked by another program for longer than we wait."""
    return "database is locked" in str(error) or "database table is locked" in str(error)


def present() -> bool:
    """An open file outlives its name: without this a server would go on storing into a file nobody will find again,
    and would make an empty one where the record was.
    """
    here = connections[DEFAULT_DB_ALIAS]  # asked before every request: one look-up, not one for each attribute
    name = str(here.settings_dict["NAME"])
    if here.in_atomic_block or ":memory:" in name or "mode=memory" in name:
        return True
    try:
        told = os.stat(name)
    except OSError:
        here.close()
        return False
    now = (told.st_dev, told.st_ino)
    if here.connection is not None and getattr(here, "tovholder_file", now) != now:
        here.close()
    here.tovholder_file = now  # type: ignore[attr-defined] # ours, beside the connection it speaks of
    return True


def reach() -> None:
    """A file is opened, and made, when it is asked."""


@contextmanager
def unhurried() -> Iterator[None]:
    """No statement is ever timed here."""
    yield


@contextmanager
def loading() -> Iterator[None]:
    """A larger page cache, and the log copied into the file less often: an index page that many batches touch is then
    copied once. What is acknowledged is on disk all the same, in the log.
    """
    with connection.cursor() as cursor:
        before = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in _LOADING}
        for name, value in _LOADING.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        try:
            yield
        finally:
            for name, value in before.items():
                cursor.execute(f"PRAGMA {name} = {value}")
            if not connection.in_atomic_block:
                # As much as nobody is reading any more; the log is then as short as usual.
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


# Pages of 4 KiB, and KiB where negative.
_LOADING = {"wal_autocheckpoint": 16384, "cache_size": -524288}
