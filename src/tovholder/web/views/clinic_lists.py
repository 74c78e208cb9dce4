"""The clinic's other lists: who comes today, controls to come, who is not proposed and why, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from tovholder import packages
from tovholder.access import blocks
from tovholder.access.domain import Context, Role
from tovholder.cockpit import exclusions, quality, queries, visits
from tovholder.cockpit.queries import ClinicRow
from tovholder.plan.domain import Phase
from tovholder.web.presenters.cockpit_rows import course_url
from tovholder.web.presenters.cockpit_rows import next_step as step_of
from tovholder.web.presenters.words import told_title
from tovholder.web.view_models import NextStep
from tovholder.web.views.common import for_roles
from tovholder.web.wording import APPOINTMENTS, EXCLUDED, PERFORMERS, PHASES, UNKNOWN


@dataclass(frozen=True, slots=True)
class GapShown:
    """An open step that could be done today, and where it is told done."""

    title: str
    due_day: int
    late: bool
    booked: bool
    activity_id: str
    url: str


@dataclass(frozen=True, slots=True)
class CourseShown:
    """One of the visitor's courses."""

    title: Any
    phase_label: Any
    level: int | None
    flags: tuple[Any, ...]
    missing: tuple[Any, ...]
    gaps: tuple[GapShown, ...]
    next_step: NextStep | None
    url: str
    sheets: tuple[tuple[str, str], ...] = ()  # what can be filled in at the visit: title, address


@dataclass(frozen=True, slots=True)
class VisitShown:
    """One appointment of today."""

    start: Any
    name: str
    title: str
    status_label: Any
    status_icon: str
    courses: tuple[CourseShown, ...]

    @property
    def open(self) -> int:
        """How much of the packages could be closed today."""
        return sum(len(course.gaps) + len(course.flags) for course in self.courses)


