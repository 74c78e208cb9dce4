"""Every environment variable, once: name, meaning, default; listed in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENTS = ("production", "demo", "test")


class SettingsError(SystemExit):
    """A setting is missing or wrong: the process ends with exit code 2 and says what to set."""

    def __init__(self, message: str) -> None:
        super().__init__(f"tovholder: {message}")
        self.code = f"tovholder: {message}"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: what it means and what holds without it."""

    name: str
    meaning: str
    default: str


VARIABLES = (
    Variable(
        "TOVHOLDER_ENV", "production, demo or test. Only demo and test may use the persona chooser.", "production"
    ),
    Variable(
        "TOVHOLDER_SECRET_KEY", "Key for sessions and signatures, at least 50 characters. Required in production.", ""
    ),
    Variable("TOVHOLDER_HOME", "Folder for the database, locks and exports.", "var"),
    Variable(
        "TOVHOLDER_DATABASE_URL",
        "Where the record is: sqlite:///path. (PostgreSQL is planned; another scheme is refused.)",
        "sqlite:///<home>/tovholder.sqlite3",
    ),
    Variable("TOVHOLDER_HOSTS", "Host names the server answers to, comma separated.", "127.0.0.1,localhost"),
    Variable("TOVHOLDER_LOG", "Log level: debug, info, warning, error.", "info"),
    Variable("TOVHOLDER_MAX_BODY", "Largest request body in bytes.", "52428800"),
    Variable("TOVHOLDER_THREADS", "Threads per server process.", "4"),
    Variable("TOVHOLDER_WORKERS", "Server processes.", "2"),
)
_DEFAULTS = {variable.name: variable.default for variable in VARIABLES}


@dataclass(frozen=True, slots=True)
class Env:
    """The environment as typed values."""

    name: str
    secret_key: str
    home: Path
    database_path: str
    hosts: tuple[str, ...]
    log_level: str
    max_body: int
    threads: int
    workers: int

    @property
    def personas_allowed(self) -> bool:
        """Whether the persona chooser may exist in this process at all."""
        return self.name in ("demo", "test")


def read(environ: Mapping[str, str] = os.environ) -> Env:
    """Read and check the environment. Raises SettingsError naming the variable and what to set."""

    def value(name: str) -> str:
        return environ.get(name, "") or _DEFAULTS[name]

    name = value("TOVHOLDER_ENV")
    if name not in ENVIRONMENTS:
        raise SettingsError(f"TOVHOLDER_ENV is {name!r}; set one of {', '.join(ENVIRONMENTS)}")
    secret = value("TOVHOLDER_SECRET_KEY")
    if not secret and name != "production":
        secret = "for-the-demo-and-tests-only-" + "0" * 40
    if len(secret) < 50:
        raise SettingsError(
            "TOVHOLDER_SECRET_KEY is missing or short; set at least 50 random characters "
            "(or TOVHOLDER_ENV=demo to try the demo)"
        )
    home = Path(value("TOVHOLDER_HOME")).absolute()
    url = environ.get("TOVHOLDER_DATABASE_URL") or f"sqlite:///{home / 'tovholder.sqlite3'}"
    if not url.startswith("sqlite:///"):
        raise SettingsError("TOVHOLDER_DATABASE_URL must start with sqlite:///")
    return Env(
        name=name,
        secret_key=secret,
        home=home,
        database_path=url.removeprefix("sqlite:///"),
        hosts=tuple(host.strip() for host in value("TOVHOLDER_HOSTS").split(",") if host.strip()),
        log_level=value("TOVHOLDER_LOG").upper(),
        max_body=_positive(value("TOVHOLDER_MAX_BODY"), "TOVHOLDER_MAX_BODY"),
        threads=_positive(value("TOVHOLDER_THREADS"), "TOVHOLDER_THREADS"),
        workers=_positive(value("TOVHOLDER_WORKERS"), "TOVHOLDER_WORKERS"),
    )


def _positive(text: str, name: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name} is {text!r}; set a whole number above 0")
    return int(text)
