"""Which resources serve which course: as they state, by kind in the package, or as its diagnosis; always derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from tovholder import packages
from tovholder.packages.questionnaires import items
from tovholder.plan.domain import Phase
from tovholder.store import UnitOfWork

Row = dict[str, Any]
_OPEN = frozenset(str(phase) for phase in Phase if phase.is_open)


def by_patient(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows gathered per patient."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["patient_id"], []).append(row)
    return found


STATED, KIND, DIAGNOSIS = "stated", "kind", "diagnosis"
# Whose links a changed fact table may change; a course may change everybody's.
_AFFECTED: Mapping[str, frozenset[str]] = {
    "appointment": frozenset({"Appointment"}),
    "activity": frozenset({"ServiceRequest", "Appointment"}),
    "measurement": frozenset({"Observation"}),
    "level": frozenset({"Observation"}),
    "referral": frozenset({"Task"}),
    "diagnosis": frozenset({"Condition"}),
    "response": frozenset({"QuestionnaireResponse"}),
    "plan": frozenset({"CarePlan"}),
    "goal": frozenset({"Goal"}),
    "attempt": frozenset({"Communication"}),
}
_EVERYTHING = frozenset().union(*_AFFECTED.values())
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "episode": ("patient_id", "episode_id", "package", "phase", "condition_id", "declined_day", "ended_day"),
    "appointment": ("patient_id", "appointment_id", "kind", "start_day", "activity_id", "episode_id"),
    "activity": ("patient_id", "activity_id", "episode_id", "kind", "due_day"),
    "measurement": ("patient_id", "measurement_id", "system", "code", "day", "episode_id"),
    "level": ("patient_id", "level_id", "episode_id"),
    "referral": ("patient_id", "referral_id", "episode_id", "kind", "sent_day"),
    "diagnosis": ("patient_id", "diagnosis_id", "system", "code", "recorded_day"),
    "response": ("patient_id", "response_id", "episode_id"),
    "plan": ("patient_id", "plan_id", "episode_id"),
    "goal": ("patient_id", "goal_id", "plan_episode_id"),
    "attempt": ("patient_id", "attempt_id", "episode_id"),
}
# Facts that say their course themselves: table → (id column, course column, resource type)
_SAYING: Mapping[str, tuple[str, str, str]] = {
    "plan": ("plan_id", "episode_id", "CarePlan"),
    "goal": ("goal_id", "plan_episode_id", "Goal"),
    "level": ("level_id", "episode_id", "Observation"),
    "activity": ("activity_id", "episode_id", "ServiceRequest"),
    "referral": ("referral_id", "episode_id", "Task"),
    "response": ("response_id", "episode_id", "QuestionnaireResponse"),
    "attempt": ("attempt_id", "episode_id", "Communication"),
}


class LinkResources:
    """Which resources serve which course: as stated, by kind in the package, or as its diagnosis."""

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
        """Derive the links of what changed anew; exchange a patient's links when they differ."""
        types = _EVERYTHING if "episode" in tables else frozenset().union(*(_AFFECTED.get(t, ()) for t in tables))
        if not types:
            return
        episodes = by_patient(uow.fact_rows("episode", patients, _COLUMNS["episode"]))
        involved = frozenset(episodes)
        held_links = by_patient(uow.fact_rows("episode_link", patients if "episode" in tables else involved))
        if not involved and not held_links:
            return
        found = {
            name: by_patient(uow.fact_rows(name, involved, _COLUMNS[name])) if involved else {}
            for name, affected in _AFFECTED.items()
            if affected & types
        }
        wanted: list[Row] = []
        changed: list[str] = []
        for patient_id in sorted(involved | frozenset(held_links)):
            rows = {name: found.get(name, {}).get(patient_id, []) for name in _AFFECTED}
            before = held_links.get(patient_id, [])
            made = [row for row in before if row["resource_type"] not in types]
            made += [
                row for row in _links(patient_id, episodes.get(patient_id, []), rows) if row["resource_type"] in types
            ]
            if _keys(made) != _keys(before):
                changed.append(patient_id)
                wanted.extend(made)
        if changed:
            uow.replace_links(changed, wanted)


def _keys(rows: Iterable[Row]) -> set[tuple[Any, ...]]:
    return {
        (row["resource_type"], row["resource_id"], row["episode_id"], row["why"], row["confidence"]) for row in rows
    }


