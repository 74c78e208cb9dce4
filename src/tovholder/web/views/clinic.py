"""The clinic's pages: who needs us today, and one patient's course."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from tovholder.access import blocks, emergencies
from tovholder.access.domain import Context, Role
from tovholder.access.smart import clients
from tovholder.base import days
from tovholder.web import access_view, reading
from tovholder.web.presenters import referrals
from tovholder.web.presenters.pages import patient_page
from tovholder.web.presenters.patient import review_prompts, tabs
from tovholder.web.view_models import FormError, PatientPage
from tovholder.web.views.common import for_roles
from tovholder.web.views.patient_forms import PatientForms

_CPR = re.compile(r"\d{6}-?\d{4}")
_LONGEST_SEARCH = 100


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.GP, Role.STAFF)
def patient(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """One patient's course."""
    course = reading.course(ctx, patient_id, package)
    return show(request, ctx, course, PatientForms(course, today=ctx.today, language=get_language() or "da"))


def show(
    request: HttpRequest,
    ctx: Context,
    course: reading.Course,
    sheets: PatientForms,
    *,
    errors: tuple[FormError, ...] = (),
    technical: tuple[str, ...] = (),
    typed: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """The patient's page, with what went wrong when something did."""
    page = patient_page(course, today=ctx.today, language=get_language() or "da")
    anew = _proposes_anew(page)
    prompts = review_prompts(course.view, course.flags, ctx.today) if course.episode.phase.is_started else ()
    return render(
        request,
        "web/klinik/patient.html",
        {
            "patient": page,
            "forms": sheets,
            "errors": errors,
            "technical": technical,
            "typed": typed,
            "apps": clients.launchable(ctx.role, ctx.organization),
            "withheld": blocks.withheld(ctx, [course.patient_id]),
            "lifted": course.patient_id in blocks.lifted(ctx),
            "may_open": emergencies.may(ctx),
            "broken": _broken(ctx, course.patient_id),
            "level_open": sheets.decide.is_bound or sheets.reassess.is_bound or bool(prompts) or anew,
            "proposes_anew": anew,
            "reviews": prompts,
            "tabs": tabs(course.patient_id),
            "refers": referrals.links(course.package, course.patient_id, (), get_language() or "da")
            if course.episode.phase.is_started
            else (),
        },
        status=status,
    )


def _broken(ctx: Context, patient: str) -> tuple[access_view.Glass, ...]:
    """Who has lately lifted the patient's blocks, as the clinic that holds the rope is told."""
    since = days.millis(ctx.now) - 30 * 86_400_000
    recent = [one for one in emergencies.of_patient(patient) if one.opened_ms > since]
    return tuple(access_view.glass(ctx, one, get_language() or "da") for one in recent)


def _proposes_anew(page: PatientPage) -> bool:
    """Whether the rules now propose a level nobody has considered: neither the decided nor the one decided against."""
    if page.decision is None or page.proposal is None or page.proposal.level is None:
        return False
    return page.proposal.level not in (page.decision.level, page.decision.proposed)
