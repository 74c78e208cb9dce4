"""Who comes today, what could be closed while they are here, and how many controls are to come, month by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.cockpit import queries
from tovholder.cockpit.queries import ClinicRow
from tovholder.fhir.references import parse_reference
from tovholder.plan import resources

# A step that is due within these days can as well be done today.
SOON = 60
_AT_THE_CLINIC = ("gp", "nurse")
_NOT_COMING = frozenset({"cancelled", "entered-in-error"})
OPEN_STEPS = """
SELECT a.patient_id, a.episode_id, a.activity_id, a.package, a.kind, a.due_day, a.window_start_day, a.performer_kind
FROM activity AS a
WHERE a.status = 'active' AND a.due_day IS NOT NULL
"""
AHEAD = """
SELECT a.patient_id, a.activity_id
FROM appointment AS a
WHERE a.activity_id IS NOT NULL AND a.start_day >= :today
  AND a.status IN ('booked', 'arrived', 'checked-in', 'proposed', 'pending')
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A step of a package that is open, due, and done at the clinic itself. booked: it has a time already."""

    activity_id: str
    package: str
    kind: str
    due_day: int
    booked: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One appointment of today. courses: the patient's packages, none for somebody who is in no package."""

    patient_id: str
    name: str
    appointment: Any
    courses: tuple[ClinicRow, ...]
    gaps: tuple[Gap, ...]


def today(ctx: Context) -> list[Visit]:
    """Everybody with a time today at the actor's clinic, for anything, by time; what of their packages is open."""
    found = store.search_all(ctx, "Appointment", [("date", days.iso(ctx.today))])
    mine = {ctx.organization, *ctx.units}
    booked = []
    for entry in found:
        value = resources.read_appointment(entry.resource)
        at_us = value.organization_id in mine or value.organization_id is None
        if at_us and value.status not in _NOT_COMING and value.start and days.day_of(value.start) == ctx.today:
            booked += [(patient, value) for patient in _patients(entry.resource)]
    if not booked:
        return []
    courses: dict[str, list[ClinicRow]] = {}
    for row in queries.clinic_list(ctx):
        if row.phase != "declined":
            courses.setdefault(row.patient_id, []).append(row)
    gaps = _gaps(ctx)
    names = queries.patient_names(ctx, sorted({patient for patient, _ in booked}))
    visits = [
        Visit(patient, names[patient], value, tuple(courses.get(patient, ())), tuple(gaps.get(patient, ())))
        for patient, value in booked
        if patient in names  # whom the actor may see
    ]
    return sorted(visits, key=lambda visit: (visit.appointment.start, visit.name, visit.appointment.id))


def _patients(resource: Mapping[str, Any]) -> list[str]:
    found = []
    for part in resource.get("participant", ()):
        target = parse_reference(part.get("actor", {}).get("reference", ""))
        if target is not None and target.type == "Patient" and not target.base:
            found.append(target.id)
    return list(dict.fromkeys(found))


def _gaps(ctx: Context) -> dict[str, list[Gap]]:
    ahead = {row["activity_id"] for row in store.facts(ctx, AHEAD, name="cockpit-today")}
    found: dict[str, list[Gap]] = {}
    for row in store.facts(ctx, OPEN_STEPS, name="cockpit-today"):
        opens = row["window_start_day"] if row["window_start_day"] is not None else row["due_day"]
        if row["performer_kind"] in _AT_THE_CLINIC and min(opens, row["due_day"]) <= ctx.today + SOON:
            gap = Gap(
                row["activity_id"], row["package"] or "", row["kind"] or "", row["due_day"], row["activity_id"] in ahead
            )
            found.setdefault(row["patient_id"], []).append(gap)
    return {patient: sorted(held, key=lambda gap: gap.due_day) for patient, held in found.items()}


@dataclass(frozen=True, slots=True)
class Month:
    """The visits the plans foresee in one month, by who does them. late: of months gone by, not done yet."""

    month: str
    by_performer: Mapping[str, int]
    booked: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_performer.values())


@dataclass(frozen=True, slots=True)
class Expected:
    """Twelve months ahead. late: visits that should have been by now. performers: in the order of the columns."""

    performers: tuple[str, ...]
    late: Month
    months: tuple[Month, ...]
    without_plan: int  # open courses whose visits nobody has planned


MONTHS = 12


def expected(ctx: Context, rows: Sequence[ClinicRow]) -> Expected:
    """Visits to come from the plans' open steps. Steps of one patient with one performer on one day are one visit."""
    ahead = {row["activity_id"] for row in store.facts(ctx, AHEAD, name="cockpit-controls")}
    visits: dict[tuple[str, str, int], bool] = {}
    for row in store.facts(ctx, OPEN_STEPS, name="cockpit-controls"):
        key = (row["patient_id"], row["performer_kind"] or "", row["due_day"])
        visits[key] = visits.get(key, False) or row["activity_id"] in ahead
    first = days.date_of(ctx.today)
    names = [f"{first.year + (first.month - 1 + n) // 12}-{(first.month - 1 + n) % 12 + 1:02d}" for n in range(MONTHS)]
    counts: dict[str, dict[str, int]] = {name: {} for name in ("", *names)}
    booked = dict.fromkeys(counts, 0)
    for (_, performer, due), has_time in visits.items():
        month = "" if due < ctx.today else days.month_of(due)
        if month in counts:
            counts[month][performer] = counts[month].get(performer, 0) + 1
            booked[month] += has_time
    order = ("gp", "nurse")
    there = {performer for held in counts.values() for performer in held}
    performers = (*order, *sorted(there - set(order)))
    return Expected(
        performers,
        Month("", counts[""], booked[""]),
        tuple(Month(name, counts[name], booked[name]) for name in names),
        sum(1 for row in rows if row.phase != "declined" and not row.plan_confirmed),
    )
