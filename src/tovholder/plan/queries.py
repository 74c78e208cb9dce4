"""What pages and operations show of one patient: a summary, one course whole, and the patient's own plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import forms, packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem, not_found
from tovholder.packages import Package
from tovholder.packages.conditions import evaluate
from tovholder.packages.questionnaires import items, translation
from tovholder.plan import aims, course, resources
from tovholder.plan.domain import PlanStatus
from tovholder.plan.inputs import age, facts
from tovholder.plan.level import LevelProposal, propose_level
from tovholder.plan.measures import Series, series
from tovholder.plan.nextstep import next_thing, waiting
from tovholder.plan.record import Record, patient_facts
from tovholder.plan.review import reviews
from tovholder.plan.schedule import schedule
from tovholder.plan.stages import SHOWN, path, stage_of, stops_that_hold, told_on
from tovholder.plan.values import Activity, Appointment, Episode, Goal, Plan, Proposal, Referral
from tovholder.plan.views import (
    ClockView,
    DateLine,
    EpisodeView,
    FormState,
    LevelOrigin,
    MinPlanCourse,
    MinPlanView,
    NeedAnswer,
    PatientSummary,
)


@dataclass(frozen=True)
class Held:
    """Everything read of one patient, once."""

    patient: Mapping[str, Any]
    by_type: Mapping[str, tuple[dict[str, Any], ...]]

    def of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """The resources of a type."""
        return self.by_type.get(kind, ())

    def record(self) -> Record:
        """What packages ask about."""
        return Record((dict(self.patient), *(item for found in self.by_type.values() for item in found)))


READ = (
    "Appointment", "CarePlan", "Condition", "Encounter", "EpisodeOfCare", "Goal", "Observation",
    "QuestionnaireResponse", "RiskAssessment", "ServiceRequest", "Task",
)  # fmt: skip


def read_all(ctx: Context, patient_id: str, more: Iterable[str] = ()) -> Held:
    """Read in the actor's scope; a type the role may not see is as if empty. ``more``: types besides the usual."""
    patient = store.read(ctx, "Patient", patient_id).resource
    found: dict[str, tuple[dict[str, Any], ...]] = {}
    for kind in (*READ, *more):
        entries = store.search_all(ctx, kind, [("patient", f"Patient/{patient_id}")])
        found[kind] = tuple(item.resource for item in entries if item.resource.get("status") != "entered-in-error")
    return Held(patient, found)


def summary_of(ctx: Context, held: Held) -> PatientSummary:
    """Who the patient is, and where they stand in each package."""
    known = patient_facts(held.patient)
    episodes = _episodes(held)
    clinic_id = next((item.organization_id for item in episodes if item.phase.is_open and item.organization_id), None)
    clinic = _organization(ctx, clinic_id or known.organization_id)
    return PatientSummary(
        id=known.id,
        name=name_of(held.patient),
        birth_day=known.birth_day,
        age=None if known.birth_day is None else age(known.birth_day, ctx.today),
        sex=str(held.patient.get("gender") or ""),
        deceased=known.deceased,
        clinic_id=clinic_id or known.organization_id,
        clinic_name=str(clinic.get("name") or ""),
        clinic_phone=_telecom(clinic, "phone"),
        clinic_link=_telecom(clinic, "url"),
        episodes=episodes,
        level=_origin(held, episodes),
    )


def name_of(patient: Mapping[str, Any]) -> str:
    """The official name, else the first."""
    names = patient.get("name") or [{}]
    chosen = next((item for item in names if item.get("use") == "official"), names[0])
    return str(chosen.get("text") or " ".join([*chosen.get("given", ()), chosen.get("family", "")]).strip())


def _organization(ctx: Context, identity: str | None) -> Mapping[str, Any]:
    if identity is None:
        return {}
    try:
        return store.read(ctx, "Organization", identity).resource
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return {}
        raise


def _telecom(organization: Mapping[str, Any], system: str) -> str:
    found = (item.get("value") for item in organization.get("telecom") or () if item.get("system") == system)
    return str(next(found, "") or "")


def _episodes(held: Held) -> tuple[Episode, ...]:
    known = packages.builtin()
    found = [resources.read_episode(item) for item in held.of("EpisodeOfCare") if resources.package_of(item) in known]
    return tuple(sorted(found, key=lambda item: (item.eligible_day or item.started_day or 0, item.id or "")))


