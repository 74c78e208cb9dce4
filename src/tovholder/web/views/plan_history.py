"""The history of a plan: who changed what, and what the patient saw on a day."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tovholder.access import blocks
from tovholder.access.domain import Context, Role
from tovholder.base import days
from tovholder.plan.past import seen_on
from tovholder.web import reading
from tovholder.web.presenters import plan_changes
from tovholder.web.presenters.minplan import minplan_page
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.GP, Role.STAFF)
def history(request: HttpRequest, ctx: Context, patient_id: str, package: str) -> HttpResponse:
    """The page; with a day, the plan as it was in the patient's own page then."""
    course = reading.course(ctx, patient_id, package)
    language = get_language() or "da"
    asked = request.GET.get("dag", "")
    day, wrong = _day(asked, ctx.today)
    shown = None
    if day is not None:
        view = seen_on(ctx, patient_id, day)
        names = reading.called(ctx, (f"Organization/{item.organization_id}" for item in view.appointments))
        page = minplan_page(view, None, names, today=day, language=language)
        shown = next((item for item in page.courses if item.package == package), None)
        appointments = page.coming
    else:
        appointments = ()
    return render(
        request,
        "web/klinik/plan_history.html",
        {
            "patient_name": course.view.patient.name,
            "package_title": course.package.titles,
            "back": reverse("web:patient", args=[patient_id, package]),
            "changes": plan_changes.history(ctx, course, language),
            "asked": asked if wrong else (days.iso(day) if day is not None else ""),
            "day": day,
            "latest": days.iso(ctx.today),
            "seen": shown,
            "appointments": appointments,
            "withheld": blocks.withheld(ctx, [patient_id]),
            "errors": (FormError("dag", wrong),) if wrong else (),
        },
        status=422 if wrong else 200,
    )


def _day(text: str, today: int) -> tuple[int | None, str]:
    """The day asked for, or what is wrong with it."""
    if not text:
        return None, ""
    try:
        day = days.day_of(date.fromisoformat(text[:10]))
    except ValueError:
        return None, _("Skriv datoen som dag, måned og år, for eksempel 31-01-2027.")
    if day > today:
        return None, _("Datoen ligger i fremtiden. Skriv en dato, der er i dag eller tidligere.")
    return day, ""
