"""A referral's later ways: refused and sent again with the right's clock running, taken back, handed back, referred on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lib.people import clinic
from lib.world import World
from tovholder import store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import profiles, systems
from tovholder.fhir.validate import validate
from tovholder.plan import resources
from tovholder.plan.values import Referral
from tovholder.referral import actions, queries
from tovholder.referral.queries import Attention
from unit.referral.test_referrals import _filled, course, refused, send  # noqa: F401 (course is a fixture)

FIELDS = {"formaal": "Genoptræning", "mrc": "3", "fev1": "55", "niveau": "Niveau 2", "klinik": "Lægerne"}


@pytest.fixture
def other(w: World) -> str:
    """Another prevention centre."""
    with store.unit_of_work(w.system) as uow:
        return uow.create(clinic("Sundhedscenter Vest", kind="prevention")).id


def step(course: dict[str, str], sent: Referral) -> dict[str, str]:  # noqa: F811
    return {"patient_id": course["patient_id"], "referral_id": str(sent.id)}


def row(w: World, course: dict[str, str]) -> dict[str, Any]:  # noqa: F811
    found = w.rows("referral", course["patient_id"])
    assert len(found) == 1  # however often it is sent again, the patient was referred once
    return found[0]


def test_sent_again_the_patient_has_waited_since_the_first_day(w: World, course: dict[str, str], other: str) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w), text="Ring efter 10")
    actions.reject(w.later(5).receiver, **step(course, sent), reason="no-capacity")
    later = w.later(9)
    again = actions.send(
        later.gp, **course, kind="rehabilitering", receiver_id=other, receiver_kind="prevention",
        fields=_filled(w), after=sent.id,
    )  # fmt: skip
    assert (again.sent_day, again.asked_day, again.follows) == (w.today + 9, w.today, sent.id)
    assert again.request_id == sent.request_id  # the same order, to somebody else
    held = row(w, course)
    assert (held["referral_id"], held["status"], held["sent_day"]) == (again.id, "requested", w.today)
    assert queries.deadline_of("kol", "rehabilitering", "prevention", again.asked_day) == w.today + 21
    request = store.read(later.gp, "ServiceRequest", again.request_id).resource
    assert request["performer"] == [{"reference": f"Organization/{other}"}]
    line = queries.of_clinic(later.gp)[0]
    assert (line.referral_id, line.attention) == (again.id, None)
    assert queries.of_clinic(w.later(22).gp)[0].attention is Attention.LATE
    conflict = refused(
        Category.CONFLICT, "after", actions.send, later.gp, **course, kind="rehabilitering", receiver_id=other,
        receiver_kind="prevention", after=sent.id,
    )  # fmt: skip
    assert conflict.kept


def test_one_the_patient_stopped_begins_a_new_clock(w: World, course: dict[str, str], other: str) -> None:  # noqa: F811
    sent = send(w, course)
    actions.start(w.later(2).receiver, **step(course, sent))
    actions.stop(w.later(4).receiver, **step(course, sent), reason="patient-stopped")
    assert queries.of_clinic(w.later(4).gp)[0].attention is Attention.STOPPED
    again = actions.send(
        w.later(30).gp, **course, kind="rehabilitering", receiver_id=other, receiver_kind="prevention", after=sent.id
    )
    assert again.asked_day == w.today + 30 and len(w.rows("referral", course["patient_id"])) == 2


def test_the_day_is_the_patients_own_at_midnight(w: World, course: dict[str, str]) -> None:  # noqa: F811
    late = replace(w.gp, now=w.now.replace(hour=23, minute=30))  # 0:30 the next day in Copenhagen
    sent = actions.send(late, **course, kind="rehabilitering", receiver_id=w.prevention, receiver_kind="prevention")
    assert sent.sent_day == w.today + 1


def test_nobody_writes_that_the_patient_waited_since_another_day(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course)
    stored = dict(store.read(w.gp, "Task", sent.id or "").resource)
    stored.pop("id"), stored.pop("meta")
    first = {"url": systems.extension_url("first-sent"), "valueDate": days.iso(w.today - 300)}
    for more in ({}, {"basedOn": [{"reference": f"Task/{sent.id}"}]}):
        with pytest.raises(Problem) as told, store.unit_of_work(w.gp) as uow:
            uow.create({**stored, **more, "extension": [*stored["extension"], first]})
        assert told.value.issues[0].path == "Task.extension('first-sent')"


def test_the_same_key_is_the_same_referral(w: World, course: dict[str, str]) -> None:  # noqa: F811
    made = [send(w, course, key="en-noegle-fra-formularen") for _ in range(3)]
    assert len({one.id for one in made}) == 1
    refused(Category.CONFLICT, "Task", send, w, course, key="en-anden-noegle-her", seen=())
    assert send(w, course, key="en-anden-noegle-her", seen=[made[0].id]).id != made[0].id


def test_what_is_sent_is_valid_and_names_its_grounds(w: World, course: dict[str, str]) -> None:  # noqa: F811
    given = {key: value for key, value in _filled(w).items() if key not in ("mrc", "diagnose")}
    made = actions.drafts.draft(w.gp, **course, kind="rehabilitering")
    known = {one.id: one for one in made.answers}
    sent = send(w, course, fields=given | {name: known[name].value for name in ("mrc", "diagnose")})
    task = store.read(w.gp, "Task", sent.id or "").resource
    request = store.read(w.gp, "ServiceRequest", sent.request_id).resource
    for resource, profile in ((task, "tovholder-referral"), (request, "tovholder-activity")):
        assert [str(issue) for issue in validate(resource) if issue.severity in ("error", "fatal")] == []
        found = profiles.validate(resource, systems.extension_url(profile))
        assert [str(issue) for issue in found if issue.severity in ("error", "fatal")] == []
    assert request["reasonReference"][0]["reference"] == known["diagnose"].source
    grounds = {item["reference"]: item["display"] for item in request["supportingInfo"]}
    assert grounds[known["mrc"].source] == "MRC"
    codes = {coding["code"] for coding in request["code"]["coding"]}
    assert "6eddbaf7-2a73-49d4-91e7-6138d419f58c" in codes  # FSIII, as KL's § 119 reads it
    assert sent.table == made.table.version and task["instantiatesUri"].endswith(sent.table)
    receiver = store.read(w.receiver, "Task", sent.id or "").resource
    assert {item["type"]["coding"][0]["code"] for item in receiver["input"]} >= {"mrc", "diagnose", "formaal"}


def test_documents_go_along_as_references_of_this_patient(w: World, course: dict[str, str]) -> None:  # noqa: F811
    stranger = w.patient(family="Fremmed")

    def document(patient_id: str) -> str:
        made = {
            "resourceType": "DocumentReference", "status": "current", "description": "Epikrise",
            "subject": {"reference": f"Patient/{patient_id}"},
            "content": [{"attachment": {"contentType": "text/plain", "data": "aGVq"}}],
        }  # fmt: skip
        with store.unit_of_work(w.system) as uow:
            return f"DocumentReference/{uow.create(made).id}"

    own, theirs = document(course["patient_id"]), document(stranger)
    refused(Category.INVALID, "attachments", send, w, course, attachments=[theirs])
    refused(Category.INVALID, "attachments", send, w, course, attachments=["Observation/x"])
    sent = send(w, course, attachments=[own, own])
    request = store.read(w.gp, "ServiceRequest", sent.request_id).resource
    assert request["supportingInfo"] == [{"reference": own, "display": "Epikrise"}]


def test_withdrawn_the_plans_activity_waits_for_another(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course)
    refused(Category.RULE, "Task.statusReason.text", actions.withdraw, w.gp, **step(course, sent), text=" ")
    refused(Category.FORBIDDEN, "Task.status", actions.withdraw, w.receiver, **step(course, sent), text="Vi vil ikke")
    actions.withdraw(w.gp, **step(course, sent), text="Sendt ved en fejl")
    request = store.read(w.gp, "ServiceRequest", sent.request_id).resource
    assert (request["status"], request["intent"]) == ("active", "plan") and "performer" not in request
    assert send(w, course).request_id == sent.request_id
    assert queries.of_clinic(w.gp)[0].attention is None


def test_a_begun_offer_is_not_withdrawn(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course)
    actions.start(w.later(1).receiver, **step(course, sent))
    refused(Category.RULE, "Task.status", actions.withdraw, w.later(1).gp, **step(course, sent), text="Fortrudt")


def test_handed_back_with_an_answer_the_clinic_sees(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course)
    actions.start(w.later(3).receiver, **step(course, sent))
    refused(Category.RULE, "Task.output", actions.hand_back, w.later(9).receiver, **step(course, sent), answer=" ")
    done = actions.hand_back(w.later(9).receiver, **step(course, sent), answer="Har nået sine mål")
    assert (done.status, done.answer) == ("completed", "Har nået sine mål")
    clinic_ = w.later(10).gp
    assert queries.of_clinic(clinic_)[0].attention is Attention.ANSWERED
    refused(Category.FORBIDDEN, "Task.extension('seen')", actions.mark_seen, w.later(10).receiver, **step(course, sent))
    actions.mark_seen(clinic_, **step(course, sent))
    assert queries.of_clinic(clinic_) == ()
    assert queries.rounds(clinic_, course["patient_id"])[0].answer == "Har nået sine mål"


def on(w: World, course: dict[str, str], sent: Referral, receiver: str, ctx: Context, **changes: Any) -> Referral:  # noqa: F811
    given: dict[str, Any] = {
        "kind": "rygestop", "receiver_id": receiver, "receiver_kind": "prevention",
        "fields": {"rygning": "Dagligt", "telefon": "00 11", "kommune": "Randers"}, "key": "noegle-til-videre-her",
    }  # fmt: skip
    return actions.refer_on(ctx, **step(course, sent), **(given | changes))


def test_a_receiver_refers_on_with_what_it_was_told(w: World, course: dict[str, str], other: str) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w) | {"niveau": "Niveau 2"})
    refused(Category.RULE, "Task.status", on, w, course, sent, other, w.receiver)  # not accepted yet
    actions.accept(w.later(1).receiver, **step(course, sent))
    receiver = w.later(2).receiver
    made = on(w, course, sent, other, receiver)
    assert (made.follows, made.requester, made.first_sent_day) == (sent.id, receiver.actor, None)
    assert on(w, course, sent, other, receiver).id == made.id
    next_one = Context("Practitioner/next", Role.PREVENTION, other, receiver.now)
    task = store.read(next_one, "Task", made.id or "").resource  # the referral opens the patient to the next receiver
    assert {"rygning", "niveau"} <= {item["type"]["coding"][0]["code"] for item in task["input"]}
    request = store.read(next_one, "ServiceRequest", made.request_id).resource
    assert {"reference": f"ServiceRequest/{sent.request_id}"} in request["basedOn"]
    told = {line.referral_id: line.attention for line in queries.of_clinic(w.later(2).gp)}
    assert told[made.id] is Attention.REFERRED_ON


def test_who_may_not_refer_on(w: World, course: dict[str, str], other: str) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w))
    actions.accept(w.receiver, **step(course, sent))
    with store.unit_of_work(w.system) as uow:
        hospital = uow.create(clinic("Sygehus", kind="hospital")).id
    refused(
        Category.FORBIDDEN, "Task.extension('receiver-kind')", on, w, course, sent, hospital, w.receiver,
        kind="lungeambulatorium", receiver_kind="hospital",
    )  # fmt: skip
    refused(Category.RULE, "Task.owner", on, w, course, sent, w.prevention, w.receiver)
    refused(Category.FORBIDDEN, "Task.requester", on, w, course, sent, other, w.gp)
    refused(Category.INVALID, "Task.owner", on, w, course, sent, "findes-ikke", w.receiver)
    stranger = Context("Practitioner/x", Role.PREVENTION, other, w.now)
    with pytest.raises(Problem) as told:
        on(w, course, sent, w.prevention, stranger)
    assert told.value.category is Category.NOT_FOUND
    less = {"rygning": " "}  # taken away what it was told
    lacking = refused(Category.INVALID, "fields.rygning", on, w, course, sent, other, w.receiver, fields=less)
    assert {issue.code for issue in lacking.issues} == {"required"}
    assert len(w.rows("referral", course["patient_id"])) == 1


def test_a_receiver_moves_neither_the_day_nor_what_was_asked_for(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w), key="en-noegle-fra-formularen")
    actions.accept(w.later(1).receiver, **step(course, sent))
    stored = store.read(w.later(20).receiver, "Task", sent.id or "").resource
    value = resources.read_referral(stored)
    for changed in (
        {"sent_day": w.today + 20},  # the right's clock
        {"sent_day": w.today - 20},
        {"kind": "rygestop"},
        {"receiver_kind": "physio"},
        {"episode_id": None},
        {"requester": "Practitioner/therapist"},
        {"key": "en-anden-noegle-her"},
        {"table": "2020.1"},
    ):
        moved = resources.referral_resource(replace(value, **changed), stored)
        with pytest.raises(Problem) as told, store.unit_of_work(w.later(20).receiver) as uow:
            uow.update(moved)
        assert told.value.category is Category.FORBIDDEN, changed
    actions.start(w.later(20).receiver, **step(course, sent))


def test_referred_on_only_to_one_who_says_of_what_kind_it_is(w: World, course: dict[str, str]) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w))
    actions.accept(w.receiver, **step(course, sent))
    with store.unit_of_work(w.system) as uow:
        untold = uow.create({key: held for key, held in clinic("Hvem som helst").items() if key != "type"}).id
    refused(Category.INVALID, "Task.owner", on, w, course, sent, untold, w.receiver)


def test_two_who_choose_the_same_key_have_not_sent_the_same(w: World, course: dict[str, str], other: str) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w), key="en-noegle")
    actions.accept(w.receiver, **step(course, sent))
    made = on(w, course, sent, other, w.receiver, key="en-noegle")
    assert made.id != sent.id and made.follows == sent.id
    assert on(w, course, sent, other, w.receiver, key="en-noegle").id == made.id
    assert send(w, course, fields=_filled(w), key="en-noegle").id == sent.id


@pytest.mark.parametrize("key", [",", "x,http://other|y", "a|b", "en-noegle-her\x00", "x" * 65])
def test_a_key_that_is_none_is_refused(w: World, course: dict[str, str], other: str, key: str) -> None:  # noqa: F811
    sent = send(w, course, fields=_filled(w), key="en-noegle-fra-formularen")
    actions.accept(w.receiver, **step(course, sent))
    refused(Category.INVALID, "key", on, w, course, sent, other, w.receiver, key=key)
    refused(Category.INVALID, "key", send, w, course, key=key)
