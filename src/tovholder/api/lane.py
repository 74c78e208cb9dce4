"""The API's own way through the server: what the pages' middleware does that an API needs, and nothing else.

No session, no cookie, no form token (a bearer token is asked each time), no language, no files. Kept are: a host of
ours, https in production, the security headers, the request's id, the record's presence, the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import URLPattern

from tovholder.api import urls

Match = tuple[Callable[..., Any], tuple[Any, ...], dict[str, str]]
_HOSTS = 64  # how many spellings of our own names are remembered
_known_hosts: set[str] = set()


class LaneMiddleware(SecurityMiddleware):
    """A host of ours, a safe transport (as for pages: config/settings.py), and what a browser may do with an answer."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Check, answer, complete the answer."""
        host = request.META.get("HTTP_HOST", "")
        if host not in _known_hosts:
            request.get_host()  # raises DisallowedHost: told as 400
            if len(_known_hosts) < _HOSTS:
                _known_hosts.add(host)
        refused = self.process_request(request) if self.redirect else None
        response = refused or self.get_response(request)
        assert isinstance(response, HttpResponseBase)
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        if isinstance(response, HttpResponse):
            if self.sts_seconds:
                self.process_response(request, response)
            if "Content-Length" not in headers:
                headers["Content-Length"] = str(len(response.content))
        return response


class ApiHandler(WSGIHandler):
    """Django's handler with ``settings.API_MIDDLEWARE``; addresses are found by their number of parts."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Django reads one setting; nobody is served yet, so it may say something else for a moment."""
        usual = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.API_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = usual

    def __call__(  # type: ignore[override] # any WSGI answer
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        with_whole_body(environ, settings.ENV.limits.body)
        close_old_connections()  # what Django's signals do around a request; nothing else listens for the API
        request = WSGIRequest(environ)
        response = self.get_response(request)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        if not isinstance(response, HttpResponse):
            return response  # a stream: closed by the server when it is sent
        request.close()
        close_old_connections()
        return [response.content]

    def resolve_request(self, request: HttpRequest) -> Any:
        """The view behind the address; Django's own way for what is written unusually."""
        found = find(request.path_info)
        return found if found is not None else super().resolve_request(request)


def find(path: str) -> Match | None:
    """The view of a FHIR address by ``urls.urlpatterns``; None when none fits."""
    parts = path.split("/")[2:]  # /fhir/Patient/1 begins with two that say nothing
    for names, view in _table().get(len(parts), ()):
        given: dict[str, str] = {}
        for (name, is_operation), part in zip(names, parts, strict=True):
            if not name:
                break
            if name[0] == "=":
                if name[1:] != part:
                    break
            elif not part or (is_operation and (part[0] != "$" or len(part) == 1)):
                break
            else:
                given[name] = part
        else:
            return view, (), given
    return None


Part = tuple[str, bool]  # "=text" for what stands there, else a parameter's name; whether it is an operation's


@lru_cache(1)
def _table() -> dict[int, list[tuple[list[Part], Callable[..., Any]]]]:
    found: dict[int, list[tuple[list[Part], Callable[..., Any]]]] = {}
    for prefix, pattern in _patterns(urls.urlpatterns, ""):
        parts = [_part(text) for text in f"{prefix}{pattern.pattern}".split("/")[1:]]
        if parts != [("=", False)]:
            found.setdefault(len(parts), []).append((parts, pattern.callback))
    return found


def _patterns(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for item in patterns:
        if isinstance(item, URLPattern):
            yield prefix, item
        else:
            yield from _patterns(item.url_patterns, f"{prefix}{item.pattern}")


def _part(text: str) -> Part:
    if not text.startswith("<"):
        return f"={text}", False
    kind, _, name = text.strip("<>").partition(":")
    return name, kind == "operation"


def with_whole_body(environ: dict[str, Any], most: int) -> None:
    """Give a body sent in chunks a length (RFC 9112 §7.1), which Django asks for; one byte more than ``most`` is read."""
    if "CONTENT_LENGTH" in environ or not environ.get("wsgi.input_terminated"):
        return
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    try:
        raw = environ["wsgi.input"].read(most + 1)
    except OSError as error:  # it broke off, or came too slowly: told when the body is asked for
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = _Broken(error), "1"
        return
    environ["wsgi.input"] = BytesIO(raw)
    environ["CONTENT_LENGTH"] = str(len(raw))


class _Broken(BytesIO):
    """A body that did not come to its end."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        """Raises what ended it."""
        raise self.error
