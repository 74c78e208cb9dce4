"""Every element R4 has in PlanDefinition and ActivityDefinition is acted on, copied, without effect, or refused with its path."""

from __future__ import annotations

import copy
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from lib.instances import Maker
from tovholder import packages
from tovholder.base.errors import Category, Problem
from tovholder.fhir import definitions, systems
from tovholder.fhir.validate import validate
from tovholder.packages import fhir as as_fhir
from tovholder.packages.fhir import elements, naming
from tovholder.packages.fhir.elements import CHOICES, TABLE, Use

MONTHS = {"value": 12, "system": systems.UCUM, "code": "mo"}
ACTIVITY: dict[str, Any] = {
    "resourceType": "ActivityDefinition",
    "url": "http://example.org/ActivityDefinition/a",
    "version": "1",
    "status": "active",
    "kind": "ServiceRequest",
    "title": "A",
    "code": {"coding": [{"system": "http://example.org/codes", "code": "a"}]},
    "participant": [{"type": "practitioner"}],
    "timingDuration": {"value": 3, "system": systems.UCUM, "code": "d"},
}
PLAN: dict[str, Any] = {
    "resourceType": "PlanDefinition",
    "url": "http://example.org/PlanDefinition/p",
    "status": "active",
    "goal": [{"id": "g", "description": {"text": "G"}, "target": [{"measure": {"text": "M"}}]}],
    "action": [
        {
            "id": "a",
            "condition": [
                {
                    "kind": "applicability",
                    "expression": {"language": "text/fhirpath", "expression": "entry.resource.exists()"},
                }
            ],
            "timingTiming": {
                "extension": [{"url": naming.FIRST, "valueDuration": dict(MONTHS)}],
                "repeat": {"boundsDuration": dict(MONTHS), "frequency": 1, "period": 3, "periodUnit": "mo"},
            },
            "definitionCanonical": "http://example.org/ActivityDefinition/a|1",
        },
        {
            "id": "b",
            "timingDuration": {"value": 2, "system": systems.UCUM, "code": "wk"},
            "participant": [{"type": "practitioner"}],
            "definitionCanonical": "http://example.org/ActivityDefinition/a|1",
        },
        {"id": "c", "definitionCanonical": "http://example.org/ActivityDefinition/a|1"},
    ],
}
# Where a type or group of the table stands: in which document, and how to come to it.
PLACES: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "PlanDefinition": ("PlanDefinition", ()),
    "PlanDefinition.goal": ("PlanDefinition", ("goal", 0)),
    "PlanDefinition.goal.target": ("PlanDefinition", ("goal", 0, "target", 0)),
    "PlanDefinition.action": ("PlanDefinition", ("action", 1)),
    "PlanDefinition.action.condition": ("PlanDefinition", ("action", 0, "condition", 0)),
    "PlanDefinition.action.participant": ("PlanDefinition", ("action", 1, "participant", 0)),
    "Expression": ("PlanDefinition", ("action", 0, "condition", 0, "expression")),
    "Timing": ("PlanDefinition", ("action", 0, "timingTiming")),
    "Timing.repeat": ("PlanDefinition", ("action", 0, "timingTiming", "repeat")),
    "Duration": ("PlanDefinition", ("action", 1, "timingDuration")),
    "ActivityDefinition": ("ActivityDefinition", ()),
    "ActivityDefinition.participant": ("ActivityDefinition", ("participant", 0)),
}
# Refused whole, so that nothing of theirs is ever looked at.
REFUSED_WHOLE = {
    "PlanDefinition.action.relatedAction",
    "PlanDefinition.action.dynamicValue",
    "ActivityDefinition.dynamicValue",
}
# Values that are what holds anyway; any other must change the plan or be refused.
NEUTRAL: dict[str, set[Any]] = {
    "PlanDefinition.status": {"draft", "active"},
    "ActivityDefinition.status": {"draft", "active"},
    "ActivityDefinition.kind": {"ServiceRequest"},
    "ActivityDefinition.intent": {"proposal"},
    "PlanDefinition.action.requiredBehavior": {"must"},
    "PlanDefinition.action.precheckBehavior": {"yes"},
    "PlanDefinition.action.cardinalityBehavior": {"single"},
    "PlanDefinition.action.condition.kind": {"applicability"},
    "PlanDefinition.action.participant.type": {"practitioner"},
    "ActivityDefinition.participant.type": {"practitioner"},
    "Timing.repeat.frequency": {1},
    "Timing.repeat.periodUnit": {"mo"},
}


def outcome(plan: dict[str, Any], activity: dict[str, Any]) -> Any:
    """What the definition comes to: a plan's template with its requests, or the places of what is refused."""
    try:
        found = as_fhir.read(plan, {}, lambda _: activity)
    except Problem as problem:
        return refused_at(problem)
    return (found.canonical, found.title, found.template, found.steps, found.aims)


