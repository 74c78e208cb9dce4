"""The page for a form without its key (named by config)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tovholder.base.errors import Category, Problem
from tovholder.web import errors


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came without its key: the page is old, or it was not ours (CSRF_FAILURE_VIEW)."""
    response = errors.page(request, Problem(Category.MALFORMED, "The form's key is missing or old"))
    response.status_code = 403
    return response
