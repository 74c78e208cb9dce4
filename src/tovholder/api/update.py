"""update: PUT [base]/[type]/[id], with optimistic locking by If-Match (R4 §3.1.0.4, §3.1.0.5)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.api import http
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import unit_of_work


def update(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """Store the next version; systems may create under their own id."""
    ctx = http.caller(request)
    resource = http.resource_body(request, kind)
    if resource.get("id") != rid:
        raise Problem(
            Category.INVALID,
            "The resource's id is not the URL's",
            [Issue(f"{kind}.id", "missing or different", "the id in the URL", "value")],
        )
    with unit_of_work(ctx) as uow:
        stored = uow.update(resource, if_match=http.if_match(request))
    return http.answer_stored(request, stored, 201 if stored.created else 200)
