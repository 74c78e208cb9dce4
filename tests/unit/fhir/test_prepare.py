"""What a resource gives before it meets the database."""

from __future__ import annotations

from tovholder.base import json
from tovholder.fhir.prepare import prepare, prepare_many
from tovholder.fhir.searchparams import main_date, numbers
from tovholder.store.schema import FACTS_FOLDER

OBSERVATION = b"""{"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}, "valueQuantity": {"value": 1.80},
    "effectivePeriod": {"start": "1970-01-01T00:00:10Z", "end": "1970-01-02"}}"""


def test_a_resource_gives_rows_facts_and_its_moment() -> None:
    made = prepare(json.loads(OBSERVATION), FACTS_FOLDER)
    assert not made.refused
    assert made.moment == 10_000
    assert (numbers("Observation", "code")[0], "8302-2", "http://loinc.org") in made.index["store_token"]
    assert [name for name, _ in made.facts] == ["measurement"]


def test_a_refused_one_has_issues_and_no_rows() -> None:
    made = prepare({"resourceType": "Observation", "subject": {"reference": "Patient/p"}}, FACTS_FOLDER)
    assert made.refused
    assert (made.index, made.facts, made.moment) == ({}, [], None)


def test_many_give_what_each_gives_by_itself_the_refused_among_them_too() -> None:
    bad = {"resourceType": "Observation", "subject": {"reference": "Patient/p"}}
    some = [json.loads(OBSERVATION), bad, {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}]
    made = prepare_many(some, FACTS_FOLDER)
    assert [one.refused for one in made] == [False, True, False]
    assert made == [prepare(one, FACTS_FOLDER) for one in some]
    assert prepare_many([], FACTS_FOLDER) == []


def test_what_a_timeline_is_sorted_by() -> None:
    assert main_date("Observation") == numbers("Observation", "date")[0]
    assert main_date("Binary") is None
    assert main_date("AllergyIntolerance") is None
