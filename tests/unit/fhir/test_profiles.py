"""Profiles: every kind of rule refuses what breaks it, in its place, and lets what keeps to it through."""

from __future__ import annotations

from typing import Any

import pytest

from tovholder.base.errors import Issue
from tovholder.fhir import profiles, profiles_items, profiles_policy, terminology
from tovholder.fhir.profiles_check import Checker
from tovholder.fhir.profiles_model import Node, Profile, Slicing, TypeRule
from tovholder.fhir.profiles_policy import Answer, Policy
from tovholder.fhir.profiles_scope import Scope

Json = dict[str, Any]
DK = "http://hl7.dk/fhir/core/StructureDefinition/"
CPR = "urn:oid:1.2.208.176.1.2"
MUNICIPALITY = f"{DK}dk-core-municipalityCodes"
MUNICIPALITIES = "http://hl7.dk/fhir/core/CodeSystem/dk-core-municipality-codes"


def told(resource: Json, profile: str, severity: str = "error") -> list[str]:
    return [issue.path for issue in profiles.validate(resource, profile) if issue.severity == severity]


def patient(**more: Any) -> Json:
    made = {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": CPR, "value": "0911970001"}],
        "name": [{"use": "official", "family": "Prøve"}],
    }
    return {**made, **more}


def observation(**more: Any) -> Json:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://npu-terminology.org", "code": "NPU27300"}]},
        "subject": {"reference": "Patient/1"},
        "valueQuantity": {"value": 48, "unit": "mmol/mol", "system": "http://unitsofmeasure.org", "code": "mmol/mol"},
    }
    return {**made, **more}


def test_what_keeps_to_the_profile_is_let_through() -> None:
    assert told(patient(), f"{DK}dk-core-patient") == []
    assert told(observation(), f"{DK}dk-core-observation") == []


def test_cardinality() -> None:
    without = patient()
    del without["identifier"]
    assert told(without, f"{DK}dk-core-patient") == ["Patient.identifier"]
    nobody = observation()
    del nobody["subject"]
    assert told(nobody, f"{DK}dk-core-observation") == ["Observation.subject"]


def test_fixed_values_and_nested_datatype_profiles() -> None:
    wrong_use = patient(identifier=[{"use": "temp", "system": CPR, "value": "0911970001"}])
    assert told(wrong_use, f"{DK}dk-core-patient") == ["Patient.identifier[0].use"]
    no_value = patient(identifier=[{"use": "official", "system": CPR}])
    assert told(no_value, f"{DK}dk-core-patient") == ["Patient.identifier[0].value"]


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("0911970001", []),  # fails modulus 11, as most numbers given out today do
        ("3112991234", []),
        ("3111991234", ["Patient.identifier[0].value"]),  # November has no 31st
        ("091197001", ["Patient.identifier[0].value"]),
        ("091197-0001", ["Patient.identifier[0].value"]),
    ],
)
def test_a_cpr_number_is_a_date_and_four_digits_and_no_checksum(number: str, found: list[str]) -> None:
    sent = patient(identifier=[{"use": "official", "system": CPR, "value": number}])
    assert sorted(set(told(sent, f"{DK}dk-core-patient"))) == found


def test_slices_count_their_own() -> None:
    twice = patient(identifier=[{"use": "official", "system": CPR, "value": f"091197000{n}"} for n in (1, 2)])
    assert told(twice, f"{DK}dk-core-patient") == ["Patient.identifier"]
    # Another system is in no slice, and an open slicing lets it be.
    other = patient(identifier=[{"system": "http://example.org", "value": "1"}])
    assert told(other, f"{DK}dk-core-patient") == []
    no_family = patient(name=[{"use": "official", "given": ["Kun"]}])
    assert told(no_family, f"{DK}dk-core-patient") == ["Patient.name[0].family"]
    assert told(patient(name=[{"use": "usual", "given": ["Kun"]}]), f"{DK}dk-core-patient") == []


def test_patterns() -> None:
    composed = observation(valueQuantity={"value": 48, "unit": "x", "system": "http://example.org", "code": "mmol/mol"})
    assert "Observation.value.ofType(Quantity).system" in told(composed, f"{DK}dk-core-basic-observation")
    assert "Observation.value.ofType(Quantity).system" not in told(observation(), f"{DK}dk-core-basic-observation")


