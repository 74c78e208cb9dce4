"""Changing a confirmed plan by two people at once; drafts of a revision; the patient's wish for a new assessment."""

from __future__ import annotations

import pytest

from lib.world import World
from tovholder import store
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions, queries, resources
from tovholder.plan.actions.editing import goal_values, plan_values, step_values
from tovholder.plan.edits import Change, NewGoal, NewStep, PlanEdit
from tovholder.plan.review import Prompt, reviews
from unit.plan.test_actions import planned, started


def seen(w: World, patient_id: str, kind: str, identity: str) -> Change:
    """One thing as a page shows it, unchanged."""
    stored = store.read(w.gp, kind, identity)
    read = {"ServiceRequest": resources.read_activity, "Goal": resources.read_goal, "CarePlan": resources.read_plan}
    values = {"ServiceRequest": step_values, "Goal": goal_values, "CarePlan": plan_values}
    held = values[kind](read[kind](stored.resource))  # type: ignore[operator]
    return Change(identity, stored.version, held, dict(held))


def wanting(change: Change, *, reason: str = "", **now: object) -> Change:
    return Change(change.id, change.version, change.was, {**change.now, **now}, reason)


class Opened:
    """The plan as somebody has it open."""

    def __init__(self, w: World, patient_id: str, episode_id: str) -> None:
        self.w, self.who = w, {"patient_id": patient_id, "episode_id": episode_id}
        view = queries.episode_view(w.gp, patient_id, "kol")
        assert view.plan is not None and view.plan.id is not None
        self.plan = seen(w, patient_id, "CarePlan", view.plan.id)
        self.steps = [seen(w, patient_id, "ServiceRequest", str(item.id)) for item in view.activities]
        self.goals = [seen(w, patient_id, "Goal", str(item.id)) for item in view.goals]

    def saves(self, **edit: object) -> object:
        return actions.edit_plan(self.w.gp, **self.who, edit=PlanEdit(**{"plan": self.plan, **edit}))  # type: ignore[arg-type]


@pytest.fixture
def about(w: World) -> tuple[str, str]:
    return planned(w)


def test_a_step_is_moved_with_its_window_and_another_left_out(w: World, about: tuple[str, str]) -> None:
    page = Opened(w, *about)
    first, second = page.steps[0], page.steps[1]
    before = resources.read_activity(store.read(w.gp, "ServiceRequest", first.id).resource)
    moved = wanting(first, due=first.was["due"] + 5)
    left = wanting(second, out=True, reason="Patienten ønsker det ikke")
    assert page.saves(steps=(moved, left)).clashes == ()
    after = resources.read_activity(store.read(w.gp, "ServiceRequest", first.id).resource)
    assert (after.due_day, after.window_end_day) == (before.due_day + 5, before.window_end_day + 5)
    stored = store.read(w.gp, "ServiceRequest", second.id).resource
    assert (stored["status"], stored["note"][-1]["text"]) == ("revoked", "Patienten ønsker det ikke")


def test_who_changed_it_stands_beside_the_versions(w: World, about: tuple[str, str]) -> None:
    page = Opened(w, *about)
    page.saves(steps=(wanting(page.steps[0], title="Kontrol og blodtryk"),))
    noted = store.search(w.gp, "Provenance", [("patient", f"Patient/{about[0]}")]).entries
    targets = [item["reference"] for item in noted[0].resource["target"]]
    assert f"ServiceRequest/{page.steps[0].id}/_history/2" in targets
    assert noted[0].resource["agent"][0]["who"]["reference"] == w.gp.actor


def test_two_who_change_the_same_field_both_see_it_and_nothing_is_written(w: World, about: tuple[str, str]) -> None:
    mine, theirs = Opened(w, *about), Opened(w, *about)
    step = mine.steps[0]
    theirs.saves(steps=(wanting(step, due=step.was["due"] + 3),))
    other = wanting(mine.steps[1], title="Ny tekst")
    met = mine.saves(steps=(wanting(step, due=step.was["due"] + 9), other))
    (clash,) = met.clashes
    told = (clash.kind, clash.name, clash.was, clash.theirs, clash.mine)
    assert told == ("step", "due", step.was["due"], step.was["due"] + 3, step.was["due"] + 9)
    assert (
        step_values(resources.read_activity(store.read(w.gp, "ServiceRequest", step.id).resource))["due"]
        == clash.theirs
    )
    assert store.read(w.gp, "ServiceRequest", other.id).version == 1
    # Having seen it, they choose their own.
    chosen = Change(step.id, clash.version, {**step.was, "due": clash.theirs}, {**step.was, "due": clash.mine})
    assert mine.saves(steps=(chosen, other)).clashes == ()
    assert store.read(w.gp, "ServiceRequest", other.id).resource["code"]["text"] == "Ny tekst"


def test_two_who_change_different_things_are_both_right(w: World, about: tuple[str, str]) -> None:
    mine, theirs = Opened(w, *about), Opened(w, *about)
    step = mine.steps[0]
    theirs.saves(steps=(wanting(step, title="Deres ord"),))
    done = mine.saves(steps=(wanting(step, due=step.was["due"] + 9),))
    assert (done.clashes, done.others) == ((), ("Deres ord",))
    now = step_values(resources.read_activity(store.read(w.gp, "ServiceRequest", step.id).resource))
    assert now == {"due": step.was["due"] + 9, "title": "Deres ord", "out": False}


