"""A change of practice: whom we were handed, what goes along, taking over, asking, and telling that somebody has moved."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods

from tovholder import store
from tovholder.access.domain import Context, Role
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import handover
from tovholder.cockpit.queries import full_name
from tovholder.fhir import systems
from tovholder.web import errors, reading
from tovholder.web.forms import WordsField
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors, technical
from tovholder.web.wording import PHASES

_TOLD_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT})
_MOST = 20


class AskForm(forms.Form):
    """What the clinic wants to know from the one before."""

    text = WordsField(
        label=gettext_lazy("Spørgsmål til den tidligere klinik"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("Skriv, hvad I vil spørge om.")},
    )


class FindForm(forms.Form):
    """The clinic the patient goes to."""

    name = WordsField(
        label=gettext_lazy("Hvad hedder den nye klinik?"),
        help_text=gettext_lazy("Skriv begyndelsen af navnet."),
        max_length=100,
        error_messages={"required": gettext_lazy("Skriv begyndelsen af klinikkens navn.")},
    )


@require_GET
@for_roles(Role.GP, Role.STAFF)
def listed(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Whom the clinic was handed and has not taken over."""
    return render(request, "web/klinik/overdragelser.html", {"waiting": handover.waiting(ctx), "today": ctx.today})


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF)
def one(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """What goes along with one patient; taking it over, or asking first."""
    if request.method != "POST":
        return _show(request, ctx, patient_id, AskForm(auto_id="ask-%s"))
    known, asks = str(request.POST.get("known", "")), request.POST.get("do") == "ask"
    form = AskForm(request.POST, auto_id="ask-%s") if asks else AskForm(auto_id="ask-%s")
    if asks and not form.is_valid():
        return _show(request, ctx, patient_id, form, form_errors(form), status=422)
    try:
        if asks:
            handover.ask(ctx, patient_id, known=known, text=form.cleaned_data["text"])
            messages.success(request, _("Spørgsmålet er noteret og sendt. Fristen løber videre imens."))
            return HttpResponseRedirect(reverse("web:handover", args=[patient_id]))
        taken = handover.take_over(ctx, patient_id, known=known, cancel=request.POST.getlist("cancel"))
    except Problem as problem:
        return _told(request, ctx, patient_id, form, problem)
    text = ngettext("I har overtaget %(count)d forløb.", "I har overtaget %(count)d forløb.", taken)
    messages.success(request, text % {"count": taken})
    return HttpResponseRedirect(reverse("web:overview", args=[patient_id]))


def _told(request: HttpRequest, ctx: Context, patient_id: str, form: AskForm, problem: Problem) -> HttpResponse:
    if problem.category not in _TOLD_ON_THE_PAGE:
        raise problem
    told: tuple[FormError, ...]
    if problem.category is Category.CONFLICT:
        told = (FormError("", _("Forløbene har skiftet hænder, siden du åbnede siden. Se, hvordan de står nu.")),)
    else:
        told = tuple(FormError("", text) for text in errors.in_words(problem))
    status = errors.TOLD[problem.category].status
    return _show(request, ctx, patient_id, form, told, status=status, technical=technical(problem))


def _show(
    request: HttpRequest,
    ctx: Context,
    patient_id: str,
    form: AskForm,
    wrong: tuple[FormError, ...] = (),
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    found = handover.whole(ctx, patient_id)
    clinics = {f"Organization/{item.organization_id}" for item in found.appointments if item.organization_id}
    clinics |= {f"Organization/{item.receiver_id}" for item in found.referrals if item.receiver_id}
    before = {
        f"Organization/{item.previous.organization_id}"
        for item in found.courses
        if item.previous is not None and item.previous.organization_id
    }
    names = reading.names(ctx, clinics | before | {item.assigned_to for item in found.courses if item.assigned_to})
    mine = {f"Organization/{unit}" for unit in (ctx.organization, *ctx.units)}
    context = {
        "whole": found,
        "form": form,
        "errors": wrong,
        "patient_id": patient_id,
        "patient_name": full_name(store.read(ctx, "Patient", patient_id).resource),
        "from_names": [names.get(item, _("Et ukendt sted")) for item in sorted(before)],
        "phones": [phone for item in sorted(before) for phone in _phones(ctx, item)],
        "courses": [
            (item, PHASES.get(str(item.episode.phase), ""), handover.deadline_left(item, ctx.today))
            for item in found.courses
        ],
        "appointments": [
            (
                item,
                names.get(f"Organization/{item.organization_id}", ""),
                f"Organization/{item.organization_id}" in before,
            )
            for item in found.appointments
            if f"Organization/{item.organization_id}" not in mine
        ],
        "referrals": [(item, names.get(f"Organization/{item.receiver_id}", "")) for item in found.referrals],
        "today": ctx.today,
        **more,
    }
    return render(request, "web/klinik/overdragelse.html", context, status=status)


def _phones(ctx: Context, reference: str) -> list[str]:
    try:
        found = store.read(ctx, "Organization", reference.partition("/")[2]).resource
    except Problem:
        return []
    return [
        str(item["value"]) for item in found.get("telecom") or () if item.get("system") == "phone" and item.get("value")
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@for_roles(Role.GP, Role.STAFF)
def moved(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """Telling that a patient has changed clinic: what will happen, in numbers, and then that it has."""
    found = handover.whole(ctx, patient_id)
    form, status = FindForm(auto_id="find-%s"), 200
    wrong: tuple[FormError, ...] = ()
    choices: list[tuple[str, str]] = []
    more: dict[str, Any] = {}
    if request.method == "POST" and request.POST.get("do") == "find":
        form = FindForm(request.POST, auto_id="find-%s")
        if form.is_valid():
            choices = _clinics(ctx, form.cleaned_data["name"])
            more["searched"] = True
        else:
            wrong, status = form_errors(form), 422
    elif request.method == "POST":
        to = str(request.POST.get("to", ""))
        try:
            if not to:
                raise Problem(Category.INVALID, "No clinic was chosen")
            handed = handover.has_moved(ctx, patient_id, to=to, known=str(request.POST.get("known", "")))
        except Problem as problem:
            if problem.category not in _TOLD_ON_THE_PAGE:
                raise
            if problem.category is Category.CONFLICT:
                wrong = (
                    FormError("", _("Forløbene har skiftet hænder, siden du åbnede siden. Se, hvordan de står nu.")),
                )
            else:
                wrong = (FormError("find-name", _("Vælg den klinik, patienten er flyttet til.")),)
            status = errors.TOLD[problem.category].status
        else:
            text = ngettext("%(count)d forløb er overdraget.", "%(count)d forløb er overdraget.", handed)
            messages.success(request, text % {"count": handed})
            return HttpResponseRedirect(reverse("web:cockpit"))
    context = {
        "whole": found,
        "form": form,
        "errors": wrong,
        "choices": choices,
        "patient_id": patient_id,
        "elsewhere": handover.ELSEWHERE,
        "patient_name": full_name(store.read(ctx, "Patient", patient_id).resource),
        "flags": sum(len(item.flags) for item in found.courses),
        "running": sum(handover.deadline_left(item, ctx.today) is not None for item in found.courses),
        **more,
    }
    return render(request, "web/klinik/flyttet.html", context, status=status)


def _clinics(ctx: Context, text: str) -> list[tuple[str, str]]:
    """Clinics whose name begins like this, without one's own."""
    plain = text.replace("\\", "").replace(",", "\\,").replace("$", "\\$")
    page = store.search(ctx, "Organization", [("name", plain), ("_count", str(_MOST * 3)), ("_sort", "name")])
    mine = {ctx.organization, *ctx.units}
    found = [item for item in page.entries if item.id not in mine and _is_clinic(item.resource)]
    return [(item.id, str(item.resource.get("name", ""))) for item in found[:_MOST]]


def _is_clinic(resource: Any) -> bool:
    told = [
        coding.get("code")
        for concept in resource.get("type") or ()
        for coding in concept.get("coding") or ()
        if str(coding.get("system", "")).startswith(systems.BASE)
    ]
    return not told or "clinic" in told or "gp" in told
