"""What the R4 validator refuses, where it says so, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from tovholder.base import json
from tovholder.base.errors import Issue, Severity
from tovholder.base.json import Decimal
from tovholder.fhir import validate_quick
from tovholder.fhir.validate import Validator, validate
from tovholder.fhir.validate_primitives import Finding

CPR = "0702901234"
CODING = {"system": "http://loinc.org", "code": "1"}


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "FEV1"}, **elements}


def extended(**elements: Any) -> dict[str, Any]:
    return patient(extension=[{"url": "http://example.org/x", **elements}])


def only(resource: object) -> Issue:
    issues = validate(resource)
    assert len(issues) == 1, [str(i) for i in issues]
    return issues[0]


UNKNOWN = {"extension": [{"url": "http://example.org/x", "valueCode": "unknown"}]}
VALID = [
    patient(),
    patient(id="A-1.b", active=False, birthDate="1990-02-07", deceasedDateTime="2027-02-28T10:00:00.123+01:00"),
    patient(name=[{"family": "Hansen", "given": ["Åse", "Marie"]}], multipleBirthInteger=0),
    patient(birthDate="1990", _birthDate={"extension": [{"url": "http://example.org/x", "valueString": "about"}]}),
    patient(_birthDate={"extension": [{"url": "http://example.org/x", "valueCode": "unknown"}]}),
    patient(name=[{"given": ["A", None], "_given": [None, UNKNOWN]}]),
    patient(name=[{"given": ["A"], "_given": [{"id": "g1"}]}]),
    patient(name=[{"_given": [UNKNOWN]}]),
    patient(text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a\nb</div>'}),
    patient(
        contained=[{"resourceType": "Organization", "id": "o", "name": "Klinik"}],
        managingOrganization={"reference": "#o"},
    ),
    patient(contained=[observation(subject={"reference": "#"})]),
    patient(generalPractitioner=[{"reference": "Organization/1"}, {"reference": "urn:uuid:x"}]),
    patient(generalPractitioner=[{"reference": "https://example.org/fhir/Organization/1/_history/2"}]),
    patient(
        generalPractitioner=[
            {"reference": "https://example.org/things/1"},
            {"reference": "Practitioner?identifier=a|b"},
        ]
    ),
    patient(extension=[{"url": "http://example.org/x", "extension": [{"url": "y", "valueBoolean": False}]}]),
    observation(valueQuantity={"value": Decimal("1.10"), "comparator": "<"}),
    observation(valueQuantity={"value": 3}, effectiveInstant="2027-03-15T09:30:00Z"),
    observation(valueTime="09:30:00", effectiveDateTime="2027-03"),
    observation(status=None) | {"status": "final", "_status": {"id": "s"}},
    {"resourceType": "Binary", "contentType": "text/plain", "data": "aGVq\r\n aGVq"},
    {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "code": {"text": "KOL"}},
    {
        "resourceType": "ExampleScenario",
        "status": "draft",
        "instance": [{"resourceId": "a", "resourceType": "Patient"}],
    },
]


@pytest.mark.parametrize("resource", VALID, ids=range(len(VALID)))
def test_valid(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


REFUSED = [
    # not a resource
    (None, "Resource", "null", "structure"),
    ([], "Resource", "empty array", "structure"),
    ({}, "Resource", "empty object", "structure"),
    ("Patient", "Resource", "text", "structure"),
    ({"id": "1"}, "Resource.resourceType", "resourceType is missing", "required"),
    ({"resourceType": 1}, "Resource.resourceType", "whole number", "structure"),
    ({"resourceType": "Patiant"}, "Resource.resourceType", "'Patiant' is not an R4 resource type", "structure"),
    ({"resourceType": "DomainResource"}, "Resource.resourceType", "'DomainResource'", "structure"),
    # elements of the definitions' package that R4 itself does not have
    ({"resourceType": "Binary", "contentType": "a/b", "url": "http://x"}, "Binary.url", "'url'", "structure"),
    (patient(meta={"project": "x"}), "Patient.meta.project", "'project'", "structure"),
    # unknown elements
    (patient(familly="x"), "Patient.familly", "'familly' is not an element of Patient", "structure"),
    (
        patient(name=[{"familiy": "x"}]),
        "Patient.name[0].familiy",
        "'familiy' is not an element of HumanName",
        "structure",
    ),
    (patient(_name=[{"id": "a"}], name=[{"text": "x"}]), "Patient._name", "not a primitive", "structure"),
    (patient(_id={"id": "a"}), "Patient._id", "not a primitive that carries", "structure"),
    (patient(name=[{"resourceType": "HumanName"}]), "Patient.name[0].resourceType", "'resourceType'", "structure"),
    (patient(**{"": "x"}), "Patient.", "''", "structure"),
    # cardinality
    ({"resourceType": "Observation", "code": {"text": "x"}}, "Observation.status", "status is missing", "required"),
    ({"resourceType": "Bundle"}, "Bundle.type", "type is missing", "required"),
    (patient(link=[{"type": "seealso"}]), "Patient.link[0].other", "other is missing", "required"),
    (patient(name={"family": "x"}), "Patient.name", "object where an array", "structure"),
    (patient(birthDate=["1990"]), "Patient.birthDate", "an array where a date", "structure"),
    (patient(maritalStatus=[{"text": "x"}]), "Patient.maritalStatus", "an array where an object", "structure"),
    (
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}},
        "MedicationRequest.medication",
        "medication is missing",
        "required",
    ),
    # choice types
    (patient(deceasedBoolean=True, deceasedDateTime="2027"), "Patient.deceased", "deceasedBoolean and", "structure"),
    (patient(deceasedBoolean=True, _deceasedDateTime=UNKNOWN), "Patient.deceased", "together", "structure"),
    (patient(deceasedString="yes"), "Patient.deceasedString", "not a type deceased[x]", "structure"),
    (patient(deceased=True), "Patient.deceased", "not a type deceased[x]", "structure"),
    (
        observation(valueQuantity={"value": "3"}),
        "Observation.value.ofType(Quantity).value",
        "text where a decimal",
        "structure",
    ),
    # primitives
    (patient(active="true"), "Patient.active", "text where a boolean", "structure"),
    (patient(active=1), "Patient.active", "whole number where a boolean", "structure"),
    (patient(birthDate="2026-02-30"), "Patient.birthDate", "a day that month does not have", "value"),
    (patient(birthDate="1900-02-29"), "Patient.birthDate", "a day that month does not have", "value"),
    (patient(birthDate="2026-13"), "Patient.birthDate", "not a valid date", "value"),
    (patient(birthDate="07-02-1990"), "Patient.birthDate", "not a valid date", "value"),
    (patient(birthDate="1990-02-07T10:00:00Z"), "Patient.birthDate", "not a valid date", "value"),
    (patient(birthDate="1990-02-07\n"), "Patient.birthDate", "not a valid date", "value"),
    (patient(birthDate="１９９０"), "Patient.birthDate", "not a valid date", "value"),
    (patient(birthDate=1990), "Patient.birthDate", "whole number where a date", "structure"),
    (
        patient(deceasedDateTime="2027-02-28T10:00:00"),
        "Patient.deceased.ofType(dateTime)",
        "without seconds or zone",
        "value",
    ),
    (
        patient(deceasedDateTime="2027-02-29T10:00:00Z"),
        "Patient.deceased.ofType(dateTime)",
        "a day that month",
        "value",
    ),
    (
        patient(deceasedDateTime="2027-02-28T24:00:00Z"),
        "Patient.deceased.ofType(dateTime)",
        "not a valid dateTime",
        "value",
    ),
    (patient(meta={"lastUpdated": "2027-02-28"}), "Patient.meta.lastUpdated", "not a valid instant", "value"),
    (observation(valueTime="25:00:00"), "Observation.value.ofType(time)", "not a valid time", "value"),
    (patient(id="a b"), "Patient.id", "not a valid id", "value"),
    (patient(id="a" * 65), "Patient.id", "not a valid id", "value"),
    (patient(name=[{"id": "a b", "text": "A"}]), "Patient.name[0].id", "not a valid element-id", "value"),
    (patient(implicitRules="http://a b"), "Patient.implicitRules", "not a valid uri", "value"),
    (patient(language=" da"), "Patient.language", "not a valid code", "value"),
    (patient(language="d  a"), "Patient.language", "not a valid code", "value"),
    (extended(valueOid="urn:oid:3.1"), "Patient.extension[0].value.ofType(oid)", "not a valid oid", "value"),
    (extended(valueUuid="urn:uuid:A"), "Patient.extension[0].value.ofType(uuid)", "not a valid uuid", "value"),
    (extended(valueInteger=1.0), "Patient.extension[0].value.ofType(integer)", "decimal number where", "structure"),
    (
        extended(valueInteger=Decimal("1.0")),
        "Patient.extension[0].value.ofType(integer)",
        "decimal number",
        "structure",
    ),
    (extended(valueInteger=2**31), "Patient.extension[0].value.ofType(integer)", "outside the range", "value"),
    (extended(valueInteger=True), "Patient.extension[0].value.ofType(integer)", "a boolean where", "structure"),
    (extended(valuePositiveInt=0), "Patient.extension[0].value.ofType(positiveInt)", "outside the range", "value"),
    (extended(valueUnsignedInt=-1), "Patient.extension[0].value.ofType(unsignedInt)", "outside the range", "value"),
    (extended(valueDecimal="1.0"), "Patient.extension[0].value.ofType(decimal)", "text where a decimal", "structure"),
    (extended(valueDecimal=True), "Patient.extension[0].value.ofType(decimal)", "a boolean where", "structure"),
    (extended(valueDecimal=Decimal("1e999")), "Patient.extension[0].value.ofType(decimal)", "too large", "value"),
    (
        extended(valueBase64Binary="abc"),
        "Patient.extension[0].value.ofType(base64Binary)",
        "not a valid base64",
        "value",
    ),
    (
        extended(valueBase64Binary="æøåæ"),
        "Patient.extension[0].value.ofType(base64Binary)",
        "not a valid base64",
        "value",
    ),
    (extended(valueString="a\x00b"), "Patient.extension[0].value.ofType(string)", "control characters", "value"),
    (extended(valueString="a" * (2**20 + 1)), "Patient.extension[0].value.ofType(string)", "too long", "too-long"),
    # nothing empty, nothing null
    (patient(name=[]), "Patient.name", "an empty array", "structure"),
    (patient(name=[{}]), "Patient.name[0]", "an empty object", "structure"),
    (patient(name=[None]), "Patient.name[0]", "null", "structure"),
    (patient(birthDate=None), "Patient.birthDate", "null", "structure"),
    (patient(name=[{"family": ""}]), "Patient.name[0].family", "an empty text", "structure"),
    (patient(name=[{"given": ["A", None]}]), "Patient.name[0].given[1]", "null", "structure"),
    # primitive extensions
    (
        patient(_birthDate={"value": "x"}),
        "Patient.birthDate.value",
        "'value' is not an element of Element",
        "structure",
    ),
    (patient(_birthDate=[{"id": "a"}]), "Patient.birthDate", "an array where an object", "structure"),
    (patient(name=[{"_given": {"id": "a"}}]), "Patient.name[0].given", "an object where an array", "structure"),
    (
        patient(name=[{"given": ["A"], "_given": [None, {"id": "b"}]}]),
        "Patient.name[0].given",
        "differ in length",
        "structure",
    ),
    (patient(name=[{"given": [None], "_given": [None]}]), "Patient.name[0].given[0]", "null", "structure"),
    (patient(name=[{"given": [1], "_given": [{"id": "a"}]}]), "Patient.name[0].given[0]", "whole number", "structure"),
    (patient(birthDate="x", _birthDate={"id": "a"}), "Patient.birthDate", "not a valid date", "value"),
    # required codes
    (patient(gender="M"), "Patient.gender", "'M' is not a code", "code-invalid"),
    (patient(name=[{"use": "work"}]), "Patient.name[0].use", "'work' is not a code", "code-invalid"),
    (
        {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"coding": [{"code": "active"}]}},
        "Condition.clinicalStatus",
        "its system is another",
        "code-invalid",
    ),
    (
        {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"text": "active"}},
        "Condition.clinicalStatus",
        "no code is given",
        "code-invalid",
    ),
    (
        {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "question"}]},
        "Questionnaire.item[0].type",
        "'question' is not a code",
        "code-invalid",
    ),
    # references
    (
        patient(managingOrganization={"reference": "Patient/1"}),
        "Patient.managingOrganization.reference",
        "refers to Patient",
        "value",
    ),
    (
        patient(managingOrganization={"reference": "https://example.org/fhir/Patient/1"}),
        "Patient.managingOrganization.reference",
        "refers to Patient",
        "value",
    ),
    (patient(managingOrganization={"type": "Patient"}), "Patient.managingOrganization.type", "says Patient", "value"),
    (observation(focus=[{"reference": "Bot/1"}]), "Observation.focus[0].reference", "no R4 type", "value"),
    # extensions
    (patient(extension=[{"valueString": "x"}]), "Patient.extension[0].url", "url is missing", "required"),
    (extended(), "Patient.extension[0]", "neither a value nor extensions", "invariant"),
    (
        extended(valueString="x", extension=[{"url": "y", "valueString": "z"}]),
        "Patient.extension[0]",
        "both a value and extensions",
        "invariant",
    ),
    # a quantity that may not compare
    (
        observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        "Observation.referenceRange[0].low.comparator",
        "'comparator' is not an element of SimpleQuantity",
        "structure",
    ),
    # groups reached by a content reference
    (
        {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group", "item": [{"type": "date"}]}],
        },
        "Questionnaire.item[0].item[0].linkId",
        "linkId is missing",
        "required",
    ),
    # resources inside resources
    (
        patient(contained=[{"resourceType": "Observation", "status": "final"}]),
        "Patient.contained[0].code",
        "missing",
        "required",
    ),
    (
        patient(contained=[{"resourceType": "Patient", "contained": [{"resourceType": "Patient", "id": "b"}]}]),
        "Patient.contained[0].contained",
        "contains resources itself",
        "invariant",
    ),
    (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(name=[{"family": 1}])}]},
        "Bundle.entry[0].resource.name[0].family",
        "whole number",
        "structure",
    ),
    (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Bot"}}]},
        "Bundle.entry[0].resource.resourceType",
        "'Bot'",
        "structure",
    ),
]


@pytest.mark.parametrize(
    ("resource", "path", "message", "code"), REFUSED, ids=[f"{n}-{r[1]}" for n, r in enumerate(REFUSED)]
)
def test_refused(resource: object, path: str, message: str, code: str) -> None:
    issue = only(resource)
    assert issue.path == path
    assert message in issue.message
    assert issue.code == code
    assert issue.expected


def test_expected_names_the_nearest_elements() -> None:
    assert only(patient(adress=[{"text": "x"}])).expected.startswith("address")
    assert only(patient(deceasedString="x")).expected == "one of deceasedBoolean, deceasedDateTime"
    assert only({"resourceType": "Patiant"}).expected.startswith("Patient")


def test_expected_lists_at_most_ten_codes() -> None:
    assert only(patient(gender="M")).expected == "one of male, female, other, unknown"
    many = only({"resourceType": "Bundle", "type": "x"}).expected
    assert (
        many
        == "one of document, message, transaction, transaction-response, batch, batch-response, history, searchset, collection"
    )
    types = only({"resourceType": "CompartmentDefinition"} | _compartment("Nothing")).expected
    assert types.count(",") == 10 and types.endswith("in all)")


def _compartment(resource: str) -> dict[str, Any]:
    return {
        "url": "http://x",
        "name": "x",
        "status": "draft",
        "code": "Patient",
        "search": True,
        "resource": [{"code": resource}],
    }


def test_every_fault_is_told_at_once() -> None:
    issues = validate(patient(active="x", gender="M", name=[{"family": 1}, {"famly": "x"}]))
    assert [i.path for i in issues] == [
        "Patient.active",
        "Patient.gender",
        "Patient.name[0].family",
        "Patient.name[1].famly",
    ]


@pytest.mark.parametrize(
    "resource",
    [
        patient(id=f"{CPR} x"),
        patient(birthDate=CPR),
        patient(name=[{"family": [CPR]}]),
        patient(identifier=[{"system": f"{CPR} {CPR}", "value": {"x": CPR}}]),
        patient(gender=CPR),
        patient(managingOrganization={"reference": f"Patient/{CPR}"}),
        patient(**{CPR: "x"}),
        patient(**{f"name{CPR}": "x"}),
        {"resourceType": CPR},
        {"resourceType": "Condition", "subject": {"reference": CPR}, "clinicalStatus": {"coding": [{"code": CPR}]}},
    ],
)
def test_no_message_gives_a_patient_away(resource: dict[str, Any]) -> None:
    issues = validate(resource)
    assert issues
    assert CPR not in "".join(f"{i.path} {i.message} {i.expected}" for i in issues)


def test_codes_are_repeated_in_part_only() -> None:
    message = only(patient(gender="kvinde" * 20)).message
    assert "kvinde" in message and len(message) < 100


def test_nesting_without_end_is_told_not_raised() -> None:
    deep: dict[str, Any] = {"url": "x", "valueString": "x"}
    for _ in range(5000):
        deep = {"url": "x", "extension": [deep]}
    assert only(patient(extension=[deep])).code == "too-long"


def test_numbers_read_by_our_json_are_decimals() -> None:
    read = json.loads(
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    )
    assert isinstance(read["valueQuantity"]["value"], Decimal)
    assert validate(read) == []


def test_advice_is_told_when_asked_for() -> None:
    assert validate(patient()) == []
    (advice,) = validate(patient(), warnings=True)
    assert (advice.path, advice.message, advice.severity) == ("Patient", "dom-6 is broken", Severity.WARNING)
    found = validate(patient(active=1), warnings=True)
    assert [issue.severity for issue in found] == [Severity.ERROR]


BOOKED = {
    "resourceType": "Appointment",
    "status": "booked",
    "participant": [{"status": "accepted", "type": [{"text": "a"}]}],
}


@pytest.mark.parametrize(
    ("resource", "path", "key"),
    [
        (observation(valueString="a", dataAbsentReason={"text": "b"}), "Observation", "obs-6"),
        (
            observation(code={"coding": [CODING]}, valueString="a", component=[{"code": {"coding": [CODING]}}]),
            "Observation",
            "obs-7",
        ),
        (patient(contact=[{"gender": "male"}]), "Patient.contact[0]", "pat-1"),
        (patient(name=[{"period": {"start": "2027-02", "end": "2027-01-31"}}]), "Patient.name[0].period", "per-1"),
        (patient(telecom=[{"value": "1"}]), "Patient.telecom[0]", "cpt-2"),
        (observation(valueQuantity={"value": 1, "code": "mg"}), "Observation.value.ofType(Quantity)", "qty-3"),
        (
            observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}),
            "Observation.value.ofType(Range)",
            "rng-2",
        ),
        (patient(managingOrganization={"reference": "#o"}), "Patient.managingOrganization", "ref-1"),
        (BOOKED | {"start": "2027-01-01T10:00:00Z"}, "Appointment", "app-2"),
        (BOOKED, "Appointment", "app-3"),
        (
            {
                "resourceType": "Organization",
                "name": "A",
                "telecom": [{"system": "phone", "value": "1", "use": "home"}],
            },
            "Organization.telecom[0]",
            "org-3",
        ),
        (
            {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": patient(contact=[{"gender": "male"}])}],
            },
            "Bundle.entry[0].resource.contact[0]",
            "pat-1",
        ),
    ],
)
def test_invariants(resource: dict[str, Any], path: str, key: str) -> None:
    (issue,) = [one for one in validate(resource) if one.message.startswith(key)]
    assert (issue.path, issue.message, issue.code) == (path, f"{key} is broken", "invariant")
    assert issue.expected


def test_references_into_the_resource_go_to_the_right_type() -> None:
    inside = [{"resourceType": "Organization", "id": "o", "name": "A"}]
    issue = only({**observation(subject={"reference": "#o"}), "contained": inside})
    assert (issue.path, issue.code) == ("Observation.subject.reference", "value")
    assert "Organization" in issue.message
    same = [*inside, {"resourceType": "Organization", "id": "o", "name": "B"}]
    issue = only(patient(contained=same, managingOrganization={"reference": "#o"}))
    assert issue.path == "Patient.contained[1].id"


@pytest.mark.parametrize(
    "inner",
    [
        "<script>a</script>",
        "<p onclick='a'>a</p>",
        "<a href='java\nscript:a'>a</a>",
        " ",
        "&nbsp;",
        "<p>",
        "<x:p/>",
        "<form/>",
    ],
)
def test_narrative_holds_formatting_alone(inner: str) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
    assert only(patient(text={"status": "generated", "div": div})).path == "Patient.text.div"


def test_narrative_expands_nothing() -> None:
    bomb = '<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><div xmlns="http://www.w3.org/1999/xhtml">&b;</div>'
    assert only(patient(text={"status": "generated", "div": bomb}))


def test_the_text_of_a_quick_check_can_be_read() -> None:
    text = validate_quick.source("Patient.contact")
    assert "def Patient_contact(o, c):" in text
    assert "pat-1" in text
    with pytest.raises(KeyError):
        validate_quick.source("Nothing")


def test_further_rules_see_sound_resources_only() -> None:
    seen: list[str] = []

    def named(resource: dict[str, Any]) -> list[Finding]:
        seen.append(resource.get("id", ""))
        return [] if "name" in resource else [(".name", "name is missing", "a name", "invariant")]

    validator = Validator({"Patient": [named]})
    assert validator.validate(patient(id="a", name=[{"text": "x"}])) == []
    assert [i.path for i in validator.validate(patient(id="b"))] == ["Patient.name"]
    assert [i.path for i in validator.validate(patient(id="c", active=3))] == ["Patient.active"]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient(id="d")}]}
    assert [i.path for i in validator.validate(bundle)] == ["Bundle.entry[0].resource.name"]
    assert seen == ["a", "b", "d"]
