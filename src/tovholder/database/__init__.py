"""What the databases do differently, told once: everything above writes SQL that both understand and asks here for the rest.

Two engines answer the same questions: ``sqlite`` (one file, one writer) and ``postgresql`` (a server, many writers).
Which one is decided by Django's connection, per call; nobody above asks for the vendor to choose its SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Literal

from django.db import DatabaseError, IntegrityError, connection, connections

from tovholder.database import postgresql, short, sqlite
from tovholder.database.opened import Answer, Opened, Statement

__all__ = [
    "Answer",
    "Opened",
    "Row",
    "Statement",
    "analyze",
    "broken",
    "bulk_delete",
    "disconnect",
    "execute",
    "execute_many",
    "fill_scope",
    "fill_withheld",
    "horizon",
    "in_list",
    "in_transaction",
    "index_table",
    "insert",
    "insert_all",
    "insert_keyed",
    "loading",
    "lock_everybody",
    "lock_name",
    "lock_patients",
    "most_patients",
    "never_make",
    "numbers",
    "open_unit",
    "pipeline",
    "present",
    "reach",
    "ready_for_pseudonyms",
    "retryable",
    "row_lock",
    "rows",
    "scope_ddl",
    "snapshot",
    "tidy",
    "unhurried",
    "vendor",
    "write_turn",
    "writes_alone",
]

Vendor = Literal["sqlite", "postgresql"]
Row = Sequence[Any]


def vendor() -> Vendor:
    """Which engine answers; also the name under which rules are compiled for it."""
    return "postgresql" if short.wrapper().vendor == "postgresql" else "sqlite"


def _engine() -> ModuleType:
    return postgresql if short.wrapper().vendor == "postgresql" else sqlite


# -- statements ----------------------------------------------------------------------------------------------------


def rows(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one SELECT with its ``%s`` bound (a percent sign of its own is written ``%%``), whole.

    The short way: in Django's connection and transaction, its errors as Django's own, but past its cursor, which costs
    more than most of our statements do.
    """
    found: list[tuple[Any, ...]] = _engine().rows(sql, params)
    return found


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """Run one statement the short way (see ``rows``); returns how many rows it changed."""
    found: int = _engine().execute(sql, params)
    return found


def in_list(column: str, values: Iterable[str] | Iterable[int]) -> tuple[str, list[Any]]:
    """A WHERE term (with its one parameter) that is true where the column is among the values, however many."""
    found = list(values)
    if short.wrapper().vendor == "postgresql":
        return f"{column} = ANY(%s)", [found]
    return f"{column} IN (SELECT value FROM json_each(%s))", [json.dumps(found)]


def execute_many(sql: str, rows: Sequence[Row]) -> None:
    """Run one statement once for each row of values."""
    if rows:
        _engine().execute_many(sql, rows)


def insert(table: str, columns: Sequence[str], rows: Sequence[Row], *, ignore: bool = False) -> None:
    """Insert rows, many at a time. ignore: leave out those a unique index already holds."""
    if rows:
        _engine().insert(table, tuple(columns), rows, ignore)


def insert_all(batches: Sequence[tuple[str, Sequence[str], Sequence[Row]]]) -> None:
    """Insert rows into several tables (each with its columns); in one go where there are few."""
    some = [(table, tuple(columns), rows) for table, columns, rows in batches if rows]
    if some:
        _engine().insert_all(some)


def insert_keyed(table: str, columns: Sequence[str], rows: Sequence[Row], keys: Sequence[int]) -> None:
    """Insert rows whose last value is a place in ``keys``: the key there is what is stored."""
    if rows:
        _engine().insert_keyed(table, tuple(columns), rows, keys)


