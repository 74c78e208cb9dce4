"""What must hold whoever writes: the same rules for a plain FHIR write as for the clinic's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder import forms, packages
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden, rule
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference, patient_of
from tovholder.plan import resources
from tovholder.plan.clock import ClockEvent
from tovholder.plan.course import CLINIC, is_live_plan
from tovholder.plan.domain import (
    PLAN_TRANSITIONS,
    TRANSITIONS,
    ActivityStatus,
    EndReason,
    Level,
    Phase,
    PlanStatus,
    episode_status,
    may_move,
)
from tovholder.plan.resources import closing
from tovholder.plan.resources.extensions import coding, target, text, x
from tovholder.plan.resources.extensions import day as extension_day
from tovholder.store.ports import Change, Resource
from tovholder.store.unit import UnitOfWork

_PHASE = "EpisodeOfCare.extension('episode-phase')"
_DERIVED = "system:derive"  # our own derivation has asked these questions itself, for all its patients at once
_ANSWERED = frozenset({"completed", "amended"})
_CLOSED_ACTIVITY = frozenset({"completed", "revoked", "entered-in-error"})
ERROR = "entered-in-error"
# The patient, and who acts in their stead: each in their own name.
_LAY = frozenset({Role.CITIZEN, Role.REPRESENTATIVE})
_HOW_IT_GOES = frozenset({"achievementStatus", "statusDate", "meta"})


def episode_guard(change: Change, uow: UnitOfWork) -> None:
    """A course moves only as the table says, keeps its patient and package, and is the only open one."""
    new, old = change.new, change.old
    if new is None or change.ctx.actor == _DERIVED:
        return
    package_id = resources.package_of(new) or (resources.package_of(old) if old else None)
    if package_id is None:
        return  # somebody else's kind of episode
    if old is not None:
        _unchanged("EpisodeOfCare.type", resources.package_of(old), resources.package_of(new), "package")
        _unchanged("EpisodeOfCare.patient", patient_of(old), patient_of(new), "patient")
    if new.get("status") == ERROR:
        return
    if package_id not in packages.builtin():
        raise rule("EpisodeOfCare.type", "the package is not known here", ", ".join(sorted(packages.builtin())))
    phase = resources.phase_of(new)
    if phase is None or text(new, "episode-phase") is None:
        raise rule(_PHASE, "a course says its phase, and it is one of ours", ", ".join(Phase))
    value = resources.read_episode(new)
    if value.open_pause is not None and sum(pause.end_day is None for pause in value.pauses) > 1:
        raise rule("EpisodeOfCare.extension('pause')", "two pauses are open", "at most one open pause")
    fitting = {episode_status(phase), episode_status(phase, paused=True)}
    if new.get("status") not in fitting:
        raise rule("EpisodeOfCare.status", f"the status does not fit the phase {phase}", " or ".join(sorted(fitting)))
    before = resources.phase_of(old) if old is not None and old.get("status") != ERROR else None
    if before is not None and not may_move(before, phase):
        allowed = ", ".join(sorted(TRANSITIONS[before])) or "nothing: the course is closed"
        raise rule(_PHASE, f"a course cannot go from {before} to {phase}", allowed, kept="the course as it was")
    if phase is Phase.ENDED and text(new, "end-reason") not in {str(item) for item in EndReason}:
        raise rule("EpisodeOfCare.extension('end-reason')", "a course ends for a reason", ", ".join(EndReason))
    if phase is Phase.DECLINED and not text(new, "decline-reason"):
        raise rule(
            "EpisodeOfCare.extension('decline-reason')", "why the patient declined is missing", "the patient's reason"
        )
    _same_clock(old, new, change.ctx)
    # A bulk load leaves this one to the unique index: asking for every course would send each row by itself.
    if phase.is_open and not (before is not None and before.is_open) and not uow.is_bulk:
        _only_open(uow, new, package_id)


def _unchanged(path: str, old: object, new: object, what: str) -> None:
    if old != new:
        raise rule(path, f"the {what} of a stored resource cannot change", f"the same {what}, or a new resource")


def _same_clock(old: Resource | None, new: Resource, ctx: Context) -> None:
    """A running clock is moved by nobody but our own derivation: a deadline that can be edited protects no one."""
    if old is None or ctx.role is Role.SYSTEM:
        return
    before, after = resources.read_episode(old).clock, resources.read_episode(new).clock
    if before is not None and before.event is not ClockEvent.UNKNOWN and before != after:
        raise rule(
            "EpisodeOfCare.extension('rights-clock')",
            "the rights clock cannot be changed",
            "the clock as it was; record a pause beside it",
            kept="the course as it was",
        )


def _only_open(uow: UnitOfWork, new: Resource, package_id: str) -> None:
    patient_id = patient_of(new)
    if patient_id is None:
        return
    for row in uow.as_system("guard").fact_rows("episode", [patient_id], ["episode_id", "package", "phase", "status"]):
        open_now = row["phase"] in {str(item) for item in Phase if item.is_open}
        if row["package"] == package_id and open_now and row["episode_id"] != new.get("id"):
            raise Problem(
                Category.CONFLICT,
                "The patient has an open course in this package",
                [
                    Issue(
                        "EpisodeOfCare", "an open course exists", "one open course per patient and package", "duplicate"
                    )
                ],
                kept="the open course as it was",
            )


def _reopened(change: Change) -> bool:
    """Whether our own derivation sets back what a death closed that was registered by mistake."""
    return change.ctx.actor == _DERIVED and change.new is not None and closing.reopens(change.old, change.new)


def plan_guard(change: Change, uow: UnitOfWork) -> None:
    """A plan belongs to a started course, is the only valid one, and is confirmed once, by the clinic, with reason."""
    new, old = change.new, change.old
    if new is None or not _is_package_plan(new):
        if new is not None and old is not None and _is_package_plan(old):
            raise rule(
                "CarePlan.category", "the package of a stored plan cannot be taken away", "the package's category"
            )
        return
    if old is not None:
        _unchanged("CarePlan.subject", patient_of(old), patient_of(new), "patient")
    if not any(coding(item, systems.PACKAGE_SYSTEM) for item in new.get("category") or ()):
        raise rule("CarePlan.category", "the plan does not say its package", f"a coding in {systems.PACKAGE_SYSTEM}")
    status = str(new.get("status"))
    if status == "unknown" or status not in {str(item) for item in PlanStatus}:
        raise rule("CarePlan.status", "the status is not one a plan may have", ", ".join(PlanStatus))
    if old is not None and old.get("status") != status and not _reopened(change):
        allowed = PLAN_TRANSITIONS[PlanStatus(str(old.get("status")))]
        if PlanStatus(status) not in allowed:
            expected = ", ".join(sorted(allowed)) or "nothing: the plan is closed"
            raise rule("CarePlan.status", f"a plan cannot go from {old.get('status')} to {status}", expected)
    plan = resources.read_plan(new)
    if is_live_plan(status):
        _plan_episode(uow, plan.patient_id, plan.episode_id, plan.package)
        if not uow.is_bulk:  # there the unique index says it
            _only_plan(uow, plan.patient_id, plan.episode_id, str(new.get("id") or ""))
    _confirmation(change, uow)


def _is_package_plan(resource: Mapping[str, Any]) -> bool:
    made_from = f"{systems.BASE}/PlanDefinition/"
    return any(coding(item, systems.PACKAGE_SYSTEM) for item in resource.get("category") or ()) or any(
        str(item).startswith(made_from) for item in resource.get("instantiatesCanonical") or ()
    )


def _plan_episode(uow: UnitOfWork, patient_id: str, episode_id: str, package_id: str) -> None:
    path = "CarePlan.extension('workflow-episodeOfCare')"
    if not episode_id:
        raise rule(path, "the plan says no course", "a reference to the patient's EpisodeOfCare in the package")
    found = _course(uow, patient_id, episode_id)
    if found is None or resources.package_of(found) != package_id:
        raise rule(path, "the course is not one of the patient's in this package", "the patient's own course")
    phase = resources.phase_of(found)
    if phase is None or not phase.is_started:
        raise rule(
            path,
            f"no plan can be made while the course is {phase}",
            "include and start the patient first",
            kept="nothing was stored; the course is as it was",
        )


def _course(uow: UnitOfWork, patient_id: str, episode_id: str) -> Resource | None:
    """The patient's own course as the unit sees it; the resource, since it may not have reached its facts yet."""
    try:
        found = uow.as_system("guard").read("EpisodeOfCare", episode_id)
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return None
        raise
    return found if patient_of(found) == patient_id and found.get("status") != ERROR else None


