"""Every environment variable, once: name, meaning, default; listed in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tovholder.config.database import Database, Pool, SettingsError, read_url

__all__ = ["ENVIRONMENTS", "VARIABLES", "Env", "SettingsError", "Variable", "read"]

ENVIRONMENTS = ("production", "demo", "test")


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
    Variable(
        "TOVHOLDER_LOGIN",
        "File that says which login providers (OpenID Connect) people come from: TOML, see docs/operations.md. Without it "
        "nobody can log in to the pages in production.",
        "",
    ),
    Variable("TOVHOLDER_HOME", "Folder for the database, locks and exports.", "var"),
    Variable(
        "TOVHOLDER_DATABASE_URL",
        "Where the record is: sqlite:///path, or postgresql://user:password@host:port/name?sslmode=verify-full "
        "(percent-encoded; what follows ? goes to libpq).",
        "sqlite:///<home>/tovholder.sqlite3",
    ),
    Variable("TOVHOLDER_POOL_MIN", "PostgreSQL connections each process keeps open.", "1"),
    Variable(
        "TOVHOLDER_POOL_MAX",
        "PostgreSQL connections one process may have at once; all processes together stay below the server's "
        "max_connections.",
        "threads + 2",
    ),
    Variable("TOVHOLDER_POOL_WAIT", "Seconds a request waits for a free PostgreSQL connection.", "10"),
    Variable("TOVHOLDER_STATEMENT_TIMEOUT", "Seconds one PostgreSQL statement may take in a request.", "60"),
    Variable("TOVHOLDER_HOSTS", "Host names the server answers to, comma separated.", "127.0.0.1,localhost"),
    Variable("TOVHOLDER_LOG", "Log level: debug, info, warning, error.", "info"),
    Variable("TOVHOLDER_MAX_BODY", "Largest request body in bytes.", "52428800"),
    Variable("TOVHOLDER_MAX_URL", "Longest address with its query, in bytes; at most 8190.", "8000"),
    Variable("TOVHOLDER_MAX_HEADER", "Longest single header in bytes; at most 8190.", "8000"),
    Variable("TOVHOLDER_MAX_RESOURCE", "Largest single resource in bytes of JSON.", "20971520"),
    Variable("TOVHOLDER_MAX_VALUES", "Most JSON values (members and list items) in a single resource.", "100000"),
    Variable("TOVHOLDER_MAX_BODY_VALUES", "Most JSON values in a request body.", "2000000"),
    Variable("TOVHOLDER_MAX_DEPTH", "Deepest nesting of objects and lists in a resource; at most 240.", "240"),
    Variable("TOVHOLDER_MAX_ENTRIES", "Most entries in a Bundle.", "10000"),
    Variable("TOVHOLDER_MAX_PATCH", "Most operations in a JSON Patch.", "1000"),
    Variable("TOVHOLDER_MAX_COUNT", "Most resources on a page of a search or history.", "1000"),
    Variable("TOVHOLDER_MAX_SEARCH_VALUES", "Most values in one search, all parameters together; at most 900.", "500"),
    Variable("TOVHOLDER_MAX_CHAIN", "Most links of a chained search parameter; at most 10.", "4"),
    Variable("TOVHOLDER_MAX_INCLUDED", "Most resources given along with a page by _include and _revinclude.", "1000"),
    Variable(
        "TOVHOLDER_PATIENCE",
        "Seconds a client may take for the head of a request, or to read an answer, before the connection is closed; "
        "at most 300.",
        "15",
    ),
    Variable(
        "TOVHOLDER_LEAST_RATE",
        "Bytes per second a client must send or take on top of that, on the average of a body or a large answer.",
        "50000",
    ),
    Variable(
        "TOVHOLDER_CONDITIONAL_DELETE",
        "single: a conditional delete takes one match; multiple: it deletes all of them, in one transaction.",
        "single",
    ),
    Variable("TOVHOLDER_IDLE_MINUTES", "Minutes without a request after which a session on the pages ends.", "30"),
    Variable("TOVHOLDER_SESSION_HOURS", "Hours after login at which a session on the pages ends, in use or not.", "9"),
    Variable(
        "TOVHOLDER_FRESH_MINUTES",
        "Minutes after login in which what asks for a login anew (break-glass) does not ask again.",
        "5",
    ),
    Variable(
        "TOVHOLDER_ATTEMPTS",
        "Most tries in five minutes at logging in, tokens and opening: for one account, from one address, and of "
        "everybody together, with / between.",
        "20/200/5000",
    ),
    Variable(
        "TOVHOLDER_PROXIES",
        "How many proxies of ours stand before the server: the address a request comes from is told by the first of them.",
        "0",
    ),
    Variable(
        "TOVHOLDER_AFTERCARE_DAYS",
        "Days a referral, an appointment or a hospital contact lets its organisation see the patient after its end; "
        "after a change: tovholder rebuild.",
        "90",
    ),
    Variable(
        "TOVHOLDER_STATED_DAYS",
        "Days within which the record must show what a professional stated to see a patient at once.",
        "14",
    ),
    Variable("TOVHOLDER_MINOR_AGE", "Age from which parents no longer act for their child.", "15"),
    Variable("TOVHOLDER_GLASS_MINUTES", "Minutes a break-glass stays open; at most 1440.", "60"),
    Variable(
        "TOVHOLDER_SMART_REGISTRATION",
        "Initial access token (at least 32 characters) with which apps may register themselves (RFC 7591). Without it "
        "none can: tovholder client add registers them.",
        "",
    ),
    Variable("TOVHOLDER_EXPORT_HOURS", "How long the files of a Bulk Data export are kept once it is done.", "48"),
    Variable(
        "TOVHOLDER_PROFILES",
        "File that says which profiles a write is held to, and whether it is refused or warned: TOML as in "
        "src/tovholder/fhir/profiles_policy.toml, which holds without it.",
        "",
    ),
    Variable(
        "TOVHOLDER_POLICY",
        "File that says which role may do what: TOML as in src/tovholder/access/policy.toml, which holds without it. "
        "`tovholder access check FILE` checks one.",
        "",
    ),
    Variable(
        "TOVHOLDER_REFERRAL_TABLE",
        "File with the installation's own pakketabel: what each kind of receiver needs in a referral, TOML as in "
        "src/tovholder/referral/tables/pakketabel.toml, which holds without it and until the file's valid_from. "
        "`tovholder referral table check FILE` checks one.",
        "",
    ),
    Variable(
        "TOVHOLDER_LICENSED_TEXTS",
        "Folder with the licensed words of questionnaires whose questions a package may not ship, one TOML file per form "
        "(docs/reference/package-format.md). Without it such a form shows neutral words.",
        "",
    ),
    Variable(
        "TOVHOLDER_PACKAGES",
        "Folder with the installation's own packages, and own versions of those that come with us, a folder for each "
        "(docs/packages.md). Of each package the highest version is in force.",
        "",
    ),
    Variable(
        "TOVHOLDER_PLAN_SOURCES",
        "Where a package's plans come from when it is not as the package says: package=tovholder (made here) or "
        "package=lps (told by the GP system), comma separated.",
        "",
    ),
    Variable(
        "TOVHOLDER_AUDIT_YEARS",
        "Years the audit trail is kept, 10 or more; what is older is removed by the daily run in whole sealed spans.",
        "10",
    ),
    Variable(
        "TOVHOLDER_ANCHORS",
        "Folder outside the database, best on another machine or write-once medium, where the daily run adds a line with "
        "the audit trail's newest hash (tovholder-audit-anchors.jsonl).",
        "",
    ),
    Variable("TOVHOLDER_THREADS", "Threads per server process.", "4"),
    Variable("TOVHOLDER_WORKERS", "Server processes.", "2"),
)
_DEFAULTS = {variable.name: variable.default for variable in VARIABLES}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the API takes at most; each has its variable above."""

    body: int
    url: int
    header: int
    resource: int
    values: int
    body_values: int
    depth: int
    entries: int
    patch: int
    count: int
    search_values: int
    chain: int
    included: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often something may be tried in five minutes."""

    account: int
    address: int
    everybody: int


@dataclass(frozen=True, slots=True)
class Env:
    """The environment as typed values."""

    name: str
    secret_key: str
    home: Path
    database: Database
    hosts: tuple[str, ...]
    log_level: str
    threads: int
    workers: int
    limits: Limits
    patience: int
    least_rate: int
    delete_many: bool
    login: Path | None
    idle_minutes: int
    session_hours: int
    fresh_minutes: int
    attempts: Attempts
    proxies: int
    aftercare_days: int
    stated_days: int
    minor_age: int
    glass_minutes: int
    registration: str
    export_hours: int
    audit_years: int
    anchors: Path | None
    profiles: Path | None
    policy: Path | None
    referral_table: Path | None
    licensed_texts: Path | None
    plan_sources: Mapping[str, str]
    packages: Path | None

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
    threads = _positive(value("TOVHOLDER_THREADS"), "TOVHOLDER_THREADS")
    pool = Pool(
        least=_positive(value("TOVHOLDER_POOL_MIN"), "TOVHOLDER_POOL_MIN"),
        most=_positive(environ.get("TOVHOLDER_POOL_MAX") or str(threads + 2), "TOVHOLDER_POOL_MAX"),
        wait=_positive(value("TOVHOLDER_POOL_WAIT"), "TOVHOLDER_POOL_WAIT"),
        statement_timeout=_positive(value("TOVHOLDER_STATEMENT_TIMEOUT"), "TOVHOLDER_STATEMENT_TIMEOUT"),
    )
    if pool.most < pool.least:
        raise SettingsError("TOVHOLDER_POOL_MAX is below TOVHOLDER_POOL_MIN")
    url = environ.get("TOVHOLDER_DATABASE_URL") or f"sqlite:///{home / 'tovholder.sqlite3'}"
    return Env(
        name=name,
        secret_key=secret,
        home=home,
        database=read_url(url, pool),
        hosts=tuple(host.strip() for host in value("TOVHOLDER_HOSTS").split(",") if host.strip()),
        log_level=value("TOVHOLDER_LOG").upper(),
        threads=threads,
        workers=_positive(value("TOVHOLDER_WORKERS"), "TOVHOLDER_WORKERS"),
        limits=_limits(value),
        patience=_whole(value("TOVHOLDER_PATIENCE"), "TOVHOLDER_PATIENCE", 1, 300),
        least_rate=_whole(value("TOVHOLDER_LEAST_RATE"), "TOVHOLDER_LEAST_RATE", 1, 2**31),
        delete_many=_one_of(value("TOVHOLDER_CONDITIONAL_DELETE"), "TOVHOLDER_CONDITIONAL_DELETE", "single", "multiple")
        == "multiple",
        login=Path(value("TOVHOLDER_LOGIN")) if value("TOVHOLDER_LOGIN") else None,
        idle_minutes=_whole(value("TOVHOLDER_IDLE_MINUTES"), "TOVHOLDER_IDLE_MINUTES", 1, 720),
        session_hours=_whole(value("TOVHOLDER_SESSION_HOURS"), "TOVHOLDER_SESSION_HOURS", 1, 24),
        fresh_minutes=_whole(value("TOVHOLDER_FRESH_MINUTES"), "TOVHOLDER_FRESH_MINUTES", 1, 60),
        attempts=_attempts(value("TOVHOLDER_ATTEMPTS")),
        proxies=_whole(value("TOVHOLDER_PROXIES"), "TOVHOLDER_PROXIES", 0, 9),
        aftercare_days=_positive(value("TOVHOLDER_AFTERCARE_DAYS"), "TOVHOLDER_AFTERCARE_DAYS"),
        stated_days=_positive(value("TOVHOLDER_STATED_DAYS"), "TOVHOLDER_STATED_DAYS"),
        minor_age=_positive(value("TOVHOLDER_MINOR_AGE"), "TOVHOLDER_MINOR_AGE"),
        glass_minutes=_positive(value("TOVHOLDER_GLASS_MINUTES"), "TOVHOLDER_GLASS_MINUTES", 1440),
        registration=_registration(value("TOVHOLDER_SMART_REGISTRATION")),
        export_hours=_positive(value("TOVHOLDER_EXPORT_HOURS"), "TOVHOLDER_EXPORT_HOURS"),
        audit_years=_whole(value("TOVHOLDER_AUDIT_YEARS"), "TOVHOLDER_AUDIT_YEARS", 10, 1000),
        anchors=_folder(value("TOVHOLDER_ANCHORS"), "TOVHOLDER_ANCHORS"),
        profiles=Path(value("TOVHOLDER_PROFILES")) if value("TOVHOLDER_PROFILES") else None,
        policy=Path(value("TOVHOLDER_POLICY")) if value("TOVHOLDER_POLICY") else None,
        referral_table=Path(value("TOVHOLDER_REFERRAL_TABLE")) if value("TOVHOLDER_REFERRAL_TABLE") else None,
        licensed_texts=_folder(value("TOVHOLDER_LICENSED_TEXTS"), "TOVHOLDER_LICENSED_TEXTS"),
        plan_sources=_pairs(value("TOVHOLDER_PLAN_SOURCES"), "TOVHOLDER_PLAN_SOURCES"),
        packages=_folder(value("TOVHOLDER_PACKAGES"), "TOVHOLDER_PACKAGES"),
    )


def _limits(value: Callable[[str], str]) -> Limits:
    def limit(name: str, most: int = 2**31) -> int:
        return _whole(value(f"TOVHOLDER_MAX_{name}"), f"TOVHOLDER_MAX_{name}", 1, most)

    return Limits(
        body=limit("BODY"),
        url=limit("URL", 8190),
        header=limit("HEADER", 8190),
        resource=limit("RESOURCE"),
        values=limit("VALUES"),
        body_values=limit("BODY_VALUES"),
        depth=limit("DEPTH", 240),
        entries=limit("ENTRIES"),
        patch=limit("PATCH"),
        count=limit("COUNT"),
        search_values=limit("SEARCH_VALUES", 900),
        chain=limit("CHAIN", 10),
        included=limit("INCLUDED", 10_000),
    )


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise SettingsError(f"{name} is {text!r}; set a whole number from {least} to {most}")
    return int(text)


def _attempts(text: str) -> Attempts:
    parts = text.split("/")
    if len(parts) != 3:
        raise SettingsError(
            f"TOVHOLDER_ATTEMPTS is {text!r}; set three whole numbers with / between, such as 20/200/5000"
        )
    return Attempts(*(_whole(part, "TOVHOLDER_ATTEMPTS", 1, 2**31) for part in parts))


def _folder(text: str, name: str) -> Path | None:
    if text and not Path(text).is_dir():
        raise SettingsError(f"{name} is {text!r}; set a folder that is there")
    return Path(text).absolute() if text else None


def _registration(text: str) -> str:
    if text and not (len(text) >= 32 and text.isascii() and text.isprintable()):
        raise SettingsError("TOVHOLDER_SMART_REGISTRATION is short; set at least 32 random characters, or nothing")
    return text


def _pairs(text: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, held = (piece.strip() for piece in part.partition("="))
        if not (key and equals and held) or key in found:
            raise SettingsError(f"{name} is {text!r}; set pairs such as lrs=lps, each package once")
        found[key] = held
    return found


def _one_of(text: str, name: str, *choices: str) -> str:
    if text not in choices:
        raise SettingsError(f"{name} is {text!r}; set one of {', '.join(choices)}")
    return text


def _positive(text: str, name: str, most: int | None = None) -> int:
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name} is {text!r}; set a whole number above 0")
    if most is not None and int(text) > most:
        raise SettingsError(f"{name} is {text!r}; set at most {most}")
    return int(text)
