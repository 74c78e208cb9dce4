"""The audit trail as people read it: a patient's own log, and a clinic's; some at a time, newest first.

One statement gives a page whatever the trail's size: a patient's events by the index of patients, a clinic's by that of
organisations; and one each what else a page tells (exports of everybody, who was told a relation, which patients).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tovholder import database
from tovholder.access import Context, audit, audit_event
from tovholder.access.audit import BREAK_GLASS
from tovholder.access.domain import Condition
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.base.errors import forbidden
from tovholder.base.text import whole_number
from tovholder.store import audit_exports, paging
from tovholder.store.audit_params import KIND
from tovholder.store.trail import note

Kind = Literal["others", "seen", "written", "copied", "refused", "glass", "access", "own", "automatic", "all"]
SEEN = (*sorted(audit.READS), "operation", "aggregate")
WRITTEN = ("create", "update", "patch", "delete", "import")
ACCESS = (
    "block-set", "block-ended", "consent", "stated", "stated-checked", "stated-failed", "token", "token-revoked",
    "glass-opened", "glass-ended", "glass-followed", "rights",
)  # fmt: skip
REFUSED = ("refused", "login-failed", "token-failed")
PAGE = 300  # events of one page; whole days, unless one day has more
NAMED = 5  # patients named of an event that is about several
_COLUMNS = ", ".join(f"e.{name}" for name in ("id", *audit.COLUMNS))
_NO_APP = ", ".join(f"'{name}'" for name in sorted(audit_event.NO_APP))
_OWN = f"(e.role = 'citizen' AND e.client IN ({_NO_APP}))"
# What our own rules did, of themselves: nobody looked.
_AUTOMATIC = (
    f"(e.role = 'system' AND e.client = '' AND e.action IN ({', '.join(repr(one) for one in (*SEEN, *WRITTEN))}))"
)


def _among(names: Sequence[str]) -> str:
    return f"e.action IN ({', '.join(repr(name) for name in names)})"


_KINDS: dict[Kind, str] = {
    "others": f"NOT {_OWN} AND NOT {_AUTOMATIC}",
    "seen": f"{_among(SEEN)} AND NOT {_OWN} AND NOT {_AUTOMATIC}",
    "written": f"{_among(WRITTEN)} AND NOT {_OWN} AND NOT {_AUTOMATIC}",
    "copied": "e.action = 'export'",
    "refused": _among(REFUSED),
    "glass": f"e.purpose = '{BREAK_GLASS}'",
    "access": _among(ACCESS),
    "own": _OWN,
    "automatic": _AUTOMATIC,
    "all": "1 = 1",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a log. days: integer days, both included; organization, actor: only theirs; cursor: of a page.

    by_number: a patient's in the order it was written down, which an index gives however long it is: for whole logs.
    """

    kind: Kind = "others"
    from_day: int | None = None
    to_day: int | None = None
    organization: str = ""
    actor: str = ""
    cursor: str = ""
    most: int = PAGE
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class Stated:
    """A treatment relation an organisation told of: between these moments (epoch ms) it saw the patient because of it."""

    organization: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Log:
    """A page of a log. several: events that are about other patients as well; patients: whom a clinic's are about (the
    first few); numbers: about how many. opened: break-glass on the patient, (actor, moment, reason) oldest first.
    """

    rows: tuple[audit_event.Row, ...]
    cursor: str = ""
    several: frozenset[int] = frozenset()
    exports: frozenset[int] = frozenset()
    stated: tuple[Stated, ...] = ()
    opened: tuple[tuple[str, int, str], ...] = ()
    patients: dict[int, tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def of_patient(ctx: Context, wish: Wish, known: Log | None = None) -> Log:
    """The log of the patient the actor is, or stands for. Raises Problem(FORBIDDEN) for everybody else.

    known: an earlier page; what holds for the whole log is taken from it.
    """
    allowed = decide(ctx, "search", KIND)
    patient = ctx.patient
    if patient is None or not allowed.conditions & {Condition.SELF, Condition.REPRESENTED}:
        raise forbidden(KIND, f"the role {ctx.role} has no log of its own to read", "a patient, or who stands for one")
    contained: list[int] = []
    if known is not None:
        contained = sorted(known.exports)
    elif wish.kind in ("others", "copied", "all"):
        contained = sorted(audit_exports.containing([patient]))
    terms, values = _terms(wish, "l.event_id")
    # The patient's rows first, whatever the statistics say; then in the order of time.
    sql = f"FROM access_auditpatient AS l CROSS JOIN access_auditevent AS e WHERE l.patient_id = %s AND e.id = l.event_id{terms}"
    found = _rows(sql, [patient, *values], wish.most + 1, "l.event_id" if wish.by_number else _BY_TIME)
    if contained:
        exports, numbers = database.in_list("e.id", contained)
        terms, values = _terms(wish)
        order = "e.id" if wish.by_number else _BY_TIME
        found += _rows(f"FROM access_auditevent AS e WHERE {exports}{terms}", [*numbers, *values], wish.most + 1, order)
        found.sort(key=lambda row: row.id if wish.by_number else (row.at_ms, row.id), reverse=True)
    shown, cursor = _page(found, wish)
    note(audit.Entry(ctx, "search", frozenset({patient}), KIND))
    stated, opened = (known.stated, known.opened) if known is not None else _out_of_the_ordinary(patient)
    return Log(
        tuple(shown),
        cursor,
        several=_several([row.id for row in shown], patient),
        exports=frozenset(contained),
        stated=stated,
        opened=opened,
    )


def organizations_of(ctx: Context) -> list[str]:
    """The organisations that stand in the patient's log, to choose one from."""
    sql = (
        "SELECT DISTINCT e.organization_id FROM access_auditpatient AS l CROSS JOIN access_auditevent AS e"
        " WHERE l.patient_id = %s AND e.id = l.event_id AND e.organization_id <> ''"
    )
    return [row[0] for row in database.rows(sql, [ctx.patient or ""])]


def of_clinic(ctx: Context, wish: Wish, known: Log | None = None) -> Log:
    """What the actor's own organisation did, and break-glass by others on patients for whom it holds the rope.

    Raises Problem(FORBIDDEN) for who acts for no organisation.
    """
    if not ctx.organization:
        raise forbidden(KIND, f"the role {ctx.role} acts for no organisation", "a clinic's own people")
    terms, values = _terms(wish)
    found = _rows(
        f"FROM access_auditevent AS e WHERE e.organization_id = %s AND e.organization_id > ''{terms}",
        [ctx.organization, *values],
        wish.most + 1,
        "e.at_ms",
    )
    if wish.kind in ("others", "all", "glass") and not wish.actor:
        # Of our patients: on whose list they are, or who holds an open course. Few rows: break-glass has its own index.
        held = (
            "EXISTS (SELECT 1 FROM access_auditpatient AS l JOIN access_relation AS rel ON rel.patient_id = l.patient_id"
            " WHERE l.event_id = e.id AND rel.organization_id = %s AND rel.from_day <= %s"
            " AND (rel.to_day IS NULL OR rel.to_day >= %s)"
            " AND (rel.kind = 'own-list' OR rel.source LIKE 'EpisodeOfCare/%%'))"
        )
        sql = f"FROM access_auditevent AS e WHERE e.purpose = '{BREAK_GLASS}' AND e.organization_id <> %s AND {held}{terms}"
        found += _rows(
            sql, [ctx.organization, ctx.organization, ctx.today, ctx.today, *values], wish.most + 1, _BY_TIME
        )
        found.sort(key=lambda row: (row.at_ms, row.id), reverse=True)
    shown, cursor = _page(found, wish)
    patients, numbers = _patients([row.id for row in shown])
    note(audit.Entry(ctx, "search", frozenset(one for some in patients.values() for one in some), KIND))
    return Log(tuple(shown), cursor, patients=patients, numbers=numbers)


def _terms(wish: Wish, number_column: str = "e.id") -> tuple[str, list[Any]]:
    terms, values = [_KINDS[wish.kind]], list[Any]()
    if wish.from_day is not None:
        terms.append("e.at_ms >= %s")
        values.append(days.millis(days.midnight(wish.from_day)))
    if wish.to_day is not None:
        terms.append("e.at_ms < %s")
        values.append(days.millis(days.midnight(wish.to_day + 1)))
    if wish.organization:
        terms.append("e.organization_id = %s")
        values.append(wish.organization)
    if wish.actor:
        terms.append("e.actor = %s")
        values.append(wish.actor)
    if wish.cursor:
        at, _, number = paging.decode(wish.cursor).partition(".")
        moment, last = whole_number(at), whole_number(number)
        if moment is None or last is None:
            raise paging.not_ours()
        if wish.by_number:
            terms.append(f"{number_column} < %s")
            values.append(last)
        else:
            # The first of them is for the index alone.
            terms.append("e.at_ms <= %s AND (e.at_ms < %s OR e.id < %s)")
            values += [moment, moment, last]
    return "".join(f" AND {term}" for term in terms), values


# Not by the index of dates alone, which would be followed through everybody's events: by a sum no index has.
_BY_TIME = "(e.at_ms + 0)"


def _rows(sql: str, values: Sequence[Any], limit: int, order: str) -> list[audit_event.Row]:
    last = "" if order in ("e.id", "l.event_id") else ", e.id DESC"
    found = database.rows(f"SELECT {_COLUMNS} {sql} ORDER BY {order} DESC{last} LIMIT %s", [*values, limit])
    return [audit_event.Row(*row) for row in found]


def _page(found: list[audit_event.Row], wish: Wish) -> tuple[list[audit_event.Row], str]:
    """What goes on this page and where the next begins: a day is not cut in two unless it is longer than a page."""
    if len(found) <= wish.most:
        return found, ""
    shown = found[: wish.most]
    if not wish.by_number:
        next_day = days.day_of_millis(found[wish.most].at_ms)
        shown = [row for row in shown if days.day_of_millis(row.at_ms) != next_day] or shown
    return shown, paging.encode(f"{shown[-1].at_ms}.{shown[-1].id}")


def _several(numbers: list[int], patient: str) -> frozenset[int]:
    if not numbers:
        return frozenset()
    events, bound = database.in_list("event_id", numbers)
    sql = f"SELECT DISTINCT event_id FROM access_auditpatient WHERE {events} AND patient_id <> %s"
    return frozenset(row[0] for row in database.rows(sql, [*bound, patient]))


def _patients(numbers: list[int]) -> tuple[dict[int, tuple[str, ...]], dict[int, int]]:
    if not numbers:
        return {}, {}
    events, bound = database.in_list("event_id", numbers)
    counts: dict[int, int] = dict(
        database.rows(f"SELECT event_id, COUNT(*) FROM access_auditpatient WHERE {events} GROUP BY event_id", bound)
    )
    few = [number for number, count in counts.items() if count <= NAMED]
    named: dict[int, tuple[str, ...]] = {}
    if few:
        events, bound = database.in_list("event_id", few)
        sql = f"SELECT event_id, patient_id FROM access_auditpatient WHERE {events} ORDER BY event_id, patient_id"
        for number, patient in database.rows(sql, bound):
            named[number] = (*named.get(number, ()), patient)
    return named, counts


def _out_of_the_ordinary(patient: str) -> tuple[tuple[Stated, ...], tuple[tuple[str, int, str], ...]]:
    """When a relation was one that had only been told of (from its telling until it was checked, or its last day), and
    when the glass was broken."""
    acts = database.rows(
        "SELECT e.action, e.actor, e.organization_id, e.at_ms, e.detail FROM access_auditpatient AS l CROSS JOIN"
        " access_auditevent AS e WHERE l.patient_id = %s AND e.id = l.event_id"
        " AND e.action IN ('stated', 'stated-checked', 'stated-failed', 'glass-opened') ORDER BY e.id",
        [patient],
    )
    stated: dict[str, Stated] = {}
    opened: list[tuple[str, int, str]] = []
    for action, actor, organization, at, detail in acts:
        number, _, until = detail.partition(" until:")
        if action == "glass-opened":
            opened.append((actor, at, detail.partition(" ")[2]))
        elif action == "stated":
            last = whole_number(until)
            stated[number] = Stated(organization, at, at if last is None else days.millis(days.midnight(last + 1)))
        elif number in stated:
            known = stated[number]
            stated[number] = Stated(known.organization, known.from_ms, min(known.until_ms, at))
    return tuple(stated.values()), tuple(opened)