def _origin(held: Held, episodes: Iterable[Episode]) -> LevelOrigin | None:
    decided = [
        (found[-1], episode)
        for episode in episodes
        if episode.phase.is_open and episode.id and (found := course.decisions(held.of("Observation"), episode.id))
    ]
    if not decided:
        return None
    decision, episode = max(decided, key=lambda pair: (pair[0].level, pair[0].decided_day))
    return LevelOrigin(decision.level, episode.package, packages.get(episode.package).titles, decision.decided_day)


def _chosen(episodes: Iterable[Episode], package_id: str) -> Episode:
    """The open course in a package, else the latest."""
    held = [item for item in episodes if item.package == package_id]
    if not held:
        raise not_found("The course")
    return next((item for item in reversed(held) if item.phase.is_open), held[-1])


def episode_view(ctx: Context, patient_id: str, package: str) -> EpisodeView:
    """The patient's course in a package. Raises Problem(NOT_FOUND) when there is none the actor may see."""
    held = read_all(ctx, patient_id)
    return view_of(ctx, held, summary_of(ctx, held), package, held.record())


def view_of(ctx: Context, held: Held, summary: PatientSummary, package: str, record: Record) -> EpisodeView:
    """The course in a package from what was read of the patient. Raises Problem(NOT_FOUND) when there is none."""
    episode = _chosen(summary.episodes, package)
    known = course.package(package)
    decisions = tuple(course.decisions(held.of("Observation"), episode.id or ""))
    decision = decisions[-1] if decisions else None
    proposal = propose_level(known, None, record, ctx.today)
    plans = [resources.read_plan(item) for item in held.of("CarePlan")]
    own_plans = sorted(
        (item for item in plans if item.episode_id == episode.id), key=lambda item: (item.made_day, item.id)
    )
    plan = next((item for item in own_plans if item.status.is_valid), None)
    activities = _activities(held, episode)
    appointments = _appointments(held, episode, known)
    referrals = tuple(item for item in all_referrals(held) if item.episode_id == episode.id)
    level = int(decision.level) if decision else (int(proposal.level) if proposal.level else None)
    asked = facts(known, record, ctx.today, level=level)
    preview = schedule(known, level, asked.grade, ctx.today, asked, diagnosed_day=episode.diagnosed_day)
    needs, needs_day = _needs(known, record)
    titles = {item.name: item.title for item in known.level.inputs} | {item.link_id: item.title for item in needs}
    suggested = [item for item in known.plan.goals if evaluate(item.when, asked).truth is True]
    return EpisodeView(
        patient=summary,
        package=known,
        episode=episode,
        clock=clock_view(episode, plan, ctx.today),
        dates=dates(episode, plan, referrals),
        decision=decision,
        decisions=decisions,
        saved_proposal=_saved(held, episode),
        proposal=proposal,
        unknown=tuple(titles[name] for name in proposal.unknown if name in titles),
        needs=needs,
        needs_day=needs_day,
        plan=plan,
        plan_versions=tuple(own_plans),
        preview=preview.activities,
        undecided=preview.undecided,
        goals=_goals(held, episode.id),
        suggested_goals=tuple(item.text for item in suggested),
        suggestions=tuple(aims.suggestion(known, item) for item in suggested),
        activities=activities,
        appointments=appointments,
        referrals=referrals,
        measurements=series(known, record, since=_begun(episode)),
        stops=stops_that_hold(known, asked) if episode.phase.is_started else (),
        forms=_forms(known, record),
        next=next_thing(activities, appointments, ctx.today),
        waiting=waiting(
            episode=episode,
            plan=plan,
            level_decided=decision is not None,
            level_review_day=min((one.day for one in reviews(decision, record.contacts, (), ctx.today)), default=None),
            needs_answered=all(item.value is not None for item in needs),
            blocked=proposal.is_blocked,
            activities=activities,
            appointments=appointments,
            today=ctx.today,
        ),
        contacts=record.contacts,
        warnings=_warnings(ctx, summary, episode, proposal),
    )


def _begun(episode: Episode) -> int | None:
    return episode.started_day if episode.started_day is not None else episode.eligible_day


