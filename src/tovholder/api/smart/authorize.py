"""Where a browser comes with an app's request: checked, kept, and sent on to the page where a person answers it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from tovholder.access import limits
from tovholder.access.smart import requests
from tovholder.api import http
from tovholder.base.errors import Category, Issue, Problem


def authorize(request: HttpRequest) -> HttpResponse:
    """The authorization endpoint, by GET or POST (RFC 6749 §3.1). Raises Problem, told on a page of ours."""
    if request.method not in ("GET", "POST"):
        wanted = [Issue("method", "not supported here", "GET or POST", "not-supported")]
        raise Problem(Category.UNSUPPORTED, "The request is not supported", wanted, kept="nothing was given")
    now = timezone.now()
    limits.attempt("authorize", now, address=limits.address_of(request))
    given = request.GET if request.method == "GET" else request.POST
    try:
        found = requests.receive(dict(given.lists()), http.base_url(request), now)
    except requests.Refusal as refusal:
        return leave(refusal.address)
    response = HttpResponseRedirect(f"/smart/adgang/{found}")
    response.headers["Cache-Control"] = "no-store"
    return response


vars(authorize)["csrf_exempt"] = True  # it changes nothing for anybody: a person answers on a page that is not exempt
vars(authorize)["roles"] = None


def leave(address: str) -> HttpResponse:
    """Send the browser to an app's own registered address, which may have a scheme of its own."""
    response = HttpResponse(status=302)
    response.headers["Location"] = address
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
