"""Which resources serve which course, and why; derived anew and exchanged only when different."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lib.world import World, day
from tovholder import store
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan import actions, resources
from tovholder.plan.links import LinkResources, kinds, measured_codes
from tovholder.plan.values import Appointment
from tovholder.store import schema


def course(w: World) -> tuple[str, str]:
    patient_id = w.patient()
    w.diagnose(patient_id)
    return patient_id, str(w.rows("episode", patient_id)[0]["episode_id"])


def links(w: World, patient_id: str) -> dict[str, tuple[str, str, int]]:
    return {
        str(row["resource_id"]): (str(row["episode_id"]), str(row["why"]), int(str(row["confidence"])))
        for row in w.rows("episode_link", patient_id)
    }


def appoint(w: World, patient_id: str, *, kind: str = "kol-kontrol", on: int | None = None, **changes: Any) -> str:
    start = datetime.combine(days.date_of(w.today if on is None else on), datetime.min.time(), days.COPENHAGEN)
    value = Appointment(
        patient_id=patient_id, kind=kind, title=kind, status="booked", start=start + timedelta(hours=10),
        end=start + timedelta(hours=11), organization_id=w.clinic, **changes,
    )  # fmt: skip
    with store.unit_of_work(w.system) as uow:
        return uow.create(resources.appointment_resource(value)).id


def test_diagnosis_kind_and_statement(w: World) -> None:
    patient_id, episode_id = course(w)
    condition_id = str(w.rows("episode", patient_id)[0]["condition_id"])
    by_kind, other = appoint(w, patient_id), appoint(w, patient_id, kind="vaccination")
    stated = appoint(w, patient_id, kind="vaccination", episode_id=episode_id)
    measured, unrelated = w.measure(patient_id, "MCS88021", 3), w.measure(patient_id, "MCS00000", 3)
    found = links(w, patient_id)
    assert found[condition_id] == (episode_id, "diagnosis", 100)
    assert found[by_kind] == (episode_id, "kind", 80)
    assert found[stated] == (episode_id, "stated", 100)
    assert found[measured] == (episode_id, "kind", 80)
    assert other not in found
    assert unrelated not in found


def test_what_came_before_the_course_is_linked_when_the_course_arrives(w: World) -> None:
    patient_id = w.patient()
    measured, visit = w.measure(patient_id, "MCS88023", 60), appoint(w, patient_id, on=w.today - 20)
    assert links(w, patient_id) == {}
    w.diagnose(patient_id)
    episode_id = str(w.rows("episode", patient_id)[0]["episode_id"])
    assert {measured, visit} <= set(links(w, patient_id))
    assert links(w, patient_id)[visit] == (episode_id, "kind", 80)


def test_an_appointment_for_an_activity_belongs_where_the_activity_does(w: World) -> None:
    patient_id, episode_id = course(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.start_episode(w.gp, **who)
    actions.make_plan(w.gp, **who)
    activity = actions.add_activity(w.gp, **who, kind="fysioterapi", due_day=w.today + 10)
    visit = appoint(w, patient_id, kind="noget-andet", activity_id=activity.id)
    assert links(w, patient_id)[visit] == (episode_id, "stated", 100)


def test_each_day_belongs_to_one_course_of_a_package_and_nothing_follows_the_last(w: World) -> None:
    patient_id, first = course(w)
    actions.end_episode(w.later(30).gp, patient_id=patient_id, episode_id=first, reason="moved-practice")
    during, after = appoint(w, patient_id, on=w.today + 10), appoint(w, patient_id, on=w.today + 40)
    assert links(w, patient_id)[during] == (first, "kind", 80)
    assert after not in links(w, patient_id)
    second = actions.include_by_hand(w.later(60).gp, patient_id=patient_id, package="kol").id
    found = links(w, patient_id)
    assert found[during][0] == first
    assert found[after][0] == second


def test_a_cancelled_statement_or_deleted_resource_takes_its_link_along(w: World) -> None:
    patient_id, _ = course(w)
    visit, measured = appoint(w, patient_id), w.measure(patient_id, "MCS88021", 3)
    with store.unit_of_work(w.system) as uow:
        uow.delete("Appointment", visit)
        stored = uow.read("Observation", measured)
        uow.update(stored | {"status": "entered-in-error"})
    assert not {visit, measured} & set(links(w, patient_id))


def test_everything_that_states_its_course_is_linked(w: World) -> None:
    patient_id, episode_id = course(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.start_episode(w.gp, **who)
    needs = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
    response = actions.record_needs_assessment(w.gp, **who, answers=needs)
    decision = actions.decide_level(w.gp, **who, level=1)
    plan = actions.make_plan(w.gp, **who)
    goal = actions.add_goal(w.gp, **who, text="Gå en tur")
    found = links(w, patient_id)
    for resource_id in (response.id, decision.id, plan.id, goal.id):
        assert found[str(resource_id)] == (episode_id, "stated", 100)


def test_a_put_that_says_another_course_moves_the_link(w: World) -> None:
    patient_id, episode_id = course(w)
    for kind, identity in (
        ("Appointment", appoint(w, patient_id, kind="vaccination")),
        ("Observation", w.measure(patient_id, "MCS00000", 3)),
    ):
        assert identity not in links(w, patient_id)
        said = {
            "url": systems.EPISODE_OF_CARE_EXTENSION,
            "valueReference": {"reference": f"EpisodeOfCare/{episode_id}"},
        }
        with store.unit_of_work(w.system) as uow:
            stored = uow.read(kind, identity)
            uow.update(stored | {"extension": [*stored.get("extension", ()), said]})
        assert links(w, patient_id)[identity] == (episode_id, "stated", 100)
        with store.unit_of_work(w.system) as uow:
            uow.update(stored)  # and taken back
        assert identity not in links(w, patient_id)


def test_a_statement_about_a_course_nobody_has_is_as_if_not_made(w: World) -> None:
    patient_id, episode_id = course(w)
    visit = appoint(w, patient_id, kind="kol-kontrol", episode_id="nobodys")
    assert links(w, patient_id)[visit] == (episode_id, "kind", 80)


def test_links_of_another_patient_never_mix(w: World) -> None:
    patient_id, episode_id = course(w)
    other_id, _ = course(w)
    wrong = appoint(w, other_id, kind="vaccination", episode_id=episode_id)
    assert wrong not in links(w, other_id)
    assert wrong not in links(w, patient_id)


def test_the_package_says_what_it_knows() -> None:
    assert {"kol-kontrol", "spirometri", "rehabilitering", "fysioterapi"} <= kinds("kol")
    assert (systems.MCS, "MCS88021") in measured_codes("kol")
    assert (systems.NPU, "NPU03804") in measured_codes("kol")  # asked about in a form
    assert kinds("nothing") == frozenset()
    assert measured_codes("nothing") == frozenset()
    assert day("1970-01-01") == 0


def test_deriving_only_what_changed_gives_what_deriving_everything_gives(w: World) -> None:
    patient_id, episode_id = course(w)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    actions.start_episode(w.gp, **who)
    actions.make_plan(w.gp, **who)
    activity = actions.add_activity(w.gp, **who, kind="fysioterapi", due_day=w.today + 10)
    appoint(w, patient_id, kind="fysioterapi", activity_id=activity.id)
    appoint(w, patient_id)
    w.measure(patient_id, "MCS88021", 3)
    actions.add_goal(w.gp, **who, text="Gå en tur")
    step_by_step = links(w, patient_id)
    with store.unit_of_work(w.system) as uow:
        uow.replace_links([patient_id], [])
        LinkResources().changed(uow.as_system("derive"), frozenset({patient_id}), frozenset(schema.fact_tables()))
    assert links(w, patient_id) == step_by_step
    assert len(step_by_step) == 7
