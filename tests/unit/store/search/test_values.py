"""Values of each parameter type as a client writes them: prefixes, precision, escapes, units, addresses, modifiers."""

from __future__ import annotations

from typing import Any

import pytest

from lib.people import patient, system
from tovholder import store
from tovholder.base.errors import Problem

pytestmark = pytest.mark.django_db
UCUM = "http://unitsofmeasure.org"


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "maaling"}, **more}


def make(*resources: dict[str, Any]) -> list[str]:
    with store.unit_of_work(system()) as uow:
        return [uow.create(resource).id for resource in resources]


def matches(kind: str, *params: tuple[str, str], **how: Any) -> set[str]:
    return {entry.id for entry in store.search(system(), kind, params, **how).entries}


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        ("2027-01", True),
        ("2027-01-15", False),
        ("ne2027-01-15", True),
        ("ne2027", False),
        ("gt2027-01-20", True),
        ("gt2027-01", False),
        ("lt2027-01-02", True),
        ("lt2027", False),
        ("ge2027-01", True),
        ("le2027-01", True),
        ("sa2026-12-31", True),
        ("sa2027-01-01", False),
        ("eb2027-02", True),
        ("eb2027-01-31", False),
        ("ap2027-01-20", True),
        ("ap2020", False),
        ("2027-01-15,2027", True),
    ],
)
def test_a_month_is_all_its_days(asked: str, met: bool) -> None:
    rid = make(observation(effectiveDateTime="2027-01"))[0]
    assert matches("Observation", ("date", asked)) == ({rid} if met else set())


@pytest.mark.parametrize(
    ("asked", "met"), [("gt2030", True), ("lt2027-02", True), ("sa2027-02", False), ("eb2099", False), ("2027", False)]
)
def test_a_period_without_end_goes_on(asked: str, met: bool) -> None:
    rid = make(observation(effectivePeriod={"start": "2027-01-10"}))[0]
    assert matches("Observation", ("date", asked)) == ({rid} if met else set())


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        ("5.4", True),
        ("5.40", True),
        ("5", True),
        ("5.3", False),
        ("5.39", False),
        ("54e-1", True),
        ("1e1", True),
        ("1.0e1", False),
        ("ne5.4", False),
        ("ne5.41", True),
        ("gt5.4", False),
        ("gt5.39", True),
        ("ge5.4", True),
        ("lt5.41", True),
        ("le5.4", True),
        ("sa5.3", True),
        ("eb5.4", False),
        ("ap5", True),
        ("ap4", False),
        (f"5.4|{UCUM}|mmol/L", True),
        ("5.4||mmol/L", True),
        ("5.4||millimol", True),
        (f"5.4|{UCUM}|mg", False),
        (f"5.4|{UCUM}|", True),
        ("5.4|http://other|mmol/L", False),
    ],
)
def test_a_quantity_by_precision_prefix_and_unit(asked: str, met: bool) -> None:
    rid = make(observation(valueQuantity={"value": 5.4, "unit": "millimol", "system": UCUM, "code": "mmol/L"}))[0]
    assert matches("Observation", ("value-quantity", asked)) == ({rid} if met else set())


@pytest.mark.parametrize(
    ("name", "asked", "met"),
    [
        ("family", r"Jens\, Jr", True),
        ("family", "Jens, Jr", True),  # one of two beginnings
        ("family:exact", r"Jens\, Jr", True),
        ("family:exact", "jens, jr", False),
        ("family:contains", "s jr", True),
        ("family:contains", "%", False),
        ("identifier", r"urn:x|a\|b\$c\\d", True),
        ("identifier", "urn:x|a", False),
        ("identifier", "urn:x|", True),
        ("identifier", r"a\|b\$c\\d", True),
        ("identifier", r"|a\|b\$c\\d", False),
        ("gender", "http://hl7.org/fhir/administrative-gender|female", True),
        ("gender:not", "male,other", True),
        ("gender:not", "male,female", False),
        ("gender:missing", "true", False),
        ("gender:missing", "false", True),
        ("death-date:missing", "true", True),
        ("active", "true", False),
    ],
)
def test_strings_and_tokens(name: str, asked: str, met: bool) -> None:
    person = patient(family="Jens, Jr")
    rid = make({**person, "identifier": [{"system": "urn:x", "value": r"a|b$c\d"}]})[0]
    assert matches("Patient", (name, asked)) == ({rid} if met else set())


def test_not_with_several_values_is_none_of_them() -> None:
    both, one, none = make(
        observation(code={"coding": [{"code": "a"}, {"code": "b"}]}),
        observation(code={"coding": [{"code": "c"}]}),
        observation(code={"text": "ingen"}),
    )
    assert matches("Observation", ("code:not", "a,x")) == {one, none}
    assert matches("Observation", ("code:not", "b"), ("code:not", "c")) == {none}
    assert matches("Observation", ("code:text", "ING")) == {none}
    assert both in matches("Observation", ("code", "a"), ("code", "b"))


