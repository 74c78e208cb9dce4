"""A patient's merged plan from the record as it stands: derived each time, never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tovholder import packages
from tovholder.access import Context
from tovholder.packages import Package, shared
from tovholder.packages.conditions import evaluate
from tovholder.packages.model_plan import Activity as PlannedBy
from tovholder.plan import aims, course, resources
from tovholder.plan.domain import ActivityStatus, PlanStatus
from tovholder.plan.inputs import facts
from tovholder.plan.merge.domain import Aim, Families, Merged, Origin, State
from tovholder.plan.merge.together import merge
from tovholder.plan.nextstep import AHEAD, appointment_day
from tovholder.plan.queries import Held, read_all
from tovholder.plan.record import Record
from tovholder.plan.values import Activity, Appointment, Code, Episode, Goal, Limits, Plan

_OVER = frozenset({"cancelled", "rejected", "completed", "entered-in-error"})
_LIVE = frozenset({PlanStatus.ACTIVE, PlanStatus.ON_HOLD})


def merged(ctx: Context, patient_id: str) -> Merged:
    """All of a patient's open plans as one. Raises Problem(NOT_FOUND) for a patient the actor may not see."""
    return merged_of(read_all(ctx, patient_id), ctx.today)


def merged_of(held: Held, today: int, record: Record | None = None) -> Merged:
    """The same, from what was read of the patient."""
    live = list(_live(held))
    found = [origin for episode, plan in live for origin in _origins(held, episode, plan)]
    known = record or held.record()
    wanted = [aim for episode, _plan in live for aim in _aims(held, episode, known, today)]
    return merge(found, families(), today, wanted)


@cache
def families() -> Families:
    """What packages may share, as one family wherever one of it is the other too."""
    known = shared.known()
    root = {name: name for name in known}
    for name, item in known.items():
        for other in item.within:
            old, new = root[name], root[other]
            root = {key: new if value == old else value for key, value in root.items()}
    return Families(root=root, counts={name: item.counts for name, item in known.items()}, order=tuple(known))


def _live(held: Held) -> Iterator[tuple[Episode, Plan]]:
    """Open courses in packages known here, each with its plan made together with the patient."""
    plans = {plan.episode_id: plan for plan in map(resources.read_plan, held.of("CarePlan")) if plan.status in _LIVE}
    for item in held.of("EpisodeOfCare"):
        if resources.package_of(item) not in packages.builtin():
            continue
        episode = resources.read_episode(item)
        if episode.id and episode.phase.is_started and episode.id in plans:
            yield episode, plans[episode.id]


def _origins(held: Held, episode: Episode, plan: Plan) -> Iterator[Origin]:
    package = packages.get(episode.package)
    decided = course.decisions(held.of("Observation"), episode.id or "")
    rests = episode.open_pause is not None or plan.status is PlanStatus.ON_HOLD
    agreed = _agreed(held)
    for item in held.of("ServiceRequest"):
        step = resources.read_activity(item)
        if step.episode_id != episode.id or not step.package or step.id is None:
            continue
        if step.status in (ActivityStatus.REVOKED, ActivityStatus.ENTERED_IN_ERROR):
            continue
        appointment = agreed.get(step.id)
        state = _state(step, appointment, rests=rests)
        made_from = planned_by(package, step)
        yield Origin(
            id=step.id,
            course=episode.id or "",
            package=package.id,
            package_title=package.titles,
            level=int(decided[-1].level) if decided else None,
            kind=step.kind,
            title=made_from.title if made_from else aims.plain(step.title),
            shared=made_from.shared if made_from else None,
            performer=step.performer_kind,
            due_day=step.due_day,
            first_day=step.window_start_day,
            last_day=step.window_end_day,
            tests=tuple(Code(test.system, test.code, test.display) for test in made_from.tests) if made_from else (),
            state=state,
            appointment=appointment.id if appointment and state in (State.BOOKED, State.DONE) else None,
            day=_day(step, appointment, state),
        )


def _state(step: Activity, appointment: Appointment | None, *, rests: bool) -> State:
    if not step.status.is_open:
        return State.DONE
    if appointment is not None and appointment.status in AHEAD and appointment.start is not None:
        return State.BOOKED
    return State.PAUSED if rests or step.status is ActivityStatus.ON_HOLD else State.OPEN


def _day(step: Activity, appointment: Appointment | None, state: State) -> int | None:
    if state is State.DONE:
        return step.done_day
    return appointment_day(appointment) if state is State.BOOKED and appointment else None


def _agreed(held: Held) -> dict[str, Appointment]:
    """The appointment of each step: the one that was kept, else the one that is agreed."""
    found: dict[str, Appointment] = {}
    for item in held.of("Appointment"):
        read = resources.read_appointment(item)
        if read.status in AHEAD or read.status == "fulfilled":
            for identity in read.activity_ids:
                found[identity] = max(found.get(identity, read), read, key=_weight)
    return found


def _weight(appointment: Appointment) -> tuple[bool, int, str]:
    """A kept one counts before one that is agreed, and of several the one agreed first counts."""
    return (appointment.status == "fulfilled", -(appointment.created_day or 0), appointment.id or "")


def planned_by(package: Package, step: Activity) -> PlannedBy | None:
    """What a package says of a step: by the name it was planned under, else by its kind where that says enough."""
    made = package.plan.activities
    if step.step and (known := next((item for item in made if item.id == step.step), None)):
        return known
    same_kind = [item for item in made if item.kind == step.kind]
    named = [item for item in same_kind if step.title in (item.title.da, item.title.en)]
    if named:
        return named[0]
    return same_kind[0] if len({(item.shared, item.tests) for item in same_kind}) == 1 else None


def _aims(held: Held, episode: Episode, record: Record, today: int) -> Iterator[Aim]:
    """The goals of a course that still hold, and what its package suggests that no goal says yet."""
    package = packages.get(episode.package)
    goals = [resources.read_goal(item) for item in held.of("Goal")]
    own = [goal for goal in goals if goal.episode_id == episode.id and goal.lifecycle not in _OVER]
    said: set[object] = set()
    for goal in own:
        said.update({_subject(goal.limits.measure) if goal.limits else None, _subject(goal.code)})
        yield _aim(package, goal)
    asked = facts(package, record, today)
    for item in package.plan.goals:
        limits = aims.limits_of(package, item)
        code = Code(item.code.system, item.code.code, item.code.display) if item.code else None
        subjects = {_subject(limits.measure) if limits else None, _subject(code)} - {None}
        if not subjects or subjects & said or evaluate(item.when, asked).truth is not True:
            continue
        yield Aim(
            id=f"{package.id}/{item.id}",
            package=package.id,
            package_title=package.titles,
            text=item.text,
            code=code,
            suggested=True,
            **_limits(limits),
        )


def _aim(package: Package, goal: Goal) -> Aim:
    return Aim(
        id=goal.id or "",
        package=package.id,
        package_title=package.titles,
        text=aims.plain(goal.text),
        code=goal.code,
        by_patient=goal.by_patient,
        **_limits(goal.limits),
    )


def _limits(limits: Limits | None) -> Mapping[str, Any]:
    if limits is None:
        return {}
    return {
        "measure": Code(aims.canonical(limits.measure.system), limits.measure.code, limits.measure.text),
        "at_least": limits.at_least_milli,
        "at_most": limits.at_most_milli,
        "unit": limits.unit,
    }


def _subject(code: Code | None) -> tuple[str, str] | None:
    return (aims.canonical(code.system), code.code) if code else None
