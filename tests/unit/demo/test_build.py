"""The demo builds into a real database through the real actions, on any day, and its personas meet what they should."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection

from tovholder import store
from tovholder.access import Role, system_context
from tovholder.access.people import context_named, personas
from tovholder.access.smart import clients
from tovholder.base import days
from tovholder.base.errors import Problem
from tovholder.cockpit import exclusions, flags, handling, handover, visits
from tovholder.demo.around import APPS
from tovholder.demo.build import build
from tovholder.demo.personas import PATIENTS, STAFF, Story, all_personas, patient_ids
from tovholder.demo.scene import Scene
from tovholder.demo.stories import TELL
from tovholder.demo.synth import SynthConfig
from tovholder.demo.synth.organisations import directory
from tovholder.plan.actions.revisions import standing_draft
from tovholder.plan.merge.domain import State
from tovholder.plan.merge.query import merged
from tovholder.plan.resources import read_plan
from tovholder.recall import history
from tovholder.recall.domain import Standing
from tovholder.referral import queries as referrals

pytestmark = pytest.mark.django_db

# A Monday before the law, a Sunday on leap day's heels, a day after summer time began, New Year's Day after the merger.
MOMENTS = [
    datetime(2026, 11, 23, 9, tzinfo=UTC),
    datetime(2028, 3, 5, 22, 30, tzinfo=UTC),
    datetime(2027, 3, 29, 4, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 5, tzinfo=UTC),
]


def small(now: datetime) -> SynthConfig:
    return SynthConfig(
        seed=2027,
        anchor=days.date_of(days.day_of(now)),
        list_size=100,
        package_clinics=2,
        package_patients_per_clinic=4,
    )


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


@pytest.fixture
def told() -> list[tuple[str, int, int | None]]:
    return []


@pytest.mark.parametrize(
    "now",
    [MOMENTS[0], *(pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS[1:])],
    ids=lambda moment: moment.date().isoformat(),
)
def test_the_demo_builds_on_any_day_and_every_story_stands_where_it_should(
    now: datetime, told: list[tuple[str, int, int | None]]
) -> None:
    made = build(now, lambda *step: told.append(step), config=small(now))
    assert made["personas"] == len(STAFF) + sum(one.can_log_in for one in PATIENTS) + 1
    assert [stage for stage, *_ in told][-1] == "The clinic's own work"
    known = {story.story: patient_ids(2027)[story.name] for story in PATIENTS}
    today = days.day_of(now)
    phases = {
        story: rows("SELECT phase, deadline_day FROM fact_episode WHERE patient_id = %s", known[story])
        for story in Story
    }
    assert {story: sorted(phase for phase, _ in found) for story, found in phases.items()} == {
        Story.NEW: ["eligible"],
        Story.UNDECIDED: ["startup"],
        Story.MISSED: ["continuing"],  # her smoking course is done: nothing outside the clinic is left
        Story.TOGETHER: ["further"],
        Story.STEADY: ["continuing"],
        Story.DECLINED: ["declined"],
        Story.BACK_FOUND: ["eligible"],
        Story.BACK_FLAG: ["startup"],
        Story.BACK_AWAY: ["further"],  # he left physiotherapy: somebody must decide what now
        Story.BACK_WELL: ["continuing"],
        Story.BACK_AGAIN: ["ended", "further"],
        Story.DIABETES: ["further"],  # nobody has examined her eyes
        Story.HEART: ["further"],
        Story.SEVERAL: ["continuing", "continuing", "continuing"],
        Story.ONE_MORE: ["continuing", "eligible"],
        Story.LATE: ["startup"],
        Story.WAITING: ["eligible"],
        Story.UNKNOWN: ["startup"],
        Story.DIFFERENT: ["continuing"],
        Story.SUSPECTED: [],
        Story.REFUSED: ["further"],
        Story.ONWARD: ["further"],
    }
    assert 3 <= phases[Story.NEW][0][1] - today <= 7
    assert 6 <= phases[Story.BACK_FOUND][0][1] - today <= 8
    levels = {story: rows("SELECT level FROM fact_level WHERE patient_id = %s", known[story]) for story in Story}
    assert (levels[Story.MISSED], levels[Story.TOGETHER], levels[Story.STEADY]) == ([(2,)], [(3,)], [(1,)])
    assert (levels[Story.BACK_AWAY], levels[Story.BACK_WELL]) == ([(3,)], [(2,)])
    assert not levels[Story.UNDECIDED] + levels[Story.BACK_FLAG]
    late = rows(
        "SELECT COUNT(*) FROM fact_plan p JOIN fact_episode e ON e.episode_id = p.episode_id"
        " WHERE p.patient_id IN (%s, %s, %s) AND p.confirmed_day > e.deadline_day",
        known[Story.MISSED],
        known[Story.TOGETHER],
        known[Story.STEADY],
    )
    assert late == [(0,)]


@pytest.fixture
def stories() -> tuple[dict[Story, str], datetime]:
    now = MOMENTS[0]
    build(now, config=small(now))
    return {story.story: patient_ids(2027)[story.name] for story in PATIENTS}, now


def test_the_daily_run_raises_the_flags_the_stories_are_about(stories: tuple[dict[Story, str], datetime]) -> None:
    known, now = stories
    flags.run_all(now)
    raised = {
        story: {
            rule
            for (rule,) in rows(
                "SELECT rule_id FROM cockpit_flag WHERE patient_id = %s AND cleared_ms IS NULL", known[story]
            )
        }
        for story in Story
    }
    assert raised[Story.NEW] == {"kol-not-started", "kol-plan-deadline-near"}
    assert raised[Story.UNDECIDED] == {"kol-level-undecided", "kol-plan-deadline-near"}
    assert raised[Story.MISSED] == {"kol-noshow-unbooked", "kol-rehab-not-offered"}
    assert raised[Story.STEADY] == raised[Story.DECLINED] == raised[Story.BACK_WELL] == set()
    assert raised[Story.BACK_FOUND] - {"lrs-plan-deadline-near"} == {"lrs-not-started"}
    assert raised[Story.BACK_FLAG] == {"lrs-red-flag-open"}
    assert raised[Story.DIABETES] == {"t2d-control-overdue", "t2d-eye-overdue", "t2d-hba1c-high"}
    assert raised[Story.LATE] == {"t2d-level-undecided", "t2d-plan-deadline-over"}
    assert raised[Story.WAITING] == {"kol-not-started", "kol-plan-deadline-over"}
    assert raised[Story.ONE_MORE] >= {"t2d-not-started", "t2d-plan-deadline-near"}
    assert raised[Story.SEVERAL] == raised[Story.UNKNOWN] == raised[Story.SUSPECTED] == set()
    assert raised[Story.BACK_AWAY] == {"lrs-course-stopped", "lrs-sick-leave-no-plan"}


def told_in(known: dict[Story, str], now: datetime, story: Story) -> Scene:
    patient = next(one for one in PATIENTS if one.story is story)
    return Scene(directory(small(now)).clinics[0], patient, known[story], now)


def test_three_plans_are_fewer_visits_than_one_by_one(stories: tuple[dict[Story, str], datetime]) -> None:
    scene = told_in(*stories, Story.SEVERAL)
    found = merged(scene.nurse(0), scene.patient_id)
    assert found.after.visits < found.before.visits
    assert found.after.examinations < found.before.examinations
    assert found.contradictions
    assert any(len(step.origins) > 1 and step.state is State.BOOKED for step in found.steps)
    draft = scene.in_package("kol")
    plans = [
        read_plan(entry.resource)
        for entry in store.search_all(scene.nurse(0), "CarePlan", [("patient", f"Patient/{scene.patient_id}")])
    ]
    mine = next(plan for plan in plans if plan.episode_id == draft.episode_id)
    left = standing_draft(scene.doctor(0), patient_id=scene.patient_id, plan_id=str(mine.id))
    assert left is not None
    assert left.author == scene.nurse(0).actor


def test_referrals_stand_in_every_state(stories: tuple[dict[Story, str], datetime]) -> None:
    known, now = stories
    alice = told_in(known, now, Story.REFUSED)
    held = {one.status: one for one in referrals.rounds(alice.doctor(0), alice.patient_id)}
    assert set(held) == {"rejected", "accepted", "in-progress", "completed", "cancelled", "requested"}
    assert held["in-progress"].follows == held["rejected"].id
    assert held["completed"].answer
    niels = told_in(known, now, Story.ONWARD)
    first, next_one = sorted(referrals.rounds(niels.doctor(0), niels.patient_id), key=lambda one: one.sent_day)
    assert (first.status, next_one.status, next_one.follows) == ("completed", "accepted", first.id)


def test_the_clinic_has_worked_on_its_list(stories: tuple[dict[Story, str], datetime]) -> None:
    known, now = stories
    nurse = told_in(known, now, Story.SEVERAL).nurse(0)
    standing = handling.standing(nurse).values()
    assert any(one.attempts for one in standing)
    assert any(one.snoozes for one in standing)
    assert any(one.assigned_to for one in standing)
    booked = visits.today(nurse)
    assert any(visit.patient_id == known[Story.ONE_MORE] for visit in booked)
    assert any(not visit.courses for visit in booked)
    left_out = {one.patient_id: one.kind for one in exclusions.excluded(nurse)}
    assert left_out[known[Story.SUSPECTED]] == "not_confirmed"


def test_it_reaches_beyond_the_stories(stories: tuple[dict[Story, str], datetime]) -> None:
    known, now = stories
    ctx = told_in(known, now, Story.SEVERAL).nurse(0)
    (sent,) = history.rounds(ctx)
    assert {Standing.SENT, Standing.BOOKED, Standing.REACHED, Standing.NO_ANSWER} <= set(sent.counts)
    assert known[Story.HEART] in {one.invitation.patient_id for one in history.people(ctx, sent.id)}
    assert len(handover.waiting(ctx)) == 1
    assert {client.name for client in clients.everyone()} == {app.name for app in APPS}
    lone = context_named("lone", now)
    assert (lone.role, lone.patient) == (Role.REPRESENTATIVE, known[Story.TOGETHER])
    assert store.read(lone, "Patient", known[Story.TOGETHER]).id == known[Story.TOGETHER]
    with pytest.raises(Problem):
        store.read(lone, "Patient", known[Story.SEVERAL])


def test_everybody_sees_what_is_theirs(stories: tuple[dict[Story, str], datetime]) -> None:
    known, now = stories
    clinic = directory(small(now)).clinics[0]
    for story in PATIENTS:
        scene = Scene(clinic, story, known[story.story], now)
        for who in (scene.doctor(0), scene.nurse(0), scene.citizen(0)):
            assert store.read(who, "Patient", scene.patient_id).id == scene.patient_id
    svend = Scene(clinic, next(one for one in PATIENTS if one.story is Story.TOGETHER), known[Story.TOGETHER], now)
    for outside in (svend.hospital(0), svend.prevention(0), svend.physio(0)):
        assert store.read(outside, "Patient", svend.patient_id).id == svend.patient_id
    villy = Scene(clinic, next(one for one in PATIENTS if one.story is Story.DECLINED), known[Story.DECLINED], now)
    with pytest.raises(Problem):
        store.read(villy.physio(0), "Patient", villy.patient_id)
    with pytest.raises(Problem):
        store.read(villy.citizen(0), "Patient", svend.patient_id)


def test_personas_are_saved_once_and_point_at_people_who_exist(stories: tuple[dict[Story, str], datetime]) -> None:
    _, now = stories
    saved = personas()
    assert Counter(one.role for one in saved)[Role.CITIZEN] == sum(one.can_log_in for one in PATIENTS)
    assert [one.name for one in saved] == [*(one.name for one in all_personas(directory(small(now)), 2027)), "lone"]
    anna = next(one for one in saved if one.name == "anna")
    assert (anna.display_name, anna.role) == ("Anna Holm", Role.GP)
    ctx = system_context(now, "test")
    for one in saved:
        for kind, identity in (
            ("Organization", one.organization_id),
            ("Practitioner", one.practitioner_id),
            ("Patient", one.patient_id),
        ):
            assert not identity or store.read(ctx, kind, identity).id == identity


def test_each_story_has_a_teller_and_each_patient_a_story_of_their_own() -> None:
    assert set(TELL) == set(Story)
    assert Counter(one.story for one in PATIENTS) == Counter(Story)
    assert len({one.number for one in PATIENTS}) == len(PATIENTS)
    assert date(2026, 11, 23).year - max(one.age for one in PATIENTS) > 1937
