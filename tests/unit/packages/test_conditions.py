"""Conditions answer true, false or unknown; unknown is never taken for false, and says what was missing."""

from __future__ import annotations

import pytest

from tovholder.packages import get
from tovholder.packages.common import Condition, to_milli
from tovholder.packages.conditions import Facts, Known, evaluate, grade_of


def number(value: float) -> Known:
    return Known(milli=to_milli(value))


def facts(**inputs: float | str | None) -> Facts:
    return Facts(
        {
            name: None if value is None else Known(code=value) if isinstance(value, str) else number(value)
            for name, value in inputs.items()
        }
    )


def asks(**written: object) -> Condition:
    return Condition.model_validate(written)


MRC = {"input": "mrc", "op": "ge", "value": 3}
CAT = {"input": "cat", "op": "ge", "value": 10}


@pytest.mark.parametrize(
    ("condition", "given", "truth", "missing"),
    [
        (MRC, {"mrc": 3}, True, set()),
        (MRC, {"mrc": 2}, False, set()),
        (MRC, {}, None, {"mrc"}),
        ({"any": [MRC, CAT]}, {"mrc": 4}, True, set()),
        ({"unknown": "mrc"}, {}, True, set()),
        ({"unknown": "mrc"}, {"mrc": 0}, False, set()),  # 0 is known
        ({"any": [{"unknown": "mrc"}, MRC]}, {}, True, set()),  # what nobody knows can be asked about safely
        ({"any": [MRC, CAT]}, {"mrc": 1}, None, {"cat"}),
        ({"any": [MRC, CAT]}, {"mrc": 1, "cat": 9}, False, set()),
        ({"all": [MRC, CAT]}, {"mrc": 1}, False, set()),
        ({"all": [MRC, CAT]}, {"mrc": 4}, None, {"cat"}),
        ({"not": MRC}, {"mrc": 4}, False, set()),
        ({"not": MRC}, {}, None, {"mrc"}),
        ({"input": "fev1", "op": "lt", "value": 30}, {"fev1": 29.999}, True, set()),
        ({"input": "fev1", "op": "lt", "value": 30}, {"fev1": 30}, False, set()),
        ({"input": "n", "op": "eq", "value": 0}, {"n": 0}, True, set()),
        ({"input": "n", "op": "eq", "value": 0}, {}, None, {"n"}),
        ({"input": "smoking", "op": "in", "value": ["dagligt"]}, {"smoking": "ophoert"}, False, set()),
        ({"input": "smoking", "op": "ne", "value": "dagligt"}, {"smoking": "ophoert"}, True, set()),
        ({"input": "n", "op": "lt", "value": 1}, {"n": "a code, no number"}, None, set()),
    ],
)
def test_truth(condition: dict[str, object], given: dict[str, float | str], truth: bool | None, missing: set[str]):
    answer = evaluate(asks(**condition), facts(**given))
    assert (answer.truth, set(answer.missing)) == (truth, missing)


def test_no_condition_holds_for_everyone():
    assert evaluate(None, facts()).truth is True


def test_an_unknown_grade_is_told_by_what_it_lacks():
    held = Facts({}, grade=None, grade_missing=frozenset({"cat"}))
    assert evaluate(asks(grade=["E"]), held).missing == {"cat"}
    assert evaluate(asks(grade=["unknown"]), held).truth is True


GOLD = [
    # mrc, cat, exacerbations, admissions → abcd, abe2023, abe2026
    ((1, 5, 0, 0), ("A", "A", "A")),
    ((3, 5, 0, 0), ("B", "B", "B")),
    ((2, 10, 0, 0), ("B", "B", "B")),
    ((2, 9, 1, 0), ("A", "A", "E")),
    ((4, 9, 1, 0), ("B", "B", "E")),
    ((2, 9, 2, 0), ("C", "E", "E")),
    ((3, 9, 2, 0), ("D", "E", "E")),
    ((1, 0, 1, 1), ("C", "E", "E")),
    ((None, 9, 0, 0), (None, None, None)),
    ((None, 12, 0, 0), ("B", "B", "B")),
    ((1, 5, None, 0), (None, None, None)),
    ((1, 5, None, 1), ("C", "E", "E")),
    ((None, None, 2, 0), (None, "E", "E")),
]


@pytest.mark.parametrize(("given", "wanted"), GOLD)
def test_gold(given: tuple[float | None, ...], wanted: tuple[str | None, ...]):
    grade = get("kol").level.grade
    assert grade is not None
    held = facts(**dict(zip(("mrc", "cat", "exacerbations", "copd_admissions"), given, strict=True)))
    guidelines = {guideline.id: guideline for guideline in grade.guidelines}
    found = tuple(grade_of(guidelines[name], held) for name in ("abcd", "abe2023", "abe2026"))
    assert tuple(group for group, _ in found) == wanted
    assert all(missing for group, missing in found if group is None)


def test_thousandths_are_rounded_half_away_from_zero():
    assert [to_milli(value) for value in (0.0005, -0.0005, 1.2345, 30, 0.47)] == [1, -1, 1235, 30000, 470]
