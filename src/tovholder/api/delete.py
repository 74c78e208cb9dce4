"""delete and conditional delete: DELETE [base]/[type]/[id] or [base]/[type]?criteria; every version stays (R4 §3.1.0.7)."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tovholder.api import conditions, http, negotiate
from tovholder.api.errors import success
from tovholder.api.response import Response
from tovholder.store import conditional, unit_of_work


def delete(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """Mark deleted; a later read answers 410."""
    ctx = http.caller(request)
    if_match = conditions.if_match(request)

    def work() -> None:
        with unit_of_work(ctx) as uow:
            uow.delete(kind, rid, if_match=if_match)

    http.in_turn(work)
    return _done(request, 1)


def conditional_delete(request: HttpRequest, kind: str) -> HttpResponse:
    """Mark the one match deleted, or all of them where the setting says so; nothing to delete is no failure."""
    ctx = http.caller(request)
    if_match = conditions.if_match(request)
    wanted = conditions.of_query(request, kind)
    most = settings.ENV.limits.entries if settings.ENV.delete_many else 1

    def work() -> int:
        with unit_of_work(ctx) as uow:
            return conditional.delete(uow, wanted, most=most, if_match=if_match)

    return _done(request, http.in_turn(work))


def _done(request: HttpRequest, count: int) -> HttpResponse:
    if negotiate.prefer(request).give == "OperationOutcome":
        return http.answer(success(f"{count} deleted; every version stays" if count else "There was nothing to delete"))
    return Response(status=204)
