"""Generated tables: the search index and the facts. Made after migrations, remade when their definition changes."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache
from pathlib import Path

from django.db import IntegrityError, connection

from tovholder import database
from tovholder.base import days
from tovholder.base.errors import Issue
from tovholder.fhir import search_tables, views
from tovholder.fhir.index_tables import BY_KEY, INDEX_TABLES, primary_key

FACTS_FOLDER = Path(__file__).with_name("facts")

# Beside the views' own indexes: truths that must hold whoever writes at the same time (guards tell them in words
# first), and the way from a clinic to its patients.
EXTRA_DDL = {
    "episode": (
        "CREATE UNIQUE INDEX fact_episode_one_open ON fact_episode (patient_id, package)"
        " WHERE phase IN ('eligible', 'startup', 'further', 'continuing')",
        "CREATE INDEX fact_episode_clinic ON fact_episode (organization_id, patient_id)",
    ),
    "plan": (
        "CREATE UNIQUE INDEX fact_plan_one_valid ON fact_plan (episode_id)"
        " WHERE status IN ('draft', 'active', 'on-hold')",
    ),
    "patient": ("CREATE INDEX fact_patient_clinic ON fact_patient (organization_id, patient_id)",),
}

_OPEN_COURSE = Issue("EpisodeOfCare", "an open course exists", "one open course per patient and package", "duplicate")
_VALID_PLAN = Issue("CarePlan", "a valid plan exists", "one valid plan per course; revise that one", "duplicate")
# What each of them means, by what the databases say is broken (``database.broken``): columns or the index's name.
_ONLY_ONE = {
    "fact_episode.patient_id, fact_episode.package": _OPEN_COURSE,
    "fact_episode_one_open": _OPEN_COURSE,
    "fact_plan.episode_id": _VALID_PLAN,
    "fact_plan_one_valid": _VALID_PLAN,
}


def only_one(error: IntegrityError) -> tuple[Issue, ...]:
    """What a broken unique index means in words; nothing for one that has none."""
    told = _ONLY_ONE.get(database.broken(error).removesuffix("_b"))  # as every second rebuild calls its indexes
    return (told,) if told is not None else ()


@cache
def fact_tables() -> dict[str, views.View | views.PlainTable]:
    """Every fact table by name, compiled once per process."""
    return views.load_views(FACTS_FOLDER)


@cache
def column_names(table: str) -> tuple[str, ...]:
    """The columns of a fact table in order."""
    return tuple(name for name, _ in fact_tables()[table].columns)


@cache
def fact_key(table: str) -> tuple[str, ...]:
    """The columns a resource's rows are found by in a fact table: the first ones, whose they are among them."""
    names = column_names(table)
    return names[:2] if names[1] == "patient_id" else names[:1]


def apply() -> list[str]:
    """Make generated tables. Returns the names of those whose rows wait for ``tovholder rebuild``.

    A table in use whose definition has changed stays as it is, for the version that still runs on it: the rebuild
    fills its successor beside it and exchanges the two. So does one that is no longer wanted.
    """
    waiting: list[str] = []
    wanted, known = definitions(), _known()
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM (SELECT 1 AS one FROM store_resource LIMIT 1) AS any_one")
        empty = cursor.fetchone()[0] == 0
        for name, (digest, statements) in wanted.items():
            if known.get(name, ("", False))[0] == digest:
                continue
            if empty or name not in known or not rebuilt(name):
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
                for statement in statements:
                    cursor.execute(statement)
                cursor.execute("DELETE FROM store_schema WHERE name = %s", [name])
                cursor.execute(_NOTE, [name, digest, not empty])
            else:
                cursor.execute("UPDATE store_schema SET stale = %s WHERE name = %s", [True, name])
            if not empty:
                waiting.append(name)
        for statement in database.scope_ddl():
            cursor.execute(statement)
        _fill_periods()
    if empty:
        settle()
    return waiting


_NOTE = "INSERT INTO store_schema (name, hash, stale) VALUES (%s, %s, %s)"


def settle() -> None:
    """Every generated table is now as this version defines it and filled; those no longer wanted go."""
    wanted = definitions()
    with connection.cursor() as cursor:
        for name in sorted(_known().keys() - wanted.keys()):
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        cursor.execute("DELETE FROM store_schema")
        cursor.executemany(_NOTE, [(name, digest, False) for name, (digest, _) in wanted.items()])


def rebuilt(name: str) -> bool:
    """Whether a rebuild fills the table from the record alone; links are derived from facts, and periods are given."""
    return name in INDEX_TABLES or isinstance(fact_tables().get(name.removeprefix("fact_")), views.View)


def outdated() -> list[str]:
    """Generated tables that are not there, or differ and nobody has noted it: ``tovholder migrate`` sees to them."""
    known = _known()
    return sorted(
        name
        for name, (digest, _) in definitions().items()
        if name not in known or (known[name][0] != digest and not known[name][1])
    )


def _known() -> dict[str, tuple[str, bool]]:
    """Hash of each generated table there is, and whether it waits for a rebuild."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, hash, stale FROM store_schema")
        return {name: (digest, bool(waits)) for name, digest, waits in cursor.fetchall()}


def stale() -> list[str]:
    """Generated tables that wait for ``tovholder rebuild``: new ones to be filled, others to be exchanged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM store_schema WHERE stale ORDER BY name")
        return [row[0] for row in cursor.fetchall()]


def definitions() -> dict[str, tuple[str, list[str]]]:
    """Every generated table: a digest of its definition, and the statements that make it and then its indexes."""
    wanted: dict[str, tuple[str, list[str]]] = {}
    for name, columns in INDEX_TABLES.items():
        statements = database.index_table(name, (*columns, ("key", "int")), primary_key(name))
        if name in BY_KEY:
            statements.append(f"CREATE INDEX {name}_key ON {name} (key, param)")
        meaning = "".join([search_tables.digest(), *statements])
        wanted[name] = (hashlib.sha256(meaning.encode()).hexdigest(), statements)
    for name, table in fact_tables().items():
        extra = EXTRA_DDL.get(name, ())
        digest = hashlib.sha256((table.hash + "".join(extra)).encode()).hexdigest()
        wanted[f"fact_{name}"] = (digest, [*views.ddl(table, database.vendor()), *extra])
    return wanted


def _fill_periods() -> None:
    # Months are reference data: the same everywhere, long enough that nobody runs out.
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM fact_period")
        if cursor.fetchone()[0]:
            return
    rows = []
    for index in range(2020 * 12, 2041 * 12):
        start = days.day_of(date(index // 12, index % 12 + 1, 1))
        rows.append((days.month_of(start), "month", start, days.add_months(start, 1) - 1))
    database.insert("fact_period", ("period_id", "kind", "start_day", "end_day"), rows)
