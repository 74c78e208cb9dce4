"""Logging in at a login provider, choosing a role, proving anew who one is, logging out; also where the provider asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tovholder.access import audit_acts, issuers, limits, oidc, personas, sealed, sessions, staff, system_context
from tovholder.access.hats import Hat, who
from tovholder.access.issuers import Issuer
from tovholder.access.oidc import Asked, Refused, Verified
from tovholder.access.web import context_for
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.web import entry
from tovholder.web.context import home_of
from tovholder.web.hats_view import choice_of
from tovholder.web.views.common import open_to_all, safe_next

log = structlog.get_logger(__name__)
_ASKED = "logins"  # in the session: logins under way, by state
_AT_ONCE = 5
_HINT = "hint"  # in the session: the id_token, sealed, where the provider wants it back at logout


# -- there and back ------------------------------------------------------------------------------------------------


@require_GET
@open_to_all
def to_issuer(request: HttpRequest, issuer_id: str) -> HttpResponse:
    """Send the browser to the login provider."""
    return _send(request, _issuer(issuer_id), then=safe_next(request, request.GET.get("next", "")))


@require_GET
@open_to_all
def from_issuer(request: HttpRequest, issuer_id: str) -> HttpResponse:
    """The browser comes back from the login provider."""
    issuer, now = _issuer(issuer_id), timezone.now()
    limits.attempt("login", now, address=limits.address_of(request))
    answer = {name: request.GET[name] for name in ("state", "code", "iss", "error") if name in request.GET}
    try:
        if answer.get("error") == "access_denied":  # the person said no; some providers then leave out the state
            messages.warning(request, _("Login blev afbrudt. Du kan prøve igen."))
            return _front("")
        asked = _asked(request, answer)
        came = oidc.finish(issuer, asked, answer, _back(request, issuer), now)
        limits.attempt("login", now, account=staff.subject_of(issuer.id, came.subject))
        if asked.again:
            return _proved_anew(request, issuer, asked, came)
        return _let_in(request, issuer, asked, came)
    except Refused as refused:
        return _refuse(request, issuer, refused)


def _send(request: HttpRequest, issuer: Issuer, *, then: str, again: bool = False) -> HttpResponse:
    now = timezone.now()
    limits.attempt("login", now, address=limits.address_of(request))
    url, state, asked = oidc.begin(issuer, _back(request, issuer), now, then=then, again=again)
    under_way = dict(request.session.get(_ASKED, {}))
    under_way[state] = asdict(asked)
    while len(under_way) > _AT_ONCE:
        under_way.pop(next(iter(under_way)))
    request.session[_ASKED] = under_way
    return HttpResponseRedirect(url)


def _asked(request: HttpRequest, answer: Mapping[str, str]) -> Asked:
    """The login this answers; it is taken away, so that no answer counts twice. Raises Refused."""
    under_way = dict(request.session.get(_ASKED, {}))
    told: dict[str, Any] | None = under_way.pop(answer.get("state", ""), None)
    if told is None:
        raise Refused("state")
    request.session[_ASKED] = under_way
    return Asked(**told)


def _let_in(request: HttpRequest, issuer: Issuer, asked: Asked, came: Verified) -> HttpResponse:
    now = timezone.now()
    user = entry.arrive(system_context(now, "login", live=True), issuer, came)
    login = sessions.Login(
        user,
        issuer=issuer.id,
        subject=staff.subject_of(issuer.id, came.subject),
        sid=staff.subject_of(issuer.id, came.sid) if came.sid else "",
        authenticated_ms=came.authenticated * 1000 if came.authenticated is not None else 0,
    )
    hats = _hats(user)
    if not hats:
        raise Refused("no role")
    sessions.begin(request, login, now, hat=hats[0].key if len(hats) == 1 else "")
    if issuer.id_token_hint:
        request.session[_HINT] = sealed.seal(came.id_token, _HINT)
    if len(hats) > 1:
        return HttpResponseRedirect(f"{reverse('web:hat')}?{urlencode({'next': asked.then})}")
    audit_acts.login(context_for(request), how=f"oidc:{issuer.id}")
    return HttpResponseRedirect(then_or_home(asked.then, hats[0]))


def _proved_anew(request: HttpRequest, issuer: Issuer, asked: Asked, came: Verified) -> HttpResponse:
    login = sessions.login_of(request)
    if login is None or (login.issuer, login.subject) != (issuer.id, staff.subject_of(issuer.id, came.subject)):
        raise Refused("somebody else proved who they are")
    assert came.authenticated is not None  # asked for, and so required
    sessions.change(request, timezone.now(), authenticated_ms=came.authenticated * 1000)
    return HttpResponseRedirect(asked.then or reverse("web:front"))


def _refuse(request: HttpRequest, issuer: Issuer, refused: Refused) -> HttpResponse:
    """One page for every reason: it tells nobody whether a user is known."""
    request_id = getattr(request, "request_id", "")
    log.warning("login refused", issuer=issuer.id, reason=refused.reason)
    audit_acts.login_failed(timezone.now(), refused.reason, request_id=request_id, client=issuer.id)
    return render(request, "web/login_refused.html", {"request_id": request_id}, status=403)


# -- roles ---------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@open_to_all
def hat(request: HttpRequest) -> HttpResponse:
    """Choose which role to go on as; a user who has none any more is logged out."""
    login = sessions.login_of(request)
    then = safe_next(request, request.POST.get("next", "") or request.GET.get("next", ""))
    if login is None:
        return _front(then)
    hats = _hats(login.user)
    if not hats:
        sessions.end(request)
        return render(request, "web/login_refused.html", {"request_id": ""}, status=403)
    if request.method == "POST":
        chosen = next((one for one in hats if one.key == request.POST.get("hat")), None)
        if chosen is None:
            raise Problem(Category.INVALID, "Choose a role", [Issue("hat", "not one of yours")], kept="nothing")
        sessions.change(request, timezone.now(), hat=chosen.key)
        ctx = context_for(request)
        (audit_acts.role_chosen if login.hat else audit_acts.login)(ctx)
        return HttpResponseRedirect(then_or_home(then, chosen))
    choices = [choice_of(one, login.hat) for one in hats]
    return render(request, "web/hats.html", {"choices": choices, "next": then, "chosen": login.hat})


def _hats(user: str) -> tuple[Hat, ...]:
    found = who(user)
    return found.today(days.day_of(timezone.now())) if found is not None else ()


def then_or_home(wanted: str, chosen: Hat) -> str:
    """The page that was wanted, where it is one for this role; else the role's first page."""
    home = home_of(chosen.role)
    is_ours = wanted.startswith(home) and home != reverse("web:front")
    return wanted if wanted and (is_ours or wanted.startswith(_FOR_ANY_ROLE)) else home


