"""Whom an export was about, told when somebody's log is read: an export of everybody is one event and links nobody.

Its event keeps what was chosen and how far the record had come (``_seq``). A patient was in it when the record then held
something of theirs of the chosen types, changed since the chosen moment: the versions tell, also of what is deleted
since. An export of a Group, of named patients or by filters is linked to those who were in its files: a Group's members
and what a filter finds are not kept for every moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from tovholder import database
from tovholder.base import days, json
from tovholder.base.text import whole_number
from tovholder.fhir.references import subjects_of
from tovholder.store import compartment

MARK = "_seq="
DELETED = "delete"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an export was of. types: all when empty; since: epoch milliseconds; seq: the newest version there was."""

    types: frozenset[str]
    since: int | None
    seq: int


def told(
    level: str, group: str, types: Collection[str], since: int | None, filtered: Collection[str], seq: int | None
) -> str:
    """A selection as the event's detail keeps it. filtered: types with a filter, whose values may identify a patient.

    seq: given where nobody is linked, and membership is told by the versions.
    """
    path = {"group": f"Group/{group}/$export", "patient": "Patient/$export"}.get(level, "$export")
    query: dict[str, str] = {}
    if types:
        query["_type"] = ",".join(types)
    if since is not None:
        query["_since"] = days.instant_of(since)
    if filtered:
        query["_typeFilter"] = ",".join(filtered)
    if seq is not None:
        query["_seq"] = str(seq)
    return path + ("?" + urlencode(query, safe=",:$") if query else "")


@lru_cache(8192)
def chosen(detail: str) -> Chosen | None:
    """What the detail of an export's event says; None for one that is linked to its patients."""
    _, _, query = detail.rpartition(" ")[2].partition("?")
    given = dict(parse_qsl(query))
    seq = whole_number(given.get("_seq", ""))
    if seq is None:
        return None
    since = given.get("_since")
    return Chosen(
        frozenset(given["_type"].split(",") if "_type" in given else ()),
        days.millis(days.parse_instant(since)) if since else None,
        seq,
    )


def containing(patients: Iterable[str], after: int = 0) -> dict[int, set[str]]:
    """The exports that link nobody and were about these patients: the event's number, and which of them.

    after: only events with a higher number.
    """
    sql = "SELECT id, detail FROM access_auditevent WHERE action = 'export' AND id > %s AND detail LIKE %s"
    events = [(row[0], chosen(row[1])) for row in database.rows(sql, [after, f"%{MARK}%"])]
    found: dict[int, set[str]] = {}
    if not events:
        return found
    for patient in patients:
        held = _Held(patient)
        for number, wish in events:
            if wish is not None and held.was_in(wish):
                found.setdefault(number, set()).add(patient)
    return found


class _Held:
    """All versions of what is about one patient, in the orders the questions are asked in."""

    def __init__(self, patient: str) -> None:
        rows = _versions(patient)
        rows.sort(key=lambda row: row[3])
        self._changed = [row[3] for row in rows]
        self._by_change = [(row[2], row[0]) for row in rows]
        self._by_type: dict[str, dict[int, list[tuple[int, bool]]]] = {}
        for kind, key, seq, _, method in sorted(rows, key=lambda row: row[2]):
            self._by_type.setdefault(kind, {}).setdefault(key, []).append((seq, method != DELETED))

    def was_in(self, wish: Chosen) -> bool:
        """Whether an export held a resource about the patient; with a moment asked, deletions since then count."""
        if wish.since is not None:
            first = bisect_left(self._changed, wish.since)
            return any(
                seq <= wish.seq and (not wish.types or kind in wish.types) for seq, kind in self._by_change[first:]
            )
        # The patient's own resource first: it is there in nearly every export.
        kinds = sorted(
            wish.types & self._by_type.keys() if wish.types else self._by_type, key=lambda kind: kind != "Patient"
        )
        return any(_there(versions, wish.seq) for kind in kinds for versions in self._by_type[kind].values())


def _there(versions: list[tuple[int, bool]], seq: int) -> bool:
    """Whether a resource stood in the record when this was the newest version."""
    at = bisect_left(versions, (seq + 1, False))
    return at > 0 and versions[at - 1][1]


Version = tuple[str, int, int, int, str]  # type, key, seq, updated, method


def _versions(patient: str) -> list[Version]:
    filed = database.rows(
        "SELECT r.type, r.key, v.seq, v.updated, v.method FROM store_resource AS r"
        " JOIN store_version AS v ON v.key = r.key WHERE r.patient_id = %s",
        [patient],
    )
    term, values = compartment.naming([patient])
    named = database.rows(
        "SELECT r.type, r.key, v.seq, v.updated, v.method, v.body FROM store_resource AS r"
        " JOIN store_version AS v ON v.key = r.key"
        f" WHERE {term} AND (r.patient_id IS NULL OR r.patient_id <> %s)",
        [*values, patient],
    )
    also = [row[:5] for row in named if row[5] and patient in subjects_of(json.loads(bytes(row[5])))]
    return [*map(tuple, filed), *map(tuple, also)]
