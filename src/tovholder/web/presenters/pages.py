"""The patient's page in the clinic, and the patient's own page, from what reading.py gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from tovholder.forms.domain import form_text
from tovholder.packages import Package
from tovholder.packages.questionnaires import items, translation
from tovholder.web import reading, wording
from tovholder.web import view_models as v
from tovholder.web.presenters import course as c
from tovholder.web.presenters import measures

_COMING = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})
_MISSED_SHOWN = 60  # days a missed appointment is spoken of on the patient's page


def patient_page(person: reading.Person, held: reading.Course, *, today: int, language: str) -> v.PatientPage:
    """One patient's course, for the clinic."""
    episode, package = held.episode, held.package
    assessed = held.assessment
    guided = c.steps(episode, assessed_day=assessed.day if assessed else None, decision=held.decision, plan=held.plan)
    form_url = reverse("web:form", args=[person.id, package.id, package.level.base.form])
    return v.PatientPage(
        patient_id=person.id,
        name=person.full_name,
        age=person.age(today),
        cpr=person.cpr,
        package=package.id,
        package_title={"da": package.titles.da, "en": package.titles.en},
        phase=str(episode.phase),
        phase_label=wording.PHASES.get(str(episode.phase), episode.phase),
        episode_id=episode.id,
        level=int(held.decision.level) if held.decision else None,
        flags=c.flags(held.flags),
        clock=c.clock(package, episode, held.plan, today),
        steps=guided,
        current=next((step for step in guided if step.state == "current"), None),
        inclusion_reasons=episode.inclusion_reasons,
        declined_day=episode.declined_day,
        decline_reason=episode.decline_reason or "",
        ended_day=episode.ended_day,
        end_reason=wording.END_REASONS.get(episode.end_reason or "", episode.end_reason or ""),
        assessment=_assessment(held, language, form_url),
        assessment_url=form_url if episode.phase.is_started else "",
        proposal=c.proposal_view(package, held.proposal, language),
        decision=c.decision_view(held.decision, person.names),
        plan=c.plan_view(held.plan, person.names),
        goals=c.goals(held.goals),
        activities=c.activities(held.activities, package, language, today),
        appointments=c.appointments(_of_course(person, held), package, language, today, person.names),
        measurements=measures.series(package, person.observations, language),
        urls=_urls(person.id, held),
    )


def _of_course(person: reading.Person, held: reading.Course) -> tuple[Any, ...]:
    return tuple(item for item in person.appointments if item.episode_id in (None, held.episode.id))


def _urls(patient_id: str, held: reading.Course) -> Mapping[str, str]:
    """The acts the page offers in this state; an act that is not offered has no address here."""
    phase = held.episode.phase
    names: list[str] = []
    if not phase.is_started and phase.value in ("eligible", "declined"):
        names.append("start")
    if phase.value == "eligible":
        names += ["decline", "pause", "resume", "end"]
    if phase.is_started:
        names += ["pause", "resume", "end", "book", "appointment", "cancel", "rebook", "goal"]
        if held.assessment is not None or held.proposal is not None:
            names.append("decide")
        if held.plan is None and held.decision is not None:
            names.append("draft")
        if held.plan is not None and held.plan.confirmed_day is None:
            names.append("confirm")
        if held.plan is not None and held.plan.confirmed_day is not None:
            names.append("activity")
    return {name: reverse(f"web:act-{name}", args=[patient_id, held.package.id]) for name in names}


def _assessment(held: reading.Course, language: str, url: str) -> v.Assessment | None:
    if held.assessment is None:
        return None
    form = held.package.forms[held.package.level.base.form]
    answers = []
    for item in items(form.questionnaire):
        given = held.assessment.answers.get(str(item.get("linkId")), ())
        if given:
            words = ", ".join(_answer_text(item, value, language) for value in given)
            answers.append(v.Answer(translation(item, "text")[language], words))
    return v.Assessment(form=form.id, day=held.assessment.day, answers=tuple(answers), url=url)


