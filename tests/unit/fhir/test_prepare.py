"""What a resource gives before it meets the database."""

from __future__ import annotations

import pickle

import pytest

from tovholder.base.errors import Category, Problem
from tovholder.fhir.prepare import prepare, prepare_body
from tovholder.fhir.searchparams import main_date, numbers
from tovholder.store.schema import FACTS_FOLDER

OBSERVATION = b"""{"resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}, "valueQuantity": {"value": 1.80},
    "effectivePeriod": {"start": "1970-01-01T00:00:10Z", "end": "1970-01-02"}}"""


def test_a_body_gives_its_content_rows_patient_and_moment() -> None:
    made = prepare_body(OBSERVATION, FACTS_FOLDER)
    assert not made.refused
    assert (made.resource["id"], made.patient, made.moment) == ("o", "p", 10_000)
    assert (numbers("Observation", "code")[0], "8302-2", "http://loinc.org") in made.index["store_token"]
    assert [name for name, _ in made.facts] == ["measurement"]
    assert prepare(made.resource, FACTS_FOLDER).index == made.index
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_refused_body_has_issues_and_no_rows() -> None:
    made = prepare_body(b'{"resourceType": "Observation", "subject": {"reference": "Patient/p"}}', FACTS_FOLDER)
    assert made.refused
    assert (made.index, made.facts, made.patient) == ({}, [], None)
    assert prepare_body(b"[]", FACTS_FOLDER).refused


def test_a_body_that_is_no_json() -> None:
    with pytest.raises(Problem) as told:
        prepare_body(b"{", FACTS_FOLDER)
    assert told.value.category is Category.MALFORMED


def test_what_a_timeline_is_sorted_by() -> None:
    assert main_date("Observation") == numbers("Observation", "date")[0]
    assert main_date("Binary") is None
    assert main_date("AllergyIntolerance") is None
