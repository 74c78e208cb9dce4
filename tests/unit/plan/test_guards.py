"""A plain FHIR write obeys the same rules as the clinic's pages."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from lib.world import World
from tovholder import packages, store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.plan import actions, resources
from tovholder.plan.domain import Level, Phase, PlanStatus
from tovholder.plan.values import Activity, ActivityStatus, Decision, Episode, Goal, Plan

PHASE = "EpisodeOfCare.extension('episode-phase')"
Json = dict[str, Any]


def write(ctx: Context, resource: Json) -> Json:
    """A PUT when the resource has an id, else a POST."""
    with store.unit_of_work(ctx) as uow:
        stored = uow.update(resource) if "id" in resource else uow.create(resource)
    return stored.resource


def refused(ctx: Context, resource: Json, category: Category, path: str) -> Problem:
    with pytest.raises(Problem) as told:
        write(ctx, resource)
    assert (told.value.category, told.value.issues[0].path) == (category, path), str(told.value.issues[0])
    assert told.value.issues[0].expected
    return told.value


@pytest.fixture
def course(w: World) -> Json:
    """An eligible course as stored."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    return dict(store.read(w.system, "EpisodeOfCare", str(w.rows("episode", patient_id)[0]["episode_id"])).resource)


def changed(stored: Json, **changes: Any) -> Json:
    return resources.episode_resource(replace(resources.read_episode(stored), **changes), copy.deepcopy(stored))


def start(w: World, course: Json) -> Json:
    return write(w.gp, changed(course, phase=Phase.STARTUP, started_day=w.today))


# -- EpisodeOfCare ----------------------------------------------------------------------------------------------------


def test_a_course_moves_only_as_the_table_says(w: World, course: Json) -> None:
    refused(w.gp, changed(course, phase=Phase.CONTINUING), Category.RULE, PHASE)
    started = start(w, course)
    assert started["status"] == "active"
    refused(w.gp, changed(started, phase=Phase.ELIGIBLE), Category.RULE, PHASE)
    refused(w.gp, changed(started, phase=Phase.ENDED), Category.RULE, "EpisodeOfCare.extension('end-reason')")
    ended = write(w.gp, changed(started, phase=Phase.ENDED, end_reason="died", ended_day=w.today))
    refused(w.gp, changed(ended, phase=Phase.STARTUP), Category.RULE, PHASE)
    assert write(w.gp, ended | {"status": "entered-in-error"})["status"] == "entered-in-error"


def test_a_refusal_needs_its_reason_and_the_status_must_fit_the_phase(w: World, course: Json) -> None:
    refused(w.gp, changed(course, phase=Phase.DECLINED), Category.RULE, "EpisodeOfCare.extension('decline-reason')")
    refused(w.gp, course | {"status": "finished"}, Category.RULE, "EpisodeOfCare.status")
    unknown = copy.deepcopy(course)
    next(item for item in unknown["extension"] if item["url"].endswith("episode-phase"))["valueCode"] = "resting"
    refused(w.gp, unknown, Category.RULE, PHASE)
    silent = course | {"extension": [item for item in course["extension"] if not item["url"].endswith("episode-phase")]}
    refused(w.gp, silent, Category.RULE, PHASE)


def test_patient_and_package_stay(w: World, course: Json) -> None:
    refused(
        w.system, course | {"patient": {"reference": f"Patient/{w.patient()}"}}, Category.RULE, "EpisodeOfCare.patient"
    )
    refused(w.gp, course | {"type": [{"text": "andet"}]}, Category.RULE, "EpisodeOfCare.type")


