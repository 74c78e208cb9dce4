"""Patient $everything: the whole of one record and what it refers to, nothing of anybody else's, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from lib.api import Caller
from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.access.models import AuditEvent, AuditPatient
from tovholder.store.unit import UnitOfWork

pytestmark = pytest.mark.django_db


def observation(person: str, day: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": f"Patient/{person}"},
        "effectiveDateTime": day,
        **more,
    }


class World:
    """A clinic's patient with a record, and somebody else's."""

    def __init__(self) -> None:
        with store.unit_of_work(system()) as uow:
            self.region = uow.create(clinic("Regionen")).id
            self.clinic = uow.create({**clinic(), "partOf": {"reference": f"Organization/{self.region}"}}).id
            self.other_clinic = uow.create(clinic("Fremmede Læger")).id
            self.doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Holst"}]}).id
            self.me = uow.create(patient(self.clinic)).id
            self.somebody = uow.create(patient(self.other_clinic, family="Sørensen")).id
        with store.unit_of_work(system()) as uow:
            self.fill(uow)

    def fill(self, uow: UnitOfWork) -> None:
        by = {"performer": [{"reference": f"Practitioner/{self.doctor}"}]}
        self.ill = uow.create(condition(self.me, "L90", recorded="2019-05-01")).id
        self.old = uow.create(observation(self.me, "2026-01-01", **by)).id
        self.new = uow.create(observation(self.me, "2027-02-01")).id
        self.group = uow.create(self.appointment(self.me, self.somebody)).id
        uow.create(observation(self.somebody, "2027-02-01"))
        uow.create(self.appointment(self.somebody))

    @staticmethod
    def appointment(*people: str) -> dict[str, Any]:
        actors = [{"actor": {"reference": f"Patient/{one}"}, "status": "accepted"} for one in people]
        times = {"start": "2027-02-10T10:00:00Z", "end": "2027-02-10T11:00:00Z"}
        return {"resourceType": "Appointment", "status": "booked", "participant": actors, **times}

    @property
    def all(self) -> set[str]:
        mine = {"Condition": [self.ill], "Observation": [self.old, self.new], "Appointment": [self.group]}
        told = {f"{kind}/{rid}" for kind, rids in mine.items() for rid in rids}
        return told | {f"Patient/{self.me}"} | self.directory

    @property
    def directory(self) -> set[str]:
        return {f"Organization/{self.clinic}", f"Organization/{self.region}", f"Practitioner/{self.doctor}"}


@pytest.fixture
def world() -> World:
    return World()


def references(bundle: dict[str, Any], mode: str = "") -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", [])
        if mode in ("", entry["search"]["mode"]) and entry["fullUrl"].endswith(entry["resource"]["id"])
    ]


def get(caller: Caller, path: str, status: int = 200) -> dict[str, Any]:
    response = caller.send("GET", path)
    assert response.status_code == status, response.content
    found: dict[str, Any] = response.json()
    return found


def walk(caller: Caller, path: str) -> list[list[str]]:
    pages = []
    while path:
        bundle = get(caller, path)
        pages.append(references(bundle))
        path = next((link["url"].partition("/fhir")[2] for link in bundle["link"] if link["relation"] == "next"), "")
    return pages


def test_everything_is_the_compartment_and_what_it_refers_to(world: World) -> None:
    bundle = get(Caller(Role.SYSTEM), f"/Patient/{world.me}/$everything")
    told = references(bundle)
    assert set(told) == world.all and len(told) == len(set(told))
    assert told[0] == f"Patient/{world.me}"
    assert set(references(bundle, "include")) == world.directory
    assert bundle["type"] == "searchset" and bundle["total"] == len(references(bundle, "match"))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
def test_pages_hold_everything_once(world: World, count: int) -> None:
    pages = walk(Caller(Role.SYSTEM), f"/Patient/{world.me}/$everything?_count={count}")
    told = [reference for page in pages for reference in page]
    assert set(told) == world.all and len(told) == len(set(told))
    assert all(len(page) <= count for page in pages)


def test_what_is_written_meanwhile_neither_repeats_nor_hides_anything(world: World) -> None:
    caller = Caller(Role.SYSTEM)
    bundle = get(caller, f"/Patient/{world.me}/$everything?_count=2")
    with store.unit_of_work(system()) as uow:
        uow.update({**uow.read("Condition", world.ill), "note": [{"text": "seen again"}]})
        late = uow.create(observation(world.me, "2027-02-20")).id
    path = next(link["url"].partition("/fhir")[2] for link in bundle["link"] if link["relation"] == "next")
    told = references(bundle) + [reference for page in walk(caller, path) for reference in page]
    assert set(told) == world.all | {f"Observation/{late}"} and len(told) == len(set(told))


def test_types_time_of_care_and_time_of_change_narrow_it(world: World) -> None:
    caller, path = Caller(Role.SYSTEM), f"/Patient/{world.me}/$everything"
    seen = set(references(get(caller, f"{path}?_type=Observation,Practitioner")))
    assert seen == {f"Observation/{world.old}", f"Observation/{world.new}", f"Practitioner/{world.doctor}"}
    recent = set(references(get(caller, f"{path}?start=2027-01-01"), "match"))
    # The old diagnosis is still active; it goes on.
    assert recent == {
        f"Patient/{world.me}",
        f"Condition/{world.ill}",
        f"Observation/{world.new}",
        f"Appointment/{world.group}",
    }
    assert f"Observation/{world.new}" not in references(get(caller, f"{path}?end=2026-12-31"))
    assert f"Observation/{world.old}" in references(get(caller, f"{path}?end=2026-01-01"))
    assert references(get(caller, f"{path}?_since=2099-01-01T00:00:00Z")) == []
    # A plus that is not encoded reaches us as a blank, here as in a history, an export and a search.
    assert references(get(caller, f"{path}?_since=2099-01-01T00:00:00+01:00")) == []
    assert set(references(get(caller, f"{path}?_since=2020-01-01T00:00:00+01:00"))) == world.all
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueCode": "Observation"}, {"name": "start", "valueDate": "2027-01-01"}],
    }
    posted = caller.send("POST", path, body)
    assert references(posted.json()) == [f"Observation/{world.new}"]


def test_what_was_deleted_is_not_told(world: World) -> None:
    with store.unit_of_work(system()) as uow:
        uow.delete("Observation", world.old)
    told = references(get(Caller(Role.SYSTEM), f"/Patient/{world.me}/$everything"))
    assert f"Observation/{world.old}" not in told
    assert f"Practitioner/{world.doctor}" not in told  # nothing refers to them any more


def test_each_sees_what_their_role_may_see(world: World) -> None:
    path = f"/Patient/{world.me}/$everything"
    doctor = references(get(Caller(Role.GP, world.clinic), path))
    assert f"Observation/{world.new}" in doctor and world.directory <= set(doctor)
    citizen = references(get(Caller(Role.CITIZEN, patient=world.me), path))
    assert f"Observation/{world.new}" in citizen
    with store.unit_of_work(system()) as uow:
        uow.create(
            {
                "resourceType": "CareTeam",
                "status": "active",
                "subject": {"reference": f"Patient/{world.me}"},
                "participant": [{"member": {"reference": f"Organization/{world.other_clinic}"}}],
            }
        )
    partner = references(get(Caller(Role.PARTNER, world.other_clinic), path))
    assert f"Patient/{world.me}" in partner
    assert not [told for told in partner if told.startswith(("Observation", "Condition"))]


def test_another_clinics_patient_is_not_there(world: World) -> None:
    assert get(Caller(Role.GP, world.other_clinic), f"/Patient/{world.me}/$everything", 404)
    assert get(Caller(Role.SYSTEM), "/Patient/nobody/$everything", 404)
    assert AuditEvent.objects.filter(action="refused").count() == 1


def test_everything_is_in_the_patients_log(world: World) -> None:
    get(Caller(Role.GP, world.clinic), f"/Patient/{world.me}/$everything")
    event = AuditEvent.objects.get(action="search")
    assert "$everything" in event.detail
    told = set(AuditPatient.objects.filter(event_id=event.pk).values_list("patient_id", flat=True))
    assert told == {world.me, world.somebody}  # who has an appointment together with them


def test_everybody_is_for_those_who_may_export(world: World) -> None:
    assert get(Caller(Role.GP, world.clinic), "/Patient/$everything", 403)
    whole = references(get(Caller(Role.SYSTEM), "/Patient/$everything"))
    assert world.all <= set(whole) and f"Patient/{world.somebody}" in whole
    assert len(whole) == len(set(whole))  # their appointment together is told once on a page
    for count in (1, 3, 5):
        pages = walk(Caller(Role.SYSTEM), f"/Patient/$everything?_count={count}")
        assert {reference for page in pages for reference in page} == set(whole)
        assert all(len(page) <= count for page in pages)


@pytest.mark.parametrize(
    "query", ["_count=0", "_count=x", "start=someday", "_type=Nonsense", "_cursor=!", "_cursor=YWJj", "other=1"]
)
def test_wishes_that_cannot_be_met_are_refused(world: World, query: str) -> None:
    told = get(Caller(Role.SYSTEM), f"/Patient/{world.me}/$everything?{query}", 400)
    assert told["resourceType"] == "OperationOutcome"
