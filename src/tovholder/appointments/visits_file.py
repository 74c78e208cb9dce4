"""A receiver's visits as a file: one visit a row of CSV from a system without integration, read column by column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from tovholder.access import persons
from tovholder.appointments.domain import CancelledBy, CancelReason, Status
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.spreadsheet import meant

MOST = 300  # rows of a file: what a practice has in a week or two, and some seconds of work
LONGEST = 200
# Columns by what they mean; a heading may be written in Danish or English. What is none of these is a score's name.
HEADINGS = {
    "nr": "nr", "number": "nr",
    "cpr": "cpr",
    "dato": "date", "date": "date",
    "tid": "time", "time": "time",
    "minutter": "minutes", "minutes": "minutes",
    "slags": "kind", "kind": "kind",
    "status": "status",
    "grund": "reason", "reason": "reason",
    "aflyst af": "by", "cancelled by": "by",
}  # fmt: skip
NEEDED = ("nr", "cpr", "date", "time", "status")
STATUSES = {
    "booket": Status.BOOKED, "booked": Status.BOOKED,
    "gennemført": Status.FULFILLED, "fulfilled": Status.FULFILLED,
    "udeblevet": Status.NOSHOW, "noshow": Status.NOSHOW,
    "aflyst": Status.CANCELLED, "cancelled": Status.CANCELLED,
    "fejl": Status.ENTERED_IN_ERROR, "entered-in-error": Status.ENTERED_IN_ERROR,
}  # fmt: skip
_BY = {
    "patient": CancelledBy.PATIENT, "patienten": CancelledBy.PATIENT,
    "pårørende": CancelledBy.RELATIVE, "relative": CancelledBy.RELATIVE,
    "os": CancelledBy.PROVIDER, "us": CancelledBy.PROVIDER,
}  # fmt: skip
_DATES, _TIMES = ("%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y"), ("%H:%M", "%H.%M")


class Fault(StrEnum):
    """Why a row is set aside."""

    CELLS = "cells"  # another number of cells than headings
    NUMBER = "number"  # no number of its own, or one that is not a short word
    TWICE = "twice"  # the number stands in the file before
    CPR = "cpr"
    DATE = "date"
    TIME = "time"
    MINUTES = "minutes"
    STATUS = "status"
    REASON = "reason"  # a cancellation without why and by whom
    SCORE = "score"  # a score that is no number
    PATIENT = "patient"  # nobody the receiver sees has the number
    COURSE = "course"  # the patient is in no course that knows the kind, or in several
    KIND = "kind"  # which kind of visit it is stands nowhere
    AHEAD = "ahead"  # an outcome before its day
    OUTSIDE = "outside"  # a score that cannot be that, or that the course does not ask for
    OTHERS = "others"  # the visit of that number is another patient's
    MAY_NOT = "may-not"  # the receiver may read the patient and not write
    REFUSED = "refused"  # a rule of the record


@dataclass(frozen=True, slots=True)
class Row:
    """One visit. ``scores``: by the name of a package's input."""

    line: int
    number: str
    cpr: str
    start: datetime
    status: Status
    minutes: int = 30
    kind: str = ""
    reason: CancelReason = CancelReason.OTHER
    by: CancelledBy | None = None
    scores: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bad:
    """A row set aside: where it stands, what it is called there, and why. Never whose it is."""

    line: int
    number: str
    fault: Fault
    told: str = ""  # what of the row it is about: a heading, a kind


def decode(raw: bytes) -> str:
    """The file's text: UTF-8, or what a spreadsheet on Windows writes."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def read(text: str) -> Iterator[Row | Bad]:
    """The visits of a file, by comma or semicolon, the first line naming the columns.

    Raises Problem(INVALID) where the first line does not name them, the file is no CSV, or there are too many rows.
    """
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",", strict=True)
    seen: set[str] = set()
    count = 0
    try:
        written = [" ".join(cell.lower().split()) for cell in next(lines, [])]
        head = [HEADINGS.get(cell, cell) for cell in written]
        missing = [name for name in NEEDED if name not in head]
        if missing or len(set(head)) != len(head) or not all(head):
            raise _unusable("heading", "the first line does not name the columns, each once", ", ".join(HEADINGS))
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST:
                raise _unusable("rows", f"the file has more than {MOST} visits", f"at most {MOST}; divide it")
            yield _row(lines.line_num, head, cells, seen)
    except csv.Error as error:
        raise _unusable("csv", f"line {lines.line_num} is no CSV: {error}", "a CSV file") from None


def _unusable(path: str, message: str, expected: str) -> Problem:
    issue = Issue(path, message, expected)
    return Problem(Category.INVALID, "The file cannot be read", [issue], kept="nothing was taken in")


def _row(line: int, head: list[str], cells: list[str], seen: set[str]) -> Row | Bad:
    if len(cells) != len(head):
        return Bad(line, "", Fault.CELLS)
    told = {name: meant(cell.strip()) for name, cell in zip(head, cells, strict=True)}
    number = told["nr"]
    if not number or len(number) > 64 or not all(one.isalnum() or one in "-_." for one in number):
        return Bad(line, "", Fault.NUMBER)
    if number in seen:
        return Bad(line, number, Fault.TWICE)
    seen.add(number)
    if any(len(cell) > LONGEST or not cell.isprintable() for cell in told.values()):
        return Bad(line, number, Fault.CELLS)
    if persons.normal(told["cpr"]) is None:
        return Bad(line, number, Fault.CPR)
    day, clock = _day(told["date"]), _clock(told["time"])
    if day is None:
        return Bad(line, number, Fault.DATE)
    if clock is None:
        return Bad(line, number, Fault.TIME)
    minutes = told.get("minutes") or "30"
    if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes) <= 600):
        return Bad(line, number, Fault.MINUTES)
    status = STATUSES.get(told["status"].lower())
    if status is None:
        return Bad(line, number, Fault.STATUS)
    reason, by = told.get("reason", "").lower() or "other", _BY.get(told.get("by", "").lower())
    if status is Status.CANCELLED and (by is None or reason not in set(CancelReason)):
        return Bad(line, number, Fault.REASON)
    scores: dict[str, Decimal] = {}
    for name, cell in told.items():
        if name in HEADINGS.values() or not cell:
            continue
        value = _number(cell)
        if value is None:
            return Bad(line, number, Fault.SCORE, name)
        scores[name] = value
    return Row(
        line=line,
        number=number,
        cpr=told["cpr"],
        start=datetime.combine(day, clock, tzinfo=days.COPENHAGEN),
        status=status,
        minutes=int(minutes),
        kind=told.get("kind", "").lower(),
        reason=CancelReason(reason) if reason in set(CancelReason) else CancelReason.OTHER,
        by=by,
        scores=scores,
    )


def _day(text: str) -> date | None:
    for pattern in _DATES:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None


def _clock(text: str) -> time | None:
    for pattern in _TIMES:
        try:
            return datetime.strptime(text, pattern).time()
        except ValueError:
            continue
    return None


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() and len(text) <= 8 else None
