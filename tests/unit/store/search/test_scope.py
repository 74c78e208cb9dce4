"""Nobody learns by a chain, an inclusion, an order or a count what a plain search would not show them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from lib.people import clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Context, Role, audit

pytestmark = pytest.mark.django_db


def observation(patient_id: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        **more,
    }


class People:
    """Two clinics with a patient each; a partner to whom the first patient is referred."""

    def __init__(self) -> None:
        with store.unit_of_work(system()) as uow:
            self.ours, self.theirs, self.partner = (uow.create(clinic(name)).id for name in ("Vores", "Deres", "Fys"))
            self.anna = uow.create(patient(self.ours, "Åkjær")).id
            self.bo = uow.create(patient(self.theirs, "Sørensen")).id
            self.condition = uow.create(condition(self.anna)).id
            uow.create(condition(self.bo))
            self.high = uow.create(observation(self.anna, "8480-6")).id
            # About Bo, though Anna took part in it.
            self.other = uow.create(
                observation(self.bo, "8480-6", performer=[{"reference": f"Patient/{self.anna}"}])
            ).id
            uow.create(
                {
                    "resourceType": "Task",
                    "status": "accepted",
                    "intent": "order",
                    "for": {"reference": f"Patient/{self.anna}"},
                    "owner": {"reference": f"Organization/{self.partner}"},
                    "authoredOn": "2027-02-01",
                }
            )

    def gp(self) -> Context:
        return context(Role.GP, self.ours)

    def other_gp(self) -> Context:
        return context(Role.GP, self.theirs)

    def physio(self) -> Context:
        return context(Role.PARTNER, self.partner)

    def citizen(self) -> Context:
        return context(Role.CITIZEN, None, patient=self.bo)


@pytest.fixture
def people() -> People:
    return People()


def found(ctx: Context, kind: str, *params: tuple[str, str]) -> set[str]:
    return {entry.id for entry in store.search(ctx, kind, params).entries}


def test_a_chain_goes_only_through_patients_one_may_see(people: People) -> None:
    ask = ("subject:Patient.family", "Åkjær")
    assert found(people.gp(), "Observation", ask) == {people.high}
    assert found(people.other_gp(), "Observation", ask) == set()
    # What is Bo's may be seen; that Anna took part in it may not be asked by her name.
    assert found(people.other_gp(), "Observation", ("performer:Patient.family", "Åkjær")) == set()
    assert found(system(), "Observation", ("performer:Patient.family", "Åkjær")) == {people.other}


def test_a_reverse_chain_goes_only_through_resources_one_may_see(people: People) -> None:
    ask = ("_has:Observation:patient:code", "8480-6")
    assert found(people.gp(), "Patient", ask) == {people.anna}
    assert found(people.citizen(), "Patient", ask) == {people.bo}
    # A physiotherapist sees the patient, but no Observation, and so not by what was measured.
    assert found(people.physio(), "Patient") == {people.anna}
    assert found(people.physio(), "Patient", ask) == set()
    assert found(people.physio(), "Patient", ("_has:Task:patient:status", "accepted")) == {people.anna}
    # An organisation is found by its own patients alone.
    by_name = ("_has:Patient:organization:family", "x")
    assert found(people.gp(), "Organization", by_name) == set()


def test_a_directory_is_not_found_by_patients_one_may_not_see(people: People) -> None:
    ask = ("_has:Patient:general-practitioner:family", "Sørensen")
    assert found(system(), "Organization", ask) == {people.theirs}
    assert found(people.other_gp(), "Organization", ask) == {people.theirs}
    assert found(people.gp(), "Organization", ask) == set()
    assert store.search(people.gp(), "Organization", [ask, ("_count", "0")]).total == 0


def test_what_goes_along_is_filtered_alike(people: People) -> None:
    page = store.search(people.other_gp(), "Observation", [("_include", "Observation:performer"), ("_include", "*")])
    assert {entry.reference for entry in page.included} == {f"Patient/{people.bo}"}
    page = store.search(people.gp(), "Patient", [("_revinclude", "Observation:performer"), ("_revinclude", "*")])
    told = {entry.reference for entry in page.included}
    assert f"Observation/{people.high}" in told and f"Condition/{people.condition}" in told
    assert f"Observation/{people.other}" not in told
    page = store.search(
        people.physio(), "Patient", [("_revinclude", "Observation:patient"), ("_revinclude", "Task:patient")]
    )
    assert {entry.type for entry in page.included} == {"Task"}


def test_a_compartment_shows_what_the_actor_may_see(people: People) -> None:
    from tovholder.store.search import search_types

    kinds = ["Observation", "Condition", "Task"]
    assert {e.type for e in search_types(people.gp(), kinds, [], about=people.anna).entries} == set(kinds)
    assert {e.type for e in search_types(people.physio(), kinds, [], about=people.anna).entries} == {"Task"}
    assert search_types(people.gp(), kinds, [], about=people.bo).entries == ()
    # In Anna's compartment by taking part; about Bo, and so not the gp's to see.
    assert {e.id for e in search_types(system(), ["Observation"], [], about=people.anna).entries} == {
        people.high,
        people.other,
    }


def test_counts_and_missing_values_tell_of_nobody_else(people: People) -> None:
    assert store.search(people.gp(), "Patient", [("_count", "0")]).total == 1
    assert store.search(people.gp(), "Patient", [("_total", "accurate"), ("_count", "1")]).total == 1
    assert store.search(people.citizen(), "Condition", [("code:missing", "false"), ("_count", "0")]).total == 1
    assert found(people.physio(), "Observation", ("code:not", "x")) == set()


def test_everything_shown_is_in_the_audit_trail(people: People) -> None:
    with audit.answer() as entries:
        store.search(
            people.gp(), "Organization", [("_id", people.ours), ("_revinclude", "Patient:general-practitioner")]
        )
    assert [(entry.action, entry.patients, entry.detail) for entry in entries] == [
        ("search", frozenset({people.anna}), "Organization Patient")
    ]
    with audit.answer() as entries:
        store.search(people.gp(), "Observation", [("patient", people.anna), ("_elements", "code")])
    assert [entry.patients for entry in entries] == [frozenset({people.anna})]


def test_a_cursor_of_one_actor_shows_another_only_what_is_theirs(people: People) -> None:
    with store.unit_of_work(system()) as uow:
        for number in range(3):
            uow.create(observation(people.anna, str(number)))
    params = [("_count", "1"), ("_sort", "code")]
    cursor = store.search(people.gp(), "Observation", params).cursor
    assert cursor is not None
    page = store.search(people.other_gp(), "Observation", [*params, ("_cursor", cursor)])
    assert {entry.id for entry in page.entries} <= {people.other}


def test_deleted_resources_are_no_links(people: People) -> None:
    ask = ("subject:Patient.family", "Åkjær")
    assert found(system(), "Condition", ask) == {people.condition}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE store_resource SET deleted = %s WHERE rid = %s", [True, people.anna])
    assert found(system(), "Condition", ask) == set()
