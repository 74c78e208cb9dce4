"""The clinic's list: who needs us today, and why; from facts and open flags, in a bounded number of queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tovholder import database, packages, store
from tovholder.access import Context
from tovholder.base import days
from tovholder.cockpit import handling, ranking
from tovholder.cockpit.flags import reason
from tovholder.cockpit.handling import Attempt, Snooze, Standing
from tovholder.cockpit.ranking import Gathered, NextStep, OpenFlag
from tovholder.packages.model import Package
from tovholder.plan.happenings import ADMISSIONS
from tovholder.plan.review import Review, asked
from tovholder.store import reading, schema, withholding

EPISODES = """
SELECT e.patient_id, e.episode_id, e.package, e.package_version, e.phase, e.status, e.organization_id, e.condition_id,
       e.diagnosis_day, e.eligible_day, e.offered_day, e.started_day, e.declined_day, e.ended_day, e.end_reason,
       e.clock_rule, e.clock_event, e.clock_start_day, e.deadline_day, e.legacy, e.paused_days, e.pause_open_day,
       p.birth_day, p.sex, p.municipality, p.deceased_day, p.deceased, p.active
FROM episode AS e
JOIN patient AS p ON p.patient_id = e.patient_id
WHERE e.phase <> 'ended' AND p.deceased = 0
"""
LEVELS = """
SELECT l.patient_id, l.episode_id, l.level, l.decided_day, l.level_id, l.review_day
FROM level AS l
WHERE l.episode_id IS NOT NULL AND l.level IS NOT NULL
"""
PLANS = """
SELECT p.patient_id, p.episode_id, p.plan_id, p.status, p.confirmed_day, p.review_day
FROM plan AS p
WHERE p.status IN ('draft', 'active')
"""
NEEDS = """
SELECT r.patient_id, r.episode_id, r.questionnaire, COUNT(*) AS answers
FROM response AS r
WHERE r.status IN ('completed', 'amended') AND r.episode_id IS NOT NULL
GROUP BY r.patient_id, r.episode_id, r.questionnaire
"""
APPOINTMENTS = """
SELECT a.patient_id, l.episode_id, a.appointment_id, a.kind, a.status, a.start_day, a.activity_id
FROM appointment AS a
JOIN episode_link AS l ON l.resource_id = a.appointment_id AND (a.episode_id IS NULL OR a.episode_id = l.episode_id)
WHERE a.start_day >= :today - 730 AND a.status <> 'entered-in-error'
"""
ACTIVITIES = """
SELECT a.patient_id, a.episode_id, a.activity_id, a.kind, a.status, a.due_day, a.window_start_day, a.window_end_day
FROM activity AS a
WHERE a.status = 'active' AND a.due_day IS NOT NULL
"""
LEFT = f"""
SELECT c.patient_id, MAX(c.end_day) AS left_day
FROM contact AS c
WHERE c.kind IN ({", ".join(f"'{kind}'" for kind in sorted(ADMISSIONS))}) AND c.status = 'finished' AND c.end_day >= :today - 730
GROUP BY c.patient_id
"""
MEASURED = """
SELECT m.patient_id, m.system, m.code, COUNT(*) AS times
FROM measurement AS m
WHERE m.day > :today - 455
GROUP BY m.patient_id, m.system, m.code
"""


@dataclass(frozen=True, slots=True)
class ClinicRow:
    """One patient's course in one package. rank: its place in the default order, smallest first."""

    patient_id: str
    name: str
    age: int | None
    package: str
    package_title: Mapping[str, str]
    episode_id: str
    phase: str
    level: int | None
    flags: tuple[OpenFlag, ...]
    clock_start_day: int | None
    deadline_day: int | None
    days_left: int | None
    plan_confirmed: bool
    plan_confirmed_day: int | None
    next_step: NextStep | None
    last_control_day: int | None
    next_control_day: int | None
    noshows_12m: int
    missing: tuple[Mapping[str, str], ...]
    rank: tuple[int, int, str]
    overall: tuple[int, int, str] = (9, 0, "")  # its place in the list over all packages
    paused: bool = False
    sleeping: tuple[tuple[OpenFlag, Snooze], ...] = ()  # flags that are put off
    assigned_to: str = ""
    last_attempt: Attempt | None = None
    attempts: int = 0
    reviews: tuple[Review, ...] = ()  # why the level should be looked at again
    facts: Mapping[str, Any] = field(default_factory=dict)  # the course's and the patient's own

    @property
    def legacy(self) -> bool:
        """Whether the diagnosis is older than the right, so that no clock was ever started."""
        return bool(self.facts.get("legacy"))

    @property
    def all_flags(self) -> tuple[OpenFlag, ...]:
        """Those that wait and those that are put off."""
        return (*self.flags, *(flag for flag, _ in self.sleeping))


