"""Whatever order moves, deaths, deaths taken back and endings come in: one clinic or none holds each open course, the
stretches of holding lie end to end, and no day of a clock is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import world as worlds
from lib.world import World
from tovholder import store
from tovholder.plan import actions, resources

CLOCK = ("clock_rule", "clock_event", "clock_start_day", "deadline_day", "legacy")
STEPS = ("here", "there", "elsewhere", "nowhere", "dies", "lives", "ends", "tomorrow")


@pytest.fixture
def w(db: None) -> Iterator[World]:
    with worlds.bound():
        yield worlds.build()


def write(w: World, patient_id: str, **elements: Any) -> None:
    with store.unit_of_work(w.system) as uow:
        stored = {**uow.read("Patient", patient_id), **elements}
        uow.update({name: held for name, held in stored.items() if held is not None})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=9))
def test_nothing_is_lost_and_nothing_is_held_twice(w: World, steps: list[str]) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    (first,) = w.rows("episode", patient_id)
    who = {"patient_id": patient_id, "episode_id": str(first["episode_id"])}
    actions.start_episode(w.gp, **who)
    holder: str | None = w.clinic
    listed: str | None = w.clinic  # "" of a clinic elsewhere, None of no list
    dead, ended, now = False, False, w
    for step in steps:
        if step == "elsewhere" and listed is None:
            continue  # told of at the patient's next change of a fact (docs/handover.md)
        if step == "tomorrow":
            now = now.later(1)
        elif step in ("dies", "lives"):
            dead = step == "dies"
            write(now, patient_id, deceasedBoolean=True if dead else None)
        elif step == "ends":
            if not dead and not ended:
                actions.end_episode(now.system, **who, reason="completed")
                ended = True
        else:
            listed = {"here": w.clinic, "there": w.other_clinic, "elsewhere": "", "nowhere": None}[step]
            told = {"reference": f"Organization/{listed}"} if listed else {"display": "Lægerne et andet sted"}
            write(now, patient_id, generalPractitioner=None if listed is None else [told])
        if not dead and not ended and listed is not None:
            holder = listed or None
        (row,) = w.rows("episode", patient_id)
        with store.unit_of_work(w.system) as uow:
            value = resources.read_episode(uow.read("EpisodeOfCare", who["episode_id"]))
        assert [row[name] for name in CLOCK] == [first[name] for name in CLOCK]
        assert value.phase.is_open == (not dead and not ended)
        assert value.organization_id == row["organization_id"]
        if value.phase.is_open:
            assert value.organization_id == holder
        held = value.holdings
        assert all(one.to_day == two.from_day for one, two in pairwise(held))
        assert not held or (held[-1].to_day is None and held[-1].organization_id == value.organization_id)
