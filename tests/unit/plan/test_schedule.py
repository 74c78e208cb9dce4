"""The planned activities: days by level and grade, calendar months, windows, and what nobody can decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.world import day
from tovholder import packages
from tovholder.base import days
from tovholder.packages.common import Condition, Text
from tovholder.packages.conditions import Facts, Known
from tovholder.packages.model import Package
from tovholder.packages.model_plan import Activity, Season, Timing
from tovholder.plan.schedule import make_activities, schedule

KOL = packages.get("kol")
START = day("2027-01-31")


def known(**inputs: int | str) -> Facts:
    return Facts(
        inputs={
            name: Known(milli=value * 1000) if isinstance(value, int) else Known(code=value)
            for name, value in inputs.items()
        }
    )


def due(level: int | None, grade: str | None, facts: Facts | None = None, start: int = START) -> list[tuple[str, str]]:
    return [(item.id, days.iso(item.due_day)) for item in make_activities(KOL, level, grade, start, facts)]


def test_level_1_gold_a_is_seen_once_a_year() -> None:
    assert due(1, "A") == [
        ("handleplan", "2027-02-28"), ("pneumokok", "2027-02-28"), ("influenza", "2027-12-15"),
        ("aarsstatus", "2028-01-31"), ("spirometri", "2028-01-31"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "grade", "seen"),
    [
        (3, "A", True),
        (1, "E", True),
        (2, "D", True),
        (2, None, True),
        (2, "A", False),
        (1, None, False),
        (2, "B", False),
    ],
)
def test_half_yearly_control_by_level_and_grade(level: int, grade: str | None, seen: bool) -> None:
    found = dict(due(level, grade))
    assert found.get("halvaarskontrol") == ("2027-07-31" if seen else None)


def test_conditions_add_activities_and_unknown_ones_are_listed_instead_of_guessed() -> None:
    breathless = schedule(KOL, 2, "B", START, known(mrc=3, smoking="dagligt", admissions_recent=1))
    ids = {item.id for item in breathless.activities}
    assert {"rehabilitering", "afklarende-samtale", "rygestop", "efter-indlaeggelse"} <= ids
    assert breathless.undecided == ()
    silent = schedule(KOL, 2, "B", START, known())
    assert {"rehabilitering", "afklarende-samtale", "rygestop"} <= set(silent.undecided)
    assert not {"rehabilitering", "rygestop"} & {item.id for item in silent.activities}
    well = schedule(KOL, 2, "B", START, known(mrc=1, smoking="aldrig", admissions_recent=0))
    assert well.undecided == ()
    assert "rygestop" not in {item.id for item in well.activities}


def test_windows_stand_around_the_due_day() -> None:
    item = next(item for item in make_activities(KOL, 3, "E", START) if item.id == "halvaarskontrol")
    assert (item.due_day - item.window_start_day, item.window_end_day - item.due_day) == (14, 30)
    assert (item.kind, item.performer) == ("kol-kontrol", "gp")


def one(timing: Timing, *, anchor: str = "confirmed", horizon: int = 12) -> Package:
    activity = Activity(
        id="x",
        kind="kol-kontrol",
        title=Text(da="x", en="x"),
        performer="gp",
        anchor=anchor,  # type: ignore[arg-type]
        timing=(timing,),
        window_before_days=7,
        window_after_days=7,
        source="standard-plan",
    )
    return replace(KOL, plan=KOL.plan.model_copy(update={"activities": (activity,), "horizon_months": horizon}))


def test_months_are_calendar_months_and_keep_their_date() -> None:
    every = one(Timing(after_months=1, repeat_months=1), horizon=4)
    assert [days.iso(item.due_day) for item in make_activities(every, 1, None, START)] == [
        "2027-02-28", "2027-03-28", "2027-04-28", "2027-05-28",
    ]  # fmt: skip
    leap = one(Timing(after_months=12))
    assert days.iso(make_activities(leap, 1, None, day("2028-02-29"))[0].due_day) == "2029-02-28"
    days_only = one(Timing(after_days=21))
    assert days.iso(make_activities(days_only, 1, None, day("2027-03-20"))[0].due_day) == "2027-04-10"


def test_an_activity_counted_from_the_diagnosis_is_never_planned_in_the_past() -> None:
    early = one(Timing(after_days=10), anchor="diagnosis")
    on = make_activities(early, 1, None, START, diagnosed_day=START - 3)
    late = make_activities(early, 1, None, START, diagnosed_day=START - 300)
    unknown = make_activities(early, 1, None, START)
    assert (on[0].due_day, late[0].due_day, unknown[0].due_day) == (START + 7, START, START + 10)


def test_the_first_fitting_row_is_used_and_none_gives_no_activity() -> None:
    package = one(Timing(levels=(3,), after_months=1))
    assert make_activities(package, 2, None, START) == ()
    assert make_activities(package, None, None, START) == ()
    assert len(make_activities(package, 3, None, START)) == 1


def test_an_undecided_level_leaves_conditions_on_the_level_open() -> None:
    package = one(Timing(after_months=1))
    activity = package.plan.activities[0].model_copy(update={"when": Condition(level=(2, 3))})
    asked = replace(package, plan=package.plan.model_copy(update={"activities": (activity,)}))
    assert schedule(asked, None, None, START).undecided == ("x",)
    assert schedule(asked, 1, None, START).activities == ()
    assert len(schedule(asked, 2, None, START).activities) == 1


SEASON = Season.model_validate({"from": "10-01", "to": "12-15"})


@pytest.mark.parametrize(
    ("timing", "start", "steps"),
    [
        (Timing(after_days=0, season=SEASON), "2027-01-31", [("2027-10-01", "2027-12-15")]),
        (Timing(after_days=0, season=SEASON), "2027-10-01", [("2027-10-01", "2027-12-15")]),
        (Timing(after_days=0, season=SEASON), "2027-12-15", [("2027-12-15", "2027-12-15")]),
        (Timing(after_days=0, season=SEASON), "2027-12-16", [("2028-10-01", "2028-12-15")]),
        (Timing(after_months=6, season=SEASON), "2027-12-01", [("2028-10-01", "2028-12-01")]),  # the plan's last day
        (Timing(after_months=6, season=SEASON), "2027-07-01", []),  # opens after the plan's last day: the next plan's
        (
            Timing(after_months=0, repeat_months=12, season=SEASON),
            "2027-11-20",
            [("2027-11-20", "2027-12-15"), ("2028-11-20", "2028-11-20")],
        ),
        (Timing(after_months=0, repeat_months=1, season=SEASON), "2027-01-31", [("2027-10-01", "2027-12-15")]),
    ],
)
def test_a_season_moves_the_day_and_is_the_window(timing: Timing, start: str, steps: list[tuple[str, str]]) -> None:
    made = make_activities(one(timing), 1, None, day(start))
    assert [(days.iso(item.window_start_day), days.iso(item.due_day)) for item in made] == steps
    assert all(days.iso(item.window_end_day).endswith("-12-15") for item in made)


def test_a_season_may_pass_over_new_year_and_opens_every_year() -> None:
    winter = Season.model_validate({"from": "11-15", "to": "02-10"})
    for asked, season in (
        ("2027-01-31", ("2026-11-15", "2027-02-10")),
        ("2027-02-11", ("2027-11-15", "2028-02-10")),
        ("2027-12-31", ("2027-11-15", "2028-02-10")),
    ):
        assert tuple(days.iso(found) for found in winter.around(day(asked))) == season
    for wrong in ("02-29", "02-30", "13-01", "1-1"):
        with pytest.raises(ValueError, match=r"day of every year|pattern"):
            Season.model_validate({"from": "10-01", "to": wrong})


def test_a_row_may_ask_and_is_passed_over_when_nobody_knows() -> None:
    severe = Condition(input="fev1_percent", op="lt", value=30)
    package = one(Timing(when=severe, after_months=3))
    rows = (*package.plan.activities[0].timing, Timing(after_months=6))
    activity = package.plan.activities[0].model_copy(update={"timing": rows})
    asked = replace(package, plan=package.plan.model_copy(update={"activities": (activity,)}))
    for facts, month in ((known(fev1_percent=25), "04"), (known(fev1_percent=60), "07"), (known(), "07")):
        assert days.iso(make_activities(asked, 1, None, day("2027-01-10"), facts)[0].due_day) == f"2027-{month}-10"


def test_an_activity_may_count_from_the_day_an_input_is_known_from() -> None:
    package = one(Timing(after_months=1))
    values = package.plan.activities[0].model_dump() | {"anchor": "input", "anchor_input": "admissions_recent"}
    activity = Activity.model_validate(values)
    asked = replace(package, plan=package.plan.model_copy(update={"activities": (activity,)}))
    for discharged, due_day in ((START - 10, "2027-02-21"), (START - 60, "2027-01-31"), (None, "2027-02-28")):
        facts = Facts(inputs={"admissions_recent": Known(milli=1000, day=discharged)})
        assert days.iso(make_activities(asked, 1, None, START, facts)[0].due_day) == due_day
    assert days.iso(make_activities(asked, 1, None, START)[0].due_day) == "2027-02-28"  # nobody knows
    with pytest.raises(ValueError, match="anchor_input belong together"):
        Activity.model_validate(values | {"anchor_input": None})


@given(
    level=st.sampled_from([None, 1, 2, 3]),
    grade=st.sampled_from([None, "A", "B", "C", "D", "E"]),
    start=st.integers(20000, 24000),
)
def test_everything_is_due_within_the_plan_and_in_order(level: int | None, grade: str | None, start: int) -> None:
    made = make_activities(KOL, level, grade, start, known(mrc=4, smoking="dagligt", admissions_recent=1))
    assert [item.due_day for item in made] == sorted(item.due_day for item in made)
    end = days.add_months(start, KOL.plan.horizon_months)
    for item in made:
        assert start <= item.due_day <= end
        assert item.window_start_day <= item.due_day <= item.window_end_day
