"""What a new version would change for the live plans of an installation, counted by clinic, with nobody named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import versions, world
from lib.versions import NEW, OLD
from lib.world import World
from tovholder import packages
from tovholder.appointments import actions as appointments
from tovholder.base import days, json
from tovholder.plan import actions
from tovholder.workbench import diff

NEEDS = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


@pytest.fixture
def w(db: None, tmp_path: Path) -> Iterator[World]:
    """Two plans of the old version; one of them missed an appointment twenty days ago."""
    with versions.old_in_force(tmp_path) as own, world.bound():
        made = world.build()
        for missed in (True, False):
            person = made.patient()
            made.diagnose(person)
            who = {"patient_id": person, "episode_id": str(made.rows("episode", person)[0]["episode_id"])}
            actions.start_episode(made.gp, **who)
            actions.record_needs_assessment(made.gp, **who, answers=NEEDS)
            actions.decide_level(made.gp, **who, level=2)
            actions.make_plan(made.gp, **who)
            actions.confirm_plan(made.gp, **who, goals=[actions.GoalDraft("Gå til bageren")])
            if missed:
                start = days.parse_instant("2027-03-02T09:00:00Z")
                booked = appointments.book(made.gp, **who, kind="kol-kontrol", start=start)
                later = made.later(2)
                appointments.mark_noshow(later.gp, patient_id=person, appointment_id=str(booked.id))
        versions.in_force(own, later=True)
        yield made


def test_every_live_plan_is_asked(w: World) -> None:
    seen: list[int] = []
    later = w.later(21)
    report = diff.run_diff(later.system, packages.version("kol", OLD), packages.version("kol", NEW), seen.append)
    assert sum(seen) == len(report.plans) == 2
    total = report.counts()
    assert (total["plans"], total["plans_changed"]) == (2, 2)
    assert (total["steps_added"], total["steps_removed"], total["steps_moved"]) == (2, 2, 2)
    assert total["level_proposals_changed"] == 0
    # 19 days after a missed appointment: told by the old version (14 days), not yet by the new one (28).
    assert (total["flags_raised"], total["flags_cleared"]) == (0, 1)
    assert report.counts(w.clinic) == total
    assert list(report.clinics) == [w.clinic]
    assert {item.id for item in report.differences} == {"selvbehandling", "spirometri", "aarsstatus", "noshow_days"}


def test_the_report_for_machines_names_no_patient_and_plans_only_when_asked(w: World) -> None:
    report = diff.run_diff(w.system, packages.version("kol", OLD), packages.version("kol", NEW))
    text = json.dumps(report.as_json(plans=True)).decode()
    for line in report.plans:
        assert line.found.plan.patient_id not in text
        assert line.plan_id in text
        assert line.plan_id not in json.dumps(report.as_json()).decode()


def test_plans_of_other_versions_are_counted_and_not_asked(w: World) -> None:
    report = diff.run_diff(w.system, packages.version("kol", packages.versions("kol")[0]), packages.get("kol"))
    assert (len(report.plans), report.elsewhere) == (0, 2)
