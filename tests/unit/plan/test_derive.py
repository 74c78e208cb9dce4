"""Eligible courses: created with their clock the moment a diagnosis arrives, kept right, withdrawn, never made twice."""

from __future__ import annotations

from typing import Any

import pytest

from lib import people
from lib.world import World, day
from tovholder import store
from tovholder.fhir import systems
from tovholder.plan import actions


def episodes(w: World, patient_id: str) -> list[dict[str, Any]]:
    return sorted(w.rows("episode", patient_id), key=lambda row: (row["eligible_day"], row["episode_id"]))


def change(w: World, kind: str, rid: str, **elements: Any) -> None:
    with store.unit_of_work(w.system) as uow:
        stored = dict(uow.read(kind, rid))
        for name, value in elements.items():
            if value is None:
                stored.pop(name, None)
            else:
                stored[name] = value
        uow.update(stored)


def verification(code: str) -> dict[str, Any]:
    return {"coding": [{"system": systems.CONDITION_VERIFICATION, "code": code}]}


def clinical(code: str) -> dict[str, Any]:
    return {"coding": [{"system": systems.CONDITION_CLINICAL, "code": code}]}


def test_a_diagnosis_makes_the_patient_eligible_with_clock_and_reasons_in_the_same_unit(w: World) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id, recorded="2027-02-20")
    (row,) = episodes(w, patient_id)
    assert (row["phase"], row["status"], row["package"], row["condition_id"]) == (
        "eligible",
        "planned",
        "kol",
        condition_id,
    )
    assert (row["diagnosis_day"], row["eligible_day"]) == (day("2027-02-20"), w.today)
    assert (row["clock_event"], row["deadline_day"], row["legacy"]) == ("diagnosis", day("2027-03-22"), 0)
    assert row["organization_id"] == w.clinic
    stored = store.read(w.gp, "EpisodeOfCare", row["episode_id"]).resource
    assert any("R95" in str(item.get("valueString")) for item in stored["extension"])


def test_in_one_unit_with_the_patient_in_any_order(w: World) -> None:
    with store.unit_of_work(w.system) as uow:
        uow.create(people.condition("together"))
        uow.create(people.patient(w.clinic), id="together")
    assert len(episodes(w, "together")) == 1


@pytest.mark.parametrize(
    ("told", "event", "legacy"),
    [("2019-03-01", "inclusion", 1), ("2026-12-31", "inclusion", 1), ("2027-01-01", "diagnosis", 0)],
)
def test_an_old_diagnosis_counts_from_inclusion_and_is_told_as_legacy(
    w: World, told: str, event: str, legacy: int
) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, recorded=told)
    (row,) = episodes(w, patient_id)
    assert (row["clock_event"], row["legacy"]) == (event, legacy)
    start = w.today if legacy else day(told)
    assert (row["clock_start_day"], row["deadline_day"]) == (start, start + 30)


def test_without_a_date_there_is_no_deadline_until_the_date_arrives(w: World) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id, recorded=None)
    (row,) = episodes(w, patient_id)
    assert (row["clock_event"], row["deadline_day"], row["diagnosis_day"]) == ("unknown", None, None)
    actions.start_episode(w.gp, patient_id=patient_id, episode_id=row["episode_id"])
    change(w.later(5), "Condition", condition_id, recordedDate="2027-02-25")
    (row,) = episodes(w, patient_id)
    assert (row["phase"], row["clock_event"], row["deadline_day"]) == ("startup", "diagnosis", day("2027-03-27"))


def test_a_corrected_date_moves_the_clock_only_before_the_start(w: World) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id)
    change(w, "Condition", condition_id, recordedDate="2027-02-10")
    (row,) = episodes(w, patient_id)
    assert (row["diagnosis_day"], row["deadline_day"]) == (day("2027-02-10"), day("2027-03-12"))
    actions.start_episode(w.gp, patient_id=patient_id, episode_id=row["episode_id"])
    change(w, "Condition", condition_id, recordedDate="2027-02-28")
    assert episodes(w, patient_id)[0]["deadline_day"] == day("2027-03-12")


def test_not_eligible_and_then_eligible_when_what_was_missing_comes(w: World) -> None:
    patient_id = w.patient(organization="")
    condition_id = w.diagnose(patient_id, verification="provisional")
    assert episodes(w, patient_id) == []
    change(w, "Condition", condition_id, verificationStatus=verification("confirmed"))
    assert episodes(w, patient_id) == []  # no own doctor yet
    change(w, "Patient", patient_id, generalPractitioner=[{"reference": f"Organization/{w.clinic}"}])
    assert len(episodes(w, patient_id)) == 1


