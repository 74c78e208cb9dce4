"""The unit of work: all or nothing, versions append-only, optimistic locking, scope on every call."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from lib.people import clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.base.errors import Category, Problem

pytestmark = pytest.mark.django_db


def rows(sql: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return cursor.fetchall()


def test_what_is_written_is_read_back_whole_with_version_and_time() -> None:
    with store.unit_of_work(system()) as uow:
        stored = uow.create(patient() | {"extension": [{"url": "http://example.org/x", "valueDecimal": 1.5}]})
    found = store.read(system(), "Patient", stored.id).resource
    assert found["meta"] == {"versionId": "1", "lastUpdated": "2027-03-01T09:00:00.000Z"}
    assert found["extension"] == [{"url": "http://example.org/x", "valueDecimal": 1.5}]


def test_each_update_is_a_new_version_and_the_old_one_stays() -> None:
    with store.unit_of_work(system()) as uow:
        stored = uow.create(patient())
    with store.unit_of_work(system()) as uow:
        uow.update(stored.resource | {"active": False})
    assert store.read(system(), "Patient", stored.id).resource["active"] is False
    assert "active" not in store.read(system(), "Patient", stored.id, version=1).resource


def test_an_error_in_the_middle_leaves_nothing_behind() -> None:
    with pytest.raises(Problem), store.unit_of_work(system()) as uow:
        uow.create(patient())
        uow.create({"resourceType": "Patient", "gender": "nobody"})
    assert rows("SELECT COUNT(*) FROM store_resource") == [(0,)]
    assert rows("SELECT COUNT(*) FROM access_auditevent") == [(0,)]
    assert rows("SELECT COUNT(*) FROM fact_patient") == [(0,)]


def test_a_caught_error_in_a_joined_unit_undoes_the_whole() -> None:
    with pytest.raises(Problem, match="caught"), store.unit_of_work(system()) as outer:
        outer.create(patient())
        try:
            with store.unit_of_work(system()) as inner:
                inner.create(patient())
                raise ValueError("half-way")
        except ValueError:
            pass
    assert rows("SELECT COUNT(*) FROM store_resource") == [(0,)]


def test_a_stale_version_is_refused_and_the_newer_one_kept() -> None:
    with store.unit_of_work(system()) as uow:
        stored = uow.create(patient())
    with store.unit_of_work(system()) as uow:
        uow.update(stored.resource | {"active": True}, if_match=1)
    with pytest.raises(Problem) as caught, store.unit_of_work(system()) as uow:
        uow.update(stored.resource | {"active": False}, if_match=1)
    assert caught.value.category is Category.PRECONDITION
    assert store.read(system(), "Patient", stored.id).resource["active"] is True


def test_index_and_facts_follow_the_resource() -> None:
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic())
        person = uow.create(patient(organization.id))
        uow.create(condition(person.id, "L84"))
    assert [row.id for row in store.search(system(), "Patient", [("family", "jens")]).entries] == [person.id]
    assert rows("SELECT code FROM fact_diagnosis WHERE patient_id = %s", person.id) == [("L84",)]
    assert rows("SELECT organization_id FROM fact_patient") == [(organization.id,)]
    renamed = store.read(system(), "Patient", person.id).resource | {"name": [{"family": "Østergaard"}]}
    with store.unit_of_work(system()) as uow:
        uow.update(renamed)
    assert store.search(system(), "Patient", [("family", "jens")]).entries == ()
    assert [row.id for row in store.search(system(), "Patient", [("family", "øster")]).entries] == [person.id]


def test_a_deleted_resource_is_gone_from_search_and_facts_but_its_versions_stay() -> None:
    with store.unit_of_work(system()) as uow:
        person = uow.create(patient())
    with store.unit_of_work(system()) as uow:
        uow.delete("Patient", person.id)
    with pytest.raises(Problem) as caught:
        store.read(system(), "Patient", person.id)
    assert caught.value.category is Category.GONE
    assert store.search(system(), "Patient", [("family", "jensen")]).entries == ()
    assert rows("SELECT COUNT(*) FROM fact_patient") == [(0,)]
    assert store.read(system(), "Patient", person.id, version=1).resource["name"][0]["family"] == "Jensen"


def test_another_clinics_patient_is_not_there() -> None:
    with store.unit_of_work(system()) as uow:
        mine, other = uow.create(clinic()), uow.create(clinic("Andre Læger"))
        person = uow.create(patient(mine.id))
    assert store.read(context(Role.GP, mine.id), "Patient", person.id).id == person.id
    with pytest.raises(Problem) as caught:
        store.read(context(Role.GP, other.id), "Patient", person.id)
    assert caught.value.category is Category.NOT_FOUND
    assert store.search(context(Role.GP, other.id), "Patient", []).entries == ()
    with pytest.raises(Problem), store.unit_of_work(context(Role.GP, other.id)) as uow:
        uow.update(person.resource | {"active": False})


def test_a_context_is_not_optional() -> None:
    with pytest.raises(TypeError):
        store.read("Patient", "1")  # type: ignore[call-arg, arg-type]
    with pytest.raises(ValueError, match="zone"):
        context(Role.GP, "x", now=datetime(2027, 1, 1))
    with pytest.raises(ValueError, match="anonymously"):
        context(Role.GP, "x", actor="")


def test_reads_and_writes_stand_in_the_audit_trail_and_own_reads_do_not() -> None:
    with store.unit_of_work(system()) as uow:
        mine = uow.create(clinic())
        person = uow.create(patient(mine.id))
    store.read(context(Role.GP, mine.id), "Patient", person.id)
    store.read(context(Role.CITIZEN, None, patient=person.id), "Patient", person.id)
    found = rows(
        "SELECT e.action, e.actor, p.patient_id FROM access_auditevent AS e"
        " LEFT JOIN access_auditpatient AS p ON p.event_id = e.id ORDER BY e.id"
    )
    assert found == [("create", "system:test", person.id), ("read", "Practitioner/someone", person.id)]


def test_a_conflict_of_two_tries_to_make_the_same_id_is_told() -> None:
    with store.unit_of_work(system()) as uow:
        uow.create(patient(), id="one")
    with pytest.raises(Problem) as caught, store.unit_of_work(system()) as uow:
        uow.create(patient(), id="one")
    assert caught.value.category is Category.CONFLICT


def test_time_is_an_argument() -> None:
    late = system(datetime(2030, 1, 1, 12, tzinfo=UTC))
    with store.unit_of_work(late) as uow:
        stored = uow.create(patient())
    assert stored.resource["meta"]["lastUpdated"] == "2030-01-01T12:00:00.000Z"