def _only_plan(uow: UnitOfWork, patient_id: str, episode_id: str, plan_id: str) -> None:
    for row in uow.as_system("guard").fact_rows("plan", [patient_id], ["plan_id", "episode_id", "status"]):
        if row["episode_id"] == episode_id and row["plan_id"] != plan_id and is_live_plan(row["status"]):
            raise Problem(
                Category.CONFLICT,
                "The course has a valid plan already",
                [Issue("CarePlan", "a valid plan exists", "one valid plan per course; revise that one", "duplicate")],
                kept="the plan as it was",
            )


def _confirmation(change: Change, uow: UnitOfWork) -> None:
    new, old, ctx = change.new, change.old, change.ctx
    assert new is not None
    path = "CarePlan.extension('confirmed')"
    day = extension_day(new, "confirmed")
    before = extension_day(old, "confirmed") if old is not None else None
    if before is not None and day != before and ctx.role is not Role.SYSTEM:
        raise rule(path, "the day a plan was confirmed cannot be changed", days.iso(before), kept="the plan as it was")
    if new.get("status") == PlanStatus.DRAFT and day is not None:
        raise rule("CarePlan.status", "a confirmed plan is no draft", "active")
    if new.get("status") == PlanStatus.ACTIVE and day is None:
        raise rule(path, "an active plan was made together with the patient on a day", "the day it was confirmed")
    if day is None or day == before:
        return
    if ctx.role not in CLINIC:
        raise forbidden(path, "only the clinic confirms a plan", "the doctor or clinic staff who made it")
    if day > ctx.today:
        raise rule(path, "the day lies in the future", f"{days.iso(ctx.today)} or earlier")
    if target(new, x("confirmed-by")) is None:
        raise rule(
            "CarePlan.extension('confirmed-by')", "who confirmed the plan is missing", "a reference to the clinician"
        )
    if not new.get("goal") and not text(new, "no-goal-reason"):
        raise rule("CarePlan.goal", "the plan has neither a goal nor a reason for none", "a goal, or no-goal-reason")
    if ctx.role is not Role.SYSTEM:  # what a system brings in may arrive in any order
        plan = resources.read_plan(new)
        rows = uow.as_system("guard").fact_rows("level", [plan.patient_id], ["episode_id", "level"])
        if not any(row["episode_id"] == plan.episode_id and row["level"] for row in rows):
            raise rule(path, "no tovholder level is decided", "decide the level, then confirm the plan")


