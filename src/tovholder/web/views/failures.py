"""The page for a form without its key (named by config)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from tovholder.access import sessions
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem
from tovholder.web import errors, kept


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its key: the page is old, or it was not ours (CSRF_FAILURE_VIEW)."""
    login = sessions.login_of(request)
    if login is not None and request.headers.get("Sec-Fetch-Site") == "same-origin" and _resumes(request):
        # Logged in anew in another window: the form is ours and its key is the old one. It is shown again, not sent.
        back = HttpResponseRedirect(request.path)
        if kept.keep(request, back, login.user, system_clock()):
            return back
    response = errors.page(request, Problem(Category.MALFORMED, "The form's key is missing or old"))
    response.status_code = 403
    return response


def _resumes(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and getattr(match.func, "resumes", False)
