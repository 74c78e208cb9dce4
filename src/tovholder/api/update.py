"""update and conditional update: PUT [base]/[type]/[id] or [base]/[type]?criteria, If-Match (R4 §3.1.0.4, §3.1.0.4.3)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.api import binary, conditions, content, http
from tovholder.base.ids import random_ids
from tovholder.store import Stored, conditional, ready, unit_of_work


def update(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """Store the next version; systems may create under their own id."""
    ctx = http.caller(request)
    if_match = conditions.if_match(request)
    if kind == "Binary" and binary.is_raw(request):
        resource = {**binary.of_content(request), "id": rid}
    else:
        resource = http.resource_body(request, kind)
    content.require_id(resource, kind, rid)
    prepared = ready(resource)

    def work() -> Stored:
        with unit_of_work(ctx) as uow:
            return uow.update(resource, if_match=if_match, prepared=prepared)

    stored = http.in_turn(work)
    return http.answer_stored(request, stored, 201 if stored.created else 200, warnings=prepared.issues)


def conditional_update(request: HttpRequest, kind: str) -> HttpResponse:
    """Store the next version of the one match; without a match create it; several matches are refused."""
    ctx = http.caller(request)
    if_match = conditions.if_match(request)
    wanted = conditions.of_query(request, kind)
    resource = http.resource_body(request, kind)
    given = resource.get("id")
    # Looked for before the unit begins, so that its rows can be made under the right id; looked for again inside.
    rid = given or conditional.single(conditional.matches(ctx, wanted), wanted) or random_ids()
    prepared = ready({**resource, "id": rid})

    def work() -> Stored:
        with unit_of_work(ctx) as uow:
            return conditional.update(uow, resource, wanted, new_id=rid, if_match=if_match, prepared=prepared)

    stored = http.in_turn(work)
    return http.answer_stored(request, stored, 201 if stored.created else 200, warnings=prepared.issues)
