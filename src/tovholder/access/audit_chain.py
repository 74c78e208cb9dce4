"""The chain over the audit trail: what a seal is made of, and how a broken one is found; pure, for any database.

A seal says what the events after one number, up to another, were: the SHA-256 over the seal before it and every event
with its patients. Nobody can change, remove or put in an event, or take out a seal, without breaking every hash after
it. Whoever keeps one hash elsewhere can show later that nothing up to it was changed (docs/adr/0008).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder.access.audit import COLUMNS
from tovholder.access.audit_tables import LEAST_YEARS

GENESIS = "0" * 64
LEAST_MS = LEAST_YEARS * 365 * 86_400_000
MOST_EVENTS = 1000  # in one seal; so that memory stays flat whoever wrote the seal
MOST_LINKS = 20_000  # patients of one seal's events; a single event may have more

Query = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]

_EVENTS = (
    f"SELECT id, {', '.join(COLUMNS)} FROM access_auditevent WHERE id > %s AND id <= %s ORDER BY id"
    f" LIMIT {MOST_EVENTS + 1}"
)
_LINKS = "SELECT event_id, patient_id FROM access_auditpatient WHERE event_id > %s AND event_id <= %s ORDER BY event_id"
_SEALS = (
    "SELECT number, at_ms, after_id, last_id, events, hash, marks FROM access_auditseal WHERE number > %s"
    " ORDER BY number LIMIT 200"
)
_PRUNING = (
    "SELECT number, at_ms, seal, last_id, events, hash, digests FROM access_auditpruning ORDER BY number DESC LIMIT 1"
)
# A backup of an older version has no such table; both databases tell so this way.
_HAS_PRUNING = "SELECT COUNT(*) FROM django_migrations WHERE app = 'access' AND name = '0006_trail'"
_DIGEST = struct.Struct(">Q32s")
_MARK = struct.Struct(">I4s")  # how far the event's number lies behind after_id; the start of its digest


@dataclass(frozen=True, slots=True)
class Seal:
    """One link of the chain: the events with numbers above ``after_id``, up to ``last_id``."""

    number: int
    at_ms: int
    after_id: int
    last_id: int
    events: int
    hash: str
    marks: bytes


@dataclass(frozen=True, slots=True)
class Pruning:
    """Up to which seal the events were removed. events: in all; hash: over those seals (``Over``).

    digests: (number, digest) of the last of these seals' events: its hash stands in the next one's, so that its time is
    proven, and that everything before it was old enough.
    """

    at_ms: int
    seal: int
    last_id: int
    events: int
    hash: str
    digests: tuple[tuple[int, bytes], ...]


class Over:
    """SHA-256 over seals in their order."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256(b"tovholder audit pruning 1\n")

    def add(self, found: Seal) -> None:
        """The next seal."""
        told = (found.number, found.at_ms, found.after_id, found.last_id, found.events, found.hash)
        self._whole.update(f"{' '.join(map(str, told))}\n".encode())

    @property
    def hash(self) -> str:
        """Of those added so far."""
        return self._whole.hexdigest()


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that is not as it was sealed; numbers of ours, never a patient."""

    seal: int | None
    event: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of the whole chain found. since_ms: when the oldest unsealed event happened.

    events: those checked; pruned: those removed by pruning, whose seals were; leftover: of these, rows still there.
    anchors: how many days' anchors were compared.
    """

    seals: int
    events: int
    head: tuple[int, str] | None
    unsealed: int
    since_ms: int | None
    broken: Broken | None
    pruned: int = 0
    leftover: int = 0
    anchors: int = 0


def digest(event: Sequence[Any], patients: Sequence[Any]) -> bytes:
    """SHA-256 of one event (its number and columns) and its patients."""
    told = [*event, sorted(patients, key=str)]
    return hashlib.sha256(json.dumps(told, separators=(",", ":"), default=repr).encode()).digest()


def seal(previous: Seal | None, at_ms: int, last_id: int, digests: Sequence[tuple[int, bytes]]) -> Seal:
    """The next link of the chain over (number, digest) of every event up to ``last_id``."""
    number = previous.number + 1 if previous else 1
    after = previous.last_id if previous else 0
    marks = b"".join(_MARK.pack(event - after, one[:4]) for event, one in digests)
    found = _hash(previous.hash if previous else GENESIS, (number, at_ms, after, last_id, len(digests)), digests)
    return Seal(number, at_ms, after, last_id, len(digests), found, marks)


