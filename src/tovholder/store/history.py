"""Versions as they came: of one resource, of a type, of the whole record; newest first, in the actor's scope (R4 §3.1.0.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tovholder import database
from tovholder.access import Context, audit
from tovholder.access.policy import decide
from tovholder.base.errors import not_found
from tovholder.base.text import whole_number
from tovholder.fhir.references import patient_of
from tovholder.store import compartment, paging, reading, scope, shown, withholding
from tovholder.store.rows import Stored
from tovholder.store.versions import note_refusal

# With no more resources than this in question their versions are gathered and sorted; else the newest are walked.
FEW = 2000


@dataclass(frozen=True, slots=True)
class Version:
    """One version: what it said (nothing for a deletion) and how it came: create, update or delete."""

    stored: Stored
    method: str


@dataclass(frozen=True, slots=True)
class History:
    """One page. moment: epoch milliseconds; whoever asks next time for all since then misses nobody.

    total: how many versions there are (of one resource alone; None where it was not counted). cursor: where the next
    page begins. withheld: something is kept from the actor, because a patient has blocked it.
    """

    versions: tuple[Version, ...]
    total: int | None
    cursor: str | None
    moment: int
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """When versions were made or current, epoch milliseconds.

    since: made then or later. at: from and until (exclusive) when they were the current ones at some point.
    """

    since: int | None = None
    at: tuple[int, int] | None = None


def history(
    ctx: Context,
    kind: str | None = None,
    rid: str | None = None,
    *,
    period: Period = Period(),
    count: int = 50,
    cursor: str | None = None,
) -> History:
    """A page of versions, newest first. Raises Problem(NOT_FOUND) for a resource that is not there or not yours.

    Which versions there are was asked before they were read: a version whose writer was slow to commit is at or after
    ``moment`` and comes with the next question.
    """
    if kind is not None:
        reading.require_type(kind)
    after = _decode(cursor)
    moment = after[0] if after else database.horizon()
    term, bound, still = _scope(ctx, kind)
    clauses = [term]
    if kind is not None:
        clauses.append("r.type = %s")
        bound.append(kind)
    total = None
    if rid is not None:
        clauses.append("r.rid = %s")
        bound.append(rid)
        total = _require(ctx, str(kind), rid, clauses, bound)
    found, more = _page(clauses, bound, still, period, count, after, by_resource=rid is not None)
    seen: set[str] = set()
    kept = withholding.Versions(ctx)
    versions = tuple(version for row in found if (version := _version(ctx, row, seen, kept)) is not None)
    hidden = withholding.notice(ctx, (kind,) if kind else ("Patient",), seen if rid else None)
    detail = f"{kind}/{rid}/_history" if rid else f"{kind}/_history" if kind else "_history"
    reading.note(audit.Entry(ctx, "read" if rid else "search", frozenset(seen), detail))
    next_page = _encode(moment, found[-1][3], found[-1][0]) if more and found else None
    whole = period == Period() and not still[0] and hidden is None
    return History(versions, total if whole else None, next_page, moment, hidden is not None)


def of_patient(
    ctx: Context, kind: str, patient: str, *, at: int | None = None, count: int = 2000
) -> tuple[Version, ...]:
    """Versions of a type that are about one patient, newest first; what was deleted then is left out.

    at: epoch milliseconds; only the versions that were the current ones at that moment. One question, however many
    resources there are. What is not the actor's to see, or kept back by a block, is not among them.
    """
    reading.require_type(kind)
    term, bound, still = _scope(ctx, kind)
    clauses = [term, "r.type = %s", "r.patient_id = %s"]
    period = Period() if at is None else Period(at=(at, at + 1))
    found, _ = _page(clauses, [*bound, kind, patient], still, period, count, None, by_resource=True)
    seen: set[str] = set()
    kept = withholding.Versions(ctx)
    told = (version for row in found if (version := _version(ctx, row, seen, kept)) is not None)
    versions = tuple(version for version in told if version.method != "delete")
    reading.note(audit.Entry(ctx, "search", frozenset(seen), f"{kind}/_history"))
    return versions


def _scope(ctx: Context, kind: str | None) -> tuple[str, list[Any], tuple[str, list[Any]]]:
    """Over the resource's row, and what is asked of each version besides."""
    if kind is None:
        term, values = scope.readable(ctx)
        versions = scope.readable(ctx, old=True)
        return term, values, versions if versions != (term, values) else ("", [])
    allowed = decide(ctx, "read", kind)
    return *scope.predicate(allowed, ctx, kind), scope.of_old_versions(allowed, ctx, kind)


