"""The API's own way through the server: what the pages' middleware does that an API needs, and nothing else.

No session, no cookie, no form token (a bearer token is asked each time), no language, no files. Kept are, in this
order: a host of ours, https in production, the request's id, the record's presence, the audit trail; and the security
headers on every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import URLPattern, resolve
from structlog.contextvars import bind_contextvars, unbind_contextvars

from tovholder.access import audit
from tovholder.api import urls
from tovholder.api.response import headers_of
from tovholder.api.smart import cors
from tovholder.base import ids
from tovholder.database import short
from tovholder.store import presence
from tovholder.store.web import FAILED, settle

Match = tuple[Callable[..., Any], tuple[Any, ...], dict[str, str]]
_HOSTS = 64  # how many spellings of our own names are remembered
_known_hosts: set[str] = set()


class ApiRequest(WSGIRequest):
    """Django's request, of which only what every interaction asks is made at once."""

    def __init__(self, environ: dict[str, Any]) -> None:
        path = environ["PATH_INFO"]
        if not path.isascii() or environ.get("SCRIPT_NAME") or environ.get("CONTENT_LENGTH"):
            super().__init__(environ)
            return
        self.environ = self.META = environ
        self.path = self.path_info = path
        self.method = environ["REQUEST_METHOD"].upper()
        self.resolver_match = None
        self._stream = BytesIO()  # no length, no body
        self._read_started = False
        if environ.get("CONTENT_TYPE"):
            self._set_content_type_params(environ)  # type: ignore[attr-defined] # Django's own
        else:
            self.content_type, self.content_params = "", {}

    def get_host(self) -> str:
        """The name the client knows us by. Raises DisallowedHost: told as 400."""
        host: str = self.META.get("HTTP_HOST", "")
        if host not in _known_hosts:
            host = super().get_host()
            if len(_known_hosts) < _HOSTS:
                _known_hosts.add(host)
        return host


class ApiHandler:
    """The WSGI application of the API."""

    def __init__(self) -> None:
        self._security = SecurityMiddleware(lambda _: HttpResponse())  # as for pages: config/settings.py

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        with_whole_body(environ, settings.ENV.limits.body)
        request = ApiRequest(environ)
        try:
            response = self._answer(request)
        finally:
            tidy()
        start_response(f"{response.status_code} {response.reason_phrase}", headers_of(response))
        if not isinstance(response, HttpResponse):
            return response  # a stream: closed by the server when it is sent
        request.close()
        return [response.content]

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        request_id = ids.request_id()
        request.request_id = request_id  # type: ignore[attr-defined]
        bind_contextvars(request_id=request_id)
        try:
            response = self._let_in(request)
        except Exception as error:
            response = response_for_exception(request, error)
        finally:
            unbind_contextvars("request_id")
        headers = response.headers
        headers["X-Request-Id"] = request_id
        headers["X-Content-Type-Options"] = "nosniff"
        if "HTTP_ORIGIN" in request.META:  # a page in a browser asks
            cors.add(headers, request.META["HTTP_ORIGIN"])
        if isinstance(response, HttpResponse):
            if self._security.sts_seconds:
                self._security.process_response(request, response)
            if "Content-Length" not in headers:
                headers["Content-Length"] = str(len(response.content))
        return response

    def _let_in(self, request: HttpRequest) -> HttpResponseBase:
        if FAILED in request.META:
            raise request.META[FAILED]
        request.get_host()
        if self._security.redirect:
            refused = self._security.process_request(request)
            if refused is not None:
                return refused
        if "HTTP_ORIGIN" in request.META and cors.is_preflight(request):
            return cors.preflight(request.META["HTTP_ORIGIN"])
        presence.check()
        with audit.answer() as entries:
            response = _seen(request)
        if entries:
            settle(request, entries, response)
        return response


def _seen(request: HttpRequest) -> HttpResponseBase:
    """What the view behind the address answers; a failure it does not tell itself as every answer of ours."""
    try:
        view, args, given = find(request.path_info) or resolve(request.path_info)
        response: HttpResponseBase = view(request, *args, **given)
    except Exception as error:
        response = response_for_exception(request, error)
    return response


def tidy() -> None:
    """Give the connection back (to the pool), or close one that broke: what Django's signals do after a request."""
    short.wrapper().close_if_unusable_or_obsolete()


def find(path: str) -> Match | None:
    """The view of a FHIR address by ``urls.urlpatterns``; None when none fits."""
    parts = path.split("/")[2:]  # /fhir/Patient/1 begins with two that say nothing
    words = _words()
    shape = tuple([part if part in words or not part else "$?" if part[0] == "$" else "?" for part in parts])
    found = _by_shape(shape)
    if found is None:
        return None
    names, view = found
    return view, (), {name: part for name, part in zip(names, parts, strict=True) if name}


Part = tuple[str, bool]  # "=text" for what stands there, else a parameter's name; whether it is an operation's


@lru_cache(4096)
def _by_shape(shape: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[..., Any]] | None:
    """The first pattern that takes parts like these: a word of ours, nothing, ``$?`` an operation, ``?`` anything else."""
    for names, view in _table().get(len(shape), ()):
        if all(_takes(name, is_operation, part) for (name, is_operation), part in zip(names, shape, strict=True)):
            return tuple("" if name[:1] in ("", "=") else name for name, _ in names), view
    return None


def _takes(name: str, is_operation: bool, part: str) -> bool:
    if name[0] == "=":
        return name[1:] == part
    return bool(part) and (not is_operation or (part[0] == "$" and len(part) > 1))


@lru_cache(1)
def _words() -> frozenset[str]:
    """What stands in addresses as it is; a bare $ is no operation."""
    told = {name[1:] for rows in _table().values() for names, _ in rows for name, _ in names if name[0] == "="}
    return frozenset(told | {"$"})


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


def may_be_held(method: str, path: str) -> bool:
    """Whether an answer may wait for its audit rows elsewhere: it only reads. An operation may begin something."""
    return method in ("GET", "HEAD") and path.startswith("/fhir/") and "$" not in path


def is_short(path: str, query: str = "") -> bool:
    """Whether a GET of this address is surely answered soon: one resource's read or vread, or a search of one type about
    one patient by plain parameters (no chains, no inclusions).
    """
    parts = path.split("/")
    count = len(parts)
    if query:
        return count == 3 and parts[2] not in _UNSURE and _is_about_one(query)
    if count == 4:  # /fhir/Type/id
        return parts[2] not in _UNSURE and parts[3] not in _words()
    return count == 6 and parts[4] == "_history" and parts[2] not in _UNSURE


def _is_about_one(query: str) -> bool:
    if len(query) > _PLAIN_QUERY:
        return False
    given = {name: value for name, _, value in (item.partition("=") for item in query.split("&"))}
    patient = given.get("patient", "")
    if given.get("subject", "").startswith("Patient/"):
        patient = given["subject"]
    return bool(patient) and "," not in patient and "%" not in patient and given.keys() <= _PLAIN


_PLAIN = frozenset({"patient", "subject", "code", "category", "status", "date", "type", "_count", "_sort"})
_PLAIN_QUERY = 500  # characters

# The trail is searched for its reads; a Binary may be very large, and be given in another form.
_UNSURE = frozenset({"AuditEvent", "Binary"})


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
