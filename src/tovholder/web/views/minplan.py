"""The patient's own page: what is next, who holds the rope, the plan, and room for own goals."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Right, Role
from tovholder.base.errors import Problem, not_found
from tovholder.cockpit import channel
from tovholder.plan import actions
from tovholder.plan.left import left
from tovholder.plan.merge import merged_of
from tovholder.plan.queries import minplan_of, minplan_view, read_all
from tovholder.plan.resources.medicine import REQUEST, STATEMENT
from tovholder.plan.views import MinPlanView
from tovholder.recall import history
from tovholder.web import access_view, forms, kept, reading
from tovholder.web.minplan_models import Holder
from tovholder.web.presenters.medicine import noted
from tovholder.web.presenters.minplan import holder_view, minplan_page
from tovholder.web.views.common import for_roles, form_errors


def _own(ctx: Context) -> str:
    if ctx.patient is None:
        raise not_found("The patient")
    return ctx.patient


def _goal_form(ctx: Context, package: str, data: Any = None) -> forms.OwnGoalForm:
    return forms.OwnGoalForm(data, today=ctx.today, name=f"maal-{package}")


def _show(
    request: HttpRequest, ctx: Context, form: forms.OwnGoalForm | None = None, package: str = "", *, status: int = 200
) -> HttpResponse:
    held = read_all(ctx, _own(ctx), (REQUEST, STATEMENT))
    view, merged = minplan_of(ctx, held), merged_of(held, ctx.today)
    names = reading.names(ctx, (f"Organization/{item.organization_id}" for item in view.appointments))
    language = get_language() or "da"
    page = minplan_page(view, _holder(ctx, view), names, today=ctx.today, language=language, merged=merged)
    told = [*held.of(REQUEST), *held.of(STATEMENT)]
    if told:
        with_medicine = (
            replace(shown, medicines=noted(ctx, told, one.episode.id, one.package, language))
            for shown, one in zip(page.courses, view.courses, strict=True)
        )
        page = replace(page, courses=tuple(with_medicine))
    invitation = history.for_patient(ctx, _own(ctx), opened=_is_looked_at(request))
    context = {
        "plan": page,
        "invitation": invitation,
        "left": left(held),
        "invitation_link": _web(view.patient.clinic_link) if invitation is not None else "",
        "courses": tuple(
            (one, form if form is not None and one.package == package else _goal_form(ctx, one.package))
            for one in page.courses
        ),
        "errors": form_errors(form) if form is not None else (),
        "represented": view.patient.name if ctx.role is Role.REPRESENTATIVE else "",
        "notices": access_view.notices(ctx, language=get_language() or "da"),
        "messages_received": channel.received(
            ctx, _own(ctx), besides=f"CommunicationRequest/{invitation.id}" if invitation is not None else ""
        ),
        "may_see_log": ctx.role is Role.CITIZEN or Right.RECORD in ctx.rights,
        "may_act": ctx.role is Role.CITIZEN or Right.ACT in ctx.rights,
    }
    return render(request, "web/minplan/page.html", context, status=status)


def _is_looked_at(request: HttpRequest) -> bool:
    """Whether a person asked for the page: not its head alone, nor a browser that fetches what may be wanted next.

    That an invitation was opened is noted like a look in the trail: by the GET, once, and changing nothing else.
    """
    told = " ".join(request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return request.method == "GET" and not {"prefetch", "prerender", "preview"} & set(
        re.split(r"[^a-z]+", told.lower())
    )


def _web(address: str) -> str:
    """An address on the web; nothing for one that a browser would run or open otherwise."""
    return address if address.lower().startswith(("https://", "http://")) else ""


def _holder(ctx: Context, view: MinPlanView) -> Holder | None:
    organization = reading.directory(ctx, "Organization", view.patient.clinic_id) if view.patient.clinic_id else None
    if organization is None:
        return None
    manager = next((item.episode.care_manager for item in reversed(view.courses) if item.episode.care_manager), None)
    return holder_view(organization, reading.name_of(ctx, manager) if manager else "")


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.CITIZEN, Role.REPRESENTATIVE)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The page."""
    return _show(request, ctx)


@require_http_methods(["GET", "POST"])
@for_roles(Role.CITIZEN, Role.REPRESENTATIVE, resumes=True)
def add_goal(request: HttpRequest, ctx: Context, package: str) -> HttpResponse:
    """A goal in the patient's own words."""
    if request.method == "GET":
        return HttpResponseRedirect(reverse("web:minplan"))
    view = minplan_view(ctx, _own(ctx))
    course = next((item for item in view.courses if item.package.id == package), None)
    if course is None:
        raise not_found("The course")
    form = _goal_form(ctx, package, request.POST)
    if kept.is_resumed(request):
        return _show(request, ctx, form, package)
    if not form.is_valid():
        return _show(request, ctx, form, package, status=422)
    text = form.cleaned_data["text"]
    try:
        actions.add_goal(ctx, patient_id=view.patient.id, episode_id=course.episode.id, text=text)
    except Problem as problem:
        if not any(issue.code == "duplicate" for issue in problem.issues):
            raise
        # Pressed twice, or from two windows: what was wished for is so.
        messages.success(request, _("Målet står her allerede. Klinikken kan se det."))
    else:
        messages.success(request, _("Dit mål er gemt. Klinikken kan se det nu."))
    return HttpResponseRedirect(reverse("web:minplan"))
