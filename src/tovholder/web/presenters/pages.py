"""The patient's page in the clinic, and the patient's own page, from what plan's read models tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tovholder.forms import domain as form_domain
from tovholder.packages import Package
from tovholder.packages.questionnaires import items, translation
from tovholder.plan.measures import Series
from tovholder.plan.views import EpisodeView, LevelOrigin, MinPlanCourse, MinPlanView
from tovholder.web import reading, wording
from tovholder.web import view_models as v
from tovholder.web.presenters import course as c

_COMING = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})
_MISSED_SHOWN = 60  # days a missed appointment is spoken of on the patient's page


def patient_page(held: reading.Course, *, today: int, language: str) -> v.PatientPage:
    """One patient's course, for the clinic."""
    view = held.view
    episode, package = view.episode, view.package
    guided = c.steps(episode, assessed_day=view.needs_day, decision=view.decision, plan=view.plan)
    form_url = reverse("web:form", args=[held.patient_id, package.id, package.level.base.form])
    ready = view.needs_day is not None or view.decision is not None
    return v.PatientPage(
        patient_id=held.patient_id,
        name=view.patient.name,
        age=view.patient.age,
        cpr=held.cpr,
        package=package.id,
        package_title={"da": package.titles.da, "en": package.titles.en},
        phase=str(episode.phase),
        phase_label=wording.PHASES.get(str(episode.phase), episode.phase),
        episode_id=episode.id,
        level=int(view.decision.level) if view.decision else None,
        flags=c.flags(held.flags),
        clock=c.clock(package, episode, view.plan, today),
        steps=guided,
        current=next((step for step in guided if step.state == "current"), None),
        inclusion_reasons=episode.inclusion_reasons,
        declined_day=episode.declined_day,
        decline_reason=episode.decline_reason or "",
        ended_day=episode.ended_day,
        end_reason=wording.END_REASONS.get(episode.end_reason or "", episode.end_reason or ""),
        assessment=_assessment(view, language, form_url),
        assessment_url=form_url if episode.phase.is_started else "",
        proposal=c.proposal_view(view, language) if ready and episode.phase.is_started else None,
        decision=c.decision_view(view.decision, held.names),
        plan=c.plan_view(view.plan, held.names),
        goals=c.goals(view.goals),
        suggested_goals=tuple(text[language] for text in view.suggested_goals),
        preview=c.preview(view.preview, language),
        activities=c.activities(view.activities, package, language, today),
        appointments=c.appointments(view.appointments, package, language, today, held.names),
        measurements=series(view.measurements, language),
        urls=_urls(held),
    )


def _urls(held: reading.Course) -> Mapping[str, str]:
    """The acts the page offers in this state; an act that is not offered has no address here."""
    view = held.view
    phase = view.episode.phase
    names: list[str] = []
    if phase.value in ("eligible", "declined"):
        names.append("start")
    if phase.value == "eligible":
        names += ["decline", "pause", "resume", "end"]
    if phase.is_started:
        names += ["pause", "resume", "end", "book", "appointment", "cancel", "rebook"]
        if view.needs_day is not None or view.decision is not None:
            names.append("decide")
        if view.plan is None and view.decision is not None:
            names.append("draft")
        if view.plan is not None:
            names += ["goal", "activity"] if view.plan.confirmed_day is not None else ["confirm"]
    return {name: reverse(f"web:act-{name}", args=[held.patient_id, held.package.id]) for name in names}


def _assessment(view: EpisodeView, language: str, url: str) -> v.Assessment | None:
    if view.needs_day is None:
        return None
    sheet = {
        str(item.get("linkId")): item for item in items(view.package.forms[view.package.level.base.form].questionnaire)
    }
    answers = tuple(
        v.Answer(need.title[language], _in_words(sheet.get(need.link_id, {}), need.value, language))
        for need in view.needs
    )
    return v.Assessment(form=view.package.level.base.form, day=view.needs_day, answers=answers, url=url)


def _in_words(question: Mapping[str, Any], value: int | None, language: str) -> Any:
    """An answer in the questionnaire's own words."""
    if value is None:
        return _("Ikke besvaret")
    for option in question.get("answerOption", ()):
        coding = option.get("valueCoding")
        if coding and form_domain.form_text(coding) == str(value):
            return translation(coding, "display")[language]
    return str(value)


