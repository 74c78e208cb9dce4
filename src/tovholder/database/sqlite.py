"""SQLite: one file, one writer whose turn comes from a fair queue; readers never wait for it (WAL)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import IntegrityError, connection, transaction

from tovholder.database import mutex, short
from tovholder.database.opened import Answer, Opened, Statement

MOST_PATIENTS = 2**31  # none is locked for itself
SCOPE_DDL: list[str] = []  # the table is the connection's own and made when it is first filled
_WITHHELD = "CREATE TEMP TABLE IF NOT EXISTS scope_withheld (fact TEXT, id TEXT, PRIMARY KEY (fact, id)) WITHOUT ROWID"
_SCOPE = "CREATE TEMP TABLE IF NOT EXISTS scope_patient (patient_id TEXT PRIMARY KEY) WITHOUT ROWID"


def _file(here: Any) -> str | None:
    """Where the record is; None for one in memory."""
    return _on_disk(str(here.settings_dict["NAME"]))


@lru_cache(maxsize=16)
def _on_disk(name: str) -> str | None:
    return None if ":memory:" in name or "mode=memory" in name else name


def index_table(name: str, columns: Sequence[tuple[str, str]], order: Sequence[str]) -> list[str]:
    """Without rowid: the row is its own index."""
    types = {"int": "INTEGER", "text": "TEXT", "real": "REAL"}
    body = ", ".join(f"{column} {types[kind]} NOT NULL" for column, kind in columns)
    return [f"CREATE TABLE {name} ({body}, PRIMARY KEY ({', '.join(order)})) WITHOUT ROWID"]


def rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """See the package."""
    return short.rows(sql, params, short.question_marks)


def execute(sql: str, params: Sequence[Any]) -> int:
    """See the package."""
    return short.execute(sql, params, short.question_marks)


def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement, many times."""
    here = short.wrapper()
    if not short.is_open(here):
        short.execute_many_by_cursor(here, sql, rows)
        return
    with here.wrap_database_errors:
        here.connection.executemany(short.question_marks(sql), rows)


def insert(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], ignore: bool) -> None:
    """Many rows to a statement. Before each statement, and each row of an ``executemany``, the driver lets go of Python's
    one lock, and whoever holds the writer's turn would stand in line for it behind the threads that read requests.
    """
    here = short.wrapper()
    if not short.is_open(here):  # where statements are counted, it is one
        short.execute_many_by_cursor(here, _into(table, columns, ignore, 1, "%s"), rows)
        return
    start, left = 0, len(rows)
    with here.wrap_database_errors:
        for size in _TOGETHER:
            while left >= size:
                some = rows[start : start + size]
                here.connection.execute(_into(table, columns, ignore, size), [value for row in some for value in row])
                start, left = start + size, left - size


_TOGETHER = (64, 16, 4, 3, 2, 1)  # few sizes, so that their statements stay compiled


@lru_cache(maxsize=1024)
def _into(table: str, columns: tuple[str, ...], ignore: bool, count: int, mark: str = "?") -> str:
    marks = ", ".join([f"({', '.join([mark] * len(columns))})"] * count)
    return f"INSERT {'OR IGNORE ' if ignore else ''}INTO {table} ({', '.join(columns)}) VALUES {marks}"


def insert_all(batches: Sequence[tuple[str, tuple[str, ...], Sequence[Sequence[Any]]]]) -> None:
    """One table after the other."""
    for table, columns, rows in batches:
        insert(table, columns, rows, False)


def insert_keyed(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], keys: Sequence[int]) -> None:
    """Keys follow each other, so the database adds the first: no row is made anew here."""
    marks = ", ".join(["%s"] * (len(columns) - 1))
    execute_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}, %s + {int(keys[0])})", rows)


def numbers(name: str, count: int) -> Sequence[int]:
    """See the package."""
    table, column = name.split(".")
    first = (rows(f"SELECT MAX({column}) FROM {table}", ())[0][0] or 0) + 1
    return range(first, first + count)


@contextmanager
def pipeline() -> Iterator[None]:
    """Nothing to wait for: the database is in the process."""
    yield


@contextmanager
def write_turn() -> Iterator[None]:
    """The fair queue beside the file; inside a transaction the turn is held already."""
    here = short.wrapper()
    name = _file(here)
    if name is None or here.in_atomic_block:
        yield
        return
    with mutex.fair(f"{name}.queue"):
        yield


