"""Tries to reach what is not one's own: every way of asking there is, in the name of everybody who can ask.

An attempt is one request. It fails the proof when its answer (status line, headers or body) holds a mark of a record, or
of an element, that the policy does not let the asker see, or when the server breaks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from django.test import Client

from lib import smart
from lib import two_records as world
from lib.addresses import routes
from lib.api import JSON, Caller, content_of
from lib.asking import Ask, Searches, others, requests
from lib.canaries import Canaries, as_it_is
from lib.own_reading import App, Reading, Thing, Who, cut
from lib.two_records import HERE, MINE, rid_of
from tovholder.access import Role, generation
from tovholder.access.models import Assignment
from tovholder.fhir import search_tables

FORM = "application/x-www-form-urlencoded"
_FILLED = re.compile(r"<(\w+):\w+>")  # what a path leaves open


@dataclass
class Asker:
    """Somebody with a token, and with a browser where they are a person."""

    name: str
    who: Who
    caller: Any  # with .send, as lib.api.Caller
    browser: Client | None = None


class Bearer:
    """A caller with a token somebody else made."""

    def __init__(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def send(self, method: str, path: str, body: Any = None, content_type: str = JSON, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
        return self.client.generic(method, f"/fhir{path}", raw, content_type=content_type, headers=headers)


def askers() -> Iterator[Asker]:
    """Each role by the persona's door, and apps and a system by the authorization server."""
    everybody: dict[str, tuple[Role, str, str]] = world.OUTSIDERS | {
        "representative": (Role.REPRESENTATIVE, "", MINE),
        "relative": (Role.REPRESENTATIVE, "", MINE),
        "author": (Role.AUTHOR, HERE, ""),
        "nobody": (Role.GP, "", ""),
    }
    for name, (role, organization, patient) in everybody.items():
        caller = Caller(role, organization, patient, name=name)
        rights = {"representative": "plan record act", "relative": "plan"}.get(name, "")
        if rights:
            Assignment.objects.filter(user__username=name).update(rights=rights)
            generation.bump()
        browser = Client()
        assert browser.post("/login/persona", {"persona": name}).status_code == 302
        actor = f"Patient/{patient}" if patient else f"Practitioner/p-{name}"
        own = patient or None
        yield Asker(
            name, Who(str(role), actor, organization or None, (), own, frozenset(rights.split())), caller, browser
        )
    yield from _apps()


def _apps() -> Iterator[Asker]:
    doctor = smart.Person.of(Role.GP, HERE, name="app's doctor")
    actor = "Practitioner/prac1"
    narrow = smart.Asking(smart.app())
    answer = narrow.exchange(narrow.code(doctor, "launch/patient patient/Observation.rs", patient=MINE)).json()
    given = App((("read", "Observation", ("",)), ("search", "Observation", ("",))), MINE)
    yield Asker("app of one patient", Who("gp", actor, HERE, app=given), Bearer(answer["access_token"]))
    wide = smart.Asking(smart.app())
    answer = wide.exchange(wide.code(doctor, "user/Condition.rs user/Goal.s?lifecycle-status=active")).json()
    acts = (("read", "Condition", ("",)), ("search", "Condition", ("",)), ("search", "Goal", ("",)))
    yield Asker("app of a user", Who("gp", actor, HERE, app=App(acts)), Bearer(answer["access_token"]))
    key, jwks = smart.keys()
    backend = smart.backend(jwks, scopes="system/Observation.rs system/Organization.rs")
    told = smart.ask(
        "/smart/token",
        grant_type="client_credentials",
        scope="system/Observation.rs system/Organization.rs",
        **smart.proved(backend, key),
    ).json()
    acts = tuple((act, kind, ("",)) for act in ("read", "search") for kind in ("Observation", "Organization"))
    yield Asker(
        "system of measurements", Who("system", f"system:{backend.id}", app=App(acts)), Bearer(told["access_token"])
    )


