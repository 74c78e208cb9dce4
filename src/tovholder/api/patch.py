"""patch and conditional patch: PATCH [base]/[type]/[id] or [base]/[type]?criteria with a JSON Patch (R4 §3.1.0.6)."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tovholder.api import conditions, content, http
from tovholder.store import Stored, conditional
from tovholder.store import patch as patching


def patch(request: HttpRequest, kind: str, rid: str) -> HttpResponse:
    """Change parts of a resource; nothing else in it is touched."""
    return _patch(request, kind, rid, lambda _: rid)


def conditional_patch(request: HttpRequest, kind: str) -> HttpResponse:
    """The same for the one match; none or several are refused."""
    wanted = conditions.of_query(request, kind)
    expected = conditional.single(conditional.matches(http.caller(request), wanted), wanted)
    return _patch(request, kind, expected, lambda uow: conditional.target(uow, wanted))


def _patch(request: HttpRequest, kind: str, expected: str | None, target: patching.Target) -> HttpResponse:
    ctx = http.caller(request)
    if_match = conditions.if_match(request)
    limits = settings.ENV.limits
    operations = patching.check(content.patch(request), limits.patch)

    def work() -> Stored:
        return patching.patch(ctx, kind, target, operations, expected=expected, most=limits.values, if_match=if_match)

    return http.answer_stored(request, http.in_turn(work), 200)
