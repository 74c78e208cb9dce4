"""From an HTTP request to an access context, for pages (session) and the API (bearer token)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tovholder.access import people, sessions
from tovholder.access.domain import Context
from tovholder.base import ids
from tovholder.base.errors import Category, Problem


class RequestIdMiddleware:
    """Gives each request an id that logs, audit and error answers share."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = ids.request_id()
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
        response.headers["X-Request-Id"] = request_id
        return response


def context_for(request: HttpRequest) -> Context:
    """Who is asking for a page. Raises Problem(UNAUTHENTICATED) when nobody is logged in.

    A session alone opens a page: an app's token opens what the app was given, which pages do not ask about.
    """
    now = timezone.now()
    context = sessions.context(request, now)
    if context is None:
        raise Problem(Category.UNAUTHENTICATED, "Log in first", kept="nothing was read or changed")
    return replace(context, request_id=getattr(request, "request_id", ""), live=True)


def context_of_bearer(request: HttpRequest) -> Context:
    """Who is asking the API. Raises Problem(UNAUTHENTICATED) without a bearer token that holds."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise Problem(Category.UNAUTHENTICATED, "The API needs a bearer token", kept="nothing was read or changed")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(
            Category.UNAUTHENTICATED, "Authorization must be a bearer token", kept="nothing was read or changed"
        )
    request_id: str = getattr(request, "request_id", "")
    return people.context_of_token(token.strip(), timezone.now(), request_id=request_id, live=True)
