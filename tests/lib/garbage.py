"""Bad requests as values, sent to the API as a server would, and what must hold of every answer.

judge = Judge()
judge.all(asks)  # each as some role; refused writes leave no version behind
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connection

from lib.api import JSON, Caller
from lib.people import clinic, condition, patient
from tovholder.access import Role
from tovholder.base import json
from tovholder.config.wsgi import application
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.fhir.validate import validate

# Stands in names, values, addresses and headers; no answer that refuses something may tell it back.
NUMBER = "0702901234"
SECRET = f"Karen Blixen {NUMBER}"
# How many requests of each kind there are at the least; together the 5,000 that are promised.
SHARES = {"bodies": 2100, "bundles": 850, "searches": 1300, "addresses": 900, "operations": 1000}

# What only the inside of a server says.
_INSIDE = re.compile(
    r"Traceback|File \"|psycopg|sqlite|django|orjson|gunicorn|[a-z](?:Error|Exception)\b|NoneType|object has no|"
    r"not supported between|SELECT |INSERT |UPDATE |store_[a-z]|unhashable|codec can't|<class|object at 0x|\.py\b"
)
_KNOWN_PLACES = re.compile(r"[$A-Za-z_]")

APPOINTMENT: dict[str, Any] = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2027-04-01T09:00:00Z",
    "end": "2027-04-01T09:30:00Z",
    "participant": [{"actor": {"reference": "Patient/p"}, "status": "accepted"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}], "text": "HbA1c"},
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2027-01-05T10:00:00+01:00",
    "valueQuantity": {"value": json.Decimal("48.0"), "unit": "mmol/mol", "system": "http://unitsofmeasure.org"},
    "component": [{"code": {"text": "x"}, "valuePeriod": {"start": "2026", "end": "2027-01"}}],
}
VALUE_SET: dict[str, Any] = {
    "resourceType": "ValueSet",
    "url": "http://example.org/vs",
    "status": "active",
    "compose": {"include": [{"system": "http://example.org/cs", "concept": [{"code": "a", "display": "A"}]}]},
}
BINARY: dict[str, Any] = {
    "resourceType": "Binary",
    "contentType": "text/plain",
    "securityContext": {"reference": "Patient/p"},
    "data": "aGVq",
}
GROUP: dict[str, Any] = {
    "resourceType": "Group",
    "type": "person",
    "actual": True,
    "member": [{"entity": {"reference": "Patient/p"}}],
}
GOOD: list[dict[str, Any]] = [
    patient() | {"id": "p"},
    condition("p") | {"id": "c"},
    clinic() | {"id": "o"},
    APPOINTMENT | {"id": "a"},
    OBSERVATION | {"id": "b"},
    VALUE_SET | {"id": "v"},
    BINARY | {"id": "n"},
    GROUP | {"id": "g"},
]


@dataclass(frozen=True)
class Ask:
    """One request as it goes over the wire. path: percent-encoded, with its query; type: None sends none."""

    method: str
    path: str
    body: bytes = b""
    type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    length: str | None = None  # a lie about it


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def raw(value: Any) -> bytes:
    """JSON of whatever it is: numbers of any size, lone surrogates."""
    import json as plain

    try:
        return json.dumps(value)
    except TypeError:
        return plain.dumps(value).encode()


class Roles:
    """Callers of every role (and nobody) at a record that holds the good resources."""

    def __init__(self) -> None:
        system = Caller(Role.SYSTEM)
        self.tokens = {"nobody": ""}
        made = [
            (role, Caller(role, "" if role is Role.CITIZEN else "o", "p" * (role is Role.CITIZEN))) for role in Role
        ]
        self.tokens |= {str(role): caller.headers["Authorization"] for role, caller in made if role is not Role.SYSTEM}
        self.tokens["system"] = system.headers["Authorization"]
        for one in GOOD:
            assert self.send(Ask("PUT", f"/{one['resourceType']}/{one['id']}", raw(one))).status == 201

    def send(self, ask: Ask, role: str = "system") -> Answer:
        """Send as gunicorn would hand it on."""
        address, _, query = ask.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": ask.method,
            "PATH_INFO": _decoded(f"/fhir{address}"),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "wsgi.input": io.BytesIO(ask.body),
            "wsgi.url_scheme": "http",
            "SCRIPT_NAME": "",
        }
        if self.tokens[role]:
            environ["HTTP_AUTHORIZATION"] = self.tokens[role]
        if ask.body or ask.length is not None:
            environ["CONTENT_LENGTH"] = str(len(ask.body)) if ask.length is None else ask.length
        if ask.type is not None:
            environ["CONTENT_TYPE"] = ask.type
        for name, value in ask.headers.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        told: list[Any] = []
        found = application(environ, lambda status, headers, *_: told.append((status, headers)))
        content = b"".join(found)
        if hasattr(found, "close"):
            found.close()
        status, headers = told[0]
        for name, value in headers:
            assert not set(f"{name}{value}") & set("\r\n\x00"), f"a header that is none: {name}"
            value.encode("latin-1")
        return Answer(int(status[:3]), dict(headers), content)


def _decoded(path: str) -> str:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(path).decode("latin-1")


class Judge:
    """Sends requests and checks every answer; ``sent`` counts them."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)
        self.roles = Roles()
        self.sent = 0
        self.statuses: dict[int, int] = {}

    def all(self, asks: Iterable[Ask], *, system: float = 0.7) -> None:
        """Send each as a system, the rest of the times as somebody else; every failure is told, one of each kind in full."""
        others = [role for role in self.roles.tokens if role != "system"]
        failures: dict[str, list[str]] = {}
        held = stored()
        for ask in asks:
            role = "system" if self.chance.random() < system else self.chance.choice(others)
            self.sent += 1
            shown = f"{role}: {ask.method} {ask.path[:300]!r} {ask.type} {ask.headers} {ask.body[:600]!r}"
            answer = self.roles.send(ask, role)
            self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            try:
                told_well(ask, answer)
                now = stored()
                if answer.status >= 400 or ask.method in ("GET", "HEAD", "OPTIONS"):
                    assert now == held, "something stayed of what was refused"
            except AssertionError as failure:
                told = f"{shown}\n{answer.status} {answer.content[:1200]!r}"
                failures.setdefault(str(failure)[:120], []).append(told)
                now = stored()
            held = now
        first = "\n".join(f"{len(told)} x {reason}\n{told[0]}\n" for reason, told in failures.items())
        assert not failures, first

    def still_answers(self) -> None:
        """What was good before is given as before."""
        answer = self.roles.send(Ask("GET", "/Patient?_id=p"))
        assert answer.status == 200
        assert answer.json()["resourceType"] == "Bundle"


