"""Who may stand in for a patient: custody, parents, guardians, powers of attorney, and what the patient takes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lib import people, world
from lib.world import World
from tovholder import store
from tovholder.access import generation, persons
from tovholder.access.representation import AREAS, Represented, of_person
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.store import consents

pytestmark = pytest.mark.django_db
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
DANISH = "http://hl7.dk/fhir/core/CodeSystem/dk-relatedperson-relationshipcodes"
MOTHER, FATHER = "2911829996", "1502779995"


@pytest.fixture
def here() -> Iterator[World]:
    with world.bound():
        yield world.build()


def relative(here: World, patient: str, number: str, *codes: str, **more: Any) -> str:
    made = {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": systems.CPR, "value": number}],
        "patient": {"reference": f"Patient/{patient}"},
        "relationship": [
            {"coding": [{"system": DANISH if code == "PARAUTH" else ROLE_CODE, "code": code}]} for code in codes
        ],
        **more,
    }
    with store.unit_of_work(here.system) as uow:
        return uow.create(made).id


def holds(here: World, number: str, *, today: int | None = None) -> list[Represented]:
    day = here.today if today is None else today
    return [one for one in of_person(persons.person_of(number)) if one.holds(day)]


def agree(here: World, patient: str, consent: dict[str, Any]) -> str:
    with store.unit_of_work(here.citizen(patient)) as uow:
        return uow.create(consent).id


def test_parents_act_for_a_child_until_it_is_fifteen(here: World) -> None:
    child = here.patient(born="2015-06-15")
    relative(here, child, MOTHER, "MTH")
    (found,) = holds(here, MOTHER)
    assert (found.patient_id, found.why, found.areas) == (child, "parent", frozenset(AREAS))
    birthday = world.day("2030-06-15")
    assert holds(here, MOTHER, today=birthday - 1) and holds(here, MOTHER, today=birthday) == []


def test_of_a_grown_up_and_of_one_whose_age_is_unknown_parents_are_relatives(here: World) -> None:
    relative(here, here.patient(born="1990-06-15"), MOTHER, "MTH")
    relative(here, here.patient(born="2015"), MOTHER, "MTH")
    assert holds(here, MOTHER) == []


def test_where_custody_is_told_only_those_who_have_it_act(here: World) -> None:
    child = here.patient(born="2015-06-15")
    relative(here, child, MOTHER, "MTH", "PARAUTH")
    relative(here, child, FATHER, "FTH")
    assert [one.patient_id for one in holds(here, MOTHER)] == [child]
    assert holds(here, FATHER) == []


def test_a_guardian_acts_for_a_grown_up_for_the_time_told(here: World) -> None:
    ward = here.patient()
    relative(here, ward, MOTHER, "GUARD", period={"start": "2026-01-01", "end": "2027-03-05"})
    assert [one.why for one in holds(here, MOTHER)] == ["guardian"]
    assert holds(here, MOTHER, today=world.day("2027-03-05")) and not holds(here, MOTHER, today=world.day("2027-03-06"))


@pytest.mark.parametrize(
    "more",
    [{"active": False}, {"identifier": [{"system": systems.SOR, "value": MOTHER}]}, {"period": {"end": "2027-02-01"}}],
)
def test_who_is_no_longer_a_relative_or_has_no_number_acts_for_nobody(here: World, more: dict[str, Any]) -> None:
    relative(here, here.patient(), MOTHER, "GUARD", **more)
    assert holds(here, MOTHER) == []


def test_a_relative_needs_a_power_of_attorney_which_has_areas_and_an_end(here: World) -> None:
    patient = here.patient()
    spouse = relative(here, patient, MOTHER, "SPS")
    assert holds(here, MOTHER) == []
    ctx = here.citizen(patient)
    made = consents.power_resource(ctx, patient, related=spouse, display="", areas=("plan",), until="2027-04-01")
    rid = agree(here, patient, made)
    (found,) = holds(here, MOTHER)
    assert (found.why, found.areas) == ("poa", {"plan"})
    assert holds(here, MOTHER, today=world.day("2027-04-01")) and not holds(here, MOTHER, today=world.day("2027-04-02"))
    before = generation.current()
    with store.unit_of_work(ctx) as uow:
        uow.update({**uow.read("Consent", rid), "status": "inactive"})
    assert holds(here, MOTHER) == [] and generation.current() != before


def test_a_power_of_attorney_reaches_no_other_patient(here: World) -> None:
    patient, other = here.patient(), here.patient(family="Hansen")
    elsewhere = relative(here, other, MOTHER, "SPS")
    ctx = here.citizen(patient)
    with pytest.raises(Problem), store.unit_of_work(ctx) as uow:
        uow.create(consents.power_resource(ctx, patient, related=elsewhere, display="", areas=AREAS))
    with store.unit_of_work(here.system) as uow:
        uow.create(consents.power_resource(ctx, patient, related="later", display="", areas=AREAS))
    assert holds(here, MOTHER) == []


def test_the_patient_takes_back_what_the_registry_gives(here: World) -> None:
    patient = here.patient()
    guardian = relative(here, patient, MOTHER, "GUARD")
    assert holds(here, MOTHER)
    ctx = here.citizen(patient)
    denied = consents.block_resource(ctx, patient, actor=f"RelatedPerson/{guardian}")
    agree(here, patient, denied)
    assert holds(here, MOTHER) == []


@pytest.mark.parametrize(
    "change",
    [
        {"action": []},
        {"action": [{"coding": [{"system": consents.AREA_SYSTEM, "code": "everything"}]}]},
        {"action": [{"coding": [{"system": consents.AREA_SYSTEM, "code": "plan"}, {"system": "x:y", "code": "z"}]}]},
        {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]},
    ],
)
def test_a_power_of_attorney_that_is_not_understood_is_refused(here: World, change: dict[str, Any]) -> None:
    patient = here.patient()
    spouse = relative(here, patient, MOTHER, "SPS")
    ctx = here.citizen(patient)
    made = consents.power_resource(ctx, patient, related=spouse, display="", areas=("plan",))
    made["provision"] = {key: value for key, value in (made["provision"] | change).items() if value}
    with pytest.raises(Problem) as told, store.unit_of_work(ctx) as uow:
        uow.create(made)
    assert told.value.category in (Category.RULE, Category.INVALID)
    assert holds(here, MOTHER) == []


def test_what_is_remembered_is_forgotten_when_a_relative_or_a_unit_changes(here: World) -> None:
    patient = here.patient()
    numbers = [generation.current()]
    relative(here, patient, MOTHER, "SPS")
    numbers.append(generation.current())
    with store.unit_of_work(here.system) as uow:
        uow.create({**people.clinic("Afsnit"), "partOf": {"reference": f"Organization/{here.clinic}"}})
    numbers.append(generation.current())
    here.diagnose(patient)
    numbers.append(generation.current())
    assert len(set(numbers)) == 3 and numbers[2] == numbers[3]


def test_the_official_examples_say_who_is_guardian_and_parent(here: World) -> None:
    """Parents and guardians as hl7.fhir.dk.core writes them: MTH, FTH, GUARD, and a CPR number without a hyphen."""
    child = here.patient(born="2016-02-01")
    relative(here, child, MOTHER, "MTH", name=[{"use": "official", "family": "Berggren", "given": ["Kirsten", "Test"]}])
    relative(here, child, FATHER, "GUARD")
    assert [one.why for one in holds(here, MOTHER)] == ["parent"]
    assert [one.why for one in holds(here, FATHER)] == ["guardian"]
    assert days.iso(holds(here, MOTHER)[0].to_day or 0) == "2031-01-31"
