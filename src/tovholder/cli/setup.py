"""Before and around a command: Django ready in the right environment, errors as text and exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.db import DatabaseError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem

# Lines are as long as they are: whoever reads them with a script must not find them broken at 80 characters.
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

DEMO_MARK = "demo-home"

SETTINGS_EXIT = 2  # a setting is missing or wrong (config.env ends the process with a text)

# 0 is success; 1 is reserved for a check that ran and failed.
EXIT_CODES: dict[Category, int] = {
    Category.MALFORMED: 3,
    Category.INVALID: 3,
    Category.RULE: 4,
    Category.CONFLICT: 4,
    Category.PRECONDITION: 4,
    Category.NOT_FOUND: 5,
    Category.GONE: 5,
    Category.FORBIDDEN: 6,
    Category.UNAUTHENTICATED: 6,
    Category.UNSUPPORTED: 3,
    Category.TOO_LARGE: 3,
    Category.TOO_MANY: 7,
    Category.BUSY: 7,
    Category.FAULT: 70,
}


def now() -> datetime:
    """The time a command happens at."""
    return system_clock()


def home() -> Path:
    """The folder of database, locks and exports."""
    return Path(os.environ.get("TOVHOLDER_HOME") or "var").absolute()


def django(*, reached: bool = True, migrated: bool = True, filled: bool = True) -> None:
    """Set Django up. In a home that ``tovholder demo`` made, the environment is demo unless something else is said.

    ``reached``: whether the command needs a database at all; one that only reads files must not wait for a server.
    """
    if not os.environ.get("TOVHOLDER_ENV") and (home() / DEMO_MARK).exists():
        os.environ["TOVHOLDER_ENV"] = "demo"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tovholder.config.settings")
    import django as framework

    framework.setup()  # first of all: a setting that is missing must not leave a folder behind
    if not reached:
        return
    home().mkdir(parents=True, exist_ok=True)
    from tovholder import database

    database.reach()
    if migrated:
        require_migrated()
        if filled:
            require_filled()


def require_migrated() -> None:
    """Raise Problem when the database lacks tables: never work on half a record, nor make one where none was found."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from tovholder import database
    from tovholder.store import schema

    def outdated() -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()) or schema.outdated())

    database.never_make()
    if not database.present() or outdated():
        raise Problem(
            Category.BUSY,
            "The database is not up to date; run: tovholder migrate --rebuild",
            kept="the database as it was",
        )


def require_filled() -> None:
    """Raise Problem when a remade table has not been filled: an empty list would look like no patients."""
    from tovholder.store import schema

    waiting = schema.stale()
    if waiting:
        raise Problem(
            Category.BUSY,
            f"Search index or facts wait to be filled from the record ({', '.join(waiting)}); run: tovholder rebuild",
            kept="the record, whole",
        )


def migrate() -> None:
    """Bring the database's tables up to date."""
    from django.core.management import call_command

    from tovholder import database

    with database.unhurried():
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def reported() -> Iterator[None]:
    """Turn a Problem into lines on standard error and its exit code; so too a setting that is missing."""
    try:
        yield
    except SystemExit as end:
        if isinstance(end.code, str):
            errors.print(end.code, markup=False)
            if not os.environ.get("TOVHOLDER_ENV"):
                told = "run this where the demo was made, or set TOVHOLDER_HOME to its folder"
                errors.print(f"  There is no demo in {home()}: {told}.", markup=False)
            sys.exit(SETTINGS_EXIT)
        raise
    except Problem as problem:
        errors.print(problem.message, style="bold red", markup=False)
        for issue in problem.issues:
            if str(issue) != problem.message:
                errors.print(f"  {issue}", markup=False)
        errors.print(f"  Kept: {problem.kept}.", markup=False)
        sys.exit(EXIT_CODES[problem.category])
    except (OSError, DatabaseError) as error:
        # A full disk, a folder that is a file, a database that is none: the machine's trouble, not a fault to trace.
        told = getattr(error, "strerror", None) or str(error)
        elsewhere = os.environ.get("TOVHOLDER_DATABASE_URL", "").startswith("postgres")
        where = getattr(error, "filename", None) or ("PostgreSQL" if elsewhere else home())
        errors.print(f"{where}: {told[:1].lower()}{told[1:]}", style="bold red", markup=False)
        errors.print("  Kept: what was stored before; a step that was under way was undone whole.", markup=False)
        sys.exit(EXIT_CODES[Category.BUSY])


class _Bar(Progress):
    """A bar that can be drawn when it moves."""

    _drawn = 0.0

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Move on; drawn at most ten times a second."""
        super().advance(task_id, advance)
        now = self.get_time()
        if not self.live.auto_refresh and now - self._drawn >= 0.1:
            self._drawn = now
            self.refresh()


@contextmanager
def progress_bar(title: str, total: int | None, *, forks: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error; silent where nobody watches.

    forks: what is done starts other processes, which only a process of one thread can fork: no thread draws the bar.
    """
    with _Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
        auto_refresh=not forks,
    ) as bar:
        bar.add_task(title, total=total)
        yield bar
