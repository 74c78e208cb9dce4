"""Referrals there and back: sent, accepted, started, completed, refused, stopped; by page and by plain FHIR write."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from lib.world import World
from tovholder import store
from tovholder.access import Context, Role
from tovholder.base.errors import Category, Problem
from tovholder.plan import actions as plan_actions
from tovholder.plan.values import Referral
from tovholder.referral import actions
from tovholder.referral.domain import TRANSITIONS, Status, may_move, move, reason_of, status_of


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Status, Status)))
def test_the_table(old: Status, new: Status) -> None:
    over = {Status.REJECTED, Status.COMPLETED, Status.CANCELLED, Status.FAILED, Status.ENTERED_IN_ERROR}
    if old in over:
        assert may_move(old, new) == (old == new or (new is Status.ENTERED_IN_ERROR))
    if new is Status.REQUESTED and old is not Status.REQUESTED:
        assert not may_move(old, new)
    if new is Status.COMPLETED:
        assert may_move(old, new) == (old in (Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED))
    if not may_move(old, new):
        with pytest.raises(Problem):
            move(old, new)


def test_unknown_words_are_refused_with_the_list() -> None:
    assert set(TRANSITIONS) == set(Status)
    for read in (status_of, reason_of):
        with pytest.raises(Problem) as told:
            read("lost")
        assert "," in told.value.issues[0].expected


@pytest.fixture
def course(w: World) -> dict[str, str]:
    """A breathless patient with a confirmed plan that holds rehabilitation."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    w.measure(patient_id, "MCS88021", 4)
    who = {"patient_id": patient_id, "episode_id": str(w.rows("episode", patient_id)[0]["episode_id"])}
    plan_actions.start_episode(w.gp, **who)
    needs = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
    plan_actions.record_needs_assessment(w.gp, **who, answers=needs)
    plan_actions.decide_level(w.gp, **who, level=2)
    plan_actions.make_plan(w.gp, **who)
    plan_actions.confirm_plan(w.gp, **who, goals=[plan_actions.GoalDraft("Gå en tur")])
    return who


def send(w: World, course: dict[str, str], **changes: Any) -> Referral:
    given: dict[str, Any] = {
        **course, "kind": "rehabilitering", "receiver_id": w.prevention, "receiver_kind": "prevention",
    }  # fmt: skip
    return actions.send(w.gp, **(given | changes))


def refused(category: Category, path: str, call: Any, *args: Any, **given: Any) -> Problem:
    with pytest.raises(Problem) as told:
        call(*args, **given)
    assert (told.value.category, told.value.issues[0].path) == (category, path), str(told.value.issues[0])
    return told.value