def bulk_delete(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Delete the rows that have exactly these values in the columns."""
    if rows:
        term = " AND ".join(f"{name} = %s" for name in columns)
        _engine().execute_many(f"DELETE FROM {table} WHERE {term}", rows)


def numbers(name: str, count: int) -> list[int]:
    """The next free numbers of a key, rising. name: ``table.column`` of a key that counts itself.

    Inside a transaction of the caller's: on SQLite the writer's turn is what keeps two from taking the same.
    """
    return list(_engine().numbers(name, count)) if count else []


def pipeline() -> AbstractContextManager[None]:
    """Statements inside are sent without waiting for each other's answers, where the database can do that.

    Answers may be fetched inside; what fails is raised at the latest when the block ends.
    """
    found: AbstractContextManager[None] = _engine().pipeline()
    return found


def index_table(name: str, columns: Sequence[tuple[str, str]], order: Sequence[str]) -> list[str]:
    """The statements that make a table of search rows: columns with their kind (int, text, real), none of them empty,
    and the order the rows are found by.
    """
    found: list[str] = _engine().index_table(name, columns, order)
    return found


# -- writers -------------------------------------------------------------------------------------------------------


def write_turn() -> AbstractContextManager[None]:
    """One writer at a time and first come, first served, where the database has one writer; taken before a transaction."""
    found: AbstractContextManager[None] = _engine().write_turn()
    return found


def in_transaction() -> bool:
    """Whether a transaction of the caller's is under way."""
    return bool(short.wrapper().in_atomic_block)


def writes_alone() -> bool:
    """Whether whoever has begun to write is the only one: what it has read once nobody else changes."""
    return bool(short.wrapper().vendor != "postgresql")


def row_lock() -> str:
    """What ends a SELECT to hold the rows it gives until the transaction ends; nothing where the writer is alone."""
    return " FOR NO KEY UPDATE" if short.wrapper().vendor == "postgresql" else ""


def open_unit(
    patients: Iterable[str], *, floor: int | None, then: Sequence[Statement] = ()
) -> tuple[Opened, list[Answer]]:
    """Begin a unit's writing inside its transaction: lock the patients, in an order that cannot deadlock, tell the time.

    floor: for a unit that writes at a moment of its own choosing (epoch milliseconds), that moment; horizon() stays at
    or below what the unit writes until it has ended. then: SELECTs run after that, in the same round trip.
    """
    found: tuple[Opened, list[Answer]] = _engine().open_unit(sorted(set(patients)), floor, then)
    return found


def lock_patients(patients: Iterable[str], *, then: Sequence[Statement] = ()) -> list[Answer]:
    """Wait until no other unit writes about these patients; held until the transaction ends.

    Taken in sorted order at once they cannot deadlock; taken in several goes they can, and then one of the two fails
    with an error that is ``retryable``.
    """
    found: list[Answer] = _engine().lock_patients(sorted(set(patients)), then)
    return found


def most_patients() -> int:
    """How many patients one unit may lock one by one; for more it locks everybody."""
    found: int = _engine().MOST_PATIENTS
    return found


def lock_everybody() -> None:
    """Wait until no other unit writes at all; held until the transaction ends."""
    _engine().lock_everybody()


def lock_name(name: str) -> None:
    """Wait until no other unit holds this name (the criteria of a conditional create, a new id); until the end."""
    _engine().lock_name(name)


# -- reading -------------------------------------------------------------------------------------------------------


def snapshot() -> AbstractContextManager[None]:
    """Several statements that all see the record as it was at the first; nothing may be written inside.

    Inside a transaction already under way it adds nothing. What is read inside is noted in the audit trail after it:
    put it inside ``audit.answer()``.
    """
    found: AbstractContextManager[None] = _engine().snapshot()
    return found


def horizon() -> int:
    """Epoch milliseconds below which no new version can appear any more; ask before the snapshot is taken.

    A client that has read everything below the horizon and goes on from there misses nobody who committed late.
    """
    found: int = _engine().horizon()
    return found


def ready_for_pseudonyms() -> None:
    """Let this connection hash ids in a statement: ``pseudonym(key, text)`` where the database has no such function."""
    _engine().ready_for_pseudonyms()


def fill_scope(patients: Iterable[str]) -> None:
    """Name the patients a set-wise rule may see: the rows of ``scope_patient``, for this connection until the next call."""
    _engine().fill_scope(sorted(set(patients)))


def fill_withheld(rows: Iterable[tuple[str, str]]) -> None:
    """Name the facts' rows a rule may not see: the rows of ``scope_withheld``, for this connection until the next call."""
    _engine().fill_withheld(sorted(set(rows)))


def scope_ddl() -> list[str]:
    """Statements that make what ``fill_scope`` needs; run after migrations."""
    found: list[str] = _engine().SCOPE_DDL
    return found


# -- errors and upkeep ---------------------------------------------------------------------------------------------


def broken(error: IntegrityError) -> str:
    """Which unique truth was broken, as ``table.column, table.column`` (SQLite) or the index's name (PostgreSQL)."""
    found: str = _engine().broken(error)
    return found


def retryable(error: BaseException) -> bool:
    """Whether the same unit may well succeed when run again: somebody else was in the way."""
    return isinstance(error, DatabaseError) and bool(_engine().retryable(error))


def present() -> bool:
    """Whether the record is where it was: False when a SQLite file is gone; a replaced one is opened anew."""
    found: bool = _engine().present()
    return found


def unhurried() -> AbstractContextManager[None]:
    """Statements inside may take their time (migrations, rebuilding): no statement timeout."""
    found: AbstractContextManager[None] = _engine().unhurried()
    return found


def loading() -> AbstractContextManager[None]:
    """Inside, this connection expects very many writes: more memory for what is written again and again."""
    found: AbstractContextManager[None] = _engine().loading()
    return found


def reach() -> None:
    """Raise Problem(BUSY) saying where and why when the database's server does not answer; at once, not after a wait."""
    _engine().reach()


def never_make() -> None:
    """Where no record stands, none is made from here on: for a process that works on the one there is."""
    _engine().never_make()


def disconnect() -> None:
    """Close every connection of this process, pooled ones too: before it forks, so that each child opens its own."""
    connections.close_all()
    if short.wrapper().vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined] # PostgreSQL's alone


def tidy() -> None:
    """What the database has put off is done now, beside those who read and write; for a server, about once a second."""
    _engine().tidy()


def analyze(tables: Sequence[str] = ()) -> None:
    """Refresh what the planner knows of the tables, of all without a name; after bulk loads.

    A PostgreSQL table that was filled a moment ago counts as nearly empty until then, and is joined as such.
    """
    _engine().analyze(tables)
