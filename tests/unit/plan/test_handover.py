"""A change of practice, a death and a death taken back: what follows the course, and what is set back, by any road."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lib.world import World, day
from tovholder import store
from tovholder.appointments import actions as appointments
from tovholder.base.errors import Problem
from tovholder.plan import actions, holding, resources

CLOCK = ("clock_rule", "clock_event", "clock_start_day", "deadline_day", "legacy", "paused_days", "pause_open_day")


def change(w: World, kind: str, rid: str, **elements: Any) -> None:
    with store.unit_of_work(w.system) as uow:
        stored = dict(uow.read(kind, rid))
        for name, value in elements.items():
            if value is None:
                stored.pop(name, None)
            else:
                stored[name] = value
        uow.update(stored)


def listed(w: World, patient_id: str, organization: str | None) -> None:
    """The registry moves the patient to a clinic's list, or off every list."""
    told = [{"reference": f"Organization/{organization}"}] if organization else None
    change(w, "Patient", patient_id, generalPractitioner=told)


def the_course(w: World, patient_id: str) -> Any:
    (row,) = w.rows("episode", patient_id)
    return row


def value(w: World, patient_id: str) -> Any:
    with store.unit_of_work(w.system) as uow:
        return resources.read_episode(uow.read("EpisodeOfCare", the_course(w, patient_id)["episode_id"]))


def begun(w: World) -> tuple[str, dict[str, str]]:
    patient_id = w.patient()
    w.diagnose(patient_id)
    who = {"patient_id": patient_id, "episode_id": str(the_course(w, patient_id)["episode_id"])}
    actions.start_episode(w.gp, **who)
    return patient_id, who


def other(w: World) -> Any:
    from dataclasses import replace

    return replace(w.gp, actor="Practitioner/other", organization=w.other_clinic)


def test_the_new_clinic_sees_the_course_from_the_first_minute_and_the_old_one_no_longer(w: World) -> None:
    patient_id, who = begun(w)
    before = the_course(w, patient_id)
    later = w.later(4)
    listed(later, patient_id, w.other_clinic)
    row = the_course(w, patient_id)
    assert row["organization_id"] == w.other_clinic
    assert [row[name] for name in CLOCK] == [before[name] for name in CLOCK]
    assert store.read(other(later), "EpisodeOfCare", who["episode_id"]).resource
    with pytest.raises(Problem):
        store.read(later.gp, "EpisodeOfCare", who["episode_id"])
    held = value(w, patient_id).holdings
    assert [(item.organization_id, item.from_day, item.to_day) for item in held] == [
        (w.clinic, w.today, later.today),
        (w.other_clinic, later.today, None),
    ]
    assert value(w, patient_id).awaits == held[-1]


def test_whose_course_is_closed_is_seen_by_the_old_clinic_for_the_aftercare_alone(w: World) -> None:
    patient_id, who = begun(w)
    actions.end_episode(w.gp, **who, reason="completed")
    listed(w, patient_id, w.other_clinic)
    assert store.read(w.later(1).gp, "EpisodeOfCare", who["episode_id"]).resource
    with pytest.raises(Problem):
        store.read(w.later(400).gp, "Patient", patient_id)


def test_there_and_back_on_one_day_leaves_nothing_to_take_over(w: World) -> None:
    patient_id, _ = begun(w)
    listed(w, patient_id, w.other_clinic)
    listed(w, patient_id, w.clinic)
    assert value(w, patient_id).awaits is None
    assert the_course(w, patient_id)["organization_id"] == w.clinic
    assert holding.held_on(value(w, patient_id), w.today) == w.clinic


def test_a_clinic_elsewhere_leaves_the_course_open_with_nobody_and_the_clock_running(w: World) -> None:
    patient_id, who = begun(w)
    before = the_course(w, patient_id)
    far = [{"reference": "https://andet.example/fhir/Organization/9"}]
    change(w.later(2), "Patient", patient_id, generalPractitioner=far)
    row = the_course(w, patient_id)
    assert (row["organization_id"], row["phase"]) == (None, "startup")
    assert row["deadline_day"] == before["deadline_day"]
    with pytest.raises(Problem):
        store.read(w.later(2).gp, "EpisodeOfCare", who["episode_id"])
    listed(w.later(3), patient_id, w.other_clinic)
    held = [item.organization_id for item in value(w, patient_id).holdings]
    assert held == [w.clinic, None, w.other_clinic]
    assert value(w, patient_id).awaits is not None


def test_who_is_taken_off_every_list_stays_with_the_last_holder(w: World) -> None:
    patient_id, who = begun(w)
    listed(w.later(1), patient_id, None)
    assert the_course(w, patient_id)["organization_id"] == w.clinic
    assert store.read(w.later(1).gp, "EpisodeOfCare", who["episode_id"]).resource


