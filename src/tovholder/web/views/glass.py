"""Break-glass on the pages: lifting a patient's blocks with a reason, ending it, and following up what others did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tovholder import store
from tovholder.access import blocks, emergencies, evidence, limits, sessions
from tovholder.access.domain import Context, Role
from tovholder.access.limits import address_of
from tovholder.base.clock import system_clock
from tovholder.base.errors import forbidden, not_found
from tovholder.cockpit import queries as cockpit_queries
from tovholder.plan import resources
from tovholder.store import opening
from tovholder.web import access_view, kept
from tovholder.web import forms_access as forms
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors

OPENERS = (Role.GP, Role.HOSPITAL)
LISTED = (Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER)
_SHOWN = 200


def _prove_anew(request: HttpRequest, ctx: Context) -> HttpResponse | None:
    """To proving who one is, where that is too long ago; what was typed comes along. None when it is not."""
    now = system_clock()
    if sessions.is_fresh(request, now):
        return None
    response = HttpResponseRedirect(f"{reverse('web:login-again')}?{urlencode({'next': request.path})}")
    if request.method == "POST" and not kept.is_resumed(request):
        kept.keep(request, response, ctx.person, now)
    return response


@require_http_methods(["GET", "POST"])
@for_roles(*OPENERS, resumes=True)
def open_glass(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """The reason and the words, and then the patient's blocks are lifted for a while."""
    if not emergencies.may(ctx):
        raise forbidden("role", "This page is for another role", ", ".join(OPENERS))
    if (first := _prove_anew(request, ctx)) is not None:
        return first
    nothing = _nothing_to_open(ctx, patient_id)
    sent = request.POST if request.method == "POST" else None
    form = forms.GlassForm(sent, today=ctx.today, name="vaerdispring", language=get_language() or "da")
    if sent is None or kept.is_resumed(request) or not form.is_valid():
        status = 422 if sent is not None and not kept.is_resumed(request) else 200
        return _ask(request, form, status=status, back=_after(ctx, patient_id) if nothing else "")
    if nothing:
        return HttpResponseRedirect(request.path)
    given = form.cleaned_data
    limits.attempt("open", ctx.now, account=ctx.person, address=address_of(request))
    # Where to go on is said before it is opened: it tells nobody whether there is such a patient.
    back = _after(ctx, patient_id) if store.sees(ctx, patient_id) else reverse("web:overview", args=[patient_id])
    emergencies.open_glass(ctx, patient_id, reason=given["reason"], text=given["text"])
    messages.warning(request, _opened_words())
    return HttpResponseRedirect(reverse("web:glass") if ctx.role is not Role.GP else back)


def _nothing_to_open(ctx: Context, patient_id: str) -> bool:
    """Whether the actor sees the patient and nothing is blocked. Of one they do not see, nothing is said."""
    if patient_id in blocks.lifted(ctx) or blocks.in_force(ctx, [patient_id]):
        return False
    return store.sees(ctx, patient_id)


def _opened_words() -> str:
    from django.conf import settings

    minutes = settings.ENV.glass_minutes
    return _("Spærringerne er åbnet for dig i %(minutes)s minutter. Patienten kan se det.") % {"minutes": minutes}


def _after(ctx: Context, patient_id: str = "") -> str:
    """Back to the patient's page where one came from it, else to the list."""
    if ctx.role is not Role.GP:
        return reverse("web:glass")
    if patient_id and store.sees(ctx, patient_id):
        for entry in store.search_all(ctx, "EpisodeOfCare", [("patient", patient_id)]):
            if package := resources.read_episode(entry.resource).package:
                return reverse("web:patient", args=[patient_id, package])
    return reverse("web:cockpit")


def _ask(request: HttpRequest, form: forms.GlassForm, *, status: int, back: str) -> HttpResponse:
    """The form; or, with a way back, that there is nothing to open."""
    from django.conf import settings

    context = {
        "form": form,
        "errors": form_errors(form) if status == 422 and not back else (),
        "minutes": settings.ENV.glass_minutes,
        "back": back,
    }
    return render(request, "web/klinik/vaerdispring.html", context, status=status)


