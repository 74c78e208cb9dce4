"""delete: DELETE [base]/[type]/[id]; every version stays (R4 §3.1.0.7)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.api import http
from tovholder.store import unit_of_work


def delete(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """Mark deleted; a later read answers 410."""
    ctx = http.caller(request)
    with unit_of_work(ctx) as uow:
        uow.delete(kind, rid, if_match=http.if_match(request))
    return HttpResponse(b"", status=204)
