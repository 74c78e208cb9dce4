"""Search parameters: what is indexed, how dates, names and numbers are compared, and that the table is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tovholder.base import json
from tovholder.fhir.search_values import EARLIEST, GREATEST, LATEST, date_range, fold, number_range
from tovholder.fhir.searchparams import indexer, parameters_of, search_parameter

ROOT = Path(__file__).resolve().parents[3]
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("text", "low", "length"),
    [
        ("1970-01-01T00:00:00Z", 0, 1000),
        ("1970-01-01T00:00Z", 0, 60_000),
        ("1970-01-01T01:00:00+01:00", 0, 1000),
        ("1970-01-01T00:00:00.5Z", 500, 100),
        ("1970-01-01T00:00:00.123Z", 123, 1),
        ("1970-01-01T00:00:00.123456Z", 123, 1),
        ("1970-01-01", -HOUR, DAY),
        ("1970-01", -HOUR, 31 * DAY),
        ("1970", -HOUR, 365 * DAY),
        ("2026-03-29", 1774738800000, 23 * HOUR),
        ("2026-10-25", 1792879200000, 25 * HOUR),
        ("2026-07-01T12:00:00", 1782900000000, 1000),
    ],
)
def test_a_date_covers_what_it_does_not_tell(text: str, low: int, length: int) -> None:
    assert date_range(text) == (low, low + length)


@pytest.mark.parametrize(
    "text", ["", "70", "2026-13", "2026-02-30", "2026-01-01T25:00:00Z", "2026-01-01Z", "x", "2026-01-01\n"]
)
def test_what_is_no_date(text: str) -> None:
    assert date_range(text) is None


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Søren  Ærø Ågård", "søren ærø ågård"),
        ("SO\u0308REN", "soren"),
        ("A\u030agot", "ågot"),
        ("José Müller", "jose muller"),
        (" Anne\tMarie ", "anne marie"),
        ("Groß", "gross"),
    ],
)
def test_names_are_compared_without_case_and_foreign_accents(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_danish_letters_differ() -> None:
    assert len({fold(name) for name in ("Bo", "Bø", "Bå", "Ba", "Bæ", "Bae")}) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100", (99.5, 100.5)), ("1.00", (0.995, 1.005)), ("1e2", (50.0, 150.0)), ("-1", (-1.5, -0.5)), ("x", None)],
)
def test_a_number_means_what_its_precision_says(text: str, expected: tuple[float, float] | None) -> None:
    assert number_range(text) == expected


def test_patient_rows() -> None:
    rows = indexer("Patient")(
        {
            "resourceType": "Patient",
            "id": "p",
            "meta": {"profile": ["http://a/b"], "tag": [{"system": "s", "code": "t"}]},
            "identifier": [{"system": "urn:oid:1", "value": "x"}, {"value": "y"}, {"system": "only"}],
            "name": [{"family": "Sø", "given": ["Åse", "B"]}, {"text": "Hele navnet"}],
            "birthDate": "1970-01-01",
            "gender": "female",
            "active": True,
            "generalPractitioner": [{"reference": "Organization/o"}, {"reference": "Practitioner/d"}],
            "managingOrganization": {"reference": "https://elsewhere.example/Organization/9"},
            "telecom": [{"system": "phone", "value": "12345678"}],
            "_birthDate": {"extension": []},
        }
    )
    assert {row for row in rows.tokens if row[0] == "identifier"} == {
        ("identifier", "urn:oid:1", "x"),
        ("identifier", "", "y"),
        ("identifier", "only", ""),
    }
    assert {("gender", "", "female"), ("active", "", "true"), ("deceased", "", "false")} <= set(rows.tokens)
    assert {("phone", "", "12345678"), ("telecom", "", "12345678"), ("_tag", "s", "t")} <= set(rows.tokens)
    assert not [row for row in rows.tokens if row[0] == "email"]
    assert {text for name, text, _ in rows.strings if name == "name"} == {"sø", "åse", "b", "hele navnet"}
    assert {text for name, text, _ in rows.strings if name == "given"} == {"åse", "b"}
    assert rows.dates == [("birthdate", -HOUR, DAY - HOUR)]
    assert {row for row in rows.references if row[0] == "general-practitioner"} == {
        ("general-practitioner", "Organization", "o"),
        ("general-practitioner", "Practitioner", "d"),
    }
    assert ("organization", "", "https://elsewhere.example/Organization/9") in rows.references
    assert rows.uris == [("_profile", "http://a/b")]


def test_subject_and_patient() -> None:
    index = indexer("Observation")
    about = index({"resourceType": "Observation", "subject": {"reference": "Patient/p"}})
    assert set(about.references) == {("subject", "Patient", "p"), ("patient", "Patient", "p")}
    group = index({"resourceType": "Observation", "subject": {"reference": "Group/g"}})
    assert group.references == [("subject", "Group", "g")]
    assert index({"resourceType": "Observation", "subject": {"reference": "#in"}}).references == []


def test_observation_values() -> None:
    index = indexer("Observation")
    rows = index(
        json.loads(
            """{"resourceType": "Observation", "valueQuantity": {"value": 1.10, "code": "L", "system": "u"},
            "code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "2"}], "text": "t"},
            "effectivePeriod": {"start": "1970-01-01T00:00:00Z"},
            "component": [{"code": {"coding": [{"code": "c"}]},
                           "valueQuantity": {"value": 5, "unit": "mm", "comparator": "<"}}]}"""
        )
    )
    assert {row for row in rows.tokens if row[0] == "code"} == {("code", "a", "1"), ("code", "b", "2")}
    assert ("combo-code", "", "c") in rows.tokens
    assert rows.dates == [("date", 0, LATEST)]
    assert ("value-quantity", 1.1, 1.1, "u", "L") in rows.quantities
    assert ("combo-value-quantity", -GREATEST, 5.0, "", "mm") in rows.quantities
    coded = index(
        {"resourceType": "Observation", "valueCodeableConcept": {"coding": [{"code": "x"}], "text": "Stor Ø"}}
    )
    assert ("value-concept", "", "x") in coded.tokens
    assert ("value-string", "stor ø", "Stor Ø") in coded.strings


def test_other_shapes() -> None:
    plan = indexer("CarePlan")(
        {
            "resourceType": "CarePlan",
            "instantiatesCanonical": ["http://a/P|1"],
            "period": {"end": "1970-01-01T00:00:00Z"},
        }
    )
    assert set(plan.references) == {
        ("instantiates-canonical", "", "http://a/P|1"),
        ("instantiates-canonical", "", "http://a/P"),
    }
    assert plan.dates == [("date", EARLIEST, 1000)]
    timed = indexer("ServiceRequest")(
        {
            "resourceType": "ServiceRequest",
            "occurrenceTiming": {"event": ["1970-01-01T00:00:00Z"], "repeat": {"count": 1}},
        }
    )
    assert timed.dates == [("occurrence", 0, 1000)]
    risk = indexer("RiskAssessment")({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": 0.5}]})
    assert risk.quantities == [("probability", 0.5, 0.5, "", "")]
    dead = indexer("Patient")({"resourceType": "Patient", "deceasedDateTime": "2020-01-01"})
    assert ("deceased", "", "true") in dead.tokens
    assert [row[0] for row in dead.dates] == ["death-date"]


def test_every_parameter_of_every_type_can_be_indexed() -> None:
    kinds = {"token", "reference", "date", "string", "uri", "quantity", "number"}
    types = (
        "Patient Task Appointment EpisodeOfCare CarePlan Goal Condition Questionnaire Consent Location Flag Encounter"
    )
    for name in types.split():
        parameters = parameters_of(name)
        assert len(parameters) > 8, name
        assert {parameter.kind for parameter in parameters} <= kinds
        assert all(parameter.documentation and parameter.expression for parameter in parameters)
        rows = indexer(name)({"resourceType": name, "id": "x"})
        assert (rows.dates, rows.references, rows.strings) == ([], [], []), name


def test_what_a_parameter_is() -> None:
    parameter = search_parameter("Task", "owner")
    assert parameter is not None
    assert (parameter.kind, parameter.expression) == ("reference", "Task.owner")
    assert "Organization" in parameter.target
    assert search_parameter("Task", "nothing") is None
    assert search_parameter("Medication", "code") is None
    assert parameters_of("Medication") == ()


def test_an_empty_resource_of_an_unknown_type_gives_no_rows() -> None:
    empty: dict[str, Any] = {"resourceType": "Medication", "code": {"coding": [{"code": "x"}]}}
    assert indexer("Medication")(empty).tokens == []


def test_the_committed_table_is_current() -> None:
    if not (ROOT / "node_modules" / "@medplum" / "definitions").is_dir():
        pytest.skip("the npm package with the definitions is not installed: npm ci")
    tool = ROOT / "tools" / "generate_search_parameters.py"
    run = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
