"""Everything the subset refuses is refused, once, on the right line, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlglot.tokens import TokenType

from lib.factdb import fact_schema
from tovholder.base.errors import Category, Issue, Problem
from tovholder.rules.check import FLAG_COLUMNS, INDICATOR_COLUMNS, Checked, parse, require_columns
from tovholder.rules.refusals import Refusal, refusals

FIRST_LINE = 12
EXAMPLES = [refusal for refusal in refusals().values() if refusal.example]


def check(sql: str, **parameters: int | str) -> Checked:
    return parse(sql, fact_schema(), parameters, "rules/x.toml", FIRST_LINE)


def issues(sql: str, **parameters: int | str) -> tuple[Issue, ...]:
    with pytest.raises(Problem) as caught:
        check(sql, **parameters)
    assert caught.value.category == Category.INVALID
    return caught.value.issues


def codes(sql: str, **parameters: int | str) -> list[str]:
    """The refusals by code, found again from what they tell to write instead."""
    found = []
    for issue in issues(sql, **parameters):
        same = [r.code for r in refusals().values() if _fits(issue, r)]
        assert len(same) == 1, (issue, same)
        found.append(same[0])
    return found


def _fits(issue: Issue, refusal: Refusal) -> bool:
    def parts(text: str) -> list[str]:
        for name in ("found", "valid", "logical", "example", "relations", "types", "role", "place"):
            text = text.replace("{" + name + "}", "\0")
        return text.split("\0")

    def holds(text: str, pieces: list[str]) -> bool:
        return text.startswith(pieces[0]) and text.endswith(pieces[-1]) and all(piece in text for piece in pieces)

    return holds(issue.expected, parts(refusal.instead)) and holds(issue.message, parts(refusal.message))


@pytest.mark.parametrize("refusal", EXAMPLES, ids=lambda refusal: refusal.code)
def test_each_example_is_refused_for_its_reason(refusal: Refusal) -> None:
    (issue,) = issues(refusal.example, grace_days=14)
    assert issue.path == f"rules/x.toml:{FIRST_LINE + refusal.line - 1}"
    assert _fits(issue, refusal)
    assert "{" not in issue.message + issue.expected
    assert len(issue.expected) > 10


def test_every_refusal_without_an_example_is_tried_here() -> None:
    assert {refusal.code for refusal in refusals().values() if not refusal.example} == {"parameter-declared", "columns"}


def test_listed_tokens_exist() -> None:
    for refusal in refusals().values():
        for name in refusal.tokens:
            assert name in TokenType.__members__


def test_listed_functions_are_refused_for_the_reason_they_are_listed_under() -> None:
    for refusal in refusals().values():
        for name in refusal.functions:
            sql = f"SELECT a.patient_id,\n{name}(a.start_day) AS x FROM appointment AS a"
            (issue, *_) = issues(sql)
            assert (issue.path, issue.expected) == ("rules/x.toml:13", refusal.instead), name


def test_several_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    sql = """SELECT a.patient_id, LOWER(a.kind) AS kind
FROM appointment AS a
JOIN visits AS v ON v.patient_id = a.patient_id
WHERE a.start_day / 7 > :weeks
  AND a.outcome_unknown
  AND a.kind = 3
ORDER BY a.start_day"""
    found = issues(sql)
    assert [issue.path.split(":")[1] for issue in found] == ["12", "14", "15", "15", "16", "17", "18"]


def test_a_refused_part_is_not_told_again_by_what_is_built_on_it() -> None:
    sql = """WITH late AS (SELECT v.patient_id, v.days * 2 AS d FROM visits AS v)
SELECT l.patient_id FROM late AS l WHERE l.d > 3 AND l.nothing = 'x'"""
    assert codes(sql)[0] == "table-unknown"
    assert len(issues(sql)) <= 2


def test_the_likeliest_name_comes_first() -> None:
    (issue,) = issues("SELECT a.patient_id FROM apointment AS a")
    assert issue.expected.startswith("one of appointment, ")
    (issue,) = issues("SELECT a.patient_ID_ FROM appointment AS a")
    assert issue.expected.startswith("lower-case letters")


MORE = [
    (code.strip(), sql.strip())
    for line in (Path(__file__).parent / "refused.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for code, sql in [line.split("|", 1)]
]


@pytest.mark.parametrize(("code", "sql"), MORE)
def test_more_ways_to_leave_the_subset(code: str, sql: str) -> None:
    assert code in codes(sql, grace_days=14), issues(sql, grace_days=14)


def test_mistakes_with_parameters_are_told_on_their_own_line() -> None:
    sql = """SELECT e.patient_id,
    :today - :word AS d,
    CASE WHEN e.package = :word THEN
      :today = :today
    END AS x
FROM episode AS e
WHERE :word
  AND :days IS NULL
  AND (:days) IS NOT NULL
  AND : days > 3 AND _today = 3"""
    found = issues(sql, word="kol", days=3)
    assert [issue.path.split(":")[1] for issue in found] == ["13", "15", "18", "19", "20", "21", "21"]


def test_a_parameter_of_another_type_is_told_once() -> None:
    assert codes("SELECT :today - :share AS d FROM episode AS e", share=0.5) == ["parameter-declared"]  # type: ignore[arg-type]


def test_deep_nesting_is_refused_not_crashed() -> None:
    sql = "SELECT a.patient_id FROM appointment AS a WHERE " + "(" * 3000 + "1 = 1" + ")" * 3000
    assert codes(sql) == ["unreadable"]


def test_a_long_list_of_conditions_is_fine() -> None:
    sql = "SELECT a.patient_id FROM appointment AS a WHERE " + " OR ".join(f"a.start_day = {n}" for n in range(600))
    assert check(sql).tables == {"appointment"}


@pytest.mark.parametrize(
    "parameters", [{"Grace": 1}, {"scope_patient": "x"}, {"x y": 1}, {"share": 0.5}, {"flag": True}, {"none": None}]
)
def test_parameters_are_whole_numbers_or_texts_under_plain_names(parameters: dict[str, int | str]) -> None:
    assert codes("SELECT a.patient_id FROM appointment AS a", **parameters) == ["parameter-declared"]


def test_what_a_checked_query_tells() -> None:
    checked = check(
        """WITH late AS (
            SELECT a.patient_id, a.start_day FROM appointment AS a WHERE a.start_day < :today - :grace_days)
        SELECT l.patient_id, e.episode_id, AVG(l.start_day) AS mean, COUNT(*) AS n
        FROM late AS l JOIN episode AS e ON e.patient_id = l.patient_id GROUP BY l.patient_id, e.episode_id""",
        grace_days=14,
        unused="x",
    )
    assert checked.columns == (("patient_id", "text"), ("episode_id", "text"), ("mean", "real"), ("n", "int"))
    assert checked.tables == {"appointment", "episode"}
    assert set(checked.parameters) == {"today", "grace_days"}
    assert checked.where == "rules/x.toml:12"


def test_required_columns() -> None:
    checked = check("SELECT e.patient_id, e.episode_id, e.package AS since_day, 1 AS extra FROM episode AS e")
    with pytest.raises(Problem) as caught:
        require_columns(checked, FLAG_COLUMNS)
    (issue,) = caught.value.issues
    assert issue.path == "rules/x.toml:12"
    assert issue.message == "the result must have a column since_day of type int (it is text)"
    assert "AS since_day" in issue.expected
    with pytest.raises(Problem) as caught:
        require_columns(checked, INDICATOR_COLUMNS)
    assert len(caught.value.issues) == 4
    require_columns(checked, {"patient_id": "text", "extra": "int"})
