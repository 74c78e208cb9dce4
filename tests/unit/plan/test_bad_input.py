"""Three things nobody may do, through every door: the act, the clinic's page, and plain FHIR by POST and PUT.

Each is told where it was wrong, what would have been right and what was kept; nothing is half-written.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import connection

from tovholder import store
from tovholder.access import Role, system_context
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.fhir.index_tables import INDEX_TABLES
from tovholder.plan import actions, resources
from tovholder.plan.domain import Level, PlanStatus
from tovholder.plan.values import Decision, Plan
from tovholder.store import schema
from unit.api.test_api import Caller
from unit.web import world as worlds

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


@pytest.fixture
def world() -> worlds.World:
    """A found patient on the list of a clinic whose people can log in, all rules and derivations at work."""
    return worlds.make()


@pytest.fixture
def course(world: worlds.World) -> Json:
    """The found course as stored."""
    found = store.search_all(system(), "EpisodeOfCare", [("patient", f"Patient/{world.patient}")])
    return dict(found[0].resource)


def system() -> Any:
    return system_context(system_clock(), "test")


def doctor(world: worlds.World) -> Any:
    """The doctor's own hand."""
    from tovholder.access import Context

    return Context(f"Practitioner/{world.doctor}", Role.GP, world.clinic, system_clock())


def everything() -> dict[str, int]:
    """How many rows each table of the record and of what is derived from it holds."""
    names = ["store_resource", "store_version", "cockpit_flag", "monitoring_contribution", "access_relation"]
    names += [f"fact_{name}" for name in schema.fact_tables()]
    with connection.cursor() as cursor:
        found = {}
        for name in [*names, *INDEX_TABLES]:
            cursor.execute(f"SELECT COUNT(*) FROM {name}")
            found[name] = int(cursor.fetchone()[0])
        return found


def told(answer: Any, status: int, path: str, expected: str, kept: str) -> None:
    """An OperationOutcome with path, expectation and what was kept."""
    assert answer.status_code == status, answer.content
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == [path]
    assert f"Expected {expected}" in issue["diagnostics"]
    assert f"Kept: {kept}" in issue["diagnostics"]


def refused(category: Category, path: str, kept: str, call: Any, *args: Any, **given: Any) -> None:
    with pytest.raises(Problem) as caught:
        call(*args, **given)
    problem = caught.value
    assert (problem.category, problem.issues[0].path, problem.kept) == (category, path, kept)
    assert problem.issues[0].expected


def fresh(resource: Json, **changes: Any) -> Json:
    return copy.deepcopy({key: value for key, value in resource.items() if key not in ("id", "meta")}) | changes


def start(world: worlds.World, course: Json) -> None:
    actions.start_episode(doctor(world), patient_id=world.patient, episode_id=str(course["id"]))


class TestIncludedTwice:
    EXPECTED = "one open course per patient and package"

    def test_by_the_act(self, world: worlds.World, course: Json) -> None:
        start(world, course)
        before = everything()
        given: Json = {"patient_id": world.patient, "package": "kol"}
        refused(
            Category.CONFLICT, "EpisodeOfCare", "the course as it was", actions.include_by_hand, doctor(world), **given
        )
        assert everything() == before

    def test_on_the_page(self, world: worlds.World, course: Json) -> None:
        today = days.iso(days.day_of(system_clock()))
        browser, given = worlds.browser("laege"), {"offered": today, "started": today}
        assert browser.post(world.course + "start", given).status_code == 302
        before = everything()
        answer = browser.post(world.course + "start", given)
        assert answer.status_code == 409
        assert "allerede gjort" in answer.content.decode()
        assert everything() == before

    @pytest.mark.parametrize("started", [False, True])
    def test_by_plain_fhir(self, world: worlds.World, course: Json, started: bool) -> None:
        if started:
            start(world, course)
        gp, machine = Caller(Role.GP, world.clinic), Caller(Role.SYSTEM)
        before = everything()
        told(
            gp.send("POST", "/EpisodeOfCare", fresh(course)),
            409, "EpisodeOfCare", self.EXPECTED, "the open course as it was",
        )  # fmt: skip
        again = fresh(course, id="another")
        told(
            machine.send("PUT", "/EpisodeOfCare/another", again),
            409, "EpisodeOfCare", self.EXPECTED, "the open course as it was",
        )  # fmt: skip
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
                {"resource": fresh(course), "request": {"method": "POST", "url": "EpisodeOfCare"}},
            ],
        }
        assert machine.send("POST", "", bundle).status_code == 409
        assert everything() == before  # the patient of the same transaction was undone with it


