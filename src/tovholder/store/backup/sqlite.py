"""Backups of a SQLite record: its pages as they were at one moment, copied while the writer goes on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection

from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import files
from tovholder.store.backup.manifest import Manifest, State, state_of
from tovholder.store.backup.progress import Progress

VENDOR = "sqlite"
SUFFIX = ".sqlite3"
PAGES = 2000  # copied between two looks at the clock


def write(part: Path, progress: Progress) -> State:
    """Copy the database into the part and check the copy. Raises Problem."""
    name = Path(str(connection.settings_dict["NAME"]))
    if not name.is_file():
        raise Problem(Category.NOT_FOUND, f"There is no record {name}", kept="everything as it was")
    with closing(sqlite3.connect(name, isolation_level=None, timeout=30)) as source:
        # One moment for the whole copy: in WAL a reader keeps what it has begun to read, and no writer waits for it.
        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            source.backup(
                target,
                pages=PAGES,
                progress=lambda _, left, total: progress("Copying pages", total - left, total),
            )
            target.execute("PRAGMA journal_mode=DELETE")  # a backup is one file
        source.execute("ROLLBACK")
    files.sync(part)
    return look(part, progress)


def look(path: Path, progress: Progress) -> State:
    """Check a database file from end to end and say what it holds. Raises Problem(FAULT) for a damaged one."""
    progress("Checking every page", 0, None)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as raw:
            raw.text_factory = lambda told: told.decode("utf-8", "surrogateescape")
            found = [row[0] for row in raw.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise _damaged(path, str(found[0]))
            done = 0

            def count(events: int) -> None:
                nonlocal done
                done += events
                progress("Checking the audit trail", done, None)

            return state_of(_query(raw), issued=_issued(raw), progress=count)
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, told: str) -> Problem:
    return Problem(
        Category.FAULT,
        f"{path} is damaged",
        [Issue(path.name, told.splitlines()[0], "a whole SQLite database", "exception")],
        kept="the record, untouched",
    )


def _query(raw: sqlite3.Connection) -> Any:
    def query(sql: str, params: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        return raw.execute(sql.replace("%s", "?"), list(params))

    return query


def _issued(raw: sqlite3.Connection) -> tuple[int, int]:
    told = dict(raw.execute("SELECT name, seq FROM sqlite_sequence WHERE name LIKE 'access_audit%'"))
    return told.get("access_auditevent", 0), told.get("access_auditseal", 0)


def restore(path: Path, told: Manifest, now: datetime, replace: bool, progress: Progress) -> str:
    """Put a checked backup where the record belongs; returns where the old one is kept ("" for none). Raises Problem."""
    connection.close()
    target = Path(str(connection.settings_dict["NAME"]))
    if target.exists() and not replace:
        raise Problem(
            Category.CONFLICT,
            f"There is a record in {target}",
            [Issue("--replace", "not said", "--replace, to exchange it; it stays beside under another name")],
            kept="the record, untouched",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with files.unfinished(target) as part:
        files.copy(path, part, lambda done: progress("Copying", done, told.size))
        files.sync(part)
        if look(part, progress) != told.state:
            raise Problem(Category.FAULT, f"{path} does not hold what its manifest says", kept="the record, untouched")
        aside = target.with_name(f"{target.name}.before-{now:%Y%m%dT%H%M%SZ}")
        with _alone(target):
            kept = _exchange(part, target, aside)
    return kept


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Hold the old database so that nobody else has it open. Raises Problem(BUSY) when somebody has."""
    if not target.exists():
        yield
        return
    with closing(sqlite3.connect(target, isolation_level=None, timeout=2)) as old:
        try:
            # Only who is alone can leave WAL; then the file is whole in itself, without a -wal beside it.
            old.execute("PRAGMA journal_mode=DELETE").fetchone()
            old.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Problem(
                    Category.BUSY,
                    "The record is in use: stop the server (tovholder serve) and every other command first",
                    kept="the record, untouched",
                ) from None
        except sqlite3.DatabaseError:
            pass  # it is damaged, which may be why a backup is wanted; it is put aside as it is
        yield


def _exchange(part: Path, target: Path, aside: Path) -> str:
    kept = ""
    for suffix in (
        "-wal",
        "-shm",
    ):  # of a damaged database, or one whose file is gone: never to be read with the new one
        beside = target.with_name(target.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    if target.exists():
        os.link(target, aside)
        kept = str(aside)
    os.replace(part, target)  # one step: whoever looks finds the old one whole or the new one whole
    files.sync(target.parent)
    return kept
