"""One patient as a receiver of referrals has them: level, who holds the rope, goals, times; and what the receiver does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language

from tovholder import packages
from tovholder.access.domain import Context
from tovholder.access.policy import decide
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.base.ids import is_fhir_id
from tovholder.cockpit.receiver import places_of
from tovholder.packages import receivers
from tovholder.plan import measures, queries, resources
from tovholder.plan.queries import Held
from tovholder.plan.values import Activity, Appointment, Episode, Goal, Referral
from tovholder.plan.views import PatientSummary
from tovholder.referral import directory
from tovholder.referral.drafts import OPEN, table_for
from tovholder.store import scope
from tovholder.web import errors, kept, reading, referral_words
from tovholder.web.areas import Area, at_each_door
from tovholder.web.presenters import course as course_rows
from tovholder.web.presenters import pages
from tovholder.web.presenters import partner as presenter
from tovholder.web.view_models import FormError
from tovholder.web.views import partner_acts as acts
from tovholder.web.views.common import form_errors, technical

_ON_THE_PAGE = frozenset({Category.RULE, Category.INVALID, Category.CONFLICT, Category.PRECONDITION})
_NEXT = 6  # steps of the plan that are shown


@dataclass(frozen=True)
class Seen:
    """Everything of one patient that the receiver may see."""

    patient_id: str
    held: Held
    summary: PatientSummary
    places: frozenset[str]
    kind: str  # of receiver the reader's place is
    language: str

    @property
    def courses(self) -> tuple[Episode, ...]:
        """Those that are under way."""
        return tuple(one for one in self.summary.episodes if one.phase.is_started and one.id)

    @property
    def referrals(self) -> tuple[Referral, ...]:
        """Those to the reader, newest first."""
        found = [one for one in queries.all_referrals(self.held) if one.receiver_id in self.places]
        return tuple(reversed(found))

    @property
    def appointments(self) -> tuple[Appointment, ...]:
        """Everybody's."""
        return queries.all_appointments(self.held)

    @property
    def own(self) -> tuple[Appointment, ...]:
        """The reader's."""
        return tuple(one for one in self.appointments if one.organization_id in self.places)

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Of all courses."""
        found = (resources.read_goal(item) for item in self.held.of("Goal"))
        return tuple(sorted(found, key=lambda one: (one.start_day or 0, one.id or "")))


def see(ctx: Context, patient_id: str) -> Seen:
    """Read the patient in the reader's scope. Raises Problem(NOT_FOUND) for one who is not theirs to see."""
    if not is_fhir_id(patient_id):
        raise not_found("The patient")
    held = queries.read_all(ctx, patient_id)
    place = reading.directory(ctx, "Organization", ctx.organization) if ctx.organization else None
    return Seen(
        patient_id,
        held,
        queries.summary_of(ctx, held),
        places_of(ctx),
        directory.kind_of(place) if place is not None else "",
        get_language() or "da",
    )


@at_each_door("GET", "POST", resumes=True)
def page(request: HttpRequest, ctx: Context, patient_id: str, *, area: Area) -> HttpResponse:
    """The patient, and each act of the page."""
    seen = see(ctx, patient_id)
    sheets = acts.Sheets(seen_by(seen), ctx.today)
    told: tuple[FormError, ...] = ()
    details: tuple[str, ...] = ()
    status = 200
    if request.method == "POST":
        form = sheets.bind(request.POST)
        if form is not None and not form.is_valid():
            told, status = form_errors(form), 200 if kept.is_resumed(request) else 422
        elif not kept.is_resumed(request):
            try:
                said = acts.do(ctx, patient_id, sheets, request.POST, form)
            except Problem as problem:
                if problem.category not in _ON_THE_PAGE:
                    raise
                details, status = technical(problem), errors.TOLD[problem.category].status
                told = tuple(FormError("", str(text)) for text in errors.in_words(problem))
                seen = see(ctx, patient_id)  # as another left it meanwhile
            else:
                messages.success(request, said)
                return HttpResponseRedirect(request.path)
    return _show(request, ctx, area, seen, sheets, told, details, status)


def seen_by(seen: Seen) -> acts.Offered:
    """What the page's forms are made from."""
    scores = {
        f"{one.id}:{name}": one
        for one in seen.courses
        for name in receivers.reports_of(packages.get(one.package), seen.kind)
    }
    return acts.Offered(
        language=seen.language,
        courses=tuple((one.id or "", packages.get(one.package).titles[seen.language]) for one in seen.courses),
        kinds=tuple(
            (f"{one.id}:{kind}", _titled(title[seen.language], one, seen))
            for one in seen.courses
            for kind, title in receivers.kinds_for(packages.get(one.package), seen.kind)
        ),
        scores={key: acts.score_of(packages.get(one.package), key.partition(":")[2]) for key, one in scores.items()},
        referrals={one.id or "": presenter.first_kept(one, seen.own, seen.places) for one in seen.referrals if one.id},
        appointments={one.id: one for one in seen.own if one.id},
        goals=tuple(one.id for one in seen.goals if one.id),
        likely=_likely(seen),
    )


def _titled(title: str, one: Episode, seen: Seen) -> str:
    return title if len(seen.courses) == 1 else f"{title} ({packages.get(one.package).titles[seen.language]})"


def _likely(seen: Seen) -> str:
    """The kind a new time most likely is of: what the newest open referral asks for."""
    for one in seen.referrals:
        if one.status in ("accepted", "in-progress", "on-hold", "requested", "received"):
            return f"{one.episode_id}:{one.kind}"
    return ""


