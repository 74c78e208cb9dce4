"""What never reached a view: a host that is not ours, a fault of ours, a record that is away; told to person or machine."""

from __future__ import annotations

import sys

import structlog
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from tovholder.access import sessions
from tovholder.api.http import fault, refuse
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.store import presence
from tovholder.web import errors
from tovholder.web.middleware import harden, is_page, language_of

log = structlog.get_logger(__name__)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500."""
    error = sys.exc_info()[1]
    if isinstance(error, Problem):
        return _tell(request, error)
    if isinstance(error, DatabaseError):
        log.error("database unavailable", exc_info=True)
        return _tell(request, presence.unreachable())
    log.error("fault", exc_info=True)
    return _tell(request, fault(request))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: a host name, a form or a cookie that Django itself refuses."""
    if isinstance(exception, DisallowedHost):
        issue = Issue("Host", "not a name of this server", "a name in TOVHOLDER_HOSTS", "structure")
        return _tell(request, Problem(Category.MALFORMED, "This is not the server the request names", [issue]))
    return _tell(request, Problem(Category.MALFORMED, "The request cannot be understood"))


def unknown_address(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: an address that leads nowhere is told like something not yours."""
    if not is_page(request):
        return refuse(request, not_found("That address"))
    return errors.page(request, not_found("That address"))


def _tell(request: HttpRequest, problem: Problem) -> HttpResponse:
    if not is_page(request):
        return refuse(request, problem)
    # Who is logged in stands in the record, which may be what failed: the page must not ask it again.
    request.__dict__.pop("_messages", None)
    sessions.forget(request)
    with translation.override(language_of(request)):
        return harden(errors.page(request, problem))
