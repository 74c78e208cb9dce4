"""What the pages are given: one course whole for the clinic, one plan over all actors for the patient."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lib.world import World
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions
from tovholder.plan.clock import ClockState
from tovholder.plan.domain import Level, Phase
from tovholder.plan.nextstep import Ask
from tovholder.plan.queries import episode_view, minplan_view
from tovholder.plan.stages import Stage, StepName
from tovholder.plan.views import MinPlanCourse
from tovholder.referral import actions as referrals

NEEDS = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


@pytest.fixture
def who(w: World) -> dict[str, str]:
    """An eligible patient with a measurement."""
    patient_id = w.patient()
    w.diagnose(patient_id, recorded="2027-02-20")
    w.measure(patient_id, "MCS88021", 4)
    return {"patient_id": patient_id, "episode_id": str(w.rows("episode", patient_id)[0]["episode_id"])}


def confirm(w: World, who: dict[str, str]) -> None:
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå en tur")])


def test_an_eligible_course_shows_clock_dates_and_the_one_thing_to_do(w: World, who: dict[str, str]) -> None:
    view = episode_view(w.gp, who["patient_id"], "kol")
    assert (view.patient.name, view.patient.age, view.patient.clinic_name) == (
        "Prøve Jensen",
        66,
        "Lægerne Prøvestræde",
    )
    assert view.episode.phase is Phase.ELIGIBLE
    assert view.clock is not None
    assert (view.clock.state, view.clock.days_left) == (ClockState.RUNNING, 21)
    assert [item.ask for item in view.waiting] == [Ask.START]
    dates = {item.name: item.day for item in view.dates}
    assert dates["diagnosed"] is not None
    assert dates["confirmed"] is None  # missing, and told so
    assert [item.value for item in view.needs] == [None] * 4
    assert view.proposal.level is Level.TWO  # MRC 4 raises, whatever else is unknown
    assert any("forværringer" in text.da.lower() for text in view.unknown)
    assert view.measurements[0].latest.milli == 4000
    assert view.plan is None
    assert view.preview


def test_a_confirmed_plan_shows_what_was_decided_done_and_comes_next(w: World, who: dict[str, str]) -> None:
    confirm(w, who)
    start = datetime.combine(days.date_of(w.today + 10), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=9)
    booked = appointments.book(w.gp, patient_id=who["patient_id"], kind="afklarende-samtale", start=start)
    referrals.send(w.gp, **who, kind="rehabilitering", receiver_id=w.prevention, receiver_kind="prevention")
    view = episode_view(w.later(2).gp, who["patient_id"], "kol")
    assert view.clock is not None
    assert (view.clock.state, view.clock.stopped_day, view.clock.days_left) == (ClockState.MET, w.today, None)
    assert view.decision is not None
    assert (view.decision.level, view.decision.proposed_level) == (Level.TWO, Level.TWO)
    assert view.saved_proposal is not None
    assert view.patient.level is not None
    assert (view.patient.level.level, view.patient.level.package) == (Level.TWO, "kol")
    assert [goal.text for goal in view.goals] == ["Gå en tur"]
    assert {item.value for item in view.needs} == {1, 2}
    assert [item.id for item in view.appointments] == [booked.id]
    assert len(view.referrals) == 1
    assert view.next is not None
    assert (view.next.source, view.next.id) == ("appointment", booked.id)
    assert {item.name for item in view.dates} >= {"referred", "offer-started", "deadline"}
    assert len({activity.due_day for activity in view.activities}) > 1
    assert view.warnings == ()


def test_the_patient_sees_who_holds_the_rope_the_level_in_words_and_what_is_next(w: World, who: dict[str, str]) -> None:
    confirm(w, who)
    own = actions.add_goal(
        w.citizen(who["patient_id"]), patient_id=who["patient_id"], episode_id=None, text="Sove bedre"
    )
    view = minplan_view(w.citizen(who["patient_id"]), who["patient_id"])
    assert view.patient.clinic_name == "Lægerne Prøvestræde"
    (course,) = view.courses
    assert course.level is Level.TWO
    assert course.level_meaning is not None
    assert "følger aktivt op" in course.level_meaning.da
    assert course.plan is not None
    assert view.next is not None
    assert view.next == course.next
    assert [goal.id for goal in view.goals] == [own.id]
    assert [series.code for series in view.measurements] == ["MCS88021"]
    assert all("patient" in item.audience and item.shown(w.today) for item in course.content)


def test_a_draft_is_not_shown_to_the_patient(w: World, who: dict[str, str]) -> None:
    actions.start_episode(w.gp, **who)
    actions.make_plan(w.gp, **who)
    (course,) = minplan_view(w.citizen(who["patient_id"]), who["patient_id"]).courses
    assert course.plan is None
    assert course.activities == ()


def test_the_patient_sees_where_the_course_stands_from_the_day_it_is_found(w: World, who: dict[str, str]) -> None:
    citizen = w.citizen(who["patient_id"])

    def now() -> MinPlanCourse:
        (course,) = minplan_view(citizen, who["patient_id"]).courses
        return course

    found = now()
    assert (found.stage, found.plan, found.next, found.level) == (Stage.FOUND, None, None, None)
    assert [step.done for step in found.path] == [False] * 4
    assert found.clock is not None
    assert (found.clock.state, found.clock.days_left) == (ClockState.RUNNING, 21)
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    begun = now()
    assert begun.stage is Stage.BEGUN
    assert [(step.name, step.day) for step in begun.path if step.done] == [
        (StepName.START, w.today),
        (StepName.NEEDS, w.today),
    ]
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå en tur")])
    planned = now()
    assert (planned.stage, all(step.done for step in planned.path)) == (Stage.PLANNED, True)
    actions.end_episode(w.later(40).gp, **who, reason="moved-practice")
    ended = now()
    assert (ended.stage, ended.plan, ended.activities) == (Stage.ENDED, None, ())
    assert ended.clock is not None
    assert ended.clock.state is ClockState.MET  # a plan that is closed was still made in time


def test_a_no_is_told_as_of_its_day_and_an_open_course_hides_an_older_one(w: World, who: dict[str, str]) -> None:
    actions.decline_episode(w.later(3).gp, **who, reason="ikke nu")
    citizen = w.later(90).citizen(who["patient_id"])
    (declined,) = minplan_view(citizen, who["patient_id"]).courses
    assert declined.stage is Stage.DECLINED
    assert declined.clock is not None
    assert declined.clock.state is ClockState.RUNNING  # the deadline had not passed when the patient said no
    actions.start_episode(w.later(90).gp, **who)
    actions.end_episode(w.later(91).gp, **who, reason="moved-practice")
    actions.include_by_hand(w.later(92).gp, patient_id=who["patient_id"], package="kol")
    (course,) = minplan_view(citizen, who["patient_id"]).courses
    assert course.stage is Stage.BEGUN


def test_not_yours_is_not_there(w: World, who: dict[str, str]) -> None:
    stranger = w.gp.__class__("Practitioner/x", w.gp.role, w.other_clinic, w.now)
    other = w.citizen(w.patient())
    for ctx in (stranger, other):
        with pytest.raises(Problem) as told:
            minplan_view(ctx, who["patient_id"])
        assert told.value.category is Category.NOT_FOUND
    with pytest.raises(Problem) as told:
        episode_view(w.gp, w.patient(), "kol")
    assert told.value.category is Category.NOT_FOUND


def test_warnings_name_what_the_clinic_must_know(w: World) -> None:
    undated = w.patient()
    w.diagnose(undated, recorded=None)
    assert episode_view(w.gp, undated, "kol").warnings == ("no-diagnosis-date",)
    old = w.patient()
    w.diagnose(old, recorded="2015-01-01")
    assert episode_view(w.gp, old, "kol").warnings == ("legacy",)


def test_the_highest_level_over_open_courses_counts_and_a_pause_is_shown(w: World, who: dict[str, str]) -> None:
    confirm(w, who)
    actions.pause_clock(w.gp, **who, reason="rejse")
    view = episode_view(w.later(4).gp, who["patient_id"], "kol")
    assert view.clock is not None
    assert (view.clock.paused_days, view.clock.paused_since) == (4, w.today)
    assert view.waiting[0].ask is Ask.RESUME
    actions.end_episode(w.later(5).gp, **who, reason="moved-practice")
    ended = episode_view(w.later(5).gp, who["patient_id"], "kol")
    assert ended.patient.level is None
    assert ended.waiting == ()
