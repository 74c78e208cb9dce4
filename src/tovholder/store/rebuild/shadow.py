"""The tables a rebuild fills beside the ones in use, and the exchange of the two."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db import connection

from tovholder import database
from tovholder.access import generation
from tovholder.store import flush, projection, schema

PREFIX = "next_"
# Relations that come from no resource stay as they are.
_KEPT = {"access_relation": "kind = 'stated'"}
_INDEX = re.compile(r"(CREATE (?:UNIQUE )?INDEX )(\w+)( ON )(\w+)", re.ASCII)
_OTHER = "_b"  # an index keeps its name when its table is renamed, so every second rebuild uses other names


def tables() -> dict[str, list[str]]:
    """What is made anew from the record alone, with the statements that make it: search index and facts.

    Links between facts are derived from facts, and periods are given: they are not here.
    """
    return {name: statements for name, (_, statements) in schema.definitions().items() if schema.rebuilt(name)}


def make() -> None:
    """Begin with empty ones."""
    drop()
    with connection.cursor() as cursor:
        for name, (table, *indexes) in tables().items():
            used = connection.introspection.get_constraints(cursor, name)
            cursor.execute(re.sub(rf"\b{name}\b", PREFIX + name, table, count=1))
            for statement in _filling(indexes):
                cursor.execute(_renamed(statement, PREFIX + name, used))
        for name, columns in projection.TABLES.items():
            told = ", ".join(columns)
            cursor.execute(f"CREATE TABLE {PREFIX}{name} AS SELECT {told} FROM {name} WHERE 1 = 0")
            cursor.execute(f"CREATE INDEX {PREFIX}{name}_source ON {PREFIX}{name} (source)")


def _filling(indexes: Iterable[str]) -> list[str]:
    # What may be there only once is so at the end; on the way, what changed is caught up in no particular order.
    return [statement for statement in indexes if not statement.startswith("CREATE UNIQUE")]


def _renamed(statement: str, table: str, used: Iterable[str]) -> str:
    found = _INDEX.match(statement)
    if found is None:
        raise ValueError(f"not an index: {statement}")
    name = found[2] + _OTHER if found[2] in used else found[2]
    return f"{found[1]}{name}{found[3]}{table}{statement[found.end() :]}"


def drop() -> None:
    """Give up what was begun."""
    with connection.cursor() as cursor:
        for name in [*tables(), *projection.TABLES]:
            cursor.execute(f"DROP TABLE IF EXISTS {PREFIX}{name}")


def add_index(table: str, rows: list[tuple[object, ...]]) -> None:
    """Search rows, their resource's key last."""
    database.insert(PREFIX + table, flush.INDEX_COLUMNS[table], rows)


def add_facts(name: str, rows: list[tuple[object, ...]]) -> None:
    """Whole fact rows."""
    database.insert(f"{PREFIX}fact_{name}", schema.column_names(name), rows)


def add_projected(rows: projection.Rows) -> None:
    """Rows that say who may see what."""
    for name, some in rows.items():
        database.insert(PREFIX + name, projection.TABLES[name], some)


def take_index(table: str, rows: list[tuple[object, ...]]) -> None:
    """Remove search rows, if they are there."""
    database.bulk_delete(PREFIX + table, flush.INDEX_COLUMNS[table], rows)


def take_facts(name: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Remove the facts of the resources that have these, if they are there."""
    database.bulk_delete(f"{PREFIX}fact_{name}", schema.fact_key(name), list(flush.fact_keys(name, rows)))


def take_projected(sources: Iterable[str]) -> None:
    """Remove what resources say about who may see what, if it is there."""
    projection.remove(sources, prefix=PREFIX)


def exchange() -> None:
    """Put them in the place of the ones in use, in the caller's transaction."""
    with connection.cursor() as cursor:
        for name, (_, *indexes) in tables().items():
            cursor.execute(f"DROP TABLE {name}")
            cursor.execute(f"ALTER TABLE {PREFIX}{name} RENAME TO {name}")
            for statement in set(indexes) - set(_filling(indexes)):
                cursor.execute(statement)
        for name, columns in projection.TABLES.items():
            told, kept = ", ".join(columns), _KEPT.get(name)
            cursor.execute(f"DELETE FROM {name}" + (f" WHERE NOT {kept}" if kept else ""))
            cursor.execute(f"INSERT INTO {name} ({told}) SELECT {told} FROM {PREFIX}{name}")
            cursor.execute(f"DROP TABLE {PREFIX}{name}")
    generation.bump()
    schema.settle()