def _hash(before: str, head: tuple[int, ...], digests: Iterable[tuple[int, bytes]]) -> str:
    whole = hashlib.sha256(f"tovholder audit seal 1 {before} {' '.join(map(str, head))}\n".encode())
    for _, one in digests:
        whole.update(one)
    return whole.hexdigest()


def digests(query: Query, after: int, last: int) -> tuple[list[tuple[int, bytes]], int | None]:
    """(number, digest) of the events after a number, up to another, and the first link that belongs to none of them."""
    found: list[tuple[int, bytes]] = []
    links = _by_event(query(_LINKS, [after, last]))
    ahead = next(links, None)
    stray: int | None = None
    for event in query(_EVENTS, [after, last]):
        while ahead is not None and ahead[0] < event[0]:
            stray = ahead[0] if stray is None else stray
            ahead = next(links, None)
        patients: list[Any] = []
        if ahead is not None and ahead[0] == event[0]:
            patients = ahead[1]
            ahead = next(links, None)
        found.append((event[0], digest(event, patients)))
    if ahead is not None and stray is None:
        stray = ahead[0]
    return found, stray


def _by_event(links: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, list[Any]]]:
    current: int | None = None
    patients: list[Any] = []
    for event, patient in links:
        if event != current:
            if current is not None:
                yield current, patients
            current, patients = event, []
        patients.append(patient)
    if current is not None:
        yield current, patients


def seals(query: Query, after: int = 0) -> Iterator[Seal]:
    """Every seal with a number above this one, in order, a few at a time."""
    while rows := list(query(_SEALS, [after])):
        for row in rows:
            yield _seal(row)
        after = rows[-1][0]


def last_seal(query: Query) -> Seal | None:
    """The newest seal."""
    for row in query(_SEALS.replace("ORDER BY number LIMIT 200", "ORDER BY number DESC LIMIT 1"), [0]):
        return _seal(row)
    return None


def _seal(row: tuple[Any, ...]) -> Seal:
    number, at_ms, after, last, events, told, marks = row
    return Seal(
        number, at_ms, after, last, events, told, bytes(marks) if isinstance(marks, bytes | memoryview) else b""
    )