def test_there_is_one_open_course_per_patient_and_package(w: World, course: Json) -> None:
    second = {key: value for key, value in course.items() if key not in ("id", "meta")}
    problem = refused(w.gp, second, Category.CONFLICT, "EpisodeOfCare")
    assert problem.kept == "the open course as it was"
    other = copy.deepcopy(second)
    other["type"] = [{"coding": [{"system": systems.PACKAGE_SYSTEM, "code": "rejsesyge"}]}]
    refused(w.gp, other, Category.RULE, "EpisodeOfCare.type")
    ended = changed(second, phase=Phase.ENDED, end_reason="moved-practice", ended_day=w.today)
    assert write(w.gp, ended)["status"] == "finished"  # an old, closed course may stand beside


def test_a_running_clock_cannot_be_edited(w: World, course: Json) -> None:
    value = resources.read_episode(course)
    assert value.clock is not None
    longer = replace(value.clock, start_day=(value.clock.start_day or 0) + 20)
    refused(w.gp, changed(course, clock=longer), Category.RULE, "EpisodeOfCare.extension('rights-clock')")
    refused(w.gp, changed(course, clock=None), Category.RULE, "EpisodeOfCare.extension('rights-clock')")


def test_other_kinds_of_episodes_are_not_ours_to_judge(w: World) -> None:
    plain = {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "patient": {"reference": f"Patient/{w.patient()}"},
    }
    stored = write(w.gp, plain)
    assert write(w.gp, stored | {"status": "planned"})["status"] == "planned"


# -- CarePlan ---------------------------------------------------------------------------------------------------------


def plan_of(w: World, course: Json, **changes: Any) -> Json:
    episode = resources.read_episode(course)
    given: Json = {
        "patient_id": episode.patient_id, "episode_id": episode.id, "package": "kol", "package_version": "1.0.0",
        "status": PlanStatus.DRAFT, "title": "Plan", "made_day": w.today,
    }  # fmt: skip
    return resources.plan_resource(Plan(**(given | changes)))


def assess(w: World, course: Json) -> None:
    episode = resources.read_episode(course)
    answers = dict.fromkeys(("biologisk", "psykisk", "social", "sundhedskompetence"), "2")
    actions.record_needs_assessment(w.gp, patient_id=episode.patient_id, episode_id=str(episode.id), answers=answers)


def decide(w: World, course: Json, level: int = 2) -> Json:
    assess(w, course)
    return write(w.gp, level_of(w, course, level=Level(level)))


def test_no_plan_for_a_patient_who_is_not_started_or_for_nobody(w: World, course: Json) -> None:
    path = "CarePlan.extension('workflow-episodeOfCare')"
    problem = refused(w.gp, plan_of(w, course), Category.RULE, path)
    assert problem.kept == "nothing was stored; the course is as it was"
    loose = plan_of(w, course)
    loose["extension"] = [item for item in loose["extension"] if item["url"] != systems.EPISODE_OF_CARE_EXTENSION]
    refused(w.gp, loose, Category.RULE, path)
    named = plan_of(w, course) | {"category": [{"text": "KOL"}]}  # instantiatesCanonical still says which package
    refused(w.gp, named, Category.RULE, "CarePlan.category")
    start(w, course)
    elsewhere = plan_of(w, course) | {"subject": {"reference": f"Patient/{w.patient()}"}}
    refused(w.gp, elsewhere, Category.RULE, path)


def test_one_valid_plan_per_course_and_statuses_forward(w: World, course: Json) -> None:
    start(w, course)
    draft = write(w.gp, plan_of(w, course))
    refused(w.gp, plan_of(w, course), Category.CONFLICT, "CarePlan")
    refused(w.gp, draft | {"status": "completed"}, Category.RULE, "CarePlan.status")
    refused(w.gp, draft | {"status": "unknown"}, Category.RULE, "CarePlan.status")
    refused(w.gp, draft | {"category": []}, Category.INVALID, "CarePlan.category")
    refused(w.gp, draft | {"category": [{"text": "andet"}]}, Category.RULE, "CarePlan.category")
    revoked = write(w.gp, draft | {"status": "revoked"})
    refused(w.gp, revoked | {"status": "draft"}, Category.RULE, "CarePlan.status")
    assert write(w.gp, plan_of(w, course))["status"] == "draft"


