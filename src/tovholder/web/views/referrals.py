"""A referral on its way: its days, what came back, what the clinic heard by other ways; and the clinic's list of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.cockpit.queries import patient_names
from tovholder.referral import actions, queries
from tovholder.web import errors, kept, reading
from tovholder.web.forms_referrals import ACTS, HeardForm
from tovholder.web.presenters import referrals as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, technical

_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF, resumes=True)
def one(request: HttpRequest, ctx: Context, patient_id: str, package: str, referral_id: str) -> HttpResponse:
    """One referral: its days, what the receiver was told, what came back; and what the clinic heard by other ways."""
    course = reading.course(ctx, patient_id, package)
    if not is_fhir_id(referral_id):
        raise not_found("The referral")
    value, _task, order = queries.one(ctx, patient_id, referral_id)
    if value.episode_id != course.episode.id and value.episode_id not in {e.id for e in course.view.patient.episodes}:
        raise not_found("The referral")
    sheets = {act: HeardForm(act=act, today=ctx.today) for act in ACTS}
    told: tuple[FormError, ...] = ()
    details: tuple[str, ...] = ()
    status = 200
    if request.method == "POST":
        form = _sent(request, ctx, sheets)
        if form is not None and not form.is_valid():
            told, status = form_errors(form), 200 if kept.is_resumed(request) else 422
        elif not kept.is_resumed(request):
            try:
                said = _act(ctx, request.POST.get("do", ""), form, patient_id=patient_id, referral_id=referral_id)
            except Problem as problem:
                if problem.category not in _ON_THE_PAGE:
                    raise
                details, status = technical(problem), errors.TOLD[problem.category].status
                told = tuple(FormError("", str(text)) for text in errors.in_words(problem))
            else:
                messages.success(request, said)
                return HttpResponseRedirect(request.path)
    language = get_language() or "da"
    everything = queries.rounds(ctx, patient_id)
    chain = [
        item for item in everything if value.id in (item.id, item.follows, item.resent) or item.id == value.follows
    ]
    names = reading.called(ctx, {f"Organization/{item.receiver_id}" for item in chain if item.receiver_id})
    about: dict[str, Any] = {
        "patient_id": patient_id, "package": course.package, "names": names, "language": language, "today": ctx.today,
    }  # fmt: skip
    notes = [item.get("text") for item in order.get("note") or () if str(item.get("id")) == "felt--tekst"]
    documents = [
        item.get("display") or item.get("reference")
        for item in order.get("supportingInfo") or ()
        if str(item.get("reference") or "").startswith("DocumentReference/")
    ]
    return render(
        request,
        "web/klinik/referral.html",
        {
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "back": reverse("web:patient", args=[patient_id, package]),
            "referral": presenter.referral(value, **about),
            "chain": [presenter.referral(item, **about) for item in chain if item.id != value.id],
            "told": presenter.told_rows(value.told, ctx.today),
            "table": value.table,
            "text": next(iter(notes), ""),
            "documents": documents,
            # What was typed stays on the page, whatever became of the referral meanwhile.
            "heard": [form for act, form in sheets.items() if act in _may(value.status) or form.is_bound],
            "unseen": queries.of_round(value, package, ctx.today) in ("stopped", "answered", "referred-on"),
            "errors": told,
            "technical": details,
        },
        status=status,
    )


def _may(status: str) -> frozenset[str]:
    return {
        "requested": frozenset({"accept", "start", "reject", "withdraw"}),
        "received": frozenset({"accept", "start", "reject", "withdraw"}),
        "accepted": frozenset({"start", "reject", "withdraw"}),
        "in-progress": frozenset({"complete", "stop"}),
        "on-hold": frozenset({"complete", "stop"}),
    }.get(status, frozenset())


def _sent(request: HttpRequest, ctx: Context, sheets: dict[str, HeardForm]) -> HeardForm | None:
    """The form that was sent, in its place among the page's; None where a button alone was pressed."""
    act = request.POST.get("do", "")
    if act not in sheets:
        return None
    sheets[act] = HeardForm(request.POST, act=act, today=ctx.today)
    return sheets[act]


def _act(ctx: Context, do: str, form: HeardForm | None, **about: Any) -> Any:
    """Write down what the clinic heard."""
    if do == "seen":
        actions.mark_seen(ctx, **about)
        return _("Det er noteret, at I har set det.")
    if form is None:
        raise Problem(Category.INVALID, "The act is not known", [Issue("do", "unknown act", ", ".join(ACTS))])
    given = form.cleaned_data
    text, day = given.get("tekst", "").strip(), form.day("dag")
    if do == "accept":
        actions.accept(ctx, **about, accepted_day=day)
        return _("Det er noteret, at modtageren har accepteret.")
    if do == "start":
        actions.start(ctx, **about, started_day=day)
        return _("Det er noteret, at tilbuddet er begyndt.")
    if do == "complete":
        actions.complete(ctx, **about, completed_day=day, answer=text)
        return _("Det er noteret, at tilbuddet er afsluttet.")
    if do == "reject":
        actions.reject(ctx, **about, reason=given["grund"], text=text)
        return _("Det er noteret, at henvisningen er afvist. Send den til en anden modtager.")
    if do == "stop":
        actions.stop(ctx, **about, reason=given["grund"], text=text)
        return _("Det er noteret, at tilbuddet er stoppet.")
    actions.withdraw(ctx, **about, text=text)
    return _("Henvisningen er trukket tilbage.")


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.GP, Role.STAFF)
def listed(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The clinic's referrals that are under way or wait for somebody to look."""
    lines = queries.of_clinic(ctx)
    names = patient_names(ctx, sorted({line.patient_id for line in lines}))
    held = reading.called(ctx, {f"Organization/{line.receiver_id}" for line in lines if line.receiver_id})
    rows = presenter.clinic_rows(lines, names, held, get_language() or "da")
    return render(
        request,
        "web/klinik/referrals.html",
        {"waiting": [row for row in rows if row["attention"]], "calm": [row for row in rows if not row["attention"]]},
    )


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.GP, Role.STAFF)
def choose(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """What the patient can be referred to in a course, and every referral there has been in it with its days."""
    course = reading.course(ctx, patient_id, package)
    language = get_language() or "da"
    held = [item for item in queries.rounds(ctx, patient_id) if item.episode_id == course.episode.id]
    names = reading.called(ctx, {f"Organization/{item.receiver_id}" for item in held if item.receiver_id})
    return render(
        request,
        "web/klinik/referral_choose.html",
        {
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "back": reverse("web:patient", args=[patient_id, package]),
            "links": presenter.links(course.package, patient_id, held, language),
            "rows": [
                presenter.referral(
                    item,
                    patient_id=patient_id,
                    package=course.package,
                    names=names,
                    language=language,
                    today=ctx.today,
                )
                for item in held
            ],
        },
    )
