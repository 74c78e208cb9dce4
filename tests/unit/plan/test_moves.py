"""From further efforts to the continuing phase: by itself when everybody outside is done, by the clinic otherwise."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from lib.world import World
from tovholder import packages, store
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, moves, resources
from tovholder.plan.domain import INSIDE, ActivityStatus, Phase
from tovholder.plan.moves import done_outside
from tovholder.referral import actions as referrals

NEEDS = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


@pytest.fixture
def course(w: World) -> dict[str, str]:
    """A breathless patient with a confirmed plan in which others take part."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    w.measure(patient_id, "MCS88021", 4)
    who = {"patient_id": patient_id, "episode_id": str(w.rows("episode", patient_id)[0]["episode_id"])}
    actions.start_episode(w.gp, **who)
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå en tur")])
    assert phase(w, who) == Phase.FURTHER
    return who


def phase(w: World, course: dict[str, str]) -> str:
    return str(w.rows("episode", course["patient_id"])[0]["phase"])


def outside(w: World, course: dict[str, str]) -> list[str]:
    rows = w.rows("activity", course["patient_id"])
    return sorted(
        str(row["activity_id"]) for row in rows if row["performer_kind"] not in INSIDE and row["status"] == "active"
    )


def test_the_last_effort_outside_moves_the_course_in_the_same_unit(w: World, course: dict[str, str]) -> None:
    steps = outside(w, course)
    assert len(steps) >= 2
    for count, activity_id in enumerate(steps, start=1):
        actions.complete_activity(w.gp, patient_id=course["patient_id"], activity_id=activity_id)
        assert phase(w, course) == (Phase.CONTINUING if count == len(steps) else Phase.FURTHER)
    stored = store.read(w.system, "EpisodeOfCare", course["episode_id"]).resource
    assert stored["status"] == "active"


def test_a_plain_put_moves_it_too(w: World, course: dict[str, str]) -> None:
    for activity_id in outside(w, course):
        with store.unit_of_work(w.gp) as uow:
            held = uow.read("ServiceRequest", activity_id)
            done = replace(resources.read_activity(held), status=ActivityStatus.COMPLETED, done_day=w.today)
            uow.update(resources.activity_resource(done, copy.deepcopy(held)))
    assert phase(w, course) == Phase.CONTINUING


def test_a_referral_under_way_holds_it_and_its_end_lets_it_go(w: World, course: dict[str, str]) -> None:
    sent = referrals.send(w.gp, **course, kind="rehabilitering", receiver_id=w.prevention, receiver_kind="prevention")
    who = {"patient_id": course["patient_id"], "referral_id": str(sent.id)}
    for activity_id in outside(w, course):
        if activity_id != sent.request_id:
            actions.complete_activity(w.gp, patient_id=course["patient_id"], activity_id=activity_id)
    referrals.start(w.later(2).receiver, **who)
    assert phase(w, course) == Phase.FURTHER
    referrals.complete(w.later(40).receiver, **who)
    assert phase(w, course) == Phase.CONTINUING


def test_what_stopped_waits_for_the_clinic_to_decide(w: World, course: dict[str, str]) -> None:
    sent = referrals.send(w.gp, **course, kind="rehabilitering", receiver_id=w.prevention, receiver_kind="prevention")
    who = {"patient_id": course["patient_id"], "referral_id": str(sent.id)}
    referrals.stop(w.later(3).receiver, **who, reason="patient-stopped")
    for activity_id in outside(w, course):
        actions.complete_activity(w.gp, patient_id=course["patient_id"], activity_id=activity_id)
    assert phase(w, course) == Phase.FURTHER
    assert actions.continue_episode(w.staff, **course).phase is Phase.CONTINUING
    assert phase(w, course) == Phase.CONTINUING
    with pytest.raises(Problem) as told:
        actions.continue_episode(w.gp, **course)
    assert (told.value.category, told.value.kept) == (Category.CONFLICT, "the course as it was")


def test_who_may_continue_a_course_and_with_what(w: World, course: dict[str, str]) -> None:
    for ctx in (w.citizen(course["patient_id"]), w.receiver):
        with pytest.raises(Problem) as told:
            actions.continue_episode(ctx, **course)
        assert told.value.category is Category.FORBIDDEN
    fresh = w.patient()
    w.diagnose(fresh)
    who = {"patient_id": fresh, "episode_id": str(w.rows("episode", fresh)[0]["episode_id"])}
    for _ in range(2):  # eligible, then started without a plan
        with pytest.raises(Problem) as told:
            actions.continue_episode(w.gp, **who)
        assert told.value.category is Category.RULE
        assert told.value.issues[0].path == "EpisodeOfCare.extension('episode-phase')"
        if phase(w, who) == Phase.ELIGIBLE:
            actions.start_episode(w.gp, **who)
    assert phase(w, who) == Phase.STARTUP


def test_a_course_whose_plans_come_from_elsewhere_is_left_alone(
    w: World, course: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"kol": replace(packages.get("kol"), source="lps")}
    with monkeypatch.context() as patched:
        patched.setattr(moves.packages, "builtin", lambda: elsewhere)
        for activity_id in outside(w, course):
            actions.complete_activity(w.gp, patient_id=course["patient_id"], activity_id=activity_id)
    assert phase(w, course) == Phase.FURTHER


@pytest.mark.parametrize(
    ("activities", "referrals_told", "over"),
    [
        ([], [], False),
        ([("physio", "completed")], [], True),
        ([("gp", "active"), ("physio", "completed")], [], True),
        ([("gp", "completed")], [], False),
        ([("physio", "revoked")], [], False),
        ([("physio", "completed"), ("hospital", "active")], [], False),
        ([], [("rygestop", 1, "completed")], True),
        ([("physio", "completed")], [("rygestop", 1, "cancelled")], False),
        ([], [("rygestop", 1, "cancelled"), ("rygestop", 2, "completed")], True),
        ([], [("rygestop", 1, "completed"), ("rygestop", 2, "rejected")], False),
        ([], [("rygestop", 1, "completed"), ("rehabilitering", 1, "on-hold")], False),
        ([], [("rygestop", 1, "completed"), ("rygestop", 2, "entered-in-error")], True),
    ],
)
def test_over_outside(
    activities: list[tuple[str, str]], referrals_told: list[tuple[str, int, str]], over: bool
) -> None:
    steps = [{"performer_kind": kind, "status": status} for kind, status in activities]
    rounds = [
        {"kind": kind, "sent_day": day, "status": status, "referral_id": f"r{day}"}
        for kind, day, status in referrals_told
    ]
    assert done_outside(steps, rounds) is over
