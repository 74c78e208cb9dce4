"""Operations with parameters nobody can mean: all of api/operations, in the address and in a body."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from lib.garbage import GOOD, NUMBER, OBSERVATION, SECRET, SHARES, VALUE_SET, Ask, Judge, raw
from lib.garbage_json import TEXTS, any_value, changed, spoilt
from lib.people import patient
from tovholder import packages
from tovholder.api.operations import OPERATIONS
from tovholder.packages.fhir import export

pytestmark = pytest.mark.django_db(transaction=True)
IDS = {"Patient": "p", "Group": "g", "ValueSet": "v", "Observation": "b", "CodeSystem": "none",
       "PlanDefinition": "tovholder-kol", "ActivityDefinition": "tovholder-kol"}  # fmt: skip
CODE_SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/cs",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "a", "display": "A", "concept": [{"code": "b"}]}],
}
NAMES = [
    "resource", "mode", "profile", "url", "valueSet", "valueSetVersion", "context", "filter", "date", "offset",
    "count", "code", "system", "display",
    "coding", "codeableConcept", "version", "property", "displayLanguage", "abstract", "includeDesignations",
    "activeOnly", "start", "end", "_since",
    "_type", "_count", "_cursor", "_outputFormat", "_typeFilter", "patient", "_format", "_elements", "codeSystem",
    "exclude-system", "system-version",
    "planDefinition", "activityDefinition", "subject", "encounter", "practitioner", "organization", "userLanguage",
    "canonical", "setting",
]  # fmt: skip
SIMPLE = [
    "", "a", "-1", "0", "1", "9" * 30, "true", "maybe", "create", "update", "delete", "profile",
    "http://example.org/vs", "http://example.org/cs",
    "http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender",
    "http://hl7.org/fhir/ValueSet/all-languages",
    "http://hl7.org/fhir/StructureDefinition/Patient", "http://snomed.info/sct",
    "http://snomed.info/sct?fhir_vs=isa/1", "urn:ietf:bcp:13", "male", "2027",
    "2027-13-01", "2027-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "Patient",
    "Nothing", "Patient,Observation",
    "Observation?code=x", "Observation?", "?x", "Nothing?a=b", "Observation?x=y", "Observation?_has:a:b:c=d",
    "Patient?_count=1", "ndjson", "xml",
    "application/fhir+ndjson", "Patient/p", "Patient/none", "Group/g", "|", "a|b", "|||", "en", "da-DK", "x" * 3000,
    "(" * 200, "%", "_", "*", *TEXTS,
]  # fmt: skip


def value(chance: random.Random) -> dict[str, Any]:
    """A value of a parameter, a resource or parts."""
    pick = chance.randrange(10)
    if pick < 4:
        kind = chance.choice(["String", "Uri", "Code", "Boolean", "Integer", "DateTime", "Canonical", "X", ""])
        return {f"value{kind}": chance.choice(SIMPLE)}
    if pick == 4:
        return {
            "valueCoding": chance.choice(
                [
                    {},
                    {"code": "a"},
                    {"system": 1, "code": "a"},
                    {"code": ["a"]},
                    {"system": "http://example.org/cs", "code": NUMBER},
                ]
            )
        }
    if pick == 5:
        coding = chance.choice(
            [
                [],
                [{}],
                [1],
                "x",
                [{"code": "a"}] * 50,
                [{"system": "http://example.org/cs", "code": "a", "display": SECRET}],
            ]
        )
        return {"valueCodeableConcept": {"coding": coding}}
    if pick == 6:
        held = copy.deepcopy(chance.choice([*GOOD, VALUE_SET, CODE_SYSTEM]))
        return {"resource": changed(chance, held) if chance.random() < 0.7 else held}
    if pick == 7:
        return {"part": [parameter(chance)] if chance.random() < 0.5 else any_value(chance, VALUE_SET)}
    if pick == 8:
        return {
            "valueReference": chance.choice(
                [
                    {"reference": "Patient/p"},
                    {"reference": NUMBER},
                    {},
                    {"reference": 1},
                    {"identifier": {"value": NUMBER}},
                ]
            )
        }
    return {chance.choice(["value", "valueString", "resource", "name", "part"]): any_value(chance, VALUE_SET)}


def parameter(chance: random.Random) -> Any:
    made = {"name": chance.choice(NAMES if chance.random() < 0.9 else ["", SECRET, 1, None])} | value(chance)
    return made if chance.random() < 0.95 else any_value(chance, VALUE_SET)


def operations(chance: random.Random, count: int) -> Iterator[Ask]:
    every = sorted(OPERATIONS)
    for number in range(count):
        level, kind, name = every[number % len(every)]
        kind = chance.choice(list(IDS)) if kind == "*" else kind
        path = {"system": "", "type": f"/{kind}"}.get(
            level, f"/{kind}/{chance.choice([IDS.get(kind, 'x'), 'x', NUMBER])}"
        ) + f"/{name}"
        headers = (
            {"Prefer": chance.choice(["respond-async", "respond-async, handling=lenient"])} if name == "$export" else {}
        )
        if chance.random() < 0.4:
            pairs = [(chance.choice(NAMES), chance.choice(SIMPLE)) for _ in range(chance.randint(0, 3))]
            query = urlencode([(key, text.encode("utf-8", "surrogatepass")) for key, text in pairs])
            yield Ask(
                chance.choice(["GET", "GET", "POST", "HEAD", "PUT", "DELETE"]), f"{path}?{query}", headers=headers
            )
            continue
        body = {"resourceType": "Parameters", "parameter": [parameter(chance) for _ in range(chance.randint(0, 3))]}
        if chance.random() < 0.1:
            body["parameter"] = any_value(chance, body)
        sent = spoilt(chance, body) if chance.random() < 0.08 else raw(body)
        if chance.random() < 0.1:
            sent = raw(changed(chance, copy.deepcopy(chance.choice([*GOOD, CODE_SYSTEM]))))
        yield Ask("POST", path, sent, headers=headers)


def value_sets(chance: random.Random, count: int) -> Iterator[Ask]:
    """Terminology as it is sent and stored: changed, naming itself, naming others in a circle."""
    names = [
        "http://example.org/vs",
        "http://example.org/one",
        "http://example.org/two",
        "http://hl7.org/fhir/ValueSet/languages",
    ]
    for number in range(count):
        filters = [
            {
                "property": chance.choice(["concept", "x", ""]),
                "op": chance.choice(["is-a", "regex", "=", "in", "x"]),
                "value": chance.choice(["(a+)+$", "[", *SIMPLE]),
            }
        ]
        include: dict[str, Any] = {"system": chance.choice(["http://example.org/cs", "urn:x", NUMBER])}
        include |= chance.choice(
            [{"filter": filters}, {"valueSet": chance.sample(names, 2)}, {"concept": [{"code": "a"}] * 3}, {}]
        )
        made = {
            "resourceType": "ValueSet",
            "url": chance.choice(names[:3]),
            "status": "active",
            "compose": {"include": [include]},
        }
        if chance.random() < 0.4:
            made = changed(chance, made)
        if number % 3 == 0:
            yield Ask("POST", "/ValueSet", raw(made))
        elif number % 3 == 1:
            sent = {
                "resourceType": "Parameters",
                "parameter": [{"name": "valueSet", "resource": made}, {"name": "code", "valueCode": "a"}],
            }
            yield Ask("POST", f"/ValueSet/{chance.choice(['$expand', '$validate-code'])}", raw(sent))
        else:
            yield Ask(
                "GET",
                f"/ValueSet/{chance.choice(['$expand', '$validate-code'])}?"
                + urlencode({"url": chance.choice(names), "code": "a"}),
            )


def definitions(chance: random.Random, count: int) -> Iterator[Ask]:
    """Packages' plans with something changed in them, applied to a patient there is or is not."""
    package = packages.get("kol")
    plan, activity = export.plan_definition(package), export.activity_definition(package, package.plan.activities[0])
    for number in range(count):
        kind, name, held = [
            ("PlanDefinition", "planDefinition", plan),
            ("ActivityDefinition", "activityDefinition", activity),
        ][number % 4 == 3]
        made = changed(chance, copy.deepcopy(held))
        told: list[Any] = [{"name": name, "resource": made}]
        told.append(
            {"name": "subject", "valueString": chance.choice(["Patient/p", "Patient/p", "Patient/none", NUMBER])}
        )
        if chance.random() < 0.2:
            told.append(parameter(chance))
        yield Ask("POST", f"/{kind}/$apply", raw({"resourceType": "Parameters", "parameter": told}))