BASELINE = outcome(PLAN, ACTIVITY)


def refused_at(problem: Problem) -> list[str]:
    """Where, once it is sure that every issue says what is supported."""
    assert problem.category is Category.UNSUPPORTED
    assert all(issue.code == "not-supported" and issue.expected for issue in problem.issues)
    assert all(issue.path.startswith("PlanDefinition") for issue in problem.issues)
    return [issue.path for issue in problem.issues]


def is_neutral(path: str, value: Any) -> bool:
    if path.endswith(".participant"):
        return all(item["type"] == "practitioner" and "role" not in item for item in value)
    return value in NEUTRAL.get(path, set())


def with_value(place: tuple[str, tuple[str | int, ...]], names: dict[str, Any], drop: str) -> Any:
    documents = {"PlanDefinition": copy.deepcopy(PLAN), "ActivityDefinition": copy.deepcopy(ACTIVITY)}
    held: Any = documents[place[0]]
    for step in place[1]:
        held = held[step]
    for other in [name for name in held if drop and name.startswith(drop)]:
        del held[other]
    held.update(copy.deepcopy(names))
    return documents


CASES = [
    (path, name, kind)
    for path in PLACES
    for element in definitions.type_of(path).elements.values()
    for name, kind in element.json_names().items()
]


def made_up(path: str, name: str, kind: str) -> Iterator[Any]:
    """Sound values of an element, by its definition; the same at every run."""
    element = definitions.find(path, name)
    assert element is not None
    maker = Maker(random.Random(zlib.crc32(f"{path}.{name}".encode())), "")
    if name == "contained":
        return
    for _ in range(40):
        value = maker._one(element, kind, 2)
        if value not in (None, {}, [], [None], [{}]):
            yield [value] if element.is_list else value


def test_the_table_names_every_element_and_no_other():
    def below(path: str, seen: set[str]) -> Iterator[str]:
        if path not in seen:
            seen.add(path)
            for name, element in definitions.type_of(path).elements.items():
                yield f"{path}.{name}"
                if element.path:
                    yield from below(element.path, seen)

    types = ("PlanDefinition", "ActivityDefinition", "Expression", "Timing", "Duration")
    assert {name for kind in types for name in below(kind, set())} == set(TABLE)
    assert {path.rpartition(".")[0] for path in TABLE} == set(PLACES) | REFUSED_WHOLE
    assert all(definitions.find(*path.rsplit(".", 1)) for path in CHOICES)
    assert all(TABLE[path].use is Use.REFUSED for path in TABLE if path.rpartition(".")[0] in REFUSED_WHOLE)


@pytest.mark.parametrize(("path", "name", "kind"), CASES, ids=[f"{path}.{name}" for path, name, _ in CASES])
def test_each_element_does_what_the_table_says(path: str, name: str, kind: str):
    element = definitions.find(path, name)
    assert element is not None
    row = TABLE[f"{path}.{element.name}"]
    refused = row.use is Use.REFUSED or f"{path}.{name}" in CHOICES
    tried, acted = 0, 0
    for value in made_up(path, name, kind):
        drop = element.name if element.is_choice else ""
        documents = with_value(PLACES[path], {name: value}, drop)
        plan, activity = documents["PlanDefinition"], documents["ActivityDefinition"]
        if any(issue.severity == "error" for issue in (*validate(plan), *validate(activity))):
            continue  # what is not valid never gets this far
        tried += 1
        found = outcome(plan, activity)
        told = isinstance(found, list)
        if refused:
            assert told, f"{value} was not refused"
            # An element twice named (a repeated activity) is told at each place that names it.
            assert any(place.split("[")[0].startswith(("PlanDefinition",)) and name in place for place in found), found
        elif row.use is Use.NONE:
            assert found == BASELINE or (told and all("odifierExtension" in place for place in found)), found
        elif row.use is Use.COPIED:
            acted += found != BASELINE
        elif found == BASELINE:
            assert is_neutral(f"{path}.{element.name}", value), f"{value} was ignored"
        else:
            acted += 1
        if tried >= 6:
            break
    if row.use in (Use.USED, Use.COPIED) and not refused and tried:
        assert acted, "no value of it made a difference"


def test_an_extension_nobody_knows_is_refused_wherever_it_means_something():
    strange = [{"url": "http://example.org/only-on-mondays", "valueBoolean": True}]
    for path, place in PLACES.items():
        if "extension" not in definitions.type_of(path).elements:
            continue
        held = PLAN if place[0] == "PlanDefinition" else ACTIVITY
        for step in place[1]:
            held = held[step]
        documents = with_value(place, {"extension": [*held.get("extension", ()), *strange]}, "")
        found = outcome(documents["PlanDefinition"], documents["ActivityDefinition"])
        assert isinstance(found, list) and any(".extension[" in item for item in found), path


