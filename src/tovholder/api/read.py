"""read and vread: GET [base]/[type]/[id] and …/_history/[vid] (R4 §3.1.0.2, §3.1.0.3)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder import store
from tovholder.api import http
from tovholder.base.errors import not_found
from tovholder.base.text import whole_number


def read(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """The current version."""
    return http.answer_stored(request, store.read(http.caller(request), kind, rid), 200)


def vread(request: HttpRequest, kind: str, rid: str, version: str) -> HttpResponse:
    """One version."""
    ctx = http.caller(request)
    number = whole_number(version)
    if number is None:
        raise not_found(kind)
    return http.answer_stored(request, store.read(ctx, kind, rid, version=number), 200)
