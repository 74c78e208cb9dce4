"""The patient's own page: what is next, who holds the rope, the plan, and room for own goals."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base.errors import not_found
from tovholder.plan import actions
from tovholder.web import forms, reading
from tovholder.web.presenters.pages import holder_view, minplan_page
from tovholder.web.view_models import Holder
from tovholder.web.views.common import for_roles, form_errors


def _own(ctx: Context) -> reading.Person:
    if ctx.patient is None:
        raise not_found("The patient")
    return reading.person(ctx, ctx.patient)


def _holder(ctx: Context, person: reading.Person) -> Holder | None:
    organization = reading.directory(ctx, "Organization", person.clinic_id) if person.clinic_id else None
    if organization is None:
        return None
    manager = next((held.episode.care_manager for held in reversed(person.courses) if held.episode.care_manager), None)
    return holder_view(organization, reading.name_of(ctx, manager) if manager else "")


def _show(
    request: HttpRequest, ctx: Context, person: reading.Person, form: forms.OwnGoalForm, *, status: int = 200
) -> HttpResponse:
    page = minplan_page(person, _holder(ctx, person), today=ctx.today, language=get_language() or "da")
    context = {"plan": page, "goal_form": form, "errors": form_errors(form) if form.is_bound else ()}
    return render(request, "web/minplan/page.html", context, status=status)


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.CITIZEN)
def page(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The page."""
    return _show(request, ctx, _own(ctx), forms.OwnGoalForm(today=ctx.today, name="maal"))


@require_http_methods(["GET", "POST"])
@for_roles(Role.CITIZEN)
def add_goal(request: HttpRequest, ctx: Context, package: str) -> HttpResponse:
    """A goal in the patient's own words."""
    if request.method == "GET":
        return HttpResponseRedirect(reverse("web:minplan"))
    person = _own(ctx)
    course = reading.course_of(person, package)
    form = forms.OwnGoalForm(request.POST, today=ctx.today, name="maal")
    if not form.is_valid():
        return _show(request, ctx, person, form, status=422)
    actions.add_goal(ctx, patient_id=person.id, episode_id=course.episode.id, text=form.cleaned_data["text"])
    messages.success(request, _("Dit mål er gemt. Klinikken kan se det nu."))
    return HttpResponseRedirect(reverse("web:minplan"))
