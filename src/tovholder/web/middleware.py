"""What every page gets: the chosen language, strict headers, and a readable page when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from tovholder.base.errors import Category, Problem, not_found
from tovholder.web import errors

GetResponse = Callable[[HttpRequest], HttpResponse]

# No inline script, no inline style, nothing from elsewhere. Listed whole, so that a test can compare it word for word.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_MACHINE_PATHS = ("/fhir", "/healthz", "/metrics", "/cds-services", "/.well-known")


def is_page(request: HttpRequest) -> bool:
    """Whether a person looks at the answer; machines get their own error form."""
    return not request.path.startswith(_MACHINE_PATHS)


def language_of(request: HttpRequest) -> str:
    """The language of the cookie; the browser's own wish is not asked, since most are set to English."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_CODE)
    return chosen if chosen in dict(settings.LANGUAGES) else str(settings.LANGUAGE_CODE)


def harden(response: HttpResponse) -> HttpResponse:
    """The headers of a page that holds health data."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    response.headers.setdefault("X-Frame-Options", "DENY")  # for browsers that do not know frame-ancestors
    response.headers.setdefault("Cache-Control", "no-store")
    return response


class PageHeadersMiddleware:
    """Danish unless the person chose otherwise, and the headers of a page that holds health data."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the language, answer, harden the answer."""
        if not is_page(request):
            return self.get_response(request)
        language = language_of(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language
        return harden(self.get_response(request))


_NUL = Problem(Category.MALFORMED, "A field holds a character that cannot be kept", kept="nothing was changed")


def _holds_nul(field: tuple[str, list[str]]) -> bool:
    name, values = field
    return "\x00" in name or any("\x00" in value for value in values)


class ProblemPageMiddleware:
    """A Problem that no view took becomes a page (web/errors.py)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; an address that leads nowhere gets the same page as something not yours."""
        if "\x00" in request.path and is_page(request):
            return errors.page(request, not_found("That address"))  # nothing is kept under it, whatever asks
        response = self.get_response(request)
        if response.status_code == 404 and request.resolver_match is None and is_page(request):
            return errors.page(request, not_found("That address"))
        return response

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """What is sent may not hold the one character PostgreSQL keeps nowhere; forms refuse it, hidden fields too."""
        if request.method == "POST" and is_page(request) and any(_holds_nul(one) for one in request.POST.lists()):
            return errors.page(request, _NUL)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The page of a Problem; other exceptions go on to Django."""
        if isinstance(exception, Problem) and is_page(request):
            return errors.page(request, exception)
        return None
