"""Medicine in a course: a note with code and reason, a follow-up in the plan, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lib.world import World
from tovholder import packages, store
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, resources
from tovholder.plan.actions.medicine import Change, code_of, group_of
from tovholder.plan.queries import read_all
from unit.plan.test_actions import planned, refused, started

SPIOLTO = {"name": "Tiotropium", "atc": "R03BB04", "reason": "Åndenød trods anfaldsmedicin", "dosage": "1 daglig"}
PATH = "MedicationRequest.medicationCodeableConcept"


@pytest.fixture
def who(w: World) -> dict[str, str]:
    patient_id, episode_id = planned(w)
    return {"patient_id": patient_id, "episode_id": episode_id}


def steps(w: World, who: dict[str, str]) -> list[tuple[Any, Any]]:
    """Follow-ups by status and day."""
    rows = [row for row in w.rows("activity", who["patient_id"]) if row["kind"] == "medicin-opfoelgning"]
    return sorted((row["status"], row["due_day"]) for row in rows)


def test_a_start_is_noted_with_code_and_reason_and_followed_up_as_the_package_says(w: World, who: dict[str, str]):
    done = actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    stored = store.read(w.gp, "MedicationRequest", done.medicine.id or "").resource
    assert (stored["status"], stored["intent"]) == ("active", "plan")  # a decision, never a prescription
    assert stored["medicationCodeableConcept"]["coding"] == [{"system": "http://www.whocc.no/atc", "code": "R03BB04"}]
    assert stored["reasonCode"] == [{"text": "Åndenød trods anfaldsmedicin"}]
    assert resources.read_medicine(stored) == done.medicine
    assert steps(w, who) == [("active", w.today + 42)]
    assert done.followup is not None
    request = store.read(w.gp, "ServiceRequest", done.followup.id or "").resource
    assert request["supportingInfo"] == [{"reference": done.medicine.reference}]
    assert "Tiotropium" not in str(request)  # who reads the plan but not the record reads no medicine
    plan = next(row for row in w.rows("plan", who["patient_id"]) if row["status"] == "active")
    held = resources.read_plan(store.read(w.gp, "CarePlan", str(plan["plan_id"])).resource)
    assert done.followup.id in held.activity_ids


def test_staff_note_a_statement_and_the_patient_may_read_it_while_prevention_may_not(w: World, who: dict[str, str]):
    done = actions.record_medicine(w.staff, **who, change=Change.START, **SPIOLTO)
    assert done.medicine.kind == "MedicationStatement"
    assert resources.read_medicine(store.read(w.staff, "MedicationStatement", done.medicine.id or "").resource) == (
        done.medicine
    )
    own = w.citizen(who["patient_id"])
    assert read_all(own, who["patient_id"], ("MedicationStatement",)).of("MedicationStatement")
    with pytest.raises(Problem):
        actions.record_medicine(own, **who, change=Change.STOP, **SPIOLTO)


def test_a_change_closes_what_was_and_moves_the_follow_up(w: World, who: dict[str, str]):
    first = actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    later = w.later(10)
    second = actions.record_medicine(later.gp, **who, change=Change.CHANGE, **(SPIOLTO | {"dosage": "2 daglig"}))
    old = store.read(later.gp, "MedicationRequest", first.medicine.id or "").resource
    assert old["status"] == "stopped"
    assert second.medicine.replaces == first.medicine.reference
    assert steps(later, who) == [("active", later.today + 42), ("revoked", w.today + 42)]


def test_a_stop_takes_the_follow_up_back_and_plans_none(w: World, who: dict[str, str]):
    actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    later = w.later(3)
    stop = actions.record_medicine(later.gp, **who, change=Change.STOP, **(SPIOLTO | {"reason": "Mundtørhed"}))
    assert stop.followup is None
    stored = store.read(later.gp, "MedicationRequest", stop.medicine.id or "").resource
    assert (stored["status"], stored["statusReason"]) == ("stopped", {"text": "Mundtørhed"})
    assert steps(later, who) == [("revoked", w.today + 42)]
    conflict = {**who, "change": Change.STOP, **SPIOLTO}
    refused(Category.CONFLICT, "MedicationRequest", actions.record_medicine, later.gp, **conflict)
    actions.record_medicine(later.later(30).gp, **who, change=Change.START, **SPIOLTO)  # it may be tried again


def test_staff_leave_a_doctors_decision_as_it_is_and_note_what_they_know_beside_it(w: World, who: dict[str, str]):
    first = actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    stop = actions.record_medicine(w.staff, **who, change=Change.STOP, **(SPIOLTO | {"reason": "Taget fejl"}))
    assert store.read(w.gp, "MedicationRequest", first.medicine.id or "").resource["status"] == "active"
    assert stop.medicine.replaces == first.medicine.reference


def test_the_same_twice_is_told_and_changes_nothing(w: World, who: dict[str, str]):
    actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    twice = {**who, "change": Change.START, **SPIOLTO}
    refused(Category.CONFLICT, "MedicationRequest", actions.record_medicine, w.gp, **twice)
    other = twice | {"name": "tiotropium", "reason": "Andet", "dosage": "2"}  # it runs already: a change, then
    refused(Category.CONFLICT, "MedicationRequest", actions.record_medicine, w.gp, **other)
    assert len(steps(w, who)) == 1


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "  "}, f"{PATH}.text"),
        ({"name": "x" * 121}, PATH),
        ({"atc": "tiotropium"}, f"{PATH}.coding.code"),
        ({"atc": ""}, f"{PATH}.coding.code"),
        ({"atc": "R03BB4"}, f"{PATH}.coding.code"),
        ({"reason": " "}, "MedicationRequest.reasonCode.text"),
        ({"reason": "x" * 501}, PATH),
        ({"day": 40000}, "MedicationRequest.authoredOn"),
        ({"due_day": 1000}, "ServiceRequest.extension('due')"),
        ({"due_day": 40000}, "ServiceRequest.extension('due')"),
        ({"atc": "C09AA02", "name": "Enalapril"}, "ServiceRequest.extension('due')"),  # the package says nothing of it
    ],
)
def test_what_is_missing_or_contradicts_itself_is_refused_with_its_place(
    w: World, who: dict[str, str], changes: dict[str, Any], path: str
):
    given = {**who, "change": Change.START, **SPIOLTO, **changes}
    refused(Category.RULE, path, actions.record_medicine, w.gp, **given)
    assert steps(w, who) == []


def test_other_medicine_is_followed_up_on_a_day_somebody_chose(w: World, who: dict[str, str]):
    given = SPIOLTO | {"atc": "c09aa02 ", "name": "Enalapril"}
    done = actions.record_medicine(w.gp, **who, change=Change.START, **given, due_day=w.today + 14)
    assert done.medicine.atc == "C09AA02"
    assert steps(w, who) == [("active", w.today + 14)]


def test_a_follow_up_that_would_lie_in_the_past_is_due_today(w: World, who: dict[str, str]):
    actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO, day=w.today - 90)
    assert steps(w, who) == [("active", w.today)]


def test_planning_anew_keeps_the_follow_up(w: World, who: dict[str, str]):
    actions.record_medicine(w.gp, **who, change=Change.START, **SPIOLTO)
    actions.revise_plan(w.gp, **who)
    assert [status for status, _ in steps(w, who)] == ["active"]


def test_a_course_without_a_plan_and_another_patients_course_are_refused(w: World, who: dict[str, str]):
    patient_id, episode_id = started(w)
    other = {"patient_id": patient_id, "episode_id": episode_id, "change": Change.START, **SPIOLTO}
    refused(Category.RULE, "ServiceRequest.basedOn", actions.record_medicine, w.gp, **other)
    assert not read_all(w.gp, patient_id, ("MedicationRequest",)).of("MedicationRequest")
    with pytest.raises(Problem) as told:
        actions.record_medicine(w.gp, **(other | {"episode_id": who["episode_id"]}))
    assert told.value.category is Category.NOT_FOUND


def test_a_group_has_the_code_its_codes_share():
    kol = packages.get("kol")
    assert {held.id: code_of(held) for held in kol.plan.medicines} == {
        "anfald": "R03",
        "laba": "R03AC",
        "lama": "R03BB",
        "laba-lama": "R03AL",
        "med-steroid": "R03A",
        "roflumilast": "R03DX07",
        "nikotin": "N07BA",
        "prednisolon": "H02AB",
    }
    assert days.iso(0) == "1970-01-01"
    found = group_of(kol, "R03AL09")
    assert found is not None
    assert found.id == "med-steroid"


def test_a_followup_noted_while_the_plan_is_a_draft_is_in_the_plan_that_is_confirmed(w: World):
    patient_id, episode_id = started(w)
    about = {"patient_id": patient_id, "episode_id": episode_id}
    actions.decide_level(w.gp, **about, level=int(actions.propose_level(w.gp, **about).level or 1))
    actions.make_plan(w.gp, **about)
    done = actions.record_medicine(w.gp, **about, change=Change.START, **SPIOLTO)
    assert done.followup is not None and done.followup.id is not None
    confirmed = actions.confirm_plan(w.gp, **about, goals=[actions.GoalDraft("Gå til bageren uden pause")])
    assert done.followup.id in confirmed.activity_ids
    assert len(set(confirmed.activity_ids)) == len(confirmed.activity_ids)