def level_guard(change: Change, uow: UnitOfWork) -> None:
    """The tovholder level is decided by the clinic, is one of three, and says why when it differs from the proposal."""
    new, old = change.new, change.old
    decided = (new is not None and resources.is_decision(new)) or (old is not None and resources.is_decision(old))
    if not decided or new is None:
        return
    performer = "Observation.performer"
    if change.ctx.role not in CLINIC:
        raise forbidden(performer, "the tovholder level is the clinic's to decide", "a doctor or clinic staff")
    if not resources.is_decision(new):
        raise rule("Observation.code", "a decided level cannot become another observation", "entered-in-error")
    if new.get("status") == ERROR:
        return
    kinds = {ref.type for item in new.get("performer") or () if (ref := parse_reference(item.get("reference")))}
    if kinds & {"Patient", "RelatedPerson"}:
        raise forbidden(
            performer, "the patient does not decide the tovholder level", "Practitioner or PractitionerRole"
        )
    if not kinds and change.ctx.role is not Role.SYSTEM:
        raise rule(performer, "who decided the level is missing", "Practitioner, PractitionerRole or Organization")
    level = resources.decided_level(new)
    if level is None:
        codes = ", ".join(str(int(item)) for item in Level)
        raise rule(
            "Observation.valueCodeableConcept", "the level is not one of ours", f"{systems.LEVEL_SYSTEM}: {codes}"
        )
    decision = resources.read_decision(new)
    if decision is None or decision.decided_day > change.ctx.today:
        raise rule("Observation.effectiveDateTime", "a level is decided on a day that has come", "a whole date")
    if not decision.episode_id:
        raise rule(
            "Observation.extension('workflow-episodeOfCare')", "the level says no course", "the patient's course"
        )
    if decision.proposed_level not in (None, level) and not decision.override_reason:
        raise rule(
            "Observation.extension('override-reason')",
            f"level {int(level)} differs from the proposed level {int(decision.proposed_level or level)}",
            "a reason, or the proposed level",
        )
    if change.ctx.role is Role.SYSTEM or (old is not None and resources.decided_level(old) == level):
        return
    package = _course_of(uow, decision.patient_id, decision.episode_id)
    _assessed(uow, decision.patient_id, decision.episode_id, package)


def _assessed(uow: UnitOfWork, patient_id: str, episode_id: str, package_id: str | None) -> None:
    """The first level of a course rests on the package's needs assessment; whoever has a level has been assessed."""
    held = packages.builtin().get(package_id or "")
    form = held.forms.get(held.level.base.form) if held is not None else None
    if form is None:
        return
    hand, url = uow.as_system("guard"), str(form.questionnaire.get("url"))
    answers = hand.fact_rows("response", [patient_id], ["questionnaire", "status"])
    if any(row["questionnaire"] == url and row["status"] in _ANSWERED for row in answers):
        return
    levels = hand.fact_rows("level", [patient_id], ["episode_id", "level"])
    if not any(row["episode_id"] == episode_id and row["level"] for row in levels):
        raise rule(
            "Observation.derivedFrom", "the needs have not been assessed", "assess them first, then decide the level"
        )


