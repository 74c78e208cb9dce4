"""PostgreSQL: many writers, each holding its patients; statements in few round trips; stamps that readers can trust.

Locks are advisory and end with the transaction. They come in two spaces: pairs of 32-bit numbers (a class and a bucket)
for what excludes others, and single 64-bit numbers for the stamps of units under way, which exclude nobody.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, connection, transaction

from tovholder.base.errors import Category, Issue, Problem
from tovholder.database import arrays, short
from tovholder.database.opened import Answer, Opened, Statement

# An index entry holds at most 2,700 bytes; search texts are cut at 200 characters, of up to four bytes each.
_WIDEST = 3
# Whom a set-wise rule may see: ids (which hold no space) in a setting of the session. A temporary table would cost
# several round trips each time and know no statistics.
_SCOPE = "tovholder.scope"
_WITHHELD = "tovholder.withheld"
SCOPE_DDL = [
    "CREATE OR REPLACE VIEW scope_patient AS SELECT unnest(string_to_array("
    f"NULLIF(current_setting('{_SCOPE}', true), ''), ' ')) COLLATE \"C\" AS patient_id",
    "CREATE OR REPLACE VIEW scope_withheld AS SELECT split_part(told, '/', 1) COLLATE \"C\" AS fact,"
    " split_part(told, '/', 2) COLLATE \"C\" AS id FROM unnest(string_to_array("
    f"NULLIF(current_setting('{_WITHHELD}', true), ''), ' ')) AS told",
]
# From here on, COPY is quicker than one statement with arrays (measured; it cannot be pipelined).
COPY_FROM = 50

# psycopg takes a statement apart anew each time when it has more values than 50 or characters than 4,096.
_WIDTH = 46

# Lock classes. The server has room for some thousands of locks in all: names share buckets (two in one merely wait for
# each other), and a unit with more patients than this takes the gate for itself alone.
MOST_PATIENTS = 400
_GATE, _PATIENT, _NAME = 7001, 7002, 7003
_BUCKETS = 1024
# What other units were in the way of: serialization failure, deadlock, lock not available, no room for more locks, query
# cancelled by timeout.
_RETRY = frozenset({"40001", "40P01", "55P03", "53200", "57014"})
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


# See the package: its statements are psycopg's as they stand.
rows, execute = short.rows, short.execute


def _bucket(text: str) -> int:
    return zlib.crc32(text.encode()) % _BUCKETS


def index_table(name: str, columns: Sequence[tuple[str, str]], order: Sequence[str]) -> list[str]:
    """A heap, and an index that answers alone as far as its entries may go."""
    types = {"int": "BIGINT", "text": 'TEXT COLLATE "C"', "real": "DOUBLE PRECISION"}
    kinds = dict(columns)
    texts = [column for column in order if kinds[column] == "text"]
    found = [column for column in order if column not in texts[_WIDEST:]]
    body = ", ".join(f"{column} {types[kind]} NOT NULL" for column, kind in columns)
    return [f"CREATE TABLE {name} ({body})", f"CREATE INDEX {name}_order ON {name} ({', '.join(found)})"]


def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement, many times."""
    short.execute_many_by_cursor(short.wrapper(), sql, rows)


@lru_cache(maxsize=256)
def _column_types(database: str, table: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        found = dict(cursor.fetchall())
    if not found:
        raise LookupError(f"There is no table {table}")  # and it is looked for again next time
    return found


def insert(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], ignore: bool) -> None:
    """COPY for many; else one statement whose text does not depend on how many rows there are, so it stays prepared."""
    if len(rows) >= COPY_FROM and not ignore and not in_pipeline():
        _copy(table, columns, rows)
        return
    statement = f"{_into(table, columns)} ON CONFLICT DO NOTHING" if ignore else _into(table, columns)
    execute(statement, arrays.literals(_types(table, columns), rows))


