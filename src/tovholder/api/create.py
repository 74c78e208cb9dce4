"""create and conditional create: POST [base]/[type], If-None-Exist (R4 §3.1.0.8)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.api import binary, conditions, http
from tovholder.base.ids import random_ids
from tovholder.store import Stored, conditional, ready, unit_of_work


def create(request: HttpRequest, kind: str) -> HttpResponse:
    """Store a new resource; the server gives the id. With If-None-Exist only when nothing meets its criteria."""
    ctx = http.caller(request)
    wanted = conditions.if_none_exist(request, kind)
    raw = kind == "Binary" and binary.is_raw(request)
    resource = binary.of_content(request) if raw else http.resource_body(request, kind)
    rid = random_ids()
    resource["id"] = rid  # R4 §3.1.0.8: an id in the body is ignored
    prepared = ready(resource)

    def work() -> Stored:
        with unit_of_work(ctx) as uow:
            if wanted is None:
                return uow.create(resource, id=rid, prepared=prepared)
            return conditional.create(uow, resource, wanted, prepared=prepared)

    stored = http.in_turn(work)
    return http.answer_stored(request, stored, 201 if stored.created else 200, warnings=prepared.issues)
