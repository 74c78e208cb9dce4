"""read and vread, conditional too: GET [base]/[type]/[id] and …/_history/[vid] (R4 §3.1.0.2, §3.1.0.3)."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse

from tovholder import store
from tovholder.api import binary, conditions, http
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.text import whole_number
from tovholder.store import Stored, audit_search
from tovholder.store.search import subset
from tovholder.store.search.query import Query


def read(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """The current version; 304 when the client holds it already."""
    ctx = http.caller(request)
    if kind in http.READ_ONLY:
        return _answer(request, audit_search.read(ctx, rid))
    return _answer(request, store.read(ctx, kind, rid))


def vread(request: HttpRequest, kind: str, rid: str, version: str) -> HttpResponse:
    """One version."""
    ctx = http.caller(request)
    number = whole_number(version)
    if number is None or kind in http.READ_ONLY:
        raise not_found(kind)
    return _answer(request, store.read(ctx, kind, rid, version=number))


def _answer(request: HttpRequest, stored: Stored) -> HttpResponse:
    meta = request.META
    if conditions.is_unchanged(stored, meta.get("HTTP_IF_NONE_MATCH"), meta.get("HTTP_IF_MODIFIED_SINCE")):
        return http.not_modified(request, stored)
    if stored.type == "Binary" and not binary.wants_resource(request):
        return binary.answer(request, stored)
    query = meta.get("QUERY_STRING", "")
    raw = shaped(stored, dict(parse_qsl(query, keep_blank_values=True))) if query else None
    return http.answer_stored(request, stored, 200, raw=raw)


def shaped(stored: Stored, query: dict[str, str]) -> bytes | None:
    """What ``_summary`` or ``_elements`` leave of a resource; None for all of it. Raises Problem for a mode there is not."""
    mode, names = query.get("_summary", "false"), query.get("_elements", "")
    if mode not in ("true", "text", "data", "false"):
        raise Problem(
            Category.INVALID,
            "A single resource cannot be summarised like that",
            [Issue("_summary", "unknown or meant for searches", "true, text, data or false", "value")],
            kept="nothing was changed",
        )
    elements = frozenset(name.strip() for name in names.split(",") if name.strip())
    asked = Query(stored.type, summary=mode, elements=elements)  # type: ignore[arg-type] # one of the four
    return json.dumps(subset.part(stored.resource, asked)) if subset.wanted(asked) else None