@dataclass
class Prober:
    """Asks, and looks at what it is told."""

    canaries: Canaries
    reading: Reading
    attempts: int = 0
    by_way: Counter[str] = field(default_factory=Counter)
    told: int = 0  # answers that told something of one's own: else nothing was tried
    leaks: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def open_to(self, who: Who) -> set[str]:
        """The marks the policy lets somebody see."""
        world_now = as_it_is()
        found: set[str] = set()
        for record in self.canaries.records:
            patient = next(iter(self._whose(record)), None)
            kind = record["resourceType"]
            personal = kind == "Patient" or kind in search_tables.patient_compartment()
            thing = Thing(record, patient, personal=personal)
            if any(self.reading.may(who, action, thing, world_now) for action in ("read", "search")):
                view = self.reading.view(who.role, kind)
                found |= self.canaries.told(json.dumps(record if view is None else cut(record, view)))
        return found

    def _whose(self, record: Any) -> set[str]:
        return {mark.patient for name in self.canaries.told(json.dumps(record)) for mark in [self.canaries.marks[name]]}

    def try_(self, asker: Asker, way: str, ask: Ask, shown: set[str]) -> None:
        """One attempt over the API."""
        answer = asker.caller.send(ask.method, ask.path, ask.body, ask.content_type, **(ask.headers or {}))
        body = ask.body.decode(errors="replace") if isinstance(ask.body, bytes) else json.dumps(ask.body)
        self.look(asker, way, f"{ask.method} /fhir{ask.path}", ask.path + body + str(ask.headers), answer, shown)

    def page(self, asker: Asker, method: str, path: str, shown: set[str], body: Any = None) -> None:
        """One attempt at a page."""
        assert asker.browser is not None
        send = asker.browser.get if method == "GET" else asker.browser.post
        answer = send(path, body or {}, follow=False)
        if "evil.test" in answer.headers.get("Location", ""):
            self.leaks.append(f"{asker.name}: {method} {path} leads out of the house")
        self.look(asker, "pages", f"{method} {path}", path + json.dumps(body), answer, shown)

    def look(self, asker: Asker, way: str, what: str, asked: str, answer: Any, shown: set[str]) -> None:
        """Whether an answer holds a mark that is not theirs to see and was not in what they asked."""
        self.attempts += 1
        self.by_way[way] += 1
        content = content_of(answer)
        text = f"{answer.reason_phrase} {dict(answer.headers)} {content.decode(errors='replace')}"
        found = self.canaries.told(text)
        self.told += bool(found & shown)
        hidden = found - shown - self.canaries.told(asked)
        if hidden:
            marks = {f"{mark.patient} {mark.path}" for name in hidden for mark in [self.canaries.marks[name]]}
            self.leaks.append(f"{asker.name}: {what} tells {sorted(marks)[:4]}")
        if answer.status_code >= 500:
            self.broken.append(f"{asker.name}: {what}: {answer.status_code}")


# -- the ways there are --------------------------------------------------------------------------------------------------


def ways(whose: str, words: list[str]) -> Iterator[tuple[str, Ask]]:
    """Every way of asking for somebody's record. words: marks that stand in it, as one who has heard of them asks."""
    searches = Searches(whose)
    for kind in searches.kinds:
        yield from (("interactions", ask) for ask in requests(kind, whose))
        yield from (("tricks", ask) for ask in _tricks(kind, whose))
    for path in searches.plain():
        yield "searches", Ask("GET", f"/{path}" if not path.startswith("?") else path)
        if "?" in path and not path.startswith(("?", "Patient/")):
            kind, _, query = path.partition("?")
            yield "searches by form", Ask("POST", f"/{kind}/_search", query.encode(), FORM)
    for path in searches.linked():
        yield "chains", Ask("GET", f"/{path}")
    for path in searches.twice(Random(5), 200):
        yield "chains", Ask("GET", f"/{path}")
    yield from operations(whose)
    for path in others(whose):
        yield "histories", Ask("GET", f"/{path}")
        yield "histories", Ask("HEAD", f"/{path}")
    for word in words:
        for kind in searches.kinds:
            yield "heard words", Ask("GET", f"/{kind}?identifier=urn:test|{quote(word)}")
            yield "heard words", Ask("GET", f"/{kind}?_content={quote(word)}")
            yield "heard words", Ask("GET", f"/{kind}?_text={quote(word)}")
        for name in ("name", "family", "given", "address", "address-city", "phonetic", "email", "telecom"):
            for end in ("", ":exact", ":contains", ":missing", ":text"):
                yield "heard words", Ask("GET", f"/Patient?{name}{end}={quote(word)}")