def _answer_text(item: Mapping[str, Any], value: Any, language: str) -> str:
    """An answer in the questionnaire's own words."""
    for option in item.get("answerOption", ()):
        held = next((inner for key, inner in option.items() if key.startswith("value")), None)
        if isinstance(held, Mapping) and form_text(held) == form_text(value):
            return translation(held, "display")[language]
    return form_text(value)


def book_kinds(package: Package, language: str) -> tuple[tuple[str, str], ...]:
    """Kinds of appointment the package knows."""
    return tuple((item.kind, item.title[language]) for item in package.appointment_kinds)


def minplan_page(person: reading.Person, holder: v.Holder | None, *, today: int, language: str) -> v.MinPlanPage:
    """The patient's own page: what is next, who holds the rope, and the plan."""
    packages: Sequence[reading.Course] = [held for held in person.courses if held.episode.phase.value != "ended"]
    # Titles come from the package that knows the kind; with several packages the first one that does.
    first = packages[0].package if packages else None
    shown = c.appointments(person.appointments, first, language, today, person.names, for_patient=True)
    coming = tuple(item for item in shown if item.status in _COMING and (item.day is None or item.day >= today))
    earlier = tuple(item for item in shown if item not in coming)
    courses = tuple(_course(held, today, language) for held in packages)
    waiting = [
        activity
        for one in courses
        for activity in one.activities
        if activity.done_day is None and activity.due_day is not None
    ]
    return v.MinPlanPage(
        first_name=person.first_name,
        next_appointment=next((item for item in coming if item.start is not None), None),
        next_activity=min(waiting, key=lambda item: item.due_day or 0, default=None),
        missed=tuple(item for item in earlier if _still_missed(item, shown, today)),
        holder=holder,
        courses=courses,
        coming=coming,
        earlier=earlier,
        measurements=measures.series(first, person.observations, language) if first else (),
    )


def _still_missed(item: v.Appointment, shown: Sequence[v.Appointment], today: int) -> bool:
    """Missed lately, and nothing of the kind agreed since."""
    if item.status != "noshow" or item.day is None or today - item.day > _MISSED_SHOWN:
        return False
    return not any(
        other.kind == item.kind and other.day is not None and other.day > item.day and other.status != "cancelled"
        for other in shown
    )


def _course(held: reading.Course, today: int, language: str) -> v.Course:
    level = int(held.decision.level) if held.decision else None
    open_course = held.episode.phase.is_open
    return v.Course(
        package=held.package.id,
        title={"da": held.package.titles.da, "en": held.package.titles.en},
        phase=str(held.episode.phase),
        phase_label=wording.PHASES.get(str(held.episode.phase), held.episode.phase),
        level=level,
        level_title=c.LEVEL_TITLES[level or 0],
        level_about=c.LEVEL_WORDS[level or 0],
        level_day=held.decision.decided_day if held.decision else None,
        plan=c.plan_view(held.plan, {}) if held.plan and held.plan.confirmed_day is not None else None,
        goals=c.goals(held.goals),
        activities=c.activities(held.activities, held.package, language, today, for_patient=True),
        content=c.content(held.package, today),
        goal_url=reverse("web:minplan-goal", args=[held.package.id]) if open_course else "",
    )


def holder_view(organization: Mapping[str, Any], person: str) -> v.Holder:
    """The clinic as the patient meets it."""
    phone = next(
        (item.get("value", "") for item in organization.get("telecom", ()) if item.get("system") == "phone"), ""
    )
    address = next(iter(organization.get("address", ())), {})
    lines = [*address.get("line", ()), " ".join(filter(None, [address.get("postalCode"), address.get("city")]))]
    return v.Holder(
        name=str(organization.get("name", "")),
        person=person,
        phone=phone,
        address=str(address.get("text") or ", ".join(line for line in lines if line)),
    )