def test_a_reference_by_id_type_address_identifier_and_canonical() -> None:
    anna = make(patient())[0]
    told, elsewhere, unnamed = make(
        observation(subject={"reference": f"Patient/{anna}"}),
        observation(subject={"reference": "http://elsewhere.example/fhir/Patient/1"}),
        observation(subject={"identifier": {"system": "urn:x", "value": "1"}}),
    )
    base = "https://here.example/fhir"
    for asked in (anna, f"Patient/{anna}", f"{base}/Patient/{anna}", f"Patient/{anna}/_history/1"):
        assert matches("Observation", ("subject", asked), base=base) == {told}
    assert matches("Observation", ("subject:Patient", anna)) == {told}
    assert matches("Observation", ("subject:Group", anna)) == set()
    assert matches("Observation", ("subject", "http://elsewhere.example/fhir/Patient/1")) == {elsewhere}
    assert matches("Observation", ("subject:identifier", "urn:x|1")) == {unnamed}
    assert matches("Observation", ("subject:missing", "true")) == set()
    answer = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "http://q.example/a|2.0"}
    rid = make(answer)[0]
    assert matches("QuestionnaireResponse", ("questionnaire", r"http://q.example/a\|2.0")) == {rid}
    assert matches("QuestionnaireResponse", ("questionnaire", "http://q.example/a|2.0")) == {rid}
    assert matches("QuestionnaireResponse", ("questionnaire", "http://q.example/a")) == {rid}
    assert matches("QuestionnaireResponse", ("questionnaire", "http://q.example/a|1.0")) == set()


def test_last_updated_and_profile_and_tag() -> None:
    rid = make(
        observation(
            meta={"profile": ["http://p.example/a/b"], "tag": [{"system": "urn:t", "code": "x"}], "source": "urn:src"}
        )
    )[0]
    for params in (
        ("_profile", "http://p.example/a/b"),
        ("_profile:below", "http://p.example/a"),
        ("_profile:above", "http://p.example/a/b/c"),
        ("_tag", "urn:t|x"),
        ("_source", "urn:src"),
        ("_lastUpdated", "2027-03-01"),
        ("_lastUpdated", "ge2027-03-01T09:00:00Z"),
        ("_lastUpdated", "lt2027-03-01T09:00:01Z"),
        ("_lastUpdated", "ne2026"),
    ):
        assert matches("Observation", params) == {rid}, params
    for params in (
        ("_lastUpdated", "gt2027-03-01"),
        ("_lastUpdated", "eb2027-03-01"),
        ("_profile", "http://p.example/a"),
    ):
        assert matches("Observation", params) == set(), params


def test_a_type_that_is_not_indexed_has_its_patient() -> None:
    anna = make(patient(family="Åkjær"))[0]
    (rid,) = make(
        {"resourceType": "ClinicalImpression", "status": "completed", "subject": {"reference": f"Patient/{anna}"}}
    )
    assert matches("ClinicalImpression", ("patient", anna)) == {rid}
    assert matches("ClinicalImpression", ("patient.family", "åk")) == {rid}
    assert matches("Patient", ("_has:ClinicalImpression:patient:_id", rid)) == {anna}
    assert matches("ClinicalImpression", ("patient:missing", "true")) == set()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ([("nonsense", "x")], "family"),
        ([("family:sounds", "x")], "exact"),
        ([("birthdate", "soon")], "YYYY"),
        ([("gender:missing", "perhaps")], "true or false"),
        ([("identifier", "a|b|c")], "system|code"),
        ([("organization.nonsense", "x")], "name"),
        ([("family.name", "x")], "reference"),
        ([("_has:Observation:code:status", "final")], "patient"),
        ([("_has:Nothing:patient:status", "final")], "_has"),
        ([("organization.partof.partof.partof.partof.partof.name", "x")], "fewer"),
        ([("_sort", "address-use,nonsense")], "birthdate"),
        ([("_include", "Patient:family")], "reference"),
        ([("_summary", "some")], "count"),
        ([("_elements", "a b")], "top-level"),
        ([("_contained", "both")], "false"),
        ([("_text", "x")], "family"),
        ([("_total", "all")], "accurate"),
        ([("_count", "-1")], "0 to"),
        ([("family", "")], "a value"),
        ([("general-practitioner", "Hest/1")], "Type/id"),
        ([("organization", "Organization/1/2")], "Type/id"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_can(params: list[tuple[str, str]], told: str) -> None:
    with pytest.raises(Problem) as caught:
        store.search(system(), "Patient", params)
    assert any(told in issue.expected or told in issue.path for issue in caught.value.issues)


def test_lenient_passes_over_what_it_does_not_know_and_says_so() -> None:
    rid = make(patient(family="Åkjær"))[0]
    page = store.search(system(), "Patient", [("family", "åk"), ("nonsense", "1"), ("_sort", "nonsense")], strict=False)
    assert [entry.id for entry in page.entries] == [rid]
    assert page.used == (("family", "åk"),)
    assert [issue.path for issue in page.ignored] == ["nonsense", "_sort"]
    with pytest.raises(Problem):  # a value that means nothing is no unknown parameter
        store.search(system(), "Patient", [("birthdate", "soon")], strict=False)
