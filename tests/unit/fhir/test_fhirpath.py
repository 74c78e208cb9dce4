"""FHIRPath: what the closures answer, that the library agrees, and what an error says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tovholder.base import json
from tovholder.base.errors import Category, Problem
from tovholder.fhir import fhirpath
from tovholder.fhir.fhirpath import _Library
from tovholder.fhir.fhirpath_host import HOST
from tovholder.fhir.fhirpath_native import build
from tovholder.fhir.fhirpath_values import boundary, compare, equal, shift

PATIENT: dict[str, Any] = json.loads(
    """
{"resourceType": "Patient", "id": "p", "active": true, "birthDate": "1980-02-29", "gender": "male",
 "deceasedBoolean": false, "multipleBirthInteger": 2,
 "name": [{"use": "official", "family": "F", "given": ["a", "b"]}, {"use": "usual", "given": ["c"]}],
 "extension": [{"url": "u1", "valueCode": "x"}, {"url": "u2", "valueDate": "2020-01-01"},
               {"url": "u3", "extension": [{"url": "inner", "valueInteger": 7}]}],
 "maritalStatus": {"coding": [{"system": "s1", "code": "M"}, {"system": "s2", "code": "N"}]},
 "link": [{"other": {"reference": "Patient/p"}}, {"other": {"reference": "RelatedPerson/r"}}],
 "contact": [{"name": {"family": "K"}}]}
"""
)
OBSERVATION: dict[str, Any] = json.loads(
    """
{"resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2024-05-01T10:00:00+02:00",
 "code": {"coding": [{"system": "m", "code": "1"}]}, "valueQuantity": {"value": 1.10, "unit": "L"},
 "referenceRange": [{"low": {"value": 0.1}, "high": {"value": 0.2}}]}
"""
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("id", ["p"]),
        ("gender.matches('^m')", [True]),
        ("gender.matches('al')", [True]),  # anywhere in the text, as HL7's engine reads it
        ("gender.matches('^al')", [False]),
        ("gender.substring(1, 2)", ["al"]),
        ("gender.substring(9)", []),
        ("gender.length()", [4]),
        ("7 mod 4 + 7 div 4", [4]),
        ("7 mod 0", []),
        ("Patient.name.given", ["a", "b", "c"]),
        ("Observation.id", []),
        ("name.family", ["F"]),
        ("name[1].given", ["c"]),
        ("name[5].given", []),
        ("name.where(use = 'official').given.first()", ["a"]),
        ("name.where(use = 'official' and family = 'F').exists()", [True]),
        ("name.where(use = 'nickname' or family = 'F').count()", [1]),
        ("name.exists(use = 'usual')", [True]),
        ("name.all(given.exists())", [True]),
        ("name.select(given.first())", ["a", "c"]),
        ("name.given.join('-')", ["a-b-c"]),
        ("name.given.tail()", ["b", "c"]),
        ("name.given.last()", ["c"]),
        ("name.given.skip(1).take(1)", ["b"]),
        ("extension('u2').value", ["2020-01-01"]),
        ("extension('u2').value.ofType(date)", ["2020-01-01"]),
        ("extension('u2').value.ofType(code)", []),
        ("extension('u3').extension('inner').value.ofType(integer)", [7]),
        ("maritalStatus.coding.where(system = 's2').code", ["N"]),
        ("deceased", [False]),
        ("deceased.ofType(boolean) = false", [True]),
        ("deceased is boolean", [True]),
        ("(multipleBirth as integer) + 1", [3]),
        ("active and deceased", [False]),
        ("active or nothing", [True]),
        ("active xor deceased", [True]),
        ("active implies nothing", []),
        ("(gender = 'female').not()", [True]),
        ("nothing.not()", []),
        ("nothing = 1", []),
        ("name.given = 'a'", [False]),
        ("gender in ('male' | 'female')", [True]),
        ("name.given contains 'b'", [True]),
        ("name.given | name.family", ["a", "b", "c", "F"]),
        ("birthDate < @1990-01-01", [True]),
        ("birthDate = @1980-02", []),
        ("birthDate + 1 year", ["1981-02-28"]),
        ("birthDate <= today() - 18 years", [True]),
        ("-1 + 2 * 3", [5]),
        ("7 / 2", [3.5]),
        ("7 / 0", []),
        ("'a' & nothing & 'b'", ["ab"]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("link.other.where(resolve() is RelatedPerson).reference", ["RelatedPerson/r"]),
        ("getResourceKey()", ["p"]),
        ("link.other.getReferenceKey()", ["p", "r"]),
        ("link.other.getReferenceKey(Patient)", ["p"]),
        ("%resource.id", ["p"]),
        ("contact.name.select(%resource.id & family)", ["pK"]),
        ("name.where(use = %use).family", ["F"]),
        ("{}", []),
        ("name.trace('x').family", ["F"]),
        ("`name`.`family`", ["F"]),
        ("name.given.where($this = 'b')", ["b"]),
        ("'1|2'.split('|').skip(1).first().toInteger()", [2]),
    ],
)
def test_what_an_expression_gives(expression: str, expected: list[Any]) -> None:
    assert fhirpath.compile(expression)(PATIENT, {"use": "official", "today": "2026-01-01"}) == expected


@pytest.mark.parametrize(
    "expression",
    """name.given
