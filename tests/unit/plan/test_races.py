"""Two people press at the same moment: one act happens, the other is told, and nothing of the loser's is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import homes

TESTS = Path(__file__).resolve().parents[2]
BEGIN = """
import json, sys
import django
django.setup()
from datetime import timedelta
from lib import world
from tovholder.base.errors import Problem
from tovholder.plan import actions
from tovholder.appointments import actions as appointments
"""
SETUP = (
    BEGIN
    + """
w = world.build()
made = []
for _ in range(int(sys.argv[1])):
    patient_id = w.patient()
    w.diagnose(patient_id)
    w.measure(patient_id, "MCS88021", 4)
    made.append({"patient_id": patient_id, "episode_id": w.rows("episode", patient_id)[0]["episode_id"]})
print(json.dumps({"clinic": w.clinic, "other_clinic": w.other_clinic, "doctor": w.doctor, "prevention": w.prevention,
                  "courses": made}))
"""
)
RACER = (
    BEGIN
    + """
from datetime import UTC, datetime
told = json.loads(sys.argv[1])
courses = told.pop("courses")
w = world.World(**told, now=datetime(2027, 3, 1, 8, 0, tzinfo=UTC))
ctx, later = (w.gp, w.later(40).gp) if sys.argv[2] == "doctor" else (w.staff, w.later(40).staff)
needs = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}

def start(who):
    actions.start_episode(ctx, **who)

def prepare(who):
    if sys.argv[2] == "doctor":
        actions.record_needs_assessment(ctx, **who, answers=needs)
        actions.decide_level(ctx, **who, level=2)

def draft(who):
    actions.make_plan(ctx, **who)

def confirm(who):
    actions.confirm_plan(ctx, **who, goals=[actions.GoalDraft("Mål fra " + sys.argv[2])])

def book(who):
    appointments.book(ctx, patient_id=who["patient_id"], kind="kol-kontrol", start=w.later(30).now)

def outcome(who):
    rows = w.rows("appointment", who["patient_id"])
    mark = appointments.mark_fulfilled if sys.argv[2] == "doctor" else appointments.mark_noshow
    mark(later, patient_id=who["patient_id"], appointment_id=rows[0]["appointment_id"])

def end(who):
    actions.end_episode(later, **who, reason="moved-practice")

print("ready", flush=True)
for line in sys.stdin:
    act, number = line.split()
    try:
        globals()[act](courses[int(number)])
        print("won", flush=True)
    except Problem as problem:
        print(problem.category, flush=True)
"""
)
RACED = ("start", "draft", "confirm", "book", "outcome", "end")
COUNT = 6


class Racers:
    """Two processes at one record, each doing the same act on the same course at the same moment."""

    def __init__(self, home: homes.Home) -> None:
        self.rows = home.rows
        self.environ = {**home.environ, "PYTHONPATH": str(TESTS)}
        made = subprocess.run(
            [sys.executable, "-c", SETUP, str(COUNT)], env=self.environ, check=True, capture_output=True, text=True
        )
        self.world = made.stdout.strip()
        self.courses: list[dict[str, str]] = json.loads(self.world)["courses"]
        self.people = [self._person(name) for name in ("doctor", "nurse")]
        for person in self.people:
            assert person.stdout is not None
            assert person.stdout.readline() == "ready\n"

    def _person(self, name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", RACER, self.world, name],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def both(self, act: str, number: int) -> list[str]:
        """What each was told."""
        for person in self.people:
            assert person.stdin is not None
            person.stdin.write(f"{act} {number}\n")
            person.stdin.flush()
        return [str(person.stdout and person.stdout.readline().strip()) for person in self.people]

    def leave(self) -> None:
        """Both go home."""
        for person in self.people:
            person.communicate(timeout=60)


@pytest.fixture(scope="module")
def racers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Racers]:
    with homes.made(tmp_path_factory.mktemp("race")) as home:
        found = Racers(home)
        yield found
        found.leave()


@pytest.mark.slow
def test_of_two_who_do_the_same_at_once_exactly_one_does_it(racers: Racers) -> None:
    told: dict[tuple[str, int], list[str]] = {}
    for number in range(COUNT):
        for act in ("start", "prepare", "draft", "confirm", "book", "outcome", "end"):
            answer = racers.both(act, number)
            if act in RACED:
                told[act, number] = sorted(answer)
            else:
                assert answer == ["won", "won"]
    lost = {key: answer for key, answer in told.items() if answer not in (["conflict", "won"], ["rule", "won"])}
    assert lost == {}
    for course in racers.courses:
        patient = course["patient_id"]
        (plan,) = racers.rows("SELECT plan_id, confirmed_day FROM fact_plan WHERE patient_id = ?", patient)
        assert plan[1] is not None
        assert len(racers.rows("SELECT 1 FROM fact_goal WHERE patient_id = ?", patient)) == 1
        assert len(racers.rows("SELECT 1 FROM fact_appointment WHERE patient_id = ?", patient)) == 1
        (once,) = racers.rows(
            "SELECT COUNT(*), COUNT(DISTINCT kind || due_day) FROM fact_activity WHERE patient_id = ?", patient
        )
        assert once[0] == once[1] > 3  # one confirmation's activities, not two
        starts = racers.rows(
            "SELECT COUNT(*) FROM store_version AS v JOIN store_resource AS r ON r.key = v.key WHERE r.rid = ?",
            course["episode_id"],
        )
        assert starts == [(4,)]  # found, started, moved by the plan, ended: nobody's version twice
