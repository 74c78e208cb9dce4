"""The official SQL-on-FHIR v2 suite passes, but for a list that says why."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lib.vectors import vectors
from tovholder.base import json as our_json
from tovholder.base.errors import Problem
from tovholder.fhir.views import compile_view

HERE = Path(__file__).parent


def excluded() -> dict[str, str]:
    with (HERE / "sql_on_fhir_exclusions.toml").open("rb") as file:
        rows = tomllib.load(file).get("exclusion", [])
    assert all(row["reason"] for row in rows)
    return {row["case"]: row["reason"] for row in rows}


def cases() -> list[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    found = []
    for file in sorted(vectors("sql-on-fhir-v2/tests").glob("*.json")):
        suite = our_json.loads(file.read_bytes())
        found += [(f"{file.name}: {case['title']}", case, suite["resources"]) for case in suite["tests"]]
    return found


def passes(case: dict[str, Any], resources: list[dict[str, Any]]) -> bool:
    try:
        view = compile_view(case["view"])
        names = [name for name, _ in view.columns]
        rows = [dict(zip(names, row, strict=True)) for resource in resources for row in view.rows(resource)]
    except Problem:
        return bool(case.get("expectError"))
    if case.get("expectError"):
        return False
    if "expectColumns" in case and names != case["expectColumns"]:
        return False
    if "expectCount" in case:
        return len(rows) == case["expectCount"]
    return in_any_order(rows) == in_any_order(case["expect"])


def in_any_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_the_official_suite() -> None:
    listed = excluded()
    all_cases = cases()
    failed = {name for name, case, resources in all_cases if not passes(case, resources)}
    assert len(all_cases) >= 134
    assert set(listed) <= {name for name, _, _ in all_cases}, "an excluded case is not in the suite"
    assert failed == set(listed)


def test_the_runner_can_fail() -> None:
    case = {"view": {"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}}
    patient = {"resourceType": "Patient", "id": "a"}
    assert passes({**case, "expect": [{"id": "a"}]}, [patient])
    assert not passes({**case, "expect": [{"id": "b"}]}, [patient])
    assert not passes({**case, "expectError": True}, [patient])
    with pytest.raises(Problem):
        compile_view({"resource": "Patient", "select": []})
