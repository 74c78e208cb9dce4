"""What everybody is told at every address there is, by every method: made by asking, and held against a table.

A row of the table is a method and an address of the URL table ("GET klinik/"), for a patient of one's own and for
another's where the address names one; a column is a role, an app, a system's client, or nobody. A cell says

  allowed    answered, with whatever there is
  filtered   answered, with less than a system is told
  moved      sent on to another page of ours, which decides for itself
  invalid    let in; what was sent is not what this wants (400, 409, 412, 415, 422, 428 …), or there is nothing to do
  login      asked to log in, or to show a token
  404 403 405  refused; 404 is also the answer to what is not there
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.test import Client

from lib import smart
from lib import two_records as world
from lib.addresses import routes
from lib.api import JSON, Caller, browser, content_of
from lib.people import condition
from lib.prober import Bearer
from lib.two_records import HERE, MINE, SECRET, THEIRS, rid_of
from tovholder.access import Role, generation
from tovholder.access.models import Assignment
from tovholder.api.operations import OPERATIONS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PAGE_METHODS = ("GET", "POST", "PUT")
MINE_ALONE, OTHERS = "own", "other"
# Whose place each role has: the first patient is theirs to see, the second is not.
PEOPLE: dict[Role, tuple[str, str]] = {
    Role.CITIZEN: ("", MINE),
    Role.REPRESENTATIVE: ("", MINE),
    Role.GP: (HERE, ""),
    Role.STAFF: (HERE, ""),
    Role.HOSPITAL: ("hospital", ""),
    Role.PREVENTION: ("prevention", ""),
    Role.PARTNER: ("physio", ""),
    Role.AUTHOR: (HERE, ""),
    Role.ANALYST: ("", ""),
    Role.OPERATOR: ("", ""),
    Role.SYSTEM: ("", ""),
}
NOBODY, APP, CLIENT = "nobody", "app", "client"
COLUMNS = (*(str(role) for role in Role), APP, CLIENT, NOBODY)
# One of each way the policy treats types: of persons, of content, of what others wrote, of nobody, closed, rendered.
TYPES = (
    "Patient", "Observation", "Condition", "Goal", "Flag", "Consent", "Binary", "Organization", "List", "AuditEvent",
)  # fmt: skip
_INVALID = frozenset({400, 406, 409, 410, 412, 413, 415, 422, 428, 429, 501, 503})


@dataclass(frozen=True)
class Row:
    """One method at one address. name: as the table calls it. path: as it is asked."""

    name: str
    method: str
    path: str
    body: Any = None


def rows() -> Iterator[Row]:
    """Every method at every address, and every operation the table of operations has."""
    for route in dict.fromkeys(routes()):
        for method in METHODS if route.startswith("fhir") else PAGE_METHODS:
            for name, path, kind in filled(route):
                # That a method is not there at all is no matter of the type.
                if kind in ("", "Patient") or method in _taken(route):
                    yield Row(f"{method} {name}", method, path, _body(method, path))


def _taken(route: str) -> tuple[str, ...]:
    """The methods an address of FHIR's takes."""
    if route.endswith("_search"):
        return ("POST",)
    writes = ("GET", "POST", "PUT", "PATCH", "DELETE")
    return {"fhir/<str:kind>": writes, "fhir/<str:kind>/<str:rid>": writes}.get(route, ("GET",))


def filled(route: str) -> Iterator[tuple[str, str, str]]:
    """The address with what it leaves open filled in, in every way that makes a difference: (name, path, type)."""
    if "<operation:name>" in route:
        yield from ((name, path, "") for name, path in _operations(route))
        return
    kinds = TYPES if "<str:kind>" in route else ("",)
    names_one = "<str:rid>" in route or "<str:patient_id>" in route
    for kind in kinds:
        for whose in (MINE, THEIRS) if names_one and kind not in ("Organization", "AuditEvent") else (MINE,):
            rid = rid_of(kind or "Patient", whose) if kind not in ("Organization", "AuditEvent") else HERE
            if route.startswith("fhir/Patient/<str:rid>/"):
                rid = whose
            path = (
                route.replace("<str:kind>", kind).replace("<str:rid>", rid).replace("<str:patient_id>", whose)
                .replace("<str:version>", "1").replace("<slug:package>", "kol").replace("<int:number>", "1")
                .replace("<str:form_id>", "kol-behovsvurdering")
            )  # fmt: skip
            name = route.replace("<str:kind>", kind)
            if names_one and kind not in ("Organization", "AuditEvent"):
                name += f" ({MINE_ALONE if whose == MINE else OTHERS})"
            yield name, "/" + re.sub(r"<\w+:\w+>", "x", path), kind


def _operations(route: str) -> Iterator[tuple[str, str]]:
    level = "instance" if "<str:rid>" in route else "type" if "<str:kind>" in route else "system"
    for at, kind, name in OPERATIONS:
        if at != level:
            continue
        of = "Patient" if kind == "*" else kind
        if level != "instance":
            yield (
                f"fhir/{'' if level == 'system' else of + '/'}{name}",
                f"/fhir/{'' if level == 'system' else of + '/'}{name}",
            )
            continue
        for whose in (MINE, THEIRS):
            told = MINE_ALONE if whose == MINE else OTHERS
            yield f"fhir/{of}/<str:rid>/{name} ({told})", f"/fhir/{of}/{rid_of(of, whose)}/{name}"