def _tricks(kind: str, whose: str) -> Iterator[Ask]:
    rid = rid_of(kind, whose)
    here = f"/{kind}/{rid}"
    for query in (
        "_elements=*", "_elements=id", "_summary=true", "_summary=data", "_summary=text", "_format=xml", "_format=json",
        "_pretty=true", "_fields=*", "_include=*", "_revinclude=*", "_contained=both", "_security=x", "_at=2027",
        "_since=2000-01-01", "_count=0", "_filter=id+eq+x", "_query=x", "_list=list-" + whose,
    ):  # fmt: skip
        yield Ask("GET", f"{here}?{query}")
        yield Ask("GET", f"/{kind}?_id={rid}&{query}")
        yield Ask("GET", f"{here}/_history?{query}")
    for order in (
        "_id",
        "-_lastUpdated",
        "_lastUpdated",
        "subject",
        "patient",
        "-date",
        "name",
        "family",
        "identifier",
    ):
        yield Ask("GET", f"/{kind}?_sort={order}&_count=200&_total=accurate")
    for spelt in (
        f"/{kind.lower()}/{rid}", f"/{kind}/{rid}/", f"/{kind}//{rid}", f"/{kind}/./{rid}", f"/{kind}/{rid};a=b",
        f"/{kind}/%2e%2e/{kind}/{rid}", f"/{kind}/{rid}%00", f"/{kind}/{quote(rid + '/_history')}",
    ):  # fmt: skip
        yield Ask("GET", spelt)
    for method in ("OPTIONS", "TRACE", "PROPFIND", "LINK"):
        yield Ask(method, here)
    for operation in (
        "$everything", "$validate", "$meta", "$graph", "$docref", "$summary", "$expunge", "$diff", "$convert", "$match",
        "$document", "$apply", "$lastn", "$export", "$binary-access-read", "$end-break-glass",
    ):  # fmt: skip
        yield Ask("GET", f"{here}/{operation}")
        yield Ask("GET", f"/{kind}/{operation}?patient=Patient/{whose}&_id={rid}")
        yield Ask("POST", f"{here}/{operation}", {"resourceType": "Parameters"})
    for accept in ("text/html", "application/fhir+xml", "text/turtle", "*/*", "application/octet-stream", "image/png"):
        yield Ask("GET", here, headers={"Accept": accept})
    for header in ("X-Forwarded-For", "X-Remote-User", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"):
        yield Ask("GET", here, headers={header: "GET" if "Method" in header else here})
    yield Ask("GET", here, headers={"Prefer": "return=representation", "If-None-Match": 'W/"2"'})
    yield Ask("GET", f"/AuditEvent?entity={kind}/{rid}")
    yield Ask("GET", f"/AuditEvent?patient={whose}&_include=*")
    yield Ask("GET", f"/AuditEvent?_has:{kind}:patient:_id={rid}")
    yield Ask("GET", f"/Provenance?target={kind}/{rid}&_include=Provenance:target")
    yield Ask("GET", f"/Binary/{rid_of('Binary', whose)}", headers={"Accept": "text/plain"})


def parameters(reason: str) -> Any:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "reason", "valueCode": reason},
            {"name": "text", "valueString": "Skal behandles nu, kan ikke svare"},
        ],
    }


def forced(whose: str) -> Iterator[tuple[str, Ask]]:
    """What opens a record to those who may, by those who may not."""
    for reason in ("consent", "danger", "duty", "x"):
        yield "forced", Ask("POST", f"/Patient/{whose}/$break-glass", parameters(reason))
    number = {"name": "identifier", "valueIdentifier": {"system": "urn:oid:1.2.208.176.1.2", "value": "0101700001"}}
    for name in ("$open", "$break-glass"):
        asked = parameters("danger")
        asked["parameter"].append(number)
        yield "forced", Ask("POST", f"/Patient/{name}", asked)
    yield "forced", Ask("POST", f"/Patient/{whose}/$end-break-glass", {"resourceType": "Parameters"})