def test_only_the_clinic_confirms_with_level_and_goal_on_a_day_that_has_come(w: World, course: Json) -> None:
    start(w, course)
    path = "CarePlan.extension('confirmed')"
    draft = write(w.gp, plan_of(w, course))
    refused(w.gp, draft | {"status": "active"}, Category.RULE, path)
    held = resources.read_plan(draft)

    def confirmed(**changes: Any) -> Json:
        given: Json = {
            "status": PlanStatus.ACTIVE, "confirmed_day": w.today, "confirmed_by": f"Practitioner/{w.doctor}",
            "no_goal_reason": "senere",
        }  # fmt: skip
        return resources.plan_resource(replace(held, **(given | changes)), copy.deepcopy(draft))

    refused(w.gp, confirmed(), Category.RULE, path)  # no level
    decide(w, course)
    refused(w.gp, confirmed(confirmed_day=w.today + 1), Category.RULE, path)
    refused(w.gp, confirmed(confirmed_by=None), Category.RULE, "CarePlan.extension('confirmed-by')")
    refused(w.gp, confirmed(no_goal_reason=None), Category.RULE, "CarePlan.goal")
    refused(w.gp, confirmed(status=PlanStatus.DRAFT), Category.RULE, "CarePlan.status")
    with pytest.raises(Problem) as told:
        write(w.citizen(held.patient_id), confirmed())
    assert told.value.category in (Category.FORBIDDEN, Category.NOT_FOUND)
    active = write(w.gp, confirmed())
    earlier = resources.plan_resource(
        replace(resources.read_plan(active), confirmed_day=w.today - 9), copy.deepcopy(active)
    )
    problem = refused(w.gp, earlier, Category.RULE, path)
    assert problem.kept == "the plan as it was"


# -- level ------------------------------------------------------------------------------------------------------------


def level_of(w: World, course: Json, **changes: Any) -> Json:
    episode = resources.read_episode(course)
    given: Json = {
        "patient_id": episode.patient_id, "episode_id": episode.id, "level": Level.TWO, "decided_day": w.today,
        "decided_by": f"Practitioner/{w.doctor}", "organization_id": w.clinic,
    }  # fmt: skip
    return resources.decision_resource(Decision(**(given | changes)))


def test_a_level_is_one_of_three_for_a_started_course_on_a_day_that_has_come(w: World, course: Json) -> None:
    refused(w.gp, level_of(w, course), Category.RULE, "Observation.extension('workflow-episodeOfCare')")
    start(w, course)
    wrong = level_of(w, course)
    wrong["valueCodeableConcept"] = {"coding": [{"system": systems.LEVEL_SYSTEM, "code": "4"}]}
    refused(w.gp, wrong, Category.RULE, "Observation.valueCodeableConcept")
    refused(w.gp, level_of(w, course, decided_day=w.today + 1), Category.RULE, "Observation.effectiveDateTime")
    nobody = level_of(w, course)
    nobody["extension"] = nobody["extension"][1:]
    refused(w.gp, nobody, Category.RULE, "Observation.extension('workflow-episodeOfCare')")
    assess(w, course)
    differs = level_of(w, course, proposed_level=Level.ONE)
    refused(w.gp, differs, Category.RULE, "Observation.extension('override-reason')")
    assert write(w.gp, level_of(w, course, proposed_level=Level.ONE, override_reason="alene"))["id"]


def test_the_first_level_of_a_course_rests_on_a_needs_assessment(w: World, course: Json) -> None:
    start(w, course)
    refused(w.gp, level_of(w, course), Category.RULE, "Observation.derivedFrom")
    episode = resources.read_episode(course)
    who: Json = {"patient_id": episode.patient_id, "episode_id": str(episode.id)}
    with pytest.raises(Problem) as told:
        actions.decide_level(w.gp, **who, level=2)
    assert told.value.issues[0].path == "Observation.derivedFrom"
    assert w.rows("level", episode.patient_id) == []
    brought = write(w.system, level_of(w, course))  # by a system, in whatever order things arrive
    assert write(w.gp, level_of(w, course, level=Level.ONE, decided_day=w.today - 1))["id"] != brought["id"]