def _body(method: str, path: str) -> Any:
    if not path.startswith("/fhir") or method in ("GET", "HEAD", "DELETE"):
        return None
    if "$" in path:
        return {"resourceType": "Parameters"}
    parts = path.strip("/").split("/")[1:]
    if method == "PATCH":
        return [{"op": "add", "path": "/language", "value": "da"}]
    if len(parts) >= 2 and parts[0] == "Patient" and parts[-1] != "_search" and len(parts) == 3:
        return None
    if not parts or parts[-1] in ("_search", "_history"):
        return {"resourceType": "Bundle", "type": "batch", "entry": []} if not parts else None
    kind = parts[0]
    whose = THEIRS if THEIRS in path else MINE
    found = next((one for one in world.record(whose, "x", HERE) if one["resourceType"] == kind), None)
    if found is None:
        found = {"resourceType": kind, "name": "x"} if kind == "Organization" else {"resourceType": kind}
        found |= {"id": parts[1]} if len(parts) > 1 else {}
    return found if len(parts) > 1 else {name: value for name, value in found.items() if name != "id"}


class Asking:
    """Everybody, logged in."""

    def __init__(self) -> None:
        system = world.build()
        # Both have a course to open: a diagnosis makes each eligible at their own clinic.
        world.put(system, [condition(whose) | {"id": f"kol-{whose}"} for whose in (MINE, THEIRS)])
        self.browsers: dict[str, Client] = {NOBODY: browser()}
        self.tokens: dict[str, Any] = {NOBODY: Bearer("nobodys")}
        for role, (organization, patient) in PEOPLE.items():
            name = str(role)
            self.tokens[name] = Caller(role, organization, patient, name=name)
            if role is Role.REPRESENTATIVE:
                Assignment.objects.filter(user__username=name).update(rights="plan record act")
                generation.bump()
            self.browsers[name] = browser()
            self.browsers[name].post("/login/persona", {"persona": name})
        doctor = smart.Person.of(Role.GP, HERE, name="doctor with an app")
        app = smart.Asking(smart.app())
        answer = app.exchange(app.code(doctor, "launch/patient patient/Observation.rs", patient=MINE)).json()
        self.tokens[APP] = Bearer(answer["access_token"])
        self.key, jwks = smart.keys()
        self.backend = smart.backend(jwks)
        self.until = 0.0
        self._client()
        self.browsers[APP] = self.tokens[APP].client  # no browser; what becomes of its token on a page is asked

    def _client(self) -> None:
        """A token of the system's, which lasts five minutes."""
        if time.monotonic() > self.until:
            proof = smart.proved(self.backend, self.key)
            told = smart.ask("/smart/token", grant_type="client_credentials", scope="system/*.rs", **proof)
            self.tokens[CLIENT] = Bearer(told.json()["access_token"])
            self.browsers[CLIENT] = self.tokens[CLIENT].client
            self.until = time.monotonic() + 120

    def cells(self, row: Row) -> dict[str, str]:
        """What everybody is told; nothing of it stays."""
        self._client()
        whole = self._answer("system", row)
        return {column: self._cell(column, row, whole) for column in COLUMNS}

    def _cell(self, column: str, row: Row, whole: tuple[int, str, str]) -> str:
        status, where, text = whole if column == "system" else self._answer(column, row)
        if status >= 500 and status not in _INVALID:
            return f"broken ({status})"
        if status in (401,) or (status == 302 and _is_login(where)):
            return "login"
        if status in (403, 404, 405):
            return str(status)
        if status in _INVALID:
            return "invalid"
        if status in (302, 303):
            return "moved"
        less = row.path.startswith("/fhir") and SECRET in whole[2] and SECRET not in text
        return "filtered" if less else "allowed"

    def _answer(self, column: str, row: Row) -> tuple[int, str, str]:
        with transaction.atomic():
            try:
                if row.path.startswith("/fhir"):
                    kind = "application/json-patch+json" if row.method == "PATCH" else JSON
                    if row.path.endswith("_search"):
                        kind = "application/x-www-form-urlencoded"
                    path = row.path.removeprefix("/fhir")
                    asynchronous = {"Prefer": "respond-async"} if "$export" in path else {}
                    answer = self.tokens[column].send(row.method, path, row.body, kind, **asynchronous)
                else:
                    asker = browser({name: one.value for name, one in self.browsers[column].cookies.items()})
                    asker.defaults |= self.browsers[column].defaults
                    answer = asker.generic(row.method, row.path, b"", content_type="application/x-www-form-urlencoded")
                return (
                    answer.status_code,
                    answer.headers.get("Location", ""),
                    content_of(answer).decode(errors="replace"),
                )
            finally:
                transaction.set_rollback(True)


def _is_login(where: str) -> bool:
    return where.split("?")[0] in ("/", "/login/igen") or "login" in where