def open_unit(patients: Sequence[str], floor: int | None, then: Sequence[Statement]) -> tuple[Opened, list[Answer]]:
    """The time, never below the newest version's: history is in the order of its stamps."""
    return Opened(max(time.time_ns() // 1_000_000, horizon())), lock_patients(patients, then)


def lock_patients(patients: Sequence[str], then: Sequence[Statement]) -> list[Answer]:
    """The one writer's turn locks everybody."""
    return [rows(sql, values) for sql, values in then]


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
    found = rows("SELECT updated FROM store_version ORDER BY seq DESC LIMIT 1", ())
    return int(found[0][0]) if found else 0


def ready_for_pseudonyms() -> None:
    """A function of the connection's own."""
    connection.ensure_connection()
    connection.connection.create_function("pseudonym", 2, _pseudonym, deterministic=True)


def _pseudonym(key: str, text: str | None) -> str | None:
    return None if text is None else hashlib.sha256((key + text).encode()).hexdigest()


def fill_scope(patients: Sequence[str]) -> None:
    """A temporary table of the connection's own."""
    with connection.cursor() as cursor:
        cursor.execute(_SCOPE)
        cursor.execute("DELETE FROM scope_patient")
        cursor.executemany("INSERT INTO scope_patient (patient_id) VALUES (%s)", [(patient,) for patient in patients])


def fill_withheld(rows: Sequence[tuple[str, str]]) -> None:
    """A temporary table of the connection's own."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHHELD)
        cursor.execute("DELETE FROM scope_withheld")
        cursor.executemany("INSERT OR IGNORE INTO scope_withheld (fact, id) VALUES (%s, %s)", rows)


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
    here = short.wrapper()  # asked before every request
    name = _file(here)
    if name is None or here.in_atomic_block:
        return True
    try:
        told = os.stat(name)
    except OSError:
        here.close()
        return False
    now = (told.st_dev, told.st_ino)
    if here.connection is not None and getattr(here, "tovholder_file", now) != now:
        here.close()
    here.tovholder_file = now  # ours, beside the connection it speaks of
    return True


def reach() -> None:
    """A file is opened, and made, when it is asked."""


def never_make() -> None:
    """Every connection opened from here on finds the file or fails: one whose record was moved away a moment after it
    looked makes no empty file in its place.
    """
    here = short.wrapper()
    name = _file(here)
    if name is not None:
        here.settings_dict["OPTIONS"]["database"] = f"{Path(name).absolute().as_uri()}?mode=rw"


@contextmanager
def unhurried() -> Iterator[None]:
    """No statement is ever timed here."""
    yield


def analyze(tables: Sequence[str]) -> None:
    """By a sample of each index: read whole, as SQLite does unasked, they cost more the larger the record is."""
    before = rows("PRAGMA analysis_limit", ())[0][0]
    rows(f"PRAGMA analysis_limit = {_SAMPLE}", ())
    try:
        for statement in [f"ANALYZE {table}" for table in tables] or ["ANALYZE"]:
            execute(statement, ())
    finally:
        rows(f"PRAGMA analysis_limit = {before}", ())


@contextmanager
def loading() -> Iterator[None]:
    """A larger page cache, and the log copied into the file when ``tidy`` is asked for and not by who writes: an index
    page that many batches touch is then copied once, and nobody waits for it. What is acknowledged is on disk all the
    same, in the log.
    """
    before = {name: int(rows(f"PRAGMA {name}", ())[0][0]) for name in _LOADING}
    _set(_LOADING)
    try:
        yield
    finally:
        _set(before)  # on whichever connection is open now
        if not connection.in_atomic_block:
            # As much as nobody is reading any more; the log is then as short as usual.
            rows("PRAGMA wal_checkpoint(TRUNCATE)", ())


def _set(pragmas: Mapping[str, int]) -> None:
    for name, value in pragmas.items():
        rows(f"PRAGMA {name} = {value}", ())


def tidy() -> None:
    """Copy the log into the file beside the writers; when it has grown long all the same, let it begin anew.

    A writer that copies the log itself (as SQLite has it) keeps everybody waiting meanwhile, every few dozen writes. The
    log can begin anew when all of it is copied and nobody adds to it: for that the turn is taken, with little left to do.
    """
    name = _file(short.wrapper())
    if name is None or _log_size(name) < _COPY:
        return
    rows("PRAGMA wal_checkpoint(PASSIVE)", ())
    if _log_size(name) > _ANEW:
        with write_turn():
            rows("PRAGMA wal_checkpoint(PASSIVE)", ())


def _log_size(name: str) -> int:
    try:
        return os.stat(f"{name}-wal").st_size
    except OSError:
        return 0


_COPY, _ANEW = 2 * 1024 * 1024, 16 * 1024 * 1024  # bytes of log

# Pages of 4 KiB, and KiB where negative.
_LOADING = {"wal_autocheckpoint": 131072, "cache_size": -524288}
_SAMPLE = 1000  # entries of an index, as SQLite recommends (sqlite.org/pragma.html#pragma_analysis_limit)
