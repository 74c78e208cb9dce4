"""$expand, $validate-code and $lookup through the API: what comes with the program, and what the record holds."""

from __future__ import annotations

from typing import Any

import pytest

from lib.api import Caller
from tovholder.access import Role

pytestmark = pytest.mark.django_db

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
NPU = "urn:oid:1.2.208.176.2.1"
NPU_DK_CORE = "http://npu-terminology.org"
COLOURS = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/colours",
    "version": "2",
    "name": "Colours",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "concept": [
        {
            "code": "warm",
            "display": "Warm",
            "property": [{"code": "notSelectable", "valueBoolean": True}],
            "concept": [
                {"code": "red", "display": "Red", "designation": [{"language": "da", "value": "Rød"}]},
                {"code": "orange", "display": "Orange"},
            ],
        },
        {"code": "blue", "display": "Blue", "definition": "As the sky"},
    ],
}


def value_set(*include: dict[str, Any], url: str = "http://example.org/set", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "url": url,
        "status": "active",
        "compose": {"include": list(include), **more},
    }


def codes(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["code"] for item in response.json()["expansion"].get("contains", [])]


def told(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.content
    return {
        item["name"]: next((value for key, value in item.items() if key.startswith("value")), item)
        for item in response.json()["parameter"]
    }


@pytest.fixture
def colours(system: Caller) -> Caller:
    assert system.send("POST", "/CodeSystem", COLOURS).status_code == 201
    return system


def test_a_value_set_of_r4_is_expanded_whole(system: Caller) -> None:
    response = system.send("GET", f"/ValueSet/$expand?url={GENDER}")
    assert codes(response) == ["male", "female", "other", "unknown"]
    assert response.json()["expansion"]["total"] == 4


def test_pages_and_filters(system: Caller) -> None:
    assert codes(system.send("GET", f"/ValueSet/$expand?url={GENDER}&count=2&offset=1")) == ["female", "other"]
    page = system.send("GET", f"/ValueSet/$expand?url={GENDER}&filter=MALE")
    assert codes(page) == ["male", "female"]
    assert page.json()["expansion"]["total"] == 2
    assert codes(system.send("GET", f"/ValueSet/$expand?url={GENDER}&count=0")) == []


def test_our_own_levels_are_told_in_both_languages(system: Caller) -> None:
    url = "http://tovholder.dk/fhir/ValueSet/tovholder-level"
    danish = system.send("GET", f"/ValueSet/$expand?url={url}").json()["expansion"]["contains"]
    english = system.send("GET", f"/ValueSet/$expand?url={url}&displayLanguage=en").json()["expansion"]["contains"]
    assert [item["display"] for item in danish] == ["Niveau 1", "Niveau 2", "Niveau 3"]
    assert [item["display"] for item in english] == ["Level 1", "Level 2", "Level 3"]


def test_what_the_record_holds_is_expanded_for_every_role(colours: Caller) -> None:
    whole = value_set({"system": "http://example.org/colours"})
    rid = colours.send("POST", "/ValueSet", whole).json()["id"]
    citizen = Caller(Role.CITIZEN, patient="nobody")
    for path in (f"/ValueSet/{rid}/$expand", "/ValueSet/$expand?url=http://example.org/set"):
        response = citizen.send("GET", path)
        assert codes(response) == ["warm", "red", "orange", "blue"]
        assert response.json()["expansion"]["contains"][0]["abstract"] is True


def test_filters_and_exclusions(colours: Caller) -> None:
    warm = {"property": "concept", "op": "is-a", "value": "warm"}
    below = {"property": "concept", "op": "descendent-of", "value": "warm"}
    pattern = {"property": "code", "op": "regex", "value": ".*e"}
    system = "http://example.org/colours"
    cases: list[tuple[dict[str, Any], list[str]]] = [
        (value_set({"system": system, "filter": [warm]}), ["warm", "red", "orange"]),
        (value_set({"system": system, "filter": [below]}), ["red", "orange"]),
        (value_set({"system": system, "filter": [below, pattern]}), ["orange"]),
        (
            value_set({"system": system}, exclude=[{"system": system, "filter": [warm]}]),
            ["blue"],
        ),
        (value_set({"system": system, "concept": [{"code": "red"}, {"code": "blue"}]}), ["red", "blue"]),
        (value_set({"valueSet": [GENDER]}, exclude=[{"valueSet": [GENDER]}]), []),
    ]
    for sent, expected in cases:
        assert codes(colours.send("POST", "/ValueSet/$expand", sent)) == expected


def test_a_list_is_never_cut_short(colours: Caller) -> None:
    everything_of_snomed = value_set({"system": "http://snomed.info/sct"})
    refused = colours.send("POST", "/ValueSet/$expand", everything_of_snomed)
    assert refused.status_code == 422
    assert "http://snomed.info/sct" in refused.json()["issue"][0]["diagnostics"]
    both = value_set({"system": "http://example.org/colours"}, {"system": "http://example.org/nothing"})
    assert colours.send("POST", "/ValueSet/$expand", both).status_code == 422
    assert colours.send("GET", "/ValueSet/$expand?url=http://example.org/nobody").status_code == 404
    assert colours.send("GET", "/ValueSet/$expand").status_code == 400
    regex = {"property": "code", "op": "regex", "value": "(a+)+b"}
    costly = value_set({"system": "http://example.org/colours", "filter": [regex]})
    assert colours.send("POST", "/ValueSet/$expand", costly).status_code == 422


def test_a_value_set_that_holds_itself_ends(system: Caller) -> None:
    own = "http://example.org/own"
    assert system.send("POST", "/ValueSet", value_set({"valueSet": [own, own]}, url=own)).status_code == 201
    assert system.send("GET", f"/ValueSet/$expand?url={own}").status_code == 422
    assert system.send("GET", f"/ValueSet/$validate-code?url={own}&code=a&system=b").status_code == 422


def test_codes_are_validated_against_a_value_set(system: Caller) -> None:
    ask = f"/ValueSet/$validate-code?url={GENDER}"
    of_gender = "system=http://hl7.org/fhir/administrative-gender"
    assert told(system.send("GET", f"{ask}&{of_gender}&code=male")) == {"result": True, "display": "Male"}
    assert told(system.send("GET", f"{ask}&{of_gender}&code=m"))["result"] is False
    assert told(system.send("GET", f"{ask}&code=male&system=http://example.org/other"))["result"] is False
    wrong = told(system.send("GET", f"{ask}&{of_gender}&code=male&display=Kat"))
    assert (wrong["result"], wrong["display"]) == (False, "Male")
    assert system.send("GET", ask).status_code == 400


def test_a_concept_is_valid_when_one_of_its_codings_is(system: Caller) -> None:
    concept = {
        "coding": [
            {"system": "http://example.org/other", "code": "x"},
            {"system": "http://hl7.org/fhir/administrative-gender", "code": "other"},
        ]
    }
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": GENDER},
            {"name": "codeableConcept", "valueCodeableConcept": concept},
        ],
    }
    assert told(system.send("POST", "/ValueSet/$validate-code", body))["result"] is True


