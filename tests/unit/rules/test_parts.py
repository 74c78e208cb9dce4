"""The last check looks at every node: a part the parser knows and nobody asked about does not pass."""

from __future__ import annotations

import pytest
from sqlglot import exp

from lib.factdb import fact_schema
from tovholder.base.errors import Problem
from tovholder.rules import check
from tovholder.rules.parts import nothing_else
from tovholder.rules.refusals import Complaints

SQL = """
WITH late AS (SELECT a.patient_id, COUNT(*) AS n FROM appointment AS a WHERE a.start_day < 3 GROUP BY a.patient_id)
SELECT l.patient_id, CASE WHEN l.n > 1 THEN 1 ELSE 0 END AS many FROM late AS l
LEFT JOIN episode AS e ON e.patient_id = l.patient_id ORDER BY l.patient_id
"""


def complaints(tree: exp.Expr) -> Complaints:
    say = Complaints("x.toml", 1)
    nothing_else(tree, say)
    return say


def test_a_checked_query_holds_nothing_else() -> None:
    assert not complaints(check.parse(SQL, fact_schema()).tree).found


@pytest.mark.parametrize(
    ("kind", "part", "value"),
    [
        (exp.Ordered, "with_fill", exp.WithFill()),
        (exp.Table, "sample", exp.TableSample()),
        (exp.Table, "joins", [exp.Join(this=exp.to_table("x"))]),
        (exp.Table, "db", exp.to_identifier("main")),
        (exp.Join, "method", "ASOF"),
        (exp.Select, "limit", exp.Limit(expression=exp.Literal.number(1))),
        (exp.Select, "kind", "STRUCT"),
        (exp.CTE, "materialized", True),
        (exp.With, "recursive", True),
        (exp.Group, "all", True),
        (exp.Identifier, "quoted", True),
        (exp.Count, "expressions", [exp.Star()]),
    ],
)
def test_a_part_nobody_asked_about_is_refused(kind: type[exp.Expr], part: str, value: object) -> None:
    tree = check.parse(SQL, fact_schema()).tree.copy()
    node = tree.find(kind)
    assert node is not None
    node.set(part, value)
    assert complaints(tree).found


def test_a_node_nobody_listed_is_refused() -> None:
    tree = check.parse(SQL, fact_schema()).tree.copy()
    literal = tree.find(exp.Literal)
    assert literal is not None
    literal.replace(exp.Anonymous(this="random"))
    assert complaints(tree).found


WINDOWS = {
    "the table's id": ("FROM episode AS e", "e.patient_id", "e.deadline_day NULLS LAST, e.episode_id", True),
    "only a day": ("FROM episode AS e", "e.patient_id", "e.deadline_day NULLS LAST", False),
    "the key is in PARTITION BY": ("FROM episode AS e", "e.episode_id", "e.deadline_day NULLS LAST", True),
    "a second table's rows are not told apart": (
        "FROM episode AS e JOIN level AS l ON l.patient_id = e.patient_id",
        "e.patient_id",
        "e.episode_id",
        False,
    ),
    "a second table joined by its key": (
        "FROM level AS l JOIN episode AS e ON e.episode_id = l.episode_id",
        "l.patient_id",
        "l.level_id",
        True,
    ),
    "the same by WHERE": (
        "FROM level AS l CROSS JOIN episode AS e WHERE e.episode_id = l.episode_id AND l.level > 1",
        "l.patient_id",
        "l.level_id",
        True,
    ),
    "not by OR": (
        "FROM level AS l CROSS JOIN episode AS e WHERE e.episode_id = l.episode_id OR l.level > 1",
        "l.patient_id",
        "l.level_id",
        False,
    ),
    "LEFT JOIN by key": (
        "FROM level AS l LEFT JOIN episode AS e ON e.episode_id = l.episode_id AND e.package = 'kol'",
        "l.patient_id",
        "l.level_id",
        True,
    ),
    "LEFT JOIN does not tell the left table apart": (
        "FROM level AS l LEFT JOIN episode AS e ON e.patient_id = l.level_id",
        "l.patient_id",
        "e.episode_id NULLS LAST",
        False,
    ),
    "a key column fixed by WHERE": (
        "FROM measurement AS m WHERE m.system = 'npu' AND m.code = :code",
        "m.patient_id",
        "m.day NULLS LAST, m.measurement_id",
        True,
    ),
    "a key column left out": ("FROM measurement AS m", "m.patient_id", "m.day NULLS LAST, m.measurement_id", False),
    "grouped CTE by its groups": (
        "FROM (SELECT l.patient_id, l.episode_id, MAX(l.level) AS top FROM level AS l "
        "GROUP BY l.patient_id, l.episode_id) AS x",
        "x.patient_id",
        "x.top NULLS LAST, x.episode_id NULLS LAST",
        True,
    ),
    "a plain CTE keeps its table's key": (
        "FROM (SELECT l.level_id AS id, l.level FROM level AS l) AS x",
        "x.level",
        "x.id",
        True,
    ),
    "a CTE that lost the key needs all its columns": (
        "FROM (SELECT l.patient_id, l.level, l.decided_day FROM level AS l) AS x",
        "x.patient_id",
        "x.level NULLS LAST",
        False,
    ),
    "and is content with all of them": (
        "FROM (SELECT l.patient_id, l.level, l.decided_day FROM level AS l) AS x",
        "x.patient_id",
        "x.level NULLS LAST, x.decided_day NULLS LAST",
        True,
    ),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_leave_no_ties(name: str) -> None:
    text, by, order, fine = WINDOWS[name]
    source, _, where = text.partition(" WHERE ")
    sql = f"SELECT ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {order}) AS n {source}"
    sql += f" WHERE {where}" if where else ""
    if fine:
        assert check.parse(sql, fact_schema(), {"code": "x"}).columns == (("n", "int"),)
        return
    with pytest.raises(Problem) as caught:
        check.parse(sql, fact_schema(), {"code": "x"})
    assert [issue.message for issue in caught.value.issues if "may leave ties" in issue.message]
    assert len(caught.value.issues) == 1


def test_a_window_result_is_part_of_what_tells_rows_apart() -> None:
    inner = (
        "SELECT d.diagnosis_id, d.system, d.code, ROW_NUMBER() OVER ("
        "PARTITION BY d.system, d.code ORDER BY d.diagnosis_id) AS n FROM diagnosis AS d"
    )
    outer = "SELECT RANK() OVER (PARTITION BY x.system, x.code ORDER BY x.diagnosis_id{more}) AS r FROM x"
    with pytest.raises(Problem):
        check.parse(f"WITH x AS ({inner}) {outer.format(more='')}", fact_schema())
    check.parse(f"WITH x AS ({inner}) {outer.format(more=', x.n')}", fact_schema())