def clinic_list(ctx: Context) -> list[ClinicRow]:
    """Every course the clinic holds or should start (declined ones too), in the order over all packages."""
    known = packages.builtin()
    courses = {
        row["episode_id"]: Gathered(row, known[row["package"]])
        for row in store.facts(ctx, EPISODES, name="cockpit")
        if row["package"] in known
    }
    if not courses:
        return []
    for row in sorted(
        store.facts(ctx, LEVELS, name="cockpit"), key=lambda item: (item["decided_day"] or 0, item["level_id"])
    ):
        if row["episode_id"] in courses:
            courses[row["episode_id"]].level = row
    for row in store.facts(ctx, PLANS, name="cockpit"):
        held = courses.get(row["episode_id"])
        if held is not None and (held.plan is None or row["status"] == "active"):
            held.plan = row
    for row in store.facts(ctx, NEEDS, name="cockpit"):
        held = courses.get(row["episode_id"])
        if held is not None and (row["questionnaire"] or "").endswith(f"/{held.package.level.base.form}"):
            held.needs = True
    for row in store.facts(ctx, APPOINTMENTS, name="cockpit"):
        held = courses.get(row["episode_id"])
        if held is not None:
            held.appointments.append(row)
    for row in store.facts(ctx, ACTIVITIES, name="cockpit"):
        held = courses.get(row["episode_id"])
        if held is not None:
            held.activities.append(row)
    measured: dict[str, set[tuple[str, str]]] = {}
    for row in store.facts(ctx, MEASURED, name="cockpit"):
        measured.setdefault(row["patient_id"], set()).add((row["system"], row["code"]))
    left = {row["patient_id"]: row["left_day"] for row in store.facts(ctx, LEFT, name="cockpit")}
    flags = open_flags(ctx, list(courses))
    names = patient_names(ctx, sorted({held.episode["patient_id"] for held in courses.values()}))
    standing = handling.standing(ctx)
    rows = [
        _row(
            ctx,
            held,
            flags.get(episode_id, ()),
            names,
            measured.get(held.episode["patient_id"], set()),
            left.get(held.episode["patient_id"]),
            standing.get(episode_id, Standing()),
        )
        for episode_id, held in courses.items()
    ]
    return sorted(rows, key=lambda row: row.overall)


def open_flags(ctx: Context, episodes: Sequence[str]) -> dict[str, tuple[OpenFlag, ...]]:
    """Open flags of courses the caller has already been let see, worst and oldest first; none that was raised by facts
    of which some are kept from the caller.
    """
    known = packages.builtin()
    found: dict[str, list[OpenFlag]] = {}
    kept = withholding.of_facts(ctx, schema.fact_tables()) if episodes else withholding.NOTHING
    term, values = database.in_list("episode_id", episodes)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT patient_id, episode_id, package, rule_id, severity, since_day, values_json, raised_ms FROM cockpit_flag"
            f" WHERE cleared_ms IS NULL AND {term}",
            values,
        )
        for (
            patient_id,
            episode_id,
            package_id,
            rule_id,
            severity,
            since_day,
            values_json,
            raised_ms,
        ) in cursor.fetchall():
            package = known.get(package_id)
            rule = next((item for item in package.rules if item.id == rule_id), None) if package else None
            if rule is None or package is None:
                continue  # a rule that left the package: the daily run clears its flags
            if kept.tables.get(patient_id, frozenset()) & reading.tables_of(rule.sql, package.parameters):
                continue  # it would tell of what the patient keeps back
            told = json.loads(values_json)
            found.setdefault(episode_id, []).append(
                OpenFlag(
                    rule_id,
                    {"da": rule.title.da, "en": rule.title.en},
                    {"da": rule.action.da, "en": rule.action.en},
                    rule.kind,
                    severity,
                    {language: reason(rule, told, ctx.today, language) for language in ("da", "en")},
                    since_day,
                    None if since_day is None else ctx.today - since_day,
                    raised_ms,
                    rule.refer or "",
                )
            )
    return {
        episode: tuple(sorted(items, key=lambda item: (ranking.SEVERITY[item.severity], item.since_day or 0)))
        for episode, items in found.items()
    }


def patient_names(ctx: Context, patients: Sequence[str]) -> dict[str, str]:
    """Names by patient id, for patients the caller may see."""
    found: dict[str, str] = {}
    for start in range(0, len(patients), 200):
        ids = ",".join(patients[start : start + 200])
        for entry in store.search_all(ctx, "Patient", [("_id", ids)]):
            found[entry.id] = full_name(entry.resource)
    return found


