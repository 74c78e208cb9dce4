"""Nobody gets two invitations in a round, whatever the order in which colleagues lay, send, undo and try again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import two_packages, world
from lib.world import World
from tovholder import store
from tovholder.base.errors import Category, Problem
from tovholder.jobs.queue import Run
from tovholder.recall import carriers, record, rounds, sending
from tovholder.recall.carriers import NotSent, Parcel
from tovholder.recall.domain import UNSENT, Earlier, Standing, Way, next_round
from tovholder.recall.gathering import gather
from tovholder.recall.rounds import Pick

STEPS = ("s1", "s2", "s3")


class Post:
    """A way out of the house that refuses every third parcel."""

    once = True

    def __init__(self) -> None:
        self.asked = 0
        self.sent: Counter[str] = Counter()

    def hand_over(self, parcel: Parcel) -> None:
        self.asked += 1
        if self.asked % 3 == 0:
            raise NotSent("optaget")
        self.sent[parcel.key] += 1


@pytest.fixture
def people(db: None, tmp_path: Path) -> Iterator[tuple[World, list[str]]]:
    with world.bound(), two_packages.installed(tmp_path / "own"):
        w = world.build()
        ids = [w.patient(), w.patient(family="Hansen")]
        for patient_id in ids:
            two_packages.start(w, patient_id, "sukker")
        yield w, ids
        carriers.use(Way.DIGITAL_POST, None)


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["lay", "lay", "send", "undo", "correct", "retry"]), st.integers(0, 2)), max_size=7
    )
)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_gets_two(people: tuple[World, list[str]], acts: list[tuple[str, int]]) -> None:
    w, ids = people
    post = Post()
    carriers.use(Way.DIGITAL_POST, post)
    names = [rounds.new_round() for _ in range(3)]
    # Each colleague has the list as it was to begin with.
    first = {row.patient_id: row.number for row in gather(w.gp, within=175).rows}
    who = sending._told(w.gp)
    for act, number in acts:
        round_id = names[number]
        picks = [Pick(one, Way.DIGITAL_POST, first.get(one, 1)) for one in ids]
        if act == "lay":
            rounds.lay(w.gp, round_id=round_id, picks=picks, within=175)
        elif act == "send":
            sending.deliver.func(Run("j", 1), who=who, round_id=round_id)
        elif act == "undo":
            rounds.take_back(w.gp, round_id=round_id)
        elif act == "correct":
            sending.correct.func(Run("j", 1), who=who, round_id=round_id)
        else:
            again(w, ids[0], round_id)
    for patient_id in ids:
        held = [one for one in requests(w, patient_id) if one.round_id in names]
        live = [one for one in held if one.standing not in (Standing.TAKEN_BACK, Standing.WITHDRAWN)]
        assert len(live) <= 1
        assert all(count <= 1 for count in Counter(one.round_id for one in held).values())
        assert all(post.sent[one.id] <= 1 for one in held)
        # What left stands noted, and nothing is noted that did not leave.
        assert {one.id for one in held if post.sent[one.id]} == noted(w, patient_id) & {one.id for one in held}
    for round_id in names:  # the next example begins anew
        sending.correct.func(Run("j", 1), who=who, round_id=round_id)
        rounds.take_back(w.gp, round_id=round_id)


def again(w: World, patient_id: str, round_id: str) -> None:
    try:
        sending.retry(w.gp, patient_id=patient_id, round_id=round_id, way=Way.DIGITAL_POST)
    except Problem as problem:
        if problem.category not in (Category.CONFLICT, Category.NOT_FOUND):
            raise


def requests(w: World, patient_id: str) -> list[record.Invitation]:
    found = store.search_all(w.system, "CommunicationRequest", [("patient", f"Patient/{patient_id}")])
    return [held for one in found if (held := record.read(one.resource)) is not None]


def noted(w: World, patient_id: str) -> set[str]:
    found = store.search_all(w.system, "Communication", [("patient", f"Patient/{patient_id}")])
    return {
        str(one.resource["basedOn"][0]["reference"]).rpartition("/")[2]
        for one in found
        if record.is_of(one.resource, record.INVITATION)
    }


invited = st.lists(
    st.builds(
        Earlier,
        id=st.uuids().map(str),
        round_id=st.just("r"),
        number=st.integers(1, 3),
        standing=st.sampled_from(Standing),
        day=st.integers(0, 100),
        activities=st.frozensets(st.sampled_from(STEPS), min_size=1),
    ),
    max_size=5,
)


@given(held=invited, steps=st.frozensets(st.sampled_from(STEPS), min_size=1), today=st.integers(0, 200), data=st.data())
@settings(max_examples=200, deadline=None)
def test_the_next_round_does_not_depend_on_the_order(held: list[Earlier], steps: Any, today: int, data: Any) -> None:
    number, why, last = next_round(held, steps, today)
    shuffled = data.draw(st.permutations(held))
    assert next_round(shuffled, steps, today)[:2] == (number, why)
    if why is None:
        assert not any(one.standing in UNSENT and one.activities & steps for one in held)
        assert number == (1 if last is None else last.number + 1)
