"""Each search parameter type through the API's own reader."""

from __future__ import annotations

from typing import Any

import pytest

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.base.errors import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, str]:
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic()).id
        anna = uow.create(patient(organization, "Åkjær", "1950-03-01")).id
        bo = uow.create(patient(organization, "Sørensen", "1971-12-31")).id
        uow.create(condition(anna, "R95", recorded="2027-02-10"))
        uow.create(condition(bo, "L84", recorded="2027-02-20"))
        uow.create(
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": "urn:oid:1.2.208.184.100.8", "code": "MCS88023"}]},
                "subject": {"reference": f"Patient/{anna}"},
                "effectiveDateTime": "2027-01",
                "valueQuantity": {"value": 52.5, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
            }
        )
    return {"anna": anna, "bo": bo, "organization": organization}


def ids(kind: str, **params: str) -> set[str]:
    return {e.id for e in store.search(system(), kind, [(k.replace("_", "-"), v) for k, v in params.items()]).entries}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"family": "åkj"}, {"anna"}),
        ({"family": "Sørensen"}, {"bo"}),
        ({"family": "sor"}, set()),
        ({"birthdate": "1950-03-01"}, {"anna"}),
        ({"birthdate": "gt1960"}, {"bo"}),
        ({"birthdate": "lt1950-03-01"}, set()),
        ({"birthdate": "le1950-03-01"}, {"anna"}),
        ({"gender": "female"}, {"anna", "bo"}),
        ({"gender": "male,female"}, {"anna", "bo"}),
        ({"gender": "male"}, set()),
    ],
)
def test_patients(people: dict[str, str], params: dict[str, str], found: set[str]) -> None:
    assert ids("Patient", **params) == {people[name] for name in found}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("R95", 1),
        ("urn:oid:1.2.208.176.2.31|R95", 1),
        ("urn:oid:1.2.208.176.2.31|", 2),
        ("http://other|R95", 0),
        ("R95,L84", 2),
    ],
)
def test_tokens(people: dict[str, str], code: str, count: int) -> None:
    assert len(ids("Condition", code=code)) == count


def test_references_by_id_by_type_and_by_both_names(people: dict[str, str]) -> None:
    for text in (people["anna"], f"Patient/{people['anna']}"):
        assert len(ids("Condition", patient=text)) == len(ids("Condition", subject=text)) == 1
    assert ids("Patient", general_practitioner=f"Organization/{people['organization']}") == {
        people["anna"],
        people["bo"],
    }


def test_a_partial_date_is_the_whole_month(people: dict[str, str]) -> None:
    assert len(ids("Observation", date="2027-01")) == 1
    assert len(ids("Observation", date="2027-01-15")) == 0
    assert len(ids("Observation", date="ge2027-01-15")) == 1
    assert len(ids("Observation", date="2027")) == 1


def test_quantities(people: dict[str, str]) -> None:
    assert len(ids("Observation", value_quantity="52.5")) == 1
    assert len(ids("Observation", value_quantity="lt50")) == 0
    assert len(ids("Observation", value_quantity="gt50|http://unitsofmeasure.org|%")) == 1


@pytest.mark.parametrize(
    "params", [[("family:sounds", "x")], [("family", "")], [("value-quantity", "x")], [("_count", "x")]]
)
def test_what_is_not_understood_is_refused_not_ignored(people: dict[str, str], params: Any) -> None:
    kind = "Observation" if params[0][0].startswith("value") else "Patient"
    with pytest.raises(Problem):
        store.search(system(), kind, params)


def test_newest_first_pages_without_losing_or_repeating() -> None:
    made = []
    for number in range(7):
        with store.unit_of_work(system()) as uow:
            made.append(uow.create(patient(family=f"Nr{number}")).id)
    seen: list[str] = []
    cursor = None
    while True:
        params = [("_sort", "-_lastUpdated"), ("_count", "3")] + ([("_cursor", cursor)] if cursor else [])
        page = store.search(system(), "Patient", params)
        seen += [entry.id for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == made[::-1]