@require_http_methods(["GET", "POST"])
@for_roles(*LISTED, resumes=True)
def listed(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What was opened and stated by the actor's own people, and by others on the patients whose rope they hold."""
    language = get_language() or "da"
    may = emergencies.may(ctx)
    sent = request.POST if request.method == "POST" and may else None
    if sent is not None and (first := _prove_anew(request, ctx)) is not None:
        return first
    form = forms.NumberForm(sent, today=ctx.today, name="nummer", language=language)
    if sent is None or kept.is_resumed(request) or not form.is_valid():
        wrong = sent is not None and not kept.is_resumed(request)
        return _list(request, ctx, form if may else None, errors=form_errors(form) if wrong else ())
    given = form.cleaned_data
    opening.break_glass(ctx, given["cpr"], reason=given["reason"], text=given["text"], address=address_of(request))
    told = _("Er det en patients nummer, er spærringerne åbnet for dig, og det står herunder. Står der ingen, så se efter, om"
             " nummeret er skrevet rigtigt.")  # fmt: skip
    messages.warning(request, told)
    return HttpResponseRedirect(reverse("web:glass"))


def _list(
    request: HttpRequest, ctx: Context, form: forms.NumberForm | None, *, errors: tuple[FormError, ...] = ()
) -> HttpResponse:
    language = get_language() or "da"
    openings = emergencies.listed(ctx)[:_SHOWN]
    statements = evidence.of_organization(ctx.organization)[:_SHOWN]
    names = _names(ctx, [*(one.patient for one in openings), *(one.patient for one in statements)])
    glass = [access_view.glass(ctx, one, language, patient=names.get(one.patient, "")) for one in openings]
    return render(
        request,
        "web/klinik/vaerdispringer.html",
        {
            "glass": glass,
            "open": [one for one in glass if one.own and one.is_open],
            "waiting": sum(1 for one in glass if one.status == "open"),
            "stated": [access_view.said(ctx, one, language, patient=names.get(one.patient, "")) for one in statements],
            "form": form,
            "errors": errors,
            "follows": ctx.role is Role.GP,
        },
        status=422 if errors else 200,
    )


def _names(ctx: Context, patients: Iterable[str]) -> Mapping[str, str]:
    """What to call the patients the actor may see; of the others nothing."""
    wanted = sorted(set(patients))
    return cockpit_queries.patient_names(ctx, wanted) if wanted else {}


@require_POST
@for_roles(*OPENERS)
def end(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """End what one has open on the patient before its time."""
    if not emergencies.end(ctx, patient_id):
        raise not_found("The break-glass")
    messages.success(request, _("Værdispringet er afsluttet. Spærringerne gælder igen."))
    return HttpResponseRedirect(reverse("web:glass"))


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, resumes=True)
def follow(request: HttpRequest, ctx: Context, number: int) -> HttpResponse:
    """One break-glass, and what came of looking at it afterwards."""
    language = get_language() or "da"
    one = next((item for item in emergencies.listed(ctx) if item.number == number), None)
    if one is None:
        raise not_found("The break-glass")
    sent = request.POST if request.method == "POST" else None
    form = forms.FollowForm(sent, today=ctx.today, name="opfoelgning", language=language)
    shown = access_view.glass(ctx, one, language, patient=_names(ctx, [one.patient]).get(one.patient, ""))
    context: dict[str, Any] = {"one": shown, "form": form, "errors": ()}
    if sent is not None and not kept.is_resumed(request):
        if form.is_valid():
            emergencies.follow_up(ctx, number, status=form.cleaned_data["status"], note=form.cleaned_data["note"])
            messages.success(request, _("Opfølgningen er gemt."))
            return HttpResponseRedirect(reverse("web:glass"))
        context["errors"] = form_errors(form)
    return render(
        request, "web/klinik/vaerdispring_opfoelgning.html", context, status=422 if context["errors"] else 200
    )
