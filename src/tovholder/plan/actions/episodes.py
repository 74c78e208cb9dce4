"""Starting, declining, pausing and ending a course."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.packages import Package
from tovholder.plan import course, resources
from tovholder.plan.clock import Pause
from tovholder.plan.domain import EndReason, Phase, PlanStatus, end_reason, move
from tovholder.plan.inclusion import Inclusion, clock_for, evaluate_inclusion
from tovholder.plan.inputs import facts
from tovholder.plan.values import Episode
from tovholder.store import UnitOfWork

_ONLY_CLINIC = "a doctor or the clinic's staff"


def past_day(ctx: Context, day: int | None, path: str) -> int:
    """The day, today when none is given; a day that has not come cannot have happened."""
    if day is None:
        return ctx.today
    if day > ctx.today:
        raise rule(path, "the day lies in the future", f"{days.iso(ctx.today)} or earlier")
    return day


def include_by_hand(
    ctx: Context,
    *,
    patient_id: str,
    package: str,
    condition_id: str | None = None,
    offered_day: int | None = None,
    started_day: int | None = None,
    assessed: str = "",
) -> Episode:
    """Take a patient with a confirmed diagnosis into a package and start the course.

    An eligible or declined course is started; one already started is a conflict. ``assessed``: the clinician's own
    words for requirements the record cannot answer (pain for more than 12 weeks, say); kept among the reasons.
    """
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not include a patient", _ONLY_CLINIC)
    held = course.package(package)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        found = course.episodes(uow, patient_id, package)
        running = next((item for item in found if item.phase.is_open), None)
        if running is not None and running.phase.is_started:
            raise Problem(
                Category.CONFLICT,
                "The patient is already included in this package",
                [
                    Issue(
                        "EpisodeOfCare", "an open course exists", "one open course per patient and package", "duplicate"
                    )
                ],
                kept="the course as it was",
            )
        included = _included(uow, held, patient_id, condition_id, assessed, found)
        declined = next((item for item in reversed(found) if item.phase is Phase.DECLINED), None)
        again = running or (declined if declined and declined.condition_id == included.condition_id else None)
        if again is not None and again.id is not None:
            return start_episode(
                ctx,
                patient_id=patient_id,
                episode_id=again.id,
                offered_day=offered_day,
                started_day=started_day,
                confirmed=True,
            )
        begun = past_day(ctx, started_day, "EpisodeOfCare.extension('started')")
        reasons = [reason.text.da for reason in included.reasons if not reason.against]
        if held.inclusion.confirm is not None:
            reasons.append(held.inclusion.confirm.da)
        if assessed:
            reasons.append(assessed)
        patient = uow.read("Patient", patient_id)
        made = Episode(
            patient_id=patient_id,
            package=held.id,
            package_version=held.version,
            phase=Phase.STARTUP,
            organization_id=_clinic(ctx, patient),
            condition_id=included.condition_id,
            diagnosed_day=included.diagnosis_day,
            eligible_day=begun,
            offered_day=begun if offered_day is None else past_day(ctx, offered_day, "offered"),
            started_day=begun,
            decided_by=ctx.actor if "/" in ctx.actor else None,
            inclusion_reasons=tuple(reasons),
            clock=clock_for(held, diagnosed_day=included.diagnosis_day, inclusion_day=begun),
        )
        return replace(made, id=uow.create(resources.episode_resource(made)).id)


def _ended(courses: list[Episode]) -> int | None:
    """The day an earlier course ended well, which may make a new one a recurrence."""
    days_ = [
        item.ended_day for item in courses if item.end_reason == EndReason.COMPLETED and item.ended_day is not None
    ]
    return max(days_, default=None)


def _included(
    uow: UnitOfWork,
    held: Package,
    patient_id: str,
    condition_id: str | None,
    assessed: str,
    ended: list[Episode],
) -> Inclusion:
    """The inclusion a clinician may confirm, or Problem(RULE) with every reason against."""
    known = course.record(uow, patient_id, held)
    diagnoses = [item for item in known.diagnoses if condition_id in (None, item.id)]
    asked = facts(held, known, uow.ctx.today)
    found = evaluate_inclusion(held, known.patient, diagnoses, uow.ctx.today, asked, ended_day=_ended(ended))
    excused = {need.id for need in held.inclusion.requires} if assessed else set()
    against = [reason for reason in found.reasons if reason.against and reason.id not in excused]
    if against:
        raise Problem(
            Category.RULE,
            "The patient does not meet the package's inclusion",
            [
                Issue(
                    "EpisodeOfCare.diagnosis", reason.text.en, "a confirmed diagnosis of the package", "business-rule"
                )
                for reason in against
            ],
            kept="nothing was stored; the patient is as before",
        )
    return found


def _clinic(ctx: Context, patient: dict[str, Any]) -> str | None:
    from tovholder.plan.record import patient_facts

    return patient_facts(patient).organization_id or ctx.organization


def start_episode(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    offered_day: int | None = None,
    started_day: int | None = None,
    by: str | None = None,
    care_manager: str | None = None,
    confirmed: bool = False,
) -> Episode:
    """Start an eligible course, or one the patient declined before. The clock goes on from where it began.

    ``confirmed``: whoever starts it confirms what the package asks to be confirmed (inclusion.toml ``confirm``); it is
    kept among the course's reasons. Raises Problem(RULE) without it, where the package asks.
    """
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not start a course", _ONLY_CLINIC)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        if value.phase.is_started:
            raise Problem(
                Category.CONFLICT,
                "The course is already started",
                [Issue("EpisodeOfCare", "the course is already started", "an eligible course", "duplicate")],
                kept="the course as it was",
            )
        confirm = course.package(value.package).inclusion.confirm
        if confirm is not None and not confirmed:
            raise rule(
                "EpisodeOfCare.extension('started')",
                "what the package asks is not confirmed",
                confirm.en,
                kept="the course as it was: eligible, not started",
            )
        phase = move(value.phase, Phase.STARTUP)
        begun = past_day(ctx, started_day, "EpisodeOfCare.extension('started')")
        offered = past_day(ctx, offered_day if offered_day is not None else begun, "EpisodeOfCare.extension('offered')")
        if offered > begun:
            raise rule(
                "EpisodeOfCare.extension('offered')",
                "a course is offered before it starts",
                f"{days.iso(begun)} or earlier",
            )
        started = replace(
            value,
            phase=phase,
            offered_day=value.offered_day if value.offered_day is not None and offered_day is None else offered,
            started_day=begun,
            decided_by=by or (ctx.actor if "/" in ctx.actor else value.decided_by),
            care_manager=care_manager or value.care_manager,
            inclusion_reasons=_with(value.inclusion_reasons, confirm.da if confirm else None),
        )
        uow.update(resources.episode_resource(started, stored))
        return started


def _with(reasons: tuple[str, ...], more: str | None) -> tuple[str, ...]:
    return reasons if more is None or more in reasons else (*reasons, more)


def decline_episode(
    ctx: Context,
    *,
    patient_id: str,
    episode_id: str,
    reason: str,
    by: str | None = None,
    declined_day: int | None = None,
    before_start: bool = False,
) -> Episode:
    """Record that the patient does not want the package: who, when, why. A started course ends with that reason.

    before_start: it was said of a course that had not begun; one that somebody began meanwhile is Problem(CONFLICT).
    """
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not record a refusal", _ONLY_CLINIC)
    if not reason.strip():
        raise rule(
            "EpisodeOfCare.extension('decline-reason')", "why the patient declines is missing", "the patient's reason"
        )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        _not_closed(value)
        if before_start and value.phase.is_started:
            issue = Issue(
                "EpisodeOfCare.extension('episode-phase')", "the course has been started meanwhile", "one not started"
            )
            raise Problem(Category.CONFLICT, "The course is started already", [issue], kept="the course as it was")
        day = past_day(ctx, declined_day, "EpisodeOfCare.extension('declined')")
        told = replace(
            value,
            declined_day=day,
            decline_reason=reason.strip(),
            decided_by=by or (ctx.actor if "/" in ctx.actor else value.decided_by),
        )
        if value.phase.is_started:
            return _end(uow, stored, told, EndReason.DECLINED, day)
        declined = replace(told, phase=move(value.phase, Phase.DECLINED))
        uow.update(resources.episode_resource(declined, stored))
        return declined


def _not_closed(value: Episode) -> None:
    if value.phase in (Phase.ENDED, Phase.DECLINED):
        raise Problem(
            Category.CONFLICT,
            f"The course is {value.phase} already",
            [Issue("EpisodeOfCare", f"the course is {value.phase} already", "an open course", "duplicate")],
            kept="the course as it was",
        )


def end_episode(
    ctx: Context, *, patient_id: str, episode_id: str, reason: str, ended_day: int | None = None
) -> Episode:
    """End a course for one of the known reasons. Its plan is closed and its open activities are taken back."""
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not end a course", _ONLY_CLINIC)
    known = end_reason(reason)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        _not_closed(value)
        day = past_day(ctx, ended_day, "EpisodeOfCare.extension('ended')")
        by = ctx.actor if "/" in ctx.actor else value.decided_by
        return _end(uow, stored, replace(value, decided_by=by), known, day)


def continue_episode(ctx: Context, *, patient_id: str, episode_id: str) -> Episode:
    """Move a course from further efforts to the continuing phase: the clinic follows it from now on.

    This also happens by itself when the last effort outside the clinic is completed (plan.moves); the act is for what
    ended otherwise, or goes on as part of everyday life. It needs a confirmed plan to continue with.
    """
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not move a course", _ONLY_CLINIC)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        if value.phase is Phase.CONTINUING:
            raise Problem(
                Category.CONFLICT,
                "The course is in the continuing phase already",
                [
                    Issue(
                        "EpisodeOfCare.extension('episode-phase')",
                        "the course goes on already",
                        "a course in further efforts",
                        "duplicate",
                    )
                ],
                kept="the course as it was",
            )
        phase = move(value.phase, Phase.CONTINUING)
        plan = course.valid_plan(uow, patient_id, episode_id)
        if plan is None or plan[1].confirmed_day is None:
            raise rule(
                "EpisodeOfCare.extension('episode-phase')",
                "there is no confirmed plan to continue with",
                "confirm the plan first; that moves the course",
                kept="the course as it was",
            )
        moved = replace(value, phase=phase)
        uow.update(resources.episode_resource(moved, stored))
        return moved


def _end(uow: UnitOfWork, stored: dict[str, Any], value: Episode, reason: EndReason, day: int) -> Episode:
    assert value.id is not None
    pauses = tuple(
        replace(pause, end_day=max(day, pause.start_day)) if pause.end_day is None else pause for pause in value.pauses
    )
    ended = replace(
        value,
        phase=move(value.phase, Phase.ENDED, reason=reason),
        ended_day=day,
        end_reason=str(reason),
        pauses=pauses,
    )
    close_plan(uow, value.patient_id, value.id, completed=reason is EndReason.COMPLETED, day=day)
    uow.update(resources.episode_resource(ended, stored))
    return ended


def close_plan(uow: UnitOfWork, patient_id: str, episode_id: str, *, completed: bool, day: int) -> None:
    """Close the course's valid plan and take back what was still to be done; all of it stays readable."""
    from tovholder.plan.domain import ActivityStatus

    found = course.valid_plan(uow, patient_id, episode_id)
    if found is not None:
        stored, plan = found
        finished = completed and plan.status is not PlanStatus.DRAFT
        status = PlanStatus.COMPLETED if finished else PlanStatus.REVOKED
        last = day if plan.start_day is None or day >= plan.start_day else None
        uow.update(resources.plan_resource(replace(plan, status=status, end_day=last), stored))
    for held, activity in course.activities(uow, patient_id, episode_id):
        if activity.status.is_open:
            uow.update(resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), held))


