"""The page of a patient's merged plan: all packages by month, and one appointment booked for several of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access import blocks, emergencies
from tovholder.access.domain import Context, Role
from tovholder.appointments.together import book_together
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.base.ids import is_fhir_id
from tovholder.plan import overview as patients
from tovholder.plan.merge import merged_of
from tovholder.web import errors, forms, kept, reading
from tovholder.web.merged_view import MergedPage, Step
from tovholder.web.presenters import merged as presenter
from tovholder.web.presenters import patient as patient_presenter
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, technical

_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})
_KEY = "samlet-plan"


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def page(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """The merged plan, and booking one of its steps."""
    if request.method != "POST":
        return _show(request, ctx, _read(ctx, patient_id))
    ids = tuple(one for one in dict.fromkeys(request.POST.getlist("trin")) if is_fhir_id(one))[:20]
    form = forms.RebookForm(request.POST, today=ctx.today, name=f"book-{ids[0] if ids else ''}"[:80])
    if kept.is_resumed(request):
        return _show(request, ctx, _read(ctx, patient_id), form, ids, told=form_errors(form))
    if not form.is_valid():
        return _show(request, ctx, _read(ctx, patient_id), form, ids, told=form_errors(form), status=422)
    try:
        made = book_together(ctx, patient_id=patient_id, activity_ids=ids, start=form.start)
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        told = tuple(FormError("", text) for text in errors.in_words(problem))
        status = errors.TOLD[problem.category].status
        shown = _read(ctx, patient_id)
        return _show(request, ctx, shown, form, ids, told=told, technical=technical(problem), status=status)
    if len(made.activity_ids) > 1:
        messages.success(request, _("Aftalen er booket for alle pakkerne på én gang."))
    else:
        messages.success(request, _("Aftalen er booket."))
    return HttpResponseRedirect(reverse("web:merged", args=[patient_id]))


def _read(ctx: Context, patient_id: str) -> MergedPage:
    view = patients.patient_view(ctx, patient_id)
    head = patient_presenter.head(view, cpr=reading.cpr_of(view.resource), organization=ctx.organization, key=_KEY)
    found = merged_of(view.held, ctx.today, view.record)
    return presenter.merged_page(found, head, view.appointments, today=ctx.today, language=get_language() or "da")


def _show(
    request: HttpRequest,
    ctx: Context,
    shown: MergedPage,
    form: Any = None,
    ids: tuple[str, ...] = (),
    *,
    told: tuple[FormError, ...] = (),
    technical: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    def with_form(step: Step) -> Step:
        if not step.bookable:
            return step
        if form is not None and ids and ids[0] in step.ids:
            return replace(step, form=form)
        day = max(step.day if step.day is not None else ctx.today, ctx.today)
        fresh = forms.RebookForm(today=ctx.today, name=f"book-{step.id}", initial={"date": days.date_of(day)})
        return replace(step, form=fresh)

    shown = replace(
        shown,
        late=tuple(map(with_form, shown.late)),
        months=tuple(replace(month, steps=tuple(map(with_form, month.steps))) for month in shown.months),
        undated=tuple(map(with_form, shown.undated)),
    )
    patient_id = shown.head.patient_id
    return render(
        request,
        "web/klinik/samlet_plan.html",
        {
            "current": _KEY,
            "head": shown.head,
            "merged": shown,
            "errors": told,
            "technical": technical,
            "withheld": blocks.withheld(ctx, [patient_id]),
            "lifted": patient_id in blocks.lifted(ctx),
            "may_open": emergencies.may(ctx),
        },
        status=status,
    )