def _forms(known: Package, record: Record) -> tuple[FormState, ...]:
    """The package's forms besides the needs assessment, with when each was last answered."""
    found = []
    for form in known.forms.values():
        if form.id == known.level.base.form:
            continue
        latest = record.latest_answers(str(form.questionnaire.get("url")))
        day = days.parse_day(latest.authored) if latest else None
        found.append(FormState(form.id, form.titles, form.scoring.kind, day, latest.values if latest else {}))
    return tuple(found)


def _activities(held: Held, episode: Episode) -> tuple[Activity, ...]:
    found = [resources.read_activity(item) for item in held.of("ServiceRequest")]
    own = [item for item in found if item.episode_id == episode.id and item.package]
    return tuple(sorted(own, key=lambda item: (item.due_day is None, item.due_day or 0, item.id or "")))


def _appointments(held: Held, episode: Episode, known: Package) -> tuple[Appointment, ...]:
    """Appointments of the course: those that say so, and those of the package's kinds that say nothing."""
    kinds = {item.kind for item in known.appointment_kinds} | {item.kind for item in known.plan.activities}
    found = all_appointments(held)
    return tuple(
        item for item in found if episode.id in item.episode_ids or (not item.episode_ids and item.kind in kinds)
    )


def all_appointments(held: Held) -> tuple[Appointment, ...]:
    """Every appointment, whoever made it, by time."""
    found = [resources.read_appointment(item) for item in held.of("Appointment")]
    return tuple(sorted(found, key=lambda item: (item.start is None, item.start.timestamp() if item.start else 0.0)))


def all_referrals(held: Held) -> tuple[Referral, ...]:
    """Every referral, by the day it was sent."""
    found = [resources.read_referral(item) for item in held.of("Task") if resources.is_referral(item)]
    return tuple(sorted(found, key=lambda item: (item.sent_day, item.id or "")))


def _goals(held: Held, episode_id: str | None) -> tuple[Goal, ...]:
    found = [resources.read_goal(item) for item in held.of("Goal")]
    own = [item for item in found if item.episode_id == episode_id and item.lifecycle != "entered-in-error"]
    return tuple(sorted(own, key=lambda item: (item.start_day or 0, item.id or "")))


def _saved(held: Held, episode: Episode) -> Proposal | None:
    found = [resources.read_proposal(item) for item in held.of("RiskAssessment")]
    own = [item for item in found if item.episode_id == episode.id]
    return max(own, key=lambda item: (item.made, item.id or ""), default=None)


def _needs(known: Package, record: Record) -> tuple[tuple[NeedAnswer, ...], int | None]:
    base = known.level.base
    form = known.forms.get(base.form)
    if form is None:
        return (), None
    latest = record.latest_answers(str(form.questionnaire.get("url")))
    titles = {str(item.get("linkId")): translation(item, "text") for item in items(form.questionnaire)}
    found = []
    for link_id in base.link_ids:
        given = latest.values.get(link_id, ()) if latest else ()
        text = forms.form_text(given[0]) if given else ""
        found.append(NeedAnswer(link_id, titles[link_id], int(text) if text in ("1", "2", "3") else None))
    return tuple(found), days.parse_day(latest.authored) if latest else None


def clock_view(episode: Episode, plan: Plan | None, today: int) -> ClockView | None:
    """The clock today; only the day a plan was confirmed together with the patient stops it."""
    if episode.clock is None:
        return None
    stopped = plan.confirmed_day if plan and plan.status is not PlanStatus.DRAFT else None
    pause = episode.open_pause
    return ClockView(
        clock=episode.clock,
        state=episode.clock.state(today, stopped),
        days_left=None if stopped is not None else episode.clock.days_left(today),
        stopped_day=stopped,
        paused_days=episode.paused_days + (pause.days(today) if pause else 0),
        paused_since=pause.start_day if pause else None,
    )


