"""A questionnaire of a package about one patient: filled in from the record, kept, and the visit closed with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder import forms, store
from tovholder.access.domain import Context, Role
from tovholder.base import json
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.forms.domain import form_text, questions
from tovholder.packages.model import Form as PackageForm
from tovholder.packages.questionnaires import items
from tovholder.plan import actions
from tovholder.web import errors, kept, prefill, reading, visit
from tovholder.web.presenters.pages import beside
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, safe_next, technical

_UNDER_WAY = 7  # days an assessment of a checklist may take
_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.CONFLICT, Category.PRECONDITION})


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def questionnaire(request: HttpRequest, ctx: Context, patient_id: str, package: str, form_id: str) -> HttpResponse:
    """A questionnaire of the package about one patient: the deep link from the list."""
    course = reading.course(ctx, patient_id, package)
    form = course.package.forms.get(form_id)
    if form is None:
        raise not_found("The form")
    sends = request.method == "POST"
    closing = visit.of(ctx, course, form, request.POST if sends else None)
    answers: dict[str, Any] = {}
    issues: list[Issue] = []
    wrong: tuple[FormError, ...] = ()
    told: tuple[str, ...] = ()
    status = 200
    if sends:
        sent = {key: request.POST.getlist(key) for key in request.POST}
        answers, issues = forms.parse(form, sent)
        unread = {issue.path for issue in issues}
        issues += [issue for issue in forms.check(form, answers) if issue.path not in unread]
        if closing is not None and not closing.form.is_valid():
            wrong = form_errors(closing.form)
        status = 422 if issues or wrong else 200
        if status == 200 and not kept.is_resumed(request):
            try:
                return _keep(request, ctx, course, form, answers, closing)
            except Problem as problem:
                if problem.category not in _TOLD_ON_THE_PAGE:
                    raise
                wrong = tuple(FormError("", text) for text in errors.in_words(problem))
                told, status = technical(problem), errors.TOLD[problem.category].status
    return _show(request, ctx, course, form, answers, issues, closing, wrong=wrong, told=told, status=status)


def _keep(
    request: HttpRequest,
    ctx: Context,
    course: reading.Course,
    form: PackageForm,
    answers: dict[str, Any],
    closing: visit.Visit | None,
) -> HttpResponse:
    """All of it or nothing: the answers, how today's time went, and the next one."""
    if closing is not None and "date" in closing.form.cleaned_data and visit.NEXT_QUESTION in questions(form):
        answers.setdefault(visit.NEXT_QUESTION, [closing.form.cleaned_data["date"].isoformat()])
    more: list[str] = []
    if closing is None:
        _record(ctx, course, form.id, answers)
    else:
        with store.unit_of_work(ctx, patients=[course.patient_id]):
            _record(ctx, course, form.id, answers)
            more = visit.close(ctx, course, closing)
    messages.success(request, " ".join([_("Svarene er gemt."), *more]))
    rules = course.package.level
    for_level = {rules.base.form, *(block.form for block in rules.blocks)}
    anchor = "niveau" if form.id in for_level else "maalinger"
    back = reverse("web:patient", args=[course.patient_id, course.package.id])
    return HttpResponseRedirect(_from(request) or f"{back}#{anchor}")


def _show(
    request: HttpRequest,
    ctx: Context,
    course: reading.Course,
    form: PackageForm,
    answers: dict[str, Any],
    issues: list[Issue],
    closing: visit.Visit | None,
    *,
    wrong: tuple[FormError, ...],
    told: tuple[str, ...],
    status: int,
) -> HttpResponse:
    language = get_language() or "da"
    back = _from(request) or reverse("web:patient", args=[course.patient_id, course.package.id])
    issues = [errors.question_issue(issue, form, language) for issue in issues]
    if request.method == "POST":
        known, shown = prefill.Prefilled(), _as_typed(form, answers, request)
    else:
        known = prefill.of(ctx, course, form)
        shown = known.answers | _under_way(ctx, course, form)
    if closing is not None and closing.offers and closing.form.is_bound and "date" not in closing.form.fields:
        closing = visit.of(ctx, course, form)  # saved without booking, and shown again: the day is proposed again
        if closing is not None and request.POST.get(f"{visit.PREFIX}-held"):
            closing.form.initial["held"] = True
    sheet, conditions = forms.render(form, shown, language, issues), _conditions(form)
    fields = [
        field
        for field in sheet.fields
        if not (closing is not None and closing.offers and field.link_id == visit.NEXT_QUESTION and not field.errors)
    ]
    first = next((field.link_id for field in fields if field.takes_answer), "")
    return render(
        request,
        "web/klinik/formular.html",
        {
            "sheet": sheet,
            "questions": tuple(
                (field, known.told.get(field.link_id, ""), conditions.get(field.link_id, "")) for field in fields
            ),
            "first": first if closing is not None and not issues and not wrong else "",
            "visit": closing,
            "booked": visit.booked_words(closing) if closing is not None else "",
            "prefilled": known.filled,
            "beside": beside(course, form.id, language),
            "errors": tuple(FormError(f"svar-{issue.path}", issue.message) for issue in issues) + wrong,
            "technical": told,
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "back": back,
            "from": _from(request),
        },
        status=status,
    )


def _from(request: HttpRequest) -> str:
    """The clinic's list one came from, and goes back to."""
    return safe_next(request, request.POST.get("tilbage") or request.GET.get("tilbage") or "")


def _conditions(form: PackageForm) -> dict[str, str]:
    """What each question waits for, as the page's script reads it; without scripts all are shown."""
    return {
        str(item.get("linkId")): json.dumps(
            {
                "all": item.get("enableBehavior") == "all",
                "when": [
                    {
                        "question": one.get("question"),
                        "operator": one.get("operator"),
                        "answer": form_text(next(value for key, value in one.items() if key.startswith("answer"))),
                    }
                    for one in item["enableWhen"]
                ],
            }
        ).decode()
        for item in items(form.questionnaire)
        if item.get("enableWhen")
    }


def _record(ctx: Context, course: reading.Course, form_id: str, answers: dict[str, Any]) -> None:
    """Keep the answers; the needs assessment is followed by a proposed level at once."""
    about: dict[str, Any] = {"patient_id": course.patient_id, "episode_id": course.episode.id or ""}
    if form_id == course.package.level.base.form:
        actions.record_needs_assessment(ctx, **about, answers=answers)
        actions.propose_level(ctx, **about)
    else:
        actions.record_response(ctx, **about, package=course.package.id, form_id=form_id, answers=answers)


def _under_way(ctx: Context, course: reading.Course, form: PackageForm) -> dict[str, Any]:
    """The answers of a checklist gone through within these days, so that its assessment can be added to them.

    Older ones, and those of other forms, are not shown: what is asked anew is to be looked at anew.
    """
    held = next((item for item in course.view.forms if item.id == form.id), None)
    if held is None or form.scoring.kind != "checklist" or held.day is None or held.day < ctx.today - _UNDER_WAY:
        return {}
    return {link_id: list(values) for link_id, values in held.answers.items()}


def _as_typed(form: PackageForm, answers: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """The answers so far; what could not be read stands as it was typed."""
    asked = questions(form)
    typed = {
        key: request.POST.getlist(key)
        for key in request.POST
        if key in asked and key not in answers and request.POST[key].strip()
    }
    return {**typed, **answers}
