"""A patient with COPD, type 2 diabetes and heart disease: one plan with fewer visits and tests, whoever began first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tovholder import packages
from tovholder.base import days
from tovholder.packages.conditions import Facts
from tovholder.plan.merge.domain import Counts, Merged, Origin
from tovholder.plan.merge.query import families
from tovholder.plan.merge.together import merge
from tovholder.plan.schedule import schedule
from tovholder.plan.values import Code

START = days.parse_day("2027-03-01") or 0
THREE = ("kol", "t2d", "hjerte")


def planned(package_id: str, level: int, start: int) -> Iterator[Origin]:
    """What a package plans for somebody of whom nothing more is known."""
    package = packages.get(package_id)
    made_from = {item.id: item for item in package.plan.activities}
    unknown = Facts(inputs=dict.fromkeys(item.name for item in package.level.inputs))
    for number, step in enumerate(schedule(package, level, None, start, unknown).activities):
        activity = made_from[step.id]
        yield Origin(
            id=f"{package_id}-{number:02}",
            course=package_id,
            package=package_id,
            package_title=package.titles,
            level=level,
            kind=step.kind,
            title=step.title,
            shared=activity.shared,
            performer=step.performer,
            due_day=step.due_day,
            first_day=step.window_start_day,
            last_day=step.window_end_day,
            tests=tuple(Code(test.system, test.code, test.display) for test in activity.tests),
        )


def together(level: int, *, starts: tuple[int, int, int] = (START, START, START)) -> Merged:
    found = [origin for name, start in zip(THREE, starts, strict=True) for origin in planned(name, level, start)]
    return merge(found, families(), START)


@pytest.mark.parametrize(
    ("level", "before", "after"),
    [
        (1, Counts(9, 5, 28, 1), Counts(6, 4, 22, 1)),
        (2, Counts(14, 6, 35, 1), Counts(9, 5, 29, 1)),
        (3, Counts(17, 7, 36, 1), Counts(9, 6, 30, 1)),
    ],
)
def test_begun_the_same_day_a_year_holds_fewer_visits_and_tests(level: int, before: Counts, after: Counts) -> None:
    found = together(level)
    assert (found.before, found.after) == (before, after)


def test_the_yearly_status_is_one_visit_and_the_yearly_blood_test_one_sample() -> None:
    found = together(2)
    [status] = [step for step in found.steps if step.shared == "aarsstatus"]
    assert status.packages == ("hjerte", "kol", "t2d")
    assert status.performer == "gp"
    yearly = [step for step in found.steps if step.shared == "blodproeve" and len(step.origins) > 1]
    assert [step.packages for step in yearly] == [("hjerte", "t2d")]
    wanted = {test.code for origin in yearly[0].origins for test in origin.tests}
    assert len(yearly[0].tests) == len(wanted) < sum(len(origin.tests) for origin in yearly[0].origins)


def test_begun_months_apart_less_is_saved_and_nothing_leaves_its_window() -> None:
    found = together(2, starts=(START, START + 75, START + 140))
    same = together(2)
    assert same.after.visits <= found.after.visits <= found.before.visits
    for step in found.steps:
        for origin in step.origins:
            first, last = origin.window or (0, 0)
            assert step.day is not None
            assert first <= step.day <= last


def test_leaving_one_gives_the_others_back() -> None:
    without = [origin for name in ("kol", "hjerte") for origin in planned(name, 2, START)]
    kept = [origin for step in together(2).steps for origin in step.origins if origin.package != "t2d"]
    assert merge(kept, families(), START) == merge(without, families(), START)
