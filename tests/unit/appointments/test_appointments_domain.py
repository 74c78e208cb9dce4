"""Appointments move forward only; a stated correction may put any outcome right but what was entered in error."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.appointments.domain import (
    TERMINAL,
    TRANSITIONS,
    CancelReason,
    Status,
    canceller_of,
    may_move,
    move,
    reason_of,
    status_of,
)
from tovholder.base.errors import Problem

# How far an appointment has come; no step without a correction goes down.
RANK = {
    Status.PROPOSED: 0, Status.PENDING: 1, Status.WAITLIST: 2, Status.BOOKED: 3, Status.ARRIVED: 4, Status.CHECKED_IN: 5,
    Status.FULFILLED: 6, Status.CANCELLED: 6, Status.NOSHOW: 6, Status.ENTERED_IN_ERROR: 7,
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Status, Status)))
def test_every_step_goes_forward_and_every_step_forward_is_there(old: Status, new: Status) -> None:
    forward = RANK[new] > RANK[old]
    if old is Status.WAITLIST and new is Status.PENDING:
        forward = False
    assert may_move(old, new) == (old == new or forward)


@given(st.lists(st.sampled_from(list(Status)), max_size=12))
def test_without_correction_an_outcome_is_final_but_for_error(wishes: list[Status]) -> None:
    status = Status.PROPOSED
    for wish in wishes:
        before = status
        if may_move(status, wish):
            status = move(status, wish)
        else:
            with pytest.raises(Problem):
                move(status, wish)
        if before in TERMINAL:
            assert status in (before, Status.ENTERED_IN_ERROR)


def test_a_correction_may_change_an_outcome_but_not_what_was_entered_in_error() -> None:
    assert move(Status.NOSHOW, Status.FULFILLED, correction=True) is Status.FULFILLED
    assert move(Status.FULFILLED, Status.BOOKED, correction=True) is Status.BOOKED
    with pytest.raises(Problem) as told:
        move(Status.ENTERED_IN_ERROR, Status.BOOKED, correction=True)
    assert told.value.kept == "the appointment as it was"
    with pytest.raises(Problem) as told:
        move(Status.FULFILLED, Status.BOOKED)
    assert "correction" in told.value.issues[0].expected


def test_every_status_has_a_row_and_words_are_refused_with_the_list() -> None:
    assert set(TRANSITIONS) == set(Status)
    for read in (status_of, reason_of, canceller_of):
        with pytest.raises(Problem) as told:
            read("gone fishing")
        assert told.value.issues[0].expected.count(",") >= 2
    assert reason_of("illness") is CancelReason.ILLNESS
