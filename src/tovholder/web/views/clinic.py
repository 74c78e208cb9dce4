"""The clinic's pages: who needs us today, and one patient's course."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from tovholder import store
from tovholder.access import blocks, emergencies
from tovholder.access.domain import Context, Role
from tovholder.access.smart import clients
from tovholder.base import days
from tovholder.cockpit import queries as cockpit_queries
from tovholder.fhir import systems
from tovholder.web import access_view, reading
from tovholder.web.presenters import cockpit as cockpit_presenter
from tovholder.web.presenters.pages import patient_page
from tovholder.web.view_models import FormError, PatientPage
from tovholder.web.views.common import for_roles
from tovholder.web.views.patient_forms import PatientForms

_CPR = re.compile(r"\d{6}-?\d{4}")
_LONGEST_SEARCH = 100


@require_http_methods(["GET", "POST"])
@for_roles(Role.GP, Role.STAFF)
def cockpit(request: HttpRequest, ctx: Context) -> HttpResponse:
    """The list. A search comes by POST, so that no name or number stands in an address or a log."""
    search = request.POST.get("q", "").strip()[:_LONGEST_SEARCH] if request.method == "POST" else ""
    page = cockpit_presenter.page(
        cockpit_queries.clinic_list(ctx),
        today=ctx.today,
        view=request.GET.get("vis", ""),
        level=request.GET.get("niveau", ""),
        order=request.GET.get("orden", ""),
        search=search,
        found_by_number=_by_number(ctx, search),
    )
    return render(
        request,
        "web/klinik/cockpit.html",
        {"cockpit": page, "today": ctx.today, "shut_out": bool(blocks.concerned(ctx)[0])},
    )


def _by_number(ctx: Context, search: str) -> frozenset[str] | None:
    """Patients with the CPR number searched for, among those the clinic may see; None when no number was typed."""
    if not _CPR.fullmatch(search.replace(" ", "")):
        return None
    number = search.replace(" ", "").replace("-", "")
    found = store.search_all(ctx, "Patient", [("identifier", f"{systems.CPR}|{number}")])
    return frozenset(item.id for item in found)


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
            "level_open": sheets.decide.is_bound or _proposes_anew(page),
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
