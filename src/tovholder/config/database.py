"""TOVHOLDER_DATABASE_URL into Django's database settings; the password is in neither representation nor message."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

NAME = "TOVHOLDER_DATABASE_URL"
_SCHEMES = ("postgresql", "postgres")
_INIT = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY; "
    "PRAGMA wal_autocheckpoint=16384"  # a server's own worker copies the log long before (database.tidy)
)
# Statements a connection of SQLite keeps compiled: each rule, kind of search and number of rows is one.
_CACHED = 1000
# An open transaction holds its patients: one whose process hangs lets go after this many milliseconds.
_IDLE_IN_TRANSACTION = 60_000
_LOCK_TIMEOUT = 30_000
# A rule is planned once and run many times; compiling it to machine code costs more than it saves.
_SESSION = f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION} -c lock_timeout={_LOCK_TIMEOUT} -c jit=off"
# After this many uses on a connection a statement is kept prepared there.
_PREPARE_AFTER = 2


class SettingsError(SystemExit):
    """A setting is missing or wrong: the process ends with exit code 2 and says what to set."""

    def __init__(self, message: str) -> None:
        super().__init__(f"tovholder: {message}")
        self.code = f"tovholder: {message}"


@dataclass(frozen=True, slots=True)
class Pool:
    """How many connections a process has, how long one waits for them (s), how long a statement may take (s)."""

    least: int
    most: int
    wait: int
    statement_timeout: int


@dataclass(frozen=True, slots=True)
class Database:
    """Where the record is. path: of a SQLite file, empty for a server's; name: of a server's database."""

    vendor: str
    pool: Pool
    path: str = ""
    host: str = ""
    port: str = ""
    name: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def django(self) -> dict[str, Any]:
        """The entry in Django's DATABASES."""
        return self._postgresql() if self.vendor == "postgresql" else self._sqlite()

    def _sqlite(self) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": self.path,
            "CONN_MAX_AGE": None,
            # A file, as in production: other processes and threads must meet the same locks.
            "TEST": {"NAME": str(Path(gettempdir()) / f"tovholder-test-{os.getpid()}.sqlite3")},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": _INIT,
                "cached_statements": _CACHED,
            },
        }

    def _postgresql(self) -> dict[str, Any]:
        options: dict[str, Any] = dict(self.options)
        session = f"{_SESSION} -c statement_timeout={self.pool.statement_timeout * 1000}"
        options["options"] = f"{session} {options['options']}" if "options" in options else session
        return {
            "ENGINE": "tovholder.database.backend",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password,
            "HOST": self.host,
            "PORT": self.port,
            "CONN_MAX_AGE": 0,  # the pool keeps them
            "CONN_HEALTH_CHECKS": False,
            "OPTIONS": {
                "application_name": "tovholder",
                "connect_timeout": 5,
                **options,
                "server_side_binding": True,
                "prepare_threshold": _PREPARE_AFTER,
                "pool": {
                    "min_size": self.pool.least,
                    "max_size": self.pool.most,
                    "timeout": self.pool.wait,
                    "name": "tovholder",
                },
            },
        }


def read_url(url: str, pool: Pool) -> Database:
    """The database a URL names. Raises SettingsError, which never repeats the URL: a password stands in it."""
    if url.startswith("sqlite:///"):
        return Database("sqlite", pool, path=url.removeprefix("sqlite:///"))
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise SettingsError(f"{NAME} must start with sqlite:/// or postgresql://")
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise SettingsError(f"{NAME} cannot be read; percent-encode what is special in it") from None
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise SettingsError(f"{NAME} names no database; write postgresql://user:password@host:port/name")
    if parts.fragment or {key for key, _ in options} & {"user", "password", "dbname", "port"}:
        raise SettingsError(f"{NAME}: user, password, port and name stand before the ?, percent-encoded (# is %23)")
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        raise SettingsError("PostgreSQL needs its driver; run: pip install 'tovholder[postgres]'")
    host = next((value for key, value in options if key == "host"), unquote(parts.hostname or ""))
    return Database(
        "postgresql",
        pool,
        host=host,
        port=port,
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        options=tuple((key, value) for key, value in options if key != "host"),
    )
