"""Plans that follow an earlier version of their package: which they are, what the new one would change, and the clinic's
word on it. Until it approves, a plan stays as it is; what persons did to it stays after that too (plan/rebase.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.fhir.references import patient_of
from tovholder.packages import Package
from tovholder.packages.installed import number_of
from tovholder.plan import course, resources
from tovholder.plan.actions.plans import create_step
from tovholder.plan.domain import INSIDE, ActivityStatus, Level
from tovholder.plan.inputs import facts
from tovholder.plan.level import propose_level
from tovholder.plan.rebase import Change, Rebased, rebase
from tovholder.plan.record import Record
from tovholder.plan.schedule import PlannedActivity, schedule
from tovholder.plan.sources import require_own_plans
from tovholder.plan.values import Activity, Decision, Episode, Plan
from tovholder.store import UnitOfWork

LIVE = """
SELECT p.plan_id, p.patient_id, p.episode_id, p.package, p.package_version, p.kept_version, p.look_again_day,
       e.organization_id
FROM plan AS p
JOIN episode AS e ON e.episode_id = p.episode_id
WHERE p.status IN ('active', 'on-hold') AND e.phase IN ('startup', 'further', 'continuing')
"""
_PLAN_TYPES = ("CarePlan", "ServiceRequest", "Appointment", "Task", "EpisodeOfCare")
_OPEN_APPOINTMENT = frozenset({"proposed", "pending", "booked", "waitlist"})
_OPEN_TASK = frozenset({"requested", "accepted", "in-progress"})
LONGEST_WAIT = 730  # days a clinic may put off looking at a version again
Json = dict[str, Any]
Find = Callable[[str, Sequence[str]], Iterable[Json]]


@dataclass(frozen=True, slots=True)
class Live:
    """One plan that counts, and the version of its package it follows. ``kept``: the clinic keeps it so for now."""

    plan_id: str
    patient_id: str
    episode_id: str
    package: str
    version: str
    organization_id: str | None
    kept: bool
    look_again_day: int | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a version of the package would make of one plan.

    ``hindrance``: why nothing can be said ("version-unknown": the plan's own version is not kept here; "later-version":
    the plan follows a later version than the one asked for; "no-level": no level is decided). ``token`` names all of
    this: what is approved is what was looked at.
    """

    plan: Plan
    episode: Episode
    to_version: str
    steps: Rebased
    plan_after: Plan
    level: Level | None
    proposed_before: Level | None
    proposed_after: Level | None
    hindrance: str
    token: str

    @property
    def is_empty(self) -> bool:
        """Whether the plan reads the same after as before, its version aside."""
        same = replace(self.plan_after, package_version=self.plan.package_version, planned_from=self.plan.planned_from)
        return not self.steps.changes and same == self.plan


def live(ctx: Context) -> tuple[Live, ...]:
    """The plans in force that the actor may see, of packages whose plans are made here."""
    known = packages.builtin()
    return tuple(
        Live(
            plan_id=row["plan_id"],
            patient_id=row["patient_id"],
            episode_id=row["episode_id"],
            package=row["package"],
            version=row["package_version"] or "",
            organization_id=row["organization_id"],
            kept=row["kept_version"] == known[row["package"]].version
            and row["look_again_day"] is not None
            and row["look_again_day"] > ctx.today,
            look_again_day=row["look_again_day"],
        )
        for row in store.facts(ctx, LIVE, name="cockpit")
        if row["package"] in known and known[row["package"]].makes_plans
    )


def waiting(ctx: Context) -> tuple[Live, ...]:
    """The live plans that follow another version than the one in force, kept ones included."""
    known = packages.builtin()
    return tuple(item for item in live(ctx) if item.version != known[item.package].version)


def look(ctx: Context, plans: Sequence[Live], to: Mapping[str, Package] | None = None) -> list[Upgrade]:
    """What the version in force (or ``to``, by package) would make of these plans, in a bounded number of questions."""
    patients = sorted({item.patient_id for item in plans})
    if not patients:
        return []
    wanted = dict(packages.builtin()) | dict(to or {})

    def find(kind: str, people: Sequence[str]) -> Iterable[Json]:
        about = ("_id", ",".join(people)) if kind == "Patient" else ("patient", _references(people))
        return [item.resource for item in store.search_all(ctx, kind, [about], limit=100_000)]

    held = _gathered(find, patients, [wanted[name] for name in sorted({item.package for item in plans})])
    found = []
    for item in plans:
        stored = held.get(item.patient_id, {}).get("CarePlan", ())
        plan = next((one for one in stored if one.get("id") == item.plan_id), None)
        if plan is not None:
            found.append(_upgrade(held[item.patient_id], plan, wanted[item.package], ctx.today))
    return found


def _references(people: Sequence[str]) -> str:
    return ",".join(f"Patient/{person}" for person in people)