def full_name(patient: Mapping[str, Any]) -> str:
    """The official name, given names first; empty when there is none."""
    names = patient.get("name") or [{}]
    name = next((item for item in names if item.get("use") == "official"), names[0])
    return " ".join([*name.get("given", []), *([name["family"]] if "family" in name else [])]) or name.get("text", "")


def age_on(birth_day: int | None, today: int) -> int | None:
    """Whole years on a day; None when the birth day is not known to the day."""
    if birth_day is None:
        return None
    born, now = days.date_of(birth_day), days.date_of(today)
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))


def _row(
    ctx: Context,
    held: Gathered,
    flags: tuple[OpenFlag, ...],
    names: Mapping[str, str],
    measured: set[tuple[str, str]],
    left_day: int | None,
    standing: Standing,
) -> ClinicRow:
    episode, package, today = held.episode, held.package, ctx.today
    appointments = held.appointments
    controls = [item for item in appointments if item["kind"] in control_kinds(package)]
    attended = [item["start_day"] for item in controls if item["status"] == "fulfilled" and item["start_day"] <= today]
    ahead = [item["start_day"] for item in controls if item["status"] == "booked" and item["start_day"] >= today]
    confirmed = held.plan is not None and held.plan["status"] == "active" and held.plan["confirmed_day"] is not None
    deadline = episode["deadline_day"]
    waiting = ranking.next_step(held, today)
    level = held.level["level"] if held.level else None
    asleep = handling.sleeping(flags, standing.snoozes, level, today)
    awake = tuple(flag for flag in flags if flag.rule_id not in asleep)
    place = ranking.place(package, episode, level, awake, confirmed, today)
    left = None if deadline is None or confirmed else deadline - today
    return ClinicRow(
        patient_id=episode["patient_id"],
        name=names.get(episode["patient_id"], ""),
        age=age_on(episode["birth_day"], today),
        package=package.id,
        package_title={"da": package.titles.da, "en": package.titles.en},
        episode_id=episode["episode_id"],
        phase=episode["phase"],
        level=level,
        flags=awake,
        clock_start_day=episode["clock_start_day"],
        deadline_day=deadline,
        days_left=left,
        plan_confirmed=confirmed,
        plan_confirmed_day=held.plan["confirmed_day"] if confirmed and held.plan else None,
        next_step=waiting,
        last_control_day=max(attended, default=None),
        next_control_day=min(ahead, default=None),
        noshows_12m=sum(1 for item in appointments if item["status"] == "noshow" and item["start_day"] > today - 365),
        missing=missing_measurements(package, measured) if episode["phase"] != "declined" else (),
        rank=place,
        overall=ranking.overall(place, phase=episode["phase"], level=level, flags=awake, days_left=left),
        paused=episode["pause_open_day"] is not None,
        sleeping=tuple((flag, asleep[flag.rule_id]) for flag in flags if flag.rule_id in asleep),
        assigned_to=standing.assigned_to,
        last_attempt=standing.last_attempt,
        attempts=standing.attempts,
        reviews=_reviews(held, left_day, awake, today),
        facts=episode,
    )


def _reviews(held: Gathered, left_day: int | None, flags: tuple[OpenFlag, ...], today: int) -> tuple[Review, ...]:
    """Why a decided level should be looked at again; a wish of the patient's stands as the day the review is due."""
    if held.level is None or held.level["decided_day"] is None:
        return ()
    return asked(
        decided_day=held.level["decided_day"],
        review_day=held.level["review_day"],
        wish_day=None,
        left=() if left_day is None else (left_day,),
        flags=((flag.rule_id, flag.severity, flag.since_day) for flag in flags),
        today=today,
    )


def control_kinds(package: Package) -> frozenset[str]:
    """Appointment kinds that count as a control: what the plan repeats at the clinic itself."""
    return frozenset(
        activity.kind
        for activity in package.plan.activities
        if activity.performer in ("gp", "nurse") and any(row.repeats for row in activity.timing)
    )


def missing_measurements(package: Package, measured: set[tuple[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Titles of the level's measured inputs that nobody has recorded for fifteen months."""
    found: list[Mapping[str, str]] = []
    for item in package.level.inputs:
        codes = {
            (system, source.code)
            for source in item.sources
            if source.kind in ("measurement", "measurement-code")
            for system in source.systems
        }
        if codes and item.shown_as_missing and not codes & measured:
            found.append({"da": item.title.da, "en": item.title.en})
    return tuple(found)
