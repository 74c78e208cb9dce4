"""What is next for the patient, and which decision waits for the clinic."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lib.world import day
from tovholder.base import days
from tovholder.plan.clock import ClockEvent, Pause, RightsClock
from tovholder.plan.domain import ActivityStatus, Phase, PlanStatus
from tovholder.plan.nextstep import Ask, Waiting, next_thing, to_book, waiting
from tovholder.plan.values import Activity, Appointment, Episode, Plan

TODAY = day("2027-06-01")
EPISODE = Episode(
    id="e", patient_id="p", package="kol", package_version="1", phase=Phase.CONTINUING, organization_id="o",
    clock=RightsClock("kol-plan-30@1", ClockEvent.DIAGNOSIS, TODAY - 20, 30),
)  # fmt: skip
PLAN = Plan(
    id="cp", patient_id="p", episode_id="e", package="kol", package_version="1", status=PlanStatus.ACTIVE, title="Plan",
    made_day=TODAY - 20, confirmed_day=TODAY - 10, review_day=TODAY + 300,
)  # fmt: skip


def activity(due: int, *, kind: str = "kol-kontrol", rid: str = "s1", **changes: Any) -> Activity:
    base = Activity(
        id=rid, patient_id="p", episode_id="e", plan_id="cp", package="kol", kind=kind, title=kind,
        status=ActivityStatus.ACTIVE, performer_kind="gp", due_day=due, window_start_day=due - 14, window_end_day=due + 30,
    )  # fmt: skip
    return replace(base, **changes)


def appointment(
    on: int, *, kind: str = "kol-kontrol", rid: str = "a1", status: str = "booked", **changes: Any
) -> Appointment:
    start = datetime.combine(days.date_of(on), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=9)
    base = Appointment(id=rid, patient_id="p", kind=kind, title=kind, status=status, start=start)
    return replace(base, **changes)


def asks(**changes: Any) -> list[Waiting]:
    given: dict[str, Any] = {
        "episode": EPISODE, "plan": PLAN, "level_decided": True, "level_review_day": None, "needs_answered": True,
        "blocked": False, "activities": [], "appointments": [], "today": TODAY,
    }  # fmt: skip
    return list(waiting(**(given | changes)))


def test_the_nearest_step_is_next_and_an_appointment_stands_in_for_its_activity() -> None:
    booked = appointment(TODAY + 20, activity_id="s1")
    found = next_thing([activity(TODAY + 5)], [booked], TODAY)
    assert found is not None
    assert (found.source, found.day, found.booked) == ("appointment", TODAY + 20, True)
    free = next_thing([activity(TODAY + 5), activity(TODAY + 2, rid="s2", kind="spirometri")], [booked], TODAY)
    assert free is not None
    assert (free.source, free.id, free.booked) == ("activity", "s2", False)


def test_an_appointment_without_a_link_serves_the_nearest_activity_of_its_kind_and_only_that() -> None:
    both = [activity(TODAY + 30), activity(TODAY + 200, rid="s2")]
    found = next_thing(both, [appointment(TODAY + 25)], TODAY)
    assert found is not None
    assert found.source == "appointment"
    other_kind = next_thing(both, [appointment(TODAY + 40, kind="fysioterapi")], TODAY)
    assert other_kind is not None
    assert (other_kind.source, other_kind.id) == ("activity", "s1")


def test_closed_steps_passed_appointments_and_those_without_a_day_are_not_next() -> None:
    assert next_thing([activity(TODAY, status=ActivityStatus.COMPLETED)], [appointment(TODAY - 1)], TODAY) is None
    assert next_thing([activity(TODAY, due_day=None)], [appointment(TODAY + 1, status="cancelled")], TODAY) is None
    today = next_thing([], [appointment(TODAY)], TODAY)
    assert today is not None
    assert today.day == TODAY


def test_an_overdue_step_says_so_only_after_its_window() -> None:
    for last, overdue in ((TODAY, False), (TODAY - 1, True)):
        found = next_thing([activity(TODAY - 31, window_end_day=last)], [], TODAY)
        assert found is not None
        assert found.overdue is overdue


def test_an_eligible_patient_asks_one_thing() -> None:
    assert asks(episode=replace(EPISODE, phase=Phase.ELIGIBLE)) == [Waiting(Ask.START, TODAY + 10)]


def test_a_closed_course_asks_nothing_and_a_quiet_one_says_so() -> None:
    assert asks(episode=replace(EPISODE, phase=Phase.ENDED)) == []
    assert asks() == [Waiting(Ask.FOLLOW)]


def test_the_way_to_a_confirmed_plan_in_order() -> None:
    startup = replace(EPISODE, phase=Phase.STARTUP)
    found = asks(episode=startup, plan=None, level_decided=False, needs_answered=False, blocked=True)
    assert [item.ask for item in found] == [Ask.ASSESS_FIRST, Ask.NEEDS, Ask.LEVEL, Ask.PLAN]
    draft = replace(PLAN, status=PlanStatus.DRAFT, confirmed_day=None)
    assert [item.ask for item in asks(episode=startup, plan=draft)] == [Ask.CONFIRM]


def test_a_missed_appointment_waits_until_one_of_the_same_kind_is_agreed_or_kept() -> None:
    missed = appointment(TODAY - 20, status="noshow")
    assert [item.ask for item in asks(appointments=[missed])] == [Ask.REBOOK]
    assert asks(appointments=[missed, appointment(TODAY + 4, rid="a2")])[0].ask is Ask.FOLLOW
    assert asks(appointments=[missed, appointment(TODAY - 4, rid="a2", status="fulfilled")])[0].ask is Ask.FOLLOW
    passed = [item.ask for item in asks(appointments=[missed, appointment(TODAY - 4, rid="a2")])]
    assert passed == [Ask.REBOOK, Ask.OUTCOME]  # booked again, but that day has passed too
    other = asks(appointments=[missed, appointment(TODAY + 4, rid="a2", kind="fysioterapi")])
    assert other[0].ask is Ask.REBOOK


def test_a_passed_appointment_is_never_taken_for_a_missed_one() -> None:
    assert [item.ask for item in asks(appointments=[appointment(TODAY - 1)])] == [Ask.OUTCOME]
    assert asks(appointments=[appointment(TODAY)])[0].ask is Ask.FOLLOW


def test_overdue_booking_and_review() -> None:
    steps = [activity(TODAY - 40, window_end_day=TODAY - 10), activity(TODAY + 10, rid="s2", kind="spirometri")]
    found = asks(activities=steps, plan=replace(PLAN, review_day=TODAY), level_review_day=TODAY - 5)
    assert [(item.ask, item.day) for item in found] == [
        (Ask.OVERDUE, TODAY - 40), (Ask.REVIEW, TODAY - 5), (Ask.BOOK, TODAY + 10),
    ]  # fmt: skip
    assert asks(activities=[activity(TODAY + 40)])[0].ask is Ask.FOLLOW
    agreed = appointment(TODAY + 9, kind="spirometri", rid="a9")
    assert asks(activities=[steps[1]], appointments=[agreed])[0].ask is Ask.FOLLOW


def test_an_open_pause_asks_whether_it_is_over() -> None:
    paused = replace(EPISODE, pauses=(Pause(TODAY - 5, None, "rejse"),))
    assert asks(episode=paused) == [Waiting(Ask.RESUME, TODAY - 5)]


def test_the_step_to_book_is_the_first_nobody_has_agreed_a_time_for() -> None:
    steps = [
        activity(TODAY + 2),
        activity(TODAY + 7, rid="s2", kind="spirometri"),
        activity(TODAY + 1, rid="s3", kind="traening"),
        activity(TODAY, rid="s4", kind="spirometri", status=ActivityStatus.COMPLETED),
    ]
    found = to_book(steps, [appointment(TODAY + 3)], {"kol-kontrol", "spirometri"}, TODAY)
    assert found is not None
    assert (found[0].id, found[1]) == ("s2", TODAY + 7)
    assert to_book(steps, [], {"ukendt"}, TODAY) is None
    assert to_book([activity(TODAY + 2)], [appointment(TODAY + 3)], {"kol-kontrol"}, TODAY) is None


def test_the_day_to_book_is_a_weekday_to_come_within_the_window() -> None:
    friday = day("2027-06-04")

    def proposed(due: int, **changes: Any) -> int:
        found = to_book([activity(due, **changes)], [], {"kol-kontrol"}, TODAY)
        assert found is not None
        return found[1]

    assert proposed(TODAY - 40) == TODAY + 1  # a Wednesday
    assert proposed(friday) == friday
    assert proposed(friday + 1) == proposed(friday + 2) == friday + 3
    assert proposed(friday + 1, window_end_day=friday + 2) == friday
    assert proposed(TODAY - 40, window_end_day=TODAY - 10) == TODAY + 1
