"""Anchors: once a day the newest hash of the audit trail is kept, in a table, in the log, and in a file elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.db import transaction

from tovholder import database
from tovholder.access import audit_chain
from tovholder.access.audit_chain import Broken
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store.trail import query

FILE = "tovholder-audit-anchors.jsonl"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the newest seal was on a day. events: how many were sealed up to it, pruned ones counted in."""

    day: str  # YYYY-MM-DD
    at: str  # FHIR instant
    seal: int
    hash: str
    events: int


def anchor(now: datetime, folder: Path | None) -> Anchor | None:
    """Keep today's; called again the same day it finishes what the first call began. None while nothing is sealed.

    folder: where a line is added to ``tovholder-audit-anchors.jsonl``: on another machine or medium than the database's.
    Raises OSError when the file cannot be written.
    """
    today = days.day_of(now)
    found = _of_day(today)
    if found is None:
        head = audit_chain.last_seal(query)
        if head is None:
            return None
        ((events,),) = query("SELECT SUM(events) FROM access_auditseal WHERE number <= %s", [head.number])
        row = (today, days.millis(now), head.number, head.hash, int(events))
        with database.write_turn(), transaction.atomic():
            database.insert("access_auditanchor", ("day", "at_ms", "seal", "hash", "events"), [row], ignore=True)
        found = _of_day(today)
        assert found is not None
    if folder is not None:
        _append(folder, found)
    log.info("audit trail anchored", **asdict(found))
    return found


def _of_day(day: int) -> Anchor | None:
    return next(iter(_rows("WHERE day = %s", [day])), None)


def _rows(where: str, values: list[Any]) -> list[Anchor]:
    sql = f"SELECT day, at_ms, seal, hash, events FROM access_auditanchor {where} ORDER BY day"
    return [
        Anchor(days.iso(day), days.instant_of(at), seal, told, events)
        for day, at, seal, told, events in query(sql, values)
    ]


def kept() -> list[Anchor]:
    """Those in the database, oldest first."""
    return _rows("", [])


def _append(folder: Path, one: Anchor) -> None:
    path = folder / FILE
    if path.exists() and any(told == one for told in read(folder)):
        return
    line = json.dumps(asdict(one), separators=(",", ":")) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read(folder: Path) -> list[Anchor]:
    """Those in the file of a folder. Raises Problem(INVALID) for a line that is none, Problem(NOT_FOUND) without one."""
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise Problem(
            Category.NOT_FOUND,
            f"There is no {FILE} in {folder}",
            [Issue("--anchors", "no anchors there", "the folder of TOVHOLDER_ANCHORS", "value")],
            kept="the audit trail, which was not checked",
        ) from None
    return list(_parsed(lines, path))


def _parsed(lines: Iterable[str], path: Path) -> Iterator[Anchor]:
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            found = Anchor(str(told["day"]), str(told["at"]), int(told["seal"]), str(told["hash"]), int(told["events"]))
        except (ValueError, KeyError, TypeError):
            raise Problem(
                Category.INVALID,
                f"Line {number} of {path.name} is no anchor: it was changed, or cut short by a power cut",
                [Issue(f"{path.name}:{number}", "not an anchor", "one JSON object a day", "value")],
                kept="the audit trail, which was not checked",
            ) from None
        yield found


def check(elsewhere: Iterable[Anchor] = ()) -> Broken | None:
    """The first anchor that the chain as it is now does not bear out. elsewhere: those of the file."""
    own = kept()
    by_day = {one.day: one for one in own}
    outside = list(elsewhere)
    for one in outside:
        if by_day and by_day.get(one.day) != one:
            return Broken(one.seal, None, f"the anchor of {one.day} in the file is not the one in the database")
    wanted = sorted({*own, *outside}, key=lambda one: (one.seal, one.day))
    if not wanted:
        return None
    seals = query("SELECT number, hash, events FROM access_auditseal ORDER BY number", [])
    total, at, found = 0, 0, ""
    rows = iter(seals)
    for one in wanted:
        while at < one.seal and (row := next(rows, None)) is not None:
            at, found = row[0], row[1]
            total += row[2]
        if (at, found, total) != (one.seal, one.hash, one.events):
            return Broken(one.seal, None, f"the chain is not the one that was anchored on {one.day}")
    return None