Patient.name.where(use = 'official').given
name[0].given[1]
extension('u2').value
extension('u1').value.ofType(code)
extension.where(url = 'u3').extension.value
deceased
multipleBirth + 1
multipleBirth * 2.5
gender.matches('^m')
gender.matches('^al')
gender.substring(1, 2)
gender.length()
7 mod 4
7 div 4
maritalStatus.coding.where(system = 's1').code
name.exists() and active
name.empty() or deceased.not()
name.given.count() > 2
name.given.first() = 'a'
name.given.distinct()
gender != 'female'
gender in ('male' | 'x')
(gender | active).count()
name.all(use.exists())
iif(name.count() > 1, 'many', 'one')
active xor deceased
active implies deceased
birthDate = @1980-02-29
birthDate > @1979
effective.ofType(dateTime) < @2025-01-01T00:00:00Z
value.ofType(Quantity).value > 1
referenceRange.low.value + referenceRange.high.value
Observation.value.ofType(Quantity).unit
code.coding.code contains '1'
name.given.tail().first()
'x'.startsWith('x')
link.other.reference.where($this.startsWith('Patient'))
name.where(given.exists($this = 'c')).use""".splitlines(),
)
def test_closures_and_library_agree(expression: str) -> None:
    build(fhirpath.parse(expression))  # raises Unsupported if it were not a closure
    native = fhirpath.compile(expression)
    for resource in (PATIENT, OBSERVATION):
        assert native(resource) == _Library(expression)(copy.deepcopy(resource)), resource["resourceType"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given.first().upper()", ["A"]),
        ("name.children().count()", [6]),
        ("today() + 36 hours", ["2026-01-02"]),
        ("name.given.aggregate($total & $this, '')", ["abc"]),
        ("getResourceKey().upper()", ["P"]),
        ("link.other.getReferenceKey(RelatedPerson).upper()", ["R"]),
    ],
)
def test_the_library_does_the_rest(expression: str, expected: list[Any]) -> None:
    assert fhirpath.compile(expression)(PATIENT, {"today": "2026-01-01"}) == expected


def test_trace_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    fhirpath.compile("name.trace('x').family")(PATIENT)
    fhirpath.compile("name.trace('x').family.upper()")(PATIENT)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_extensions_of_a_primitive() -> None:
    born = {
        "resourceType": "Patient",
        "birthDate": "1980",
        "_birthDate": {"extension": [{"url": "t", "valueTime": "10:00"}]},
    }
    assert fhirpath.compile("birthDate.extension('t').value")(born) == ["10:00"]


def test_written_decimals_count_exactly() -> None:
    assert fhirpath.compile("referenceRange.low.value + referenceRange.high.value")(OBSERVATION) == [0.3]
    kept = fhirpath.compile("value.ofType(Quantity).value")(OBSERVATION)
    assert json.dumps(kept) == b"[1.10]"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("@@", "unexpected '@' at character 1"),
        ("name.", "unexpected the end at character 6"),
        ("name family", "unexpected 'family' at character 6"),
        ("where(", "unexpected the end at character 7"),
        ("name.given.frist()", "there is no function frist()"),
        ("'open", "unexpected"),
        ("a as 1", "unexpected '1'"),
        ("(" * 200 + "a" + ")" * 200, "nested deeper than 25"),
        (".".join(["a.first()"] * 3000), "too long a chain"),
    ],
)
def test_what_is_no_fhirpath(expression: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        fhirpath.compile(expression)
    assert caught.value.category is Category.INVALID
    assert message in caught.value.issues[0].message


def test_an_unknown_constant_and_a_missing_day_are_told() -> None:
    for expression, name in [("name.where(use = %which)", "which"), ("today()", "today"), ("now() + 36 hours", "now")]:
        with pytest.raises(Problem) as caught:
            fhirpath.compile(expression)(PATIENT)
        assert f"%{name} has no value" in caught.value.issues[0].message


def test_an_error_of_the_library_shows_no_value_of_the_patient() -> None:
    with pytest.raises(Problem) as caught:
        fhirpath.compile("name.family.toDecimal().power(name.given)")(PATIENT)
    assert "'a'" not in str(caught.value) + str(caught.value.issues)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("2024-01-01", "2024-01-01", True),
        ("2024-01-01", "2024-01", None),
        ("2024-01-01", "2023-01", False),
        ("2024-01-01T10:00:00Z", "2024-01-01T11:00:00+01:00", True),
        ("2024-01-01T23:30:00Z", "2024-01-02T00:30:00.000+01:00", True),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00", None),
        ("10:00", "10:00:00", None),
        ("abc", "abd", False),
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        ("1", 1, False),
        ({"a": 1}, {"a": 1}, True),
    ],
)
def test_equality(left: Any, right: Any, expected: bool | None) -> None:
    assert equal(left, right) is expected
    assert equal(right, left) is expected


def test_order() -> None:
    assert compare("2024-01-01T10:00:00Z", "2024-01-01T10:30:00+01:00") == 1
    assert compare("2024-01", "2024-01-15") is None
    assert compare("b", "a") == 1
    assert compare(1, 1.5) == -1


def test_calendar_arithmetic() -> None:
    assert shift("2024-01-31", 1, "month") == "2024-02-29"
    assert shift("2024-03-31", -1, "month") == "2024-02-29"
    assert shift("2024-01-31T10:00:00Z", 1, "week") == "2024-02-07T10:00:00Z"


@pytest.mark.parametrize(
    ("value", "kind", "low", "high"),
    [
        ("2024", "date", "2024-01-01", "2024-12-31"),
        ("2023-02", None, "2023-02-01", "2023-02-28"),
        ("2024-05-01", "dateTime", "2024-05-01T00:00:00.000+14:00", "2024-05-01T23:59:59.999-12:00"),
        ("2024-05-01T10:00Z", None, "2024-05-01T10:00:00.000Z", "2024-05-01T10:00:59.999Z"),
        ("12:34", "time", "12:34:00.000", "12:34:59.999"),
        (json.Decimal("1.0"), None, 0.95, 1.05),
        (1, None, 0.5, 1.5),
        ("x", None, None, None),
    ],
)
def test_boundaries(value: Any, kind: str | None, low: Any, high: Any) -> None:
    assert boundary(value, kind, high=False) == low
    assert boundary(value, kind, high=True) == high


class Around:
    """A host that knows one other resource."""

    kind = "date"

    def resolve(self, item: Any) -> dict[str, Any] | None:
        reference = item.get("reference") if isinstance(item, dict) else item
        return PATIENT if reference == "Patient/p" else None

    def conforms(self, item: Any, profile: str) -> bool | None:
        return None if profile == "urn:unknown" else bool(item.get("active"))

    def member(self, item: Any, value_set: str) -> bool | None:
        return bool(item == "male")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("link.other.resolve().name.family", ["F"]),
        ("link.other.reference.resolve().id", ["p"]),
        ("link[1].other.resolve()", []),
        ("link[0].other.resolve().conformsTo('urn:p')", [True]),
        ("link[0].other.resolve().is(Patient)", [True]),
        ("link[0].other.resolve().is(Group)", [False]),
        ("gender.memberOf('urn:v')", [True]),
        ("language.memberOf('urn:v')", []),
    ],
)
def test_what_stands_outside_is_asked_of_the_host(expression: str, expected: list[Any]) -> None:
    assert fhirpath.compile(expression)(PATIENT, {HOST: Around()}) == expected


def test_without_a_host_or_an_answer_of_it_an_error_is_told() -> None:
    for env in ({}, {HOST: Around()}):
        with pytest.raises(Problem):
            fhirpath.compile("link[0].other.resolve().conformsTo('urn:unknown')")(PATIENT, env)


def test_what_an_expression_starts_from_has_the_type_the_host_tells() -> None:
    assert fhirpath.compile("($this as date).length()")("2026-11-23", {HOST: Around()}) == [10]
    assert fhirpath.compile("($this as Period).length()")("2026-11-23", {HOST: Around()}) == []
    assert fhirpath.compile("value.length()")("2026-11-23") == [10]
