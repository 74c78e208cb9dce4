"""Booking, moving, outcomes and corrections against the real store, by page and by plain FHIR write."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lib.world import World
from tovholder import store
from tovholder.appointments import actions
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions as plan_actions
from tovholder.plan import resources
from tovholder.plan.values import Appointment


@pytest.fixture
def course(w: World) -> tuple[str, str]:
    """A patient with a confirmed plan."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    episode_id = str(w.rows("episode", patient_id)[0]["episode_id"])
    who = {"patient_id": patient_id, "episode_id": episode_id}
    plan_actions.start_episode(w.gp, **who)
    needs = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
    plan_actions.record_needs_assessment(w.gp, **who, answers=needs)
    plan_actions.decide_level(w.gp, **who, level=2)
    plan_actions.make_plan(w.gp, **who)
    plan_actions.confirm_plan(w.gp, **who, goals=[plan_actions.GoalDraft("Gå en tur")])
    return patient_id, episode_id


def at(w: World, count: int, hour: int = 10) -> datetime:
    return datetime.combine(days.date_of(w.today + count), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=hour)


def refused(category: Category, path: str, call: Any, *args: Any, **given: Any) -> Problem:
    with pytest.raises(Problem) as told:
        call(*args, **given)
    assert (told.value.category, told.value.issues[0].path) == (category, path), str(told.value.issues[0])
    return told.value


def test_the_same_time_is_agreed_once(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    given: dict[str, Any] = {"patient_id": patient_id, "kind": "kol-kontrol", "start": at(w, 20)}
    made = actions.book(w.gp, **given)
    problem = refused(Category.CONFLICT, "Appointment.start", actions.book, w.staff, **given)
    assert problem.kept == "the appointment as it was"
    assert len(w.rows("appointment", patient_id)) == 1
    actions.book(w.gp, **(given | {"kind": "spirometri"}))  # two things at one visit
    actions.cancel(w.gp, patient_id=patient_id, appointment_id=str(made.id), reason="moved", by="provider")
    assert actions.book(w.gp, **given).id != made.id  # what was called off may be agreed again


def test_booking_finds_the_plans_activity_and_a_kept_appointment_does_it(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    control = next(row for row in w.rows("activity", patient_id) if row["kind"] == "kol-kontrol")
    on = int(str(control["due_day"])) - w.today
    made = actions.book(w.staff, patient_id=patient_id, kind="kol-kontrol", start=at(w, on))
    assert (made.activity_id, made.status, made.title) == (control["activity_id"], "booked", "KOL-kontrol")
    later = w.later(on)
    told = actions.mark_fulfilled(later.gp, patient_id=patient_id, appointment_id=made.id or "")
    assert told.status == "fulfilled"
    rows = {row["activity_id"]: row for row in w.rows("activity", patient_id)}
    done = rows[control["activity_id"]]
    assert (done["status"], done["done_day"]) == ("completed", later.today)


def test_an_appointment_outside_every_window_takes_no_activity(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    assert actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, 2)).activity_id is None
    assert actions.book(w.gp, patient_id=patient_id, kind="vaccination", start=at(w, 2)).title == "vaccination"


def test_two_appointments_do_not_share_an_activity(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    control = next(row for row in w.rows("activity", patient_id) if row["kind"] == "kol-kontrol")
    on = int(str(control["due_day"])) - w.today
    first = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, on))
    second = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, on, hour=14))
    assert first.activity_id == control["activity_id"]
    assert second.activity_id is None
    actions.cancel(w.gp, patient_id=patient_id, appointment_id=first.id or "", reason="moved", by="patient")
    third = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, on, hour=15))
    assert third.activity_id == control["activity_id"]


def test_who_may_book_and_what_must_be_right(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    book = {"patient_id": patient_id, "kind": "kol-kontrol"}
    refused(Category.FORBIDDEN, "Appointment", actions.book, w.citizen(patient_id), **book, start=at(w, 3))
    naive = datetime(2027, 4, 1, 10, 0)
    refused(Category.RULE, "Appointment.start", actions.book, w.gp, **book, start=naive)
    refused(Category.RULE, "Appointment.end", actions.book, w.gp, **book, start=at(w, 3), minutes=0)
    refused(Category.RULE, "Appointment.status", actions.book, w.gp, **book, start=at(w, 3), status="fulfilled")
    planned = actions.book(w.gp, **book, start=at(w, 3), status="proposed")
    assert planned.status == "proposed"


def test_no_outcome_before_the_day_and_time_passing_changes_nothing(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    made = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, 5))
    who = {"patient_id": patient_id, "appointment_id": made.id}
    refused(Category.RULE, "Appointment.status", actions.mark_noshow, w.gp, **who)
    refused(Category.RULE, "Appointment.start", actions.mark_outcome_unknown, w.gp, **who)
    row = w.later(30).rows("appointment", patient_id)[0]
    assert (row["status"], row["outcome_unknown"]) == ("booked", 0)
    later = w.later(6)
    assert actions.mark_outcome_unknown(later.gp, **who).status == "booked"
    assert w.rows("appointment", patient_id)[0]["outcome_unknown"] == 1
    assert actions.mark_noshow(later.gp, **who).outcome_unknown is False