def insert_keyed(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], keys: Sequence[int]) -> None:
    """Others take numbers of the same sequence meanwhile: each place is looked up."""
    insert(table, columns, [(*row[:-1], keys[row[-1]]) for row in rows], False)


def insert_all(batches: Sequence[tuple[str, tuple[str, ...], Sequence[Sequence[Any]]]]) -> None:
    """One statement for all tables: a round trip and a look at the connection is what each one costs."""
    together = []
    for table, columns, rows in batches:
        if len(rows) >= COPY_FROM and not in_pipeline():
            _copy(table, columns, rows)
        else:
            together.append((table, columns, rows))
    while together:
        width = 0
        for taken, (_, columns, _) in enumerate(together, start=1):
            width += len(columns)
            if taken == len(together) or width + len(together[taken][1]) > _WIDTH:
                break
        some, together = together[:taken], together[taken:]
        values = [text for table, columns, rows in some for text in arrays.literals(_types(table, columns), rows)]
        execute(_into_all(tuple((table, columns) for table, columns, _ in some)), values)


def _copy(table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    text = arrays.lines(_types(table, columns), rows)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        if text is not None:
            copy.write(text)
            return
        for row in rows:
            copy.write_row(row)


def _types(table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return _types_of(str(connection.settings_dict["NAME"]), table, columns)


@lru_cache(maxsize=512)
def _types_of(database: str, table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    types = _column_types(database, table)
    return tuple(types[name] for name in columns)


def _into(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join(f"%s::{kind}[]" for kind in _types(table, columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({marks})"


@lru_cache(maxsize=1024)
def _into_all(shapes: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    *first, last = (_into(table, columns) for table, columns in shapes)
    return (f"WITH {', '.join(f'i{n} AS ({one})' for n, one in enumerate(first))} " if first else "") + last


def numbers(name: str, count: int) -> Sequence[int]:
    """From the key's sequence: gaps where a unit was undone."""
    table, column = name.split(".")
    sql = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
    return [row[0] for row in rows(sql, [table, column, count])]


@contextmanager
def pipeline() -> Iterator[None]:
    """psycopg's pipeline: one round trip for all that is sent inside."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def in_pipeline() -> bool:
    """Whether statements are being sent without waiting."""
    return connection.connection is not None and connection.connection.pgconn.pipeline_status != 0


@contextmanager
def write_turn() -> Iterator[None]:
    """Writers need no turn: patients are locked."""
    yield


_PATIENTS = f"SELECT pg_advisory_xact_lock({_PATIENT}, number) FROM unnest(%s::int[]) AS number"
# Each part has to be whole before the next begins: the stamp's lock, the gate, the patients, and only then the time.
_OPEN = f"""
WITH stamp AS MATERIALIZED (
  SELECT pg_advisory_xact_lock_shared(least(%s::bigint, {_NOW})), pg_advisory_xact_lock_shared({_GATE}, 0)
), patients AS MATERIALIZED (
  SELECT count(*) AS held FROM (
    SELECT pg_advisory_xact_lock({_PATIENT}, number) FROM stamp, unnest(%s::int[]) AS number OFFSET 0
  ) AS locked
)
SELECT {_NOW}, nextval('store_resource_key_seq'), nextval('store_version_seq_seq') FROM stamp, patients
"""


def open_unit(patients: Sequence[str], floor: int | None, then: Sequence[Statement]) -> tuple[Opened, list[Answer]]:
    """All in one round trip. The stamp's lock comes before the stamp, so that horizon() never overtakes a unit."""
    if len(patients) > MOST_PATIENTS:
        lock_everybody()
        patients = ()
    ((now, key, seq),), *answers = _ask([(_OPEN, [floor, _numbers(patients)]), *then])
    return Opened(now, [key], [seq]), answers


def lock_patients(patients: Sequence[str], then: Sequence[Statement]) -> list[Answer]:
    """In the order of their numbers."""
    held = [(_PATIENTS, [_numbers(patients)])] if patients else []
    found = _ask([*held, *then])
    return found[len(held) :]


def _numbers(patients: Sequence[str]) -> str:
    """A 32-bit number each, in order; two patients with the same one wait for each other."""
    return arrays.integers(sorted({zlib.crc32(patient.encode()) - 2**31 for patient in patients}))


def _ask(statements: Sequence[Statement]) -> list[Answer]:
    """The answers of several SELECTs, sent together. Each sees what was committed when its own turn came."""
    if len(statements) <= 1:
        return [rows(sql, values) for sql, values in statements]
    with ExitStack() as stack:
        cursors = [stack.enter_context(connection.cursor()) for _ in statements]
        stack.enter_context(pipeline())
        for cursor, (sql, values) in zip(cursors, statements, strict=True):
            cursor.execute(sql, values)
        with connection.wrap_database_errors:
            return [cursor.fetchall() for cursor in cursors]


def lock_everybody() -> None:
    """Every unit holds the gate shared; this holds it alone."""
    rows(f"SELECT pg_advisory_xact_lock({_GATE}, 0)", ())


def lock_name(name: str) -> None:
    """One bucket of the names."""
    rows(f"SELECT pg_advisory_xact_lock({_NAME}, %s)", [_bucket(name)])


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction that sees one moment and refuses writes."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def horizon() -> int:
    """The lowest stamp of any unit under way, else now: the statement's own time, told before the locks are looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least((extract(epoch FROM statement_timestamp()) * 1000)::bigint,"
            " min((classid::bigint << 32) | objid::bigint)) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def ready_for_pseudonyms() -> None:
    """PostgreSQL hashes by itself."""


def fill_scope(patients: Sequence[str]) -> None:
    """The session's setting; ids hold no space (R4 §2.24.0.1)."""
    rows("SELECT set_config(%s, %s, false)", [_SCOPE, " ".join(patients)])


def fill_withheld(rows: Sequence[tuple[str, str]]) -> None:
    """The session's setting, as the scope is."""
    told = " ".join(f"{fact}/{rid}" for fact, rid in rows)
    short.rows("SELECT set_config(%s, %s, false)", [_WITHHELD, told])


def broken(error: IntegrityError) -> str:
    """PostgreSQL names the index; its detail holds the values and is not read."""
    return str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")


def retryable(error: BaseException) -> bool:
    """By SQLSTATE."""
    return getattr(error.__cause__ or error, "sqlstate", None) in _RETRY


def present() -> bool:
    """A server that is away says so itself."""
    return True


def never_make() -> None:
    """Nobody who asks a server makes a database."""


def reach() -> None:
    """One connection beside the pool, which would try again and again first."""
    wrapper: Any = connection
    try:
        wrapper.Database.connect(**wrapper.get_connection_params()).close()
    except wrapper.Database.OperationalError as error:
        told = [line.removeprefix("connection failed: ") for line in str(error).splitlines() if line.strip()]
        raise Problem(
            Category.BUSY,
            f"PostgreSQL at {connection.settings_dict['HOST'] or 'its socket'} does not answer",
            [
                Issue(
                    "TOVHOLDER_DATABASE_URL",
                    told[0] if told else "no answer",
                    "a server that can be reached",
                    "transient",
                )
            ],
            kept="what was stored before",
        ) from None


@contextmanager
def unhurried() -> Iterator[None]:
    """For this connection, until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()[0]
        cursor.execute("SET statement_timeout = 0")
        try:
            yield
        finally:
            if connection.is_usable():
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", [before])


def tidy() -> None:
    """The server does so by itself."""


def analyze(tables: Sequence[str]) -> None:
    """A sample of each table."""
    with connection.cursor() as cursor:
        for statement in [f"ANALYZE {table}" for table in tables] or ["ANALYZE"]:
            cursor.execute(statement)


@contextmanager
def loading() -> Iterator[None]:
    """The server has its own mind about memory."""
    yield
