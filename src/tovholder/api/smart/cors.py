"""Pages of registered apps, in a browser, may call the API and the token endpoint; no cookie goes along, ever.

Fetch standard §3.2: no Access-Control-Allow-Credentials is sent, so a browser keeps cookies to itself.
"""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders

from tovholder.access.generation import Memory
from tovholder.access.smart import clients

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Request-Id"
_EXPOSED = (
    "Content-Location, ETag, Expires, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Progress, X-Request-Id"
)
_known: Memory[str, bool] = Memory(most=1000)


def is_known(origin: str) -> bool:
    """Whether some registered app calls from there; nobody does while the database cannot say."""
    try:
        return bool(_known.get(origin, lambda: clients.known_origin(origin)))
    except DatabaseError:
        return False


def add(headers: ResponseHeaders, origin: str) -> None:
    """Let the page at a known origin read the answer; another learns nothing."""
    vary = headers.get("Vary", "")
    if "Origin" not in vary:
        headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    if is_known(origin):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks first if it may (Fetch §3.2.2)."""
    return request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META


def preflight(origin: str) -> HttpResponse:
    """What it is told."""
    response = HttpResponse(status=204)
    del response.headers["Content-Type"]
    if is_known(origin):
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    return response
