"""transaction and batch: POST [base] with a Bundle (R4 §3.1.0.11)."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from tovholder.access import Context
from tovholder.api import entries, http, limits, negotiate
from tovholder.api.entries import ORDER, Entry, located
from tovholder.api.errors import outcome, status_of, status_text, success
from tovholder.api.resolution import Resolution
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import patient_of
from tovholder.store import Stored, UnitOfWork, conditional, ready, unit_of_work
from tovholder.store import patch as patching
from tovholder.store.versions import read

# Written so far goes to the database after so many: memory holds no more rows than these.
FLUSH = 1000


def bundle(request: HttpRequest) -> HttpResponse:
    """All entries or none (transaction); each for itself (batch)."""
    ctx = http.caller(request)
    content = http.body(request)
    if content.get("resourceType") != "Bundle" or content.get("type") not in ("transaction", "batch"):
        raise Problem(
            Category.INVALID,
            "Only transaction and batch Bundles are taken here",
            [Issue("Bundle.type", "another type or resource", "transaction or batch", "value")],
        )
    raw = entries.of_bundle(content)
    base, measured = http.base_url(request), limits.must_measure(request.body)
    answers: list[dict[str, Any]] = [{} for _ in raw]
    if content["type"] == "transaction":
        parsed = [entries.parse(number, item, base, measured=measured) for number, item in enumerate(raw)]
        Run(request, ctx, parsed).transaction(answers)
    else:
        for number, item in enumerate(raw):
            try:
                Run(request, ctx, [entries.parse(number, item, base, measured=measured)]).transaction(answers)
            except Problem as problem:
                failed = outcome(located(problem, number))
                answers[number] = {"response": {"status": status_text(status_of(problem)), "outcome": failed}}
    told: dict[str, Any] = {"resourceType": "Bundle", "type": f"{content['type']}-response"}
    return http.answer(told | ({"entry": answers} if answers else {}))


class Run:
    """One transaction: what can be done beside the turn is done first, then everything is written in one unit."""

    def __init__(self, request: HttpRequest, ctx: Context, asked: list[Entry]) -> None:
        self.request = request
        self.ctx = ctx
        self.entries = asked
        self.give = negotiate.prefer(request)
        self.resolution = Resolution(asked, http.base_url(request))

    def transaction(self, answers: list[dict[str, Any]]) -> None:
        """Run the entries in the order of R4 §3.1.0.11.2 and fill in their answers. Raises Problem naming an entry."""
        self.resolution.look_ahead(self.ctx)
        for entry in self.entries:
            if entry.method in ("POST", "PUT") and not entry.existing:
                entry.prepared = self._at(entry, lambda entry=entry: ready(entry.resource))
        if all(entry.method in ("GET", "HEAD") for entry in self.entries):
            for entry in self.entries:
                answers[entry.number] = self._at(entry, lambda entry=entry: self._get(entry))
            return
        http.in_turn(lambda: self._write(answers))

    def _at(self, entry: Entry, work: Any) -> Any:
        try:
            return work()
        except Problem as problem:
            raise located(problem, entry.number) from problem

    def _write(self, answers: list[dict[str, Any]]) -> None:
        with unit_of_work(self.ctx) as uow:
            changes = [(entry.kind, entry.rid) for entry in self.entries if entry.rid and entry.method != "POST"]
            about = {patient_of(entry.resource) for entry in self.entries if entry.prepared is not None}
            uow.prefetch(changes, [patient for patient in about if patient is not None])
            order = sorted(self.entries, key=lambda entry: (ORDER[entry.method], entry.number))
            deletes = [entry for entry in order if entry.method == "DELETE"]
            self._run(uow, deletes, answers)
            self.resolution.decide(uow)
            writes = [entry for entry in order if entry.method in ("POST", "PUT", "PATCH")]
            uow.prefetch((entry.kind, entry.rid) for entry in writes if entry.criteria and entry.method != "POST")
            self._run(uow, [entry for entry in writes if not entry.search], answers)
            waiting = [entry for entry in writes if entry.search]
            if waiting:
                self.resolution.references(uow, waiting)
                self._run(uow, waiting, answers)
            reads = [entry for entry in order if entry.method in ("GET", "HEAD")]
            if reads:
                uow.flush()
                self._run(uow, reads, answers)

    def _run(self, uow: UnitOfWork, some: list[Entry], answers: list[dict[str, Any]]) -> None:
        for count, entry in enumerate(some, start=1):
            answers[entry.number] = self._at(entry, lambda entry=entry: self._one(uow, entry))
            if count % FLUSH == 0:
                uow.flush()

    def _one(self, uow: UnitOfWork, entry: Entry) -> dict[str, Any]:
        if entry.method == "DELETE":
            return self._delete(uow, entry)
        if entry.method == "POST":
            if entry.existing:
                uow.flush()
                return self._told(read(self.ctx, entry.kind, entry.rid), 200, "It was there already")
            return self._told(uow.create(entry.resource, id=entry.rid, prepared=entry.prepared), 201)
        if entry.method == "PUT":
            stored = uow.update(entry.resource, if_match=entry.if_match, prepared=entry.prepared)
            return self._told(stored, 201 if stored.created else 200)
        if entry.method == "PATCH":
            held = uow.read(entry.kind, entry.rid)
            most = limits.current().values
            made = patching.apply(held, entry.patch, most, f"{entry.where}.resource.data")
            return self._told(uow.update(made, if_match=entry.if_match), 200)
        return self._get(entry)

    def _delete(self, uow: UnitOfWork, entry: Entry) -> dict[str, Any]:
        if entry.criteria is None:
            uow.delete(entry.kind, entry.rid, if_match=entry.if_match)
            count = 1
        else:
            count = conditional.delete(uow, entry.criteria, most=self.resolution.most, if_match=entry.if_match)
        response: dict[str, Any] = {"status": status_text(204)}
        if self.give.give == "OperationOutcome":
            response["outcome"] = success(f"{count} deleted; every version stays")
        return {"response": response}

    def _told(self, stored: Stored, status: int, message: str = "") -> dict[str, Any]:
        response: dict[str, Any] = {
            "status": status_text(status),
            "location": f"{stored.reference}/_history/{stored.version}",
            "etag": http.etag(stored.version),
            "lastModified": http.instant(stored.updated),
        }
        if self.give.give == "OperationOutcome":
            response["outcome"] = success(message or f"Version {stored.version} was stored")
        if self.give.told and self.give.give == "representation":
            return {"resource": orjson.Fragment(stored.body), "response": response}
        return {"response": response}

    def _get(self, entry: Entry) -> dict[str, Any]:
        """Whatever a GET of its own would answer, seen from inside the transaction."""
        path, _, query = entry.url.partition("?")
        try:
            match = resolve(f"/fhir/{path}")
        except Resolver404:
            raise Problem(
                Category.NOT_FOUND,
                "There is no such address",
                [Issue(f"{entry.where}.request.url", "unknown", "Type/id or Type?search", "not-found")],
            ) from None
        if not path.strip("/"):
            raise Problem(Category.NOT_FOUND, "There is no such address", kept="nothing was changed")
        # The view without what turns its errors into answers: an error undoes the transaction.
        response = inspect.unwrap(match.func)(
            _as_get(self.request, self.ctx, path, query, entry), *match.args, **match.kwargs
        )
        told: dict[str, Any] = {"status": status_text(response.status_code)}
        for name, header in (("etag", "ETag"), ("location", "Content-Location")):
            if header in response.headers:
                told[name] = response.headers[header]
        if response.status_code != 200 or entry.method == "HEAD" or not response.content:
            return {"response": told}
        return {"resource": orjson.Fragment(response.content), "response": told}


def _as_get(request: HttpRequest, ctx: Context, path: str, query: str, entry: Entry) -> HttpRequest:
    made = copy.copy(request)
    for cached in ("GET", "POST", "headers", "resolver_match"):
        made.__dict__.pop(cached, None)
    made.method = "GET"
    made.path = made.path_info = f"/fhir/{path}"
    made.META = {
        name: value for name, value in request.META.items() if name not in ("CONTENT_LENGTH", "CONTENT_TYPE")
    } | {"QUERY_STRING": query, "REQUEST_METHOD": "GET", "HTTP_ACCEPT": negotiate.FHIR_JSON}
    for name, value in (("IF_NONE_MATCH", entry.if_none_match), ("IF_MODIFIED_SINCE", entry.if_modified_since)):
        made.META.pop(f"HTTP_{name}", None)
        if value is not None:
            made.META[f"HTTP_{name}"] = value
    made.fhir_context = ctx  # type: ignore[attr-defined] # the same caller at the same moment (http.caller)
    return made
