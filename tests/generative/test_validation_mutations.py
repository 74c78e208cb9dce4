"""Valid examples with something broken in them: the validator reports and never raises, and some breaks are always found."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.corpus import examples
from lib.garbage import SECRET
from lib.mutations import KINDS, PREFIXES, alter, mutations, places
from lib.vectors import vectors
from tovholder.base import json
from tovholder.base.errors import Issue
from tovholder.fhir import validate_quick
from tovholder.fhir.validate import MOST_FINDINGS, Validator, validate

SCALARS: list[Any] = [
    None,
    True,
    0,
    -1,
    2**40,
    1.5,
    json.Decimal("1.10"),
    "",
    "a b",
    "2026-02-30",
    SECRET,
    [],
    {},
    [None],
    [[]],
    {"id": SECRET},
]
RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@cache
def valid_examples() -> list[dict[str, Any]]:
    read = [json.loads(file.read_bytes()) for file in sorted(vectors("r4-examples").glob("*.json"))]
    return [resource for resource in read if not validate(resource)]


def broken(data: st.DataObject) -> dict[str, Any]:
    """A valid example with one to three places overwritten, removed, wrapped or renamed."""
    resource: dict[str, Any] = copy.deepcopy(data.draw(st.sampled_from(valid_examples())))
    for _ in range(data.draw(st.integers(1, 3))):
        options = places(resource)
        container, key = options[data.draw(st.integers(0, len(options) - 1))]
        alter(
            data.draw(st.sampled_from(KINDS)),
            container,
            key,
            lambda: copy.deepcopy(data.draw(st.sampled_from(SCALARS))),
            lambda: data.draw(st.sampled_from(PREFIXES)),
        )
        if not resource:
            break
    return resource


def sound(issues: list[Issue], resource: dict[str, Any]) -> None:
    for issue in issues:
        assert issue.path.split(".")[0] in (resource.get("resourceType"), "Resource")
        assert issue.message and issue.expected and issue.code
        assert "Blixen" not in f"{issue}" or "required value set" in issue.message
        assert "0702901234" not in f"{issue}"


@RELAXED
@given(st.data())
def test_broken_examples_are_reported_never_raised(data: st.DataObject) -> None:
    resource = broken(data)
    before = copy.deepcopy(resource)
    sound(validate(resource), resource)
    assert resource == before


@RELAXED
@given(st.data())
def test_an_unknown_element_is_found_wherever_it_is(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(valid_examples())))
    objects = [resource, *(c[k] for c, k in places(resource) if isinstance(c[k], dict))]
    objects[data.draw(st.integers(0, len(objects) - 1))]["notAnElement"] = "x"
    assert [i.path.endswith(".notAnElement") for i in validate(resource)] == [True]


@RELAXED
@given(st.data())
def test_nothing_empty_or_null_gets_past(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(valid_examples())))
    options = places(resource)
    container, key = options[data.draw(st.integers(0, len(options) - 1))]
    empty = data.draw(st.sampled_from([None, "", [], {}]))
    # Null is right in an array of primitives beside its extensions, and in the array of those.
    if isinstance(container, list) and (empty is None or container[key] is None):
        return
    container[key] = empty
    assert validate(resource)


@RELAXED
@given(JSON)
def test_any_json_gets_an_answer(value: Any) -> None:
    assert validate(value)


@RELAXED
@given(st.sampled_from(["Patient", "Observation", "Bundle", "Questionnaire", "Parameters"]), st.data())
def test_any_content_of_an_element_gets_an_answer(name: str, data: st.DataObject) -> None:
    keys = [
        "id",
        "name",
        "contact",
        "valueQuantity",
        "_birthDate",
        "birthDate",
        "entry",
        "item",
        "parameter",
        "contained",
        "extension",
    ]
    content = data.draw(st.dictionaries(st.sampled_from(keys), JSON, max_size=4))
    for issue in validate({"resourceType": name, **content}):
        assert issue.path.startswith(name)


def test_quick_and_thorough_agree_on_examples_and_on_20_000_mutations() -> None:
    """What is quickly told to be sound has nothing wrong with it; and nearly all that is sound is told quickly."""
    thorough, sound_ones, quick_ones, wrong = Validator(trusting=False).thorough, 0, 0, []
    for done, resource in [*examples(), *mutations(5, 20_000, most_bytes=4_000)]:
        quick, found = validate_quick.sound(resource), thorough(resource)
        if quick and found:
            wrong.append(f"{resource.get('resourceType')}, {done}: {found[:2]}")
        sound_ones += not found
        quick_ones += quick
    assert wrong == []
    assert quick_ones > 0.95 * sound_ones > 3000


def test_a_million_problems_are_told_as_a_hundred() -> None:
    many = {"resourceType": "Patient", "name": [{"x": index} for index in range(50_000)]}
    assert len(validate(many)) == MOST_FINDINGS
    assert len(validate({"resourceType": "Patient"} | {f"x{index}": 1 for index in range(100_000)})) == MOST_FINDINGS
    lists = {"resourceType": "Patient", "name": [{"given": [None] * 1000} for _ in range(100)]}
    assert len(validate(lists)) == MOST_FINDINGS
    ids = [{"resourceType": "Patient", "id": "a"} for _ in range(20_000)]
    assert len(validate({"resourceType": "Patient", "contained": ids})) == MOST_FINDINGS


def test_a_resource_too_large_to_be_looked_at_closely_is_refused_for_its_size() -> None:
    extensions = [{"url": "http://example.org/x", "valueString": "a"} for _ in range(100_000)]
    assert validate({"resourceType": "Patient", "extension": extensions}) == []
    (issue,) = validate({"resourceType": "Patient", "extension": extensions, "x": 1})
    assert (issue.path, issue.code) == ("Patient", "too-long")
    entries = [{"resource": {"resourceType": "Patient", "name": [{"text": "a"}] * 10}} for _ in range(20_000)]
    entries.append({"resource": {"resourceType": "Patient", "contact": [{"gender": "male"}]}})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert [issue.path for issue in validate(bundle)] == ["Bundle.entry[20000].resource.contact[0]"]


def test_no_text_takes_long_to_refuse() -> None:
    """Each of these once took a time that grew with the square of its length, or worse."""
    assert validate({"resourceType": "Patient", "language": "a " * 10_000_000})
    codings = [{"code": str(index)} for index in range(30_000)]
    coded = {"coding": codings}
    others = [{"code": {"coding": [{"code": f"x{index}"} for index in range(30_000)]}}]
    seen = {"resourceType": "Observation", "status": "final", "code": coded, "valueString": "a", "component": others}
    assert validate(seen) == []


def test_what_a_hostile_resource_refers_to_is_looked_up_not_searched() -> None:
    inside = [{"resourceType": "Organization", "id": f"o{index}", "name": "A"} for index in range(20_000)]
    references = [{"reference": f"#o{index}"} for index in range(20_000)]
    assert validate({"resourceType": "Patient", "contained": inside, "generalPractitioner": references}) == []
    assert validate({"resourceType": "Patient", "contained": inside, "generalPractitioner": references[1:]})