def test_nobody_but_the_clinic_writes_a_level(w: World, course: Json) -> None:
    start(w, course)
    patient_id = resources.read_episode(course).patient_id
    by_patient = level_of(w, course, decided_by=f"Patient/{patient_id}", organization_id=None)
    problem = refused(w.gp, by_patient, Category.FORBIDDEN, "Observation.performer")
    assert "Practitioner" in problem.issues[0].expected
    assert problem.kept == "nothing was stored"
    silent = level_of(w, course, organization_id=None)
    silent.pop("performer")
    refused(w.gp, silent, Category.RULE, "Observation.performer")
    stored = decide(w, course)
    with store.unit_of_work(w.system) as uow:  # a partner who may write measurements may still not touch a level
        uow.create(
            {
                "resourceType": "Task", "status": "requested", "intent": "order",
                "for": {"reference": f"Patient/{patient_id}"}, "owner": {"reference": f"Organization/{w.prevention}"},
                "authoredOn": days.iso(w.today),
            }
        )  # fmt: skip
    partner = replace(w.receiver, role=type(w.receiver.role).PARTNER)
    refused(partner, stored, Category.FORBIDDEN, "Observation")
    mine = stored | {"performer": [{"reference": f"Organization/{w.prevention}"}]}
    refused(partner, {key: mine[key] for key in mine if key != "id"}, Category.FORBIDDEN, "Observation.performer")
    measured = {key: value for key, value in stored.items() if key not in ("valueCodeableConcept", "extension")}
    measured["code"] = {"coding": [{"system": systems.MCS, "code": "MCS88021"}]}
    refused(w.gp, measured, Category.RULE, "Observation.code")
    assert write(w.gp, stored | {"status": "entered-in-error"})["status"] == "entered-in-error"


# -- activities, goals, answers ---------------------------------------------------------------------------------------


def test_a_closed_activity_stays_closed_and_a_done_one_has_its_day(w: World, course: Json) -> None:
    episode = resources.read_episode(course)
    base = Activity(
        patient_id=episode.patient_id, episode_id=episode.id or "", plan_id=None, package="kol", kind="kol-kontrol",
        title="Kontrol", status=ActivityStatus.ACTIVE, performer_kind="gp", due_day=w.today,
    )  # fmt: skip
    stored = write(w.gp, resources.activity_resource(base))
    refused(w.gp, stored | {"status": "completed"}, Category.RULE, "ServiceRequest.extension('done')")
    refused(w.gp, stored | {"status": "unknown"}, Category.RULE, "ServiceRequest.status")
    done = resources.activity_resource(replace(base, status=ActivityStatus.COMPLETED, done_day=w.today), stored)
    closed = write(w.gp, done)
    refused(w.gp, closed | {"status": "active"}, Category.RULE, "ServiceRequest.status")
    future = replace(base, status=ActivityStatus.COMPLETED, done_day=w.today + 1)
    refused(w.gp, resources.activity_resource(future), Category.RULE, "ServiceRequest.extension('done')")


def test_patients_write_their_own_goals_only(w: World, course: Json) -> None:
    patient_id = resources.read_episode(course).patient_id
    mine = w.citizen(patient_id)
    goal = Goal(patient_id=patient_id, episode_id=None, text="Gå en tur", expressed_by=f"Patient/{patient_id}")
    stored = write(mine, resources.goal_resource(goal))
    refused(mine, resources.goal_resource(replace(goal, expressed_by=None)), Category.FORBIDDEN, "Goal.expressedBy")
    refused(
        mine,
        stored | {"expressedBy": {"reference": f"Practitioner/{w.doctor}"}},
        Category.FORBIDDEN,
        "Goal.expressedBy",
    )
    theirs = write(w.gp, resources.goal_resource(replace(goal, expressed_by=f"Practitioner/{w.doctor}")))
    refused(mine, theirs | {"description": {"text": "Nej"}}, Category.FORBIDDEN, "Goal.expressedBy")
    told = {"coding": [{"system": systems.GOAL_ACHIEVEMENT, "code": "improving"}]}
    assert write(mine, theirs | {"achievementStatus": told})["achievementStatus"] == told


