"""Plans of an earlier version: what the new one would change, approved by the clinic, kept, or told it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib import versions
from lib.versions import NEW, OLD
from lib.world import World
from tovholder import packages, store
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, queries, resources, upgrade
from tovholder.plan.rebase import What, Why
from tovholder.plan.values import Activity, Plan

NEEDS = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """The old version in force; ``later(own)`` brings the new one."""
    with versions.old_in_force(tmp_path) as folder:
        yield folder


def later(own: Path) -> None:
    versions.in_force(own, later=True)


def planned(w: World, *, leave_out: tuple[str, ...] = ()) -> tuple[str, str]:
    """A patient with a plan of the version in force; the plan's id."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    who = {"patient_id": patient_id, "episode_id": str(w.rows("episode", patient_id)[0]["episode_id"])}
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    actions.decide_level(w.gp, **who, level=int(actions.propose_level(w.gp, **who).level or 1))
    actions.make_plan(w.gp, **who)
    plan = actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå til bageren")], leave_out=leave_out)
    return patient_id, str(plan.id)


def looked(w: World) -> upgrade.Upgrade:
    (found,) = upgrade.look(w.gp, upgrade.waiting(w.gp))
    return found


def approve(w: World, found: upgrade.Upgrade) -> Plan:
    return upgrade.approve(w.gp, patient_id=found.plan.patient_id, plan_id=str(found.plan.id), token=found.token)


def open_steps(w: World, patient_id: str) -> dict[str, Activity]:
    entries = store.search_all(w.system, "ServiceRequest", [("patient", f"Patient/{patient_id}")])
    found = [resources.read_activity(item.resource) for item in entries]
    return {item.step or item.title: item for item in found if item.status.is_open}


def plan_of(w: World, plan_id: str) -> Plan:
    return resources.read_plan(store.read(w.system, "CarePlan", plan_id).resource)


def versions_of(w: World, plan_id: str) -> int:
    return store.read(w.system, "CarePlan", plan_id).version


