"""The sealer: links what was written to the audit trail into its chain, within a second or so; and the check of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic, sleep
from typing import Any

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction

from tovholder import database
from tovholder.access import audit_chain
from tovholder.access.audit_chain import Broken, Report, Seal
from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.store import anchors, presence
from tovholder.store.trail import query as query

EVERY = 0.3  # seconds between looks at the trail, in a server
TOLD_EVERY = 3600.0  # seconds between log lines that name the newest hash
log = structlog.get_logger(__name__)


class Sealer:
    """Makes seals. On PostgreSQL it remembers whose transactions it waits for."""

    def __init__(self) -> None:
        self._up_to = 0
        self._writers: frozenset[str] = frozenset()

    def seal(self, now: datetime) -> int:
        """Seal every event that is settled; returns how many. Two sealers do each other no harm."""
        last = self._settled()
        done = 0
        before = audit_chain.last_seal(query)
        while before is None or before.last_id < last:
            made = _next(before, days.millis(now), last)
            if made is None or not _store(made):
                break
            done += made.events
            before = made
        return done

    def _settled(self) -> int:
        """The highest number below which no event can appear any more.

        On SQLite numbers appear in order. On PostgreSQL a number is drawn before its transaction commits; but whoever
        has drawn one holds a lock on the table until the end. So: the highest number drawn, then who holds the lock,
        and when none of these is there any more, every number up to it is stored or never will be.
        """
        if database.vendor() != "postgresql":
            ((last,),) = query("SELECT COALESCE(MAX(id), 0) FROM access_auditevent", [])
            return int(last)
        if not self._writers:
            drawn = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM access_auditevent_id_seq"
            ((self._up_to,),) = query(drawn, [])
            self._writers = _writers()
        elif self._writers & _writers():
            return 0
        else:
            self._writers = frozenset()
        return 0 if self._writers else self._up_to


def _writers() -> frozenset[str]:
    sql = (
        "SELECT virtualtransaction FROM pg_locks WHERE relation = 'access_auditevent'::regclass AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND mode = 'RowExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()"
    )
    return frozenset(row[0] for row in query(sql, []))


def _next(before: Seal | None, now_ms: int, last: int) -> Seal | None:
    after = before.last_id if before else 0
    counts = query(
        "SELECT e.id, (SELECT COUNT(*) FROM access_auditpatient AS l WHERE l.event_id = e.id) FROM access_auditevent AS e"
        f" WHERE e.id > %s AND e.id <= %s ORDER BY e.id LIMIT {audit_chain.MOST_EVENTS}",
        [after, last],
    )
    until, events, links = after, 0, 0
    for event, count in counts:
        if events and links + count > audit_chain.MOST_LINKS:
            break
        until, events, links = event, events + 1, links + count
    if not events:
        return None
    made, _ = audit_chain.digests(query, after, until)
    return audit_chain.seal(before, now_ms, until, made)


def _store(made: Seal) -> bool:
    with database.write_turn():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO access_auditseal (number, at_ms, after_id, last_id, events, hash, marks)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [made.number, made.at_ms, made.after_id, made.last_id, made.events, made.hash, made.marks],
                )
        except IntegrityError:
            return False  # another sealer was first
    return True


def seal_now(clock: Callable[[], datetime], *, patience: float = 5.0) -> int:
    """Seal what is there, for a command that ends; waits a little for those who are just writing."""
    sealer, done, until = Sealer(), 0, monotonic() + patience
    while True:
        done += sealer.seal(clock())
        ((waiting,),) = query(
            "SELECT COUNT(*) FROM access_auditevent WHERE id > (SELECT COALESCE(MAX(last_id), 0) FROM access_auditseal)",
            [],
        )
        if not waiting or monotonic() >= until:
            return done
        sleep(0.05)


class Duty:
    """The sealer as something a server does again and again; says the newest hash in the log once an hour."""

    def __init__(self) -> None:
        self._sealer = Sealer()
        self._told = -TOLD_EVERY
        self._failing = False

    def __call__(self, now: datetime) -> None:
        """Seal what is settled. Raises what keeps it from that once; the next calls go on trying, and say no more."""
        try:
            presence.check()
            self._sealer.seal(now)
        except (Problem, DatabaseError):
            connection.close()
            if not self._failing:
                self._failing = True
                raise
            return
        self._failing = False
        if monotonic() - self._told < TOLD_EVERY:
            return
        self._told = monotonic()
        head = audit_chain.last_seal(query)
        if head is not None:  # the log is the first place elsewhere where a hash is kept
            log.info("audit trail sealed", seal=head.number, hash=head.hash)


def verify(
    *,
    head: str | None = None,
    anchored: Sequence[anchors.Anchor] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check the whole chain of this database, and that every anchor bears it out.

    anchored: those kept outside the database. A database that cannot be read is told as broken, too.
    """
    try:
        with _any_text():
            report = audit_chain.verify(query, head=head, issued=_issued(), progress=progress)
            if report.broken is not None:
                return report
            return replace(report, broken=anchors.check(anchored), anchors=len({*anchors.kept(), *anchored}))
    except DatabaseError as error:
        if database.vendor() != "sqlite" or "malformed" not in str(error):
            raise
        return Report(0, 0, None, 0, None, Broken(None, None, "the database file itself is damaged"))


def _issued() -> tuple[int, int] | None:
    if database.vendor() != "sqlite":
        return None
    told = dict(query("SELECT name, seq FROM sqlite_sequence WHERE name LIKE 'access_audit%%'", []))
    return told.get("access_auditevent", 0), told.get("access_auditseal", 0)


@contextmanager
def _any_text() -> Iterator[None]:
    # A changed byte may leave text that is no UTF-8: it is to be found, not to end the search.
    if database.vendor() != "sqlite":
        yield
        return
    connection.ensure_connection()
    raw: Any = connection.connection
    was = raw.text_factory
    raw.text_factory = lambda told: told.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        raw.text_factory = was
