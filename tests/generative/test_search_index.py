"""The index rows a type's generated function makes are those FHIRPath finds, parameter by parameter."""

from __future__ import annotations

import copy
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import search_oracle
from lib.made_resources import made
from lib.vectors import packaged, vectors
from tovholder.base import json
from tovholder.fhir import data_kinds, definitions
from tovholder.fhir.index_tables import INDEX_TABLES, param_id
from tovholder.fhir.prepare import index_rows
from tovholder.fhir.searchparams import indexed_types, numbers, parameters_of
from tovholder.fhir.validate import validate

RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KIND = param_id(data_kinds.PARAMETER)
_SUFFIXES = ("", ":text", ":identifier")
_KINDS: dict[str, Any] = {"int": int, "text": str, "real": float}


@cache
def examples() -> list[dict[str, Any]]:
    """The published examples, valid ones only: for others no rows are made."""
    read = [json.loads(file.read_bytes()) for file in sorted(vectors("r4-examples").glob("*.json"))]
    read += [found for file in sorted(vectors("dk-packages").glob("*.tgz")) for _, found in packaged(file)]
    return [found for found in read if not validate(found)]


def agree(resource: dict[str, Any], seen: Counter[str] | None = None) -> None:
    """Both ways find the same, every row once, of the columns' types, and none that no parameter asks for."""
    kind = resource["resourceType"]
    before = copy.deepcopy(resource)
    rows = index_rows(resource)
    assert resource == before
    asked: set[int] = set()
    by_number: dict[tuple[str, int], set[tuple[Any, ...]]] = {}
    for table, made_rows in rows.items():
        assert made_rows and len(made_rows) == len(set(made_rows)), table
        for row in made_rows:
            assert [type(value) for value in row] == [_KINDS[column] for _, column in INDEX_TABLES[table]], (table, row)
            assert all(len(value) <= 200 for value in row if isinstance(value, str))
            by_number.setdefault((table, row[0]), set()).add(row[1:])
    for parameter in parameters_of(kind):
        expected = search_oracle.rows_of(parameter, resource)
        found: set[tuple[str, str, tuple[Any, ...]]] = set()
        for suffix in _SUFFIXES:
            mine = numbers(kind, parameter.name, suffix)
            asked.update(mine)
            for (table, number), values in by_number.items():
                if number in mine:
                    found |= {(suffix, table, value) for value in values}
        if parameter.only:  # the query looks at rows of that type, or asks for a whole address elsewhere
            found, expected = (
                {one for one in rows_found if not one[0] and one[2][1] == parameter.only}
                for rows_found in (found, expected)
            )
        assert found == expected, f"{kind}.{parameter.name}"
        if seen is not None:
            seen[f"{kind}.{parameter.name}"] += bool(found)
    assert {number for _, number in by_number} <= {*asked, KIND}  # what kind of data it is: blocks ask, nobody else


def test_published_examples() -> None:
    assert len(examples()) > 800
    for resource in examples():
        agree(resource)


def test_every_parameter_finds_something_and_both_ways_agree() -> None:
    random, seen = Random(1), Counter[str]()
    for kind in indexed_types():
        for fill in (0.2, 0.5, 0.9, 0.9, 0.9):
            agree(made(random, kind, fill=fill), seen)
    for _ in range(80):
        for name in [name for name, times in seen.items() if not times]:
            agree(made(random, name.partition(".")[0], fill=0.9), seen)
    assert not [name for name, times in seen.items() if not times]


@RELAXED
@given(st.sampled_from(sorted(definitions.resource_types())), st.integers(0, 2**32), st.floats(0.1, 0.9))
def test_made_up_resources(kind: str, seed: int, fill: float) -> None:
    agree(made(Random(seed), kind, fill=fill))


@RELAXED
@given(st.data())
def test_examples_with_parts_taken_away_or_doubled(data: st.DataObject) -> None:
    resource = copy.deepcopy(data.draw(st.sampled_from(examples())))
    for _ in range(data.draw(st.integers(1, 5))):
        container = data.draw(st.sampled_from(_containers(resource)))
        key = data.draw(st.sampled_from(sorted(container) if isinstance(container, dict) else range(len(container))))
        if isinstance(container, list) and data.draw(st.booleans()):
            container.append(copy.deepcopy(container[key]))
        elif key != "resourceType":
            del container[key]
    if not [issue for issue in validate(resource) if issue.severity == "error"]:
        agree(resource)


def _containers(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list) and one:
            found.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    return found


def test_types_without_a_table_are_indexed_by_what_every_type_has() -> None:
    rows = index_rows({"resourceType": "Medication", "meta": {"tag": [{"code": "x"}]}, "status": "active"})
    assert list(rows) == ["store_token"]
    with pytest.raises(KeyError):
        index_rows({})
