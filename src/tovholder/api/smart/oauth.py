"""What the endpoints for machines share: forms in, JSON out, errors as RFC 6749 §5.2, tries counted, failures noted."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from authlib.oauth2.rfc6749.errors import InvalidRequestError, OAuth2Error
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tovholder.access import audit_acts, limits
from tovholder.access.smart import clients, proof
from tovholder.access.smart.domain import Client
from tovholder.api import http
from tovholder.api.smart import cors
from tovholder.base import json
from tovholder.base.errors import Category, Problem

View = Callable[[HttpRequest], HttpResponse]
_FORM = "application/x-www-form-urlencoded"
_LONGEST = 20_000


def endpoint(*methods: str) -> Callable[[View], View]:
    """An endpoint for machines: no cookie counts, nothing is cached, every error is JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest) -> HttpResponse:
            origin = request.META.get("HTTP_ORIGIN", "")
            if origin and cors.is_preflight(request):
                response = cors.preflight(origin)
            elif request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
                response = error("invalid_request", f"only {', '.join(methods)} is answered here", 405)
                response.headers["Allow"] = ", ".join(methods)
            else:
                response = _answered(view, request)
            if origin:
                cors.add(response.headers, origin)
            return response

        vars(answered)["csrf_exempt"] = True  # no cookie is asked, so none can be misused
        vars(answered)["roles"] = None
        vars(answered)["fhir_methods"] = methods  # for the reference (docs/reference/api.md)
        return answered

    return decorate


def _answered(view: View, request: HttpRequest) -> HttpResponse:
    try:
        return view(request)
    except OAuth2Error as refused:
        _note(request, str(refused.error))
        return _refusal(request, refused)
    except RequestDataTooBig:
        return error("invalid_request", "the request is too large", 413)
    except Problem as problem:
        if problem.category is Category.TOO_MANY:
            _note_flood(request)
            response = error("temporarily_unavailable", "too many tries; wait a few minutes", 429)
            response.headers["Retry-After"] = str(limits.SPAN)
            return response
        if problem.category is Category.NOT_FOUND:
            return error("invalid_request", "there is nothing here", 404)
        raise


def _refusal(request: HttpRequest, refused: OAuth2Error) -> HttpResponse:
    response = error(str(refused.error), refused.description, int(refused.status_code or 400))
    if response.status_code == 401 and "HTTP_AUTHORIZATION" in request.META:
        response.headers["WWW-Authenticate"] = 'Basic realm="tovholder"'  # RFC 6749 §5.2
    return response


def _note_flood(request: HttpRequest) -> None:
    """That there were too many tries: once a while in this process, or a flood of tries would be one of events."""
    global _flooded
    span = int(timezone.now().timestamp()) // limits.SPAN
    if span != _flooded:
        _flooded = span
        _note(request, "rate")


_flooded = 0


def _note(request: HttpRequest, reason: str) -> None:
    told = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    said = proof.claimed(told, request.META.get("HTTP_AUTHORIZATION", ""))
    now, number = timezone.now(), getattr(request, "request_id", "")
    # Only an id of a client there is: anything else may be anybody's name.
    known = said if said and clients.find(said) is not None else ""
    audit_acts.token_failed(now, reason, client=known, request_id=number)


def error(code: str, description: str, status: int = 400) -> HttpResponse:
    """An error by its code."""
    return answer({"error": code, "error_description": description}, status)


def answer(value: object, status: int = 200, *, cached: int = 0) -> HttpResponse:
    """JSON. cached: seconds it may be kept; what holds tokens never is (RFC 6749 §5.1)."""
    response = HttpResponse(json.dumps(value), status=status, content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={cached}" if cached else "no-store"
    if not cached:
        response.headers["Pragma"] = "no-cache"
    return response


def form(request: HttpRequest) -> dict[str, str]:
    """The request's parameters, each once, none empty (RFC 6749 §3.2). Raises InvalidRequestError."""
    if request.content_type != _FORM:
        raise InvalidRequestError(description=f"the content must be {_FORM}")
    found: dict[str, str] = {}
    for name, values in request.POST.lists():
        if len(values) > 1:
            raise InvalidRequestError(description="a parameter stands twice")
        if len(values[0]) > _LONGEST:
            raise InvalidRequestError(description="a parameter is too long")
        if values[0]:
            found[name] = values[0]
    return found


def needed(params: dict[str, str], name: str) -> str:
    """A parameter that must be there. Raises InvalidRequestError."""
    if name not in params:
        raise InvalidRequestError(description=f"{name} is missing")
    return params[name]


def client_of(request: HttpRequest, params: dict[str, str]) -> Client:
    """Who sent this, proved; tries are counted by address, and failed ones by client. Raises OAuth2Error, Problem."""
    now = timezone.now()
    address = limits.address_of(request)
    limits.attempt("token", now, address=address)
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    try:
        return proof.authenticate(params, authorization, audiences(request), now)
    except OAuth2Error:
        said = proof.claimed(params, authorization)
        if said:
            limits.attempt("token-refused", now, account=said)
        raise


def audiences(request: HttpRequest) -> tuple[str, ...]:
    """What an assertion may be for: the token endpoint, or the very address that is asked."""
    root = root_of(request)
    return f"{root}/smart/token", f"{root}{request.path}"


def root_of(request: HttpRequest) -> str:
    """The address of this server as the client knows it; the issuer."""
    return http.base_url(request).removesuffix("/fhir")