def test_choice_types_and_closed_slicing() -> None:
    text = observation(valueString="high")
    del text["valueQuantity"]
    assert "Observation.value.ofType(string)" in told(text, f"{DK}dk-core-basic-observation")


def test_reference_targets_by_type() -> None:
    url = f"{DK}dk-core-observation"
    assert told(observation(subject={"reference": "Practitioner/1"}), url) == ["Observation.subject"]
    assert told(observation(subject={"type": "Practitioner", "display": "all"}), url) == ["Observation.subject"]
    assert told(observation(subject={"reference": "https://example.org/fhir/Patient/1"}), url) == []
    assert told(observation(subject={"identifier": {"value": "1"}}), url) == []


def address(coding: Json) -> Json:
    return patient(address=[{"extension": [{"url": MUNICIPALITY, "valueCodeableConcept": {"coding": [coding]}}]}])


def test_bindings_by_strength_and_what_is_not_at_hand() -> None:
    url = f"{DK}dk-core-patient"
    where = "Patient.address[0].extension[0].value.ofType(CodeableConcept)"
    assert told(address({"system": MUNICIPALITIES, "code": "0101"}), url) == []
    assert [
        path.removesuffix(".coding[0]") for path in told(address({"system": MUNICIPALITIES, "code": "9999"}), url)
    ] == [where]
    # The same code of another system is another code.
    assert told(address({"system": "http://example.org", "code": "0101"}), url) != []
    marital = {"coding": [{"system": "http://example.org", "code": "X"}]}
    assert told(patient(maritalStatus=marital), url) == []
    assert told(patient(maritalStatus=marital), url, "warning") == ["Patient.maritalStatus"]
    # SNOMED CT is not at hand: nothing is held against the code, and that it was not checked is said.
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "13645005"}]},
    }
    found = profiles.validate(condition, f"{DK}dk-core-condition")
    assert [issue.severity for issue in found] == ["information"]
    assert "http://snomed.info/sct" in found[0].message


def test_constraints_in_fhirpath_with_their_key() -> None:
    organization: Json = {"resourceType": "Organization", "name": "Klinik", "identifier": []}
    organization["identifier"] = [{"system": "urn:oid:1.2.208.176.1.4", "value": "123456"}]  # a ydernummer alone
    found = [one for one in profiles.validate(organization, f"{DK}dk-core-organization") if one.severity == "error"]
    assert [one.path for one in found] == ["Organization"]
    assert "dk-core-organization-mandatory-identifier" in found[0].message
    cvr = {"use": "official", "system": "http://cvr.dk", "value": "12345678"}
    assert "CVR-modulus-11" in str(
        profiles.validate({**organization, "identifier": [cvr]}, f"{DK}dk-core-organization")
    )
    good = {**cvr, "value": "10000009"}
    assert told({**organization, "identifier": [good]}, f"{DK}dk-core-organization") == []


def test_extensions_keep_to_their_own_definition_and_unknown_ones_are_let_be() -> None:
    url = f"{DK}dk-core-patient"
    empty = patient(address=[{"extension": [{"url": MUNICIPALITY, "valueString": "København"}]}])
    assert "Patient.address[0].extension[0].value.ofType(string)" in told(empty, url)
    unknown = patient(extension=[{"url": "http://example.org/any", "valueBoolean": True}])
    assert told(unknown, url) == told(unknown, url, "warning") == []
    modifier = patient(modifierExtension=[{"url": "http://example.org/not", "valueBoolean": True}])
    assert told(modifier, url) == []
    assert told(modifier, url, "warning") == ["Patient.modifierExtension[0]"]


R4 = "http://hl7.org/fhir/StructureDefinition/"
BIRTH_TIME = {"url": f"{R4}patient-birthTime", "valueDateTime": "1960-05-01T10:00:00Z"}  # on Patient.birthDate
OWN_NAME = {"url": f"{R4}humanname-own-name", "valueString": "Holst"}  # on HumanName.family
XHTML = {"url": f"{R4}rendering-xhtml", "valueString": "<b>x</b>"}  # on string
TRANSLATED = {"url": f"{R4}iso21090-uncertainty", "valueDecimal": 1}  # on Quantity
HIDDEN = {"url": f"{R4}questionnaire-hidden", "valueBoolean": True}  # on Questionnaire.item and its items
DRY = {"url": f"{R4}specimen-isDryWeight", "valueBoolean": True}  # on Specimen.collection.quantity
ATTACHED = {  # on Observation and on its extensions
    "url": "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-observation-value-attachment-extension",
    "valueReference": {"reference": "Media/1"},
}
ANYWHERE = {
    "url": "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core-datetime-extension",
    "valueDateTime": "2027-01-01",
}


