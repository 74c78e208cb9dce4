"""Entries of a transaction or batch as asked: what each wants done to what, under which conditions (R4 §3.1.0.11)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings

from tovholder.api import limits, negotiate
from tovholder.api.conditions import none_exist, version_in
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.ids import is_fhir_id, random_ids
from tovholder.fhir.prepare import Prepared
from tovholder.store import conditional
from tovholder.store import patch as patching
from tovholder.store.conditional import Criteria

# Deletes first, then creates, updates and patches, reads (R4 §3.1.0.11.2).
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
Resource = dict[str, Any]


@dataclass(slots=True)
class Link:
    """One place in a resource that points somewhere by a text that may have to be replaced."""

    holder: dict[str, Any]
    name: str  # reference, or url of an attachment
    text: str  # as it was sent


@dataclass(slots=True)
class Entry:
    """One entry. rid: the id it is about as far as is known; for a create the one it will get.

    criteria: the search that names what it is about. search: the criteria of its conditional references by text.
    existing: a conditional create that found something. prepared: made beside the turn, for the links as they were.
    """

    number: int
    method: str
    url: str
    kind: str = ""
    rid: str = ""
    query: str = ""
    resource: Resource = field(default_factory=dict)
    full_url: str = ""
    criteria: Criteria | None = None
    if_match: int | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    patch: list[dict[str, Any]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    search: dict[str, Criteria] = field(default_factory=dict)
    given: str | None = None
    existing: bool = False
    prepared: Prepared | None = None

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return f"Bundle.entry[{self.number}]"


def of_bundle(bundle: Resource) -> list[Any]:
    """The entries as they stand. Raises Problem for something else than a list, and for too many."""
    raw = bundle.get("entry", [])
    if not isinstance(raw, list):
        raise Problem(Category.INVALID, "Bundle.entry is not a list", [Issue("Bundle.entry", "not a list", "a list")])
    most = settings.ENV.limits.entries
    if len(raw) > most:
        raise limits.too_large("Bundle.entry", f"{len(raw)} entries", f"at most {most} in one Bundle")
    return raw


def parse(number: int, item: Any, base: str, *, measured: bool) -> Entry:
    """One entry, checked as far as it can be alone. Raises Problem naming the entry and the part.

    measured: count its values; needless where the whole Bundle has no more than one resource may.
    """
    where = f"Bundle.entry[{number}]"
    asked = item.get("request") if isinstance(item, dict) else None
    if not isinstance(asked, dict) or asked.get("method") not in tuple(ORDER) or not isinstance(asked.get("url"), str):
        raise _wrong(
            f"{where}.request",
            "missing or incomplete",
            f"method ({', '.join(ORDER)}) and url",
            "An entry does not say what to do",
        )
    full_url = item.get("fullUrl", "")
    if not isinstance(full_url, str):
        raise _wrong(f"{where}.fullUrl", "not a text", "a URL or urn:uuid", "An entry's fullUrl is no address")
    entry = Entry(number, asked["method"], asked["url"].removeprefix(f"{base}/").lstrip("/"), full_url=full_url)
    _conditions(entry, asked)
    if entry.method in ("GET", "HEAD"):
        return entry
    _target(entry)
    resource = item.get("resource")
    if entry.method == "DELETE":
        return entry
    if not isinstance(resource, dict):
        raise _wrong(f"{where}.resource", "missing", "a resource", "An entry has no resource")
    if measured:
        limits.check_resource(resource, f"{where}.resource")
    if entry.method == "PATCH":
        entry.patch = _patch(entry, resource)
        return entry
    if resource.get("resourceType") != entry.kind:
        raise _wrong(
            f"{where}.resource.resourceType",
            "another type",
            entry.kind,
            "An entry's resource is of another type than its url",
        )
    entry.resource = resource
    _identity(entry)
    entry.links = _links(resource)
    return entry


def _conditions(entry: Entry, asked: dict[str, Any]) -> None:
    for name in ("ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist"):
        if name in asked and not isinstance(asked[name], str):
            raise _wrong(f"{entry.where}.request.{name}", "not a text", "a text", "A condition cannot be read")
    if "ifMatch" in asked:
        entry.if_match = version_in(asked["ifMatch"], f"{entry.where}.request.ifMatch")
    entry.if_none_match, entry.if_modified_since = asked.get("ifNoneMatch"), asked.get("ifModifiedSince")
    if "ifNoneExist" in asked and entry.method == "POST":
        kind = entry.url.partition("?")[0]
        entry.criteria = none_exist(asked["ifNoneExist"], kind, f"{entry.where}.request.ifNoneExist")


def _target(entry: Entry) -> None:
    path, mark, entry.query = entry.url.partition("?")
    parts = [part for part in path.split("/") if part]
    where = f"{entry.where}.request.url"
    if any(part.startswith("$") for part in parts):
        raise Problem(
            Category.UNSUPPORTED,
            "Operations are not run inside a Bundle",
            [Issue(where, "an operation", "a request of its own", "not-supported")],
        )
    wanted = 1 if entry.method == "POST" or mark else 2
    if len(parts) != wanted or (mark and entry.method == "POST"):
        expected = "Type for POST; Type/id or Type?criteria for PUT, PATCH and DELETE"
        raise _wrong(where, "unusable", expected, "An entry's url is not one we know")
    entry.kind = parts[0]
    if mark:
        entry.criteria = conditional.criteria(entry.kind, parse_qsl(entry.query, keep_blank_values=True), where)
    elif wanted == 2:
        entry.rid = parts[1]


def _identity(entry: Entry) -> None:
    given = entry.resource.get("id")
    if entry.method == "POST":
        entry.rid = random_ids()
        entry.resource["id"] = entry.rid  # R4 §3.1.0.8: an id in the body is ignored
    elif entry.criteria is None:
        if given != entry.rid:
            raise _wrong(
                f"{entry.where}.resource.id",
                "missing or different",
                "the id in request.url",
                "The id is not the url's",
            )
    else:
        if given is not None and not (isinstance(given, str) and is_fhir_id(given)):
            raise _wrong(f"{entry.where}.resource.id", "no usable id", "an id, or none", "The resource's id is none")
        entry.given = given
        entry.rid = given or random_ids()
        entry.resource["id"] = entry.rid


def _patch(entry: Entry, resource: Resource) -> list[dict[str, Any]]:
    """R4 §3.1.0.11.2: a patch comes as a Binary that holds the patch document."""
    where = f"{entry.where}.resource"
    kind = str(resource.get("contentType", "")).partition(";")[0].strip().lower()
    if resource.get("resourceType") != "Binary" or kind != negotiate.PATCH_JSON:
        raise Problem(
            Category.UNSUPPORTED,
            "A patch in a Bundle is a Binary with a JSON Patch; FHIRPath Patch is not supported",
            [Issue(where, "no JSON Patch", f"a Binary with contentType {negotiate.PATCH_JSON}", "not-supported")],
        )
    try:
        raw = base64.b64decode(str(resource.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(
            f"{where}.data", "not base64", "the patch document in base64", "The patch cannot be read"
        ) from None
    return patching.check(json.loads(raw), settings.ENV.limits.patch, f"{where}.data")


def _links(value: dict[str, Any]) -> list[Link]:
    """Every reference, and every url of an attachment (a Binary of the same Bundle may be meant)."""
    found: list[Link] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is list:
            waiting += [child for child in item if type(child) is dict or type(child) is list]
            continue
        for name, child in item.items():
            kind = type(child)
            if kind is dict or kind is list:
                waiting.append(child)
            elif kind is not str:
                continue
            elif name == "reference":
                found.append(Link(item, "reference", child))
            # Neither a resource's own canonical nor the name of an extension.
            elif name == "url" and child[:4] == "urn:" and _is_attachment(item):
                found.append(Link(item, "url", child))
    return found


def _is_attachment(item: dict[str, Any]) -> bool:
    return "contentType" in item or "title" in item or len(item) == 1


def _wrong(path: str, message: str, expected: str, told: str) -> Problem:
    code = "required" if "missing" in message else "value"
    return Problem(Category.INVALID, told, [Issue(path, message, expected, code)])


def located(problem: Problem, number: int) -> Problem:
    """The problem with the entry's place before each path."""
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
