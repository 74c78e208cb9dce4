"""Patient $everything: one patient's whole record, or that of everybody (http://hl7.org/fhir/R4/patient-operation-everything.html)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from tovholder import store
from tovholder.api import http
from tovholder.api.errors import success
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, wrong
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.validate import resource_types
from tovholder.store import everything as record
from tovholder.store.everything import Part, Wish

PAGE = 1000
_NAMES = ("start", "end", "_since", "_type", "_count")


def instance(call: Call) -> dict[str, Any]:
    """[base]/Patient/[id]/$everything."""
    wish = _wish(call.params)
    patient = store.read(call.ctx, "Patient", call.rid)
    return _bundle(call, record.everything(call.ctx, patient, wish, call.params.text("_cursor")))


def everybody(call: Call) -> dict[str, Any]:
    """[base]/Patient/$everything: for roles that may export."""
    return _bundle(call, record.everything_of_all(call.ctx, _wish(call.params), call.params.text("_cursor")))


def _wish(params: Parameters) -> Wish:
    params.require_known((*_NAMES, "_cursor"))
    types = frozenset(params.texts("_type"))
    if not types <= resource_types():
        raise Problem(
            Category.INVALID,
            "That is not a FHIR R4 resource type",
            [Issue("_type", "unknown resource type", "R4 resource types such as Observation", "value")],
            kept="nothing was read",
        )
    count = params.number("_count")
    if count == 0:
        raise wrong("_count", "not a size of a page", "a whole number from 1")
    most = settings.ENV.limits.count
    since = params.span("_since")
    start, end = params.span("start"), params.span("end")
    return Wish(
        min(count or PAGE, most),
        start[0] if start else None,
        end[1] if end else None,  # the whole of that day
        since[0] if since else None,
        types,
    )


def _bundle(call: Call, part: Part) -> dict[str, Any]:
    base = http.base_url(call.request)
    address = "/".join(piece for piece in (base, call.kind, call.rid, call.name) if piece)
    asked = [(item.name, str(item.value)) for item in call.params.items if item.name in _NAMES]
    here = call.params.text("_cursor")
    links = [{"relation": "self", "url": _link(address, asked, here)}]
    if part.cursor:
        links.append({"relation": "next", "url": _link(address, asked, part.cursor)})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if not here and not part.cursor:
        bundle["total"] = len(part.entries)
    entries = [("match", one) for one in part.entries] + [("include", one) for one in part.included]
    if entries:
        bundle["entry"] = [
            {"fullUrl": f"{base}/{one.reference}", "resource": one.resource, "search": {"mode": mode}}
            for mode, one in entries
        ]
    if part.withheld is not None:
        told = success("Not everything is here", (part.withheld,))
        bundle.setdefault("entry", []).append({"resource": told, "search": {"mode": "outcome"}})
    return bundle


def _link(address: str, asked: list[tuple[str, str]], cursor: str | None) -> str:
    query = urlencode([*asked, *([("_cursor", cursor)] if cursor else [])])
    return f"{address}?{query}" if query else address