def test_other_diagnoses_make_nobody_eligible(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, "R96")
    w.diagnose(patient_id, "P76")
    assert episodes(w, patient_id) == []


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"verificationStatus": verification("refuted"), "clinicalStatus": None}, "wrong-diagnosis"),
        ({"verificationStatus": verification("entered-in-error"), "clinicalStatus": None}, "wrong-diagnosis"),
        ({"clinicalStatus": clinical("resolved")}, "completed"),
    ],
)
def test_an_eligible_course_is_withdrawn_with_its_diagnosis(w: World, elements: dict[str, Any], reason: str) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id)
    change(w, "Condition", condition_id, **elements)
    (row,) = episodes(w, patient_id)
    assert (row["phase"], row["end_reason"], row["ended_day"]) == ("ended", reason, w.today)


def test_a_started_course_is_the_clinics_to_end_when_the_diagnosis_was_wrong(w: World) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id)
    actions.include_by_hand(w.gp, patient_id=patient_id, package="kol")
    change(w, "Condition", condition_id, verificationStatus=verification("refuted"), clinicalStatus=None)
    assert episodes(w, patient_id)[0]["phase"] == "startup"


def test_a_wrong_diagnosis_leaves_the_way_open_for_the_right_one(w: World) -> None:
    patient_id = w.patient()
    wrong = w.diagnose(patient_id)
    right = w.diagnose(patient_id, "DJ449", system_=systems.SKS_DIAGNOSIS, recorded="2027-01-20")
    assert len(episodes(w, patient_id)) == 1
    change(w, "Condition", wrong, verificationStatus=verification("refuted"), clinicalStatus=None)
    rows = episodes(w, patient_id)
    assert sorted((row["phase"], row["condition_id"]) for row in rows) == [("eligible", right), ("ended", wrong)]


def test_declined_or_ended_is_not_opened_again_by_the_same_or_an_older_diagnosis(w: World) -> None:
    patient_id = w.patient()
    condition_id = w.diagnose(patient_id)
    (row,) = episodes(w, patient_id)
    actions.decline_episode(w.gp, patient_id=patient_id, episode_id=row["episode_id"], reason="Nej tak")
    later = w.later(30)
    change(later, "Condition", condition_id, recordedDate="2027-02-01")
    later.diagnose(patient_id, "DJ440", system_=systems.SKS_DIAGNOSIS, recorded="2027-02-15")
    assert len(episodes(w, patient_id)) == 1
    later.diagnose(patient_id, "DJ441", system_=systems.SKS_DIAGNOSIS, recorded="2027-03-31")
    rows = episodes(w, patient_id)
    assert [item["phase"] for item in rows] == ["declined", "eligible"]  # a new diagnosis is a new question


def test_nothing_is_made_twice(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    w.diagnose(patient_id, "DJ449", system_=systems.SKS_DIAGNOSIS)
    change(w.later(1), "Patient", patient_id, active=True)
    (row,) = episodes(w, patient_id)
    assert store.read(w.gp, "EpisodeOfCare", row["episode_id"]).version == 1


def test_death_ends_every_open_course_on_its_day_and_closes_the_plan(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    (row,) = episodes(w, patient_id)
    who = {"patient_id": patient_id, "episode_id": row["episode_id"]}
    actions.start_episode(w.gp, **who)
    actions.make_plan(w.gp, **who)
    change(w.later(9), "Patient", patient_id, deceasedDateTime="2027-03-05T10:00:00+01:00")
    (row,) = episodes(w, patient_id)
    assert (row["phase"], row["end_reason"], row["ended_day"]) == ("ended", "died", day("2027-03-05"))
    assert w.rows("plan", patient_id)[0]["status"] == "revoked"
    change(w.later(10), "Patient", patient_id, deceasedDateTime=None)
    assert len(episodes(w, patient_id)) == 1


def test_a_change_of_practice_hands_the_course_over_with_its_clock(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    before = episodes(w, patient_id)[0]
    change(w.later(4), "Patient", patient_id, generalPractitioner=[{"reference": f"Organization/{w.other_clinic}"}])
    (row,) = episodes(w, patient_id)
    assert row["organization_id"] == w.other_clinic
    assert (row["handed_day"], row["taken_day"]) == (day("2027-03-05"), None)
    assert {key: row[key] for key in row if key not in ("organization_id", "handed_day", "held_before")} == {
        key: before[key] for key in before if key not in ("organization_id", "handed_day", "held_before")
    }


def test_a_course_entered_in_error_leaves_the_diagnosis_as_it_is(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    first = episodes(w, patient_id)[0]["episode_id"]
    change(w.later(2), "EpisodeOfCare", first, status="entered-in-error")
    (row,) = episodes(w, patient_id)
    assert row["episode_id"] != first
    assert row["deadline_day"] == w.today + 30


def test_many_patients_in_one_unit(w: World) -> None:
    with store.unit_of_work(w.system) as uow:
        ids = [uow.create(people.patient(w.clinic)).id for _ in range(30)]
        for index, patient_id in enumerate(ids):
            uow.create(people.condition(patient_id, "R95" if index % 2 else "R96"))
    assert [len(episodes(w, patient_id)) for patient_id in ids] == [0, 1] * 15
