"""Every example of MedCom's HospitalNotification is read, and taken in for a patient who is here."""

from __future__ import annotations

from typing import Any

import pytest

from lib.api import Caller
from lib.corpus import danish_packages
from lib.people import clinic, patient, system
from lib.tally import Tally
from tovholder import store
from tovholder.access import Role
from tovholder.appointments import hospital_message
from tovholder.base.clock import system_clock
from tovholder.fhir import systems


def messages() -> list[dict[str, Any]]:
    """The message Bundles of the package, by when they were made."""
    examples = danish_packages(examples_only=True)
    found = [one for name, one in examples if "hospitalnotification" in name and one["resourceType"] == "Bundle"]
    return sorted((one for one in found if one["type"] == "message"), key=lambda one: one["timestamp"])


def test_each_example_is_read() -> None:
    read = [hospital_message.read(one) for one in messages()]
    assert len(read) >= 12
    assert {one.status for one in read} == {"in-progress", "onleave", "finished", "entered-in-error"}
    assert {one.kind for one in read} == {"IMP", "EMER"}
    assert {value for one in read for _, value in one.stay} >= {"bd481c38-a921-11ed-afa1-0242ac120002"}
    assert all(one.cpr and one.sor and one.place for one in read)


@pytest.mark.django_db
def test_each_is_taken_in_for_whoever_is_here(tally: Tally) -> None:
    with store.unit_of_work(system(system_clock())) as uow:
        home = uow.create(clinic()).id
        numbers = sorted({hospital_message.read(one).cpr for one in messages()})
        for number in numbers:
            numbered = {"identifier": [{"system": systems.CPR, "value": number}]}
            uow.create(patient(home, family="Elmer") | numbered)
    hospital = Caller(Role.SYSTEM, name="hospital system")
    outcomes = []
    for one in messages():
        answer = hospital.send("POST", "/$process-message", one)
        assert answer.status_code == 200, answer.content
        outcomes.append(answer.json()["issue"][0]["details"]["text"])
    assert "the stay is taken in" in outcomes
    tally("hospital notification", f"{len(outcomes)} MedCom examples taken in, {len(set(outcomes))} kinds of outcome")