def dates(episode: Episode, plan: Plan | None, referrals: Iterable[Referral]) -> tuple[DateLine, ...]:
    """Every date a right is followed by, missing ones included."""
    clock = episode.clock
    found = [
        DateLine("diagnosed", episode.diagnosed_day),
        DateLine("eligible", episode.eligible_day),
        DateLine("offered", episode.offered_day),
        DateLine("started", episode.started_day),
        DateLine("made", plan.made_day if plan else None),
        DateLine("confirmed", plan.confirmed_day if plan else None),
        DateLine("shared", plan.shared_day if plan else None),
        DateLine("deadline", clock.deadline_day if clock else None, clock.rule if clock else ""),
    ]
    found += [DateLine("paused", pause.start_day, pause.reason) for pause in episode.pauses]
    for referral in referrals:
        found.append(DateLine("referred", referral.sent_day, referral.title))
        found.append(DateLine("offer-started", referral.started_day, referral.title))
    if episode.declined_day is not None:
        found.append(DateLine("declined", episode.declined_day, episode.decline_reason or ""))
    if episode.ended_day is not None:
        found.append(DateLine("ended", episode.ended_day, episode.end_reason or ""))
    return tuple(found)


def _warnings(ctx: Context, summary: PatientSummary, episode: Episode, proposal: LevelProposal) -> tuple[str, ...]:
    told = {
        "deceased": summary.deceased,
        "no-own-doctor": summary.clinic_id is None,
        "other-clinic": bool(ctx.organization and summary.clinic_id and ctx.organization != summary.clinic_id),
        "no-diagnosis-date": bool(episode.clock and episode.clock.missing),
        "legacy": bool(episode.clock and episode.clock.legacy),
        "blocked": proposal.is_blocked,
    }
    return tuple(name for name, holds in told.items() if holds)


def minplan_view(ctx: Context, patient_id: str) -> MinPlanView:
    """The patient's own page over all packages: from found to ended. What is not shared yet (a draft) is not shown."""
    return minplan_of(ctx, read_all(ctx, patient_id))


def minplan_of(ctx: Context, held: Held, today: int | None = None) -> MinPlanView:
    """The same from what was read, now or as it was on an earlier day (``today``)."""
    today = ctx.today if today is None else today
    summary = summary_of(ctx, held)
    record = held.record()
    appointments = all_appointments(held)
    courses = tuple(
        _minplan_course(held, record, _chosen(summary.episodes, package), appointments, today)
        for package in dict.fromkeys(episode.package for episode in summary.episodes)
    )
    steps = [activity for item in courses for activity in item.activities]
    measured: dict[tuple[str, str], Series] = {}
    for item in courses:
        for line in series(item.package, record, since=_begun(item.episode)):
            measured.setdefault((line.system, line.code), line)
    return MinPlanView(
        patient=summary,
        courses=courses,
        next=next_thing(steps, appointments, today),
        goals=_goals(held, None),
        appointments=appointments,
        measurements=tuple(measured.values()),
    )


def _minplan_course(
    held: Held, record: Record, episode: Episode, appointments: tuple[Appointment, ...], today: int
) -> MinPlanCourse:
    known = packages.get(episode.package)
    decided = course.decisions(held.of("Observation"), episode.id or "")
    level = decided[-1].level if decided else None
    level_day = decided[-1].decided_day if decided else None
    meaning = next((item for item in known.levels if item.level == level), None)
    plans = [read for item in held.of("CarePlan") if (read := resources.read_plan(item)).episode_id == episode.id]
    plan = next((item for item in plans if item.status in SHOWN), None) if episode.phase.is_started else None
    made = [item for item in plans if item.confirmed_day is not None]
    activities = tuple(item for item in _activities(held, episode) if plan is not None)
    asked = facts(known, record, today, level=int(level) if level else None)
    needs, needs_day = _needs(known, record)
    answered = bool(needs) and all(item.value is not None for item in needs)
    return MinPlanCourse(
        package=known,
        episode=episode,
        stage=stage_of(episode, plan),
        path=path(episode, needs_day=needs_day, needs_done=answered, level_day=level_day, plan=plan),
        clock=clock_view(episode, plan or (made[-1] if made else None), told_on(episode, today)),
        level=level,
        level_day=level_day,
        level_title=meaning.title if meaning else None,
        level_meaning=meaning.meaning if meaning else None,
        plan=plan,
        next=next_thing(activities, _appointments(held, episode, known), today),
        goals=_goals(held, episode.id),
        activities=activities,
        content=tuple(
            item
            for item in known.content
            if "patient" in item.audience and item.shown(today) and evaluate(item.when, asked).truth is True
        ),
    )
