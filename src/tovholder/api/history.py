"""history: GET [base]/[type]/[id]/_history, [base]/[type]/_history, [base]/_history (R4 §3.1.0.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tovholder import store
from tovholder.api import http
from tovholder.api.errors import status_text
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.text import whole_number
from tovholder.fhir.search_values import asked_range
from tovholder.store import History, Period, Version

DEFAULT_COUNT = 50
PARAMETERS = ("_count", "_since", "_at", "_cursor", "_format", "_pretty")
# A history has no place for an outcome beside its versions; the label says that some are left out (v3 ObservationValue).
_REDACTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "REDACTED"}
_METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}


def history(request: HttpRequest, kind: str | None = None, rid: str | None = None) -> HttpResponse:
    """A history Bundle, newest first; the next page by an opaque cursor.

    ``meta.lastUpdated`` is the instant to ask from next time (``_since``): every version below it has been seen.
    """
    ctx = http.caller(request)
    if kind in http.READ_ONLY:
        raise not_found(f"A history of {kind}")
    params = parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
    period, count, cursor = _asked(params)
    page = store.history(ctx, kind, rid, period=period, count=count, cursor=cursor)
    base = http.base_url(request)
    path = "/".join(part for part in (base, kind, rid, "_history") if part)
    links = [{"relation": "self", "url": _link(path, params)}]
    if page.cursor:
        kept = [(name, value) for name, value in params if name != "_cursor"]
        links.append({"relation": "next", "url": _link(path, [*kept, ("_cursor", page.cursor)])})
    return http.answer(_bundle(base, page, links))


def _bundle(base: str, page: History, links: list[dict[str, str]]) -> dict[str, Any]:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": http.instant(page.moment)},
        "type": "history",
    }
    if page.withheld:
        bundle["meta"]["security"] = [_REDACTED]
    if page.total is not None:
        bundle["total"] = page.total
    bundle["link"] = links
    if page.versions:
        bundle["entry"] = [_entry(base, version) for version in page.versions]
    return bundle


def _entry(base: str, version: Version) -> dict[str, Any]:
    stored, method = version.stored, version.method
    entry: dict[str, Any] = {"fullUrl": f"{base}/{stored.reference}"}
    if method != "delete":
        entry["resource"] = orjson.Fragment(stored.body)
    entry["request"] = {
        "method": _METHODS.get(method, "PUT"),
        "url": stored.type if method == "create" else stored.reference,
    }
    entry["response"] = {
        "status": status_text({"create": 201, "delete": 204}.get(method, 200)),
        "etag": http.etag(stored.version),
        "lastModified": http.instant(stored.updated),
    }
    return entry


def _asked(params: Sequence[tuple[str, str]]) -> tuple[Period, int, str | None]:
    issues: list[Issue] = []
    count, cursor, since, at = DEFAULT_COUNT, None, None, None
    for name, value in params:
        if name == "_count":
            wanted = whole_number(value)
            if wanted is None:
                issues.append(Issue("_count", "not a whole number", f"0 to {settings.ENV.limits.count}", "value"))
            count = min(wanted or 0, settings.ENV.limits.count)
        elif name in ("_since", "_at"):
            moments = asked_range(value)
            if moments is None:
                issues.append(Issue(name, "not an instant or date", "YYYY-MM-DDThh:mm:ss+zz:zz", "value"))
            elif name == "_since":
                since = moments[0]
            else:
                at = moments
        elif name == "_cursor":
            cursor = value
        elif name not in PARAMETERS:
            issues.append(Issue("url", "a parameter history does not know", ", ".join(PARAMETERS), "not-supported"))
    if issues:
        raise Problem(Category.INVALID, "The history cannot be read", issues, kept="nothing was read")
    return Period(since, at), count, cursor


def _link(path: str, params: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(params)}" if params else path