def _links(patient_id: str, episodes: list[Row], rows: Mapping[str, list[Row]]) -> list[Row]:
    known = {row["episode_id"]: row for row in episodes}
    made: dict[tuple[str, str], Row] = {}

    def link(kind: str, resource_id: str, episode_id: str, why: str, confidence: int) -> None:
        key = (resource_id, episode_id)
        if key not in made or made[key]["confidence"] < confidence:
            made[key] = {
                "resource_id": resource_id,
                "resource_type": kind,
                "patient_id": patient_id,
                "episode_id": episode_id,
                "why": why,
                "confidence": confidence,
            }

    activity_episode = {row["activity_id"]: row["episode_id"] for row in rows["activity"]}
    for table, (id_column, episode_column, kind) in _SAYING.items():
        for row in rows[table]:
            if row[episode_column] in known:
                link(kind, row[id_column], row[episode_column], STATED, 100)
            elif table in ("referral", "activity"):
                for episode_id in _serving(
                    episodes, row["kind"], row["sent_day" if table == "referral" else "due_day"]
                ):
                    link(kind, row[id_column], episode_id, KIND, 80)
    for row in rows["appointment"]:
        identity = row["appointment_id"]
        told = {row["episode_id"], activity_episode.get(row["activity_id"] or "")} & known.keys()
        if told:
            for episode_id in sorted(told):
                link("Appointment", identity, episode_id, STATED, 100)
            continue
        for episode_id in _serving(episodes, row["kind"], row["start_day"]):
            link("Appointment", identity, episode_id, KIND, 80)
    for row in rows["measurement"]:
        if row["episode_id"] in known:
            link("Observation", row["measurement_id"], row["episode_id"], STATED, 100)
            continue
        for episode_id in _measured(episodes, row):
            link("Observation", row["measurement_id"], episode_id, KIND, 80)
    for row in rows["diagnosis"]:
        for episode in episodes:
            if row["diagnosis_id"] == episode["condition_id"]:
                link("Condition", row["diagnosis_id"], episode["episode_id"], DIAGNOSIS, 100)
        for package_id in sorted({item["package"] for item in episodes}):
            if _includes(package_id, row):
                held = [item for item in episodes if item["package"] == package_id]
                for episode_id in _at(held, row["recorded_day"]):
                    link("Condition", row["diagnosis_id"], episode_id, DIAGNOSIS, 80)
    return list(made.values())


def _serving(episodes: list[Row], kind: str | None, day: int | None) -> list[str]:
    """Courses whose package knows the kind, at that day; more than one when a visit serves more than one."""
    if not kind:
        return []
    return [
        episode_id
        for package_id in sorted({row["package"] for row in episodes})
        if kind in kinds(package_id)
        for episode_id in _at([row for row in episodes if row["package"] == package_id], day)
    ]


def _measured(episodes: list[Row], row: Row) -> list[str]:
    return [
        episode_id
        for package_id in sorted({item["package"] for item in episodes})
        if (row["system"], row["code"]) in measured_codes(package_id)
        for episode_id in _at([item for item in episodes if item["package"] == package_id], row["day"])
    ]


def _includes(package_id: str, row: Row) -> bool:
    held = packages.builtin().get(package_id)
    return held is not None and held.inclusion.matches(
        row["system"] or "", (row["code"] or "").replace(".", "").upper()
    )


def _at(episodes: list[Row], day: int | None) -> list[str]:
    """The one course of a package that a day belongs to: the first that had not closed by then.

    What was measured before the first course led up to it; what happened after the last one closed belongs to none.
    """
    ordered = sorted(episodes, key=lambda row: (_closed(row) is None, _closed(row) or 0, row["episode_id"]))
    for row in ordered:
        closed = _closed(row)
        if closed is None or (day is not None and day <= closed):
            return [row["episode_id"]]
    return []


def _closed(row: Row) -> int | None:
    if row["phase"] in _OPEN:
        return None
    day = row["declined_day"] if row["phase"] == Phase.DECLINED else row["ended_day"]
    return -1 if day is None else int(day)


@cache
def kinds(package_id: str) -> frozenset[str]:
    """Kinds of appointments, activities and referrals a package knows."""
    held = packages.builtin().get(package_id)
    if held is None:
        return frozenset()
    return frozenset(
        [item.kind for item in held.appointment_kinds]
        + [item.kind for item in held.plan.activities]
        + [item.id for item in held.referrals]
    )


@cache
def measured_codes(package_id: str) -> frozenset[tuple[str, str]]:
    """Codes of the measurements a package asks about, in its inputs and in its forms."""
    held = packages.builtin().get(package_id)
    if held is None:
        return frozenset()
    found = {
        (system, source.code)
        for item in held.level.inputs
        for source in item.sources
        if source.kind in ("measurement", "measurement-code")
        for system in source.systems
    }
    for form in held.forms.values():
        for item in items(form.questionnaire):
            found.update((code.get("system") or "", code.get("code") or "") for code in item.get("code") or ())
        found.update((score.code.system, score.code.code) for score in form.scoring.scores if score.code)
    return frozenset(found)