def verify(
    query: Query,
    *,
    head: str | None = None,
    issued: tuple[int, int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Compute every hash again. Stops at the first thing that is broken.

    head: a hash kept elsewhere, which must be among the seals. issued: the highest event and seal number the database
    has ever given, where it can tell (SQLite): then taking away the newest rows is seen, too.
    """
    count, before, total, met = 0, None, 0, head is None
    gone, over = pruning(query), Over()
    for found in seals(query):
        if gone is not None and found.number <= gone.seal:
            over.add(found)
            broken = _check_pruned(before, found, gone, over)
        else:
            broken = check(query, before, found)
        if broken is not None:
            return _report(query, count, total, before, broken, gone)
        count, total, before = count + 1, total + found.events, found
        met = met or found.hash == head
        if progress:
            progress(found.events)
    if gone is not None and (before is None or before.number < gone.seal):
        missing = Broken((before.number if before else 0) + 1, None, "the seal is missing")
        return _report(query, count, total, before, missing, gone)
    last = before.last_id if before else 0
    broken = _outside(query, last, before.number if before else 0, issued)
    if broken is None and not met:
        broken = Broken(None, None, "no seal has the hash you kept: the trail was changed since, or it is another one")
    return _report(query, count, total, before, broken, gone)


def _report(
    query: Query, count: int, total: int, before: Seal | None, broken: Broken | None, gone: Pruning | None
) -> Report:
    last = before.last_id if before else 0
    leftover = 0
    if gone is not None:
        ((leftover,),) = query("SELECT COUNT(*) FROM access_auditevent WHERE id <= %s", [gone.last_id])
    pruned = 0 if gone is None or before is None or before.number < gone.seal else gone.events
    ((unsealed, since),) = query("SELECT COUNT(*), MIN(at_ms) FROM access_auditevent WHERE id > %s", [last])
    head = (before.number, before.hash) if before else None
    whole = broken is None
    return Report(
        count, total - pruned, head, unsealed if whole else 0, since if whole else None, broken, pruned, leftover
    )


def pruning(query: Query) -> Pruning | None:
    """How far the trail has been pruned."""
    ((known,),) = query(_HAS_PRUNING, [])
    if not known:
        return None
    for _, at_ms, sealed, last, events, told, packed in query(_PRUNING, []):
        return Pruning(at_ms, sealed, last, events, told, _unpacked(packed))
    return None


def packed(told: Sequence[tuple[int, bytes]]) -> bytes:
    """Digests as a pruning keeps them."""
    return b"".join(_DIGEST.pack(number, one) for number, one in told)


def _unpacked(told: Any) -> tuple[tuple[int, bytes], ...]:
    raw = bytes(told) if isinstance(told, bytes | memoryview) else b""
    return tuple(_DIGEST.iter_unpack(raw)) if len(raw) % _DIGEST.size == 0 else ()


def _check_pruned(before: Seal | None, found: Seal, gone: Pruning, over: Over) -> Broken | None:
    """A seal whose events are gone: it stands in its place, and the last of them is proven by its digests."""
    expected = before.number + 1 if before else 1
    after = before.last_id if before else 0
    if found.number != expected:
        return Broken(expected, None, "the seal is missing")
    if found.after_id != after:
        return Broken(expected, None, "the seal was changed, or another stands in its place")
    if found.number < gone.seal:
        return None
    head = (found.number, found.at_ms, found.after_id, found.last_id, found.events)
    whole = _hash(before.hash if before else GENESIS, head, gone.digests)
    if over.hash != gone.hash or whole != found.hash or found.last_id != gone.last_id:
        return Broken(expected, None, "the seals of what was pruned are not those it was pruned under")
    if gone.at_ms - found.at_ms < LEAST_MS:
        return Broken(expected, None, "what was pruned under it was not old enough")
    return None


def _outside(query: Query, last: int, number: int, issued: tuple[int, int] | None) -> Broken | None:
    for (event,) in query("SELECT id FROM access_auditevent WHERE id < 1 ORDER BY id LIMIT 1", []):
        return Broken(None, event, "an event stands before the first seal")
    stray = (
        "SELECT event_id FROM access_auditpatient AS l WHERE (event_id > %s OR event_id < 1) AND NOT EXISTS"
        " (SELECT 1 FROM access_auditevent AS e WHERE e.id = l.event_id) ORDER BY event_id LIMIT 1"
    )
    for (event,) in query(stray, [last]):
        return Broken(None, event, "the event is gone, and its patients are still there")
    if issued is None:
        return None
    ((highest,),) = query("SELECT COALESCE(MAX(id), 0) FROM access_auditevent", [])
    if issued[0] > highest:
        return Broken(None, highest + 1, "the newest events are gone")
    if issued[1] > number:
        return Broken(number + 1, None, "the newest seals are gone")
    return None


def check(query: Query, before: Seal | None, found: Seal) -> Broken | None:
    """What is wrong with a seal and its events, given the seal before it."""
    expected = before.number + 1 if before else 1
    after = before.last_id if before else 0
    if found.number != expected:
        return Broken(expected, None, "the seal is missing")
    numbers = (found.at_ms, found.after_id, found.last_id, found.events)
    if not all(isinstance(value, int) for value in numbers):
        return Broken(expected, None, "the seal was changed")
    made, stray = digests(query, after, found.last_id)
    marked = _marked(found)
    if stray is None and marked is not None and found.after_id == after:
        broken = _first_difference(expected, made, marked)
        if broken is not None:
            return broken
    if stray is not None:
        return Broken(expected, stray, "the event is gone, and its patients are still there")
    head = (found.number, found.at_ms, found.after_id, found.last_id, found.events)
    whole = _hash(before.hash if before else GENESIS, head, made)
    if marked is None or found.after_id != after or found.events != len(made) or whole != found.hash:
        return Broken(expected, None, "the seal was changed, or another stands in its place")
    return None


def _marked(found: Seal) -> list[tuple[int, bytes]] | None:
    if len(found.marks) != found.events * _MARK.size:
        return None
    return [(found.after_id + behind, start) for behind, start in _MARK.iter_unpack(found.marks)]


def _first_difference(
    number: int, made: Sequence[tuple[int, bytes]], marked: Sequence[tuple[int, bytes]]
) -> Broken | None:
    for place in range(max(len(made), len(marked))):
        event = made[place] if place < len(made) else None
        mark = marked[place] if place < len(marked) else None
        if event is None or (mark is not None and mark[0] < event[0]):
            assert mark is not None
            return Broken(number, mark[0], "the event is missing")
        if mark is None or event[0] < mark[0]:
            return Broken(number, event[0], "the event was put in after it was sealed")
        if event[1][:4] != mark[1]:
            return Broken(number, event[0], "the event was changed")
    return None
