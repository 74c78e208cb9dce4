"""The clinic's acts against the real store: start, level, plan, goals, pauses, endings; who may and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lib.world import World, day
from tovholder import store
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, resources
from tovholder.plan.domain import ActivityStatus, Level, Phase, PlanStatus
from tovholder.plan.values import Episode

NEEDS = {"biologisk": "1", "psykisk": "1", "social": "2", "sundhedskompetence": "1"}


def eligible(w: World) -> tuple[str, str]:
    """A patient with a new diagnosis, and the eligible course it gave."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    return patient_id, str(w.rows("episode", patient_id)[0]["episode_id"])


def started(w: World, needs: dict[str, str] | None = None) -> tuple[str, str]:
    patient_id, episode_id = eligible(w)
    actions.start_episode(w.gp, patient_id=patient_id, episode_id=episode_id)
    actions.record_needs_assessment(w.gp, patient_id=patient_id, episode_id=episode_id, answers=needs or NEEDS)
    return patient_id, episode_id


def planned(w: World, needs: dict[str, str] | None = None) -> tuple[str, str]:
    patient_id, episode_id = started(w, needs)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    proposal = actions.propose_level(w.gp, **who)
    actions.decide_level(w.gp, **who, level=int(proposal.level or 1))
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå til bageren uden pause")])
    return patient_id, episode_id


def refused(category: Category, path: str, call: Any, *args: Any, **given: Any) -> Problem:
    with pytest.raises(Problem) as told:
        call(*args, **given)
    problem = told.value
    assert problem.category is category
    assert problem.issues[0].path == path, problem.issues
    assert problem.issues[0].expected
    assert problem.kept
    return problem


def episode_of(w: World, episode_id: str) -> Episode:
    return resources.read_episode(store.read(w.system, "EpisodeOfCare", episode_id).resource)


# -- starting ---------------------------------------------------------------------------------------------------------


def test_starting_keeps_the_clock_and_tells_when_and_by_whom(w: World) -> None:
    patient_id, episode_id = eligible(w)
    later = w.later(3)
    found = actions.start_episode(
        later.gp, patient_id=patient_id, episode_id=episode_id, offered_day=w.today + 1, started_day=w.today + 2
    )
    assert (found.offered_day, found.started_day) == (w.today + 1, w.today + 2)
    assert found.decided_by == f"Practitioner/{w.doctor}"
    assert found.clock is not None
    assert found.clock.start_day == w.today
    row = w.rows("episode", patient_id)[0]
    assert (row["phase"], row["status"], row["deadline_day"]) == ("startup", "active", w.today + 30)


