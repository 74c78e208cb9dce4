"""The pages about one patient over all packages: the overview, what has happened, and what was measured."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from tovholder.access import blocks, emergencies
from tovholder.access.domain import Context, Role
from tovholder.base.text import whole_number
from tovholder.cockpit import queries as cockpit_queries
from tovholder.plan import overview as patients
from tovholder.plan.overview import PatientView
from tovholder.web import reading
from tovholder.web.patient_view import Head
from tovholder.web.presenters import measurements as measurement_presenter
from tovholder.web.presenters import patient as presenter
from tovholder.web.presenters import timeline as timeline_presenter
from tovholder.web.views.common import for_roles

_READS = ["GET", "HEAD"]


def _language() -> str:
    return get_language() or "da"


def _head(ctx: Context, view: PatientView, key: str) -> Head:
    return presenter.head(view, cpr=reading.cpr_of(view.resource), organization=ctx.organization, key=key)


def _show(request: HttpRequest, ctx: Context, template: str, view: PatientView, key: str, **more: Any) -> HttpResponse:
    """A page with what every one of them tells: what is withheld, and whether the glass is broken."""
    return render(
        request,
        template,
        {
            "current": key,
            "withheld": blocks.withheld(ctx, [view.summary.id]),
            "lifted": view.summary.id in blocks.lifted(ctx),
            "may_open": emergencies.may(ctx),
            **more,
        },
    )


@require_http_methods(_READS)
@for_roles(Role.GP, Role.STAFF)
def overview(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """The patient across all packages."""
    view = patients.patient_view(ctx, patient_id)
    flags = cockpit_queries.open_flags(ctx, [item.episode.id for item in view.courses if item.episode.id])
    wanted = {member.reference for member in view.team}
    wanted |= {f"Organization/{item.organization_id}" for item in view.appointments if item.organization_id}
    wanted |= {f"Organization/{item.receiver_id}" for item in view.referrals if item.receiver_id}
    page = presenter.overview(
        view,
        _head(ctx, view, "overblik"),
        flags,
        reading.called(ctx, wanted),
        today=ctx.today,
        language=_language(),
    )
    return _show(
        request, ctx, "web/klinik/overview.html", view, "overblik", head=page.head, overview=page, left=view.left
    )


@require_http_methods(_READS)
@for_roles(Role.GP, Role.STAFF)
def timeline(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """What has happened, newest first; by kind and package, a page at a time."""
    view = patients.patient_view(ctx, patient_id)
    entries = patients.happened(ctx, view)
    asked = request.GET
    page, shown = timeline_presenter.page(
        entries,
        _head(ctx, view, "tidslinje"),
        kind=asked.get("type", "")[:20],
        package=asked.get("pakke", "")[:40],
        number=whole_number(asked.get("side", "")) or 0,
        path=request.path,
        today=ctx.today,
        language=_language(),
    )
    names = reading.called(ctx, {one.source for one in shown})
    rows = timeline_presenter.rows(shown, names, today=ctx.today, language=_language())
    return _show(request, ctx, "web/klinik/timeline.html", view, "tidslinje", head=page.head, timeline=page, rows=rows)


@require_http_methods(_READS)
@for_roles(Role.GP, Role.STAFF)
def measurements(request: HttpRequest, ctx: Context, patient_id: str) -> HttpResponse:
    """What has been measured, as charts and in words."""
    view = patients.patient_view(ctx, patient_id)
    page = measurement_presenter.page(view, _head(ctx, view, "maalinger"), language=_language())
    return _show(request, ctx, "web/klinik/measurements.html", view, "maalinger", head=page.head, page_of=page)