def _course_of(uow: UnitOfWork, patient_id: str, episode_id: str) -> str | None:
    path = "Observation.extension('workflow-episodeOfCare')"
    found = _course(uow, patient_id, episode_id)
    if found is None:
        raise rule(path, "the course is not one of the patient's", "the patient's own course")
    phase = resources.phase_of(found)
    if phase is None or not phase.is_started:
        raise rule(path, "the course is not started", "a started course")
    return resources.package_of(found)


def activity_guard(change: Change, uow: UnitOfWork) -> None:
    """A closed activity of a plan stays closed; a done one has its day."""
    new, old = change.new, change.old
    if new is None or text(new, "package") is None:
        return
    status = str(new.get("status"))
    if status not in {str(item) for item in ActivityStatus}:
        raise rule("ServiceRequest.status", "the status is not one an activity may have", ", ".join(ActivityStatus))
    if old is not None:
        was = str(old.get("status"))
        if was in _CLOSED_ACTIVITY and status not in (was, ERROR) and not _reopened(change):
            raise rule(
                "ServiceRequest.status", f"an activity that is {was} stays so", f"{was} or {ERROR}; add a new one"
            )
    done = extension_day(new, "done")
    if status == ActivityStatus.COMPLETED and done is None:
        raise rule("ServiceRequest.extension('done')", "a completed activity was done on a day", "the day it was done")
    if done is not None and done > change.ctx.today:
        raise rule(
            "ServiceRequest.extension('done')", "the day lies in the future", f"{days.iso(change.ctx.today)} or earlier"
        )


def goal_guard(change: Change, uow: UnitOfWork) -> None:
    """Whoever is not the clinic writes their own goals, and of others' only how they go."""
    new, old, ctx = change.new, change.old, change.ctx
    if new is None or ctx.role in CLINIC:
        return
    path = "Goal.expressedBy"
    mine = ctx.actor
    told = (new.get("expressedBy") or {}).get("reference")
    if old is None:
        theirs = {mine} if ctx.role in _LAY else {mine, f"Patient/{patient_of(new)}", None}
        if told not in theirs:
            raise forbidden(path, "you set your own goals", "a reference to yourself")
    elif (old.get("expressedBy") or {}).get("reference") != mine:
        if any(old.get(key) != new.get(key) for key in (old.keys() | new.keys()) - _HOW_IT_GOES):
            raise forbidden(path, "this goal was set by somebody else", "change only achievementStatus")
    elif told != mine:
        raise forbidden(path, "whose goal it is cannot change", "as it was")


def response_guard(change: Change, uow: UnitOfWork) -> None:
    """A completed response to one of our questionnaires answers what is asked; patients fill in what is theirs."""
    new = change.new
    if new is None or change.ctx.role is Role.SYSTEM:
        return
    if change.ctx.role in _LAY:
        _own_answers(change.old, new, change.ctx)
    if new.get("status") not in ("completed", "amended", "in-progress"):
        return
    canonical, _, version = str(new.get("questionnaire") or "").partition("|")
    for held in packages.builtin().values():
        for form in held.forms.values():
            if str(form.questionnaire.get("url")) != canonical or (version and version != form.version):
                continue
            if change.ctx.role in _LAY and "citizen" not in form.scoring.filled_by:
                raise forbidden(
                    "QuestionnaireResponse.author",
                    "this form is not yours to fill in",
                    ", ".join(form.scoring.filled_by),
                )
            issues = forms.validate_response(form, new)
            if issues:
                raise Problem(Category.INVALID, "Some answers are missing or cannot be used", issues)
            return


def _own_answers(old: Resource | None, new: Resource, ctx: Context) -> None:
    """A patient, or who acts for them, answers as themselves and changes no answers that others gave."""
    for held in (new, *([old] if old is not None else [])):
        told = {(held.get(name) or {}).get("reference") for name in ("author", "source")} - {None}
        if told != {ctx.actor}:
            raise forbidden("QuestionnaireResponse.author", "these are not your answers", "a reference to yourself")
    if old is not None and old.get("questionnaire") != new.get("questionnaire"):
        raise forbidden("QuestionnaireResponse.questionnaire", "the form of stored answers cannot change", "as it was")


GUARDS = {
    "EpisodeOfCare": [episode_guard],
    "CarePlan": [plan_guard],
    "Observation": [level_guard],
    "ServiceRequest": [activity_guard],
    "Goal": [goal_guard],
    "QuestionnaireResponse": [response_guard],
}
# Most observations are measurements: the guard cares about decided levels alone.
PASSES = {"Observation": lambda resource: not resources.is_decision(resource)}
