"""The thread through the house by its actions: a diagnosis, a clock, a plan, a missed step, a flag, a figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from lib.people import clinic, condition, context, patient, system
from tovholder import packages, store
from tovholder.access import Context, Role
from tovholder.appointments import actions as appointment_actions
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import flags, queries
from tovholder.monitoring import contributions, engines
from tovholder.monitoring.queries import rights_table
from tovholder.plan import actions
from tovholder.rules.compile import Compiled
from tovholder.store import consents

pytestmark = pytest.mark.django_db
START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
NEEDS = {"biologisk": 2, "psykisk": 1, "social": 1, "sundhedskompetence": 1}


@dataclass
class World:
    organization: str
    patient: str
    now: datetime = START

    @property
    def gp(self) -> Context:
        return context(Role.GP, self.organization, now=self.now)

    @property
    def episode(self) -> str:
        return store.search(system(self.now), "EpisodeOfCare", [("patient", self.patient)]).entries[0].id

    def later(self, number: int) -> None:
        self.now += timedelta(days=number)

    def flags(self) -> set[str]:
        rows = queries.clinic_list(self.gp)
        return {flag.rule_id for row in rows for flag in row.flags}

    def daily(self) -> None:
        flags.run_all(self.now)
        contributions.run_all(self.now)

    def misses_a_check_up(self) -> None:
        """Tomorrow's; nobody books again, and three weeks go by."""
        booked = appointment_actions.book(
            self.gp, patient_id=self.patient, kind="kol-kontrol", start=self.now + timedelta(days=1)
        )
        self.later(2)
        appointment_actions.mark_noshow(self.gp, patient_id=self.patient, appointment_id=booked.id or "")
        self.later(20)
        self.daily()

    def confirmed(self, level: int = 2) -> None:
        where: dict[str, Any] = {"patient_id": self.patient, "episode_id": self.episode}
        actions.start_episode(self.gp, **where)
        actions.record_needs_assessment(self.gp, **where, answers=NEEDS)
        proposal = actions.propose_level(self.gp, **where)
        reason = "" if proposal.level == level else "Samtalen viste noget andet"
        actions.decide_level(self.gp, **where, level=level, override_reason=reason)
        actions.make_plan(self.gp, **where)
        actions.confirm_plan(self.gp, **where, no_goal_reason="Patienten vil vente")


@pytest.fixture
def world() -> World:
    with store.unit_of_work(system(START)) as uow:
        organization = uow.create(clinic()).id
        person = uow.create(patient(organization)).id
        uow.create(condition(person, recorded="2027-02-20"))
    return World(organization, person)


def figure(world: World, period: str) -> tuple[int, int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(SUM(in_denominator), 0), COALESCE(SUM(in_numerator), 0), COALESCE(SUM(missing), 0)"
            " FROM monitoring_contribution WHERE indicator = 'kol-plan-30-days' AND period_id = %s",
            [period],
        )
        return tuple(cursor.fetchone())


def test_a_diagnosis_makes_an_eligible_episode_with_its_clock_the_same_moment(world: World) -> None:
    row = queries.clinic_list(world.gp)[0]
    assert (row.phase, row.level, row.plan_confirmed) == ("eligible", None, False)
    assert days.iso(row.clock_start_day or 0) == "2027-02-20"
    assert days.iso(row.deadline_day or 0) == "2027-03-22"
    assert row.days_left == 21
    assert row.next_step is not None
    assert row.next_step.kind == "start"


def test_the_whole_thread(world: World) -> None:
    world.later(40)  # past the deadline, nobody has started
    world.daily()
    assert {"kol-plan-deadline-over"} <= world.flags()
    world.now = START
    world.daily()
    world.confirmed(level=2)
    assert "kol-plan-deadline-over" not in world.flags()
    # The appointment, missed
    world.later(10)
    booked = appointment_actions.book(
        world.gp, patient_id=world.patient, kind="kol-kontrol", start=world.now + timedelta(days=5)
    )
    world.later(6)
    appointment_actions.mark_noshow(world.gp, patient_id=world.patient, appointment_id=booked.id or "")
    assert "kol-noshow-unbooked" not in world.flags()
    world.later(20)
    world.daily()
    flag = next(f for row in queries.clinic_list(world.gp) for f in row.flags if f.rule_id == "kol-noshow-unbooked")
    assert flag.age_days == 21
    assert flag.reason["da"]
    assert "{" not in flag.reason["da"] + flag.reason["en"]
    # Booked again: gone in the same moment, and the FHIR Flag says so
    appointment_actions.book(
        world.gp, patient_id=world.patient, kind="kol-kontrol", start=world.now + timedelta(days=3)
    )
    assert "kol-noshow-unbooked" not in world.flags()
    found = store.search(system(), "Flag", [("patient", world.patient)]).entries
    closed = [e.resource for e in found if e.resource["code"]["coding"][0]["code"] == "kol-noshow-unbooked"]
    assert [item["status"] for item in closed] == ["inactive"]


@pytest.mark.parametrize(("level", "flagged"), [(1, False), (2, True), (3, True)])
def test_compliance_flags_are_for_levels_two_and_three(world: World, level: int, flagged: bool) -> None:
    world.confirmed(level=level)
    world.misses_a_check_up()
    assert ("kol-noshow-unbooked" in world.flags()) is flagged