def _gathered(find: Find, patients: Sequence[str], held: Sequence[Package]) -> dict[str, dict[str, list[Json]]]:
    """Everything asked about the patients: by patient, by type; one question a type."""
    every = [*course.RECORD_TYPES, *_PLAN_TYPES]
    if any(course.asks_fhirpath(package) for package in held):
        every += course.MORE_TYPES
    found: dict[str, dict[str, list[Json]]] = {person: {} for person in patients}
    for kind in dict.fromkeys(every):
        for resource in find(kind, patients):
            person = resource["id"] if kind == "Patient" else patient_of(resource)
            if person in found and resource.get("status") != "entered-in-error":
                found[person].setdefault(kind, []).append(resource)
    return found


def _upgrade(held: Mapping[str, list[Json]], stored: Json, to: Package, today: int) -> Upgrade:
    plan = resources.read_plan(stored)
    episode = next(
        read for item in held.get("EpisodeOfCare", ()) if (read := resources.read_episode(item)).id == plan.episode_id
    )
    decided = course.decisions(held.get("Observation", ()), plan.episode_id)
    hindrance = _hindrance(plan, to, decided)
    record = Record(tuple(item for found in held.values() for item in found))
    if hindrance:
        level = decided[-1].level if decided else None
        return Upgrade(plan, episode, to.version, Rebased(), plan, level, None, None, hindrance, "")
    own, level = packages.version(plan.package, plan.package_version), decided[-1].level
    start, activities = planned_from(plan, own), _activities(held, plan)
    steps = rebase(
        _steps(own, record, level, start, episode, today),
        _steps(to, record, level, start, episode, today),
        activities,
        bound=_bound(held, plan, activities),
        today=today,
    )
    after = _after(plan, own, to, start)
    return Upgrade(
        plan=plan,
        episode=episode,
        to_version=to.version,
        steps=steps,
        plan_after=after,
        level=level,
        proposed_before=propose_level(own, None, record, today).level,
        proposed_after=propose_level(to, None, record, today).level,
        hindrance="",
        token=_token(stored, after, steps),
    )


def _hindrance(plan: Plan, to: Package, decided: Sequence[Decision]) -> str:
    if plan.package_version not in packages.versions(plan.package):
        return "version-unknown"
    if (number_of(plan.package_version) or ()) > (number_of(to.version) or ()):
        return "later-version"
    return "" if decided else "no-level"


def planned_from(plan: Plan, own: Package) -> int:
    """The day a plan's steps are counted from; for one that does not say, the day its own last day fits."""
    if plan.planned_from is not None:
        return plan.planned_from
    candidates = [day for day in (plan.start_day, plan.confirmed_day, plan.shared_day) if day is not None]
    fitting = (day for day in candidates if days.add_months(day, own.plan.horizon_months) == plan.end_day)
    return next(fitting, max(candidates, default=plan.made_day))


def _steps(
    held: Package, record: Record, level: Level, start: int, episode: Episode, today: int
) -> tuple[PlannedActivity, ...]:
    known = facts(held, record, today, level=int(level))
    return schedule(held, int(level), known.grade, start, known, diagnosed_day=episode.diagnosed_day).activities


def _activities(held: Mapping[str, list[Json]], plan: Plan) -> list[Activity]:
    found = [resources.read_activity(item) for item in held.get("ServiceRequest", ())]
    own = [item for item in found if item.episode_id == plan.episode_id and item.package == plan.package]
    return sorted(own, key=lambda item: (item.due_day or 0, item.id or ""))


def _bound(held: Mapping[str, list[Json]], plan: Plan, activities: Sequence[Activity]) -> frozenset[str]:
    """Activities somebody has been asked to do or that have an appointment ahead.

    An appointment of the course that names no activity is for the nearest open one of its kind.
    """
    tasks = [resources.read_referral(item) for item in held.get("Task", ()) if resources.is_referral(item)]
    found = {item.request_id for item in tasks if item.status in _OPEN_TASK}
    appointments = [resources.read_appointment(item) for item in held.get("Appointment", ())]
    ahead = [item for item in appointments if item.status in _OPEN_APPOINTMENT]
    found.update(one for item in ahead for one in item.activity_ids)
    for item in ahead:
        if item.activity_ids or plan.episode_id not in (item.episode_ids or (plan.episode_id,)):
            continue
        day = days.day_of(item.start) if item.start else 0
        same = [one for one in activities if one.status.is_open and one.kind in item.kinds and one.id not in found]
        if same:
            found.add(str(min(same, key=lambda one: abs((one.due_day or 0) - day)).id))
    return frozenset(found)


def _after(plan: Plan, own: Package, to: Package, start: int) -> Plan:
    """The plan itself as the version has it; what somebody changed of it stays."""

    def follows(day: int | None, before: int, now: int) -> int | None:
        return days.add_months(start, now) if day == days.add_months(start, before) else day

    return replace(
        plan,
        package_version=to.version,
        planned_from=start,
        title=to.plan.title.da if plan.title == own.plan.title.da else plan.title,
        end_day=follows(plan.end_day, own.plan.horizon_months, to.plan.horizon_months),
        review_day=follows(plan.review_day, own.plan.review_months, to.plan.review_months),
    )


