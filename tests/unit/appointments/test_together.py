"""One appointment for the steps of two packages, against the real store: agreed once, told once, true for both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib import two_packages
from lib.world import World
from tovholder import store
from tovholder.appointments import actions
from tovholder.appointments.together import TAKEN, WINDOW, book_together
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import profiles
from tovholder.plan import actions as plan_actions
from tovholder.plan import merge
from tovholder.plan.merge.domain import Merged, State, Step
from tovholder.plan.nextstep import next_thing
from tovholder.plan.queries import episode_view, minplan_view

Pair = tuple[str, str, str]


@pytest.fixture
def pair(w: World, tmp_path: Path) -> Iterator[Pair]:
    """A patient with two packages begun the same day: the patient and both courses."""
    with two_packages.installed(tmp_path / "own"):
        patient_id = w.patient()
        courses = [two_packages.start(w, patient_id, package) for package in ("sukker", "hjertet")]
        yield patient_id, courses[0], courses[1]


def shared(found: Merged, name: str) -> Step:
    return next(step for step in found.steps if step.shared == name)


def at(w: World, day: int, hour: int = 10) -> datetime:
    return datetime.combine(days.date_of(day), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=hour)


def refused(category: Category, path: str, call: Any, *args: Any, **given: Any) -> None:
    with pytest.raises(Problem) as told:
        call(*args, **given)
    assert (told.value.category, told.value.issues[0].path) == (category, path), str(told.value.issues[0])


def together(w: World, patient_id: str, name: str = "kontrol") -> tuple[Step, Any]:
    step = shared(merge.merged(w.gp, patient_id), name)
    assert step.day is not None
    ids = [origin.id for origin in step.origins]
    return step, book_together(w.gp, patient_id=patient_id, activity_ids=ids, start=at(w, step.day))


def test_the_merged_plan_has_fewer_visits_and_tests(w: World, pair: Pair) -> None:
    found = merge.merged(w.gp, pair[0])
    assert (found.before.visits, found.after.visits) == (4, 2)
    assert (found.before.examinations, found.after.examinations) == (2, 1)
    assert (found.before.tests, found.after.tests) == (4, 3)
    blood = shared(found, "blodproeve")
    assert [test.code for test in blood.tests] == ["NPU01568", "NPU19661", "NPU27300"]
    assert {origin.level for origin in blood.origins} == {2}


def test_both_packages_see_the_appointment_as_theirs(w: World, pair: Pair) -> None:
    patient_id, sukker, hjertet = pair
    step, made = together(w, patient_id)
    rows = w.rows("appointment", patient_id)
    assert {(row["kind"], row["activity_id"], row["episode_id"]) for row in rows} == {
        (f"{origin.package}-kontrol", origin.id, origin.course) for origin in step.origins
    }
    served = {row["episode_id"] for row in w.rows("episode_link", patient_id) if row["resource_id"] == made.id}
    assert served == {sukker, hjertet}
    for package in ("sukker", "hjertet"):
        view = episode_view(w.gp, patient_id, package)
        assert [item.id for item in view.appointments] == [made.id]
        assert next_thing(view.activities, view.appointments, w.today).id == made.id  # type: ignore[union-attr]
    [once] = minplan_view(w.citizen(patient_id), patient_id).appointments
    assert once.activity_ids == tuple(origin.id for origin in step.origins)
    again = shared(merge.merged(w.gp, patient_id), "kontrol")
    assert (again.state, again.appointment, again.day) == (State.BOOKED, made.id, step.day)
    stored = store.read(w.gp, "Appointment", str(made.id)).resource
    assert [item["reference"] for item in stored["basedOn"]] == [f"ServiceRequest/{o.id}" for o in step.origins]
    assert profiles.validate(stored, "http://tovholder.dk/fhir/StructureDefinition/tovholder-appointment") == []


def test_being_kept_completes_each_packages_step_and_a_correction_opens_both(w: World, pair: Pair) -> None:
    patient_id = pair[0]
    step, made = together(w, patient_id)
    later = w.later((step.day or 0) - w.today)
    who = {"patient_id": patient_id, "appointment_id": str(made.id)}
    actions.mark_fulfilled(later.gp, **who)
    done = {row["activity_id"]: row["done_day"] for row in w.rows("activity", patient_id) if row["done_day"]}
    assert done == {origin.id: step.day for origin in step.origins}
    kept = next(item for item in merge.merged(later.gp, patient_id).steps if item.state is State.DONE)
    assert {origin.id for origin in kept.origins} == set(done)
    actions.correct(later.gp, **who, status="noshow", reason="Det var en anden patient")
    fresh = shared(merge.merged(later.gp, patient_id), "kontrol")
    assert fresh.state is State.OPEN
    assert len(fresh.origins) == 2
    assert not {origin.id for origin in fresh.origins} & set(done)


def test_missed_or_called_off_leaves_both_steps_open(w: World, pair: Pair) -> None:
    patient_id = pair[0]
    step, made = together(w, patient_id)
    actions.cancel(w.gp, patient_id=patient_id, appointment_id=str(made.id), reason="moved", by="provider")
    assert shared(merge.merged(w.gp, patient_id), "kontrol") == step
    _, second = together(w, patient_id)
    later = w.later((step.day or 0) - w.today)
    actions.mark_noshow(later.gp, patient_id=patient_id, appointment_id=str(second.id))
    open_now = shared(merge.merged(later.gp, patient_id), "kontrol")
    assert (open_now.state, len(open_now.origins)) == (State.OPEN, 2)
    for package in ("sukker", "hjertet"):
        asked = [item.ask.value for item in episode_view(later.gp, patient_id, package).waiting]
        assert "rebook" in asked


def test_somebody_quicker_or_a_step_done_meanwhile_is_told(w: World, pair: Pair) -> None:
    patient_id = pair[0]
    step, _made = together(w, patient_id)
    ids = [origin.id for origin in step.origins]
    given = {"patient_id": patient_id, "start": at(w, step.day or 0, 14)}
    refused(Category.CONFLICT, TAKEN, book_together, w.staff, activity_ids=ids, **given)
    refused(Category.CONFLICT, TAKEN, book_together, w.staff, activity_ids=ids[1:], **given)
    assert len({row["appointment_id"] for row in w.rows("appointment", patient_id)}) == 1
    yearly = shared(merge.merged(w.gp, patient_id), "aarsstatus")
    plan_actions.complete_activity(w.gp, patient_id=patient_id, activity_id=yearly.origins[0].id)
    ids = [origin.id for origin in yearly.origins]
    given["start"] = at(w, yearly.day or 0)
    refused(Category.CONFLICT, "ServiceRequest.status", book_together, w.gp, activity_ids=ids, **given)
    alone = book_together(w.gp, activity_ids=ids[1:], **given)
    assert alone.serves == ()


def test_what_cannot_be_done_together_is_refused(w: World, pair: Pair) -> None:
    patient_id = pair[0]
    found = merge.merged(w.gp, patient_id)
    visit, blood, yearly = (shared(found, name) for name in ("kontrol", "blodproeve", "aarsstatus"))
    given = {"patient_id": patient_id, "start": at(w, visit.day or 0)}
    mixed = [visit.origins[0].id, blood.origins[1].id]
    refused(Category.RULE, "Appointment.basedOn", book_together, w.gp, activity_ids=mixed, **given)
    one = visit.origins[0]
    same_course = [one.id, next(item.id for item in yearly.origins if item.course == one.course)]
    refused(Category.RULE, "Appointment.basedOn", book_together, w.gp, activity_ids=same_course, **given)
    refused(Category.RULE, "Appointment.basedOn", book_together, w.gp, activity_ids=[], **given)
    ids = [origin.id for origin in visit.origins]
    early = given | {"start": at(w, (visit.first_day or 0) - 1)}
    refused(Category.RULE, WINDOW, book_together, w.gp, activity_ids=ids, **early)
    with pytest.raises(Problem) as told:
        book_together(w.gp, activity_ids=ids, patient_id=w.patient(), start=given["start"])
    assert told.value.category is Category.NOT_FOUND
    with pytest.raises(Problem) as told:
        book_together(w.citizen(patient_id), activity_ids=ids, **given)
    assert told.value.category is Category.FORBIDDEN
    assert w.rows("appointment", patient_id) == []


def test_leaving_a_package_gives_the_other_back_whole(w: World, pair: Pair) -> None:
    patient_id, sukker, _hjertet = pair
    _step, made = together(w, patient_id)
    plan_actions.end_episode(w.gp, patient_id=patient_id, episode_id=sukker, reason="declined")
    found = merge.merged(w.gp, patient_id)
    assert {origin.package for step in found.steps for origin in step.origins} == {"hjertet"}
    assert found.before == found.after
    kept = shared(found, "kontrol")
    assert (kept.state, kept.appointment) == (State.BOOKED, made.id)  # the patient is expected all the same


def test_a_course_that_rests_is_done_together_with_nothing_until_it_goes_on(w: World, pair: Pair) -> None:
    patient_id, sukker, _hjertet = pair
    before = merge.merged(w.gp, patient_id)
    who = {"patient_id": patient_id, "episode_id": sukker}
    plan_actions.pause_clock(w.gp, **who, reason="Vil vente til efter ferien")
    found = merge.merged(w.gp, patient_id)
    assert all(len(step.origins) == 1 for step in found.steps)
    assert {origin.package for s in found.steps if s.state is State.PAUSED for origin in s.origins} == {"sukker"}
    assert found.after.visits == 2
    plan_actions.resume_clock(w.gp, **who)
    assert merge.merged(w.gp, patient_id) == before


def test_an_appointment_others_made_for_two_steps_serves_both(w: World, pair: Pair) -> None:
    """A plain FHIR write that names two steps and says nothing of ours."""
    patient_id, sukker, hjertet = pair
    step = shared(merge.merged(w.gp, patient_id), "kontrol")
    with store.unit_of_work(w.system) as uow:
        made = uow.create(
            {
                "resourceType": "Appointment",
                "status": "booked",
                "start": days.instant_text(at(w, step.day or 0)),
                "end": days.instant_text(at(w, step.day or 0, 11)),
                "basedOn": [{"reference": f"ServiceRequest/{origin.id}"} for origin in step.origins],
                "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
            }
        ).id
    served = {row["episode_id"] for row in w.rows("episode_link", patient_id) if row["resource_id"] == made}
    assert served == {sukker, hjertet}
    assert shared(merge.merged(w.gp, patient_id), "kontrol").appointment == made