def test_a_plan_follows_the_version_it_was_made_with_until_the_clinic_approves(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    assert upgrade.waiting(w.gp) == ()
    later(own)
    (waits,) = upgrade.waiting(w.gp)
    assert (waits.plan_id, waits.version, waits.kept) == (plan_id, OLD, False)
    assert packages.get("kol").version == NEW

    before = open_steps(w, patient_id)
    assert set(before) == {"aarsstatus", "spirometri"}
    found = looked(w)
    assert {item.what: item.step.id if item.step else None for item in found.steps.changes} == {
        What.ADDED: "selvbehandling",
        What.MOVED: "aarsstatus",
        What.REMOVED: None,
    }
    shown = queries.minplan_view(w.citizen(patient_id), patient_id).courses[0]
    assert {item.step for item in shown.activities} == {"aarsstatus", "spirometri"}

    after = approve(w, found)
    assert after.package_version == NEW
    assert after.confirmed_day == plan_of(w, plan_id).confirmed_day == w.today
    now = open_steps(w, patient_id)
    assert set(now) == {"aarsstatus", "selvbehandling"}
    assert now["aarsstatus"].id == before["aarsstatus"].id  # the same step, moved
    assert now["aarsstatus"].due_day == days.add_months(w.today, 10)
    assert (now["selvbehandling"].step_version, now["aarsstatus"].step_version) == (NEW, NEW)
    assert upgrade.waiting(w.gp) == ()
    old = store.history(w.system, "CarePlan", plan_id).versions
    assert any(
        resources.read_plan(item.stored.resource).package_version == OLD for item in old
    )  # what was shown before stays


def test_it_becomes_what_the_new_version_would_have_made_at_once(w: World, own: Path) -> None:
    patient_id, _ = planned(w)
    later(own)
    approve(w, looked(w))
    fresh, _ = planned(w)

    def told(person: str) -> list[tuple[object, ...]]:
        return sorted(
            (item.step, item.kind, item.title, item.due_day, item.window_start_day, item.window_end_day)
            for item in open_steps(w, person).values()
        )

    assert told(patient_id) == told(fresh)


def test_personal_choices_survive(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w, leave_out=("spirometri",))
    episode_id = plan_of(w, plan_id).episode_id
    actions.add_activity(
        w.gp, patient_id=patient_id, episode_id=episode_id, kind="kol-kontrol", due_day=w.today + 60, title="Med tolk"
    )
    actions.add_goal(w.gp, patient_id=patient_id, episode_id=episode_id, text="Synge i kor")
    goals = plan_of(w, plan_id).goal_ids
    status = open_steps(w, patient_id)["aarsstatus"]
    start = datetime.combine(days.date_of(status.due_day or 0), time(9), tzinfo=UTC)
    appointments.book(
        w.gp,
        patient_id=patient_id,
        episode_id=episode_id,
        kind="kol-aarsstatus",
        start=start,
        activity_id=status.id,
    )
    later(own)
    found = looked(w)
    assert {item.why for item in found.steps.kept} == {Why.LEFT_OUT, Why.BOOKED}
    after = approve(w, found)
    now = open_steps(w, patient_id)
    assert set(now) == {"aarsstatus", "Med tolk", "selvbehandling"}
    assert now["aarsstatus"].due_day == status.due_day  # booked
    assert after.goal_ids == goals


def test_a_step_is_booked_also_when_the_appointment_names_the_kind_alone(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    step = open_steps(w, patient_id)["spirometri"]
    start = datetime.combine(days.date_of((step.due_day or 0) - 5), time(9), tzinfo=UTC)
    appointments.book(
        w.gp, patient_id=patient_id, episode_id=plan_of(w, plan_id).episode_id, kind="spirometri", start=start
    )
    later(own)
    found = looked(w)
    assert [(item.why, item.activity.step) for item in found.steps.kept if item.activity] == [
        (Why.BOOKED, "spirometri")
    ]
    approve(w, found)
    assert "spirometri" in open_steps(w, patient_id)


def test_approving_twice_does_it_once(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    later(own)
    found = looked(w)
    approve(w, found)
    before = versions_of(w, plan_id), set(open_steps(w, patient_id))
    approve(w, found)
    assert (versions_of(w, plan_id), set(open_steps(w, patient_id))) == before


def test_a_plan_changed_since_it_was_looked_at_is_told_and_not_overwritten(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    later(own)
    found = looked(w)
    step = open_steps(w, patient_id)["spirometri"]
    actions.cancel_activity(w.gp, patient_id=patient_id, activity_id=str(step.id), reason="Målt på hospitalet")
    with pytest.raises(Problem) as told:
        approve(w, found)
    assert told.value.category is Category.CONFLICT
    assert plan_of(w, plan_id).package_version == OLD
    assert set(open_steps(w, patient_id)) == {"aarsstatus"}
    assert approve(w, looked(w)).package_version == NEW


def test_keeping_a_plan_needs_a_reason_and_a_day_and_comes_back_then(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    later(own)
    found = looked(w)
    about = {"patient_id": patient_id, "plan_id": plan_id, "token": found.token}
    for reason, day in (("  ", w.today + 30), ("Venter på svar", w.today), ("Venter på svar", w.today + 731)):
        with pytest.raises(Problem) as told:
            upgrade.keep(w.gp, **about, reason=reason, look_again_day=day)
        assert told.value.category is Category.RULE
    upgrade.keep(w.gp, **about, reason="Venter på svar", look_again_day=w.today + 30)
    assert upgrade.waiting(w.gp)[0].kept
    assert not upgrade.waiting(w.later(30).gp)[0].kept
    shown = plan_of(w, plan_id)
    assert (shown.package_version, shown.kept_version, shown.kept_reason) == (OLD, NEW, "Venter på svar")
    number = versions_of(w, plan_id)
    upgrade.keep(w.gp, **about, reason="Venter på svar", look_again_day=w.today + 30)
    assert versions_of(w, plan_id) == number  # said twice, written once
    after = approve(w, looked(w))
    assert (after.kept_version, after.kept_reason, after.look_again_day) == (None, None, None)


def test_only_the_patients_clinic_sees_and_approves(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    later(own)
    found = looked(w)
    other = w.receiver
    with pytest.raises(Problem) as told:
        upgrade.approve(other, patient_id=patient_id, plan_id=plan_id, token=found.token)
    assert told.value.category in (Category.FORBIDDEN, Category.NOT_FOUND)
    with pytest.raises(Problem):
        upgrade.approve(w.citizen(patient_id), patient_id=patient_id, plan_id=plan_id, token=found.token)
    assert plan_of(w, plan_id).package_version == OLD
    someone, _ = planned(w)
    with pytest.raises(Problem) as told:
        upgrade.approve(w.gp, patient_id=someone, plan_id=plan_id, token=found.token)
    assert told.value.category in (Category.RULE, Category.NOT_FOUND)


def test_a_plan_whose_version_is_not_kept_here_is_told_so(w: World, own: Path) -> None:
    _, plan_id = planned(w)
    stored = store.read(w.system, "CarePlan", plan_id).resource
    plan = resources.read_plan(stored)
    with store.unit_of_work(w.system) as uow:
        uow.update(resources.plan_resource(replace(plan, package_version="0.0.1"), stored))
    later(own)
    found = looked(w)
    assert (found.hindrance, found.steps.changes) == ("version-unknown", ())
    with pytest.raises(Problem) as told:
        approve(w, found)
    assert told.value.category is Category.RULE


def test_planning_anew_stays_with_the_plans_own_version(w: World, own: Path) -> None:
    patient_id, plan_id = planned(w)
    later(own)
    episode_id = plan_of(w, plan_id).episode_id
    revised = actions.revise_plan(w.later(5).gp, patient_id=patient_id, episode_id=episode_id)
    assert revised.package_version == OLD
    assert set(open_steps(w, patient_id)) == {"aarsstatus", "spirometri"}


def test_looking_asks_as_often_for_many_plans_as_for_one(w: World, own: Path) -> None:
    planned(w)
    later(own)
    with CaptureQueriesContext(connection) as one:
        upgrade.look(w.gp, upgrade.waiting(w.gp))
    versions.in_force(own, later=False)
    (own / f"kol-{NEW}").rename(own.parent / "aside")
    versions.in_force(own, later=False)
    planned(w)
    planned(w)
    (own.parent / "aside").rename(own / f"kol-{NEW}")
    later(own)
    with CaptureQueriesContext(connection) as three:
        assert len(upgrade.look(w.gp, upgrade.waiting(w.gp))) == 3
    assert len(three) <= len(one) + 2