def operations(whose: str) -> Iterator[tuple[str, Ask]]:
    """Our own operations on somebody else's, and on one's own with somebody else's in what is sent."""

    def told(**given: str) -> Any:
        said = [
            {"name": name.replace("_", "-"), ("valueReference" if "/" in text else "valueString"): {"reference": text}}
            if "/" in text
            else {"name": name.replace("_", "-"), "valueString": text}
            for name, text in given.items()
        ]
        return {"resourceType": "Parameters", "parameter": said}

    fields = [
        {"name": "field", "part": [{"name": "id", "valueString": one}, {"name": "value", "valueString": f"Task/{rid}"}]}
        for one, rid in (("aarsag", rid_of("Task", whose)), ("maal", rid_of("Goal", whose)))
    ]
    for of in (MINE, whose):
        task, plan = f"/Task/{rid_of('Task', of)}", f"/PlanDefinition/{rid_of('PlanDefinition', of)}"
        for kind in ("rygestop", "traening", "x"):
            for receiver_kind in ("prevention", "physio", ""):
                yield "operations", Ask("GET", f"{task}/$referral-draft?kind={kind}&receiver-kind={receiver_kind}")
            for receiver in ("Organization/physio", f"Patient/{whose}", f"Organization/{whose}"):
                sent = told(kind=kind, receiver=receiver, receiver_kind="physio", key="k", text="x")
                sent["parameter"] += fields
                yield "operations", Ask("POST", f"{task}/$refer-on", sent)
        if of != MINE:  # one's own stays open for those who ask next
            for reason in ("", "other", "moved", "x"):
                yield "operations", Ask("POST", f"{task}/$hand-back", told(answer="Slut", reason=reason))
        for about in (MINE, whose):
            for more in (
                {},
                {"encounter": f"Encounter/{rid_of('Encounter', whose)}"},
                {"practitioner": f"Practitioner/{whose}"},
                {"organization": f"Organization/{whose}"},
            ):
                given = told(subject=f"Patient/{about}", **more)
                yield "operations", Ask("POST", f"{plan}/$apply", given)
                for name in ("kol", "lrs", "t2d", "hjerte"):
                    url = f"http://tovholder.dk/fhir/PlanDefinition/{name}"
                    named = {"parameter": [*given["parameter"], {"name": "canonical", "valueCanonical": url}]}
                    yield "operations", Ask("POST", "/PlanDefinition/$apply", given | named)


def addresses() -> list[str]:
    """Every page's address as the URL table has it."""
    return [path for path in routes() if not path.startswith("fhir")]


def pages(whose: str) -> Iterator[tuple[str, str]]:
    """Each page there is, of somebody's record, opened and acted on."""
    for path in addresses():
        for package in ("kol", "lrs"):
            url = "/" + (
                path.replace("<str:patient_id>", whose)
                .replace("<str:patient>", whose)
                .replace("<slug:package>", package)
                .replace("<str:form_id>", "kol-behovsvurdering")
                .replace("<str:referral_id>", rid_of("Task", whose))
                .replace("<str:consent_id>", rid_of("Consent", whose))
                .replace("<slug:kind>", "rygestop")
            )
            url = _FILLED.sub(lambda match: whose if match[1] == "str" else "1", url)
            yield "GET", url
            yield "GET", f"{url}?patient={whose}&next=/klinik/patient/{whose}/{package}/"
            if not path.startswith(("logud", "login/", "smart/")):
                yield "POST", url
            if "<slug:package>" not in path:
                break


def mixed(whose: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each page's address of one's own patient and of the other, with the other's everywhere in the form."""
    sent: dict[str, Any] = {
        name: rid_of(kind, whose)
        for name, kind in {
            "patient": "Patient", "appointment": "Appointment", "activity": "ServiceRequest", "flag": "Flag",
            "trin": "ServiceRequest", "cancel": "Appointment", "goal": "Goal", "efter": "Task", "forslag": "Condition",
            "receiver": "Organization", "noegle": "Task", "runde": "CommunicationRequest", "vaelg": "Patient",
            "known": "EpisodeOfCare", "medicine": "MedicationRequest", "condition": "Condition", "consent": "Consent",
            "id": "Appointment", "course": "EpisodeOfCare",
        }.items()
    }  # fmt: skip
    sent |= {f"vej-{whose}": "letter", f"nr-{whose}": "1", "q": whose, "pakke": "kol", "text": "x", "name": "x"}
    sent |= {"cpr": "0101700001", "reason": "visit", "identifier": "010170-0001", "to": "physio", "query": "pakke=kol"}
    sent |= {"next": f"//evil.test/{whose}", "tilbage": f"https://evil.test/{whose}", "organization": "physio"}
    for path in addresses():
        if path.startswith(("logud", "login/", "smart/", "drift/")) or path.endswith(("deling", "flyttet")):
            continue  # whose session, app or relation it is, others ask with afterwards
        for of in (MINE, whose):
            filled = path.replace("<str:patient_id>", of).replace("<str:patient>", of).replace("<slug:package>", "kol")
            for name, kind in (("referral_id", "Task"), ("consent_id", "Consent")):
                filled = filled.replace(f"<str:{name}>", rid_of(kind, of))
            filled = filled.replace("<slug:kind>", "rygestop").replace("<str:form_id>", "kol-behovsvurdering")
            for act in ("", "find", "ask", "svar", "igen", "book", "accept", "fulfil", "state", "goal"):
                yield "/" + _FILLED.sub(lambda match: whose if match[1] == "str" else "1", filled), sent | {"do": act}
            if "<str:" not in path:
                break
