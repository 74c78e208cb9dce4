"""When a course moves on by itself: from further efforts to the continuing phase, once everybody outside is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tovholder import packages
from tovholder.plan import resources
from tovholder.plan.domain import INSIDE, ActivityStatus, Phase, move
from tovholder.plan.links import by_patient
from tovholder.store import UnitOfWork

Row = dict[str, Any]
_ACTIVITY = ("patient_id", "episode_id", "status", "performer_kind")
_REFERRAL = ("patient_id", "episode_id", "status", "kind", "sent_day", "referral_id")
_WATCHED = frozenset({"activity", "referral"})
_OPEN_ACTIVITY = frozenset(str(status) for status in ActivityStatus if status.is_open)
_OPEN_REFERRAL = frozenset({"requested", "received", "accepted", "in-progress", "on-hold"})


class MoveOn:
    """Further efforts end when the last of them does; whoever wrote it (page, receiver, plain PUT), in that unit.

    Only what went well moves a course by itself. Where the latest referral of a kind was refused or stopped, somebody
    must decide what now (a flag asks), so the clinic moves the course with ``actions.continue_episode``. A package whose
    plans come from the clinic's own system is left alone: there the phase is that system's to tell.
    """

    def changed(self, uow: UnitOfWork, patients: frozenset[str], tables: frozenset[str]) -> None:
        """Move the courses of the patients whose activities or referrals changed."""
        if not tables & _WATCHED:
            return
        rows = uow.fact_rows("episode", patients, ("patient_id", "episode_id", "package", "phase"))
        waiting = [row for row in rows if row["phase"] == Phase.FURTHER and _ours(row["package"])]
        if not waiting:
            return
        people = {row["patient_id"] for row in waiting}
        activities = by_patient(uow.fact_rows("activity", people, _ACTIVITY))
        referrals = by_patient(uow.fact_rows("referral", people, _REFERRAL))
        for row in waiting:
            steps = _of(row, activities.get(row["patient_id"], ()))
            rounds = _of(row, referrals.get(row["patient_id"], ()))
            if not done_outside(steps, rounds):
                continue
            stored = uow.read("EpisodeOfCare", row["episode_id"])
            value = resources.read_episode(stored)
            moved = replace(value, phase=move(value.phase, Phase.CONTINUING))
            uow.update(resources.episode_resource(moved, stored))


def _ours(package_id: str) -> bool:
    held = packages.builtin().get(package_id)
    return held is not None and held.makes_plans


def _of(episode: Row, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["episode_id"] == episode["episode_id"]]


def done_outside(activities: Iterable[Row], referrals: Iterable[Row]) -> bool:
    """Whether efforts outside the clinic took place, are all over, and ended as they should."""
    outside = [row for row in activities if row["performer_kind"] and row["performer_kind"] not in INSIDE]
    latest: dict[str, Row] = {}
    for row in sorted(referrals, key=lambda row: (row["sent_day"] or 0, row["referral_id"])):
        if row["status"] in _OPEN_REFERRAL:
            return False
        if row["status"] != "entered-in-error":
            latest[row["kind"] or ""] = row
    if any(row["status"] in _OPEN_ACTIVITY for row in outside):
        return False
    if any(row["status"] != "completed" for row in latest.values()):
        return False
    return bool(latest) or any(row["status"] == ActivityStatus.COMPLETED for row in outside)


move_on = MoveOn()
