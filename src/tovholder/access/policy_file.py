"""Reading a policy file: every name in it is one there is, and what would be a hole or a slip is told with its row."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tovholder.access import views
from tovholder.access.domain import RELATION_CONDITIONS, Condition, Right, Role
from tovholder.access.policy import ACTIONS, WRITES, Policy, Row
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import search_tables, searchparams
from tovholder.fhir.definitions import resource_types

VERSION = 1
# The only words criteria may hold in braces: who asks.
PLACEHOLDERS = ("{organization}", "{practitioner}")
_TOP = ("version", "sets", "views", "closed", "allow")
_KEYS = ("role", "resources", "actions", "when", "fields", "matching", "right")
_NEEDED = ("role", "resources", "actions", "when")
_PERSONAL = {Condition.SELF: Role.CITIZEN, Condition.REPRESENTED: Role.REPRESENTATIVE}
_OF_ORGANISATIONS = frozenset({Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})
# Said of patients, but of none by name: figures, and what is read under pseudonyms.
_NAMELESS = frozenset({"aggregate", "pseudonyms"})
# Rendered from a table of its own, by whole events.
_TRAIL = "AuditEvent"


@dataclass
class _Reading:
    """A file being read, and what was found wrong so far."""

    name: str
    issues: list[Issue] = field(default_factory=list)

    def wrong(self, where: str, message: str, expected: str) -> None:
        self.issues.append(Issue(f"{self.name}: {where}", message, expected, "value"))

    def known(self, where: str, told: Iterable[str], there: Iterable[str], what: str) -> bool:
        listed = sorted(there)
        unknown = sorted(set(told) - set(listed))
        for one in unknown:
            self.wrong(where, f"unknown {what} {one}", _fitting(one, listed))
        return not unknown

    def keys(self, where: str, told: Iterable[str], there: Sequence[str]) -> None:
        for one in sorted(set(told) - set(there)):
            self.wrong(f"{where}{one}", "unknown key", f"one of: {', '.join(there)}")


def load(path: Path) -> Policy:
    """The policy in a file. Raises Problem(INVALID) with every fault, each with its place and what fits there."""
    reading = _Reading(path.name)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        reading.wrong("the file", str(told), "a TOML file that can be read")
        raise _unusable(reading) from None
    reading.keys("", data, _TOP)
    if data.get("version") != VERSION:
        reading.wrong("version", "this version of policies is not read here", str(VERSION))
    for name, kind in (("sets", dict), ("views", dict), ("allow", list)):
        if not isinstance(data.get(name, kind()), kind):
            reading.wrong(name, "of another shape", "tables: [sets], [views.name], [[allow]]")
            raise _unusable(reading)
    sets = _sets(reading, data.get("sets", {}))
    named = _views(reading, data.get("views", {}))
    rows = [
        row
        for number, told in enumerate(data.get("allow", []), start=1)
        if (row := _row(reading, number, told, sets, named)) is not None
    ]
    if not reading.issues:
        shown = _shown(reading, rows, named)
        _no_holes(reading, rows, shown)
        closed = _closed(reading, rows, data.get("closed", []))
        _all_used(reading, data.get("allow", []), sets, named)
    if reading.issues:
        raise _unusable(reading)
    return Policy(tuple(rows), shown, closed, path.name)


def _unusable(reading: _Reading) -> Problem:
    return Problem(
        Category.INVALID,
        f"The access policy {reading.name} cannot be used",
        reading.issues,
        kept="nobody was let in by it",
    )


def _fitting(word: str, there: Sequence[str]) -> str:
    """What fits: all of a few, of many those that look alike."""
    if len(there) > 40:
        alike = [one for one in there if one[:3].lower() == word[:3].lower()] or there[:5]
        return f"such as {', '.join(alike[:8])}"
    return f"one of: {', '.join(there)}"


# -- what rows are made of -------------------------------------------------------------------------------------------


def _texts(reading: _Reading, where: str, told: Any) -> list[str]:
    if isinstance(told, list) and told and all(isinstance(item, str) and item for item in told):
        if len(set(told)) < len(told):
            reading.wrong(where, "the same twice", "each once")
        return told
    reading.wrong(where, "empty, or no list of texts", 'a list such as ["Patient"]')
    return []


def _sets(reading: _Reading, told: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, types in told.items():
        found[name] = _texts(reading, f"sets.{name}", types)
        reading.known(f"sets.{name}", found[name], resource_types(), "resource type")
    return found


def _views(reading: _Reading, told: Mapping[str, Any]) -> dict[str, dict[str, frozenset[str]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for name, types in told.items():
        if not isinstance(types, dict) or not types:
            reading.wrong(f"views.{name}", "no table of types", "a table such as Patient = [elements]")
            continue
        for kind, elements in types.items():
            where = f"views.{name}.{kind}"
            paths = _texts(reading, where, elements)
            if reading.known(where, [kind], resource_types() - {_TRAIL}, "resource type"):
                for path, message, expected in views.faults(kind, paths):
                    reading.wrong(f"{where}: {path}", message, expected)
            found.setdefault(name, {})[kind] = frozenset(paths)
    return found


def _row(
    reading: _Reading, number: int, told: Any, sets: Mapping[str, list[str]], named: Mapping[str, Any]
) -> Row | None:
    where = f"allow[{number}]"
    if not isinstance(told, dict):
        reading.wrong(where, "no table", "[[allow]] and its keys")
        return None
    before = len(reading.issues)
    reading.keys(f"{where}.", told, _KEYS)
    for name in _NEEDED:
        if name not in told:
            reading.wrong(f"{where}.{name}", "missing", f"each row has {', '.join(_NEEDED)}")
    if len(reading.issues) > before:
        return None
    reading.known(f"{where}.role", [str(told["role"])], Role, "role")
    actions = _texts(reading, f"{where}.actions", told["actions"])
    reading.known(f"{where}.actions", actions, ACTIONS, "action")
    when = _texts(reading, f"{where}.when", told["when"])
    reading.known(f"{where}.when", when, Condition, "condition")
    types = _types(reading, f"{where}.resources", told["resources"], sets)
    right = told.get("right")
    if right is not None:
        reading.known(f"{where}.right", [str(right)], Right, "right")
    view = str(told.get("fields", ""))
    if view and reading.known(f"{where}.fields", [view], named, "view"):
        for kind in sorted(set(types) - set(named[view])):
            reading.wrong(
                f"{where}.fields", f"the view {view} says nothing of {kind}", f"views.{view}.{kind}, or a row apart"
            )
    criteria = str(told.get("matching", ""))
    if criteria or "matching" in told:
        for message, expected in _criteria_faults(criteria, types):
            reading.wrong(f"{where}.matching", message, expected)
    if len(reading.issues) > before:
        return None
    return Row(
        number,
        Role(told["role"]),
        frozenset(types),
        frozenset(actions),
        frozenset(Condition(name) for name in when),
        criteria,
        Right(right) if right is not None else None,
        view,
    )


def _types(reading: _Reading, where: str, told: Any, sets: Mapping[str, list[str]]) -> list[str]:
    found: list[str] = []
    for name in _texts(reading, where, told):
        if name.startswith("@"):
            if reading.known(where, [name[1:]], sets, "set"):
                found += sets[name[1:]]
        else:
            found.append(name)
    reading.known(where, found, resource_types() | {"*"}, "resource type")
    return found


def _criteria_faults(criteria: str, types: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Criteria are plain: parameters of the type itself, so that they mean the same whoever asks and whenever."""
    pairs = parse_qsl(criteria, keep_blank_values=True)
    if not pairs:
        yield "no criteria", "a search such as code=system|code"
    for name, value in pairs:
        if not value.strip():
            yield f"{name} has no value", f"{name}=value"
        rest = value
        for placeholder in PLACEHOLDERS:
            rest = rest.replace(placeholder, "")
        if "{" in rest or "}" in rest:
            yield "unknown words in braces", " or ".join(PLACEHOLDERS)
        for kind in types:
            parameter = searchparams.search_parameter(kind, name) if kind != "*" else None
            if parameter is None or not parameter.expression:
                there = [item.name for item in searchparams.parameters_of(kind)] if kind != "*" else []
                yield f"{kind} has no search parameter {name}", _fitting(name, there) if there else "types by name"
            elif parameter.kind not in ("token", "reference", "string", "uri"):
                yield f"{name} is a {parameter.kind}", "a code, an identifier, a text or a reference"