@pytest.mark.parametrize("address", sorted(naming.OURS | {naming.DAYS_OF_CYCLE}))
def test_an_extension_of_ours_in_another_place_is_refused(address: str):
    for path, place in PLACES.items():
        if address in elements.EXTENSIONS.get(path, ()) or path == "Duration":
            continue
        documents = with_value(place, {"extension": [{"url": address, "valueCode": "x"}]}, "")
        found = outcome(documents["PlanDefinition"], documents["ActivityDefinition"])
        assert isinstance(found, list) and found, path


def test_a_value_that_is_worked_out_is_refused():
    plan = copy.deepcopy(PLAN)
    asked = {"language": "text/cql", "expression": "x"}
    url = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
    plan["action"][1]["_title"] = {"extension": [{"url": url, "valueExpression": asked}]}
    assert outcome(plan, ACTIVITY) == ["PlanDefinition.action[1].title.extension[0]"]


def test_a_modifier_is_refused_however_deep():
    plan = copy.deepcopy(PLAN)
    strange = [{"url": "http://example.org/not", "valueBoolean": True}]
    plan["relatedArtifact"] = [{"type": "citation", "document": {"extension": strange, "title": "x"}}]
    assert outcome(plan, ACTIVITY) == BASELINE
    plan["useContext"] = [{"code": {"code": "x"}, "valueCodeableConcept": {"text": "x"}, "modifierExtension": strange}]
    found = outcome(plan, ACTIVITY)
    assert found == ["PlanDefinition.useContext[0].modifierExtension"]


# -- Mutations of our own ---------------------------------------------------------------------------------------------------


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*place, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*place, index))
    else:
        yield place


def without_effect(place: tuple[str | int, ...]) -> bool:
    """Whether the table says that what stands there changes nothing."""
    path = "PlanDefinition"
    for step in place:
        if isinstance(step, int):
            continue
        element = definitions.find(path, step.removeprefix("_"))
        if element is None:
            return False
        row = TABLE.get(f"{path}.{element.name}")
        if row is None:
            return False
        if row.use is Use.NONE:
            return True
        path = definitions.child_path(path, step.removeprefix("_"))
    return False


def test_a_package_changed_anywhere_gives_another_plan_or_is_refused():
    package = packages.get("kol")
    made = {f"{item.get('url')}|{item.get('version')}": item for item in as_fhir.resources(package)}
    libraries = {f"{naming.url('Library', package.id)}|{package.version}": package}
    original = as_fhir.resources(package)[0]

    def told(plan: dict[str, Any]) -> Any:
        try:
            found = as_fhir.read(plan, libraries, made.get)
        except Problem as problem:
            return refused_at(problem)
        return (found.canonical, found.title, found.horizon_months, found.review_months, found.steps, found.aims)

    before = told(original)
    chance = random.Random(7)
    every = [place for place in leaves(original) if place[0] not in ("resourceType", "text")]
    refused = changed = same = 0
    for place in chance.sample(every, 160):
        plan = copy.deepcopy(original)
        held: Any = plan
        for step in place[:-1]:
            held = held[step]
        value = held[place[-1]]
        way = chance.randrange(3)
        if way == 0 and isinstance(held, dict):
            del held[place[-1]]
        elif isinstance(value, bool):
            held[place[-1]] = not value
        elif isinstance(value, int | float):
            held[place[-1]] = value + chance.choice([1, -1, 7])
        else:
            held[place[-1]] = chance.choice([f"{value}x", "x", str(value)[:-1] or "y"])
        if any(issue.severity == "error" for issue in validate(plan)):
            continue
        found = told(plan)
        if isinstance(found, list):
            refused += 1
        elif found != before:
            changed += 1
        else:
            same += 1
            assert without_effect(place) or _means_the_same(plan, original, place), place
    assert refused > 15 and changed > 8 and same > 3, (refused, changed, same)


def _means_the_same(plan: dict[str, Any], original: dict[str, Any], place: tuple[str | int, ...]) -> bool:
    """Where a value is one of two that say the same, or what is left out is what holds anyway."""
    names = [step for step in place if isinstance(step, str)]
    held: Any = plan
    for step in place[:-1]:
        held = held[step]
    left_out = isinstance(held, dict) and place[-1] not in held
    return (
        names[-1] == "unit"  # of a quantity whose code decides
        or (left_out and names[-1] in ("system", "frequency", "label"))
        or names == ["action", "action", "id"]  # of one of several timings
        or (left_out and names == ["action", "title"])  # then the activity's own words
        or names[:1] in (["type"], ["subjectReference"], ["status"])  # none said, or draft
        or (names[-2:] == ["extension", "valueString"] and names[0] == "extension")  # who approved it
    )
