"""The function written for each fact table makes the rows the closures make, which the official suite tests."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.made_resources import made
from lib.vectors import packaged, vectors
from tovholder.base import json
from tovholder.base.errors import Problem
from tovholder.fhir import definitions
from tovholder.fhir.view_source import compile_source, source
from tovholder.fhir.views import compile_view

RELAXED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FOLDER = Path(__file__).resolve().parents[2] / "src/tovholder/store/facts"
DEFINITIONS = {
    definition["name"]: definition
    for file in sorted(FOLDER.glob("*.json"))
    if "table" not in (definition := json.loads(file.read_bytes()))
}
REFERENCES = [*["Patient/1"] * 4, "EpisodeOfCare/1", "Organization/1", "CarePlan/1", "http://a/Patient/2", "#a"]
VALUES: dict[str, list[Any]] = {
    "valueCode": ["a", "b"],
    "valueDate": ["2026-02-28", "2026-02"],
    "valueString": ["text"],
    "valueInteger": [0, 7],
    "valueBoolean": [True, False],
    "valueReference": [
        {"reference": f"{kind}/1"} for kind in ("EpisodeOfCare", "Organization", "Practitioner", "Patient")
    ],
    "valueCodeableConcept": [{"coding": [{"code": "101"}]}],
}


def texts(name: str) -> list[str]:
    """The words a view looks for: codes, systems, addresses of extensions."""
    return sorted(set(re.findall(r"'([^']+)'", str([str(part) for part in _paths(DEFINITIONS[name])]))))


def _paths(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value[key] for key in ("path", "forEach") if key in value]
        return own + [path for inner in value.values() for path in _paths(inner)]
    return [path for inner in value for path in _paths(inner)] if isinstance(value, list) else []


def meant_for(name: str, random: Random, fill: float) -> dict[str, Any]:
    """A made-up resource with the words, extensions and references the view looks for strewn in."""
    resource = {**made(random, DEFINITIONS[name]["resource"], fill=fill), "id": "r"}
    words = texts(name)
    urls = [word for word in words if "StructureDefinition" in word or "/" not in word]
    systems = [word for word in words if "CodeSystem" in word] or ["http://a"]
    codes = [word for word in words if "/" not in word and word != "entered-in-error"] or ["a"]
    for element in definitions.type_of(resource["resourceType"]).elements.values():
        if element.is_choice or random.random() < 0.2:
            continue
        for kind, one in (
            ("CodeableConcept", {"coding": [_coding(random, systems, codes) for _ in range(random.randint(1, 3))]}),
            ("Reference", {"reference": random.choice(REFERENCES)}),
        ):
            if kind in element.types:
                resource[element.name] = [one, one] if element.is_list else one
        if element.name == "status" and random.random() < 0.5:
            resource["status"] = random.choice(codes)
    if urls:
        resource["extension"] = [_extension(random, urls, 2) for _ in range(random.randint(1, 9))]
        for address in resource.get("address", ()):
            address["extension"] = [_extension(random, urls, 1) for _ in range(2)]
    return resource


def _coding(random: Random, systems: list[str], codes: list[str]) -> dict[str, Any]:
    coding = {"system": random.choice(systems), "code": random.choice([*codes, "b", "entered-in-error"])}
    return coding if random.random() < 0.8 else dict(list(coding.items())[:1])


def _extension(random: Random, urls: list[str], depth: int) -> dict[str, Any]:
    if depth and random.random() < 0.2:
        return {"url": random.choice(urls), "extension": [_extension(random, urls, depth - 1) for _ in range(4)]}
    key = random.choice(sorted(VALUES))
    return {"url": random.choice(urls), key: random.choice(VALUES[key])}


@cache
def both(name: str) -> tuple[Any, Any]:
    return compile_view(DEFINITIONS[name]), compile_view(DEFINITIONS[name], written=False)


def agree(name: str, resource: dict[str, Any]) -> int:
    written, closures = both(name)
    try:
        expected = closures.rows(resource)
    except Problem:
        with pytest.raises(Problem):
            written.rows(resource)
        return 0
    found = written.rows(resource)
    assert found == expected
    assert [[type(value) for value in row] for row in found] == [[type(value) for value in row] for row in expected]
    return len(found)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_every_fact_table_is_written_without_closures(name: str) -> None:
    text = source(DEFINITIONS[name])
    assert text is not None
    assert "columns[" not in text


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_rows_of_made_up_resources(name: str) -> None:
    random, rows = Random(7), 0
    for at in range(600):
        rows += agree(name, meant_for(name, random, (0.3, 0.6, 0.95)[at % 3]))
    assert rows > 1


@RELAXED
@given(st.sampled_from(sorted(DEFINITIONS)), st.integers(0, 2**32), st.floats(0.1, 0.95))
def test_rows_of_any_made_up_resource(name: str, seed: int, fill: float) -> None:
    agree(name, meant_for(name, Random(seed), fill))


def test_rows_of_published_examples() -> None:
    read = [json.loads(file.read_bytes()) for file in sorted(vectors("r4-examples").glob("*.json"))]
    read += [found for file in sorted(vectors("dk-packages").glob("*.tgz")) for _, found in packaged(file)]
    rows = 0
    for resource in read:
        for name, definition in DEFINITIONS.items():
            if definition["resource"] == resource["resourceType"]:
                rows += agree(name, resource)
    assert rows > 50


def test_what_it_does_not_cover_is_left_to_the_closures() -> None:
    def view(*selects: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"name": "t", "resource": "Patient", "select": list(selects), **more}

    plain = {"column": [{"name": "id", "path": "id"}]}
    assert source(view(plain)) is not None
    assert source(view({**plain, "unionAll": [plain]})) is None
    assert source(view({"column": [{"name": "n", "path": "%rowIndex"}]})) is None
    assert source(view(plain, constant=[{"name": "a", "valueCode": "b"}])) is None
    assert source(view(plain, where=[{"path": "name.count() > 1"}])) is None
    strict = view({"column": [{"name": "family", "path": "name.family"}]})  # of two names the closures complain
    text = source(strict)
    assert text is not None and "columns[0]" in text
    two = {"resourceType": "Patient", "name": [{"family": "a"}, {"family": "b"}]}
    with pytest.raises(Problem):
        compile_view(strict).rows(two)
    made_here = compile_source(view({"column": [{"name": "birth", "path": "birthDate"}]}))
    assert made_here is not None and made_here({"birthDate": "1970"}) == [("1970",)]
