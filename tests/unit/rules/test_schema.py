"""Reading fact tables from their definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.factdb import fact_schema
from tovholder.base.errors import Problem
from tovholder.rules.schema import Column, Schema, schema_from_views


def _column(name: str, kind: str, **tags: str) -> dict[str, object]:
    told = [{"name": "tovholder/as", "value": kind}, *({"name": f"tovholder/{k}", "value": v} for k, v in tags.items())]
    return {"name": name, "path": "x", "tag": told}


def _write(folder: Path, name: str, definition: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(definition), encoding="utf-8")


def test_views_and_plain_tables(tmp_path: Path) -> None:
    view = {
        "name": "visit",
        "select": [
            {"column": [_column("visit_id", "text"), _column("patient_id", "text"), _column("day", "day")]},
            {
                "select": [
                    {"column": [_column("n", "milli", nullable="false")]},
                    {"unionAll": [{"column": [_column("code", "code")]}, {"column": [_column("code", "code")]}]},
                ]
            },
        ],
    }
    _write(tmp_path, "visit", view)
    _write(tmp_path, "period", {"table": "period", "columns": [{"name": "period_id", "as": "text"}]})
    columns = [{"name": "resource_id", "as": "text"}, {"name": "patient_id", "as": "text"}, {"name": "f", "as": "flag"}]
    _write(tmp_path, "link", {"table": "link", "columns": columns, "key": ["resource_id", "f"]})
    schema = schema_from_views(tmp_path)
    assert list(schema.tables["visit"].values()) == [
        Column("visit_id", "text", False),
        Column("patient_id", "text", False),
        Column("day", "int", True),
        Column("n", "int", False),
        Column("code", "text", True),
    ]
    assert schema.unscoped == {"period"}
    assert schema.key("visit") == ("visit_id", "code")
    assert schema.key("period") == ("period_id",)
    assert schema.key("link") == ("resource_id", "f")


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"select": []}, "the definition has no name"),
        ({"name": "x", "select": [{"column": [{"name": "x_id"}]}]}, "column x_id is kept as None"),
        ({"name": "x", "select": [{"column": [_column("x_id", "date")]}]}, "column x_id is kept as 'date'"),
    ],
)
def test_a_definition_that_does_not_say_enough(tmp_path: Path, definition: object, told: str) -> None:
    _write(tmp_path, "x", definition)
    with pytest.raises(Problem) as caught:
        schema_from_views(tmp_path)
    (issue,) = caught.value.issues
    assert (issue.path, issue.message) == ("x.json", told)
    assert issue.expected


def test_a_scoped_table_has_a_patient() -> None:
    with pytest.raises(ValueError, match="patient_id"):
        Schema({"x": {"x_id": Column("x_id", "text", False)}})
    with pytest.raises(ValueError, match="no columns"):
        Schema({"x": {}}, frozenset({"x"}))
    with pytest.raises(ValueError, match="key"):
        Schema({"x": {"x_id": Column("x_id", "text", False)}}, frozenset({"x"}), {"x": ("y",)})


def test_the_facts_we_keep() -> None:
    schema = fact_schema()
    assert schema.unscoped == {"organization", "period"}
    assert {"patient", "appointment", "episode", "episode_link", "level", "plan", "referral"} <= set(schema.tables)
    assert schema.key("episode") == ("episode_id",)
    assert schema.tables["appointment"]["start_day"] == Column("start_day", "int", True)