def test_who_acts_for_the_patient_does_so_in_their_own_name(w: World, course: Json) -> None:
    patient_id = resources.read_episode(course).patient_id
    with store.unit_of_work(w.system) as uow:
        about = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient_id}"}}
        me = f"RelatedPerson/{uow.create(about).id}"
    rights = frozenset({"plan", "record", "act"})
    relative = replace(w.citizen(patient_id), role=Role.REPRESENTATIVE, actor=me, rights=rights)
    goal = Goal(patient_id=patient_id, episode_id=None, text="Gå en tur", expressed_by=me)
    assert write(relative, resources.goal_resource(goal))["expressedBy"]["reference"] == me
    for other in (None, f"Patient/{patient_id}", f"Practitioner/{w.doctor}"):
        told = resources.goal_resource(replace(goal, expressed_by=other))
        refused(relative, told, Category.FORBIDDEN, "Goal.expressedBy")
    answers: Json = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "urn:x"}
    answers["subject"] = {"reference": f"Patient/{patient_id}"}
    path = "QuestionnaireResponse.author"
    refused(relative, answers, Category.FORBIDDEN, path)
    refused(relative, answers | {"author": {"reference": f"Patient/{patient_id}"}}, Category.FORBIDDEN, path)
    assert write(relative, answers | {"author": {"reference": me}})["id"]
    needs = packages.get("kol").forms["kol-behovsvurdering"].canonical
    refused(relative, answers | {"author": {"reference": me}, "questionnaire": needs}, Category.FORBIDDEN, path)
    reader = replace(relative, rights=frozenset({"plan", "record"}))
    refused(reader, resources.goal_resource(goal), Category.FORBIDDEN, "Goal")


def test_answers_to_our_forms_are_checked_and_others_let_through(w: World, course: Json) -> None:
    episode = resources.read_episode(course)
    form = packages.get("kol").forms["kol-behovsvurdering"]

    def response(questionnaire: str, answer: str = "1", status: str = "completed") -> Json:
        return resources.response_resource(
            patient_id=episode.patient_id,
            questionnaire=questionnaire,
            items=[
                {
                    "linkId": "biologisk-gruppe",
                    "item": [{"linkId": "biologisk", "answer": [{"valueCoding": {"code": answer}}]}],
                }
            ],
            authored=w.now,
            author=None,
            episode_id=episode.id,
            status=status,
        )

    problem = refused(w.gp, response(form.canonical), Category.INVALID, "QuestionnaireResponse.item('psykisk')")
    assert {issue.code for issue in problem.issues} == {"required"}
    assert write(w.gp, response(form.canonical, status="in-progress"))["id"]
    refused(
        w.gp, response(form.canonical, "9", "in-progress"), Category.INVALID, "QuestionnaireResponse.item('biologisk')"
    )
    refused(w.citizen(episode.patient_id), response(form.canonical), Category.FORBIDDEN, "QuestionnaireResponse.author")
    assert write(w.gp, response("http://example.org/Questionnaire/x"))["id"]
    assert write(w.system, response(form.canonical))["id"]  # other systems' old answers are kept as they were given


def test_the_acts_themselves_pass_the_guards(w: World, course: Json) -> None:
    episode: Episode = resources.read_episode(course)
    assert (
        actions.start_episode(w.gp, patient_id=episode.patient_id, episode_id=episode.id or "").phase is Phase.STARTUP
    )