def stored() -> tuple[int, ...]:
    """How many versions, resources and index rows there are."""
    tables = ["store_version", "store_resource", *INDEX_TABLES]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables))
        return tuple(cursor.fetchone())


def told_well(ask: Ask, answer: Answer) -> None:
    """An answer any client can go on from: never a fault of ours, and an outcome that helps."""
    assert answer.status < 500, "a fault of ours"
    assert answer.headers.get("Cache-Control") == "no-store" or answer.status < 400
    if answer.status >= 400:
        assert answer.headers["Content-Type"].startswith(("application/fhir+json", "application/json", "text/json"))
        if ask.method == "HEAD":
            assert answer.content == b""
            return
        outcome_told_well(answer.json())
        told = answer.content.decode()
        for name, value in answer.headers.items():
            assert NUMBER not in value, f"the header {name} tells what was sent"
    else:
        told = answer.content.decode("utf-8", "replace")
        if ask.path in ("", "/") and ask.method == "POST":
            found = [entry.get("response", {}).get("outcome") for entry in answer.json().get("entry", [])]
            for outcome in [one for one in found if one and one["issue"][0]["severity"] == "error"]:
                outcome_told_well(outcome)
                told = raw(outcome).decode()
                assert NUMBER not in told, "what was sent is told back"
        return
    assert NUMBER not in told, "what was sent is told back"
    assert not _INSIDE.search(told), "the inside of the server is told"


def outcome_told_well(outcome: Any) -> None:
    """A valid OperationOutcome, each issue with a place, what was expected and what was kept."""
    assert outcome["resourceType"] == "OperationOutcome"
    assert _is_valid(raw(outcome)), validate(outcome)
    for issue in outcome["issue"]:
        assert issue.get("expression") and _KNOWN_PLACES.match(issue["expression"][0]), f"no place: {issue}"
        assert "Expected " in issue["diagnostics"], f"no expectation: {issue}"
        assert "Kept: " in issue["diagnostics"], f"not what was kept: {issue}"
        assert issue["details"]["text"]


@lru_cache(4096)
def _is_valid(outcome: bytes) -> bool:
    return not [issue for issue in validate(json.loads(outcome)) if issue.severity in ("error", "fatal")]
