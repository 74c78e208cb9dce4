"""Owns what a staff list says: one role of one member of staff a row, checked and looked up before anything is made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tovholder.access import issuers, persons
from tovholder.access.domain import Right, Role
from tovholder.access.staff import Given
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.ids import is_fhir_id
from tovholder.store import registry

COLUMNS = (
    "username",
    "name",
    "issuer",
    "login",
    "role",
    "organization",
    "practitioner",
    "from",
    "to",
    "title",
    "rights",
)
NEEDED = ("username", "name", "role")
# Roles an operator gives. Citizens come by themselves, those who stand in for them by the record, systems are clients.
ROLES = tuple(role for role in Role if role not in (Role.CITIZEN, Role.REPRESENTATIVE, Role.SYSTEM))
PLACED = frozenset({Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})


@dataclass(frozen=True, slots=True)
class Row:
    """One row that can be used. line: of the file. practitioner: empty where one is to be made."""

    line: int
    username: str
    name: str
    issuer: str
    login: str
    given: Given

    @property
    def needs_practitioner(self) -> bool:
        """Whether they appear in the record and are not in it yet."""
        return self.given.role in PLACED and not self.given.practitioner


def read(text: str, name: str) -> Iterator[Row | tuple[int, tuple[Issue, ...]]]:
    """The rows of a CSV file, in order: what can be used, or the line and what is wrong with it.

    Separated by comma or semicolon; the first line names the columns. Raises Problem(INVALID) when it does not.
    """
    first = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first else ",", strict=True)
    try:
        named = [column.strip().lower() for column in rows.fieldnames or []]
        unknown = sorted(set(named) - set(COLUMNS))
        missing = sorted(set(NEEDED) - set(named))
        if unknown or missing or len(set(named)) != len(named):
            told = f"unknown: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
            raise _unusable(name, f"the columns are others ({told})", ", ".join(COLUMNS))
        rows.fieldnames = named
        for row in rows:
            yield _row(rows.line_num, row)
    except csv.Error as error:
        raise _unusable(name, f"line {rows.line_num} is no CSV: {error}", "a CSV file in UTF-8") from None


def _row(line: int, told: Mapping[str | None, str | list[str] | None]) -> Row | tuple[int, tuple[Issue, ...]]:
    if None in told or None in told.values():
        return line, (Issue("", "more or fewer values than there are columns", "one of each"),)
    row = {str(key): str(value).strip() for key, value in told.items()}
    issues = [
        Issue(key, "this looks like a CPR number, which does not belong here", "the login or name")
        for key, value in row.items()
        if persons.normal(value) is not None and key not in ("organization", "practitioner")
    ]
    issues += [Issue(key, "empty", "a value") for key in NEEDED if not row.get(key)]
    issuer, login = row.get("issuer", ""), row.get("login", "")
    if bool(issuer) != bool(login):
        issues.append(Issue("login", "issuer and login belong together", "both or neither"))
    if issuer and issuers.find(issuer) is None:
        known = ", ".join(one.id for one in issuers.current()) or "none; set TOVHOLDER_LOGIN"
        issues.append(Issue("issuer", "not a login provider here", known))
    given: Given | None = None
    if not issues:
        try:
            given = given_of(row)
        except Problem as problem:
            issues += problem.issues
    if issues or given is None:
        return line, tuple(issues)
    return Row(line, row["username"], row["name"], issuer, login, given)


def given_of(told: Mapping[str, str]) -> Given:
    """The role that words like those of a row give. Raises Problem(INVALID) with everything that is wrong."""
    issues: list[Issue] = []
    role = told.get("role", "")
    if role not in ROLES:
        issues.append(Issue("role", "not a role an operator gives", ", ".join(ROLES)))
    organization = _organization(told.get("organization", ""), role, issues)
    practitioner = _practitioner(told.get("practitioner", ""), issues)
    from_day, to_day = (_day(told.get(key, ""), key, issues) for key in ("from", "to"))
    if from_day is not None and to_day is not None and to_day < from_day:
        issues.append(Issue("to", "before from", "a later day"))
    rights = frozenset(told.get("rights", "").split())
    if rights - set(Right):
        issues.append(Issue("rights", "not rights there are", ", ".join(Right)))
    if issues:
        raise Problem(Category.INVALID, "The role cannot be given", issues)
    return Given(
        Role(role),
        organization=organization,
        practitioner=practitioner,
        title=told.get("title", ""),
        from_day=from_day or 0,
        to_day=to_day,
        rights=rights,
    )


def _organization(told: str, role: str, issues: list[Issue]) -> str:
    expected = "sor:…, ydernummer:…, cvr:… or the id of an Organization in the record"
    if not told:
        if role in PLACED:
            issues.append(Issue("organization", "empty", expected))
        return ""
    kind, _, value = told.partition(":")
    if value and kind in registry.ORGANIZATION_SYSTEMS:
        found = registry.organizations_of(kind, value)
    else:
        found = [told] if is_fhir_id(told) and registry.exists("Organization", told) else []
    if len(found) != 1:
        issues.append(Issue("organization", "several in the record" if found else "not in the record", expected))
        return ""
    return found[0]


def _practitioner(told: str, issues: list[Issue]) -> str:
    if not told:
        return ""
    if is_fhir_id(told) and registry.exists("Practitioner", told):
        return told
    found = registry.practitioners_of(told)
    if len(found) != 1:
        issues.append(
            Issue("practitioner", "several in the record" if found else "not in the record", "an id, or an identifier")
        )
        return ""
    return found[0]


def _day(told: str, key: str, issues: list[Issue]) -> int | None:
    if not told:
        return None
    day = days.parse_day(told) if len(told) == 10 else None
    if day is None:
        issues.append(Issue(key, "not a day", "YYYY-MM-DD"))
    return day


def _unusable(name: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, f"The staff list {name} cannot be used", [Issue(name, message, expected)])