# Pages that are no role's own: apps ask for leave, and are started, beside them.
_FOR_ANY_ROLE = ("/smart/", "/auth/", "/oauth/", "/login/")


# -- anew ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@open_to_all
def again(request: HttpRequest) -> HttpResponse:
    """Prove anew who one is, before something that asks for it; then on to the page that asked."""
    then = safe_next(request, request.POST.get("next", "") or request.GET.get("next", ""))
    login, user = sessions.login_of(request), sessions.who_of(request)
    if login is None or user is None:
        return _front(then)
    if login.issuer != personas.ISSUER:
        issuer = issuers.find(login.issuer)
        if issuer is None:
            raise not_found("That login provider")
        return _send(request, issuer, then=then, again=True)
    personas.require_allowed()
    if request.method == "POST":
        if request.POST.get("persona") != user.username:
            raise Problem(Category.INVALID, "Choose the same person", [Issue("persona", "another")], kept="nothing")
        now = timezone.now()
        sessions.change(request, now, authenticated_ms=days.millis(now))
        return HttpResponseRedirect(then or reverse("web:front"))
    return render(request, "web/login_again.html", {"username": user.username, "name": user.name, "next": then})


# -- logging out ---------------------------------------------------------------------------------------------------


@require_POST
@open_to_all
def log_out(request: HttpRequest) -> HttpResponse:
    """End this session, and the login provider's where it can be."""
    return _log_out(request, everywhere=False)


@require_POST
@open_to_all
def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session and token of the user, in every browser."""
    return _log_out(request, everywhere=True)


def _log_out(request: HttpRequest, *, everywhere: bool) -> HttpResponse:
    login, now = sessions.login_of(request), timezone.now()
    if login is None:
        sessions.end(request)
        return HttpResponseRedirect(reverse("web:front"))
    ctx = sessions.context(request, now)
    issuer = issuers.find(login.issuer)
    hint = sealed.unseal(request.session.get(_HINT, ""), _HINT) or ""
    there = request.build_absolute_uri(reverse("web:logged-out"))
    url = oidc.logout_url(issuer, there, hint) if issuer is not None else ""
    sessions.end(request)
    if everywhere:
        staff.log_out_everywhere(login.user, now)
    if ctx is not None:
        audit_acts.logout(ctx, how="everywhere" if everywhere else "")
    if not url:
        if everywhere:
            messages.success(request, _("Du er logget ud alle steder."))
        return HttpResponseRedirect(reverse("web:front"))
    # A form may lead nowhere but here (Content-Security-Policy: form-action), so the page itself goes on from here.
    assert issuer is not None
    told = {"url": url, "issuer": issuer.title[get_language() or "da"], "everywhere": everywhere}
    response = render(request, "web/logged_out.html", told)
    response.headers["Refresh"] = f"0; url={url}"
    return response


@require_GET
@open_to_all
def logged_out(request: HttpRequest) -> HttpResponse:
    """Where the login provider sends the browser when it has logged out there."""
    return render(request, "web/logged_out.html", {"url": "", "everywhere": False})


@csrf_exempt
@require_POST
@open_to_all
def back_channel(request: HttpRequest, issuer_id: str) -> HttpResponse:
    """The login provider says itself that somebody has logged out there (Back-Channel Logout 1.0 §2.5)."""
    issuer, now = _issuer(issuer_id), timezone.now()
    try:
        subject, sid = oidc.ended(issuer, request.POST.get("logout_token", ""), now)
    except Refused as refused:
        # What the provider signed is never too often: a house whose people all go home is logged out.
        limits.attempt("logout-refused", now, address=limits.address_of(request))
        log.warning("logout refused", issuer=issuer.id, reason=refused.reason)
        return HttpResponse(status=400)
    hashed = {"subject": staff.subject_of(issuer.id, subject), "sid": staff.subject_of(issuer.id, sid) if sid else ""}
    count = sessions.end_of(issuer.id, **hashed)
    log.info("logged out by the login provider", issuer=issuer.id, sessions=count)
    return HttpResponse(status=200)


# -- inside --------------------------------------------------------------------------------------------------------


def _issuer(issuer_id: str) -> Issuer:
    found = issuers.find(issuer_id)
    if found is None:
        raise not_found("That login provider")
    return found


def _back(request: HttpRequest, issuer: Issuer) -> str:
    return request.build_absolute_uri(reverse("web:login-back", args=[issuer.id]))


def _front(then: str) -> HttpResponse:
    query = f"?{urlencode({'next': then})}" if then else ""
    return HttpResponseRedirect(f"{reverse('web:front')}{query}")