@pytest.mark.parametrize("what", [operations, value_sets, definitions])
def test_operations(what) -> None:  # type: ignore[no-untyped-def] # one of the generators above
    count = {operations: 700, value_sets: 150, definitions: 150}[what]
    judge = Judge(what.__name__)
    judge.roles.send(Ask("POST", "/CodeSystem", raw(CODE_SYSTEM)))
    judge.all(what(judge.chance, count), system=0.8)
    judge.still_answers()
    assert judge.sent == count


def test_the_numbers_of_operations() -> None:
    assert SHARES["operations"] == 700 + 150 + 150
    assert sum(SHARES.values()) >= 5000


def test_many_parameters_and_deep_parts() -> None:
    judge = Judge("parts")
    deep: Any = {"name": "x"}
    for _ in range(115):
        deep = {"name": "x", "part": [deep]}
    many = [{"name": "x", "valueString": str(number)} for number in range(40_000)]
    wide = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": patient() | {"name": [{"family": "x"}] * 60_000}}],
    }
    judge.all(
        [
            *(
                Ask("POST", f"/ValueSet/{name}", raw({"resourceType": "Parameters", "parameter": [deep]}))
                for name in ("$expand", "$validate-code")
            ),
            *(
                Ask("POST", path, raw({"resourceType": "Parameters", "parameter": many}))
                for path in (
                    "/Patient/$validate",
                    "/ValueSet/$expand",
                    "/$export",
                    "/Patient/$open",
                    "/Patient/$break-glass",
                )
            ),
            Ask("POST", "/Patient/$validate", raw(wide)),
            Ask(
                "POST",
                "/Observation/$validate",
                raw(OBSERVATION | {"component": [OBSERVATION["component"][0]] * 40_000}),
            ),
        ],
        system=1,
    )
    assert set(judge.statuses) == {400, 413}
