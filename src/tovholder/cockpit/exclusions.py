"""Who has a diagnosis of a package and is not proposed for it, and why: nobody is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.packages.model import Package
from tovholder.plan.diagnoses import matching, plain
from tovholder.plan.domain import OPEN, EndReason
from tovholder.plan.inclusion import closed_on, evaluate_inclusion, needs_record, spent
from tovholder.plan.inputs import facts
from tovholder.plan.record import Diagnosis, PatientFacts, Record

CODES = """
SELECT d.system, d.code, COUNT(*) AS times
FROM diagnosis AS d
WHERE d.system IS NOT NULL AND d.code IS NOT NULL
GROUP BY d.system, d.code
"""
DIAGNOSES = """
SELECT d.patient_id, d.diagnosis_id, d.system, d.code, d.clinical_status, d.verification_status, d.onset_day,
       d.recorded_day
FROM diagnosis AS d
WHERE d.code IN ({codes})
"""
PEOPLE = """
SELECT p.patient_id, p.birth_day, p.organization_id, p.deceased, p.deceased_day
FROM patient AS p
WHERE p.deceased = 0 AND EXISTS (SELECT 1 FROM diagnosis AS d WHERE d.patient_id = p.patient_id AND d.code IN ({codes}))
"""
COURSES = """
SELECT e.patient_id, e.package, e.phase, e.condition_id, e.end_reason, e.declined_day, e.ended_day
FROM episode AS e
"""
DECLINED, ENDED, RECORD = "declined", "ended", "record"


@dataclass(frozen=True, slots=True)
class Excluded:
    """One patient a package does not propose. kind: the reason's name, or ``declined``, ``ended``, ``record``.

    reasons: in words, empty for the last three. day: when the patient declined or the course ended.
    """

    patient_id: str
    package: Package
    kind: str
    reasons: tuple[Mapping[str, str], ...]
    day: int | None = None


def excluded(ctx: Context) -> list[Excluded]:
    """Everybody the actor may see with a diagnosis of a package and no open course in it, in four queries."""
    known = packages.builtin()
    codes = sorted(
        {
            row["code"]
            for row in store.facts(ctx, CODES, name="cockpit-excluded")
            if any(held.inclusion.matches(row["system"], plain(row["code"])) for held in known.values())
        }
    )
    if not codes:
        return []
    params = {f"c{number}": code for number, code in enumerate(codes)}
    asked = ", ".join(f":{name}" for name in params)
    people = {
        row["patient_id"]: PatientFacts.of_row(row)
        for row in store.facts(ctx, PEOPLE.format(codes=asked), params, name="cockpit-excluded")
    }
    diagnoses: dict[str, list[Diagnosis]] = {}
    for row in store.facts(ctx, DIAGNOSES.format(codes=asked), params, name="cockpit-excluded"):
        diagnoses.setdefault(row["patient_id"], []).append(Diagnosis.of_row(row))
    courses: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in store.facts(ctx, COURSES, name="cockpit-excluded"):
        courses.setdefault((row["patient_id"], row["package"]), []).append(row)
    found = []
    for patient_id, held in diagnoses.items():
        person = people.get(patient_id)
        if person is None:
            continue
        for package in known.values():
            own = matching(package, held)
            closed = courses.get((patient_id, package.id), [])
            if own and not any(row["phase"] in OPEN for row in closed):
                found.append(_why(ctx, package, person, held, closed))
    return found


def _why(
    ctx: Context,
    package: Package,
    person: PatientFacts,
    diagnoses: list[Diagnosis],
    closed: list[dict[str, Any]],
) -> Excluded:
    without = spent(diagnoses, closed)
    if closed and all(item.id in without for item in matching(package, diagnoses)):
        last = max(closed, key=lambda row: row["declined_day"] or row["ended_day"] or 0)
        kind = DECLINED if last["phase"] == "declined" else ENDED
        return Excluded(person.id, package, kind, (), last["declined_day"] if kind == DECLINED else last["ended_day"])
    rules = package.inclusion
    asked = None
    if rules.requires or rules.blocks:
        asked = facts(package, Record.of_facts(person, diagnoses), ctx.today, without=without)
    completed = [row for row in closed if row["end_reason"] == EndReason.COMPLETED]
    told = evaluate_inclusion(
        package, person, diagnoses, ctx.today, asked, without=without, ended_day=closed_on(completed)
    )
    against = [reason for reason in told.reasons if reason.against]
    if not against or (needs_record(package) and all(_of_record(package, reason.id) for reason in against)):
        return Excluded(person.id, package, RECORD, ())
    return Excluded(person.id, package, against[0].id, tuple({"da": one.text.da, "en": one.text.en} for one in against))


def _of_record(package: Package, name: str) -> bool:
    """Whether a reason is one only the whole record can answer for."""
    return name in {need.id for need in (*package.inclusion.requires, *package.inclusion.blocks)}