def test_a_step_done_meanwhile_is_told_and_stays_done(w: World, about: tuple[str, str]) -> None:
    page = Opened(w, *about)
    actions.complete_activity(w.gp, patient_id=about[0], activity_id=page.steps[0].id)
    (clash,) = page.saves(steps=(wanting(page.steps[0], out=True, reason="x"),)).clashes
    assert (clash.name, clash.theirs) == ("gone", "done")


def test_own_step_and_goal_are_added_once_when_sent_twice(w: World, about: tuple[str, str]) -> None:
    page = Opened(w, *about)
    more = {
        "new_steps": (NewStep("kol-kontrol", "Ring til patienten", w.today + 20, "nurse"),),
        "new_goals": (NewGoal("Gå til købmanden", True),),
    }
    page.saves(**more)
    page.saves(**more)
    view = queries.episode_view(w.gp, about[0], "kol")
    assert [item.title for item in view.activities].count("Ring til patienten") == 1
    assert [item.text for item in view.goals].count("Gå til købmanden") == 1
    assert view.plan is not None
    assert {item.id for item in view.goals} <= set(view.plan.goal_ids)


def test_a_goal_is_reached_or_let_go_and_one_must_stay(w: World, about: tuple[str, str]) -> None:
    page = Opened(w, *about)
    with pytest.raises(Problem) as told:
        page.saves(goals=(wanting(page.goals[0], state="dropped"),))
    assert told.value.category is Category.RULE
    page.saves(goals=(wanting(page.goals[0], state="reached"),))
    assert store.read(w.gp, "Goal", page.goals[0].id).resource["lifecycleStatus"] == "completed"


def test_anothers_step_is_not_found(w: World, about: tuple[str, str]) -> None:
    page, other = Opened(w, *about), Opened(w, *planned(w))
    with pytest.raises(Problem) as told:
        page.saves(steps=(wanting(other.steps[0], title="x"),))
    assert told.value.category is Category.NOT_FOUND


def test_a_draft_of_a_revision_is_no_plan_that_counts(w: World, about: tuple[str, str]) -> None:
    patient_id, episode_id = about
    actions.save_revision_draft(w.gp, patient_id=patient_id, episode_id=episode_id, fields={"a": ["1"]})
    actions.save_revision_draft(w.gp, patient_id=patient_id, episode_id=episode_id, fields={"a": ["2"]})
    view = queries.episode_view(w.gp, patient_id, "kol")
    assert view.plan is not None and view.plan.id is not None
    assert len(view.plan_versions) == 1
    which = {"patient_id": patient_id, "plan_id": view.plan.id}
    held = actions.standing_draft(w.gp, **which)
    assert held is not None and dict(held.fields) == {"a": ["2"]} and held.author == w.gp.actor
    (shown,) = queries.minplan_view(w.citizen(patient_id), patient_id).courses
    assert shown.plan is not None and shown.plan.id == view.plan.id
    actions.drop_revision_draft(w.gp, **which)
    assert actions.standing_draft(w.gp, **which) is None


def test_a_draft_is_read_by_nobody_on_another_road(w: World, about: tuple[str, str]) -> None:
    patient_id, episode_id = about
    citizen = w.citizen(patient_id)
    asked = [("patient", f"Patient/{patient_id}")]
    before = len(store.search(citizen, "CarePlan", asked).entries)
    actions.save_revision_draft(w.gp, patient_id=patient_id, episode_id=episode_id, fields={"a": ["hemmeligt"]})
    view = queries.episode_view(w.gp, patient_id, "kol")
    assert view.plan is not None and view.plan.id is not None
    held = actions.standing_draft(w.gp, patient_id=patient_id, plan_id=view.plan.id)
    assert held is not None
    for who in (citizen, w.gp):
        assert len(store.search(who, "CarePlan", asked).entries) == before
        with pytest.raises(Problem) as told:
            store.read(who, "Basic", held.id)
        assert told.value.category in (Category.NOT_FOUND, Category.FORBIDDEN)
    with pytest.raises(Problem) as told:
        actions.standing_draft(citizen, patient_id=patient_id, plan_id=view.plan.id)
    assert told.value.category is Category.FORBIDDEN


def test_the_patients_wish_makes_the_level_due_and_a_new_decision_ends_it(w: World, about: tuple[str, str]) -> None:
    patient_id, episode_id = about
    later = w.later(40)
    who = {"patient_id": patient_id, "episode_id": episode_id}
    wished = actions.ask_review(later.gp, **who, wish="Jeg har fået det værre")
    assert (wished.review_day, wished.review_wish_day, wished.review_wish) == (
        later.today,
        later.today,
        "Jeg har fået det værre",
    )
    view = queries.episode_view(later.gp, patient_id, "kol")
    assert view.decision is not None
    assert [item.prompt for item in reviews(view.decision, (), (), later.today)] == [Prompt.WISH]
    soon = w.later(41)
    actions.decide_level(soon.gp, **who, level=int(view.decision.level), override_reason="uændret")
    again = queries.episode_view(soon.gp, patient_id, "kol")
    assert again.decision is not None and again.decision.review_wish_day is None
    assert reviews(again.decision, (), (), soon.today) == ()


def test_a_wish_before_any_level_is_refused(w: World) -> None:
    patient_id, episode_id = started(w)
    with pytest.raises(Problem) as told:
        actions.ask_review(w.gp, patient_id=patient_id, episode_id=episode_id)
    assert told.value.category is Category.RULE
