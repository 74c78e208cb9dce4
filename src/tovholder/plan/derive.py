"""Who is eligible, kept up to date in the transaction that changes a patient: created, corrected, withdrawn, closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tovholder import packages
from tovholder.packages import Package
from tovholder.plan import closing, course, holding, resources
from tovholder.plan.clock import ClockEvent
from tovholder.plan.diagnoses import is_wrong, matching
from tovholder.plan.domain import OPEN, EndReason, Phase
from tovholder.plan.inclusion import (
    Inclusion,
    clock_for,
    closed_on,
    evaluate_inclusion,
    needs_record,
    spent,
)
from tovholder.plan.inputs import facts
from tovholder.plan.links import LinkResources, by_patient
from tovholder.plan.moves import move_on
from tovholder.plan.record import Diagnosis, PatientFacts, Record
from tovholder.plan.values import Episode
from tovholder.store import UnitOfWork

Row = dict[str, Any]
_WATCHED = frozenset({"diagnosis", "patient", "episode"})
_WATCHED_BY_RECORD = frozenset({"response", "measurement", "contact"})


class FindEligible:
    """Diagnoses against inclusion: a course is eligible from the moment a diagnosis meets it, with its clock."""

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
        """Create, correct, withdraw and close courses of the patients whose facts changed."""
        if not tables & (_WATCHED | _WATCHED_BY_RECORD):
            return
        asked = [
            held
            for held in packages.builtin().values()
            if tables & _WATCHED or (needs_record(held) and tables & _WATCHED_BY_RECORD)
        ]
        if not asked:
            return
        people = by_patient(uow.fact_rows("patient", patients))
        diagnoses = by_patient(uow.fact_rows("diagnosis", patients))
        episodes = by_patient(uow.fact_rows("episode", patients))
        for patient_id in sorted(people):
            person = PatientFacts.of_row(people[patient_id][0])
            held_diagnoses = [Diagnosis.of_row(row) for row in diagnoses.get(patient_id, ())]
            for held in asked:
                rows = [row for row in episodes.get(patient_id, ()) if row["package"] == held.id]
                if rows or matching(held, held_diagnoses):
                    _one(uow, held, person, held_diagnoses, rows)
            if "patient" in tables:
                _beside(uow, person, episodes.get(patient_id, []))


def _beside(uow: UnitOfWork, person: PatientFacts, rows: list[Row]) -> None:
    """What hangs on the life of somebody who is or was in a course, beside the courses."""
    if person.deceased and rows:
        closing.on_death(uow, person.id)
    elif any(row["phase"] not in OPEN for row in rows):
        closing.taken_back(uow, person.id)


def _one(uow: UnitOfWork, held: Package, person: PatientFacts, diagnoses: list[Diagnosis], rows: list[Row]) -> None:
    running = next((row for row in rows if row["phase"] in OPEN), None)
    if running is not None:
        value = _keep(uow, held, person, diagnoses, running)
        if value.phase.is_open:
            return
        rows = [replace_row(row, value) if row is running else row for row in rows]
    if person.deceased:
        return
    for row in rows:
        if row["end_reason"] == EndReason.DIED and row["phase"] == Phase.ENDED and running is None:
            opened = closing.reopen_course(uow, row["episode_id"])
            if opened is not None:
                _keep(uow, held, person, diagnoses, row | {"phase": str(opened.phase), "end_reason": None})
                return
    found = _evaluate(uow, held, person, diagnoses, rows)
    if not found.included:
        return
    made = Episode(
        patient_id=person.id,
        package=held.id,
        package_version=held.version,
        phase=Phase.ELIGIBLE,
        organization_id=person.organization_id,
        condition_id=found.condition_id,
        diagnosed_day=found.diagnosis_day,
        eligible_day=uow.ctx.today,
        inclusion_reasons=tuple(reason.text.da for reason in found.reasons),
        clock=clock_for(held, diagnosed_day=found.diagnosis_day, inclusion_day=uow.ctx.today),
    )
    uow.create(resources.episode_resource(made))


def replace_row(row: Row, value: Episode) -> Row:
    """The row as it is after the course was closed here."""
    return {
        **row,
        "phase": str(value.phase),
        "end_reason": value.end_reason,
        "ended_day": value.ended_day,
        "condition_id": value.condition_id,
    }


def _evaluate(
    uow: UnitOfWork, held: Package, person: PatientFacts, diagnoses: list[Diagnosis], closed: list[Row]
) -> Inclusion:
    """Inclusion with what was decided before; the record is read only when person and diagnoses leave it open."""
    without, today = spent(diagnoses, closed), uow.ctx.today
    completed = [row for row in closed if row["end_reason"] == EndReason.COMPLETED]
    ended = closed_on(completed)

    def evaluated(known: Record) -> Inclusion:
        asks = held.inclusion.requires or held.inclusion.blocks
        asked = facts(held, known, today, without=without) if asks else None
        return evaluate_inclusion(held, person, diagnoses, today, asked, without=without, ended_day=ended)

    if not needs_record(held) or all(item.id in without for item in matching(held, diagnoses)):
        return evaluated(Record.of_facts(person, diagnoses))
    return evaluated(course.record(uow, person.id, held))


def _keep(uow: UnitOfWork, held: Package, person: PatientFacts, diagnoses: list[Diagnosis], row: Row) -> Episode:
    """Bring an open course up to date with its patient and diagnosis; returns it as it now is."""
    if _nothing_to_do(held, person, diagnoses, row):
        return _from_row(row)
    stored = uow.read("EpisodeOfCare", row["episode_id"])
    value = before = resources.read_episode(stored)
    reason = _over(held, person, diagnoses, value)
    if reason is EndReason.DIED:
        day = uow.ctx.today if person.deceased_day is None else min(person.deceased_day, uow.ctx.today)
        return closing.end_course(uow, stored, value, day)
    if reason is not None:  # of one that was never started: there is no plan to close
        day = uow.ctx.today
        pauses = tuple(
            replace(pause, end_day=max(day, pause.start_day)) if pause.end_day is None else pause
            for pause in value.pauses
        )
        value = replace(value, phase=Phase.ENDED, ended_day=day, end_reason=str(reason), pauses=pauses)
    else:
        value = _dated(held, diagnoses, value)
        if _is_elsewhere(uow, person, value.organization_id):
            value = holding.handed_over(value, None, uow.ctx.today)
        elif person.organization_id and value.organization_id is None and not value.holdings:
            value = replace(value, organization_id=person.organization_id)  # nobody held it before
        elif person.organization_id:
            value = holding.handed_over(value, person.organization_id, uow.ctx.today)
        if value.holdings != before.holdings:
            holding.follow_team(uow, person.id, before.organization_id, value.organization_id)
            holding.release(uow, value)
    if value != before:
        uow.update(resources.episode_resource(value, stored))
    return value


def _from_row(row: Row) -> Episode:
    return Episode(
        id=row["episode_id"],
        patient_id=row["patient_id"],
        package=row["package"],
        package_version=row["package_version"] or "",
        phase=Phase(row["phase"]),
        organization_id=row["organization_id"],
        condition_id=row["condition_id"],
    )


def _nothing_to_do(held: Package, person: PatientFacts, diagnoses: list[Diagnosis], row: Row) -> bool:
    """The usual case, answered from facts alone: alive, same clinic, same standing diagnosis on the same day."""
    if person.deceased or (person.organization_id != row["organization_id"]):
        return False
    own = [item for item in diagnoses if item.id == row["condition_id"]]
    if not row["condition_id"]:
        return True
    if not own:
        return bool(row["phase"] != Phase.ELIGIBLE)
    if row["phase"] == Phase.ELIGIBLE and not _stands(held, own[0]):
        return False
    return not _redated(own[0], row["diagnosis_day"], row["clock_event"], str(row["phase"]))


def _is_elsewhere(uow: UnitOfWork, person: PatientFacts, held_by: str | None) -> bool:
    """Whether the patient went to a clinic outside this system. Who merely stands on no list is still held as before."""
    if person.organization_id or held_by is None:
        return False
    return holding.is_elsewhere(uow.read("Patient", person.id))


def _stands(held: Package, item: Diagnosis) -> bool:
    rules = held.inclusion
    if is_wrong(held, item):
        return False
    return item.clinical_status is None or item.clinical_status in rules.clinical_statuses


def _redated(item: Diagnosis, known_day: int | None, event: str | None, phase: str) -> bool:
    """Whether the clock must follow the diagnosis to another day: a late date, or one corrected before start."""
    if item.day is None or item.day == known_day:
        return False
    return event == ClockEvent.UNKNOWN or known_day is None or phase == Phase.ELIGIBLE


def _over(held: Package, person: PatientFacts, diagnoses: list[Diagnosis], value: Episode) -> EndReason | None:
    if person.deceased:
        return EndReason.DIED
    if value.phase is not Phase.ELIGIBLE or value.condition_id is None:
        return None
    own = next((item for item in diagnoses if item.id == value.condition_id), None)
    if own is None or is_wrong(held, own):
        return EndReason.WRONG_DIAGNOSIS
    return None if _stands(held, own) else EndReason.COMPLETED


def _dated(held: Package, diagnoses: list[Diagnosis], value: Episode) -> Episode:
    own = next((item for item in diagnoses if item.id == value.condition_id), None)
    event = str(value.clock.event) if value.clock else None
    if own is None or not _redated(own, value.diagnosed_day, event, str(value.phase)):
        return value
    included = value.eligible_day if value.eligible_day is not None else value.started_day
    if included is None:
        return value
    clock = clock_for(held, diagnosed_day=own.day, inclusion_day=included)
    return replace(value, diagnosed_day=own.day, clock=clock)


find_eligible = FindEligible()
link_resources = LinkResources()
# Courses first: what a diagnosis makes eligible is linked in the same transaction.
STEPS = (find_eligible, move_on, link_resources)
