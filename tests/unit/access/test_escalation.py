"""Nobody widens their own sight: relations, references, old versions and others' work, tried by every role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from lib.people import NOW, clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Context, Role, audit, people
from tovholder.access.people import Persona
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.store.relations import LONGEST_WAIT_DAYS, relations_of

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


def ref(kind: str, rid: str) -> Json:
    return {"reference": f"{kind}/{rid}"}


@dataclass
class Scene:
    """Two clinics with a patient each, and a physiotherapist to whom the first patient is referred."""

    here: str
    there: str
    physio: str
    mine: str
    theirs: str
    referral: str

    @property
    def gp(self) -> Context:
        return context(Role.GP, self.here, actor="Practitioner/here")

    @property
    def neighbour(self) -> Context:
        return context(Role.GP, self.there, actor="Practitioner/there")

    @property
    def partner(self) -> Context:
        return context(Role.PARTNER, self.physio, actor="Practitioner/physio")

    @property
    def citizen(self) -> Context:
        return context(Role.CITIZEN, None, patient=self.mine)


def write(ctx: Context, resource: Json) -> Json:
    with store.unit_of_work(ctx) as uow:
        return (uow.update(resource) if "id" in resource else uow.create(resource)).resource


def refused(ctx: Context, resource: Json) -> Category:
    before = len(versions())
    with pytest.raises(Problem) as told:
        write(ctx, resource)
    assert len(versions()) == before
    return told.value.category


def versions() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM store_version")
        return [row[0] for row in cursor.fetchall()]


def task(about: str, owner: str, **more: Any) -> Json:
    made = {"resourceType": "Task", "status": "requested", "intent": "order", "authoredOn": "2027-02-01"}
    return made | {"for": ref("Patient", about), "owner": ref("Organization", owner)} | more


def appointment(about: str, organization: str, start: str = "2027-04-01") -> Json:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": f"{start}T09:00:00Z",
        "end": f"{start}T09:30:00Z",
        "created": "2027-03-01",
        "participant": [{"actor": ref("Patient", about), "status": "accepted"}],
        "extension": [
            {"url": systems.extension_url("organization"), "valueReference": ref("Organization", organization)}
        ],
    }


def observation(about: str, performer: str) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "FEV1"},
        "subject": ref("Patient", about),
        "performer": [{"reference": performer}],
    }


def goal(about: str, by: str) -> Json:
    return {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "Gå til bageren"},
        "subject": ref("Patient", about),
        "expressedBy": {"reference": by},
    }


@pytest.fixture
def scene() -> Scene:
    with store.unit_of_work(system()) as uow:
        here, there = uow.create(clinic("Her")).id, uow.create(clinic("Der")).id
        physio = uow.create(clinic("Fys", kind="physio")).id
        mine, theirs = uow.create(patient(here)).id, uow.create(patient(there)).id
        referral = uow.create(task(mine, physio)).id
    return Scene(here, there, physio, mine, theirs, referral)


SOURCES: dict[str, Callable[[Scene], Json]] = {
    "care team": lambda s: {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": ref("Patient", s.mine),
        "participant": [{"member": ref("Organization", s.there)}],
    },
    "course": lambda s: {
        "resourceType": "EpisodeOfCare",
        "status": "active",
        "patient": ref("Patient", s.mine),
        "managingOrganization": ref("Organization", s.there),
    },
    "referral": lambda s: task(s.mine, s.there),
    "appointment": lambda s: appointment(s.mine, s.there),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_stranger_cannot_write_the_relation_that_would_let_them_in(scene: Scene, source: str) -> None:
    assert refused(scene.neighbour, SOURCES[source](scene)) is Category.NOT_FOUND


@pytest.mark.parametrize("source", SOURCES)
def test_a_receiver_opens_the_patient_to_nobody_else(scene: Scene, source: str) -> None:
    assert refused(scene.partner, SOURCES[source](scene)) is Category.FORBIDDEN


def test_a_receiver_does_not_prolong_its_own_sight_by_a_task(scene: Scene) -> None:
    assert refused(scene.partner, task(scene.mine, scene.physio) | {"owner": ref("Organization", scene.there)}) is (
        Category.FORBIDDEN
    )
    handed_on = store.read(system(), "Task", scene.referral).resource | {"owner": ref("Organization", scene.there)}
    assert refused(scene.partner, handed_on) is Category.FORBIDDEN


def test_an_appointment_far_ahead_does_not_open_the_record_until_then(scene: Scene) -> None:
    made = write(scene.partner, appointment(scene.mine, scene.physio, start="2099-01-01"))
    (row,) = relations_of(made)
    assert row.to_day == scene.gp.today + LONGEST_WAIT_DAYS + settings.ENV.aftercare_days
    soon = write(scene.partner, appointment(scene.mine, scene.physio))
    assert relations_of(soon)[0].to_day == scene.gp.today + 31 + settings.ENV.aftercare_days


def test_no_clinic_puts_people_on_a_list(scene: Scene) -> None:
    stored = store.read(system(), "Patient", scene.mine).resource
    taken = stored | {"generalPractitioner": [ref("Organization", scene.there)]}
    assert refused(scene.neighbour, taken) is Category.NOT_FOUND
    assert refused(scene.gp, taken) is Category.FORBIDDEN
    with store.unit_of_work(system()) as uow:  # now the neighbour takes part, but the list is not theirs
        uow.create(SOURCES["care team"](scene))
    both = stored | {"generalPractitioner": [ref("Organization", scene.here), ref("Organization", scene.there)]}
    assert refused(scene.neighbour, both) is Category.FORBIDDEN
    assert refused(scene.gp, patient(scene.here) | {"generalPractitioner": both["generalPractitioner"]}) is (
        Category.FORBIDDEN
    )
    assert write(scene.gp, patient(scene.here))["id"]


def test_only_the_holder_or_the_patients_own_clinic_says_who_holds_the_rope(scene: Scene) -> None:
    with store.unit_of_work(system()) as uow:
        uow.create(SOURCES["care team"](scene))
        held = uow.create(SOURCES["course"](scene) | {"managingOrganization": ref("Organization", scene.here)}).resource
    taken = held | {"managingOrganization": ref("Organization", scene.there)}
    assert refused(scene.neighbour, taken) is Category.FORBIDDEN
    assert write(scene.gp, taken)["managingOrganization"] == taken["managingOrganization"]


def test_a_resource_is_not_moved_to_or_from_another_patient(scene: Scene) -> None:
    made = write(scene.gp, condition(scene.mine, "K86"))
    assert refused(scene.gp, made | {"subject": ref("Patient", scene.theirs)}) is Category.NOT_FOUND
    foreign = write(system(), condition(scene.theirs, "K86"))
    assert refused(scene.gp, foreign | {"subject": ref("Patient", scene.mine)}) is Category.NOT_FOUND


def test_an_old_version_about_another_patient_stays_theirs(scene: Scene) -> None:
    made = write(system(), condition(scene.mine, "K86"))
    write(system(), made | {"subject": ref("Patient", scene.theirs)})  # entered on the wrong patient, corrected
    assert store.read(scene.neighbour, "Condition", made["id"]).version == 2
    with pytest.raises(Problem) as told:
        store.read(scene.neighbour, "Condition", made["id"], version=1)
    assert told.value.category is Category.NOT_FOUND


def test_references_do_not_lead_into_another_patients_record(scene: Scene) -> None:
    foreign = write(system(), SOURCES["course"](scene) | {"patient": ref("Patient", scene.theirs)})
    link = {"url": systems.EPISODE_OF_CARE_EXTENSION, "valueReference": ref("EpisodeOfCare", foreign["id"])}
    absent = link | {"valueReference": ref("EpisodeOfCare", "nowhere")}
    told: set[str] = set()
    for extension in (link, absent):
        with pytest.raises(Problem) as problem:
            write(scene.gp, condition(scene.mine, "K86") | {"extension": [extension]})
        told.add(str(problem.value.issues[0]))
    assert len(told) == 1  # nobody learns from the answer whether the other's course is there
    group = appointment(scene.mine, scene.here)
    group["participant"].append({"actor": ref("Patient", scene.theirs), "status": "accepted"})
    assert refused(scene.gp, group) is Category.RULE


def test_what_others_made_is_not_changed_by_those_who_take_part(scene: Scene) -> None:
    measured = write(scene.gp, observation(scene.mine, "Practitioner/here"))
    assert refused(scene.partner, measured | {"status": "entered-in-error"}) is Category.NOT_FOUND
    own = write(scene.partner, observation(scene.mine, "Practitioner/physio"))
    assert write(scene.partner, own | {"status": "amended"})["status"] == "amended"
    booked = write(scene.gp, appointment(scene.mine, scene.here))
    assert refused(scene.partner, booked | {"comment": "flyttet"}) is Category.FORBIDDEN


def test_goals_and_answers_stay_whose_they_are(scene: Scene) -> None:
    theirs = write(scene.gp, goal(scene.mine, "Practitioner/here"))
    for change in ({"note": [{"text": "x"}]}, {"startDate": "2020-01-01"}, {"description": {"text": "x"}}):
        assert refused(scene.citizen, theirs | change) is Category.FORBIDDEN
        assert refused(scene.partner, theirs | change) is Category.FORBIDDEN
    assert refused(scene.citizen, goal(scene.theirs, f"Patient/{scene.mine}")) is Category.NOT_FOUND
    own = write(scene.citizen, goal(scene.mine, f"Patient/{scene.mine}"))
    assert refused(scene.citizen, own | {"subject": ref("Patient", scene.theirs)}) is Category.NOT_FOUND
    answers = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": ref("Patient", scene.mine)}
    by_doctor = write(scene.gp, answers | {"author": ref("Practitioner", "here")})
    assert refused(scene.citizen, by_doctor | {"status": "entered-in-error"}) is Category.FORBIDDEN
    assert refused(scene.citizen, answers | {"author": ref("Practitioner", "here")}) is Category.FORBIDDEN
    assert write(scene.citizen, answers | {"author": ref("Patient", scene.mine)})["id"]


def test_flags_proposals_and_audit_events_are_nobodys_to_write(scene: Scene) -> None:
    flag = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": ref("Patient", scene.mine)}
    raised = write(system(), flag)
    assert refused(scene.gp, flag) is Category.FORBIDDEN
    assert refused(scene.gp, raised | {"status": "inactive"}) is Category.NOT_FOUND
    proposal = {"resourceType": "RiskAssessment", "status": "final", "subject": ref("Patient", scene.mine)}
    made = write(scene.gp, proposal)
    assert refused(scene.gp, made | {"note": [{"text": "x"}]}) is Category.NOT_FOUND
    event = {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2027-03-01T00:00:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": ref("Organization", scene.here)},
    }
    for ctx in (scene.gp, system()):
        assert refused(ctx, event) is Category.FORBIDDEN


def test_a_patient_made_in_a_unit_counts_in_it(scene: Scene) -> None:
    with store.unit_of_work(scene.gp) as uow:
        made = uow.create(patient(scene.here)).id
        uow.create(condition(made, "K86"))
    assert store.search(scene.gp, "Condition", [("patient", made)]).entries


def test_a_refusal_stands_in_the_patients_audit_trail(scene: Scene) -> None:
    with audit.answer() as entries:
        with pytest.raises(Problem):
            store.read(scene.neighbour, "Patient", scene.mine)
        with pytest.raises(Problem):
            write(scene.neighbour, condition(scene.mine, "K86"))
        with pytest.raises(Problem):
            store.read(scene.neighbour, "Patient", "nowhere")
    assert [(entry.outcome, entry.patients) for entry in entries] == [("refused", frozenset({scene.mine}))] * 2


def test_a_token_of_the_demos_key_means_nothing_under_another(settings: Any) -> None:
    people.save_persona(Persona("system", "System", "", Role.SYSTEM, "", "", ""))
    token = people.make_token("system", NOW)
    assert people.context_of_token(token, NOW).role is Role.SYSTEM
    settings.SECRET_KEY = "another" * 10
    with pytest.raises(Problem) as told:
        people.context_of_token(token, NOW)
    assert told.value.category is Category.UNAUTHENTICATED


def relative(about: str, **more: Any) -> Json:
    made = {"resourceType": "RelatedPerson", "patient": ref("Patient", about)}
    return made | {"identifier": [{"system": systems.CPR, "value": "0101700000"}]} | more


def related(code: str) -> Json:
    return {
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": code}]}]
    }


def test_a_clinic_writes_down_relatives_and_makes_nobody_act_for_the_patient(scene: Scene) -> None:
    for code in ("GUARD", "PARAUTH", "FTH", "MTH", "PRN"):
        assert refused(scene.gp, relative(scene.mine, **related(code))) is Category.FORBIDDEN
    sister = write(scene.gp, relative(scene.mine, **related("SIS")))
    assert write(scene.gp, sister | {"telecom": [{"system": "phone", "value": "12345678"}]})
    other = {"identifier": [{"system": systems.CPR, "value": "0202700000"}]}
    assert refused(scene.gp, sister | other) is Category.FORBIDDEN
    assert refused(scene.gp, sister | related("GUARD")) is Category.FORBIDDEN
    guardian = write(system(), relative(scene.mine, period={"end": "2027-12-31"}, **related("GUARD")))
    assert write(scene.gp, guardian | {"telecom": [{"system": "phone", "value": "12345678"}]})
    assert refused(scene.gp, guardian | {"period": {"end": "2030-12-31"}}) is Category.FORBIDDEN
    assert write(scene.gp, guardian | {"active": False})