def specimen(**quantity: Any) -> Json:
    return {"resourceType": "Specimen", "collection": {"quantity": {"value": 1, **quantity}}}


def questionnaire(*items: Json) -> Json:
    return {"resourceType": "Questionnaire", "status": "active", "item": list(items)}


def item(link: str, **more: Any) -> Json:
    return {"linkId": link, "type": "group", "text": "x", **more}


@pytest.mark.parametrize(
    ("resource", "places"),
    [
        (patient(birthDate="1960-05-01", _birthDate={"extension": [BIRTH_TIME]}), []),
        (patient(extension=[BIRTH_TIME]), ["Patient.extension[0]"]),
        (patient(name=[{"family": "Prøve", "_family": {"extension": [OWN_NAME]}}]), []),
        (patient(contact=[{"name": {"family": "Prøve", "_family": {"extension": [OWN_NAME]}}}]), []),
        (
            patient(name=[{"family": "Prøve", "given": ["A"], "_given": [{"extension": [OWN_NAME]}]}]),
            ["Patient.name[0].given[0].extension[0]"],
        ),
        (patient(name=[{"text": "Prøve", "_text": {"extension": [XHTML]}}]), []),
        (patient(gender="female", _gender={"extension": [XHTML]}), []),  # a code is a string
        (patient(birthDate="1960", _birthDate={"extension": [XHTML]}), ["Patient.birthDate.extension[0]"]),
        (observation(valueQuantity={"value": 1, "extension": [TRANSLATED]}), []),
        (observation(extension=[TRANSLATED]), ["Observation.extension[0]"]),
        (questionnaire(item("1", extension=[HIDDEN], item=[item("2", extension=[HIDDEN])])), []),
        (questionnaire() | {"extension": [HIDDEN]}, ["Questionnaire.extension[0]"]),
        (specimen(extension=[DRY]), []),
        (observation(valueQuantity={"value": 1, "extension": [DRY]}),
         ["Observation.value.ofType(Quantity).extension[0]"]),
        (observation(extension=[{"url": "http://example.org/x", "extension": [ATTACHED]}]), []),
        (patient(extension=[ATTACHED]), ["Patient.extension[0]"]),
        (patient(extension=[ANYWHERE], name=[{"family": "P", "extension": [ANYWHERE]}]), []),
        (patient(contained=[{"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "extension": [HIDDEN]}]),
         ["Patient.contained[0].extension[0]"]),
    ],
)  # fmt: skip
def test_an_extension_out_of_place_is_worth_a_warning(resource: Json, places: list[str]) -> None:
    found = [issue for issue in profiles.validate(resource) if issue.code == "extension"]
    assert [issue.path for issue in found] == places
    assert {str(issue.severity) for issue in found} <= {"warning"}


def test_a_resource_of_another_type_is_no_case_of_the_profile() -> None:
    assert told(observation(), f"{DK}dk-core-patient") == ["Observation"]


def test_what_is_claimed_is_checked_in_bundles_and_contained_resources_too() -> None:
    inner = {"resourceType": "Patient", "meta": {"profile": [f"{DK}dk-core-patient"]}, "gender": "male"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    assert [one.path for one in profiles.validate(bundle)] == ["Bundle.entry[0].resource.identifier"]
    holder = observation(contained=[{**inner, "id": "p"}], subject={"reference": "#p"})
    assert [one.path for one in profiles.validate(holder)] == ["Observation.contained[0].identifier"]


def test_another_version_is_checked_against_the_one_at_hand_and_that_is_said() -> None:
    old = patient(meta={"profile": [f"{DK}dk-core-patient|1.0.0"]})
    assert [(one.severity, one.path) for one in profiles.validate(old)] == [("information", "Patient.meta.profile")]
    assert profiles.validate(patient(meta={"profile": [f"{DK}dk-core-patient|3.7"]})) == []
    assert profiles.validate(patient(meta={"profile": ["http://hl7.org/fhir/StructureDefinition/Patient"]})) == []


# --- rule kinds the published packages at hand do not use, on profiles made here -------------------------------------


def checked(resource: Json, root: Node) -> list[Issue]:
    kind = resource["resourceType"]
    profile = Profile("http://example.org/p", "1", "P", "P", kind, "test", root)
    checker = Checker(terminology.shipped())
    checker.profile(profile, profiles_items.of_resource(resource), Scope(resource))
    return checker.issues


def named(*names: Json) -> Json:
    return {"resourceType": "Patient", "name": list(names)}


def test_slices_told_apart_by_whether_an_element_is_there() -> None:
    slices = {
        "whole": Node(1, 1, children={"family": Node(minimum=1)}),
        "short": Node(0, 1, children={"family": Node(maximum=0)}),
    }
    root = Node(children={"name": Node(slicing=Slicing((("exists", "family"),), "closed"), slices=slices)})
    assert checked(named({"family": "A"}, {"given": ["B"]}), root) == []
    assert [one.path for one in checked(named({"given": ["B"]}), root)] == ["Patient.name"]
    assert [one.path for one in checked(named({"family": "A"}, {"family": "B"}), root)] == ["Patient.name"]


def test_slices_in_slices_and_their_order() -> None:
    again = Slicing((("value", "text"),), "open")
    first = Node(
        children={"use": Node(fixed="official")},
        slicing=again,
        slices={"full": Node(1, 1, children={"text": Node(fixed="A B")})},
    )
    second = Node(children={"use": Node(fixed="usual")})
    slicing = Slicing((("value", "use"),), "open", ordered=True)
    root = Node(children={"name": Node(slicing=slicing, slices={"official": first, "usual": second})})
    official, usual = {"use": "official", "text": "A B"}, {"use": "usual"}
    assert checked(named(official, usual), root) == []
    assert "not in order" in checked(named(usual, official), root)[0].message
    assert "slice full is missing" in checked(named({"use": "official"}, usual), root)[0].message


def test_the_longest_text_and_one_of_several_profiles() -> None:
    assert [
        one.path
        for one in checked(named({"text": "abc"}), Node(children={"name": Node(children={"text": Node(longest=2)})}))
    ] == ["Patient.name[0].text"]
    either = TypeRule("Identifier", (f"{DK}dk-core-cpr-identifier", f"{DK}dk-core-sor-identifier"))
    root = Node(children={"identifier": Node(types=(either,))})
    cpr = {"use": "official", "system": CPR, "value": "0911970001"}
    assert checked({"resourceType": "Patient", "identifier": [cpr]}, root) == []
    found = checked({"resourceType": "Patient", "identifier": [{"value": "1"}]}, root)
    assert [one.path for one in found] == ["Patient.identifier[0]"]


# --- the policy of writes ---------------------------------------------------------------------------------------------


def test_the_most_telling_line_of_the_policy_wins() -> None:
    profile = profiles.find(f"{DK}dk-core-patient")
    assert profile is not None
    package, url = profile.package, profile.url
    assert Policy().answer(profile, "Patient") is Answer.WARN
    assert Policy(packages={package: Answer.OFF}).answer(profile, "Patient") is Answer.OFF
    by_type = Policy(packages={package: Answer.OFF}, types={"Patient": Answer.REFUSE})
    assert by_type.answer(profile, "Patient") is Answer.REFUSE
    assert Policy(types={"Patient": Answer.REFUSE}, profiles={url: Answer.OFF}).answer(profile, "Patient") is Answer.OFF


def test_a_policy_warns_refuses_or_is_silent() -> None:
    claiming = {"resourceType": "Patient", "meta": {"profile": [f"{DK}dk-core-patient"]}}
    assert [one.severity for one in Policy().check(claiming)] == ["warning"]
    assert [one.severity for one in Policy(default=Answer.REFUSE).check(claiming)] == ["error"]
    assert Policy(default=Answer.OFF).check(claiming) == ()
    assert Policy(default=Answer.REFUSE).check({"resourceType": "Patient"}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "version = 2",
        "version = 1\ndefault = 'perhaps'",
        "version = 1\n[types]\nPerson2 = 'warn'",
        "version = 1\n[profiles]\n'http://example.org/nobody' = 'warn'",
        "version = 1\n[required]\nPatient = ['http://example.org/nobody']",
        "version = 1\nmore = 1",
        "version = 1\ntypes = 3",
        "nothing of TOML",
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_by_name(text: str) -> None:
    with pytest.raises(profiles_policy.Problem) as refused:
        profiles_policy.load(text, "mine.toml")
    assert "mine.toml" in refused.value.message