def _require(ctx: Context, kind: str, rid: str, clauses: list[str], bound: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT r.version FROM store_resource AS r WHERE {' AND '.join(clauses)}", bound)
        row = cursor.fetchone()
    if row is None:
        note_refusal(ctx, kind, rid)
        raise not_found(kind)
    return int(row[0])  # versions are counted from one and none is ever removed


def _page(
    clauses: Sequence[str],
    bound: Sequence[Any],
    still: tuple[str, list[Any]],
    period: Period,
    count: int,
    after: Sequence[int] | None,
    *,
    by_resource: bool,
) -> tuple[list[tuple[Any, ...]], bool]:
    if count == 0:
        return [], False
    clauses, bound = list(clauses), list(bound)
    if period.since is not None:
        # No version is newer than the resource's current one: the index over those finds what can be meant.
        clauses.append("r.updated >= %s")
        bound.append(period.since)
    few = by_resource or _are_few(clauses, bound)
    if period.since is not None:
        clauses.append("v.updated >= %s")
        bound.append(period.since)
    if period.at is not None:
        low, high = period.at
        clauses.append(
            "v.updated < %s AND NOT EXISTS (SELECT 1 FROM store_version AS n WHERE n.key = v.key"
            " AND n.version = v.version + 1 AND n.updated <= %s)"
        )
        bound += [high, low]
    if still[0]:
        clauses.append(still[0])
        bound += still[1]
    if after:
        clauses.append("(v.updated, v.seq) < (%s, %s)")
        bound += after[1:]
    # CROSS JOIN keeps the order of the tables where the planner would choose one that sorts everything.
    tables = "store_resource AS r CROSS JOIN store_version AS v"
    if not few:
        tables = "store_version AS v CROSS JOIN store_resource AS r"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.seq, r.type, r.rid, v.updated, v.version, v.method, v.body, r.patient_id, r.version"
            f" FROM {tables} WHERE v.key = r.key AND {' AND '.join(clauses)}"
            f" ORDER BY v.updated DESC, v.seq DESC LIMIT {count + 1:d}",
            bound,
        )
        rows = cursor.fetchall()
    return rows[:count], len(rows) > count


def _are_few(clauses: Sequence[str], bound: Sequence[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM store_resource AS r"
            f" WHERE {' AND '.join(clauses)} LIMIT {FEW + 1}) AS asked",
            list(bound),
        )
        return bool(cursor.fetchone()[0] <= FEW)


def _version(ctx: Context, row: tuple[Any, ...], seen: set[str], kept: withholding.Versions) -> Version | None:
    _, kind, rid, updated, number, method, body, patient, current = row
    stored = Stored(None, kind, rid, number, updated, body=bytes(body))
    about = set(compartment.about(stored, patient))
    if number != current and stored.body:
        # A version from before the resource was moved to another patient is about the first one.
        first = patient_of(stored.resource)
        if first is not None and first != patient:
            if first not in seen and not reading.sees(ctx, first):
                return None
            about.add(first)
        if kept.hold(stored):
            return None
    seen |= about
    return Version(shown.to(ctx, stored), method)


def _encode(moment: int, updated: int, seq: int) -> str:
    return paging.encode(f"{moment}.{updated}.{seq}")


def _decode(text: str | None) -> list[int] | None:
    if not text:
        return None
    parts = paging.decode(text).split(".")
    found = [number for part in parts if (number := whole_number(part)) is not None]
    if len(parts) != 3 or len(found) != 3:
        raise paging.not_ours()
    return found
