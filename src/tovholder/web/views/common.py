"""What the views share: who may come in, and what a Problem from an action means for the form that caused it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.forms import Form, RadioSelect
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from tovholder.access import audit, sessions
from tovholder.access.domain import Context, Role
from tovholder.access.web import context_for
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem, forbidden
from tovholder.store import trail
from tovholder.web import kept
from tovholder.web.view_models import FormError

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Context, P], HttpResponse]


def for_roles(
    *roles: Role, resumes: bool = False
) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Let in people of these roles; send those who are not logged in to the front page first.

    resumes: the view can show again what was typed before a session ended (web/kept.py).
    """

    def wrap(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                ctx = context_for(request)
            except Problem as problem:
                if problem.category is not Category.UNAUTHENTICATED:
                    raise
                return _to_login(request, resumes=resumes)
            if ctx.grants is not None:
                # What an app was given is resources by type; a page shows what no such word could leave out.
                _note_refusal(ctx, view.__name__, kwargs.get("patient_id"))
                raise forbidden("app", "Pages are for people, not for apps in their name", "the FHIR API")
            if ctx.role not in roles:
                _note_refusal(ctx, view.__name__, kwargs.get("patient_id"))
                raise forbidden("role", "This page is for another role", ", ".join(roles))
            if not resumes:
                return view(request, ctx, *args, **kwargs)
            is_sent = request.method == "POST"
            if request.method == "GET":
                kept.resume(request, ctx.person, ctx.now)
            response = view(request, ctx, *args, **kwargs)
            if is_sent and response.status_code == 302:
                kept.drop(request, response, ctx.person, ctx.now)
            return response

        guarded.roles = frozenset(roles)  # type: ignore[attr-defined]
        guarded.resumes = resumes  # type: ignore[attr-defined]
        return guarded

    return wrap


def _to_login(request: HttpRequest, *, resumes: bool) -> HttpResponse:
    """To the login, or to choosing a role; what was typed into a form is kept, where it is known whose session ended."""
    known = sessions.login_of(request)
    where = reverse("web:hat" if known is not None else "web:front")
    response = HttpResponseRedirect(f"{where}?{urlencode({'next': request.path})}")
    user = known.user if known is not None else sessions.ended(request)
    if request.method == "POST" and resumes and user and kept.keep(request, response, user, system_clock()):
        messages.warning(
            request,
            _("Du har været væk for længe og er logget ud. Det, du havde skrevet, er gemt i en halv time: log ind igen, så"
              " står det i formularen."),
        )  # fmt: skip
    elif sessions.ended(request):
        messages.warning(request, _("Du har været væk for længe og er logget ud. Log ind igen."))
    return response


def _note_refusal(ctx: Context, page: str, patient: object) -> None:
    if isinstance(patient, str):
        trail.note_refusal(ctx, "Patient", patient)
    else:
        audit.gather(audit.Entry(ctx, "refused", frozenset(), f"page:{page}", outcome="refused"))


def safe_next(request: HttpRequest, wanted: str) -> str:
    """The page that is wanted afterwards, when it is one of ours; else nothing."""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed and wanted.startswith("/") and wanted.isprintable() and ".." not in wanted else ""


def open_to_all(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Say in words that a page needs no login; a test asks that every page says one or the other."""
    view.roles = None  # type: ignore[attr-defined]
    return view


def technical(problem: Problem) -> tuple[str, ...]:
    """The problem's own words, for the folded-in explanation."""
    return tuple(str(issue) for issue in problem.issues)


def form_errors(form: Form) -> tuple[FormError, ...]:
    """What to correct in a form, in the order of its fields, each with the id its control has on the page.

    Where two fields are told the same, each text begins with its field's name.
    """
    found = [FormError("", text) for text in form.non_field_errors()]
    told = Counter(str(text) for bound in form for text in bound.errors)
    for bound in form:
        target = bound.id_for_label
        if isinstance(bound.field.widget, RadioSelect):
            target = bound.subwidgets[0].id_for_label
        found += [
            FormError(target or "", text if told[str(text)] == 1 else f"{bound.label} {text}") for text in bound.errors
        ]
    return tuple(found)