@require_GET
@for_roles(Role.GP, Role.STAFF)
def today(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Everybody booked today for anything, with what of their packages is open."""
    found = [_visit(ctx, visit) for visit in visits.today(ctx)]
    context = {
        "visits": found,
        "today": ctx.today,
        "with_gaps": sum(1 for visit in found if visit.open),
        "shut_out": bool(blocks.concerned(ctx)[0]),
    }
    return render(request, "web/klinik/i_dag.html", context)


def _visit(ctx: Context, visit: visits.Visit) -> VisitShown:
    appointment = visit.appointment
    label, icon = APPOINTMENTS.get(appointment.status, (appointment.status, "help"))
    return VisitShown(
        appointment.start,
        visit.name,
        told_title(appointment.title, get_language() or "da") or _kind_title(appointment.kind) or _("Aftale"),
        label,
        icon,
        tuple(_course(ctx, row, visit) for row in visit.courses),
    )


def _kind_title(kind: str) -> str:
    """What a kind is called in the first package that knows it."""
    language = get_language() or "da"
    for held in packages.builtin().values():
        title = held.kind_title(kind, language)
        if title != kind:
            return title
    return ""


def _course(ctx: Context, row: ClinicRow, visit: visits.Visit) -> CourseShown:
    held, language = packages.builtin()[row.package], get_language() or "da"
    url = course_url(row)
    gaps = tuple(
        GapShown(
            held.kind_title(gap.kind, language),
            gap.due_day,
            gap.due_day < ctx.today,
            gap.booked,
            gap.activity_id,
            reverse("web:act-activity", args=[row.patient_id, row.package]),
        )
        for gap in visit.gaps
        if gap.package == row.package
    )
    return CourseShown(
        row.package_title,
        PHASES.get(row.phase, row.phase),
        row.level,
        row.flags,
        row.missing,
        gaps,
        step_of(row, url, ctx.today),
        url,
        _sheets(row, visit, language),
    )


def _sheets(row: ClinicRow, visit: visits.Visit, language: str) -> tuple[tuple[str, str], ...]:
    """The form of what the visit is for, and those of the steps that could be done; else the course's own control."""
    if not Phase(row.phase).is_started:
        return ()
    held = packages.builtin()[row.package]
    ours = {
        identity: form
        for identity, form in held.forms.items()
        if form.scoring.kind in ("status", "annual-status") and {"gp", "staff"} & set(form.scoring.filled_by)
    }
    wanted = [*visit.appointment.kinds, *(gap.kind for gap in visit.gaps if gap.package == row.package)]
    named = [one for one in dict.fromkeys(wanted) if one in ours]
    chosen = named or [one for one, form in ours.items() if form.scoring.kind == "status"][:1]
    here = urlencode({"tilbage": reverse("web:today")})
    return tuple(
        (ours[one].titles.da if language == "da" else ours[one].titles.en,
         f"{reverse('web:form', args=[row.patient_id, row.package, one])}?{here}")
        for one in chosen
    )  # fmt: skip


@require_GET
@for_roles(Role.GP, Role.STAFF)
def controls(request: HttpRequest, ctx: Context) -> HttpResponse:
    """How many visits the plans foresee, month by month, by who does them."""
    told = visits.expected(ctx, queries.clinic_list(ctx))
    months = list(told.months)
    top = max((month.total for month in months), default=0) or 1
    performers = [(name, PERFORMERS.get(name, name or _("Ikke fordelt"))) for name in told.performers]
    lines = [
        {
            "month": month.month,
            "counts": [(label, month.by_performer.get(name, 0)) for name, label in performers],
            "total": month.total,
            "booked": month.booked,
            "parts": [(name, month.by_performer.get(name, 0)) for name, _label in performers],
        }
        for month in ([told.late] if told.late.total else []) + months
    ]
    context = {
        "performers": performers,
        "lines": lines,
        "top": max(top, told.late.total),
        "without_plan": told.without_plan,
    }
    return render(request, "web/klinik/kontroller.html", context)


@require_GET
@for_roles(Role.GP, Role.STAFF)
def excluded(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Who has a diagnosis of a package and is not proposed, by why."""
    found = exclusions.excluded(ctx)
    names = queries.patient_names(ctx, sorted({one.patient_id for one in found}))
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        if one.patient_id not in names:
            continue
        title = {"da": one.package.titles.da, "en": one.package.titles.en}
        groups.setdefault(one.kind, []).append(
            {
                "name": names[one.patient_id],
                "package": title,
                "reasons": one.reasons,
                "day": one.day,
                "url": reverse("web:patient", args=[one.patient_id, one.package.id])
                if one.kind in (exclusions.DECLINED, exclusions.ENDED)
                else "",
            }
        )
    order = list(EXCLUDED)
    shown = [
        {
            "kind": kind,
            "title": EXCLUDED.get(kind, (_("Pakkens betingelser er ikke opfyldt"), ""))[0],
            "todo": EXCLUDED.get(kind, ("", _("Se begrundelsen hos den enkelte patient.")))[1],
            "people": sorted(people, key=lambda person: person["name"].casefold()),
        }
        for kind, people in sorted(groups.items(), key=lambda item: order.index(item[0]) if item[0] in order else 99)
    ]
    context = {
        "groups": shown,
        "total": sum(len(group["people"]) for group in shown),
        "shut_out": bool(blocks.concerned(ctx)[0]),
    }
    return render(request, "web/klinik/ikke_foreslaaet.html", context)


@require_GET
@for_roles(Role.GP, Role.STAFF)
def unknown(request: HttpRequest, ctx: Context) -> HttpResponse:
    """What is not known of the clinic's courses, and what to do about each."""
    told = quality.quality(ctx, queries.clinic_list(ctx))
    language = get_language() or "da"

    def shown(items: tuple[quality.Unknown, ...]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.row.name,
                "package": one.row.package_title,
                "phase": PHASES.get(one.row.phase, one.row.phase),
                "day": one.day,
                "what": [_kind(one, language)] if one.kind else one.what,
                "url": course_url(one.row),
            }
            for one in items
        ]

    found = {
        "datoer": told.dates,
        "foedsel": told.births,
        "udfald": told.outcomes,
        "maal": told.goals,
        "maalinger": told.measurements,
    }
    context = {
        "lists": [
            {"key": key, "title": title, "todo": todo, "rows": shown(found[key])}
            for key, (title, todo) in UNKNOWN.items()
        ],
        "shut_out": bool(blocks.concerned(ctx)[0]),
    }
    return render(request, "web/klinik/datakvalitet.html", context)


def _kind(one: quality.Unknown, language: str) -> str:
    return packages.builtin()[one.row.package].kind_title(one.kind, language)
