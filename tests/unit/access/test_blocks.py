"""Blocks: what a patient keeps from a person, an organisation or everybody, through the record and in every answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lib import people, world
from lib.world import World
from tovholder import store
from tovholder.access import Context, Role, blocks
from tovholder.access.domain import Emergency, Right
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.store import consents

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Iterator[World]:
    with world.bound():
        yield world.build()


def block(here: World, patient: str, **aim: str) -> str:
    ctx = here.citizen(patient)
    aim.setdefault("actor", "")
    with store.unit_of_work(ctx) as uow:
        return uow.create(consents.block_resource(ctx, patient, **aim)).id


def end(here: World, patient: str, rid: str) -> None:
    ctx = here.citizen(patient)
    with store.unit_of_work(ctx) as uow:
        uow.update({**uow.read("Consent", rid), "status": "inactive"})


def seen(ctx: Context, kind: str, patient: str) -> set[str]:
    name = "_id" if kind == "Patient" else "patient"
    return {entry.id for entry in store.search(ctx, kind, [(name, patient)]).entries}


def there(ctx: Context, kind: str, rid: str) -> bool:
    try:
        store.read(ctx, kind, rid)
    except Problem as problem:
        return problem.category is not Category.NOT_FOUND
    return True


def test_a_blocked_organisation_finds_nothing_and_sees_it_again_when_the_block_ends(here: World) -> None:
    patient = here.patient()
    condition = here.diagnose(patient)
    assert there(here.gp, "Condition", condition)
    rid = block(here, patient, actor=f"Organization/{here.clinic}")
    for ctx in (here.gp, here.staff):
        assert not there(ctx, "Condition", condition) and not there(ctx, "Patient", patient)
        assert seen(ctx, "Condition", patient) == set() == seen(ctx, "Patient", patient)
    assert there(here.citizen(patient), "Condition", condition)
    assert there(here.system, "Condition", condition)
    end(here, patient, rid)
    assert there(here.gp, "Condition", condition)


def test_a_blocked_person_alone_finds_nothing(here: World) -> None:
    patient = here.patient()
    block(here, patient, actor="Practitioner/nurse")
    assert not there(here.staff, "Patient", patient)
    assert there(here.gp, "Patient", patient)


def test_a_block_of_an_organisation_reaches_its_units_and_not_its_neighbours(here: World) -> None:
    with store.unit_of_work(here.system) as uow:
        whole = uow.create(people.clinic("Sygehuset", kind="hospital")).id
        part = uow.create({**people.clinic("Afdeling"), "partOf": {"reference": f"Organization/{whole}"}}).id
        unit = uow.create({**people.clinic("Klinik"), "partOf": {"reference": f"Organization/{part}"}}).id
        # Two that say they are part of each other end no walk in a circle.
        uow.update({**uow.read("Organization", whole), "partOf": {"reference": f"Organization/{unit}"}})
    from tovholder.access import units

    assert set(units.of(unit)) == {unit, part, whole}
    assert units.of(unit)[0] == unit
    patient = here.patient()
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{patient}"},
        "participant": [{"member": {"reference": f"Organization/{unit}"}}],
    }
    with store.unit_of_work(here.system) as uow:
        uow.create(team)
    ctx = replace(people.context(Role.HOSPITAL, unit, now=here.now), units=units.of(unit))
    assert there(ctx, "Patient", patient)
    block(here, patient, actor=f"Organization/{part}")
    assert not there(ctx, "Patient", patient)
    assert there(here.gp, "Patient", patient)


def test_a_kind_of_data_is_kept_back_and_the_frame_stays(here: World) -> None:
    patient = here.patient()
    asthma, depression = here.diagnose(patient, "R95"), here.diagnose(patient, "P76")
    measured = here.measure(patient, "MCS88019", 80)
    block(here, patient, kind="mental-health")
    assert seen(here.gp, "Condition", patient) == {asthma}
    assert not there(here.gp, "Condition", depression)
    assert there(here.gp, "Observation", measured)
    assert blocks.withheld(here.gp, [patient]) and blocks.withheld(here.gp)
    assert not blocks.withheld(here.citizen(patient), [patient])
    assert not blocks.withheld(here.receiver)
    block(here, patient, kind="diagnoses", actor=f"Practitioner/{here.doctor}")
    assert seen(here.gp, "Condition", patient) == set()
    assert seen(here.staff, "Condition", patient) == {asthma}
    assert there(here.gp, "Patient", patient)
    assert seen(here.citizen(patient), "Condition", patient) == {asthma, depression}


def test_a_period_is_kept_back_and_what_has_no_date_with_it(here: World) -> None:
    patient = here.patient()
    before = here.diagnose(patient, recorded="2019-12-31")
    within = here.diagnose(patient, recorded="2020-06-01")
    after = here.diagnose(patient, recorded="2021-01-01")
    undated = here.diagnose(patient, recorded=None)
    block(here, patient, data_from="2020-01-01", data_until="2020-12-31")
    assert seen(here.gp, "Condition", patient) == {before, after}
    assert seen(here.citizen(patient), "Condition", patient) == {before, within, after, undated}


def _stored(here: World, resource: dict[str, Any]) -> str:
    with store.unit_of_work(here.system) as uow:
        return uow.create(resource).id


def test_what_lasted_into_a_blocked_period_is_kept_back(here: World) -> None:
    """An admission that began before the period, ended after it or went on all through it reaches into it."""
    patient = here.patient()

    def stay(**period: str) -> str:
        about = {"status": "finished", "class": {"code": "IMP"}, "subject": {"reference": f"Patient/{patient}"}}
        return _stored(here, {"resourceType": "Encounter", **about, **({"period": period} if period else {})})

    before = stay(start="2019-11-01", end="2019-12-31")
    into = stay(start="2019-12-20", end="2020-01-05")
    out_of = stay(start="2020-12-30", end="2021-02-01")
    through = stay(start="2018-01-01", end="2022-01-01")
    open_ended = stay(start="2019-05-01")
    began_unknown, ended_unknown_before = stay(end="2020-03-01"), stay(end="2019-03-01")
    after = stay(start="2021-01-01", end="2021-01-02")
    every = {before, into, out_of, through, open_ended, began_unknown, ended_unknown_before, after}
    block(here, patient, data_from="2020-01-01", data_until="2020-12-31")
    assert seen(here.gp, "Encounter", patient) == {before, after, ended_unknown_before}
    assert seen(here.citizen(patient), "Encounter", patient) == every
    (aim,) = blocks.of_patient(patient)
    hidden = {rid for rid in every if aim.hides(store.read(here.citizen(patient), "Encounter", rid).resource)}
    assert hidden == every - {before, after, ended_unknown_before}


def test_a_disease_that_ended_within_a_blocked_period_is_kept_back(here: World) -> None:
    patient = here.patient()

    def ill(onset: str, over: str) -> str:
        told = people.condition(patient, "R95", recorded=onset)
        if over:
            ended = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}
            told = {**told, "abatementDateTime": over, "clinicalStatus": {"coding": [ended]}}
        return _stored(here, {**told, "onsetDateTime": onset})

    ended, goes_on = ill("2018-02-01", "2020-05-01"), ill("2018-02-01", "")
    block(here, patient, data_from="2020-01-01", data_until="2020-12-31")
    assert seen(here.gp, "Condition", patient) == {goes_on}
    assert not there(here.gp, "Condition", ended)


def _client(here: World, *, organization: str | None = None, **more: Any) -> Context:
    return replace(
        people.system(here.now), actor="system:client:x", person="user-of-x", organization=organization, **more
    )


def test_a_system_of_others_is_kept_from_what_is_blocked_unless_it_has_the_right(here: World) -> None:
    patient, other = here.patient(), here.patient()
    condition, depression = here.diagnose(patient), here.diagnose(patient, code="P76")
    client, trusted = _client(here), _client(here, rights=frozenset({Right.BLOCKED}))
    kind = block(here, patient, kind="mental-health")
    assert seen(client, "Condition", patient) == {condition}
    assert not there(client, "Condition", depression)
    for asked in ([("patient", patient)], []):
        assert [note.code for note in store.search(client, "Condition", asked).notes] == ["suppressed"]
    assert seen(trusted, "Condition", patient) == seen(here.system, "Condition", patient) == {condition, depression}
    end(here, patient, kind)
    whole = block(here, patient)
    assert seen(client, "Patient", patient) == set() == seen(client, "Condition", patient)
    assert not there(client, "Patient", patient) and there(client, "Patient", other)
    assert {row["patient_id"] for row in store.facts(client, "SELECT patient_id FROM patient")} == {other}
    with store.unit_of_work(client) as uow, pytest.raises(Problem):
        uow.read("Condition", condition)
    with store.unit_of_work(client) as uow:  # what it brings goes in
        brought = uow.create(people.condition(patient, "R95", recorded=days.iso(here.today))).id
    assert not there(client, "Condition", brought) and there(here.citizen(patient), "Condition", brought)
    end(here, patient, whole)
    block(here, patient, actor=f"Organization/{here.other_clinic}")
    assert there(client, "Patient", patient)
    assert not there(_client(here, organization=here.other_clinic), "Patient", patient)


def changed(ctx: Context, told: dict[str, Any], **how: Any) -> Category | None:
    """How an update or (with nothing told but type and id) a deletion is refused; None for done."""
    try:
        with store.unit_of_work(ctx) as uow:
            if set(told) == {"resourceType", "id"}:
                uow.delete(told["resourceType"], told["id"], **how)
            else:
                uow.update(told, **how)
    except Problem as problem:
        return problem.category
    return None


def test_a_system_changes_unseen_what_it_brought_and_nothing_else(here: World) -> None:
    patient = here.patient()
    client, trusted = _client(here), _client(here, rights=frozenset({Right.BLOCKED}))
    other = replace(client, actor="system:client:y", person="user-of-y")
    recorded = days.iso(here.today)
    theirs = here.diagnose(patient)
    with store.unit_of_work(client) as uow:
        told = uow.create(people.condition(patient, "R95", recorded=recorded))
    gone = here.diagnose(patient)
    with store.unit_of_work(here.system) as uow:
        uow.delete("Condition", gone)
    before = people.condition(patient, "R96", recorded=recorded) | {"id": theirs}
    assert changed(client, before) is None  # while nothing is kept from it
    theirs = here.diagnose(patient)  # another, which it never touched
    block(here, patient)
    mine = people.condition(patient, "R96", recorded=recorded) | {"id": told.id}
    hidden = people.condition(patient, "R96", recorded=recorded) | {"id": theirs}
    assert changed(client, mine) is None
    assert changed(client, mine, if_match=1) is Category.PRECONDITION
    for ctx in (other, client):
        assert changed(ctx, hidden) is Category.NOT_FOUND
        assert changed(ctx, hidden, if_match=9) is Category.NOT_FOUND  # tells no version
        assert changed(ctx, {"resourceType": "Condition", "id": theirs}) is Category.NOT_FOUND
        assert changed(ctx, hidden | {"id": gone}) is Category.NOT_FOUND
    assert changed(other, mine) is Category.NOT_FOUND
    assert changed(other, {"resourceType": "Condition", "id": told.id}) is Category.NOT_FOUND
    assert changed(client, {"resourceType": "Patient", "id": patient}) is Category.NOT_FOUND
    # Made and corrected in one go, and taken back; both unseen.
    with store.unit_of_work(client) as uow:
        made = uow.create(people.condition(patient, "R95", recorded=recorded))
        uow.update(people.condition(patient, "R96", recorded=recorded) | {"id": made.id})
    assert changed(client, {"resourceType": "Condition", "id": made.id}) is None
    assert changed(trusted, hidden) is None and changed(here.system, hidden) is None
    assert store.read(here.citizen(patient), "Condition", theirs).version == 3


def test_a_block_holds_for_its_time(here: World) -> None:
    patient = here.patient()
    block(here, patient, until=days.iso(here.today + 2))
    assert not there(here.gp, "Patient", patient)
    assert not there(here.later(2).gp, "Patient", patient)
    assert there(here.later(3).gp, "Patient", patient)


def test_what_is_kept_back_cannot_be_written(here: World) -> None:
    patient = here.patient()
    condition = here.diagnose(patient)
    block(here, patient, actor=f"Organization/{here.clinic}")
    with pytest.raises(Problem) as told, store.unit_of_work(here.gp) as uow:
        uow.update({**uow.as_system("test").read("Condition", condition), "onsetString": "?"})
    assert told.value.category is Category.NOT_FOUND
    with pytest.raises(Problem) as told, store.unit_of_work(here.gp) as uow:
        uow.create(people.condition(patient))
    assert told.value.category is Category.NOT_FOUND


def test_an_open_emergency_lifts_every_block_of_that_patient_alone(here: World) -> None:
    patient, other = here.patient(), here.patient(family="Hansen")
    for one in (patient, other):
        here.diagnose(one)
        block(here, one, actor=f"Organization/{here.clinic}")
        block(here, one, kind="diagnoses")
    until = days.millis(here.now) + 1000
    ctx = replace(here.gp, emergencies=(Emergency(1, patient, until, "danger"),))
    assert len(seen(ctx, "Condition", patient)) == 1 and seen(ctx, "Condition", other) == set()
    assert not blocks.withheld(ctx, [patient])
    late = replace(ctx, now=days.noon(here.today + 1))
    assert seen(late, "Condition", patient) == set()


def wrong(consent: dict[str, Any], **provision: Any) -> dict[str, Any]:
    return {**consent, "provision": {**consent["provision"], **provision}}


@pytest.mark.parametrize(
    "provision",
    [
        {"provision": [{"type": "permit"}]},
        {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}]},
        {"code": [{"coding": [{"system": systems.ICPC2, "code": "P76"}]}]},
        {"actor": [{"role": {"text": "x"}, "reference": {"reference": "Group/g"}}]},
        {"actor": [{"role": {"text": "x"}, "reference": {"display": "somebody"}}]},
        {"actor": [{"role": {"text": "x"}, "reference": {"reference": "https://elsewhere.test/Organization/1"}}]},
        {"class": [{"system": "http://example.test", "code": "x"}]},
        {"class": [{"system": "http://tovholder.dk/fhir/CodeSystem/data-kind", "code": "secrets"}]},
        {"period": {"start": "2027-03-02", "end": "2027-03-01"}},
        {"type": "permit"},
    ],
)
def test_a_block_that_is_not_understood_is_refused_and_not_stored(here: World, provision: dict[str, Any]) -> None:
    patient = here.patient()
    ctx = here.citizen(patient)
    with pytest.raises(Problem) as told, store.unit_of_work(ctx) as uow:
        uow.create(wrong(consents.block_resource(ctx, patient, actor=""), **provision))
    assert told.value.category in (Category.RULE, Category.INVALID)
    assert blocks.of_patient(patient) == []


def test_nobody_blocks_or_opens_for_another(here: World) -> None:
    patient, other = here.patient(), here.patient(family="Hansen")
    for ctx in (here.citizen(other), here.gp, here.staff, here.receiver):
        with pytest.raises(Problem), store.unit_of_work(ctx) as uow:
            uow.create(consents.block_resource(ctx, patient, actor=""))
        with pytest.raises(Problem), store.unit_of_work(ctx) as uow:
            uow.create(
                consents.open_resource(ctx, patient, organization=here.prevention, display="", until="2027-09-01")
            )
    assert not there(here.receiver, "Patient", patient)


def test_the_patient_lets_an_organisation_in_until_a_day(here: World) -> None:
    patient = here.patient()
    ctx = here.citizen(patient)
    assert not there(here.receiver, "Patient", patient)
    with store.unit_of_work(ctx) as uow:
        made = consents.open_resource(
            ctx, patient, organization=here.prevention, display="Sundhedscenter Øst", until="2027-03-10"
        )
        uow.create(made)
    assert there(here.receiver, "Patient", patient)
    assert not there(here.later(10).receiver, "Patient", patient)


DIAGNOSES = "SELECT d.patient_id, d.diagnosis_id, d.code FROM diagnosis AS d"
MEASURED = "SELECT m.patient_id, m.code FROM measurement AS m"
PATIENTS = "SELECT p.patient_id FROM patient AS p"


def test_facts_leave_out_what_is_kept_back_for_one_patient_and_for_the_clinic(here: World) -> None:
    open_one, half, whole = here.patient(), here.patient(family="Hansen"), here.patient(family="Olsen")
    for one in (open_one, half, whole):
        here.diagnose(one, "R95")
        here.diagnose(one, "P76")
        here.measure(one, "MCS88019", 80)
    block(here, half, kind="mental-health", actor=f"Organization/{here.clinic}")
    block(here, whole, actor=f"Organization/{here.clinic}")

    def codes(ctx: Context, patient: str | None = None) -> list[tuple[str, str]]:
        return sorted((row["patient_id"], row["code"]) for row in store.facts(ctx, DIAGNOSES, patient=patient))

    everything = sorted([(open_one, "R95"), (open_one, "P76"), (half, "R95")])
    assert codes(here.gp) == everything
    assert codes(here.gp, half) == [(half, "R95")]
    assert codes(here.gp, whole) == []
    assert codes(here.citizen(half)) == [(half, "P76"), (half, "R95")]
    assert len(codes(here.system)) == 6
    assert {row["patient_id"] for row in store.facts(here.gp, MEASURED)} == {open_one, half}
    assert {row["patient_id"] for row in store.facts(here.gp, PATIENTS)} == {open_one, half}
    until = days.millis(here.now) + 1000
    ctx = replace(here.gp, emergencies=(Emergency(1, half, until, "danger"),))
    assert codes(ctx) == sorted([*everything, (half, "P76")])
    assert codes(here.gp) == everything


def test_an_answer_says_that_something_is_withheld_and_not_what(here: World) -> None:
    patient, other = here.patient(), here.patient(family="Hansen")
    here.diagnose(patient, "P76")
    here.diagnose(other)

    def told(ctx: Context, *params: tuple[str, str], kind: str = "Condition") -> list[str]:
        return [note.code for note in store.search(ctx, kind, params).notes]

    assert told(here.gp, ("patient", patient)) == []
    rid = block(here, patient, kind="mental-health")
    assert told(here.gp, ("patient", patient)) == ["suppressed"]
    assert told(here.gp, ("patient", patient), ("code", "R95")) == ["suppressed"]
    assert told(here.gp) == ["suppressed"]
    assert told(here.gp, kind="Organization") == []
    assert told(here.gp, ("patient", other)) == [] == told(here.citizen(patient)) == told(here.receiver)
    block(here, patient, actor=f"Organization/{here.clinic}")
    assert told(here.gp, ("patient", patient)) == []
    end(here, patient, rid)


def test_a_version_of_before_is_withheld_by_what_it_said_itself(here: World) -> None:
    patient = here.patient()
    rid = here.diagnose(patient, "P76")
    with store.unit_of_work(here.system) as uow:
        uow.update({**uow.read("Condition", rid), "code": {"coding": [{"system": systems.ICPC2, "code": "R95"}]}})
    gone = here.diagnose(patient, "P77")
    with store.unit_of_work(here.system) as uow:
        uow.delete("Condition", gone)
    assert store.read(here.gp, "Condition", rid, version=1)
    assert len(store.history(here.gp, "Condition", gone).versions) == 2
    block(here, patient, kind="mental-health")
    assert there(here.gp, "Condition", rid)
    with pytest.raises(Problem):
        store.read(here.gp, "Condition", rid, version=1)
    page = store.history(here.gp, "Condition", rid)
    assert [version.stored.version for version in page.versions] == [2] and page.withheld and page.total is None
    assert all(not version.stored.body for version in store.history(here.gp, "Condition", gone).versions)
    assert len(store.history(here.citizen(patient), "Condition", rid).versions) == 2
