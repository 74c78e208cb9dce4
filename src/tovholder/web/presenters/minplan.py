"""The patient's own page: what is next, who holds the rope, the right to a plan, and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tovholder.packages.model import ContentItem
from tovholder.plan.clock import ClockState
from tovholder.plan.merge.domain import Merged, State
from tovholder.plan.stages import PathStep, Stage, StepName
from tovholder.plan.views import MinPlanCourse, MinPlanView
from tovholder.web import minplan_models as m
from tovholder.web import view_models as v
from tovholder.web import wording
from tovholder.web.presenters import course as c
from tovholder.web.presenters import measurements
from tovholder.web.presenters.merged import title_of

_COMING = frozenset({"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"})
_MISSED_SHOWN = 60  # days a missed appointment is spoken of on the patient's page
# Whose course the page speaks of first when nothing is agreed: where the patient waits for somebody to act.
_URGENT = (Stage.FOUND, Stage.BEGUN, Stage.PLANNED, Stage.DECLINED, Stage.ENDED)
_TO_COME: Mapping[StepName, Any] = {
    StepName.START: _("Klinikken kontakter dig og tilbyder en samtale. Du kan også selv ringe og bede om den."),
    StepName.NEEDS: _(
        "I taler om, hvordan sygdommen påvirker din hverdag, hvad der er vigtigt for dig, og hvad du har brug for "
        "hjælp til."
    ),
    StepName.LEVEL: _("Klinikken foreslår, hvor tæt den skal følge dig, og taler med dig om det."),
    StepName.PLAN: _("I laver din plan sammen. Du kan se den her på siden, så snart den er klar."),
}
_DONE: Mapping[StepName, Any] = {
    StepName.START: _("Klinikken har startet dit forløb."),
    StepName.NEEDS: _("I har talt om, hvad du har brug for."),
    StepName.LEVEL: _("Klinikken har besluttet, hvor tæt den følger dig."),
    StepName.PLAN: _("I har lavet din plan sammen."),
}
_NEXT: Mapping[StepName, Any] = {
    StepName.START: _("Klinikken kontakter dig"),
    StepName.NEEDS: _("I skal tale om, hvad du har brug for"),
    StepName.LEVEL: _("I skal tale om, hvor tæt klinikken følger dig"),
    StepName.PLAN: _("I skal lave din plan sammen"),
}


def minplan_page(
    view: MinPlanView,
    holder: m.Holder | None,
    names: Mapping[str, str],
    *,
    today: int,
    language: str,
    merged: Merged | None = None,
) -> m.MinPlanPage:
    """The patient's own page: what is next, who holds the rope, and the plan.

    ``merged``: what several packages want done at once stands once, in the first course that wants it.
    """
    # Titles come from the package that knows the kind; with several packages the first one that does.
    known = tuple(course.package for course in view.courses)
    shown = c.appointments(view.appointments, known, language, today, names, for_patient=True)
    coming = tuple(item for item in shown if item.status in _COMING and (item.day is None or item.day >= today))
    earlier = tuple(item for item in shown if item not in coming)
    courses = tuple(_course(held, language, today) for held in view.courses)
    steps = _steps(courses, merged, language)
    ahead = tuple(sorted((one for one in steps if one.done_day is None), key=_when))
    lead = min(courses, key=lambda one: _URGENT.index(Stage(one.stage)), default=None)
    return m.MinPlanPage(
        first_name=view.patient.name.split(" ")[0],
        next_appointment=next((item for item in coming if item.start is not None), None),
        next_activity=next((one for one in ahead if one.due_day is not None), None),
        missed=tuple(item for item in earlier if _still_missed(item, shown, today)),
        holder=holder,
        courses=courses,
        lead=lead,
        ahead=ahead,
        done=tuple(sorted((one for one in steps if one.done_day is not None), key=lambda one: -(one.done_day or 0))),
        coming=coming,
        earlier=earlier,
        measurements=measurements.with_aims(
            view.measurements,
            (goal for course in view.courses if course.stage.is_open for goal in course.goals),
            language,
        ),
        reading=_reading(courses),
    )


def _when(step: v.Activity) -> tuple[bool, int]:
    return (step.due_day is None, step.due_day or 0)


def _steps(courses: Sequence[m.Course], merged: Merged | None, language: str) -> tuple[v.Activity, ...]:
    """What was agreed in all open courses: each joint step once, and with several courses what it is for."""
    held = [course for course in courses if course.stage in (Stage.BEGUN, Stage.PLANNED)]
    joint = {
        origin.id: step
        for step in (merged.steps if merged is not None else ())
        if len(step.origins) > 1
        for origin in step.origins
    }
    told: set[str] = set()
    found: list[v.Activity] = []
    for course in held:
        own = (course.title[language],) if len(held) > 1 else ()
        for activity in course.activities:
            step = joint.get(activity.id or "")
            if step is None:
                found.append(replace(activity, packages=own))
            elif step.id not in told:
                told.add(step.id)
                day = activity.due_day if step.state is State.DONE or step.day is None else step.day
                titles = tuple(sorted({origin.package_title[language] for origin in step.origins}))
                found.append(replace(activity, title=title_of(step)[language], due_day=day, packages=titles))
    return tuple(found)


def _reading(courses: Sequence[m.Course]) -> tuple[v.Content, ...]:
    """What there is to read, once each."""
    return tuple({(item.url, str(item.title)): item for course in courses for item in course.content}.values())


def _still_missed(item: v.Appointment, shown: Sequence[v.Appointment], today: int) -> bool:
    """Missed lately, and nothing of the kind agreed since."""
    if item.status != "noshow" or item.day is None or today - item.day > _MISSED_SHOWN:
        return False
    return not any(
        other.kind == item.kind and other.day is not None and other.day > item.day and other.status != "cancelled"
        for other in shown
    )


def _course(held: MinPlanCourse, language: str, today: int) -> m.Course:
    level = int(held.level) if held.level else None
    episode = held.episode
    upcoming = next((step for step in held.path if not step.done), None)
    return m.Course(
        package=held.package.id,
        title={"da": held.package.titles.da, "en": held.package.titles.en},
        stage=str(held.stage),
        path=tuple(_step(step) for step in held.path) if held.stage in (Stage.FOUND, Stage.BEGUN) else (),
        upcoming=_NEXT[upcoming.name] if upcoming else "",
        right=_right(held),
        closed_day=episode.declined_day if held.stage is Stage.DECLINED else episode.ended_day,
        closed_words=wording.ENDED_FOR_PATIENT.get(episode.end_reason or "", wording.ENDED_FOR_PATIENT["completed"]),
        level=level,
        level_title=c.LEVEL_TITLES[level or 0],
        level_about=c.LEVEL_WORDS[level or 0],
        level_day=held.level_day,
        plan=c.plan_view(held.plan, {}),
        goals=c.goals(held.goals),
        activities=c.activities(held.activities, held.package, language, today, for_patient=True),
        content=tuple(_content(item, language) for item in held.content if not item.parts),
        guides=tuple(_content(item, language) for item in held.content if item.parts),
        goal_url=reverse("web:minplan-goal", args=[held.package.id]) if held.stage.is_open else "",
    )


def _content(item: ContentItem, language: str) -> v.Content:
    parts = tuple(
        v.GuidePart(
            part.urgency,
            part.title[language],
            tuple(sign[language] for sign in part.signs),
            tuple(action[language] for action in part.actions),
        )
        for part in item.parts
    )
    return v.Content(item.title, item.link or "", item.text, item.validated_by, parts)


def _step(step: PathStep) -> m.PathStep:
    return m.PathStep(step.done, step.day, _DONE[step.name] if step.done else _TO_COME[step.name])


def _right(held: MinPlanCourse) -> m.PatientRight | None:
    """The right as the patient is told it; what a closed course never reached is told as it stood that day."""
    shown = held.clock
    if shown is None or (shown.state is ClockState.UNKNOWN and held.stage is Stage.ENDED):
        return None
    state = str(shown.state)
    if shown.state in (ClockState.RUNNING, ClockState.BROKEN) and not held.stage.is_open:
        state = f"closed-{state}"
    return m.PatientRight(
        state=state,
        deadline_day=shown.clock.deadline_day,
        days_left=shown.days_left,
        made_day=shown.stopped_day,
        legacy=shown.clock.legacy,
        paused_since=shown.paused_since if held.stage.is_open else None,
        declined=held.stage is Stage.DECLINED,
    )


def holder_view(organization: Mapping[str, Any], person: str) -> m.Holder:
    """The clinic as the patient meets it."""
    phone = next(
        (item.get("value", "") for item in organization.get("telecom", ()) if item.get("system") == "phone"), ""
    )
    address: Mapping[str, Any] = next(iter(organization.get("address", ())), {})
    lines = [*address.get("line", ()), " ".join(filter(None, [address.get("postalCode"), address.get("city")]))]
    return m.Holder(
        name=str(organization.get("name", "")),
        person=person,
        phone=phone,
        address=str(address.get("text") or ", ".join(line for line in lines if line)),
    )
