"""search: GET [base]/[type]?… and POST [base]/[type]/_search (R4 §3.1.1)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse

from tovholder import store
from tovholder.api import http


def search(request: HttpRequest, kind: str) -> HttpResponse:
    """A searchset Bundle; the next page by an opaque cursor."""
    ctx = http.caller(request)
    params = parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)
    if request.method == "POST":
        params += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    page = store.search(ctx, kind, params)
    base = http.base_url(request)
    links = [{"relation": "self", "url": _link(base, kind, params)}]
    if page.cursor:
        kept = [(name, value) for name, value in params if name != "_cursor"]
        links.append({"relation": "next", "url": _link(base, kind, [*kept, ("_cursor", page.cursor)])})
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        bundle["total"] = page.total
    bundle["link"] = links
    if page.entries:
        bundle["entry"] = [
            {"fullUrl": f"{base}/{entry.reference}", "resource": entry.resource, "search": {"mode": "match"}}
            for entry in page.entries
        ]
    return http.answer(bundle)


def _link(base: str, kind: str, params: list[tuple[str, str]]) -> str:
    query = urlencode(params)
    return f"{base}/{kind}?{query}" if query else f"{base}/{kind}"
