"""A course that begins when pain has lasted: found by the daily run, confirmed, stopped by red flags, back again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lib.world import World, day
from tovholder import packages, store
from tovholder.base.errors import Category, Problem
from tovholder.packages.installed import Installed
from tovholder.plan import actions, due
from tovholder.plan.queries import episode_view

NEEDS = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
ASKED = next(held for held in packages.get("lrs").forms["lrs-roede-flag"].scoring.scores if held.id == "i-alt").link_ids
START = {"confirmed": True}


def courses(w: World, patient_id: str) -> list[dict[str, Any]]:
    found = [row for row in w.rows("episode", patient_id) if row["package"] == "lrs"]
    return sorted(found, key=lambda row: (row["eligible_day"], row["episode_id"]))


def flags(w: World, who: dict[str, str], *yes: str, **more: str) -> None:
    answers: dict[str, Any] = {link_id: link_id in yes for link_id in ASKED}
    actions.record_response(w.gp, **who, package="lrs", form_id="lrs-roede-flag", answers=answers | more)


@pytest.fixture
def who(w: World) -> dict[str, str]:
    """Documented for 100 days; the course is started."""
    patient_id = w.patient()
    w.diagnose(patient_id, "L84", recorded="2026-11-21")
    (row,) = courses(w, patient_id)
    found = {"patient_id": patient_id, "episode_id": str(row["episode_id"])}
    actions.start_episode(w.gp, **found, **START)
    return found


def test_acute_pain_waits_and_the_daily_run_finds_it_the_day_after_twelve_weeks(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, "L03", recorded="2027-02-20")
    assert courses(w, patient_id) == []
    due.run_all(w.at("2027-05-15").now)  # day 84
    assert courses(w, patient_id) == []
    looked, eligible = due.run_all(w.at("2027-05-16").now)
    assert (looked, eligible) == (1, 1)
    (row,) = courses(w, patient_id)
    assert (row["eligible_day"], row["clock_event"]) == (day("2027-05-16"), "inclusion")
    assert row["deadline_day"] == day("2027-06-15")
    assert due.run_all(w.at("2027-05-17").now) == (0, 0)


def test_pain_that_passed_is_never_found(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, "L84", recorded="2027-02-20", clinical="resolved")
    assert due.run_all(w.later(100).now)[1] == 0


def test_a_start_is_confirmed_and_the_words_are_kept(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, "L84", recorded="2026-11-21")
    (row,) = courses(w, patient_id)
    found = {"patient_id": patient_id, "episode_id": str(row["episode_id"])}
    with pytest.raises(Problem) as caught:
        actions.start_episode(w.gp, **found)
    assert caught.value.category is Category.RULE
    reasons = actions.start_episode(w.gp, **found, **START).inclusion_reasons
    confirm = packages.get("lrs").inclusion.confirm
    assert confirm is not None
    assert reasons[-1] == confirm.da
    assert "Smerterne er dokumenteret i 100 dage, altså mere end 12 uger." in reasons


def test_nothing_is_decided_until_the_red_flags_are_gone_through(w: World, who: dict[str, str]) -> None:
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    view = episode_view(w.gp, who["patient_id"], "lrs")
    assert view.proposal.level is None
    assert [(block.id, block.urgent) for block in view.proposal.blocked] == [("ikke-gennemgaaet", False)]
    with pytest.raises(Problem) as caught:
        actions.decide_level(w.gp, **who, level=1)
    assert caught.value.category is Category.RULE
    flags(w, who)
    assert episode_view(w.gp, who["patient_id"], "lrs").proposal.level == 1
    assert actions.decide_level(w.gp, **who, level=1).level == 1


@pytest.mark.parametrize(
    ("assessed", "level"), [(None, None), ("udredes", None), ("henvist-akut", None), ("afkraeftet", 1)]
)
def test_a_red_flag_blocks_until_the_doctor_has_ruled_it_out(
    w: World, who: dict[str, str], assessed: str | None, level: int | None
) -> None:
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    flags(w, who, "ridebuks", "feber", **({"vurdering": assessed} if assessed else {}))
    proposal = episode_view(w.gp, who["patient_id"], "lrs").proposal
    assert proposal.level == level
    if level is None:
        assert [block.id for block in proposal.blocked] == ["cauda-equina", "roedt-flag"]
        assert all(block.urgent and block.action and block.form == "lrs-roede-flag" for block in proposal.blocked)


def test_pain_that_comes_back_is_a_course_of_its_own(w: World, who: dict[str, str]) -> None:
    actions.end_episode(w.later(30).gp, **who, reason="completed")
    patient_id = who["patient_id"]
    w.later(60).diagnose(patient_id, "L84")
    due.run_all(w.later(60 + 84).now)
    assert len(courses(w, patient_id)) == 1  # the weeks of the earlier course do not count
    due.run_all(w.later(60 + 85).now)
    first, second = courses(w, patient_id)
    assert (first["phase"], second["phase"]) == ("ended", "eligible")
    stored = store.read(w.gp, "EpisodeOfCare", str(second["episode_id"])).resource
    assert "Tilbagefald: et tidligere rygforløb blev afsluttet for 115 dage siden." in str(stored["extension"])


def test_plans_told_by_the_gp_system_are_not_made_here(w: World, who: dict[str, str], told_elsewhere: None) -> None:
    with pytest.raises(Problem) as caught:
        actions.make_plan(w.gp, **who)
    assert caught.value.category is Category.RULE
    assert "own system" in str(caught.value.issues[0])


@pytest.fixture
def told_elsewhere() -> Iterator[None]:
    packages.install(Installed(plan_sources={"lrs": "lps"}))
    yield
    packages.install(Installed())


def test_a_course_that_could_end_says_so_and_why(w: World, who: dict[str, str]) -> None:
    patient_id = who["patient_id"]
    answers = {"smerte": 2, "rmdq": 3}
    record = {**who, "package": "lrs", "form_id": "lrs-funktion"}
    actions.record_response(w.gp, **record, answers=answers)
    assert episode_view(w.gp, patient_id, "lrs").stops == ()  # whether on sick leave nobody knows
    actions.record_response(w.later(1).gp, **record, answers=answers | {"sygemelding-uger": 0})
    ((stop, words),) = episode_view(w.later(1).gp, patient_id, "lrs").stops
    assert (stop.id, stop.end_reason) == ("god-funktion", "completed")
    assert "Roland-Morris 3" in words.da