def series(found: Iterable[Series], language: str) -> tuple[v.Series, ...]:
    """Measured numbers over time; codes (smoking status and the like) are no curve and are left to the record."""
    made = []
    for item in found:
        points = tuple(_point(point.day, point.milli, language) for point in item.points if point.milli is not None)
        if points:
            made.append(v.Series(key=item.name, title=item.title[language], unit=item.unit, points=points))
    return tuple(made)


def _point(day: int, milli: int, language: str) -> v.Point:
    whole, rest = divmod(abs(milli), 1000)
    text = f"{'-' if milli < 0 else ''}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")
    return v.Point(day, milli / 1000, text.replace(".", ",") if language == "da" else text)


def book_kinds(package: Package, language: str) -> tuple[tuple[str, str], ...]:
    """Kinds of appointment the package knows."""
    return tuple((item.kind, item.title[language]) for item in package.appointment_kinds)


def minplan_page(
    view: MinPlanView, holder: v.Holder | None, names: Mapping[str, str], *, today: int, language: str
) -> v.MinPlanPage:
    """The patient's own page: what is next, who holds the rope, and the plan."""
    # Titles come from the package that knows the kind; with several packages the first one that does.
    first = view.courses[0].package if view.courses else None
    shown = c.appointments(view.appointments, first, language, today, names, for_patient=True)
    coming = tuple(item for item in shown if item.status in _COMING and (item.day is None or item.day >= today))
    earlier = tuple(item for item in shown if item not in coming)
    courses = tuple(_course(held, view.patient.level, today, language) for held in view.courses)
    waiting = [
        activity
        for one in courses
        for activity in one.activities
        if activity.done_day is None and activity.due_day is not None
    ]
    return v.MinPlanPage(
        first_name=view.patient.name.split(" ")[0],
        next_appointment=next((item for item in coming if item.start is not None), None),
        next_activity=min(waiting, key=lambda item: item.due_day or 0, default=None),
        missed=tuple(item for item in earlier if _still_missed(item, shown, today)),
        holder=holder,
        courses=courses,
        coming=coming,
        earlier=earlier,
        measurements=series(view.measurements, language),
    )


def _still_missed(item: v.Appointment, shown: Sequence[v.Appointment], today: int) -> bool:
    """Missed lately, and nothing of the kind agreed since."""
    if item.status != "noshow" or item.day is None or today - item.day > _MISSED_SHOWN:
        return False
    return not any(
        other.kind == item.kind and other.day is not None and other.day > item.day and other.status != "cancelled"
        for other in shown
    )


def _course(held: MinPlanCourse, origin: LevelOrigin | None, today: int, language: str) -> v.Course:
    level = int(held.level) if held.level else None
    return v.Course(
        package=held.package.id,
        title={"da": held.package.titles.da, "en": held.package.titles.en},
        phase=str(held.episode.phase),
        phase_label=wording.PHASES.get(str(held.episode.phase), held.episode.phase),
        level=level,
        level_title=c.LEVEL_TITLES[level or 0],
        level_about=c.LEVEL_WORDS[level or 0],
        level_day=origin.decided_day if origin and origin.package == held.package.id else None,
        plan=c.plan_view(held.plan, {}),
        goals=c.goals(held.goals),
        activities=c.activities(held.activities, held.package, language, today, for_patient=True),
        content=tuple(v.Content(item.title, item.link, item.text, item.validated_by) for item in held.content),
        goal_url=reverse("web:minplan-goal", args=[held.package.id]) if held.episode.phase.is_open else "",
    )


def holder_view(organization: Mapping[str, Any], person: str) -> v.Holder:
    """The clinic as the patient meets it."""
    phone = next(
        (item.get("value", "") for item in organization.get("telecom", ()) if item.get("system") == "phone"), ""
    )
    address: Mapping[str, Any] = next(iter(organization.get("address", ())), {})
    lines = [*address.get("line", ()), " ".join(filter(None, [address.get("postalCode"), address.get("city")]))]
    return v.Holder(
        name=str(organization.get("name", "")),
        person=person,
        phone=phone,
        address=str(address.get("text") or ", ".join(line for line in lines if line)),
    )
