"""Leaving the system and coming back: for the patient, and for the clinic on the patient's word."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.cockpit import handover
from tovholder.cockpit.queries import full_name
from tovholder.plan import sharing
from tovholder.web.forms import WordsField
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors


class LeaveForm(forms.Form):
    """What the patient said."""

    reason = WordsField(
        label=gettext_lazy("Hvad har patienten sagt?"),
        max_length=300,
        error_messages={"required": gettext_lazy("Skriv patientens eget ønske med et par ord.")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF)
def clinic(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """The clinic's page: what sharing there is, and the patient's wish to end it or take it up again."""
    found = handover.whole(ctx, patient_id)
    form = LeaveForm(request.POST if request.POST.get("do") == "leave" else None, auto_id="leave-%s")
    place = reverse("web:sharing", args=[patient_id])
    more = {
        "patient_name": full_name(store.read(ctx, "Patient", patient_id).resource),
        "back": reverse("web:overview", args=[patient_id]),
        "form": form,
        "courses": len(found.courses),
        "referrals": len(found.referrals),
        "appointments": sum(item.organization_id not in (ctx.organization, *ctx.units) for item in found.appointments),
    }
    if form.is_bound and not form.is_valid():
        return _show(request, ctx, patient_id, "web/klinik/deling.html", more, form_errors(form), status=422)
    reason = form.cleaned_data["reason"] if form.is_bound else ""
    return _act(request, ctx, patient_id, "web/klinik/deling.html", more, place, reason)


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.CITIZEN)
def own(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The patient's own page."""
    if ctx.patient is None:
        raise not_found("The patient")
    return _act(request, ctx, ctx.patient, "web/minplan/deling.html", {}, reverse("web:minplan-sharing"), "")


def _act(
    request: HttpRequest, ctx: Context, patient_id: str, template: str, more: dict[str, Any], place: str, reason: str
) -> HttpResponse:
    wanted = request.POST.get("do") if request.method == "POST" else None
    if wanted not in ("leave", "return"):
        return _show(request, ctx, patient_id, template, more)
    try:
        if wanted == "leave":
            sharing.leave(ctx, patient_id, reason=reason)
            messages.success(request, _("Delingen er stoppet. Kun klinikken kan se planen nu."))
        else:
            sharing.come_back(ctx, patient_id)
            messages.success(request, _("Planen deles igen med dem, der tager del i behandlingen."))
    except Problem as problem:
        if problem.category is Category.CONFLICT:
            told = (FormError("", _("Det er allerede gjort. Sådan står det nu.")),)
        elif problem.category is Category.RULE:
            told = (FormError("", _("Patienten har ingen forløb, der deles.")),)
        else:
            raise
        return _show(request, ctx, patient_id, template, more, told, status=409)
    return HttpResponseRedirect(place)


def _show(
    request: HttpRequest,
    ctx: Context,
    patient_id: str,
    template: str,
    more: dict[str, Any],
    wrong: tuple[FormError, ...] = (),
    *,
    status: int = 200,
) -> HttpResponse:
    try:
        left = sharing.left_on(ctx, patient_id)
    except Problem as problem:
        if problem.category is not Category.RULE:
            raise
        left = None
    context = {**more, "errors": wrong, "left": left is not None, "left_day": days.parse_day(left)}
    return render(request, template, context, status=status)
