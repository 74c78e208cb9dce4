"""Finding things inside a unit of work: the course, its plan, level and proposal, and the patient's record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tovholder import packages
from tovholder.access import Context, Role
from tovholder.base.errors import Category, Issue, Problem, forbidden, not_found
from tovholder.packages import Package
from tovholder.plan import resources
from tovholder.plan.domain import PlanStatus
from tovholder.plan.record import Record
from tovholder.plan.values import Activity, Decision, Episode, Goal, Plan, Proposal
from tovholder.store import UnitOfWork

CLINIC = frozenset({Role.GP, Role.STAFF, Role.SYSTEM})
ACTORS = CLINIC | {Role.HOSPITAL, Role.PREVENTION, Role.PARTNER}

# What a package's inputs are read from; a package that asks FHIRPath is given everything there is.
RECORD_TYPES = ("Patient", "Condition", "Observation", "Encounter", "QuestionnaireResponse")
MORE_TYPES = (
    "AllergyIntolerance",
    "Appointment",
    "CarePlan",
    "DiagnosticReport",
    "EpisodeOfCare",
    "Goal",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Procedure",
    "RiskAssessment",
    "ServiceRequest",
    "Task",
)


def require(ctx: Context, roles: frozenset[Role], path: str, message: str, expected: str) -> None:
    """Refuse a role with what would have been right."""
    if ctx.role not in roles:
        raise forbidden(path, message, expected)


def package(identity: str) -> Package:
    """A package by id, or Problem(INVALID) that names those there are."""
    known = packages.builtin()
    if identity not in known:
        raise Problem(
            Category.INVALID,
            "The package is not known here",
            [Issue("package", "unknown package", ", ".join(sorted(known)), "not-found")],
        )
    return known[identity]


def asks_fhirpath(held: Package) -> bool:
    """Whether any condition of the package is written in FHIRPath."""
    conditions = [
        *(need.when for need in (*held.inclusion.requires, *held.inclusion.blocks)),
        *(raiser.when for raiser in held.level.raisers),
        *(block.when for block in held.level.blocks),
        *(source.when for item in held.level.inputs for source in item.sources),
        *(goal.when for goal in held.plan.goals),
        *(activity.when for activity in held.plan.activities),
        *(stop.when for stop in held.plan.stops),
    ]
    return any(inner.fhirpath for condition in conditions if condition for inner in condition.walk())


def about(uow: UnitOfWork, kind: str, patient_id: str) -> list[dict[str, Any]]:
    """The patient's resources of a type."""
    if kind == "Patient":
        return [uow.read("Patient", patient_id)]
    return uow.find(kind, [("patient", f"Patient/{patient_id}")])


def record(uow: UnitOfWork, patient_id: str, held: Package) -> Record:
    """What the package may ask about the patient. Read as the system: a rule must not depend on who asks."""
    hand = uow.as_system("plan")
    types = RECORD_TYPES + (MORE_TYPES if asks_fhirpath(held) else ())
    return Record(tuple(item for kind in types for item in about(hand, kind, patient_id)))


def episode(uow: UnitOfWork, patient_id: str, episode_id: str) -> tuple[dict[str, Any], Episode]:
    """The course as stored and as a value; somebody else's is not found."""
    stored = uow.read("EpisodeOfCare", episode_id)
    value = resources.read_episode(stored)
    if value.patient_id != patient_id or not value.package or stored.get("status") == "entered-in-error":
        raise not_found("The course")
    return stored, value


def episodes(uow: UnitOfWork, patient_id: str, package_id: str) -> list[Episode]:
    """The patient's courses in a package, oldest first; wrongly entered ones left out."""
    found = [
        resources.read_episode(item)
        for item in about(uow, "EpisodeOfCare", patient_id)
        if item.get("status") != "entered-in-error" and resources.package_of(item) == package_id
    ]
    return sorted(found, key=lambda item: (item.eligible_day or item.started_day or 0, item.id or ""))


def valid_plan(uow: UnitOfWork, patient_id: str, episode_id: str) -> tuple[dict[str, Any], Plan] | None:
    """The one plan of the course that counts."""
    for item in about(uow, "CarePlan", patient_id):
        value = resources.read_plan(item)
        if value.episode_id == episode_id and value.status.is_valid and item.get("status") != "entered-in-error":
            return item, value
    return None


def decisions(items: Iterable[dict[str, Any]], episode_id: str) -> list[Decision]:
    """The level decisions of a course, oldest first; wrongly entered ones left out."""
    found = [value for item in items if (value := resources.read_decision(item)) is not None]
    held = [
        value for value in found if value.episode_id == episode_id and value.status in ("final", "amended", "corrected")
    ]
    return sorted(held, key=lambda value: (value.decided_day, value.id or ""))


def latest_decision(uow: UnitOfWork, patient_id: str, episode_id: str) -> Decision | None:
    """The level in force for the course."""
    found = decisions(about(uow, "Observation", patient_id), episode_id)
    return found[-1] if found else None


def latest_proposal(uow: UnitOfWork, patient_id: str, episode_id: str) -> Proposal | None:
    """The newest saved proposal of the course."""
    found = [resources.read_proposal(item) for item in about(uow, "RiskAssessment", patient_id)]
    held = [item for item in found if item.episode_id == episode_id]
    return max(held, key=lambda item: (item.made, item.id or ""), default=None)


def goals(uow: UnitOfWork, patient_id: str, episode_id: str) -> list[Goal]:
    """The goals of a course that are not wrongly entered."""
    found = [resources.read_goal(item) for item in about(uow, "Goal", patient_id)]
    return [item for item in found if item.episode_id == episode_id and item.lifecycle != "entered-in-error"]


def activities(uow: UnitOfWork, patient_id: str, episode_id: str) -> list[tuple[dict[str, Any], Activity]]:
    """The activities of a course as stored and as values."""
    found = [(item, resources.read_activity(item)) for item in about(uow, "ServiceRequest", patient_id)]
    return [pair for pair in found if pair[1].episode_id == episode_id and pair[1].package]


def is_live_plan(status: str) -> bool:
    """Whether a plan's status makes it the one valid plan of its course."""
    return status in {str(item) for item in PlanStatus} and PlanStatus(status).is_valid
