"""search: GET [base]/[type]?…, POST [base]/[type]/_search, over a compartment, over several types (R4 §3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from django.http import HttpRequest, HttpResponse

from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.api import http, negotiate
from tovholder.api.errors import success
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import search_tables
from tovholder.fhir.definitions import resource_types
from tovholder.store import Page, Stored
from tovholder.store import search as search_one
from tovholder.store.search import parse_query, search_types

Params = list[tuple[str, str]]
# Of the form an answer is given in: they may stand beside a cursor that holds the search.
_FORM = ("_format", "_pretty")


def search(request: HttpRequest, kind: str) -> HttpResponse:
    """A searchset Bundle; the next page by an opaque cursor."""
    ctx, base = http.caller(request), http.base_url(request)
    params, by_post = _asked(request)
    page = search_one(ctx, kind, params, strict=negotiate.prefer(request).strict, base=base, sealed=by_post)
    return http.answer(_bundle(base, page, _links(f"{base}/{kind}", page, params)))


def in_compartment(request: HttpRequest, patient: str, kind: str) -> HttpResponse:
    """GET [base]/Patient/[id]/[type] and …/*: what is in the patient's compartment."""
    ctx, base = http.caller(request), http.base_url(request)
    params, by_post = _asked(request)
    kinds = _allowed(ctx, ["Patient", *search_tables.patient_compartment()]) if kind == "*" else [kind]
    strict = negotiate.prefer(request).strict
    page = search_types(ctx, kinds, params, strict=strict, base=base, about=patient, sealed=by_post)
    return http.answer(_bundle(base, page, _links(f"{base}/Patient/{patient}/{kind}", page, params)))


def of_types(request: HttpRequest) -> HttpResponse:
    """GET [base]?_type=A,B: several types at once, by what all of them can be asked."""
    ctx, base = http.caller(request), http.base_url(request)
    params, by_post = _asked(request)
    told = [part for name, value in params if name == "_type" for part in value.split(",") if part]
    if not told or not set(told) <= resource_types():
        raise Problem(
            Category.INVALID,
            "The search cannot be run",
            [Issue("_type", "which types?", "R4 resource types, comma separated", "required")],
            kept="nothing was read",
        )
    rest = [item for item in params if item[0] != "_type"]
    kinds = list(dict.fromkeys(told))
    page = search_types(ctx, kinds, rest, strict=negotiate.prefer(request).strict, base=base, sealed=by_post)
    return http.answer(_bundle(base, page, _links(base, page, params, always=[("_type", ",".join(kinds))])))


def _asked(request: HttpRequest) -> tuple[Params, bool]:
    """The parameters of address and form, and whether they came by POST."""
    params = parse_query(request.META.get("QUERY_STRING", ""))
    if request.method != "POST":
        return params, False
    if negotiate.sent_type(request) not in (negotiate.FORM, ""):
        raise Problem(
            Category.UNSUPPORTED,
            "The content is not in a form we read",
            [Issue("Content-Type", "no form", negotiate.FORM, "not-supported")],
        )
    return params + parse_query(request.body.decode("utf-8", "replace")), True


def _allowed(ctx: Context, kinds: Iterable[str]) -> list[str]:
    return sorted(kind for kind in kinds if not decide(ctx, "search", kind).nothing) or ["Patient"]


def _links(path: str, page: Page, params: Params, always: Params | None = None) -> list[dict[str, str]]:
    """Self as it was understood, the first page and the next.

    What came in a form may be a person's number and is told in no address: the search stands sealed in the cursor.
    """
    always = always or []
    if page.hidden is not None:
        at = next((value for name, value in params if name == "_cursor"), page.hidden)
        links = [
            {"relation": "self", "url": _link(path, [*always, ("_cursor", at)])},
            {"relation": "first", "url": _link(path, [*always, ("_cursor", page.hidden)])},
        ]
        following = [*always, ("_cursor", page.cursor)] if page.cursor else []
    else:
        used = [*always, *page.used, *(item for item in params if item[0] in _FORM and item not in page.used)]
        plain = [item for item in used if item[0] != "_cursor"]
        own = _link(path, used)
        first = own if len(plain) == len(used) else _link(path, plain)
        links = [{"relation": "self", "url": own}, {"relation": "first", "url": first}]
        following = [*plain, ("_cursor", page.cursor)] if page.cursor else []
    if following:
        links.append({"relation": "next", "url": _link(path, following)})
    return links


def _link(path: str, params: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def _bundle(base: str, page: Page, links: list[dict[str, str]]) -> dict[str, Any]:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        bundle["total"] = page.total
    bundle["link"] = links
    entries = [_entry(base, stored, "match") for stored in page.entries]
    entries += [_entry(base, stored, "include") for stored in page.included]
    if page.notes:
        told = success("The search was run; something of it is worth knowing", page.notes)
        entries.append({"resource": told, "search": {"mode": "outcome"}})
    if entries:
        bundle["entry"] = entries
    return bundle


def _entry(base: str, stored: Stored, mode: str) -> dict[str, Any]:
    # The body is given as it was stored: nothing is read again.
    return {
        "fullUrl": f"{base}/{stored.type}/{stored.id}",
        "resource": orjson.Fragment(stored.body),
        "search": {"mode": mode},
    }