def test_a_cancellation_says_why_and_who(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    made = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, 5))
    who = {"patient_id": patient_id, "appointment_id": made.id}
    refused(Category.RULE, "Appointment.cancelationReason", actions.cancel, w.gp, **who, reason="", by="patient")
    refused(
        Category.RULE,
        "Appointment.extension('cancelled-by')",
        actions.cancel,
        w.gp,
        **who,
        reason="illness",
        by="the dog",
    )
    refused(
        Category.RULE, "Appointment.cancelationReason.text", actions.cancel, w.gp, **who, reason="other", by="patient"
    )
    actions.cancel(w.gp, **who, reason="illness", by="patient", text="influenza")
    row = w.rows("appointment", patient_id)[0]
    assert (row["status"], row["cancel_reason"], row["cancelled_by"]) == ("cancelled", "illness", "patient")
    refused(Category.RULE, "Appointment.start", actions.reschedule, w.gp, **who, start=at(w, 9))
    refused(Category.RULE, "Appointment.status", actions.mark_noshow, w.later(9).gp, **who)


def test_moving_keeps_the_appointment_and_its_length(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    made = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, 5), minutes=45)
    moved = actions.reschedule(w.gp, patient_id=patient_id, appointment_id=made.id or "", start=at(w, 8))
    assert moved.id == made.id
    assert moved.end is not None
    assert moved.end - at(w, 8) == timedelta(minutes=45)
    assert w.rows("appointment", patient_id)[0]["start_day"] == w.today + 8
    assert store.read(w.gp, "Appointment", made.id or "").version == 2


def test_over_the_change_to_summer_time_a_day_stays_a_day(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    spring = w.at("2027-03-20")
    made = actions.book(spring.gp, patient_id=patient_id, kind="kol-kontrol", start=at(spring, 8, hour=0), minutes=30)
    row = next(row for row in w.rows("appointment", patient_id) if row["appointment_id"] == made.id)
    assert days.iso(int(str(row["start_day"]))) == "2027-03-28"


def test_a_wrong_outcome_is_corrected_openly_and_the_activity_opens_again(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    control = next(row for row in w.rows("activity", patient_id) if row["kind"] == "kol-kontrol")
    on = int(str(control["due_day"])) - w.today
    made = actions.book(w.gp, patient_id=patient_id, kind="kol-kontrol", start=at(w, on))
    later = w.later(on)
    who = {"patient_id": patient_id, "appointment_id": made.id}
    actions.mark_fulfilled(later.gp, **who)
    path = "Appointment.extension('correction')"
    refused(Category.RULE, path, actions.correct, later.gp, **who, status="noshow", reason="")
    told = actions.correct(later.gp, **who, status="noshow", reason="Forkert patient krydset af")
    assert (told.status, told.correction) == ("noshow", "Forkert patient krydset af")
    statuses = sorted(str(row["status"]) for row in w.rows("activity", patient_id) if row["kind"] == "kol-kontrol")
    assert statuses == ["active"]  # the one entered in error is no fact any more
    back = actions.correct(later.gp, **who, status="fulfilled", reason="Han kom alligevel")
    assert back.status == "fulfilled"
    assert store.read(w.gp, "Appointment", made.id or "", version=2).resource["status"] == "fulfilled"


def test_a_plain_write_obeys_the_same_rules(w: World, course: tuple[str, str]) -> None:
    patient_id, _ = course
    later = w.later(10)
    value = Appointment(
        patient_id=patient_id, kind="kol-kontrol", title="Kontrol", status="booked", start=at(w, 5),
        end=at(w, 5, hour=11), organization_id=w.clinic,
    )  # fmt: skip

    def write(resource: dict[str, Any]) -> dict[str, Any]:
        with store.unit_of_work(later.gp) as uow:
            return (uow.update(resource) if "id" in resource else uow.create(resource)).resource

    stored = write(resources.appointment_resource(value))
    kept = write(stored | {"status": "fulfilled"})
    refused(Category.RULE, "Appointment.status", write, kept | {"status": "booked"})
    refused(Category.RULE, "Appointment.status", write, kept | {"status": "noshow"})
    corrected = resources.appointment_resource(
        replace(value, status="noshow", correction="var her ikke"), copy.deepcopy(kept)
    )
    again = write(corrected)
    assert again["status"] == "noshow"
    refused(Category.RULE, "Appointment.status", write, again | {"status": "booked"})  # a correction counts once
    assert write(again | {"status": "entered-in-error"})["status"] == "entered-in-error"
    refused(
        Category.RULE,
        "Appointment.status",
        write,
        resources.appointment_resource(replace(value, status="noshow", start=at(w, 40))),
    )
    refused(
        Category.RULE,
        "Appointment.cancelationReason",
        write,
        resources.appointment_resource(replace(value, status="cancelled")),
    )
    other = w.patient()
    elsewhere = resources.appointment_resource(replace(value, patient_id=other), copy.deepcopy(stored))
    refused(Category.RULE, "Appointment.participant", write, elsewhere | {"id": stored["id"]})