def test_the_round_trip_orders_the_plans_activity_and_dates_every_step(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    assert (sent.status, sent.sent_day) == ("requested", w.today)
    activity = next(row for row in w.rows("activity", course["patient_id"]) if row["activity_id"] == sent.request_id)
    assert activity["kind"] == "afklarende-samtale"  # the plan's own activity carries the referral
    request = store.read(w.gp, "ServiceRequest", sent.request_id).resource
    assert request["intent"] == "order"
    assert request["performer"] == [{"reference": f"Organization/{w.prevention}"}]
    step = {"patient_id": course["patient_id"], "referral_id": sent.id}
    actions.accept(w.later(3).receiver, **step)
    begun = actions.start(w.later(12).receiver, **step)
    assert (begun.accepted_day, begun.started_day) == (w.today + 3, w.today + 12)
    done = actions.complete(w.later(60).receiver, **step)
    assert (done.status, done.completed_day) == ("completed", w.today + 60)
    row = w.rows("referral", course["patient_id"])[0]
    assert [row[name] for name in ("status", "sent_day", "accepted_day", "started_day", "completed_day")] == [
        "completed", w.today, w.today + 3, w.today + 12, w.today + 60,
    ]  # fmt: skip
    rows = {item["activity_id"]: item for item in w.rows("activity", course["patient_id"])}
    assert (rows[sent.request_id]["status"], rows[sent.request_id]["done_day"]) == ("completed", w.today + 60)


def test_a_second_referral_of_the_kind_gets_an_order_of_its_own(w: World, course: dict[str, str]) -> None:
    first, second = send(w, course), send(w, course)
    assert first.request_id != second.request_id
    rows = {item["activity_id"]: item for item in w.rows("activity", course["patient_id"])}
    assert rows[second.request_id]["due_day"] == w.today + 21  # the right to an offer within 21 days


def test_refused_by_the_receiver_with_a_reason(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    step = {"patient_id": course["patient_id"], "referral_id": sent.id}
    refused(Category.RULE, "Task.statusReason", actions.reject, w.receiver, **step, reason="")
    refused(Category.RULE, "Task.statusReason.text", actions.reject, w.receiver, **step, reason="other")
    told = actions.reject(w.later(2).receiver, **step, reason="no-capacity", text="Venteliste")
    assert (told.status, told.stop_reason, told.completed_day) == ("rejected", "no-capacity", w.today + 2)
    rows = {item["activity_id"]: item for item in w.rows("activity", course["patient_id"])}
    assert rows[sent.request_id]["status"] == "active"  # it still has to be done: refer elsewhere
    refused(Category.RULE, "Task.status", actions.start, w.later(3).receiver, **step)


def test_stopped_by_the_patient_tells_when_and_why(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    step = {"patient_id": course["patient_id"], "referral_id": sent.id}
    actions.start(w.later(5).receiver, **step)
    actions.stop(w.later(20).receiver, **step, reason="patient-stopped")
    row = w.rows("referral", course["patient_id"])[0]
    assert (row["status"], row["stop_reason"], row["completed_day"]) == ("cancelled", "patient-stopped", w.today + 20)


def test_only_the_receiver_or_the_clinic_answers(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    step = {"patient_id": course["patient_id"], "referral_id": sent.id}
    stranger = Context("Practitioner/x", Role.PREVENTION, w.other_clinic, w.now)
    with pytest.raises(Problem) as told:
        actions.accept(stranger, **step)
    assert told.value.category is Category.NOT_FOUND
    with pytest.raises(Problem) as told:
        actions.accept(w.citizen(course["patient_id"]), **step)
    assert told.value.category is Category.FORBIDDEN
    assert actions.accept(w.staff, **step).status == "accepted"  # told by telephone


def test_what_cannot_be_sent(w: World, course: dict[str, str]) -> None:
    refused(Category.INVALID, "Task.extension('kind')", send, w, course, kind="bingo")
    refused(Category.INVALID, "Task.extension('receiver-kind')", send, w, course, receiver_kind="chiropractor")
    refused(Category.RULE, "Task.authoredOn", send, w, course, sent_day=w.today + 1)
    refused(Category.RULE, "Task.focus", send, w, course, activity_id="nowhere")
    problem = refused(Category.INVALID, "fields.nonsense", send, w, course, fields=_filled(w) | {"nonsense": "x"})
    assert problem.kept == "what you wrote, unsent"
    with pytest.raises(Problem) as told:
        send(w, course, fields={})
    assert {issue.code for issue in told.value.issues} == {"required"}
    with pytest.raises(Problem) as told:
        actions.send(w.receiver, **course, kind="rehabilitering", receiver_id=w.prevention, receiver_kind="prevention")
    assert told.value.category is Category.FORBIDDEN
    assert w.rows("referral", course["patient_id"]) == []


def _filled(w: World) -> dict[str, str]:
    from tovholder import packages

    own = {field.id: "udfyldt" for field in packages.get("kol").referral("rehabilitering").fields}
    return own | {"telefon": "00 12 34 56", "kommune": "Randers"}  # the made-up patient has neither


def test_what_the_receiver_needs_stands_in_the_request(w: World, course: dict[str, str]) -> None:
    sent = send(w, course, fields=_filled(w), text="Ring gerne efter kl. 10")
    notes = [item["text"] for item in store.read(w.receiver, "ServiceRequest", sent.request_id).resource["note"]]
    assert notes[-1] == "Ring gerne efter kl. 10"
    assert len(notes) == len(_filled(w)) + 1


def test_days_out_of_order_are_refused(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    step = {"patient_id": course["patient_id"], "referral_id": sent.id}
    later = w.later(5)
    refused(Category.RULE, "Task.extension('started')", actions.start, later.receiver, **step, started_day=w.today - 1)
    refused(
        Category.RULE, "Task.extension('accepted')", actions.accept, later.receiver, **step, accepted_day=w.today + 9
    )


def test_a_plain_write_obeys_the_same_rules(w: World, course: dict[str, str]) -> None:
    sent = send(w, course)
    stored = store.read(w.receiver, "Task", sent.id or "").resource

    def write(ctx: Context, resource: dict[str, Any]) -> dict[str, Any]:
        with store.unit_of_work(ctx) as uow:
            return uow.update(resource).resource if "id" in resource else uow.create(resource).resource

    def refused_early(resource: dict[str, Any]) -> None:
        """By our guard, or by the record before it: such a task would open the patient to others."""
        with pytest.raises(Problem) as told:
            write(w.receiver, resource)
        assert told.value.category is Category.FORBIDDEN
        assert told.value.issues[0].path.startswith("Task")

    refused(Category.RULE, "Task.status", write, w.receiver, stored | {"status": "completed"})
    refused(Category.RULE, "Task.status", write, w.receiver, stored | {"status": "draft"})
    refused(Category.RULE, "Task.statusReason", write, w.receiver, stored | {"status": "rejected"})
    refused(Category.RULE, "Task.extension('started')", write, w.receiver, stored | {"status": "in-progress"})
    moved = stored | {"owner": {"reference": f"Organization/{w.other_clinic}"}}
    refused_early(moved)
    other = stored | {"focus": {"reference": "ServiceRequest/other"}}
    refused(Category.RULE, "Task.focus", write, w.gp, other)
    fresh = {key: value for key, value in stored.items() if key not in ("id", "meta")}
    refused_early(fresh)
    without = {key: value for key, value in fresh.items() if key != "focus"}
    refused(Category.RULE, "Task.focus", write, w.gp, without)
    assert write(w.receiver, stored | {"status": "accepted"})["status"] == "accepted"
    hospital = replace(w.receiver, role=Role.PARTNER, organization=w.other_clinic)
    with pytest.raises(Problem):
        write(hospital, stored | {"status": "accepted"})