class TestPlanForSomebodyNotIncluded:
    PATH = "CarePlan.extension('workflow-episodeOfCare')"
    KEPT = "nothing was stored; the course is as it was"

    def plan(self, course: Json, **changes: Any) -> Json:
        given: Json = {
            "patient_id": resources.read_episode(course).patient_id, "episode_id": str(course["id"]), "package": "kol",
            "package_version": "1.0.0", "status": PlanStatus.DRAFT, "title": "Plan",
            "made_day": days.day_of(system_clock()),
        }  # fmt: skip
        return resources.plan_resource(Plan(**(given | changes)))

    def test_by_the_act(self, world: worlds.World, course: Json) -> None:
        before = everything()
        given: Json = {"patient_id": world.patient, "episode_id": str(course["id"])}
        refused(Category.RULE, self.PATH, self.KEPT, actions.make_plan, doctor(world), **given)
        assert everything() == before

    def test_on_the_page(self, world: worlds.World, course: Json) -> None:
        before = everything()
        answer = worlds.browser("laege").post(world.course + "plan/kladde")
        assert answer.status_code == 422
        assert "Fundet, ikke startet" in answer.content.decode()  # the page as it was, with what was wrong
        assert everything() == before
        nobody = worlds.browser("laege").post(f"/klinik/patient/{world.patient}/findes-ikke/plan/kladde")
        assert nobody.status_code in (400, 404)
        assert everything() == before

    def test_by_plain_fhir(self, world: worlds.World, course: Json) -> None:
        gp, machine = Caller(Role.GP, world.clinic), Caller(Role.SYSTEM)
        before = everything()
        expected = "include and start the patient first"
        told(gp.send("POST", "/CarePlan", self.plan(course)), 422, self.PATH, expected, self.KEPT)
        early = self.plan(course, id="early")
        told(machine.send("PUT", "/CarePlan/early", early), 422, self.PATH, expected, self.KEPT)
        homeless = self.plan(course)
        homeless["extension"] = [x for x in homeless["extension"] if x["url"] != systems.EPISODE_OF_CARE_EXTENSION]
        wanted = "a reference to the patient's EpisodeOfCare in the package"
        told(gp.send("POST", "/CarePlan", homeless), 422, self.PATH, wanted, "nothing")
        unknown = self.plan(course, episode_id="nobodys")
        told(gp.send("POST", "/CarePlan", unknown), 422, self.PATH, "the patient's own course", "nothing")
        assert everything() == before

    def test_after_a_no(self, world: worlds.World, course: Json) -> None:
        given: Json = {"patient_id": world.patient, "episode_id": str(course["id"])}
        actions.decline_episode(doctor(world), **given, reason="vil ikke")
        before = everything()
        answer = Caller(Role.GP, world.clinic).send("POST", "/CarePlan", self.plan(course))
        told(answer, 422, self.PATH, "include and start the patient first", self.KEPT)
        assert everything() == before


class TestLevelDecidedByThePatient:
    def level(self, world: worlds.World, course: Json, by: str, rid: str | None = None) -> Json:
        return resources.decision_resource(
            Decision(
                id=rid,
                patient_id=world.patient,
                episode_id=str(course["id"]),
                level=Level.ONE,
                decided_day=days.day_of(system_clock()),
                decided_by=by,
            )
        )

    def test_by_the_act(self, world: worlds.World, course: Json) -> None:
        from tovholder.access import Context

        start(world, course)
        before = everything()
        patient = Context(f"Patient/{world.patient}", Role.CITIZEN, None, system_clock(), patient=world.patient)
        given: Json = {"patient_id": world.patient, "episode_id": str(course["id"]), "level": 1}
        refused(
            Category.FORBIDDEN, "Observation.performer", "nothing was stored", actions.decide_level, patient, **given
        )
        assert everything() == before

    def test_on_the_page(self, world: worlds.World, course: Json) -> None:
        start(world, course)
        before = everything()
        answer = worlds.browser("patient").post(world.course + "niveau", {"level": "1"})
        assert answer.status_code == 403
        assert "Det har du ikke adgang til" in answer.content.decode()
        assert everything() == before

    def test_by_plain_fhir_in_the_patients_own_hand(self, world: worlds.World, course: Json) -> None:
        start(world, course)
        answers = dict.fromkeys(("biologisk", "psykisk", "social", "sundhedskompetence"), "3")
        who: Json = {"patient_id": world.patient, "episode_id": str(course["id"])}
        actions.record_needs_assessment(doctor(world), **who, answers=answers)
        actions.decide_level(doctor(world), patient_id=world.patient, episode_id=str(course["id"]), level=3)
        (held,) = [
            item.resource
            for item in store.search_all(system(), "Observation", [("patient", f"Patient/{world.patient}")])
            if resources.is_decision(item.resource)
        ]
        citizen = Caller(Role.CITIZEN, patient=world.patient, name="citizen")
        before = everything()
        mine = self.level(world, course, f"Patient/{world.patient}")
        for answer in (
            citizen.send("POST", "/Observation", mine),
            citizen.send("PUT", f"/Observation/{held['id']}", mine | {"id": held["id"]}),
        ):
            assert answer.status_code in (403, 404), answer.content
            assert "Kept: nothing" in answer.json()["issue"][0]["diagnostics"]
        assert everything() == before

    def test_by_plain_fhir_in_the_patients_name(self, world: worlds.World, course: Json) -> None:
        start(world, course)
        gp, machine = Caller(Role.GP, world.clinic), Caller(Role.SYSTEM)
        before = everything()
        mine = self.level(world, course, f"Patient/{world.patient}")
        path, expected = "Observation.performer", "Practitioner or PractitionerRole"
        told(gp.send("POST", "/Observation", mine), 403, path, expected, "nothing was stored")
        told(machine.send("PUT", "/Observation/mine", mine | {"id": "mine"}), 403, path, expected, "nothing was stored")
        assert everything() == before
