"""The short way to the database: Django's connection and transaction, without Django's cursor.

A cursor of Django's is looked up, checked, wrapped twice and given statements to convert: some 40 microseconds, when
most statements of ours take 10. What it sees to is kept here: the connection is opened when it is not, a transaction
that must be undone takes nothing more, statements are logged where somebody listens (tests that count them), and
errors are Django's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

Marks = Callable[[str], str]


def wrapper() -> Any:
    """Django's connection of this thread: the same for as long as the thread lives, so it is looked up once."""
    try:
        return _here.wrapper
    except AttributeError:
        _here.wrapper = connections[DEFAULT_DB_ALIAS]
        return _here.wrapper


_here = threading.local()


def is_open(here: Any) -> bool:
    """Whether the short way may be taken; else Django's cursor says what is wrong, or logs, or opens."""
    return here.connection is not None and not (
        here.needs_rollback or here.force_debug_cursor or here.execute_wrappers or here.closed_in_transaction
    )


@lru_cache(maxsize=4096)
def question_marks(sql: str) -> str:
    """A statement with SQLite's marks for its values."""
    return sql.replace("%s", "?").replace("%%", "%")


def rows(sql: str, params: Sequence[Any], marks: Marks | None = None) -> list[tuple[Any, ...]]:
    """The rows of one SELECT. marks: how the driver wants the statement's values marked."""
    here = wrapper()
    if not is_open(here):
        with here.cursor() as cursor:
            cursor.execute(sql, params)
            read: list[tuple[Any, ...]] = cursor.fetchall()
            return read
    try:
        found: list[tuple[Any, ...]] = here.connection.execute(marks(sql) if marks else sql, params).fetchall()
        return found
    except here.Database.Error:
        with here.wrap_database_errors:
            raise


def execute(sql: str, params: Sequence[Any], marks: Marks | None = None) -> int:
    """How many rows one statement changed. marks: as in ``rows``."""
    here = wrapper()
    if not is_open(here):
        with here.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)
    try:
        return int(here.connection.execute(marks(sql) if marks else sql, params).rowcount)
    except here.Database.Error:
        with here.wrap_database_errors:
            raise


def execute_many_by_cursor(here: Any, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement, many times; the long way."""
    with here.cursor() as cursor:
        cursor.executemany(sql, rows)
