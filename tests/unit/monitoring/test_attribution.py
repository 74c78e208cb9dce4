"""A course that changed hands is counted where it was when its right was settled, in the figures themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from lib import world as worlds
from lib.world import World
from tovholder import store
from tovholder.monitoring import contributions
from tovholder.plan import actions

pytestmark = pytest.mark.django_db


def counted(patient_id: str) -> dict[str, Any]:
    """The clinic under which the patient's right to a plan is counted, by month."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT period_id, organization_id FROM monitoring_contribution"
            " WHERE patient_id = %s AND indicator = 'kol-plan-30-days'",
            [patient_id],
        )
        return dict(cursor.fetchall())


def listed(w: World, patient_id: str, organization: str) -> None:
    with store.unit_of_work(w.system) as uow:
        stored = uow.read("Patient", patient_id)
        uow.update({**stored, "generalPractitioner": [{"reference": f"Organization/{organization}"}]})


def test_who_let_the_deadline_pass_keeps_it_and_who_has_it_in_time_answers_for_it() -> None:
    w = worlds.build()
    late, early = w.patient(), w.patient()
    for patient_id in (late, early):
        w.diagnose(patient_id)
    listed(w.later(5), early, w.other_clinic)
    listed(w.later(45), late, w.other_clinic)
    listed(w.later(45), early, w.other_clinic)
    contributions.run_all(w.later(46).now)
    assert set(counted(late).values()) == {w.clinic}
    assert set(counted(early).values()) == {w.other_clinic}


def test_while_the_clock_runs_it_is_with_whoever_holds_the_course() -> None:
    w = worlds.build()
    patient_id = w.patient()
    w.diagnose(patient_id)
    (row,) = w.rows("episode", patient_id)
    actions.start_episode(w.gp, patient_id=patient_id, episode_id=str(row["episode_id"]))
    listed(w.later(3), patient_id, w.other_clinic)
    assert set(counted(patient_id).values()) <= {w.other_clinic}