# -- what they come to together ----------------------------------------------------------------------------------------


def _shown(
    reading: _Reading, rows: Iterable[Row], named: Mapping[str, Mapping[str, frozenset[str]]]
) -> dict[tuple[Role, str], frozenset[str]]:
    """The one view of each role and type."""
    by: dict[tuple[Role, str], Row] = {}
    found: dict[tuple[Role, str], frozenset[str]] = {}
    for row in rows:
        for kind in sorted(row.types):
            first = by.setdefault((row.role, kind), row)
            if first.view != row.view:
                reading.wrong(
                    f"allow[{row.number}].fields",
                    f"{row.role} has another view of {kind} by allow[{first.number}]",
                    "one view of a type for a role",
                )
            elif row.view:
                found[row.role, kind] = named[row.view][kind]
            if row.view and row.actions & (WRITES | {"facts", "pseudonyms"}):
                wrong = ", ".join(sorted(row.actions & (WRITES | {"facts", "pseudonyms"})))
                reading.wrong(
                    f"allow[{row.number}].actions",
                    f"{wrong} of {kind}, of which {row.role} is shown a part",
                    "read and search: who writes a type, or reads its facts, is shown all of it",
                )
    return found


def _no_holes(reading: _Reading, rows: Sequence[Row], shown: Mapping[tuple[Role, str], frozenset[str]]) -> None:
    for role in Role:
        if not any(row.role is role for row in rows):
            reading.wrong("allow", f"the role {role} has no row", "what it may do, if only the directory")
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        _fits_role(reading, row)
        if row.criteria:
            _criteria_fit(reading, row, rows)
        for kind in sorted(row.types):
            for action in sorted(row.actions):
                for condition in sorted(row.conditions):
                    key = (row.role, kind, action, condition, row.criteria, row.right)
                    first = seen.setdefault(key, row.number)
                    if first != row.number:
                        reading.wrong(
                            f"allow[{row.number}]",
                            f"{row.role} may {action} {kind} when {condition} by allow[{first}] already",
                            "each told once",
                        )


