"""transaction and batch: POST [base] with a Bundle (R4 §3.1.0.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse

from tovholder import store
from tovholder.access import Context
from tovholder.api import http
from tovholder.api.errors import STATUS, outcome
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.ids import random_ids
from tovholder.fhir import references
from tovholder.store import Stored, UnitOfWork, unit_of_work

# Deletes first, then creates, updates, reads (R4 §3.1.0.11.2).
_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3, "HEAD": 3}


@dataclass(slots=True)
class Entry:
    """One entry as asked."""

    number: int
    method: str
    kind: str
    rid: str
    query: str
    resource: dict[str, Any]
    full_url: str
    if_match: int | None


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
    transaction = content["type"] == "transaction"
    raw = content.get("entry", [])
    if not isinstance(raw, list):
        raise Problem(Category.INVALID, "Bundle.entry is not a list", [Issue("Bundle.entry", "not a list", "a list")])
    answers: list[dict[str, Any]] = [{} for _ in raw]
    if transaction:
        entries = [_entry(number, item) for number, item in enumerate(raw)]
        _check_unique(entries)
        with unit_of_work(ctx) as uow:
            _assign_ids(entries)
            for entry in sorted(entries, key=lambda item: (_ORDER[item.method], item.number)):
                try:
                    answers[entry.number] = _run(request, ctx, uow, entry)
                except Problem as problem:
                    raise _located(problem, entry.number) from problem
    else:
        for number, item in enumerate(raw):
            try:
                entry = _entry(number, item)
                with unit_of_work(ctx) as uow:
                    _assign_ids([entry])
                    answers[number] = _run(request, ctx, uow, entry)
            except Problem as problem:
                located = _located(problem, number)
                answers[number] = {
                    "response": {"status": str(STATUS[problem.category]), "outcome": outcome(located)},
                }
    return http.answer({"resourceType": "Bundle", "type": f"{content['type']}-response", "entry": answers})


def _entry(number: int, item: Any) -> Entry:
    where = f"Bundle.entry[{number}]"
    asked = item.get("request") if isinstance(item, dict) else None
    if (
        not isinstance(asked, dict)
        or not isinstance(asked.get("method"), str)
        or asked["method"] not in _ORDER
        or not isinstance(asked.get("url"), str)
    ):
        raise Problem(
            Category.INVALID,
            "An entry does not say what to do",
            [Issue(f"{where}.request", "missing or incomplete", "method (GET, POST, PUT, DELETE) and url", "required")],
        )
    for name in ("ifNoneExist", "ifNoneMatch", "ifModifiedSince"):
        if name in asked:
            raise Problem(
                Category.UNSUPPORTED,
                "Conditional entries are not supported yet",
                [Issue(f"{where}.request.{name}", "unsupported", "an unconditional entry", "not-supported")],
            )
    path, _, query = asked["url"].partition("?")
    parts = [part for part in path.split("/") if part]
    method = asked["method"]
    resource = item.get("resource")
    if method in ("POST", "PUT") and not isinstance(resource, dict):
        raise Problem(
            Category.INVALID,
            "An entry has no resource",
            [Issue(f"{where}.resource", "missing", "a resource", "required")],
        )
    if query and method not in ("GET", "HEAD"):
        raise Problem(
            Category.UNSUPPORTED,
            "Conditional entries are not supported yet",
            [Issue(f"{where}.request.url", "a query after the address", "an unconditional entry", "not-supported")],
        )
    if len(parts) != {"POST": 1, "PUT": 2, "DELETE": 2}.get(method, len(parts)) or not 1 <= len(parts) <= 2:
        raise Problem(
            Category.INVALID,
            "An entry's url is not one we know",
            [Issue(f"{where}.request.url", "unusable", "Type for POST, Type/id for PUT and DELETE", "value")],
        )
    if method in ("POST", "PUT") and isinstance(resource, dict) and resource.get("resourceType") != parts[0]:
        raise Problem(
            Category.INVALID,
            "An entry's resource is of another type than its url",
            [Issue(f"{where}.resource.resourceType", "another type", parts[0], "value")],
        )
    full_url, tag = item.get("fullUrl", ""), asked.get("ifMatch")
    if not isinstance(full_url, str):
        raise Problem(
            Category.INVALID,
            "An entry's fullUrl is no address",
            [Issue(f"{where}.fullUrl", "not a text", "a URL or urn:uuid", "value")],
        )
    return Entry(
        number,
        method,
        parts[0],
        parts[1] if len(parts) == 2 else "",
        query,
        resource if isinstance(resource, dict) else {},
        full_url,
        None if tag is None else http.version_in(str(tag), f"{where}.request.ifMatch"),
    )


def _check_unique(entries: list[Entry]) -> None:
    seen: set[tuple[str, str]] = set()
    urls: set[str] = set()
    for entry in entries:
        if entry.full_url in urls:  # R4 Bundle, bdl-7: references to it would mean either
            raise Problem(
                Category.INVALID,
                "Two entries have the same fullUrl",
                [Issue(f"Bundle.entry[{entry.number}].fullUrl", "named twice", "each fullUrl once", "duplicate")],
            )
        urls |= {entry.full_url} - {""}
        if entry.method not in ("PUT", "DELETE"):
            continue
        if (entry.kind, entry.rid) in seen:
            raise Problem(
                Category.INVALID,
                "Two entries change the same resource",
                [Issue(f"Bundle.entry[{entry.number}].request.url", "named twice", "each resource once", "duplicate")],
            )
        seen.add((entry.kind, entry.rid))


def _assign_ids(entries: list[Entry]) -> None:
    mapping: dict[str, str] = {}
    for entry in entries:
        if entry.method == "POST":
            entry.rid = random_ids()
            if entry.full_url:
                mapping[entry.full_url] = f"{entry.kind}/{entry.rid}"
        elif entry.method == "PUT" and entry.full_url.startswith("urn:"):
            mapping[entry.full_url] = f"{entry.kind}/{entry.rid}"
    if mapping:
        for entry in entries:
            references.rewrite(entry.resource, mapping)


def _run(request: HttpRequest, ctx: Context, uow: UnitOfWork, entry: Entry) -> dict[str, Any]:
    if entry.method == "POST":
        body = {name: value for name, value in entry.resource.items() if name != "id"}
        # The id was given above so that other entries could point at it.
        return _stored(request, uow.create(body, id=entry.rid), "201 Created")
    if entry.method == "PUT":
        if entry.resource.get("id") != entry.rid:
            raise Problem(
                Category.INVALID,
                "The resource's id is not the url's",
                [Issue(f"{entry.kind}.id", "missing or different", "the id in request.url", "value")],
            )
        stored = uow.update(entry.resource, if_match=entry.if_match)
        return _stored(request, stored, "201 Created" if stored.created else "200 OK")
    if entry.method == "DELETE":
        uow.delete(entry.kind, entry.rid, if_match=entry.if_match)
        return {"response": {"status": "204 No Content"}}
    if entry.rid:
        uow.flush()
        found = store.read(ctx, entry.kind, entry.rid)
        return {"resource": found.resource, "response": {"status": "200 OK", "etag": http.etag(found.version)}}
    uow.flush()
    page = store.search(ctx, entry.kind, parse_qsl(entry.query, keep_blank_values=True))
    found_bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if page.entries:
        found_bundle["entry"] = [{"resource": item.resource, "search": {"mode": "match"}} for item in page.entries]
    return {"resource": found_bundle, "response": {"status": "200 OK"}}


def _stored(request: HttpRequest, stored: Stored, status: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "response": {
            "status": status,
            "location": f"{stored.reference}/_history/{stored.version}",
            "etag": http.etag(stored.version),
            "lastModified": http.instant(stored.updated),
        }
    }
    if "return=representation" in request.headers.get("Prefer", ""):
        answer["resource"] = stored.resource
    return answer


def _located(problem: Problem, number: int) -> Problem:
    where = f"Bundle.entry[{number}]"
    issues = [
        Issue(
            issue.path if issue.path.startswith("Bundle.") else f"{where}.resource" + _below(issue.path),
            issue.message,
            issue.expected,
            issue.code,
            issue.severity,
        )
        for issue in problem.issues
    ]
    return Problem(problem.category, problem.message, issues, kept=problem.kept)


def _below(path: str) -> str:
    # "Patient.name[0]" inside an entry's resource is ".name[0]" below it.
    head, dot, rest = path.partition(".")
    return dot + rest if head[:1].isupper() else (f".{path}" if path else "")
