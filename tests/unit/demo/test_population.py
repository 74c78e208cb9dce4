"""The drawn population has the ages, sexes and diagnoses the known numbers say, within what chance allows."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np

from tovholder.base.days import day_of
from tovholder.demo.synth.clinical import SMOKING, draw_clinical
from tovholder.demo.synth.config import KOL_PREVALENCE
from tovholder.demo.synth.histories import NEVER, PILOT_DAYS, draw_histories
from tovholder.demo.synth.people import kol_share, package_patients, whole_list

ANCHOR = date(2026, 11, 23)
TODAY = day_of(ANCHOR)


def test_a_list_of_1600_has_48_with_kol_and_a_lists_ages() -> None:
    people = whole_list(np.random.default_rng(1), ANCHOR, 1600)
    assert len(people) == 1600
    assert people.kol.sum() == 48
    assert 38 < people.age.mean() < 46
    assert 0.46 < people.female.mean() < 0.55
    assert 0.15 < (people.age < 18).mean() < 0.24


def test_kol_is_3_percent_of_everybody_and_grows_with_age() -> None:
    people = whole_list(np.random.default_rng(2), ANCHOR, 100_000)
    assert abs(kol_share(people.age, people.female).mean() - KOL_PREVALENCE) < 0.001
    men = kol_share(np.array([30, 50, 65, 80, 90]), np.zeros(5, dtype=bool))
    assert men[0] == 0
    assert (np.diff(men) > 0).all()
    assert 0.13 < men[3] < 0.21  # spirometry studies: 18 % of the oldest, men 21


def test_package_patients_are_those_of_a_whole_list() -> None:
    everybody = whole_list(np.random.default_rng(3), ANCHOR, 200_000)
    patients = package_patients(np.random.default_rng(4), ANCHOR, 20_000)
    assert patients.kol.all()
    assert abs(patients.age.mean() - everybody.age[everybody.kol].mean()) < 0.6
    assert abs(patients.female.mean() - everybody.female[everybody.kol].mean()) < 0.02
    assert patients.age.min() >= 35


def test_ages_are_the_ages_on_the_anchor_day_and_nobody_is_born_on_1_january() -> None:
    people = whole_list(np.random.default_rng(5), ANCHOR, 20_000)
    births = [date.fromisoformat(str(day)) for day in people.births]
    ages = [ANCHOR.year - b.year - ((ANCHOR.month, ANCHOR.day) < (b.month, b.day)) for b in births]
    assert np.abs(np.array(ages) - people.age).max() <= 1
    assert not [b for b in births if (b.month, b.day) == (1, 1)]
    assert max(births) < ANCHOR


def test_severity_has_its_mix_and_goes_with_the_measurements() -> None:
    people = package_patients(np.random.default_rng(6), ANCHOR, 20_000)
    state = draw_clinical(np.random.default_rng(7), people)
    mix = np.bincount(state.gold, minlength=5)[1:] / 20_000
    assert np.abs(mix - np.array([0.24, 0.50, 0.20, 0.06])).max() < 0.02
    bands = ((80, 103), (50, 80), (30, 50), (16, 30))
    assert all(
        low <= fev1 < high for gold, fev1 in zip(state.gold, state.fev1, strict=True) for low, high in [bands[gold - 1]]
    )
    assert (np.diff([state.mrc[state.gold == gold].mean() for gold in (1, 2, 3, 4)]) > 0.3).all()
    assert (state.admissions <= state.exacerbations).all()
    assert (state.exacerbations == 0).mean() > 0.4  # none is an answer, not a gap
    assert set(np.unique(state.smoking)) == set(range(len(SMOKING)))
    assert (state.mrc.min(), state.mrc.max()) == (1, 5)
    assert 0 <= state.cat.min() < state.cat.max() <= 40


def test_no_day_of_a_history_contradicts_another_or_lies_in_the_future() -> None:
    people = package_patients(np.random.default_rng(8), ANCHOR, 20_000)
    state = draw_clinical(np.random.default_rng(9), people)
    held = draw_histories(np.random.default_rng(10), people, state, TODAY)
    steps = [held.eligible, held.offered, held.started, held.assessed, held.decided, held.drafted, held.confirmed]
    for earlier, later in pairwise(steps):
        assert (earlier[later < NEVER] <= later[later < NEVER]).all()
    for column in (*steps, held.declined, held.ended, held.paused, held.resumed):
        assert (column[column < NEVER] <= TODAY).all()
    assert (held.eligible >= TODAY - PILOT_DAYS).all()
    assert not ((held.declined < NEVER) & (held.started < NEVER)).any()
    ended = held.ended < NEVER
    assert (held.started[ended] <= held.ended[ended]).all()
    for column in steps[3:]:
        assert not (ended & (column < NEVER) & (column >= held.ended)).any()
    known = held.diagnosed < NEVER
    assert (held.diagnosed[known] <= held.eligible[known]).all()
    assert 0.02 < (~known).mean() < 0.08


def test_histories_hold_every_kind_of_course() -> None:
    people = package_patients(np.random.default_rng(11), ANCHOR, 20_000)
    held = draw_histories(np.random.default_rng(12), people, draw_clinical(np.random.default_rng(13), people), TODAY)
    waited = TODAY - held.eligible
    begun, closed = held.started < NEVER, (held.declined < NEVER) | (held.ended < NEVER)
    confirmed = held.confirmed < NEVER
    took = held.confirmed - held.eligible
    shares = {
        "not started, deadline ahead": (~begun & ~closed & (waited <= 30)).mean(),
        "not started, deadline passed": (~begun & ~closed & (waited > 30)).mean(),
        "declined": (held.declined < NEVER).mean(),
        "level undecided": (begun & ~closed & (held.decided >= NEVER)).mean(),
        "draft only": (~closed & (held.drafted < NEVER) & ~confirmed).mean(),
        "in time": (confirmed & (took <= 30)).mean(),
        "late": (confirmed & (took > 30)).mean(),
        "ended": (held.ended < NEVER).mean(),
        "waiting by wish": ((held.paused < NEVER) & (held.resumed >= NEVER)).mean(),
    }
    assert all(share > 0.002 for share in shares.values()), shares
    assert 0.5 < shares["in time"] < 0.85
    assert 0.08 < shares["late"] < 0.35
