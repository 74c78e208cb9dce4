"""Medicine in a course: what is noted, and the form that notes more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions
from tovholder.plan.actions import medicine as m
from tovholder.plan.resources.medicine import REQUEST, STATEMENT
from tovholder.web import errors, kept, reading
from tovholder.web.forms_medicine import MedicineForm
from tovholder.web.presenters.medicine import noted
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, technical

_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def page(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """The page: what is noted in the course, and the form."""
    course = reading.course(ctx, patient_id, package)
    language = get_language() or "da"
    about: dict[str, Any] = {"today": ctx.today, "name": "medicin", "package": course.package, "language": language}
    if request.method != "POST":
        return _show(request, ctx, course, MedicineForm(initial={"since": days.date_of(ctx.today)}, **about))
    form = MedicineForm(request.POST, **about)
    if kept.is_resumed(request):
        return _show(request, ctx, course, form, form_errors(form))
    if not form.is_valid():
        return _show(request, ctx, course, form, form_errors(form), status=422)
    given = form.cleaned_data
    try:
        done = actions.record_medicine(
            ctx,
            patient_id=patient_id,
            episode_id=course.episode.id or "",
            change=m.Change(given["change"]),
            name=given["name"],
            atc=given["atc"],
            reason=given["reason"],
            dosage=given["dosage"],
            day=form.day("since"),
            due_day=form.due(),
        )
    except Problem as problem:
        if problem.category not in _TOLD_ON_THE_PAGE:
            raise
        told = tuple(FormError("", text) for text in errors.in_words(problem))
        status = errors.TOLD[problem.category].status
        return _show(request, ctx, course, form, told, status=status, technical=technical(problem))
    if done.followup is None:
        messages.success(request, _("Medicinen er noteret."))
    else:
        messages.success(request, _("Medicinen er noteret, og opfølgningen står i planen."))
    return HttpResponseRedirect(reverse("web:medicine", args=[patient_id, package]))


def _found(ctx: Context, patient_id: str) -> list[dict[str, Any]]:
    kinds = (REQUEST, STATEMENT)
    found = (store.search_all(ctx, kind, [("patient", f"Patient/{patient_id}")]) for kind in kinds)
    return [item.resource for entries in found for item in entries]


def _show(
    request: HttpRequest,
    ctx: Context,
    course: reading.Course,
    form: MedicineForm,
    wrong: tuple[FormError, ...] = (),
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    language = get_language() or "da"
    known = course.package.plan.medicines
    return render(
        request,
        "web/klinik/medicine.html",
        {
            "form": form,
            "errors": wrong,
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "noted": noted(ctx, _found(ctx, course.patient_id), course.episode.id, course.package, language),
            "followups": tuple((held.title[language], held.start_days, held.change_days) for held in known),
            "may_note": bool(known) and course.episode.phase.is_started and course.view.plan is not None,
            "knows_none": not known,
            "back": reverse("web:patient", args=[course.patient_id, course.package.id]),
            **more,
        },
        status=status,
    )
