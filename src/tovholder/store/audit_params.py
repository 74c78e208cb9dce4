"""R4's search parameters of AuditEvent, as SQL over the audit trail's own table (R4 AuditEvent, §3.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder import database
from tovholder.access import Context, audit_event
from tovholder.base import days
from tovholder.base.errors import Issue
from tovholder.base.text import whole_number
from tovholder.store import audit_exports
from tovholder.store.params import date
from tovholder.store.params.terms import Sql, any_of

KIND = "AuditEvent"
DEFAULT_COUNT, MAX_COUNT = 50, 1000
SORTS = {"_id": "e.id", "date": "e.at_ms", "_lastUpdated": "e.at_ms"}
_LINKED = "SELECT l.event_id FROM access_auditpatient AS l WHERE "
_IGNORED = frozenset({"_format", "_pretty"})
_NONE = "1 = 0"


@dataclass(slots=True)
class Asked:
    """A search as it is understood so far."""

    ctx: Context
    own: str | None = None  # the patient whose own log it is: nothing may be learnt of another
    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    total: bool = False
    sort: str = ""
    dated: bool = False  # a date is among what was asked
    cursor: str | None = None
    exports: dict[int, set[str]] = field(default_factory=dict)  # of everybody: which of those asked about were in them

    def touches(self, patients: Sequence[str]) -> Sql:
        """A term that is true for the events on any of these patients, the exports that contained them among them."""
        if not patients:
            return Sql(_NONE, ())
        contained = audit_exports.containing(patients)
        for number, whose in contained.items():
            self.exports.setdefault(number, set()).update(whose)
        people, ids = database.in_list("l.patient_id", patients)
        if not contained:
            return Sql(f"e.id IN ({_LINKED}{people})", tuple(ids))
        exports, numbers = database.in_list("x.id", sorted(contained))
        either = f"{_LINKED}{people} UNION ALL SELECT x.id FROM access_auditevent AS x WHERE {exports}"
        return Sql(f"e.id IN ({either})", (*ids, *numbers))

    @property
    def order(self) -> tuple[str, bool]:
        """The column the events come in the order of, and whether newest first, which is how they come unasked.

        Where a date was asked the index of dates gives that order too, and ends where the dates do: one actor's month
        is not looked for in all the years before it.
        """
        sort = self.sort or ("-date" if self.dated else "-_id")
        return SORTS[sort.removeprefix("-")], sort.startswith("-")

    def add(self, clause: str, values: Iterable[Any] = ()) -> None:
        """One more thing that must hold."""
        self.clauses.append(clause)
        self.values += values

    def refuse(self, name: str, message: str, expected: str, code: str = "value") -> None:
        """Something that cannot be understood."""
        self.issues.append(Issue(name[:40], message, expected, code))


def parameters() -> tuple[str, ...]:
    """The names of the search parameters there are."""
    return tuple(sorted(_PARAMETERS))


def understand(asked: Asked, told: str, value: str) -> None:
    """Add one parameter to what is asked; what is wrong with it becomes an issue."""
    name, _, modifier = told.partition(":")
    if name in _IGNORED:
        return
    if name == "_count":
        wanted = whole_number(value)
        if wanted is None:
            asked.refuse(name, "not a whole number", f"0 to {MAX_COUNT}")
        else:
            asked.count = min(wanted, MAX_COUNT)
    elif name == "_total":
        asked.total = asked.total or value in ("accurate", "estimate")
    elif name == "_summary" and value in ("count", "false"):
        if value == "count":
            asked.count, asked.total = 0, True
    elif name == "_sort":
        if value.removeprefix("-") in SORTS:
            asked.sort = value
        else:
            asked.refuse(name, "cannot sort by this", "one of: date, _lastUpdated, _id, with - for newest first")
    elif name == "_cursor":
        asked.cursor = value
    elif name in _PARAMETERS:
        before = len(asked.clauses)
        _PARAMETERS[name](asked, name, modifier, [part for part in value.split(",") if part])
        if not value.strip(",") and len(asked.clauses) == before and not asked.issues:
            asked.refuse(name, "no value", "at least one value")
    else:
        asked.refuse(name, f"{KIND} has no such search parameter here", ", ".join(parameters()), "not-supported")


Clause = Callable[[Asked, str, str, list[str]], None]


def _plain(asked: Asked, name: str, modifier: str, *known: str) -> bool:
    if modifier and modifier not in known:
        asked.refuse(f"{name}:{modifier}", "no such modifier here", " or ".join(("none", *known)), "not-supported")
        return False
    return True


def among(column: str, values: Sequence[Any]) -> str:
    """A term that is true where the column is one of the values; they are bound by the caller."""
    return f"{column} IN ({', '.join(['%s'] * len(values))})" if values else _NONE


def _coded(codes: Callable[[str], Iterable[tuple[str, str]]], column: str, names: Iterable[str]) -> Clause:
    """A token over a column of which each value stands for codings."""
    known = {name: list(codes(name)) for name in names}

    def clause(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
        if _plain(asked, name, modifier, "not") and values:
            hit = [own for own, codings in known.items() if any(_is(one, value) for one in codings for value in values)]
            found = among(column, hit)
            asked.add(f"NOT ({found})" if modifier == "not" else found, hit)

    return clause


def _is(coding: tuple[str, str], value: str) -> bool:
    system, bar, code = value.rpartition("|")
    if not bar:
        return coding[1] == code
    return coding[0] == system and code in ("", coding[1])


def _has_entity(coded: dict[tuple[str, str], str]) -> Clause:
    """A token over the entities: each coding with the SQL that tells which rows have such an entity."""

    def clause(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
        if _plain(asked, name, modifier) and values:
            hit = [sql for coding, sql in coded.items() if any(_is(coding, value) for value in values)]
            asked.add(f"({' OR '.join(hit)})" if hit else _NONE)

    return clause


def _date(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    if not _plain(asked, name, modifier):
        return
    ways: list[Sql] = []
    for value in values:
        told = date.read(value)
        if told is None:
            asked.refuse(name, "not a date", date.EXPECTED)
            return
        ways.append(date.moment(told, days.millis(asked.ctx.now), "e.at_ms"))
    if ways:
        found = any_of(ways)
        asked.add(found.text, found.values)
        asked.dated = True


def _number(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    if _plain(asked, name, modifier) and values:
        numbers = [number for number in map(whole_number, values) if number is not None]
        asked.add(among("e.id", numbers), numbers)


def _targets(asked: Asked, name: str, modifier: str, values: list[str], types: Sequence[str]) -> list[str] | None:
    """References as Type/id; a bare id may be of any of the types. None when it cannot be understood."""
    if not _plain(asked, name, modifier, *types):
        return None
    found: list[str] = []
    for value in values:
        if "/" in value:
            found += [value] if not modifier or value.startswith(f"{modifier}/") else []
        else:
            found += [f"{kind}/{value}" for kind in ([modifier] if modifier else types)]
    return found


def _patient(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    found = _targets(asked, name, modifier, values, ["Patient"])
    if found:
        ids = [told.removeprefix("Patient/") for told in found if told.startswith("Patient/")]
        ids = [one for one in ids if asked.own in (None, one)]
        touched = asked.touches(ids)
        asked.add(touched.text, touched.values)


def _agent(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    found = _targets(asked, name, modifier, values, ["Practitioner", "Patient", "RelatedPerson", "Organization"])
    if found:
        places = [told.removeprefix("Organization/") for told in found if told.startswith("Organization/")]
        ways = [among("e.actor", found), *([among("e.organization_id", places)] if places else [])]
        asked.add(f"({' OR '.join(ways)})", [*found, *places])


def _entity(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    if not _plain(asked, name, modifier):
        return
    ways: list[str] = []
    bound: list[Any] = []
    for told in values:
        kind, _, rid = told.partition("/")
        if not rid:
            asked.refuse(name, "of which type?", "Type/id, such as Observation/…")
            return
        if kind == "Patient":  # whoever is named is linked
            touched = asked.touches([rid] if asked.own in (None, rid) else [])
            ways.append(touched.text)
            bound += touched.values
            continue
        detail = "' ' || e.detail || ' '"  # both databases know replace, and it tells A from a
        alone = "" if asked.own is None else f" AND NOT {_TOUCHES_MANY}"
        ways.append(f"({_NAMES}{alone} AND {detail} <> replace({detail}, %s, ''))")
        bound.append(f" {told} ")
    if ways:
        asked.add(f"({' OR '.join(ways)})", bound)


def _other_id(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    if _plain(asked, name, modifier) and values:
        told = [f"{kind}:{value.rpartition('|')[2]}" for value in values for kind in ("user", "system")]
        asked.add(among("e.actor", told), told)


def _never(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    """A parameter of R4's over an element we have no data for."""
    asked.add(_NONE)