def test_codes_are_validated_in_their_system(colours: Caller) -> None:
    ask = "/CodeSystem/$validate-code?url=http://example.org/colours"
    assert told(colours.send("GET", f"{ask}&code=red"))["result"] is True
    assert told(colours.send("GET", f"{ask}&code=red&displayLanguage=da"))["display"] == "Rød"
    assert told(colours.send("GET", f"{ask}&code=Red"))["result"] is False
    assert told(colours.send("GET", f"{ask}&code=warm"))["result"] is False  # a heading
    assert told(colours.send("GET", f"{ask}&code=warm&abstract=true"))["result"] is True
    assert colours.send("GET", "/CodeSystem/$validate-code?url=http://example.org/no&code=a").status_code == 404
    assert colours.send("GET", "/CodeSystem/$validate-code?url=http://snomed.info/sct&code=1").status_code == 422
    inline = {
        "resourceType": "Parameters",
        "parameter": [{"name": "codeSystem", "resource": COLOURS}, {"name": "code", "valueCode": "blue"}],
    }
    assert told(colours.send("POST", "/CodeSystem/$validate-code", inline))["result"] is True


def test_a_code_is_looked_up(colours: Caller) -> None:
    found = colours.send("GET", "/CodeSystem/$lookup?system=http://example.org/colours&code=red")
    assert told(found)["display"] == "Red"
    assert told(found)["version"] == "2"
    parts = [
        {part["name"]: next(value for key, value in part.items() if key != "name") for part in item["part"]}
        for item in found.json()["parameter"]
        if item["name"] == "property"
    ]
    assert {"code": "parent", "value": "warm"} in parts
    assert colours.send("GET", "/CodeSystem/$lookup?system=http://example.org/colours&code=green").status_code == 404
    assert colours.send("GET", "/CodeSystem/$lookup?system=http://example.org/nobody&code=a").status_code == 404
    assert colours.send("GET", "/CodeSystem/$lookup?code=a").status_code == 400


def test_npu_has_two_names(system: Caller) -> None:
    """DK Core writes the one and MedCom, FUT and CDA the other: a code of either is the same code."""
    held = {
        "resourceType": "CodeSystem",
        "url": NPU_DK_CORE,
        "status": "active",
        "content": "complete",
        "concept": [{"code": "NPU27300", "display": "Hæmoglobin A1c"}],
    }
    assert system.send("POST", "/CodeSystem", held).status_code == 201
    for name in (NPU, NPU_DK_CORE):
        assert (
            told(system.send("GET", f"/CodeSystem/$lookup?system={name}&code=NPU27300"))["display"] == "Hæmoglobin A1c"
        )
        sent = value_set({"system": name})
        assert codes(system.send("POST", "/ValueSet/$expand", sent)) == ["NPU27300"]
        for other in (NPU, NPU_DK_CORE):
            body = {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "valueSet", "resource": sent},
                    {"name": "coding", "valueCoding": {"system": other, "code": "NPU27300"}},
                ],
            }
            assert told(system.send("POST", "/ValueSet/$validate-code", body))["result"] is True


def test_the_newest_active_version_in_the_record_is_meant(colours: Caller) -> None:
    retired = COLOURS | {"version": "3", "status": "retired", "concept": [{"code": "grey"}]}
    assert colours.send("POST", "/CodeSystem", retired).status_code == 201
    found = colours.send("POST", "/ValueSet/$expand", value_set({"system": "http://example.org/colours"}))
    assert "blue" in codes(found)
    named = value_set({"system": "http://example.org/colours", "version": "3"})
    assert codes(colours.send("POST", "/ValueSet/$expand", named)) == ["grey"]


def test_r4s_codes_have_danish_names_from_dk_cores_supplements(system: Caller) -> None:
    response = system.send("GET", f"/ValueSet/$expand?url={GENDER}&displayLanguage=da")
    assert [item["display"] for item in response.json()["expansion"]["contains"]] == [
        "Mand",
        "Kvinde",
        "Andet",
        "Ukendt",
    ]
