"""Phases, plan statuses and levels: the transition table holds for every sequence of moves."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.base.errors import Category, Problem
from tovholder.plan.domain import (
    OPEN,
    PLAN_TRANSITIONS,
    TRANSITIONS,
    EndReason,
    Level,
    Phase,
    PlanStatus,
    episode_status,
    level_of,
    may_move,
    move,
    phase_of_status,
)

ALLOWED = {
    ("eligible", "startup"),
    ("eligible", "declined"),
    ("eligible", "ended"),
    ("startup", "further"),
    ("startup", "continuing"),
    ("startup", "ended"),
    ("further", "continuing"),
    ("further", "ended"),
    ("continuing", "ended"),
    ("declined", "startup"),
}


@pytest.mark.parametrize("old", list(Phase))
@pytest.mark.parametrize("new", list(Phase))
def test_the_table_says_exactly_this(old: Phase, new: Phase) -> None:
    assert may_move(old, new) == (old == new or (str(old), str(new)) in ALLOWED)


def test_every_phase_and_plan_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Phase)
    assert set(PLAN_TRANSITIONS) == set(PlanStatus)


@given(st.lists(st.sampled_from(list(Phase)), min_size=1, max_size=12))
def test_an_ended_course_never_opens_again_and_a_declined_one_only_by_starting(wishes: list[Phase]) -> None:
    phase = Phase.ELIGIBLE
    history = [phase]
    for wish in wishes:
        if may_move(phase, wish):
            phase = move(phase, wish, reason="died")
        else:
            with pytest.raises(Problem) as told:
                move(phase, wish, reason="died")
            assert told.value.category is Category.RULE
            assert told.value.issues[0].expected
        history.append(phase)
    for before, after in itertools.pairwise(history):
        if before is Phase.ENDED:
            assert after is Phase.ENDED
        if before is Phase.DECLINED and after is not Phase.DECLINED:
            assert after is Phase.STARTUP
        if after is Phase.ELIGIBLE:
            assert before is Phase.ELIGIBLE


def test_ending_needs_one_of_the_reasons() -> None:
    with pytest.raises(Problem) as told:
        move(Phase.STARTUP, Phase.ENDED, reason="tired")
    assert "moved-practice" in told.value.issues[0].expected
    for reason in EndReason:
        assert move(Phase.CONTINUING, Phase.ENDED, reason=reason) is Phase.ENDED


def test_a_refused_move_names_what_may_follow() -> None:
    with pytest.raises(Problem) as told:
        move(Phase.ELIGIBLE, Phase.CONTINUING)
    assert told.value.issues[0].expected == "declined, ended, startup"
    assert told.value.kept == "nothing was stored"


def test_status_of_the_episode_follows_the_phase_and_a_pause_shows_only_when_started() -> None:
    assert [episode_status(phase) for phase in Phase] == [
        "planned", "active", "active", "active", "finished", "cancelled",
    ]  # fmt: skip
    assert episode_status(Phase.FURTHER, paused=True) == "onhold"
    assert episode_status(Phase.ELIGIBLE, paused=True) == "planned"
    for phase in Phase:
        read_back = phase_of_status(episode_status(phase))
        assert read_back is phase or {read_back, phase} <= {Phase.STARTUP, Phase.FURTHER, Phase.CONTINUING}
    assert phase_of_status("entered-in-error") is None


def test_open_phases_are_those_that_are_neither_ended_nor_declined() -> None:
    assert {phase for phase in Phase if not phase.is_open} == {Phase.ENDED, Phase.DECLINED}
    assert Phase.ELIGIBLE in OPEN and not Phase.ELIGIBLE.is_started


def test_levels_are_ordered_and_nothing_else_is_a_level() -> None:
    assert Level.ONE < Level.TWO < Level.THREE
    assert level_of("2") is Level.TWO
    for wrong in ("0", "4", "red", "", None, "1.0"):
        with pytest.raises(Problem):
            level_of(wrong)