def _show(
    request: HttpRequest,
    ctx: Context,
    area: Area,
    seen: Seen,
    sheets: acts.Sheets,
    told: tuple[FormError, ...],
    details: tuple[str, ...],
    status: int,
) -> HttpResponse:
    language, today = seen.language, ctx.today
    held = [packages.get(one.package) for one in seen.courses]
    places = {f"Organization/{one.organization_id}" for one in seen.appointments if one.organization_id}
    names = reading.called(ctx, places)
    episodes = {one.id: one for one in seen.summary.episodes if one.id}
    rows = course_rows.appointments(seen.appointments, held, language, today, names)
    steps = [
        item
        for package in held
        for item in course_rows.activities(_activities(seen, package.id), package, language, today)
    ]
    steps.sort(key=lambda item: (item.due_day is None, item.due_day or 0, item.id or ""))
    return render(
        request,
        "web/partner/patient.html",
        {
            "area": area,
            "summary": seen.summary,
            "cpr": reading.cpr_of(seen.held.patient),
            "phones": _phones(seen.held.patient),
            "courses": [package.titles for package in held],
            # What was typed stays on the page, whatever became of the referral meanwhile.
            "referrals": [
                (one, [form for act, form in sheets.answers[one.id].items() if act in one.acts or form.is_bound])
                for one in presenter.received(
                    seen.referrals,
                    episodes=episodes,
                    texts=_texts(seen),
                    onward=_onward(ctx, seen),
                    onward_url=area.onward,
                    today=today,
                    language=language,
                )
            ],
            "appointments": presenter.without(rows, frozenset(sheets.offered.appointments)),
            "steps": steps[:_NEXT],
            "goals": course_rows.goals(seen.goals),
            "series": _series(seen, language, own=not area.reads_record),
            "diagnoses": _diagnoses(seen),
            "elsewhere": _elsewhere(ctx, seen, language),
            "may_write": _may_write(ctx, seen.patient_id),
            "sheets": sheets,
            "errors": told,
            "technical": details,
        },
        status=status,
    )


def _activities(seen: Seen, package: str) -> list[Activity]:
    ids = {one.id for one in seen.courses}
    found = [resources.read_activity(item) for item in seen.held.of("ServiceRequest")]
    return [one for one in found if one.episode_id in ids and one.package == package and one.status.is_open]


def _phones(patient: Mapping[str, Any]) -> list[str]:
    return [
        str(item["value"])
        for item in patient.get("telecom") or ()
        if item.get("system") == "phone" and item.get("value")
    ]


def _texts(seen: Seen) -> dict[str, str]:
    """What the sender wrote beside the fields, by referral."""
    notes = {
        str(item["id"]): next(
            (str(one.get("text")) for one in item.get("note") or () if str(one.get("id")) == "felt--tekst"), ""
        )
        for item in seen.held.of("ServiceRequest")
    }
    return {one.id or "": notes.get(one.request_id, "") for one in seen.referrals}


def _onward(ctx: Context, seen: Seen) -> frozenset[str]:
    """The packages with a referral the reader's role may send on."""
    allowed = table_for(ctx.today).may_refer_on(str(ctx.role))
    return frozenset(
        one.package
        for one in seen.courses
        if any(allowed & set(item.receiver_kinds) for item in packages.get(one.package).referrals)
    )


def _series(seen: Seen, language: str, *, own: bool) -> tuple[Any, ...]:
    """What the packages ask about as curves; own: only what the reader's place reports, who sees no more of it."""
    found: list[Any] = []
    for one in seen.courses:
        package = packages.get(one.package)
        named = receivers.reports_of(package, seen.kind)
        held = measures.series(package, seen.held.record(), since=one.started_day)
        found += pages.series((item for item in held if not own or item.name in named), language)
    return tuple(found)


def _diagnoses(seen: Seen) -> list[tuple[str, int | None]]:
    """The patient's diagnoses by what they were called, the newest first; none for who may not see them."""
    found = []
    for item in seen.held.of("Condition"):
        concept = item.get("code") or {}
        coded: Mapping[str, Any] = next(iter(concept.get("coding") or ()), {})
        name = concept.get("text") or coded.get("display") or coded.get("code")
        if name:
            told = item.get("onsetDateTime") or item.get("recordedDate")
            found.append((str(name), days.parse_day(told) if told else None))
    return sorted(found, key=lambda one: (-(one[1] or 0), one[0]))


def _elsewhere(ctx: Context, seen: Seen, language: str) -> list[tuple[str, str, str]]:
    """The open referrals to others: what for, to whom, how it stands."""
    held = [
        one for one in queries.all_referrals(seen.held) if one.receiver_id not in seen.places and one.status in OPEN
    ]
    names = reading.called(ctx, {f"Organization/{one.receiver_id}" for one in held if one.receiver_id})
    titles = {item.id: item.title[language] for one in seen.courses for item in packages.get(one.package).referrals}
    return [
        (
            titles.get(one.kind, one.title),
            names.get(f"Organization/{one.receiver_id}", ""),
            str(referral_words.STATUSES.get(one.status, (one.status, ""))[0]),
        )
        for one in held
    ]


def _may_write(ctx: Context, patient_id: str) -> bool:
    """Whether the record shows that the reader takes part: one's own word lets one read, and no more."""
    return scope.reaches(decide(ctx, "create", "Appointment"), ctx, "Appointment", patient_id)
