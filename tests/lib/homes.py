"""A Tovholder of its own for processes a test starts: a folder, and a database on whichever engine the tests run.

with homes.made(tmp_path) as home:
    subprocess.run([...], env=home.environ)
    assert home.rows("SELECT COUNT(*) FROM store_resource") == [(1,)]
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tovholder.database import temporary as postgres

MIGRATE = "import django; django.setup(); from tovholder.cli import setup; setup.migrate()"


def server_url() -> str:
    """The test server's address; empty on SQLite."""
    url = os.environ.get("TOVHOLDER_DATABASE_URL", "")
    return url if url.startswith("postgresql://") else ""


@dataclass(frozen=True)
class Home:
    """Where it is, and the environment its processes need; nothing of the caller's own settings gets through."""

    folder: Path
    database_url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOVHOLDER_")}
        mine = {
            "TOVHOLDER_ENV": "test",
            "TOVHOLDER_HOME": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "tovholder.config.settings",
        }
        return kept | mine | ({"TOVHOLDER_DATABASE_URL": self.database_url} if self.database_url else {})

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.folder / "tovholder.sqlite3"

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """The answer straight from the database, past all our code; ? stands for a value."""
        if not self.database_url:
            with contextlib.closing(sqlite3.connect(self.file)) as raw:
                return raw.execute(sql, values).fetchall()
        import psycopg

        with psycopg.connect(self.database_url) as connection:
            return connection.execute(sql.replace("?", "%s"), values).fetchall()

    def change(self, sql: str, *values: Any) -> None:
        """Change the database, past all our code."""
        if not self.database_url:
            with contextlib.closing(sqlite3.connect(self.file)) as raw, raw:
                raw.execute(sql, values)
            return
        import psycopg

        with psycopg.connect(self.database_url) as connection:
            connection.execute(sql.replace("?", "%s"), values)


@contextmanager
def made(folder: Path, *, migrated: bool = True) -> Iterator[Home]:
    """A home in this folder; its database is removed afterwards where that is not the folder's own file."""
    folder.mkdir(parents=True, exist_ok=True)
    url = server_url()
    if not url:
        if migrated:
            shutil.copyfile(_template(), folder / "tovholder.sqlite3")
        yield Home(folder)
        return
    name = f"home_{uuid.uuid4().hex[:12]}"
    admin = url.rpartition("/")[0] + "/postgres"
    postgres.create(admin, name, _template() if migrated else "template1")
    try:
        yield Home(folder, f"{url.rpartition('/')[0]}/{name}")
    finally:
        postgres.drop(admin, name)


@cache
def _template() -> str:
    """A migrated database to copy from, made once per process: a file's path or a database's name."""
    folder = Path(tempfile.mkdtemp(prefix="tovholder-template-"))
    url = server_url()
    if url:
        name = f"template_{os.getpid()}"
        postgres.create(url.rpartition("/")[0] + "/postgres", name)
        home = Home(folder, f"{url.rpartition('/')[0]}/{name}")
    else:
        home = Home(folder)
    subprocess.run([sys.executable, "-c", MIGRATE], env=home.environ, check=True, capture_output=True)
    return name if url else str(home.file)