def _token(stored: Json, after: Plan, steps: Rebased) -> str:
    """What was looked at: this version of the plan, and everything that would change."""
    version = (stored.get("meta") or {}).get("versionId")
    told = repr((stored.get("id"), version, after, steps))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def approve(ctx: Context, *, patient_id: str, plan_id: str, token: str) -> Plan:
    """Bring one plan to the version in force, as it was looked at; the patient sees the new plan from then on.

    A plan that follows that version already is left as it is. Raises Problem(CONFLICT) when the plan, or what would
    change in it, is not what ``token`` names; Problem(RULE) when the plan cannot be brought there.
    """
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic approves a plan", "the patient's own clinic")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, plan = _read(uow, patient_id, plan_id)
        held = course.package(plan.package)
        require_own_plans(held)
        if plan.package_version == held.version:
            return plan
        found = _now(uow, stored, plan, held)
        _as_looked_at(found, token)
        made = {item.activity.id: item for item in (*found.steps.changes, *found.steps.renamed) if item.activity}
        for written, activity in course.activities(uow, patient_id, plan.episode_id):
            if activity.id in made:
                _change(uow, written, activity, made[activity.id], found)
        gone = {item.activity.id for item in found.steps.changes if item.activity and item.step is None}
        added = [
            create_step(uow, found.episode, plan, item.step, held.version)
            for item in found.steps.changes
            if item.activity is None and item.step is not None
        ]
        after = replace(
            found.plan_after,
            shared_day=ctx.today,
            activity_ids=(*(one for one in plan.activity_ids if one not in gone), *added),
            kept_version=None,
            kept_reason=None,
            look_again_day=None,
        )
        uow.update(resources.plan_resource(after, stored))
        return after


def _change(uow: UnitOfWork, stored: Json, activity: Activity, change: Change, found: Upgrade) -> None:
    after = change.after
    if after is None:
        written = resources.activity_resource(replace(activity, status=ActivityStatus.REVOKED), stored)
        text = f"Pakkens version {found.to_version} har ikke trinnet."
        written["note"] = [*(stored.get("note") or ()), {"text": text}]
        uow.update(written)
        return
    performer = after.performer_id
    if after.performer_kind != activity.performer_kind:
        performer = found.episode.organization_id if after.performer_kind in INSIDE else None
    after = replace(after, step_version=found.to_version, performer_id=performer)
    uow.update(resources.activity_resource(after, stored))


def keep(ctx: Context, *, patient_id: str, plan_id: str, token: str, reason: str, look_again_day: int) -> Plan:
    """Keep a plan as it is for now, with the reason and the day the clinic looks again. The patient sees no change.

    Raises Problem(RULE) for a missing reason or a day that will not do, CONFLICT as ``approve`` does.
    """
    course.require(ctx, course.CLINIC, "CarePlan", "only the clinic decides about a plan", "the patient's own clinic")
    if not reason.strip():
        raise rule("CarePlan.extension('kept-reason')", "why the plan is kept is missing", "the reason, in words")
    if not ctx.today < look_again_day <= ctx.today + LONGEST_WAIT:
        first, last = days.iso(ctx.today + 1), days.iso(ctx.today + LONGEST_WAIT)
        raise rule("CarePlan.extension('look-again')", "the day to look again will not do", f"{first} to {last}")
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        stored, plan = _read(uow, patient_id, plan_id)
        held = course.package(plan.package)
        after = replace(plan, kept_version=held.version, kept_reason=reason.strip(), look_again_day=look_again_day)
        if after == plan or plan.package_version == held.version:
            return plan
        _as_looked_at(_now(uow, stored, plan, held), token)
        uow.update(resources.plan_resource(after, stored))
        return after


def _read(uow: UnitOfWork, patient_id: str, plan_id: str) -> tuple[Json, Plan]:
    stored = uow.read("CarePlan", plan_id)
    plan = resources.read_plan(stored)
    found = course.valid_plan(uow, patient_id, plan.episode_id)
    if plan.patient_id != patient_id or found is None or found[1].id != plan_id or plan.confirmed_day is None:
        raise rule("CarePlan", "the plan is no longer the one in force", "the plan as it is now")
    return stored, plan


def _now(uow: UnitOfWork, stored: Json, plan: Plan, held: Package) -> Upgrade:
    """What would change as of now, asked inside the unit in the actor's own scope, as the page asked it."""

    def find(kind: str, people: Sequence[str]) -> Iterable[Json]:
        return [item for person in people for item in course.about(uow, kind, person)]

    gathered = _gathered(find, [plan.patient_id], [held])
    found = _upgrade(gathered[plan.patient_id], stored, held, uow.ctx.today)
    if found.hindrance:
        told = {
            "version-unknown": "the version the plan follows is not kept here",
            "later-version": "the plan follows a later version than the one in force",
            "no-level": "no tovholder level is decided",
        }
        raise rule("CarePlan.instantiatesCanonical", told[found.hindrance], "a plan revised by hand", kept="the plan")
    return found


def _as_looked_at(found: Upgrade, token: str) -> None:
    if found.token != token:
        raise Problem(
            Category.CONFLICT,
            "The plan is not as it was when it was looked at",
            [Issue("CarePlan", "the plan, or what would change in it, has changed since", "look again", "conflict")],
            kept="the plan as it is now",
        )