def _site(asked: Asked, name: str, modifier: str, values: list[str]) -> None:
    if _plain(asked, name, modifier) and not any(_is(("", audit_event.SITE), value) for value in values):
        asked.add(_NONE)
    elif not asked.issues:
        asked.add("1 = 1")


def _names(*, query: bool) -> str:
    acts = ", ".join(f"'{name}'" for name, act in audit_event.ACTS.items() if act.query is query)
    return f"(e.detail <> '' AND e.action IN ({acts}))"


_NAMES = _names(query=False)
_TOUCHES_ANY = "EXISTS (SELECT 1 FROM access_auditpatient AS l WHERE l.event_id = e.id)"
_TOUCHES_MANY = "((SELECT COUNT(*) FROM access_auditpatient AS l WHERE l.event_id = e.id) > 1)"
_ACTS, _ACTION = audit_event.ACTS, "e.action"
_PARAMETERS: dict[str, Clause] = {
    "_id": _number,
    "_lastUpdated": _date,
    "date": _date,
    "action": _coded(lambda name: [(audit_event.ACTION_SYSTEM, _ACTS[name].action)], _ACTION, _ACTS),
    "type": _coded(lambda name: [_ACTS[name].type[:2]], _ACTION, _ACTS),
    "subtype": _coded(lambda name: [one[:2] for one in _ACTS[name].subtype], _ACTION, _ACTS),
    "outcome": _coded(
        lambda name: [(audit_event.OUTCOME_SYSTEM, audit_event.OUTCOMES[name])], "e.outcome", audit_event.OUTCOMES
    ),
    "agent": _agent,
    "agent-name": _never,
    "agent-role": _coded(lambda name: [(audit_event.ROLE_SYSTEM, name)], "e.role", audit_event.ROLES),
    "address": _never,
    "altid": _other_id,
    "policy": _never,
    "patient": _patient,
    "entity": _entity,
    "entity-name": _never,
    "entity-role": _has_entity(
        {
            (audit_event.ENTITY_ROLE, "1"): _TOUCHES_ANY,
            (audit_event.ENTITY_ROLE, "4"): _NAMES,
            (audit_event.ENTITY_ROLE, "24"): _names(query=True),
        }
    ),
    "entity-type": _has_entity(
        {
            (audit_event.ENTITY_TYPE, "1"): _TOUCHES_ANY,
            (audit_event.ENTITY_TYPE, "2"): "e.detail <> ''",
            audit_event.REQUEST_ID: "e.request_id <> ''",
        }
    ),
    "site": _site,
    "source": _never,
}