def test_the_team_makes_room_for_the_new_clinic(w: World) -> None:
    patient_id, _ = begun(w)
    with store.unit_of_work(w.system) as uow:
        team = uow.create(
            {
                "resourceType": "CareTeam",
                "status": "active",
                "subject": {"reference": f"Patient/{patient_id}"},
                "participant": [
                    {"member": {"reference": f"Organization/{w.clinic}"}},
                    {"member": {"reference": f"Organization/{w.prevention}"}},
                ],
            }
        ).id
    listed(w.later(1), patient_id, w.other_clinic)
    stored = store.read(w.system, "CareTeam", team).resource
    members = {part["member"]["reference"] for part in stored["participant"]}
    assert members == {f"Organization/{w.prevention}", f"Organization/{w.other_clinic}"}
    with pytest.raises(Problem):
        store.read(w.later(1).gp, "Patient", patient_id)


def test_death_closes_what_was_to_come_and_a_death_taken_back_opens_it_as_it_was(w: World) -> None:
    patient_id, who = begun(w)
    actions.make_plan(w.gp, **who)
    actions.pause_clock(w.gp, **who, reason="Rejse")
    booked = appointments.book(
        w.gp,
        patient_id=patient_id,
        kind="kol-aarsstatus",
        start=w.now + timedelta(days=20),
        organization_id=w.prevention,
    )
    with store.unit_of_work(w.system) as uow:
        waiting = uow.create(
            {
                "resourceType": "Communication",
                "status": "preparation",
                "subject": {"reference": f"Patient/{patient_id}"},
                "recipient": [{"reference": f"Patient/{patient_id}"}],
                "payload": [{"contentString": "Kom til kontrol"}],
            }
        ).id
        invited = uow.create(
            {
                "resourceType": "CommunicationRequest",
                "status": "draft",
                "subject": {"reference": f"Patient/{patient_id}"},
                "recipient": [{"reference": f"Patient/{patient_id}"}],
            }
        ).id
    before, plan, steps = the_course(w, patient_id), w.rows("plan", patient_id), w.rows("activity", patient_id)
    dead = w.later(9)
    change(dead, "Patient", patient_id, deceasedDateTime="2027-03-05T10:00:00+01:00")
    row = the_course(w, patient_id)
    assert (row["phase"], row["end_reason"], row["ended_day"]) == ("ended", "died", day("2027-03-05"))
    assert w.rows("plan", patient_id)[0]["status"] == "revoked"
    assert {item["status"] for item in w.rows("activity", patient_id)} <= {"revoked", "completed"}
    assert store.read(w.system, "Appointment", booked.id or "").resource["status"] == "cancelled"
    assert store.read(w.system, "Communication", waiting).resource["status"] == "stopped"
    assert store.read(w.system, "CommunicationRequest", invited).resource["status"] == "revoked"
    told = [
        item
        for item in store.search_all(w.system, "Communication", [("patient", f"Patient/{patient_id}")])
        if {"reference": f"Organization/{w.prevention}"} in item.resource.get("recipient", ())
    ]
    assert len(told) == 1
    change(dead, "Patient", patient_id, active=True)  # written again: nothing more is told or closed
    assert len(store.search_all(w.system, "Communication", [("patient", f"Patient/{patient_id}")])) == 2
    change(w.later(10), "Patient", patient_id, deceasedDateTime=None)
    assert the_course(w, patient_id) == before
    assert w.rows("plan", patient_id) == plan
    assert sorted(map(str, w.rows("activity", patient_id))) == sorted(map(str, steps))
    assert store.read(w.system, "Appointment", booked.id or "").resource["status"] == "booked"
    assert store.read(w.system, "Communication", waiting).resource["status"] == "stopped"


def test_a_death_taken_back_opens_nothing_the_clinic_ended_itself(w: World) -> None:
    patient_id, who = begun(w)
    actions.end_episode(w.gp, **who, reason="wrong-diagnosis")
    change(w, "Patient", patient_id, deceasedBoolean=True)
    change(w, "Patient", patient_id, deceasedBoolean=None)
    assert the_course(w, patient_id)["end_reason"] == "wrong-diagnosis"


def test_dead_and_moved_and_alive_again_the_course_is_with_the_clinic_the_patient_is_on_the_list_of(w: World) -> None:
    patient_id, _ = begun(w)
    before = the_course(w, patient_id)
    change(w.later(1), "Patient", patient_id, deceasedBoolean=True)
    listed(w.later(2), patient_id, w.other_clinic)
    change(w.later(3), "Patient", patient_id, deceasedBoolean=None)
    row = the_course(w, patient_id)
    assert (row["phase"], row["organization_id"]) == ("startup", w.other_clinic)
    assert row["deadline_day"] == before["deadline_day"]
    assert value(w, patient_id).awaits is not None


@pytest.mark.parametrize(
    "told",
    [
        {"type": "Organization", "display": "Lægerne et andet sted"},
        {"display": "Lægerne et andet sted"},
        {"identifier": {"system": "urn:oid:1.2.208.176.1.4", "value": "99"}},
        {"reference": "https://elsewhere.example.org/fhir/Organization/x"},
    ],
)
def test_from_no_list_straight_to_a_clinic_elsewhere_nobody_here_holds_the_course(
    w: World, told: dict[str, Any]
) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    for doctors in (None, [told]):
        change(w, "Patient", patient_id, generalPractitioner=doctors)
        held = {row["organization_id"] for row in w.rows("episode", patient_id)}
        assert held == ({w.clinic} if not doctors else {None})