def pause_clock(
    ctx: Context, *, patient_id: str, episode_id: str, reason: str, start_day: int | None = None
) -> Episode:
    """Note that the patient wishes to wait. The deadline stays; the days are shown beside it."""
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not record a pause", _ONLY_CLINIC)
    if not reason.strip():
        raise rule(
            "EpisodeOfCare.extension('pause')", "why the patient waits is missing", "the patient's own wish, in words"
        )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_open:
            raise rule("EpisodeOfCare.extension('pause')", "only an open course can pause", "an open course")
        if value.open_pause is not None:
            raise rule("EpisodeOfCare.extension('pause')", "the course is paused already", "end that pause first")
        day = past_day(ctx, start_day, "EpisodeOfCare.extension('pause').start")
        if any(pause.end_day is not None and day < pause.end_day for pause in value.pauses):
            raise rule("EpisodeOfCare.extension('pause').start", "pauses may not overlap", "a day after the last pause")
        paused = replace(value, pauses=(*value.pauses, Pause(day, None, reason.strip())))
        uow.update(resources.episode_resource(paused, stored))
        return paused


def resume_clock(ctx: Context, *, patient_id: str, episode_id: str, end_day: int | None = None) -> Episode:
    """End the pause that runs."""
    course.require(ctx, course.CLINIC, "EpisodeOfCare", "this role may not end a pause", _ONLY_CLINIC)
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, value = course.episode(uow, patient_id, episode_id)
        waiting = value.open_pause
        if waiting is None:
            raise rule("EpisodeOfCare.extension('pause')", "the course is not paused", "a pause that runs")
        day = past_day(ctx, end_day, "EpisodeOfCare.extension('pause').end")
        if day < waiting.start_day:
            raise rule(
                "EpisodeOfCare.extension('pause').end",
                "a pause cannot end before it starts",
                f"{days.iso(waiting.start_day)} or later",
            )
        closed = tuple(replace(pause, end_day=day) if pause is waiting else pause for pause in value.pauses)
        resumed = replace(value, pauses=closed)
        uow.update(resources.episode_resource(resumed, stored))
        return resumed