@pytest.mark.parametrize(("kind", "told"), [("measurements", True), ("appointments", False)])
def test_a_flag_is_withheld_by_a_block_of_what_raised_it_alone(world: World, kind: str, told: bool) -> None:
    with store.unit_of_work(system(START)) as uow:
        measured = {"resourceType": "Observation", "status": "final", "code": {"text": "Vægt"}}
        uow.create(measured | {"subject": {"reference": f"Patient/{world.patient}"}})
    world.confirmed(level=2)
    world.misses_a_check_up()
    own = Context(f"Patient/{world.patient}", Role.CITIZEN, None, world.now, patient=world.patient)
    with store.unit_of_work(own) as uow:
        uow.create(consents.block_resource(own, world.patient, actor="", kind=kind))
    assert ("kol-noshow-unbooked" in world.flags()) is told


def test_deciding_another_level_re_evaluates_at_once(world: World) -> None:
    world.confirmed(level=3)
    world.misses_a_check_up()
    assert "kol-noshow-unbooked" in world.flags()
    actions.decide_level(
        world.gp, patient_id=world.patient, episode_id=world.episode, level=1, override_reason="Har det godt"
    )
    assert "kol-noshow-unbooked" not in world.flags()


def test_the_daily_run_changes_nothing_the_second_time(world: World) -> None:
    world.later(40)
    flags.run_all(world.now)
    assert flags.run_all(world.now)[1:] == (0, 0)


def test_the_figure_moves_with_the_event_and_counts_the_unstarted(world: World) -> None:
    world.later(40)
    world.daily()
    assert figure(world, "2027-03") == (1, 0, 0)
    world.now = START
    world.daily()
    assert figure(world, "2027-03") == (0, 0, 0)  # the deadline has not come yet
    world.confirmed()
    assert figure(world, "2027-03") == (1, 1, 0)


def test_a_missing_diagnosis_date_is_counted_as_missing(world: World) -> None:
    with store.unit_of_work(system(START)) as uow:
        other = uow.create(patient(world.organization)).id
        uow.create(condition(other, recorded=None))
    world.later(40)
    world.daily()
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(missing) FROM monitoring_contribution WHERE indicator = 'kol-plan-30-days'")
        assert cursor.fetchone()[0] == 1


_EVERY_COURSE = """
SELECT e.patient_id, e.episode_id, '2027-03' AS period_id, 1 AS in_denominator, 0 AS in_numerator, 0 AS missing
FROM episode AS e
"""


def test_figures_ask_and_count_the_courses_of_their_own_package_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.unit_of_work(system(START)) as uow:
        uow.create(condition(world.patient, "T90", recorded="2027-02-20"))  # diabetes beside the lungs
        other = uow.create(patient(world.organization)).id
        uow.create(condition(other))
    assert {row["package"] for row in courses(world.patient)} == {"kol", "t2d"}
    held = packages.builtin()
    greedy = held["kol"].indicators[0].model_copy(update={"id": "all-courses", "sql": _EVERY_COURSE})
    asked: list[str] = []
    asking = contributions.run.run

    def seen(compiled: Compiled, *values: Any) -> list[tuple[Any, ...]]:
        asked.append(compiled.sql)
        return asking(compiled, *values)

    monkeypatch.setattr(contributions.run, "run", seen)

    def counted(*people: str) -> int:
        with store.unit_of_work(system(START), patients=people) as uow:
            return contributions.recompute(uow, people, [(held["kol"], greedy), (held["lrs"], greedy)])

    assert counted(world.patient, other) == 2  # each one's lungs, not the sugar
    assert counted(other) == 1
    assert len(asked) == 2  # nobody here has back pain


def courses(patient_id: str) -> list[dict[str, Any]]:
    return store.facts(system(START), "SELECT e.episode_id, e.package FROM episode AS e", patient=patient_id)


def test_duckdb_gives_the_same_figures(world: World) -> None:
    world.confirmed()
    world.later(40)
    world.daily()
    assert set(engines.compare(world.now).values()) == {0}


def test_national_figures_are_for_the_analyst_and_small_cells_are_withheld(world: World) -> None:
    world.later(40)
    world.daily()
    table = rights_table(context(Role.ANALYST, "authority", now=world.now), "kol-plan-30-days")
    assert table.cells
    assert all(cell.suppressed for cell in table.cells)
    with pytest.raises(Problem):
        rights_table(world.gp, "kol-plan-30-days")


def test_another_clinics_list_is_empty(world: World) -> None:
    assert queries.clinic_list(context(Role.GP, "another", now=world.now)) == []


def test_a_form_sent_twice_is_one_goal_and_one_answer(world: World) -> None:
    where: dict[str, Any] = {"patient_id": world.patient, "episode_id": world.episode}
    actions.start_episode(world.gp, **where)
    for act in (
        lambda: actions.add_goal(world.gp, **where, text="Gå en tur", by_patient=True),
        lambda: actions.record_needs_assessment(world.gp, **where, answers=NEEDS),
    ):
        act()
        with pytest.raises(Problem) as caught:
            act()
        assert caught.value.category is Category.CONFLICT
    assert len(store.search(system(), "Goal", [("patient", world.patient)]).entries) == 1
    world.now += timedelta(minutes=3)
    actions.record_needs_assessment(world.gp, **where, answers=NEEDS)
    assert len(store.search(system(), "QuestionnaireResponse", [("patient", world.patient)]).entries) == 2


def test_no_needs_assessment_in_a_closed_course(world: World) -> None:
    where: dict[str, Any] = {"patient_id": world.patient, "episode_id": world.episode}
    actions.decline_episode(world.gp, **where, reason="Vil ikke")
    with pytest.raises(Problem, match="closed"):
        actions.record_needs_assessment(world.gp, **where, answers=NEEDS)
