"""One patient over all packages: every course, everybody around them, and what has happened; read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.plan import queries, resources
from tovholder.plan.happenings import Entry
from tovholder.plan.left import Left, left
from tovholder.plan.record import Record, patient_facts
from tovholder.plan.team import Member, team
from tovholder.plan.timeline import timeline
from tovholder.plan.values import Activity, Appointment, Goal, Referral
from tovholder.plan.views import EpisodeView, PatientSummary

MORE = ("CareTeam", "Communication")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientView:
    """The patient as the clinic opens them. ``courses``: per package the open course, else the latest."""

    summary: PatientSummary
    resource: Mapping[str, Any]
    deceased_day: int | None
    active: bool
    record: Record
    courses: tuple[EpisodeView, ...]
    appointments: tuple[Appointment, ...]  # of all actors, by time
    referrals: tuple[Referral, ...]
    goals: tuple[Goal, ...]
    other_steps: tuple[Activity, ...]  # of courses that are over, still open
    team: tuple[Member, ...]
    left: tuple[Left, ...]  # courses whose package is not here now
    held: queries.Held

    def course(self, package: str) -> EpisodeView | None:
        """The course in a package."""
        return next((item for item in self.courses if item.package.id == package), None)


def patient_view(ctx: Context, patient_id: str) -> PatientView:
    """Everything the clinic's page about a patient stands on. Raises Problem(NOT_FOUND) when not theirs to see."""
    held = queries.read_all(ctx, patient_id, MORE)
    summary = queries.summary_of(ctx, held)
    record = held.record()
    known = packages.builtin()
    ids = dict.fromkeys(item.package for item in summary.episodes if item.package in known)
    courses = tuple(queries.view_of(ctx, held, summary, package, record) for package in ids)
    shown = {item.episode.id for item in courses}
    facts = patient_facts(held.patient)
    steps = [resources.read_activity(item) for item in held.of("ServiceRequest")]
    return PatientView(
        summary=summary,
        resource=held.patient,
        deceased_day=facts.deceased_day,
        active=held.patient.get("active") is not False,
        record=record,
        courses=tuple(sorted(courses, key=lambda item: not item.episode.phase.is_open)),
        appointments=queries.all_appointments(held),
        referrals=queries.all_referrals(held),
        goals=tuple(
            found for item in held.of("Goal") if (found := resources.read_goal(item)).lifecycle != "entered-in-error"
        ),
        other_steps=tuple(
            item for item in steps if item.package and item.episode_id not in shown and item.status.is_open
        ),
        left=left(held),
        team=team(held.patient, held.by_type, summary.episodes, ctx.today),
        held=held,
    )


def happened(ctx: Context, view: PatientView) -> tuple[Entry, ...]:
    """What has happened to the patient, newest first; plans' revisions from their versions, in one more question."""
    versions = store.of_patient(ctx, "CarePlan", view.summary.id)
    return timeline(view.held.by_type, view.summary.episodes, [item.stored.resource for item in versions])