def test_a_start_in_the_future_before_the_offer_or_twice_is_refused(w: World) -> None:
    patient_id, episode_id = eligible(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    path = "EpisodeOfCare.extension('started')"
    refused(Category.RULE, path, actions.start_episode, w.gp, **who, started_day=w.today + 1)
    offered = "EpisodeOfCare.extension('offered')"
    refused(
        Category.RULE, offered, actions.start_episode, w.gp, **who, started_day=w.today - 2, offered_day=w.today - 1
    )
    actions.start_episode(w.gp, **who)
    refused(Category.CONFLICT, "EpisodeOfCare", actions.start_episode, w.gp, **who)


def test_only_the_clinic_starts_and_somebody_elses_patient_is_not_there(w: World) -> None:
    patient_id, episode_id = eligible(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    refused(Category.FORBIDDEN, "EpisodeOfCare", actions.start_episode, w.citizen(patient_id), **who)
    other_id, _ = eligible(w)
    with pytest.raises(Problem) as told:
        actions.start_episode(w.gp, patient_id=other_id, episode_id=episode_id)
    assert told.value.category is Category.NOT_FOUND


def test_by_hand_an_eligible_course_is_started_and_a_second_inclusion_is_a_conflict(w: World) -> None:
    patient_id, episode_id = eligible(w)
    found = actions.include_by_hand(w.gp, patient_id=patient_id, package="kol")
    assert (found.id, found.phase) == (episode_id, Phase.STARTUP)
    problem = refused(
        Category.CONFLICT, "EpisodeOfCare", actions.include_by_hand, w.gp, patient_id=patient_id, package="kol"
    )
    assert problem.kept == "the course as it was"
    assert len(w.rows("episode", patient_id)) == 1


def test_by_hand_without_a_confirmed_diagnosis_is_refused_with_every_reason(w: World) -> None:
    patient_id = w.patient(born="2015-01-01")
    w.diagnose(patient_id, verification="provisional")
    problem = refused(
        Category.RULE, "EpisodeOfCare.diagnosis", actions.include_by_hand, w.gp, patient_id=patient_id, package="kol"
    )
    assert len(problem.issues) == 2  # not confirmed, and a child
    assert w.rows("episode", patient_id) == []
    refused(Category.INVALID, "package", actions.include_by_hand, w.gp, patient_id=patient_id, package="xyz")


def test_by_hand_after_an_ended_course_makes_a_new_one_with_its_clock(w: World) -> None:
    patient_id, episode_id = eligible(w)
    actions.end_episode(w.gp, patient_id=patient_id, episode_id=episode_id, reason="moved-practice")
    back = w.later(100)
    found = actions.include_by_hand(back.gp, patient_id=patient_id, package="kol")
    assert found.id != episode_id
    assert found.phase is Phase.STARTUP
    assert found.clock is not None
    assert found.clock.deadline_day == w.today + 30  # the diagnosis is as old as it is
    assert [row["phase"] for row in w.rows("episode", patient_id)].count("ended") == 1


def test_a_refusal_is_kept_and_may_be_taken_back(w: World) -> None:
    patient_id, episode_id = eligible(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    path = "EpisodeOfCare.extension('decline-reason')"
    refused(Category.RULE, path, actions.decline_episode, w.gp, **who, reason=" ")
    found = actions.decline_episode(w.gp, **who, reason="Har det fint", declined_day=w.today)
    assert (found.phase, found.declined_day, found.decline_reason) == (Phase.DECLINED, w.today, "Har det fint")
    assert w.rows("episode", patient_id)[0]["status"] == "cancelled"
    again = actions.include_by_hand(w.later(20).gp, patient_id=patient_id, package="kol")
    assert (again.id, again.phase) == (episode_id, Phase.STARTUP)
    assert again.clock == found.clock


def test_refusing_a_started_course_ends_it_with_that_reason(w: World) -> None:
    patient_id, episode_id = planned(w)
    found = actions.decline_episode(w.gp, patient_id=patient_id, episode_id=episode_id, reason="Vil ikke mere")
    assert (found.phase, found.end_reason, found.ended_day) == (Phase.ENDED, "declined", w.today)
    assert w.rows("plan", patient_id)[0]["status"] == "revoked"
    assert {row["status"] for row in w.rows("activity", patient_id)} == {"revoked"}


# -- level ------------------------------------------------------------------------------------------------------------


def test_answers_give_a_proposal_with_its_reasons_and_the_decision_points_at_it(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    proposal = actions.propose_level(w.gp, **who)
    assert proposal.level is Level.TWO
    assert "exacerbations" in proposal.unknown
    decision = actions.decide_level(w.staff, **who, level=2)
    assert (decision.level, decision.proposal_id, decision.proposed_level) == (Level.TWO, proposal.id, Level.TWO)
    assert decision.review_day == days.add_months(w.today, 12)
    assert decision.derived_from[0].startswith("QuestionnaireResponse/")
    row = w.rows("level", patient_id)[0]
    assert (row["level"], row["proposed_level"], row["decided_day"]) == (2, 2, w.today)


def test_a_proposal_is_not_copied_while_nothing_has_changed(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    first = actions.propose_level(w.gp, **who)
    assert actions.propose_level(w.later(1).gp, **who).id == first.id
    w.measure(patient_id, "MCS88023", 25, "%")
    worse = actions.propose_level(w.gp, **who)
    assert worse.id != first.id
    assert worse.level is Level.THREE


def test_another_level_than_proposed_needs_a_reason(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    path = "Observation.extension('override-reason')"
    refused(Category.RULE, path, actions.decide_level, w.gp, **who, level=1)
    assert w.rows("level", patient_id) == []
    found = actions.decide_level(w.gp, **who, level=1, override_reason="Datteren bor hos ham")
    assert found.override_reason == "Datteren bor hos ham"


def test_the_patient_does_not_decide_the_level(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    for ctx in (w.citizen(patient_id), w.receiver):
        refused(Category.FORBIDDEN, "Observation.performer", actions.decide_level, ctx, **who, level=1)


def test_a_level_that_is_none_or_for_a_course_not_started_is_refused(w: World) -> None:
    patient_id, episode_id = eligible(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    refused(Category.RULE, "Observation.valueCodeableConcept", actions.decide_level, w.gp, **who, level=4)
    path = "Observation.extension('workflow-episodeOfCare')"
    refused(Category.RULE, path, actions.decide_level, w.gp, **who, level=1)


def test_a_second_decision_on_a_day_corrects_the_first_and_one_later_stands_beside_it(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    first = actions.decide_level(w.gp, **who, level=2)
    corrected = actions.decide_level(w.gp, **who, level=3, override_reason="Overså indlæggelsen")
    assert (corrected.id, corrected.status) == (first.id, "corrected")
    actions.decide_level(w.later(30).gp, **who, level=2)
    assert sorted((row["decided_day"], row["level"]) for row in w.rows("level", patient_id)) == [
        (w.today, 3),
        (w.today + 30, 2),
    ]


def test_needs_with_missing_or_impossible_answers_are_refused_field_by_field(w: World) -> None:
    patient_id, episode_id = eligible(w)
    with pytest.raises(Problem) as told:
        actions.record_needs_assessment(
            w.gp, patient_id=patient_id, episode_id=episode_id, answers={"biologisk": "7", "psykisk": "1", "hund": "1"}
        )
    assert told.value.category is Category.INVALID
    assert {issue.path for issue in told.value.issues} == {"biologisk", "social", "sundhedskompetence", "hund"}
    assert w.rows("response", patient_id) == []
    with pytest.raises(Problem) as told:
        actions.record_needs_assessment(
            w.citizen(patient_id), patient_id=patient_id, episode_id=episode_id, answers=NEEDS
        )
    assert told.value.category is Category.FORBIDDEN


def test_the_annual_status_gives_measurements_with_their_codes(w: World) -> None:
    patient_id, episode_id = started(w)
    found = actions.record_response(
        w.staff,
        patient_id=patient_id,
        episode_id=episode_id,
        package="kol",
        form_id="kol-aarsstatus",
        answers={"lungefunktion-maalt": "ja", "fev1-procent": 42.0, "mrc": 4, "forvaerringer": 0, "rygning": "dagligt"},
    )
    rows = {row["code"]: row for row in w.rows("measurement", patient_id)}
    assert len(found.measurements) == len(rows)
    assert rows["MCS88023"]["value_milli"] == 42000
    assert rows["MCS88021"]["value_milli"] == 4000
    assert rows["MCS88022"]["value_milli"] == 0  # none is an answer
    assert rows["MCS88011"]["value_code"] == "dagligt"
    proposal = actions.propose_level(w.gp, patient_id=patient_id, episode_id=episode_id)
    assert any("MRC" in reason for reason in proposal.reasons)


# -- plan -------------------------------------------------------------------------------------------------------------


def test_a_plan_is_refused_until_the_patient_is_included_and_started(w: World) -> None:
    patient_id, episode_id = eligible(w)
    problem = refused(
        Category.RULE,
        "CarePlan.extension('workflow-episodeOfCare')",
        actions.make_plan,
        w.gp,
        patient_id=patient_id,
        episode_id=episode_id,
    )
    assert "include" in problem.issues[0].expected
    assert w.rows("plan", patient_id) == []


def test_a_draft_stops_no_clock_and_a_course_has_one_valid_plan(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    draft = actions.make_plan(w.gp, **who)
    assert (draft.status, draft.confirmed_day) == (PlanStatus.DRAFT, None)
    row = w.rows("plan", patient_id)[0]
    assert (row["status"], row["confirmed_day"], row["shared_day"]) == ("draft", None, None)
    assert refused(Category.CONFLICT, "CarePlan", actions.make_plan, w.gp, **who).kept == "the plan as it was"
    refused(Category.FORBIDDEN, "CarePlan.author", actions.make_plan, w.citizen(patient_id), **who)


def test_confirming_needs_a_draft_a_level_and_a_goal_or_why_there_is_none(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    goals = [actions.GoalDraft("Gå en tur")]
    refused(Category.RULE, "CarePlan", actions.confirm_plan, w.gp, **who, goals=goals)
    actions.make_plan(w.gp, **who)
    refused(Category.RULE, "CarePlan.extension('confirmed')", actions.confirm_plan, w.gp, **who, goals=goals)
    actions.decide_level(w.gp, **who, level=2)
    refused(Category.RULE, "CarePlan.goal", actions.confirm_plan, w.gp, **who)
    future = {"confirmed_day": w.today + 1}
    refused(Category.RULE, "CarePlan.extension('confirmed')", actions.confirm_plan, w.gp, **who, goals=goals, **future)
    long = [actions.GoalDraft("x" * 301)]
    refused(Category.INVALID, "Goal.description.text", actions.confirm_plan, w.gp, **who, goals=long)
    assert w.rows("goal", patient_id) == []
    found = actions.confirm_plan(w.gp, **who, no_goal_reason="Vil tænke over det")
    assert (found.status, found.no_goal_reason) == (PlanStatus.ACTIVE, "Vil tænke over det")
    refused(Category.CONFLICT, "CarePlan.status", actions.confirm_plan, w.gp, **who, goals=goals)


def test_confirming_shares_the_plan_with_goals_and_activities_and_moves_the_course(w: World) -> None:
    patient_id, episode_id = planned(w)
    plan = w.rows("plan", patient_id)[0]
    assert (plan["status"], plan["confirmed_day"], plan["shared_day"], plan["has_goal"]) == (
        "active",
        w.today,
        w.today,
        1,
    )
    goal = w.rows("goal", patient_id)[0]
    assert (goal["by_patient"], goal["plan_episode_id"]) == (1, episode_id)
    activities = w.rows("activity", patient_id)
    assert {row["kind"] for row in activities} == {
        "kol-aarsstatus", "kol-kontrol", "spirometri", "handleplan", "influenzavaccination", "pneumokokvaccination",
    }  # fmt: skip
    assert all(row["plan_id"] == plan["plan_id"] and row["due_day"] for row in activities)
    assert w.rows("episode", patient_id)[0]["phase"] == "continuing"


def test_somebody_outside_the_clinic_makes_it_a_course_with_further_efforts(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    w.measure(patient_id, "MCS88021", 4)
    episode_id = str(w.rows("episode", patient_id)[0]["episode_id"])
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    chosen = actions.confirm_plan(w.gp, **who, no_goal_reason="senere", leave_out=["afklarende-samtale"])
    kinds = {row["kind"] for row in w.rows("activity", patient_id)}
    assert "rehabilitering" in kinds
    assert "afklarende-samtale" not in kinds
    assert len(chosen.activity_ids) == len(w.rows("activity", patient_id))
    assert w.rows("episode", patient_id)[0]["phase"] == "further"


def test_goals_the_patient_set_before_are_part_of_the_plan(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    own = actions.add_goal(w.citizen(patient_id), **who, text="Lege med børnebørnene")
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    plan = actions.confirm_plan(w.gp, **who)
    assert plan.goal_ids == (own.id,)


def test_revising_keeps_the_confirmed_day_and_what_is_agreed_and_replans_the_rest(w: World) -> None:
    patient_id, episode_id = planned(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    before = {row["activity_id"] for row in w.rows("activity", patient_id)}
    later = w.later(60)
    actions.decide_level(later.gp, **who, level=1, override_reason="Går meget bedre")
    revised = actions.revise_plan(later.gp, **who)
    assert (revised.confirmed_day, revised.shared_day) == (w.today, later.today)
    assert revised.status is PlanStatus.ACTIVE
    rows = {row["activity_id"]: row for row in later.rows("activity", patient_id)}
    assert {rows[rid]["status"] for rid in revised.activity_ids} == {"active"}
    assert {row["kind"] for row in rows.values() if row["status"] == "revoked"} == {"kol-kontrol"}
    assert before <= set(rows)
    assert len(later.rows("plan", patient_id)) == 1


def test_a_draft_cannot_be_revised(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    refused(Category.RULE, "CarePlan.status", actions.revise_plan, w.gp, **who)
    actions.make_plan(w.gp, **who)
    refused(Category.RULE, "CarePlan.status", actions.revise_plan, w.gp, **who)


# -- goals and activities ---------------------------------------------------------------------------------------------


def test_the_patients_own_goal_stands_in_the_shared_plan_at_once(w: World) -> None:
    patient_id, episode_id = planned(w)
    goal = actions.add_goal(w.citizen(patient_id), patient_id=patient_id, episode_id=episode_id, text=" Cykle igen ")
    assert (goal.text, goal.expressed_by) == ("Cykle igen", f"Patient/{patient_id}")
    plan_id = str(w.rows("plan", patient_id)[0]["plan_id"])
    plan = resources.read_plan(store.read(w.citizen(patient_id), "CarePlan", plan_id).resource)
    assert goal.id in plan.goal_ids
    assert len(plan.goal_ids) == 2


def test_goals_without_text_too_long_or_on_a_closed_course_are_refused(w: World) -> None:
    patient_id, episode_id = planned(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    for text in ("", "   ", "x" * 301):
        refused(Category.INVALID, "Goal.description.text", actions.add_goal, w.gp, **who, text=text)
    assert actions.add_goal(w.gp, **who, text="x" * 300, by_patient=True).by_patient
    actions.end_episode(w.gp, **who, reason="merged")
    path = "Goal.extension('workflow-episodeOfCare')"
    refused(Category.RULE, path, actions.add_goal, w.gp, **who, text="for sent")


def test_a_patient_changes_their_own_goals_and_says_how_others_go(w: World) -> None:
    patient_id, episode_id = planned(w)
    mine = w.citizen(patient_id)
    own = actions.add_goal(mine, patient_id=patient_id, episode_id=episode_id, text="Cykle igen")
    changed = actions.update_goal(
        mine, patient_id=patient_id, goal_id=own.id or "", text="Cykle til byen", lifecycle="on-hold"
    )
    assert (changed.text, changed.lifecycle) == ("Cykle til byen", "on-hold")
    theirs = actions.add_goal(w.gp, patient_id=patient_id, episode_id=episode_id, text="Tage medicin", by_patient=False)
    refused(
        Category.FORBIDDEN,
        "Goal.expressedBy",
        actions.update_goal,
        mine,
        patient_id=patient_id,
        goal_id=theirs.id,
        text="Nej",
    )
    told = actions.update_goal(mine, patient_id=patient_id, goal_id=theirs.id or "", achievement="improving")
    assert told.achievement == "improving"
    wrong = {"patient_id": patient_id, "goal_id": own.id}
    refused(Category.INVALID, "Goal.lifecycleStatus", actions.update_goal, w.gp, **wrong, lifecycle="done")
    refused(Category.INVALID, "Goal.achievementStatus", actions.update_goal, w.gp, **wrong, achievement="great")


def test_activities_are_done_once_or_taken_back_with_a_reason(w: World) -> None:
    patient_id, _ = planned(w)
    first, second, third, *_ = (str(row["activity_id"]) for row in w.rows("activity", patient_id))
    done = actions.complete_activity(w.staff, patient_id=patient_id, activity_id=first, done_day=w.today)
    assert (done.status, done.done_day) == (ActivityStatus.COMPLETED, w.today)
    path = "ServiceRequest.status"
    refused(Category.CONFLICT, path, actions.complete_activity, w.gp, patient_id=patient_id, activity_id=first)
    refused(
        Category.RULE,
        "ServiceRequest.note",
        actions.cancel_activity,
        w.gp,
        patient_id=patient_id,
        activity_id=second,
        reason="",
    )
    taken = actions.cancel_activity(w.gp, patient_id=patient_id, activity_id=second, reason="Følges på hospitalet")
    assert taken.status is ActivityStatus.REVOKED
    stored = store.read(w.gp, "ServiceRequest", second).resource
    assert stored["note"] == [{"text": "Følges på hospitalet"}]
    future = w.today + 1
    refused(
        Category.RULE,
        "ServiceRequest.extension('done')",
        actions.complete_activity,
        w.gp,
        patient_id=patient_id,
        activity_id=third,
        done_day=future,
    )


def test_an_activity_may_be_added_by_hand(w: World) -> None:
    patient_id, episode_id = planned(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    made = actions.add_activity(w.gp, **who, kind="fysioterapi", due_day=w.today + 30, performer_kind="physio")
    plan_id = str(w.rows("plan", patient_id)[0]["plan_id"])
    assert made.id in resources.read_plan(store.read(w.gp, "CarePlan", plan_id).resource).activity_ids
    assert made.title == "Fysioterapi"
    refused(Category.INVALID, "ServiceRequest.code", actions.add_activity, w.gp, **who, kind="bingo", due_day=w.today)


# -- pauses and endings -----------------------------------------------------------------------------------------------


def test_a_pause_is_told_beside_the_clock_and_never_moves_it(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    path = "EpisodeOfCare.extension('pause')"
    refused(Category.RULE, path, actions.pause_clock, w.gp, **who, reason="")
    actions.pause_clock(w.gp, **who, reason="På rejse")
    refused(Category.RULE, path, actions.pause_clock, w.gp, **who, reason="igen")
    row = w.rows("episode", patient_id)[0]
    assert (row["status"], row["pause_open_day"], row["deadline_day"]) == ("onhold", w.today, w.today + 30)
    later = w.later(9)
    end = "EpisodeOfCare.extension('pause').end"
    refused(Category.RULE, end, actions.resume_clock, later.gp, **who, end_day=w.today - 1)
    resumed = actions.resume_clock(later.gp, **who)
    assert resumed.paused_days == 9
    row = w.rows("episode", patient_id)[0]
    assert (row["status"], row["paused_days"], row["pause_open_day"]) == ("active", 9, None)
    assert row["deadline_day"] == w.today + 30
    refused(Category.RULE, path, actions.resume_clock, later.gp, **who)
    start = "EpisodeOfCare.extension('pause').start"
    refused(Category.RULE, start, actions.pause_clock, later.gp, **who, reason="før", start_day=w.today + 5)
    again = actions.pause_clock(later.gp, **who, reason="Syg hund", start_day=later.today)
    assert len(again.pauses) == 2


def test_ending_needs_a_known_reason_closes_plan_and_activities_and_is_final(w: World) -> None:
    patient_id, episode_id = planned(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.pause_clock(w.gp, **who, reason="rejse")
    path = "EpisodeOfCare.extension('end-reason')"
    assert "died" in refused(Category.RULE, path, actions.end_episode, w.gp, **who, reason="bored").issues[0].expected
    later = w.later(10)
    found = actions.end_episode(later.gp, **who, reason="completed")
    assert (found.phase, found.ended_day, found.paused_days) == (Phase.ENDED, later.today, 10)
    row = w.rows("episode", patient_id)[0]
    assert (row["status"], row["ended_day"], row["end_reason"]) == ("finished", later.today, "completed")
    assert w.rows("plan", patient_id)[0]["status"] == "completed"
    assert {activity["status"] for activity in w.rows("activity", patient_id)} == {"revoked"}
    refused(Category.CONFLICT, "EpisodeOfCare", actions.end_episode, later.gp, **who, reason="died")
    refused(Category.CONFLICT, "EpisodeOfCare", actions.decline_episode, later.gp, **who, reason="nej")


def test_nothing_is_left_behind_when_an_act_fails_half_way(w: World) -> None:
    patient_id, episode_id = started(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    with pytest.raises(Problem):
        actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("godt"), actions.GoalDraft("")])
    assert w.rows("goal", patient_id) == []
    assert w.rows("plan", patient_id)[0]["status"] == "draft"
    assert episode_of(w, episode_id).phase is Phase.STARTUP


def test_every_version_of_the_plan_stays(w: World) -> None:
    patient_id, _ = planned(w)
    plan_id = str(w.rows("plan", patient_id)[0]["plan_id"])
    first = store.read(w.gp, "CarePlan", plan_id, version=1).resource
    assert first["status"] == "draft"
    assert days.parse_day(first["created"]) == day("2027-03-01")
