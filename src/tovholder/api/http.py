"""What every interaction shares: who asks, the body, the answer's headers, and errors as OperationOutcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from tovholder.access import Context
from tovholder.access.web import context_for
from tovholder.api.errors import STATUS, outcome, success
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import whole_number
from tovholder.fhir.validate import resource_types
from tovholder.store import Stored, presence
from tovholder.store.reading import require_type

MEDIA_TYPE = "application/fhir+json; charset=utf-8"
_JSON_TYPES = ("application/fhir+json", "application/json", "text/json")
log = structlog.get_logger(__name__)
View = Callable[..., HttpResponse]


def fhir_view(*methods: str) -> Callable[[View], View]:
    """A FHIR endpoint: checks the method and the wished format, and turns every error into an OperationOutcome.

    No cookie counts here (a bearer token is asked), so requests need no CSRF token.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def endpoint(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    return not_allowed(request, *methods)
                _check_format(request)
                if "kind" in kwargs:
                    require_type(kwargs["kind"])
                return view(request, *args, **kwargs)
            except Problem as problem:
                return answer_problem(problem)
            except RequestDataTooBig:
                limit = f"at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes"
                return answer_problem(
                    Problem(Category.TOO_LARGE, "The body is too large", [Issue("", "too large", limit, "too-long")])
                )
            except RecursionError:
                return answer_problem(Problem(Category.MALFORMED, "The content is nested too deeply"))
            except UnreadablePostError:
                return answer_problem(Problem(Category.MALFORMED, "The body broke off before its end"))
            except DatabaseError:
                log.exception("database unavailable")
                return answer_problem(presence.unreachable())
            except Exception:
                log.exception("fault in the API", route=getattr(request.resolver_match, "route", ""))
                return answer_problem(fault(request))

        return endpoint

    return decorate


def not_allowed(request: HttpRequest, *methods: str) -> HttpResponse:
    """405, with the methods there are."""
    message = f"{(request.method or '')[:20]} is not supported here"
    issue = Issue("method", message, ", ".join(methods), "not-supported")
    response = answer_problem(Problem(Category.UNSUPPORTED, message, [issue], kept="nothing was changed"))
    response.status_code = 405
    response.headers["Allow"] = ", ".join(methods)
    return response


def fault(request: HttpRequest) -> Problem:
    """What a client is told of a failure of ours."""
    number = getattr(request, "request_id", "")
    return Problem(Category.FAULT, f"Something failed on our side; quote {number} when you report it")


def caller(request: HttpRequest) -> Context:
    """Who asks; the API takes bearer tokens alone."""
    if "Authorization" not in request.headers:
        raise Problem(Category.UNAUTHENTICATED, "The API needs a bearer token", kept="nothing was read or changed")
    return context_for(request)


def body(request: HttpRequest) -> Any:
    """The request's JSON. Raises Problem for another media type, broken JSON, or something that is no object."""
    kind = (request.content_type or "").lower()
    if kind and kind not in _JSON_TYPES:
        raise Problem(
            Category.UNSUPPORTED,
            "The content is not JSON",
            [Issue("Content-Type", "unsupported media type", "application/fhir+json", "not-supported")],
        )
    value = json.loads(request.body)
    if not isinstance(value, dict):
        raise Problem(
            Category.MALFORMED,
            "The content is not a FHIR resource",
            [Issue("$this", "not a JSON object", "an object with resourceType", "structure")],
        )
    return value


def resource_body(request: HttpRequest, kind: str) -> dict[str, Any]:
    """The request's resource, of the type the URL names. Raises Problem."""
    resource: dict[str, Any] = body(request)
    found = resource.get("resourceType")
    if found != kind:
        raise Problem(
            Category.INVALID,
            "The resource is of another type than the URL",
            [Issue("resourceType", _found(found), kind, "invalid")],
        )
    return resource


def _found(kind: object) -> str:
    # Only a name of FHIR's own is told back; anything else may be anybody's name.
    if not kind:
        return "missing"
    return f"found {kind}" if isinstance(kind, str) and kind in resource_types() else "found no resource type"


def answer(value: object, status: int = 200, *, raw: bytes | None = None) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(raw if raw is not None else json.dumps(value), status=status, content_type=MEDIA_TYPE)


def answer_stored(request: HttpRequest, stored: Stored, status: int) -> HttpResponse:
    """One version, with ETag, Last-Modified and Location, in the shape the client prefers (R4 §3.1.0.1.4, .5)."""
    prefer = request.headers.get("Prefer", "").replace(" ", "")
    if request.method in ("GET", "HEAD") or "return=minimal" not in prefer:
        if "return=OperationOutcome" in prefer and request.method not in ("GET", "HEAD"):
            response = answer(success(f"Version {stored.version} was stored"), status)
        else:
            response = answer(stored.resource, status, raw=stored.body or None)
    else:
        response = HttpResponse(b"", status=status, content_type=MEDIA_TYPE)
    response.headers["ETag"] = etag(stored.version)
    response.headers["Last-Modified"] = http_date(stored.updated // 1000)
    if request.method in ("POST", "PUT"):
        response.headers["Location"] = location(request, stored)
    return response


def etag(version: int) -> str:
    """The weak entity tag of a version."""
    return f'W/"{version}"'


def location(request: HttpRequest, stored: Stored) -> str:
    """The absolute address of a version."""
    return request.build_absolute_uri(f"/fhir/{stored.reference}/_history/{stored.version}")


def base_url(request: HttpRequest) -> str:
    """The absolute address of the service."""
    return request.build_absolute_uri("/fhir")


def answer_problem(problem: Problem) -> HttpResponse:
    """An error as the client is told it."""
    status = STATUS[problem.category]
    if problem.category is Category.UNSUPPORTED and any(issue.path == "Content-Type" for issue in problem.issues):
        status = 415
    if problem.category is Category.UNSUPPORTED and any(issue.path == "Accept" for issue in problem.issues):
        status = 406
    response = answer(outcome(problem), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="tovholder"'
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def if_match(request: HttpRequest) -> int | None:
    """The version named in If-Match. Raises Problem when it is none of our tags."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    return version_in(header, "If-Match")


def version_in(tag: str, path: str) -> int:
    """The version an entity tag names. Raises Problem when it is none of ours: a wish not understood is not ignored."""
    version = whole_number(tag.strip().removeprefix("W/").strip('"'))
    if version is None:
        raise Problem(
            Category.INVALID,
            f"{path} names no version",
            [Issue(path, "not one of our tags", 'W/"<number>"', "value")],
            kept="the resource as it was",
        )
    return version


def instant(updated: int) -> str:
    """Epoch milliseconds as a FHIR instant."""
    return datetime.fromtimestamp(updated / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check_format(request: HttpRequest) -> None:
    wished = request.GET.get("_format") or request.headers.get("Accept", "*/*")
    accepted = ("json", "*/*", "application/*", "text/html")
    if not any(part in wished.lower() for part in accepted):
        raise Problem(
            Category.UNSUPPORTED,
            "Only JSON is spoken here",
            [Issue("Accept", "unsupported format", "application/fhir+json", "not-supported")],
            kept="nothing was read or changed",
        )
