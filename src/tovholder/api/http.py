"""What every interaction shares: who asks, the answer and its headers, and errors as OperationOutcome."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from tovholder.access import Context
from tovholder.access.web import context_of_bearer
from tovholder.api import content, limits, negotiate
from tovholder.api.errors import outcome, status_of, success
from tovholder.api.response import Response, http_date
from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.database import costly
from tovholder.store import Stored, presence, share
from tovholder.store.reading import require_type

MEDIA_TYPE = f"{negotiate.FHIR_JSON}; charset=utf-8"
# Written by the record itself; nobody else writes, changes or deletes one.
READ_ONLY = frozenset({"AuditEvent"})
# How often a unit is run again when another was in its way (a deadlock the database resolved).
TRIES = 3
_CHALLENGE = 'Bearer realm="tovholder"'
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
log = structlog.get_logger(__name__)
View = Callable[..., HttpResponse]
Result = TypeVar("Result")


def fhir_view(*methods: str, also: str = "") -> Callable[[View], View]:
    """A FHIR endpoint: checks method, limits and wished format, and turns every error into an OperationOutcome.

    also: another media type that may be wished for, which the view gives whatever was wished.

    GET answers HEAD as well, and OPTIONS tells the methods. No cookie counts here (a bearer token is asked), so
    requests need no CSRF token.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def endpoint(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            media = MEDIA_TYPE
            try:
                limits.check_request(request)
                kind = kwargs.get("kind")
                if also and also in request.META.get("HTTP_ACCEPT", ""):
                    pass
                elif kind != "Binary" or "rid" not in kwargs or negotiate.wants_fhir(request):
                    media = negotiate.answer_type(request)  # a Binary may hold any form (R4 §2.31)
                if kind and kind != "*":
                    require_type(kind)
                kept = methods if "name" in kwargs else _methods(methods, kind)  # an operation may be asked of any type
                response = _dispatch(view, kept, request, args, kwargs)
            except Exception as error:
                response = answer_problem(_problem(request, error))
            return _finished(request, response, media)

        vars(endpoint)["fhir_methods"] = methods  # for the reference (docs/reference/api.md)
        vars(endpoint)["csrf_exempt"] = True
        return endpoint

    return decorate


def _methods(methods: tuple[str, ...], kind: str | None) -> tuple[str, ...]:
    return ("GET",) if kind in READ_ONLY and "GET" in methods else methods


def _dispatch(view: View, methods: tuple[str, ...], request: HttpRequest, args: Any, kwargs: Any) -> HttpResponse:
    if request.method in methods or (request.method == "HEAD" and "GET" in methods):
        return view(request, *args, **kwargs)
    if request.method == "OPTIONS":
        response = Response(status=204)
        response.headers["Allow"] = _allowed(methods)
        if "PATCH" in methods:
            response.headers["Accept-Patch"] = negotiate.PATCH_JSON  # RFC 5789 §3.1
        return response
    return not_allowed(request, *methods)


def _problem(request: HttpRequest, error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestDataTooBig):
        return limits.too_large("body", "the body is too large", f"at most {settings.ENV.limits.body} bytes")
    if isinstance(error, RecursionError):
        return Problem(Category.MALFORMED, "The content is nested too deeply")
    if isinstance(error, UnreadablePostError):
        return Problem(Category.MALFORMED, "The body broke off before its end")
    if isinstance(error, DatabaseError) and costly.is_too_much(error):
        wanted = "fewer links of a chain, fewer parameters, or several requests"
        issue = Issue("url", "more at once than the database takes", wanted, "too-costly")
        return Problem(Category.INVALID, "The request asks too much at once", [issue], kept="nothing was changed")
    if isinstance(error, DatabaseError):
        log.exception("database unavailable")
        return presence.unreachable()
    log.exception("fault in the API", route=getattr(request.resolver_match, "route", ""))
    return fault(request)


def _finished(request: HttpRequest, response: HttpResponse, media: str) -> HttpResponse:
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")  # health data stays in no cache
    if response.status_code == 401 and "HTTP_AUTHORIZATION" in request.META:
        headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_token"'  # RFC 6750 §3.1
    if response.streaming:
        return response
    if response.status_code in (204, 304):
        del headers["Content-Type"]
        return response
    content = response.content
    if headers["Content-Type"] == MEDIA_TYPE:
        if content and negotiate.is_pretty(request):
            response.content = content = json.dumps(json.loads(content), pretty=True)
        if media is not MEDIA_TYPE:
            headers["Content-Type"] = media
    headers["Content-Length"] = str(len(content))
    if request.method == "HEAD":
        response.content = b""  # the length told is that of the answer to GET (RFC 9110 §9.3.2)
    return response


def not_allowed(request: HttpRequest, *methods: str) -> HttpResponse:
    """405, with the methods there are."""
    told = request.method if request.method in _METHODS else "This method"  # what else stands there is not told back
    message = f"{told} is not supported here"
    issue = Issue("method", message, _allowed(methods), "not-supported")
    response = answer_problem(Problem(Category.UNSUPPORTED, message, [issue], kept="nothing was changed"))
    response.headers["Allow"] = _allowed(methods)
    return response


def _allowed(methods: tuple[str, ...]) -> str:
    return ", ".join(name for method in methods for name in ((method, "HEAD") if method == "GET" else (method,)))


def fault(request: HttpRequest) -> Problem:
    """What a client is told of a failure of ours."""
    number = getattr(request, "request_id", "")
    return Problem(Category.FAULT, f"Something failed on our side; quote {number} when you report it")


def caller(request: HttpRequest) -> Context:
    """Who asks; the API takes bearer tokens alone."""
    known: Context | None = getattr(request, "fhir_context", None)  # an entry of a Bundle, asked by the same caller
    if known is not None:
        return known
    return context_of_bearer(request)


def body(request: HttpRequest) -> Any:
    """The request's JSON object. Raises Problem for another media type, broken JSON, or something that is no object."""
    return content.json_object(request)


def resource_body(request: HttpRequest, kind: str) -> dict[str, Any]:
    """The request's resource, of the type the URL names. Raises Problem."""
    return content.resource(request, kind, base_url(request))


def in_turn(work: Callable[[], Result]) -> Result:
    """Run a unit of work, in a commit shared with others where that helps; once more when another was in its way and
    the database chose this one to give up.
    """
    for _ in range(TRIES - 1):
        try:
            return share(work)
        except Problem as problem:
            if problem.category is not Category.BUSY:
                raise
    return share(work)


def answer(value: object, status: int = 200, *, raw: bytes | None = None) -> HttpResponse:
    """A JSON answer."""
    return Response(raw if raw is not None else json.dumps(value), status=status, content_type=MEDIA_TYPE)


def answer_stored(
    request: HttpRequest, stored: Stored, status: int, *, raw: bytes | None = None, warnings: tuple[Issue, ...] = ()
) -> HttpResponse:
    """One version, with ETag, Last-Modified and where it is, in the shape the client prefers (R4 §3.1.0.1.4, .5).

    raw: what to show of it, where that is not all. warnings: told where the client asks for an OperationOutcome.
    """
    give = "representation" if request.method in ("GET", "HEAD") else negotiate.prefer(request).give
    response: HttpResponse
    if give == "minimal":
        response = Response(status=status, content_type=MEDIA_TYPE)
    elif give == "OperationOutcome":
        there = request.method == "POST" and status == 200
        message = "It was there already" if there else f"Version {stored.version} was stored"
        response = answer(success(message, warnings), status)
    else:
        response = answer(None, status, raw=raw if raw is not None else stored.body)
    return with_version(request, response, stored)


def with_version(request: HttpRequest, response: HttpResponse, stored: Stored) -> HttpResponse:
    """The headers that tell which version an answer is about."""
    where = location(request, stored)
    headers = response.headers
    headers["ETag"] = etag(stored.version)
    headers["Last-Modified"] = http_date(stored.updated // 1000)
    headers["Content-Location"] = where
    if request.method in ("POST", "PUT", "PATCH"):
        headers["Location"] = where
    return response


def not_modified(request: HttpRequest, stored: Stored) -> HttpResponse:
    """304: the client holds this version (R4 §3.1.0.1.7)."""
    return with_version(request, Response(status=304), stored)


def etag(version: int) -> str:
    """The weak entity tag of a version."""
    return f'W/"{version}"'


def location(request: HttpRequest, stored: Stored) -> str:
    """The absolute address of a version."""
    return f"{base_url(request)}/{stored.reference}/_history/{stored.version}"


def base_url(request: HttpRequest) -> str:
    """The absolute address of the service, as this client knows it."""
    known: str | None = request.__dict__.get("fhir_base")
    if known is None:
        known = request.fhir_base = f"{request.scheme}://{request.get_host()}/fhir"  # type: ignore[attr-defined]
    return known


def answer_problem(problem: Problem) -> HttpResponse:
    """An error as the client is told it."""
    status = status_of(problem)
    response = answer(outcome(problem), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    """An error told where no view was reached, in the form every answer of the API has."""
    return _finished(request, answer_problem(problem), MEDIA_TYPE)


def instant(updated: int) -> str:
    """Epoch milliseconds as a FHIR instant."""
    return days.instant_of(updated)
