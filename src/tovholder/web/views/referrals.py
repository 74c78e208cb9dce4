"""A referral on its way: its days, what came back, what the clinic heard by other ways; and the clinic's list of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.cockpit.queries import patient_names
from tovholder.referral import actions, queries
from tovholder.web import errors, reading, referral_words
from tovholder.web.presenters import referrals as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, technical

_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF)
def one(request: HttpRequest, ctx: Context, patient_id: str, package: str, referral_id: str) -> HttpResponse:
    """One referral: its days, what the receiver was told, what came back; and what the clinic heard by other ways."""
    course = reading.course(ctx, patient_id, package)
    if not is_fhir_id(referral_id):
        raise not_found("The referral")
    value, _task, order = queries.one(ctx, patient_id, referral_id)
    if value.episode_id != course.episode.id and value.episode_id not in {e.id for e in course.view.patient.episodes}:
        raise not_found("The referral")
    told: list[FormError] = []
    details: tuple[str, ...] = ()
    if request.method == "POST":
        try:
            said = _act(request, ctx, patient_id, referral_id, told)
        except Problem as problem:
            if problem.category not in _ON_THE_PAGE:
                raise
            details = technical(problem)
            told = [FormError("", str(text)) for text in errors.in_words(problem)]
        else:
            if not told:
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
            "can": _may(value.status),
            "reject_reasons": [(code, referral_words.REASONS[code]) for code in referral_words.REJECT_REASONS],
            "stop_reasons": [(code, referral_words.REASONS[code]) for code in referral_words.STOP_REASONS],
            "today": days.iso(ctx.today),
            "unseen": queries.of_round(value, package, ctx.today) in ("stopped", "answered", "referred-on"),
            "errors": tuple(told),
            "technical": details,
            "typed_text": request.POST.get("tekst", ""),
        },
        status=422 if told else 200,
    )


def _may(status: str) -> frozenset[str]:
    return {
        "requested": frozenset({"accept", "start", "reject", "withdraw"}),
        "received": frozenset({"accept", "start", "reject", "withdraw"}),
        "accepted": frozenset({"start", "reject", "withdraw"}),
        "in-progress": frozenset({"complete", "stop"}),
        "on-hold": frozenset({"complete", "stop"}),
    }.get(status, frozenset())


def _act(request: HttpRequest, ctx: Context, patient_id: str, referral_id: str, told: list[FormError]) -> Any:
    """Write down what the clinic heard. What is missing goes into ``told``."""
    data, about = request.POST, {"patient_id": patient_id, "referral_id": referral_id}
    do, text, reason = data.get("do", ""), data.get("tekst", "").strip(), data.get("grund", "")
    day: int | None = None
    if data.get("dag", "").strip():
        try:
            day = days.day_of(date.fromisoformat(data["dag"].strip()))
        except ValueError:
            told.append(FormError(f"{do}-dag", _("Skriv datoen som dag, måned og år, for eksempel 31-01-2027.")))
            return ""
        if day > ctx.today:
            text_ = _("Datoen ligger i fremtiden. Skriv en dato, der er i dag eller tidligere.")
            told.append(FormError(f"{do}-dag", text_))
            return ""
    if do in ("reject", "stop") and reason not in referral_words.REASONS:
        told.append(FormError(f"{do}-grund", _("Vælg en grund.")))
        return ""
    if ((do in ("reject", "stop") and reason == "other") or do == "withdraw") and not text:
        told.append(FormError(f"{do}-tekst", _("Skriv hvorfor.")))
        return ""
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
        actions.reject(ctx, **about, reason=reason, text=text)
        return _("Det er noteret, at henvisningen er afvist. Send den til en anden modtager.")
    if do == "stop":
        actions.stop(ctx, **about, reason=reason, text=text, stopped_day=day)
        return _("Det er noteret, at tilbuddet er stoppet.")
    if do == "withdraw":
        actions.withdraw(ctx, **about, text=text)
        return _("Henvisningen er trukket tilbage.")
    if do == "seen":
        actions.mark_seen(ctx, **about)
        return _("Det er noteret, at I har set det.")
    told.append(FormError("", _("Vælg en af de muligheder, der står på siden.")))
    return ""


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
