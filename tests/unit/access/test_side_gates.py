"""Ways round what a patient decided: relatives moved between patients, blocks nobody would obey, files, an app's $open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lib import world
from lib.world import World
from tovholder import store
from tovholder.access import Context, evidence, generation, persons
from tovholder.access.domain import Grants
from tovholder.access.representation import of_person
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.store import consents, opening

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
MOTHER, FATHER, OTHER = "2911829996", "1502779995", "0101700000"


@pytest.fixture
def here() -> Iterator[World]:
    with world.bound():
        yield world.build()


def relative(here: World, patient: str, number: str, code: str) -> Json:
    made = {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": systems.CPR, "value": number}],
        "patient": {"reference": f"Patient/{patient}"},
        "relationship": [{"coding": [{"system": ROLE_CODE, "code": code}]}],
    }
    return write(here.system, made)


def write(ctx: Context, resource: Json) -> Json:
    with store.unit_of_work(ctx) as uow:
        return (uow.update(resource) if "id" in resource else uow.create(resource)).resource


def refused(ctx: Context, resource: Json) -> Category:
    with pytest.raises(Problem) as told:
        write(ctx, resource)
    return told.value.category


def acts_for(number: str) -> list[str]:
    return [one.patient_id for one in of_person(persons.person_of(number))]


def test_a_guardian_is_not_moved_to_another_patient(here: World) -> None:
    ward, other = here.patient(), here.patient()
    guardian = relative(here, ward, MOTHER, "GUARD")
    assert refused(here.gp, guardian | {"patient": {"reference": f"Patient/{other}"}}) is Category.FORBIDDEN
    assert acts_for(MOTHER) == [ward]


def test_taking_custody_off_the_record_lets_no_other_parent_act(here: World) -> None:
    child = here.patient(born="2018-01-01")
    custody = relative(here, child, MOTHER, "PARAUTH")
    relative(here, child, FATHER, "FTH")
    sister = {"relationship": [{"coding": [{"system": ROLE_CODE, "code": "SIS"}]}]}
    number = {"identifier": [{"system": systems.CPR, "value": OTHER}]}
    for change in ({"active": False}, sister, number):
        assert refused(here.gp, custody | change) is Category.FORBIDDEN
    assert acts_for(MOTHER) == [child] and acts_for(FATHER) == []
    assert write(here.gp, custody | {"telecom": [{"system": "phone", "value": "12345678"}]})
    write(here.system, store.read(here.system, "RelatedPerson", custody["id"]).resource | {"active": False})
    assert acts_for(FATHER) == [child]


def test_for_the_dead_nobody_acts_from_the_next_request_on(here: World) -> None:
    patient, child = here.patient(), here.patient(born="2018-01-01")
    sister = relative(here, patient, MOTHER, "SIS")
    relative(here, child, MOTHER, "PARAUTH")
    ctx = here.citizen(patient)
    write(ctx, consents.power_resource(ctx, patient, related=sister["id"], display="", areas=["plan"]))
    assert sorted(acts_for(MOTHER)) == sorted([patient, child])
    for rid, told in ((patient, {"deceasedDateTime": "2027-02-20"}), (child, {"deceasedBoolean": True})):
        number = generation.current()
        write(here.system, store.read(here.system, "Patient", rid).resource | told)
        assert generation.current() != number
    assert acts_for(MOTHER) == []
    number = generation.current()
    living = store.read(here.system, "Patient", child).resource | {"deceasedBoolean": False}
    write(here.system, living)
    assert acts_for(MOTHER) == [child] and generation.current() != number


def of_types(here: World, patient: str, *types: str) -> Json:
    made = consents.block_resource(here.citizen(patient), patient, actor="")
    made["provision"]["class"] = [{"system": consents.TYPE_SYSTEM, "code": name} for name in types]
    return made


@pytest.mark.parametrize("kind", ["Patient", "EpisodeOfCare", "Organization", "Practitioner", "ValueSet"])
def test_a_block_of_what_no_block_keeps_back_is_refused(here: World, kind: str) -> None:
    patient = here.patient()
    assert refused(here.citizen(patient), of_types(here, patient, "Condition", kind)) is Category.RULE


def test_a_block_of_whom_a_modifier_says_somebody_else_is_meant_is_refused(here: World) -> None:
    patient = here.patient()
    made = consents.block_resource(here.citizen(patient), patient, actor=f"Organization/{here.clinic}")
    made["provision"]["actor"][0]["modifierExtension"] = [{"url": "http://x.test/all-but", "valueBoolean": True}]
    assert refused(here.citizen(patient), made) is Category.RULE
    assert store.read(here.gp, "Patient", patient)


def test_a_block_of_documents_reaches_the_files_they_are_in(here: World) -> None:
    patient = here.patient()
    subject = {"reference": f"Patient/{patient}"}
    file = write(
        here.system,
        {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVq", "securityContext": subject},
    )
    assert store.read(here.gp, "Binary", file["id"])
    held = write(here.citizen(patient), of_types(here, patient, "DocumentReference"))
    with pytest.raises(Problem):
        store.read(here.gp, "Binary", file["id"])
    assert store.read(here.citizen(patient), "Binary", file["id"])
    write(here.citizen(patient), held | {"status": "inactive"})
    write(here.citizen(patient), of_types(here, patient, "Condition"))
    assert store.read(here.gp, "Binary", file["id"])


def test_what_is_kept_back_is_in_no_link_to_a_course(here: World) -> None:
    patient = here.patient()
    lungs = here.diagnose(patient)
    linked = "SELECT resource_id FROM episode_link WHERE resource_type = 'Condition'"

    def links(ctx: Context, about: str | None) -> list[str]:
        return [str(row["resource_id"]) for row in store.facts(ctx, linked, patient=about)]

    assert links(here.gp, None) == links(here.gp, patient) == [lungs]
    write(here.citizen(patient), of_types(here, patient, "Condition"))
    assert links(here.gp, None) == links(here.gp, patient) == []
    assert links(here.citizen(patient), patient) == [lungs]


def test_an_app_for_one_patient_opens_no_other(here: World) -> None:
    mine, theirs = here.patient(), here.patient(organization=here.other_clinic)
    known = store.read(here.system, "Patient", theirs).resource
    write(here.system, known | {"identifier": [{"system": systems.CPR, "value": OTHER}]})
    app = replace(here.gp, grants=Grants((("read", "Patient", ("",)),), mine))
    with pytest.raises(Problem) as told:
        opening.open_patient(app, OTHER, reason="visit", text="")
    assert told.value.category is Category.NOT_FOUND
    assert evidence.of_patient(theirs) == []
    everybody = replace(here.gp, grants=Grants((("read", "Patient", ("",)),)))
    assert opening.open_patient(everybody, OTHER, reason="visit", text="").id == theirs


def test_a_code_that_only_looks_like_the_levels_is_no_frame(here: World) -> None:
    patient = here.patient()
    coding = {"system": "http://example.org/codes", "code": "tovholder-level"}
    found = write(here.system, observation(patient, coding))
    assert store.read(here.gp, "Observation", found["id"])
    ctx = here.citizen(patient)
    write(ctx, consents.block_resource(ctx, patient, actor="", kind="measurements"))
    with pytest.raises(Problem):
        store.read(here.gp, "Observation", found["id"])


def observation(patient: str, coding: Json) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{patient}"},
    }
