"""Bulk Data $export: system, all patients, a Group's members (https://hl7.org/fhir/uv/bulkdata/STU2/export.html)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import http_date

from tovholder import store
from tovholder.access import Context
from tovholder.api import http
from tovholder.api.errors import outcome, success
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, wrong
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.references import parse_reference
from tovholder.jobs.queue import State
from tovholder.store import export
from tovholder.store.export import Export, Selection

NDJSON = "application/fhir+ndjson"
_FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
_NAMES = ("_outputFormat", "_since", "_type", "_typeFilter", "patient")


def system(call: Call) -> HttpResponse:
    """[base]/$export."""
    return _start(call, Selection("system"))


def patients(call: Call) -> HttpResponse:
    """[base]/Patient/$export."""
    return _start(call, Selection("patient"))


def group(call: Call) -> HttpResponse:
    """[base]/Group/[id]/$export."""
    store.read(call.ctx, "Group", call.rid)
    return _start(call, Selection("group", call.rid))


def _start(call: Call, of: Selection) -> HttpResponse:
    request = call.request
    prefer = [part.strip() for part in request.headers.get("Prefer", "").replace(";", ",").split(",")]
    if "respond-async" not in prefer:
        raise Problem(
            Category.UNSUPPORTED,
            "An export takes its time: ask for it with the header Prefer: respond-async",
            [Issue("Prefer", "respond-async is missing", "Prefer: respond-async", "required")],
            kept="nothing was exported",
        )
    if "handling=lenient" not in prefer:
        call.params.require_known(_NAMES if of.level != "system" else _NAMES[:-1])
    since = call.params.span("_since", instant=True)
    wish = Selection(
        of.level,
        of.group,
        types=tuple(dict.fromkeys(call.params.texts("_type"))),
        since=since[0] if since else None,
        patients=_patients(call) if of.level != "system" else None,
        filters=_filters(call.params),
    )
    wished = call.params.text("_outputFormat")
    if wished is not None and wished.replace(" ", "+") not in _FORMATS:
        raise wrong("_outputFormat", "unsupported format", NDJSON)
    export_id = export.start(call.ctx, wish, request=request.build_absolute_uri())
    response = http.answer(success("The export was put in line; ask at Content-Location how far it is"), 202)
    response.headers["Content-Location"] = f"{http.base_url(request)}/$export-status/{export_id}"
    return response


def _filters(params: Parameters) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for item in params.all("_typeFilter"):
        # A filter holds commas of its own; several are given as several parameters (Bulk Data Access IG §2.3.1.3).
        kind, mark, query = str(item.value).partition("?")
        if not mark:
            raise wrong("_typeFilter", "not a search", "such as Observation?code=718-7")
        found[kind] = (*found.get(kind, ()), query)
    return found


def _patients(call: Call) -> tuple[str, ...] | None:
    given = call.params.all("patient")
    if not given:
        return None
    if call.request.method != "POST":
        raise wrong("patient", "given in an address", "a Parameters resource sent by POST")
    found: list[str] = []
    for item in given:
        ref = parse_reference(item.value.get("reference") if isinstance(item.value, dict) else str(item.value))
        if ref is None or ref.type != "Patient" or ref.base:
            raise wrong("patient", "not a reference to a patient here", "Patient/[id]")
        found.append(ref.id)
    return tuple(dict.fromkeys(found))


def status(request: HttpRequest, export_id: str) -> HttpResponse:
    """GET: how far an export is, and its manifest once it is done. DELETE: end it and remove its files."""
    ctx, now = http.caller(request), timezone.now()
    if request.method == "DELETE":
        export.cancel(ctx, export_id, now)
        return http.answer(success("The export was removed"), 202)
    found = export.find(ctx, export_id, now)
    if found.state is State.FAILED:
        problem = Problem(Category.FAULT, found.told, kept="the record; no file of this export")
        return http.answer(outcome(problem), 500)
    if found.manifest is None or found.expires is None:
        response = HttpResponse(b"", status=202, content_type=http.MEDIA_TYPE)
        response.headers["X-Progress"] = found.told or "in line"
        response.headers["Retry-After"] = str(_pause(now - found.asked))
        return response
    response = HttpResponse(json.dumps(_manifest(request, found)), content_type="application/json")
    response.headers["Expires"] = http_date(found.expires.timestamp())
    return response


def _pause(age: timedelta) -> int:
    """Seconds until it is worth asking again: the longer it has taken, the longer."""
    return max(1, min(60, int(age.total_seconds() / 10)))


def _manifest(request: HttpRequest, found: Export) -> dict[str, Any]:
    assert found.manifest is not None
    return {
        "request": found.request,
        "requiresAccessToken": True,
        **found.manifest.listed(f"{http.base_url(request)}/$export-file/{found.id}/"),
    }


def file(request: HttpRequest, export_id: str, name: str) -> FileResponse:
    """One file, for whoever asked for the export."""
    ctx: Context = http.caller(request)
    now: datetime = timezone.now()
    return FileResponse(export.open_file(ctx, export_id, name, now), content_type=NDJSON)
