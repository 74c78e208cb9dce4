"""Where a receiver of referrals starts: who waits for it, finding a patient, and opening one who came without a referral."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tovholder.access import limits
from tovholder.access.domain import Context
from tovholder.access.limits import address_of
from tovholder.base.errors import Category, Problem
from tovholder.cockpit.receiver import worklist
from tovholder.store import opening
from tovholder.web import kept
from tovholder.web.areas import Area, at_each_door
from tovholder.web.forms_partner import StatedForm
from tovholder.web.presenters import partner as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views import finding
from tovholder.web.views.common import form_errors

_SHOWN = 100  # lines of a part of the list; the search finds the others


@at_each_door("GET", "HEAD", "POST")
def everybody(request: HttpRequest, ctx: Context, *, area: Area) -> HttpResponse:
    """Those who wait for the receiver, and a search among all it may see; a number or a name is sent, never in an address."""
    searched = request.POST.get("q", "").strip()[: finding.LONGEST] if request.method == "POST" else ""
    found: tuple[finding.Found, ...] = ()
    if searched:
        limits.attempt("find", ctx.now, account=ctx.person)
        found = finding.patients(ctx, searched)
    groups = presenter.groups(worklist(ctx, everyone=area.everyone), ctx.today, get_language() or "da", area.patient)
    return render(
        request,
        "web/partner/list.html",
        {
            "area": area,
            "groups": groups,
            "shown": _SHOWN,
            "waiting": sum(len(group.rows) for group in groups if group.asks),
            "searched": searched,
            "found": [(one, area.patient(one.id)) for one in found],
            "most": finding.MOST,
        },
    )


@at_each_door("GET", "POST", resumes=True)
def open_patient(request: HttpRequest, ctx: Context, *, area: Area) -> HttpResponse:
    """A patient who came without a referral: the number, and what is stated, which is looked at afterwards."""
    sent = request.POST if request.method == "POST" else None
    form = StatedForm(sent, today=ctx.today, name="aabn", language=get_language() or "da")
    told: tuple[FormError, ...] = ()
    status = 200
    if sent is not None and not kept.is_resumed(request):
        if form.is_valid():
            given = form.cleaned_data
            try:
                patient = opening.open_patient(
                    ctx, given["cpr"], reason=given["reason"], text=given["text"], address=address_of(request)
                )
            except Problem as problem:
                if problem.category is not Category.NOT_FOUND:
                    raise
                text = _("Patienten kan ikke åbnes. Se efter, om nummeret er skrevet rigtigt. Har patienten spærret for jer,"
                         " får I det ikke at vide.")  # fmt: skip
                told, status = (FormError("aabn-cpr", text),), 404
            else:
                messages.success(
                    request, _("Patienten er åbnet. Det, du har oplyst, bliver kontrolleret, og patienten kan se det.")
                )
                return HttpResponseRedirect(area.patient(patient.id))
        else:
            told, status = form_errors(form), 422
    return render(request, "web/partner/open.html", {"form": form, "errors": told, "area": area}, status=status)
