"""A plan's steps when the package changes: what the version changed is changed, and what a person did stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tovholder.packages.common import Text
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.rebase import Rebased, What, Why, rebase
from tovholder.plan.schedule import PlannedActivity
from tovholder.plan.values import Activity

TODAY = 20_000


def step(name: str, day: int, *, kind: str = "", title: str = "", performer: str = "gp") -> PlannedActivity:
    words = title or name.capitalize()
    return PlannedActivity(
        name, kind or name, Text(da=words, en=words), performer, TODAY + day, TODAY + day - 14, TODAY + day + 30
    )


def activity(of: PlannedActivity, number: int = 0, **given: object) -> Activity:
    made = Activity(
        id=f"a{number}-{of.id}",
        patient_id="p",
        episode_id="e",
        plan_id="cp",
        package="kol",
        kind=of.kind,
        title=of.title.da,
        status=ActivityStatus.ACTIVE,
        performer_kind=of.performer,
        due_day=of.due_day,
        window_start_day=of.window_start_day,
        window_end_day=of.window_end_day,
        step=of.id,
    )
    return replace(made, **given)  # type: ignore[arg-type]


def told(found: Rebased) -> list[tuple[str, str, int | None]]:
    return [
        (str(item.what), (item.step.id if item.step else item.activity.step if item.activity else ""), _day(item))
        for item in found.changes
    ]


def _day(item: object) -> int | None:
    made = getattr(item, "step", None)
    return made.due_day - TODAY if made else None


def why(found: Rebased) -> list[str]:
    return [str(item.why) for item in found.kept]


YEAR = step("status", 365)
HALF = step("kontrol", 180)


def test_what_is_the_same_in_both_versions_changes_nothing_whatever_the_plan_says() -> None:
    moved = activity(YEAR, due_day=TODAY + 300, title="Med datter")
    assert rebase([YEAR, HALF], [YEAR, HALF], [moved], bound=(), today=TODAY) == Rebased()


def test_added_removed_and_moved() -> None:
    found = rebase(
        [YEAR, HALF],
        [step("status", 300), step("vaccination", 20)],
        [activity(YEAR), activity(HALF)],
        bound=(),
        today=TODAY,
    )
    assert told(found) == [("added", "vaccination", 20), ("removed", "kontrol", None), ("moved", "status", 300)]
    assert found.kept == ()


def test_a_step_that_was_left_out_stays_out_also_when_it_comes_oftener_now() -> None:
    found = rebase([HALF], [step("kontrol", 120), step("kontrol", 240)], [], bound=(), today=TODAY)
    assert found.changes == ()
    assert why(found) == ["left-out", "left-out"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"due_day": TODAY + 200}, "by-hand"),
        ({"title": "Kontrol hos Jens"}, "by-hand"),
        ({"due_day": TODAY - 3}, "by-hand"),
    ],
)
def test_what_a_person_changed_is_not_taken_away(given: dict[str, object], reason: str) -> None:
    found = rebase([HALF], [], [activity(HALF, **given)], bound=(), today=TODAY)
    assert found.changes == ()
    assert why(found) == [reason]


def test_what_is_booked_or_overdue_stays_as_it_is() -> None:
    late = step("kontrol", -20)
    assert why(rebase([HALF], [], [activity(HALF)], bound={"a0-kontrol"}, today=TODAY)) == ["booked"]
    assert why(rebase([HALF], [step("kontrol", 90)], [activity(HALF)], bound={"a0-kontrol"}, today=TODAY)) == ["booked"]
    for new in ([], [step("kontrol", 90)]):
        found = rebase([late], new, [activity(late)], bound=(), today=TODAY)
        assert (told(found), why(found)) == ([], ["overdue"])


def test_what_is_done_stays_done() -> None:
    done = activity(HALF, status=ActivityStatus.COMPLETED, done_day=TODAY - 1)
    assert rebase([HALF], [], [done], bound=(), today=TODAY) == Rebased()
    assert rebase([HALF], [step("kontrol", 90)], [done], bound=(), today=TODAY) == Rebased()


def test_a_day_moved_by_hand_stays_while_the_package_s_words_follow() -> None:
    mine = activity(HALF, due_day=TODAY + 200)
    (change,) = rebase([HALF], [step("kontrol", 180, title="Ny titel")], [mine], bound=(), today=TODAY).changes
    assert change.what is What.REWORDED
    made = change.after
    assert made is not None
    assert (made.title, made.due_day) == ("Ny titel", TODAY + 200)


def test_own_words_stay_when_the_day_moves() -> None:
    mine = activity(HALF, title="Kontrol hos Jens")
    (change,) = rebase([HALF], [step("kontrol", 90)], [mine], bound=(), today=TODAY).changes
    assert change.what is What.MOVED
    assert change.after is not None
    assert change.after.title == "Kontrol hos Jens"


def test_what_somebody_added_by_hand_serves_a_step_the_new_version_asks_for() -> None:
    mine = activity(step("x", 25, kind="vaccination"), step="")
    found = rebase([], [step("vaccination", 20)], [mine], bound=(), today=TODAY)
    assert (told(found), why(found)) == ([], ["there"])
    far = replace(mine, due_day=TODAY + 300)
    assert told(rebase([], [step("vaccination", 20)], [far], bound=(), today=TODAY)) == [("added", "vaccination", 20)]


def test_a_new_step_whose_day_has_passed_is_due_today_and_a_repeated_one_waits_for_its_next_time() -> None:
    once = rebase([], [step("plan", -100)], [], bound=(), today=TODAY)
    assert told(once) == [("added", "plan", 0)]
    often = rebase([], [step("kontrol", -100), step("kontrol", 80)], [], bound=(), today=TODAY)
    assert told(often) == [("added", "kontrol", 80)]
    moved = rebase([HALF], [step("kontrol", -60)], [activity(HALF)], bound=(), today=TODAY)
    assert told(moved) == [("moved", "kontrol", 0)]


def test_a_step_under_another_id_is_the_same_step_and_is_known_by_its_new_id() -> None:
    new = replace(HALF, id="kontrol-halvaar")
    found = rebase([HALF], [new], [activity(HALF)], bound=(), today=TODAY)
    assert (found.changes, found.kept) == ((), ())
    assert [item.step.id for item in found.renamed if item.step] == ["kontrol-halvaar"]


def test_plans_made_before_steps_were_named_are_matched_by_kind_and_the_nearest_day() -> None:
    first, second = step("a", 30, kind="kontrol"), step("b", 180, kind="kontrol")
    old = [activity(second, 2, step="", due_day=TODAY + 181), activity(first, 1, step="")]
    found = rebase([first, second], [second], old, bound=(), today=TODAY)
    assert [(item.what, item.activity.id) for item in found.changes if item.activity] == [(What.REMOVED, "a1-a")]


STEPS = st.lists(
    st.builds(
        step,
        st.sampled_from(["status", "kontrol", "prøve", "samtale"]),
        # Ten days apart: a step moved by three onto the day of another of its kind could be either of the two.
        st.integers(0, 40).map(lambda tens: tens * 10),
        performer=st.sampled_from(["gp", "nurse"]),
    ),
    max_size=6,
    unique_by=lambda item: (item.id, item.due_day),
)


def _after(mine: list[Activity], found: Rebased) -> list[Activity]:
    changed = {item.activity.id: item for item in (*found.changes, *found.renamed) if item.activity}
    kept = [item for item in mine if item.id not in changed]
    changed_now = [item.after for item in changed.values() if item.after is not None]
    added = [activity(item.step, 100 + n) for n, item in enumerate(found.changes) if not item.activity and item.step]
    return kept + changed_now + added


def _seen(items: list[Activity]) -> list[tuple[object, ...]]:
    return sorted((i.step, i.kind, i.title, i.performer_kind, i.due_day, i.window_end_day) for i in items)


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_a_plan_nobody_touched_becomes_what_the_new_version_makes(
    base: list[PlannedActivity], theirs: list[PlannedActivity]
) -> None:
    mine = [activity(item, number) for number, item in enumerate(base)]
    found = rebase(base, theirs, mine, bound=(), today=TODAY)
    assert found.kept == ()
    assert _seen(_after(mine, found)) == _seen([activity(item) for item in theirs])


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS, st.data())
def test_what_a_person_did_is_never_lost_and_doing_it_twice_changes_nothing(
    base: list[PlannedActivity], theirs: list[PlannedActivity], data: st.DataObject
) -> None:
    whole = [activity(item, number) for number, item in enumerate(base)]
    mine: list[Activity] = []
    for item in whole:
        fate = data.draw(st.sampled_from(["as-is", "left-out", "moved", "own-words", "done", "booked"]))
        if fate == "left-out":
            continue
        change: dict[str, object] = {
            "moved": {"due_day": (item.due_day or 0) + 3},
            "own-words": {"title": "Mine ord"},
            "done": {"status": ActivityStatus.COMPLETED, "done_day": TODAY},
        }.get(fate, {})
        mine.append(replace(item, **change) if fate != "booked" else replace(item, id=f"b-{item.id}"))  # type: ignore[arg-type]
    bound = {item.id for item in mine if item.id and item.id.startswith("b-")}
    touched = {item.id: item for item in mine if item not in whole}
    found = rebase(base, theirs, mine, bound=bound, today=TODAY)
    for change in found.changes:
        if change.activity is None:
            assert change.step in theirs
            continue
        assert change.activity.id not in bound
        assert change.activity.status.is_open
        if change.activity.id in touched:
            assert change.what is not What.REMOVED
            assert Why.LEFT_OUT not in {item.why for item in found.kept if item.activity == change.activity}
