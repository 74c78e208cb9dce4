"""Gathers what one page about one patient needs, through the record's own gate; not yours is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tovholder import forms, packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.cockpit import queries as cockpit_queries
from tovholder.cockpit.ranking import OpenFlag
from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.plan import resources, values

Resource = Mapping[str, Any]
_LIVE_PLANS = ("active", "draft", "on-hold")


@dataclass(frozen=True, slots=True)
class Answered:
    """A completed questionnaire."""

    day: int | None
    answers: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One course with everything that hangs on it."""

    package: Package
    episode: values.Episode
    decision: values.Decision | None
    proposal: values.Proposal | None
    plan: values.Plan | None
    goals: tuple[values.Goal, ...]
    activities: tuple[values.Activity, ...]
    assessment: Answered | None
    flags: tuple[OpenFlag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient with courses, appointments and measurements, and what to call those named in them."""

    id: str
    resource: Resource
    courses: tuple[Course, ...]
    appointments: tuple[values.Appointment, ...]
    observations: tuple[Resource, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """The official name."""
        return cockpit_queries.full_name(self.resource)

    @property
    def first_name(self) -> str:
        """What to say hello to."""
        return self.full_name.split(" ")[0]

    @property
    def cpr(self) -> str:
        """The CPR number as people write it; empty when there is none."""
        for item in self.resource.get("identifier", ()):
            value = str(item.get("value", ""))
            if item.get("system") == systems.CPR and len(value) == 10:
                return f"{value[:6]}-{value[6:]}"
        return ""

    def age(self, today: int) -> int | None:
        """Whole years today."""
        return cockpit_queries.age_on(days.parse_day(self.resource.get("birthDate")), today)

    @property
    def clinic_id(self) -> str | None:
        """The clinic that holds the rope: the one the newest open course names, else the own doctor's."""
        for course in reversed(self.courses):
            if course.episode.organization_id:
                return course.episode.organization_id
        for item in self.resource.get("generalPractitioner", ()):
            kind, _slash, identity = str(item.get("reference", "")).partition("/")
            if kind == "Organization":
                return identity
        return None


def person(ctx: Context, patient_id: str, *, flags: bool = False) -> Person:
    """Everything about a patient the caller may see. Raises Problem(NOT_FOUND) when there is none or it is not theirs."""
    resource = store.read(ctx, "Patient", patient_id).resource
    episodes = sorted(
        (
            resources.read_episode(item)
            for item in _all(ctx, "EpisodeOfCare", patient_id)
            if item.get("status") != "entered-in-error" and resources.package_of(item) in packages.builtin()
        ),
        key=lambda item: (item.eligible_day or item.started_day or 0, item.id or ""),
    )
    observations = _all(ctx, "Observation", patient_id)
    decisions = [value for item in observations if (value := resources.read_decision(item)) is not None]
    proposals = [resources.read_proposal(item) for item in _all(ctx, "RiskAssessment", patient_id)]
    plans = [resources.read_plan(item) for item in _all(ctx, "CarePlan", patient_id)]
    goals = [resources.read_goal(item) for item in _all(ctx, "Goal", patient_id)]
    activities = [resources.read_activity(item) for item in _all(ctx, "ServiceRequest", patient_id)]
    responses = _all(ctx, "QuestionnaireResponse", patient_id)
    appointments = tuple(resources.read_appointment(item) for item in _all(ctx, "Appointment", patient_id))
    open_flags = cockpit_queries.open_flags(ctx, [item.id for item in episodes if item.id]) if flags else {}
    courses = tuple(
        Course(
            package=packages.get(episode.package),
            episode=episode,
            decision=_latest_decision(decisions, episode.id),
            proposal=max(
                (item for item in proposals if item.episode_id == episode.id),
                key=lambda item: (item.made, item.id or ""),
                default=None,
            ),
            plan=_plan(plans, episode.id),
            goals=tuple(item for item in goals if item.episode_id == episode.id),
            activities=tuple(item for item in activities if item.episode_id == episode.id and item.package),
            assessment=_assessment(responses, packages.get(episode.package), episode.id),
            flags=open_flags.get(episode.id or "", ()),
        )
        for episode in episodes
    )
    return Person(
        id=patient_id,
        resource=resource,
        courses=courses,
        appointments=appointments,
        observations=observations,
        names=_names(ctx, courses, appointments),
    )


def course_of(found: Person, package: str) -> Course:
    """The patient's course in a package: the open one, else the latest. Raises Problem(NOT_FOUND)."""
    held = [course for course in found.courses if course.package.id == package]
    if not held:
        raise not_found("The course")
    return next((course for course in reversed(held) if course.episode.phase.is_open), held[-1])


def _all(ctx: Context, kind: str, patient_id: str) -> tuple[Resource, ...]:
    return tuple(item.resource for item in store.search_all(ctx, kind, [("patient", f"Patient/{patient_id}")]))


def _latest_decision(found: Iterable[values.Decision], episode_id: str | None) -> values.Decision | None:
    held = [
        item for item in found if item.episode_id == episode_id and item.status in ("final", "amended", "corrected")
    ]
    return max(held, key=lambda item: (item.decided_day, item.id or ""), default=None)


def _plan(found: Iterable[values.Plan], episode_id: str | None) -> values.Plan | None:
    held = [item for item in found if item.episode_id == episode_id and str(item.status) in _LIVE_PLANS]
    return min(held, key=lambda item: _LIVE_PLANS.index(str(item.status)), default=None)


def _assessment(responses: Iterable[Resource], package: Package, episode_id: str | None) -> Answered | None:
    """The newest completed needs assessment of the course."""
    wanted = package.forms[package.level.base.form].questionnaire["url"]
    held = [
        item
        for item in responses
        if item.get("status") in ("completed", "amended")
        and str(item.get("questionnaire", "")).partition("|")[0] == wanted
        and _episode_of(item) in (None, episode_id)
    ]
    latest = max(held, key=lambda item: str(item.get("authored", "")), default=None)
    if latest is None:
        return None
    return Answered(days.parse_day(latest.get("authored")), forms.answers_of(latest))


def _episode_of(resource: Resource) -> str | None:
    for extension in resource.get("extension", ()):
        if extension.get("url") == systems.EPISODE_OF_CARE_EXTENSION:
            return str((extension.get("valueReference") or {}).get("reference", "")).partition("/")[2] or None
    return None


def _names(ctx: Context, courses: Iterable[Course], appointments: Iterable[values.Appointment]) -> dict[str, str]:
    wanted: set[str] = set()
    for course in courses:
        wanted |= {course.decision.decided_by} if course.decision else set()
        wanted |= {course.plan.confirmed_by} if course.plan and course.plan.confirmed_by else set()
        wanted |= {f"Organization/{course.episode.organization_id}"} if course.episode.organization_id else set()
    wanted |= {f"Organization/{item.organization_id}" for item in appointments if item.organization_id}
    return {reference: name for reference in sorted(wanted) if (name := name_of(ctx, reference))}


def name_of(ctx: Context, reference: str) -> str:
    """What a person or organisation in the directory is called; empty when it is not there."""
    kind, _slash, identity = reference.partition("/")
    if kind not in ("Practitioner", "Organization") or not identity:
        return ""
    resource = directory(ctx, kind, identity)
    if resource is None:
        return ""
    return str(resource.get("name", "")) if kind == "Organization" else cockpit_queries.full_name(resource)


def directory(ctx: Context, kind: str, identity: str) -> Resource | None:
    """An entry of the directory; None when it is not there."""
    try:
        return store.read(ctx, kind, identity).resource
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return None
        raise