def _fits_role(reading: _Reading, row: Row) -> None:
    where = f"allow[{row.number}].when"
    for condition in sorted(row.conditions):
        role = _PERSONAL.get(condition)
        if role is not None and row.role is not role:
            reading.wrong(where, f"{condition} for {row.role}", f"{condition} is the {role}'s")
        if condition in RELATION_CONDITIONS | {Condition.BREAK_GLASS} and row.role not in _OF_ORGANISATIONS:
            reading.wrong(where, f"{condition} for {row.role}", f"one of: {', '.join(sorted(_OF_ORGANISATIONS))}")
    if row.role is Role.SYSTEM:
        return
    personal = row.types & {"*", "Patient", *search_tables.patient_compartment()} - {_TRAIL}
    if Condition.ANY in row.conditions and personal and row.actions - _NAMELESS:
        reading.wrong(where, f"any for what is about patients ({sorted(personal)[0]})", "a relation to the patient")
    if _TRAIL in row.types and row.actions - {"read", "search"}:
        reading.wrong(f"allow[{row.number}].actions", "the trail is written by the record itself", "read, search")
    if "pseudonyms" in row.actions and row.right is None:
        reading.wrong(f"allow[{row.number}].right", "pseudonymised facts without a right", str(Right.PSEUDONYMS))


def _criteria_fit(reading: _Reading, row: Row, rows: Iterable[Row]) -> None:
    where = f"allow[{row.number}].matching"
    if row.actions & {"facts", "pseudonyms", "aggregate"}:
        reading.wrong(where, "facts and figures know no criteria", "read, search, create, update, delete, export")
    if _TRAIL in row.types:
        reading.wrong(where, "the trail knows no criteria", "a row without")
    if not row.actions & WRITES:
        return
    for kind in sorted(row.types):
        held: frozenset[Condition] = frozenset[Condition]().union(
            *(
                other.conditions
                for other in rows
                if other.role is row.role
                and other.right in (None, row.right)
                and other.criteria in ("", row.criteria)
                and kind in other.types
                and "read" in other.actions
            )
        )
        if not row.conditions <= held:
            reading.wrong(where, f"{row.role} writes {kind} that they may not read", "the same criteria with read")


def _closed(reading: _Reading, rows: Iterable[Row], told: Any) -> frozenset[str]:
    """The types nobody but a system reaches are listed: a new one is opened or left closed on purpose."""
    listed = set(_texts(reading, "closed", told) if told else [])
    reading.known("closed", listed, resource_types(), "resource type")
    reached = {kind for row in rows if row.role is not Role.SYSTEM for kind in row.types}
    if "*" in reached:
        reached = set(resource_types())
    for kind in sorted(resource_types() - reached - listed):
        reading.wrong("closed", f"nobody but a system may reach {kind}", "a row for it, or its name in this list")
    for kind in sorted(listed & reached):
        reading.wrong("closed", f"{kind} is reached by a row", "its name taken out of this list")
    return frozenset(listed)


def _all_used(reading: _Reading, rows: Iterable[Mapping[str, Any]], sets: Iterable[str], named: Iterable[str]) -> None:
    used = {name[1:] for row in rows for name in row["resources"] if name.startswith("@")}
    for name in sorted(set(sets) - used):
        reading.wrong(f"sets.{name}", "no row uses this set", "a row with it, or no such set")
    for name in sorted(set(named) - {str(row.get("fields", "")) for row in rows}):
        reading.wrong(f"views.{name}", "no row uses this view", "a row with it, or no such view")
