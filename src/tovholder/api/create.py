"""create: POST [base]/[type] (R4 §3.1.0.8)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.api import http
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import unit_of_work


def create(request: HttpRequest, kind: str) -> HttpResponse:
    """Store a new resource; the server gives the id."""
    ctx = http.caller(request)
    if "If-None-Exist" in request.headers:
        raise Problem(
            Category.UNSUPPORTED,
            "Conditional create is not supported yet",
            [Issue("If-None-Exist", "unsupported header", "a plain create", "not-supported")],
        )
    resource = http.resource_body(request, kind)
    resource.pop("id", None)  # R4 §3.1.0.8: an id in the body is ignored
    with unit_of_work(ctx) as uow:
        stored = uow.create(resource)
    return http.answer_stored(request, stored, 201)
