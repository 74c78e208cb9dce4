"""Views: what the official suite leaves open: conversions, tables, errors that name the place."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tovholder.base import json
from tovholder.base.errors import Category, Problem
from tovholder.fhir.views import PlainTable, View, compile_view, ddl, load_views


def column(name: str, path: str, conversion: str | None = None, **more: Any) -> dict[str, Any]:
    tag = [{"name": "tovholder/as", "value": conversion}] if conversion else []
    return {"name": name, "path": path, **({"tag": tag} if tag else {}), **more}


def view_of(*columns: dict[str, Any], resource: str = "Observation", **more: Any) -> View:
    return compile_view({"name": "t", "resource": resource, "select": [{"column": list(columns)}], **more})


@pytest.mark.parametrize(
    ("conversion", "value", "expected"),
    [
        ("milli", "1.85", 1850),
        ("milli", "1.0005", 1001),
        ("milli", "-1.0005", -1001),
        ("milli", "0.00049", 0),
        ("milli", "2", 2000),
        ("milli", "1.10", 1100),
        ("milli", "12e1", 120000),
        ("milli", "1e300", None),
        ("milli", "99999999999999999999", None),
        ("int", "7", 7),
        ("int", "7.0", 7),
        ("text", '"a"', "a"),
        ("text", "1.10", "1.10"),
        ("code", '"a"', "a"),
        ("day", '"1970-01-02"', 1),
        ("day", '"2024-05"', None),
        ("day", '"2024-02-30"', None),
        ("day", '"20240530T1"', None),
        ("day", '"2024-W01-1"', None),
        ("day", '"2026-06-30T22:30:00Z"', 20635),
        ("day", '"2026-12-31T23:30:00Z"', 20819),
        ("day", '"2026-12-31T22:30:00Z"', 20818),
        ("day", '"2026-12-31T22:30:00"', None),
        ("flag", "true", 1),
        ("flag", "false", 0),
        ("flag", "null", 0),
        ("day", "null", None),
    ],
)
def test_conversions(conversion: str, value: str, expected: object) -> None:
    view = view_of(column("a", "thing", conversion))
    resource = json.loads(f'{{"resourceType": "Observation", "thing": {value}}}')
    assert view.rows(resource) == [(expected,)]
    assert view.columns == (("a", conversion),)


@pytest.mark.parametrize(
    ("conversion", "value"), [("int", 1.5), ("milli", "1"), ("day", 1), ("flag", 1), ("text", {"a": 1}), ("int", True)]
)
def test_a_value_of_another_kind_is_told_and_not_shown(conversion: str, value: Any) -> None:
    with pytest.raises(Problem) as caught:
        view_of(column("a", "thing", conversion)).rows({"resourceType": "Observation", "thing": value})
    assert caught.value.issues[0].path == "a"


def test_an_untagged_column_is_given_as_it_is() -> None:
    view = view_of(column("a", "code"), column("b", "name.given", collection=True))
    assert view.columns == (("a", ""), ("b", ""))
    assert view.rows({"resourceType": "Observation", "code": {"text": "x"}, "name": {"given": ["1", "2"]}}) == [
        ({"text": "x"}, ["1", "2"])
    ]


def test_another_type_gives_no_rows() -> None:
    assert view_of(column("a", "id")).rows({"resourceType": "Patient", "id": "p"}) == []


def test_several_values_are_an_error_unless_asked_for() -> None:
    two = {
        "resourceType": "Observation",
        "category": [{"text": "a"}, {"text": "b"}],
        "extension": [{"url": "u"}, {"url": "u"}],
    }
    assert view_of(column("a", "category.text.first()")).rows(two) == [("a",)]
    for path in ("category.text", "extension('u').url"):
        with pytest.raises(Problem, match="2 values"):
            view_of(column("a", path)).rows(two)


def test_an_extension_that_stands_twice_is_searched_through() -> None:
    paths = [column(name, f"extension('{name}').value.ofType(date).first()") for name in ("a", "b")]
    twice = [{"url": "a", "valueString": "x"}, {"url": "a", "valueDate": "2024"}, {"url": "b", "valueDate": "2025"}]
    assert view_of(*paths).rows({"resourceType": "Observation", "extension": twice}) == [("2024", "2025")]


@pytest.mark.parametrize(
    ("definition", "path", "message"),
    [
        ({}, "resource", "no resource type"),
        ({"resource": "Patient"}, "select", "nothing is selected"),
        ({"resource": "Patient", "select": [{}]}, "select", "no columns"),
        (
            {"resource": "Patient", "select": [{"column": [column("1a", "id")]}]},
            "select[0].column[0]",
            "no usable name",
        ),
        ({"resource": "Patient", "select": [{"column": [{"name": "a"}]}]}, "select[0].column[0]", "no FHIRPath"),
        ({"resource": "Patient", "select": [{"columns": []}]}, "select[0]", "unknown columns"),
        (
            {"resource": "Patient", "select": [{"column": [column("a", "id"), column("a", "id")]}]},
            "select",
            "stands twice",
        ),
        (
            {"resource": "Patient", "select": [{"forEach": "name", "repeat": ["x"], "column": [column("a", "id")]}]},
            "select[0]",
            "stand together",
        ),
        (
            {"resource": "Patient", "select": [{"column": [column("a", "id", "money")]}]},
            "select[0].column[0]",
            "no conversion 'money'",
        ),
        (
            {"resource": "Patient", "select": [{"select": [{"column": [column("a", "%x")]}]}]},
            "select[0].select[0].column[0]",
            "%x is no constant",
        ),
        ({"resource": "Patient", "select": [{"column": [column("a", "id.")]}]}, "id.", "unexpected the end"),
        ({"resource": "Patient", "constant": [{"name": "x"}], "select": [{}]}, "constant[0]", "no name or no value"),
    ],
)
def test_a_bad_view_is_told_with_its_place(definition: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        compile_view(definition)
    assert caught.value.category is Category.INVALID
    assert caught.value.issues[0].path == path
    assert message in caught.value.issues[0].message


def test_a_condition_must_be_true_or_false() -> None:
    view = view_of(column("a", "id"), where=[{"path": "code.text"}])
    with pytest.raises(Problem, match="something else than true or false"):
        view.rows({"resourceType": "Observation", "id": "o", "code": {"text": "x"}})
    assert view.rows({"resourceType": "Observation", "id": "o"}) == []


def test_a_repeat_stops_at_a_depth_no_resource_needs() -> None:
    view = compile_view({"resource": "Q", "select": [{"repeat": ["item"], "column": [column("a", "linkId")]}]})
    nest: dict[str, Any] = {"linkId": "x"}
    for _ in range(400):
        nest = {"linkId": "x", "item": [nest]}
    with pytest.raises(Problem, match="deeper"):
        view.rows({"resourceType": "Q", "item": [nest]})


def test_the_hash_follows_the_definition() -> None:
    one, same = view_of(column("a", "id", "text")), view_of(column("a", "id", "text"))
    assert one.hash == same.hash
    assert one.hash != view_of(column("a", "status", "text")).hash
    reordered = compile_view(
        {"select": [{"column": [column("a", "id", "text")]}], "resource": "Observation", "name": "t"}
    )
    assert reordered.hash == one.hash


def test_the_tables_can_be_made() -> None:
    view = view_of(column("t_id", "id", "text"), column("patient_id", "id", "text"), column("n", "id", "milli"))
    database = sqlite3.connect(":memory:")
    for statement in ddl(view, "sqlite"):
        database.execute(statement)
    described = [(row[1], row[2], row[3]) for row in database.execute("PRAGMA table_info(fact_t)")]
    assert described == [("t_id", "TEXT", 1), ("patient_id", "TEXT", 1), ("n", "INTEGER", 0)]
    indexes = {row[1] for row in database.execute("PRAGMA index_list(fact_t)")}
    assert indexes == {"fact_t_t_id", "fact_t_patient_id"}
    assert 't_id TEXT COLLATE "C" NOT NULL' in ddl(view, "postgresql")[0]
    assert "n BIGINT" in ddl(view, "postgresql")[0]
    assert not view.unscoped


def test_a_folder_of_tables(tmp_path: Path) -> None:
    plain = {"table": "p", "description": "d", "columns": [{"name": "p_id", "as": "text", "description": "e"}]}
    (tmp_path / "p.json").write_bytes(json.dumps(plain))
    table = load_views(tmp_path)["p"]
    assert isinstance(table, PlainTable)
    assert not isinstance(table, View)
    assert (table.columns, table.unscoped, table.descriptions) == ((("p_id", "text"),), True, {"p_id": "e"})
    (tmp_path / "q.json").write_bytes(json.dumps(plain))
    with pytest.raises(Problem, match="describes the table 'p'"):
        load_views(tmp_path)
