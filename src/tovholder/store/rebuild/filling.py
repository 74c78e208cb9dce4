"""How a rebuild fills its tables: block by block of the record as it was at a floor, then what changed since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from tovholder import database
from tovholder.access import Context
from tovholder.base import json
from tovholder.base.errors import Category, Problem
from tovholder.fhir.prepare import fact_rows, index_rows, moment_of
from tovholder.store import projection, schema
from tovholder.store.rebuild import shadow

BLOCK = 500  # resource keys, or changed resources, of one transaction
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """Resources with keys after one and up to another, as they were when the floor was the newest version."""

    owner: str
    after: int
    last: int
    floor: int


@dataclass(slots=True)
class Made:
    """The rows of some resources, by table. moments: new moment and key of the resources that have another now."""

    index: dict[str, Rows] = field(default_factory=dict)
    facts: dict[str, Rows] = field(default_factory=dict)
    projected: projection.Rows = field(default_factory=dict)
    moments: list[tuple[int | None, int]] = field(default_factory=list)
    count: int = 0

    def add(self, key: int, body: bytes, moment: int | None) -> None:
        """One resource's rows."""
        resource = json.loads(bytes(body))
        index = index_rows(resource)
        for table, rows in index.items():
            self.index.setdefault(table, []).extend((*row, key) for row in rows)
        for name, facts in fact_rows(resource, schema.FACTS_FOLDER):
            self.facts.setdefault(name, []).extend(facts)
        if resource["resourceType"] in projection.SOURCES:
            projection.merge(self.projected, projection.rows_of(resource))
        found = moment_of(resource["resourceType"], index)
        if found != moment:
            self.moments.append((found, key))
        self.count += 1

    def store(self) -> None:
        """Into the tables being filled; a moment goes straight to the resource, where an old one only sorts worse."""
        for table, rows in self.index.items():
            shadow.add_index(table, rows)
        for name, rows in self.facts.items():
            shadow.add_facts(name, rows)
        shadow.add_projected(self.projected)
        if self.moments:
            with connection.cursor() as cursor:
                cursor.executemany("UPDATE store_resource SET moment = %s WHERE key = %s", self.moments)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come: whose it is, the newest version it starts from, the last key that is filled."""

    owner: str
    digest: str
    floor: int
    last_key: int


def progress() -> Progress | None:
    """The rebuild under way, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT owner, digest, floor, last_key FROM store_rebuild")
        row = cursor.fetchone()
    return None if row is None else Progress(*row)


@contextmanager
def turn() -> Iterator[None]:
    """A short transaction in the writer's turn."""
    with database.write_turn(), transaction.atomic():
        yield


def begin(owner: str, digest: str) -> Progress:
    """Take up the rebuild that a crash left, or begin anew when there is none or the tables' definitions changed."""
    with turn():
        database.lock_everybody()  # so that every version up to the floor is committed
        held = progress()
        with connection.cursor() as cursor:
            if held is not None and held.digest == digest:
                cursor.execute("UPDATE store_rebuild SET owner = %s", [owner])
                return Progress(owner, digest, held.floor, held.last_key)
            shadow.make()
            cursor.execute("DELETE FROM store_rebuild")
            cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM store_version")
            floor = int(cursor.fetchone()[0])
            cursor.execute(
                "INSERT INTO store_rebuild (id, owner, digest, floor, last_key) VALUES (1, %s, %s, %s, 0)",
                [owner, digest, floor],
            )
    return Progress(owner, digest, floor, 0)


def blocks(held: Progress) -> Iterator[Block]:
    """What is still to be filled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(MIN(key), 1), COALESCE(MAX(key), 0) FROM store_resource WHERE key > %s", [held.last_key]
        )
        lowest, highest = cursor.fetchone()
    for after in range(lowest - 1, highest, BLOCK):
        yield Block(held.owner, after, min(after + BLOCK, highest), held.floor)


def prepare(block: Block) -> tuple[Block, Made]:
    """Read the block's resources and make their rows. Those that changed after the floor are left to ``catch_up``."""
    made = Made()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.key, r.moment, v.body FROM store_resource AS r JOIN store_version AS v ON v.seq = r.seq"
            " WHERE r.key > %s AND r.key <= %s AND r.seq <= %s AND NOT r.deleted ORDER BY r.key",
            [block.after, block.last, block.floor],
        )
        for key, moment, body in cursor.fetchall():
            made.add(key, body, moment)
    return block, made


def write(ctx: Context, prepared: tuple[Block, Made]) -> int:
    """Fill in the block; returns how many resources it has. A block that is there already changes nothing."""
    block, made = prepared
    with turn():
        held = _mine(block.owner)
        if held.last_key >= block.last:
            return made.count
        made.store()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE store_rebuild SET last_key = %s", [block.last])
    return made.count


def catch_up(owner: str) -> int:
    """Bring the next changed resources up to date, in the caller's turn; returns how many there were."""
    database.lock_everybody()
    held = _mine(owner)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.key, r.type, r.rid, r.seq, r.moment, r.deleted, v.body FROM store_resource AS r"
            " JOIN store_version AS v ON v.seq = r.seq WHERE r.seq > %s ORDER BY r.seq LIMIT %s",
            [held.floor, BLOCK],
        )
        changed = cursor.fetchall()
        if not changed:
            return 0
        before = _before(cursor, [row[0] for row in changed], held.floor)
        for table, rows in before.index.items():
            shadow.take_index(table, rows)
        shadow.take_projected(f"{row[1]}/{row[2]}" for row in changed if row[1] in projection.SOURCES)
        for name, facts in before.facts.items():
            shadow.take_facts(name, facts)
        made = Made()
        for key, _, _, _, moment, deleted, body in changed:
            if not deleted:
                made.add(key, body, moment)
        made.store()
        cursor.execute("UPDATE store_rebuild SET floor = %s", [changed[-1][3]])
    return len(changed)


def _before(cursor: Any, keys: list[int], floor: int) -> Made:
    """The rows the resources had at the floor: filled in, unless they had changed by then."""
    term, values = database.in_list("v.key", keys)
    cursor.execute(
        "SELECT v.key, v.body FROM store_version AS v WHERE v.seq = (SELECT MAX(w.seq) FROM store_version AS w"
        f" WHERE w.key = v.key AND w.seq <= %s) AND {term} AND v.method <> 'delete'",
        [floor, *values],
    )
    made = Made()
    for key, body in cursor.fetchall():
        made.add(key, body, None)
    return made


def _mine(owner: str) -> Progress:
    held = progress()
    if held is None or held.owner != owner:
        raise Problem(
            Category.CONFLICT, "Another rebuild has taken over; let that one finish", kept="the tables in use"
        )
    return held
