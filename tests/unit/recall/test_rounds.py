"""Rounds of invitations in the real store: one for all packages, sent once, taken back, withdrawn with a word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib import two_packages
from lib.world import World
from tovholder import store
from tovholder.access import Context
from tovholder.appointments.together import book_together
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import channel
from tovholder.jobs.queue import Run, Stopped
from tovholder.recall import carriers, record, rounds, sending
from tovholder.recall.carriers import NotSent, Parcel
from tovholder.recall.domain import Left, Reason, Standing, Way, Why
from tovholder.recall.gathering import Found, Row, due_rounds, gather
from tovholder.recall.rounds import Pick

WITHIN = 175
MOBILE = {"system": "phone", "value": "00 12 34 56", "use": "mobile"}
ADDRESS = {"line": ["Prøvegade 1"], "postalCode": "0999", "city": "Prøveby"}


@pytest.fixture
def both(w: World, tmp_path: Path) -> Iterator[str]:
    """A patient with two packages begun the same day, and every way to reach them."""
    with two_packages.installed(tmp_path / "own"):
        patient_id = w.patient()
        change(w, patient_id, telecom=[MOBILE], address=[ADDRESS])
        for package in ("sukker", "hjertet"):
            two_packages.start(w, patient_id, package)
        yield patient_id


@pytest.fixture(autouse=True)
def no_carriers() -> Iterator[None]:
    yield
    for way in Way:
        carriers.use(way, None)


def change(w: World, patient_id: str, **told: Any) -> None:
    with store.unit_of_work(w.system, patients=[patient_id]) as uow:
        uow.update({**uow.read("Patient", patient_id), **told})


def found(w: World, **given: Any) -> Found:
    return gather(w.gp, within=given.pop("within", WITHIN), **given)


def row(w: World) -> Row:
    (one,) = found(w).rows
    return one


def lay(w: World, way: Way = Way.DIGITAL_POST, *, round_id: str = "", ctx: Context | None = None) -> rounds.Laid:
    picks = [Pick(one.patient_id, way, one.number) for one in found(w).rows]
    return rounds.lay(ctx or w.gp, round_id=round_id or rounds.new_round(), picks=picks, within=WITHIN)


def who(w: World) -> dict[str, Any]:
    return sending._told(w.gp)


def deliver(w: World, round_id: str, run: Run | None = None) -> Any:
    return sending.deliver.func(run or Run("job", 1), who=who(w), round_id=round_id)


def withdraw(w: World, round_id: str) -> Any:
    return sending.correct.func(Run("job", 1), who=who(w), round_id=round_id)


def sent(w: World, patient_id: str, kind: str = record.INVITATION) -> list[dict[str, Any]]:
    held = store.search_all(w.system, "Communication", [("patient", f"Patient/{patient_id}")])
    return [one.resource for one in held if record.is_of(one.resource, kind)]


def standing(w: World, patient_id: str, round_id: str) -> Standing:
    with store.unit_of_work(w.system, patients=[patient_id]) as uow:
        return rounds.in_round(uow, patient_id, round_id)[0].standing


class TestWho:
    def test_one_row_for_all_packages(self, w: World, both: str) -> None:
        one = row(w)
        assert {step.package for step in one.steps} == {"sukker", "hjertet"}
        assert (one.number, one.way, one.why, one.reasons) == (1, Way.DIGITAL_POST, Why.USUAL, ())
        assert set(one.ways) == set(Way)

    def test_nobody_whose_windows_open_later(self, w: World, both: str) -> None:
        assert gather(w.gp, within=0).rows == ()

    def test_queries_do_not_grow_with_the_list(self, w: World, both: str, django_assert_max_num_queries: Any) -> None:
        found(w)
        with django_assert_max_num_queries(60):
            found(w)
        for _ in range(3):
            two_packages.start(w, w.patient(), "sukker")
        with django_assert_max_num_queries(60):
            assert len(found(w).rows) == 4

    def test_vulnerable_people_are_told_apart_with_why(self, w: World, both: str) -> None:
        change(
            w,
            both,
            telecom=[{"system": "email", "value": "x@example.org"}],
            extension=[{"url": record.systems.extension_url("digital-post-exempt"), "valueBoolean": True}],
        )
        one = row(w)
        assert one.reasons == (Reason.EXEMPT, Reason.NO_PHONE)
        assert (one.way, one.why, one.ways) == (Way.LETTER, Why.EXEMPT, (Way.LETTER,))

    def test_dead_inactive_exempt_are_left_out_and_told(self, w: World, both: str) -> None:
        rounds.exempt(w.gp, patient_id=both, until_day=w.today + 90, reason="Ønsker det ikke")
        (one,) = found(w).left_out
        assert (one.why, one.day) == (Left.EXEMPT, w.today + 90)
        rounds.invite_again(w.gp, patient_id=both)
        assert row(w).patient_id == both
        change(w, both, active=False)
        assert [one.why for one in found(w).left_out] == [Left.INACTIVE]
        change(w, both, active=True, deceasedDateTime="2027-02-28")
        assert [one.why for one in found(w).left_out if one.patient_id == both] in ([Left.DEAD], [])
        assert found(w).rows == ()

    def test_booked_people_are_left_out(self, w: World, both: str) -> None:
        by_shared: dict[str, list[str]] = {}
        for step in row(w).steps:
            by_shared.setdefault(step.kind.partition("-")[2] or step.kind, []).append(step.id)
        for ids in by_shared.values():
            start = datetime.combine(days.date_of(w.today + 80), datetime.min.time(), days.COPENHAGEN) + timedelta(
                hours=9
            )
            book_together(w.gp, patient_id=both, activity_ids=ids, start=start, keeps_windows=False)
        assert [one.why for one in found(w).left_out] == [Left.BOOKED]

    def test_another_clinic_sees_nobody(self, w: World, both: str) -> None:
        other = Context("Practitioner/x", w.gp.role, w.other_clinic, w.now)
        assert gather(other, within=WITHIN) == Found((), ())
        laid = rounds.lay(other, round_id=rounds.new_round(), picks=[Pick(both, Way.LETTER, 1)], within=WITHIN)
        assert (laid.ready, laid.left_out) == ([], {both: "changed"})

    def test_a_patient_may_not(self, w: World, both: str) -> None:
        with pytest.raises(Problem) as told:
            rounds.lay(w.citizen(both), round_id="r", picks=[Pick(both, Way.LETTER, 1)])
        assert told.value.category is Category.FORBIDDEN


class TestRound:
    def test_one_invitation_names_one_visit_and_what_it_covers(self, w: World, both: str) -> None:
        laid = lay(w)
        assert len(laid.ready) == 1
        held = record.read(store.read(w.gp, "CommunicationRequest", laid.ready[0]).resource)
        assert held is not None
        assert "kun behøver at komme én gang" in held.text
        assert "Sukker" in held.text and "Hjertet" in held.text
        assert held.standing is Standing.LAID
        assert sent(w, both) == []

    def test_the_preview_is_the_very_text(self, w: World, both: str) -> None:
        _, words = rounds.preview(w.gp, both, within=WITHIN)
        laid = lay(w)
        held = record.read(store.read(w.gp, "CommunicationRequest", laid.ready[0]).resource)
        assert held is not None and held.text == words

    def test_it_is_sent_once_however_often_the_job_runs(self, w: World, both: str) -> None:
        laid = lay(w)
        assert deliver(w, laid.round_id) == {"sent": 1, "failed": 0}
        assert deliver(w, laid.round_id) == {"sent": 0, "failed": 0}
        (one,) = sent(w, both)
        assert one["basedOn"] == [{"reference": f"CommunicationRequest/{laid.ready[0]}"}]
        assert standing(w, both, laid.round_id) is Standing.SENT
        assert [item.text for item in channel.received(w.citizen(both), both)] == [one["payload"][0]["contentString"]]

    def test_a_form_sent_twice_is_one_round(self, w: World, both: str) -> None:
        picks = [Pick(both, Way.SMS, 1)]
        made = [rounds.lay(w.gp, round_id="one", picks=picks, within=WITHIN) for _ in range(2)]
        assert made[0].ready == made[1].ready and len(made[0].ready) == 1

    def test_a_colleague_with_the_same_list_invites_nobody_again(self, w: World, both: str) -> None:
        picks = [Pick(both, Way.SMS, 1)]
        rounds.lay(w.gp, round_id="one", picks=picks, within=WITHIN)
        second = rounds.lay(w.staff, round_id="two", picks=picks, within=WITHIN)
        assert (second.ready, second.left_out) == ([], {both: "in-hand"})

    def test_next_rounds_come_when_nobody_answered(self, w: World, both: str) -> None:
        first = lay(w)
        deliver(w, first.round_id)
        with store.unit_of_work(w.system, patients=[both]) as uow:  # the job ran by the clock on the wall
            _held, resource = rounds.in_round(uow, both, first.round_id)
            uow.update(record.moved(resource, Standing.SENT, now=days.instant_text(w.now)))
        assert [one.why for one in found(w).left_out] == [Left.WAITS]
        later = w.later(21)
        one = row(later)
        assert (one.number, one.way) == (2, Way.DIGITAL_POST)
        second = lay(later)
        assert (
            "Vi har skrevet til dig før"
            in (record.read(store.read(w.gp, "CommunicationRequest", second.ready[0]).resource)).text
        )  # type: ignore[union-attr]
        deliver(later, second.round_id)
        with store.unit_of_work(w.system, patients=[both]) as uow:
            _held, resource = rounds.in_round(uow, both, second.round_id)
            uow.update(record.moved(resource, Standing.SENT, now=days.instant_text(later.now)))
        third = row(later.later(14))
        assert (third.number, third.way, third.why) == (3, Way.TELEPHONE, Why.ROUND)

    def test_nobody_and_too_many(self, w: World, both: str) -> None:
        for picks in ([], [Pick(f"p{number}", Way.SMS, 1) for number in range(501)]):
            with pytest.raises(Problem) as told:
                rounds.lay(w.gp, round_id="one", picks=picks)
            assert told.value.category is Category.RULE


class TestUndo:
    def test_what_has_not_left_is_taken_back(self, w: World, both: str) -> None:
        laid = lay(w)
        assert rounds.take_back(w.gp, round_id=laid.round_id) == (1, 0)
        assert deliver(w, laid.round_id) == {"sent": 0, "failed": 0}
        assert sent(w, both) == []
        assert row(w).number == 1

    def test_what_was_sent_is_withdrawn_with_a_word(self, w: World, both: str) -> None:
        laid = lay(w)
        deliver(w, laid.round_id)
        assert rounds.take_back(w.gp, round_id=laid.round_id) == (0, 1)
        assert withdraw(w, laid.round_id) == {"withdrawn": 1, "left": 0, "failed": 0}
        assert withdraw(w, laid.round_id) == {"withdrawn": 0, "left": 0, "failed": 0}
        (word,) = sent(w, both, record.CORRECTION)
        assert "sendt ved en fejl" in word["payload"][0]["contentString"]
        assert standing(w, both, laid.round_id) is Standing.WITHDRAWN
        assert row(w).number == 1

    def test_a_letter_leaves_when_it_is_posted(self, w: World, both: str) -> None:
        laid = lay(w, Way.LETTER)
        deliver(w, laid.round_id)
        assert standing(w, both, laid.round_id) is Standing.SENDING
        assert sent(w, both) == []
        assert rounds.posted(w.gp, round_id=laid.round_id) == 1
        assert rounds.posted(w.gp, round_id=laid.round_id) == 0
        assert standing(w, both, laid.round_id) is Standing.SENT


class TestAnswer:
    def test_a_call_and_what_came_of_it(self, w: World, both: str) -> None:
        laid = lay(w, Way.TELEPHONE)
        deliver(w, laid.round_id)
        about = {"patient_id": both, "round_id": laid.round_id}
        rounds.answer(w.gp, **about, outcome=Standing.NO_ANSWER)
        rounds.answer(w.gp, **about, outcome=Standing.DECLINED, note="Vil ikke")
        rounds.answer(w.gp, **about, outcome=Standing.DECLINED)
        assert [item["outcome"] for item in w.rows("attempt", both)] == ["no-answer", "declined"]
        assert {item["standing"] for item in w.rows("invitation", both)} == {"declined"}
        assert [one.why for one in found(w).left_out] == [Left.SAID_NO]

    def test_not_before_it_was_sent(self, w: World, both: str) -> None:
        laid = lay(w)
        with pytest.raises(Problem) as told:
            rounds.answer(w.gp, patient_id=both, round_id=laid.round_id, outcome=Standing.BOOKED)
        assert told.value.category is Category.CONFLICT


class Bird:
    """A way out of the house that keeps what it was handed, and does as it is told."""

    def __init__(self, *, once: bool = True, refuses: str = "", dies: bool = False) -> None:
        self.once, self.refuses, self.dies, self.held = once, refuses, dies, dict[str, Parcel]()

    def hand_over(self, parcel: Parcel) -> None:
        if self.refuses:
            raise NotSent(self.refuses)
        self.held[parcel.key] = parcel
        if self.dies:
            raise KeyboardInterrupt


class TestCarriers:
    def test_a_refusal_is_told_and_tried_again_by_hand(self, w: World, both: str) -> None:
        carriers.use(Way.DIGITAL_POST, Bird(refuses="Ikke tilmeldt"))
        laid = lay(w)
        assert deliver(w, laid.round_id) == {"sent": 0, "failed": 1}
        assert sent(w, both) == []
        with store.unit_of_work(w.gp, patients=[both]) as uow:
            assert rounds.in_round(uow, both, laid.round_id)[0].told == "Ikke tilmeldt"
        sending.retry(w.gp, patient_id=both, round_id=laid.round_id, way=Way.SMS)
        assert deliver(w, laid.round_id) == {"sent": 1, "failed": 0}
        with pytest.raises(Problem) as told:
            sending.retry(w.gp, patient_id=both, round_id=laid.round_id, way=Way.SMS)
        assert told.value.category is Category.CONFLICT

    def test_a_job_that_dies_hands_over_again_under_the_same_key(self, w: World, both: str) -> None:
        way = Bird(dies=True)
        carriers.use(Way.DIGITAL_POST, way)
        laid = lay(w)
        with pytest.raises(KeyboardInterrupt):
            deliver(w, laid.round_id)
        assert standing(w, both, laid.round_id) is Standing.SENDING
        way.dies = False
        assert deliver(w, laid.round_id) == {"sent": 1, "failed": 0}
        assert list(way.held) == laid.ready
        assert len(sent(w, both)) == 1

    def test_where_nobody_can_know_a_person_decides(self, w: World, both: str) -> None:
        carriers.use(Way.SMS, Bird(once=False, dies=True))
        laid = lay(w, Way.SMS)
        with pytest.raises(KeyboardInterrupt):
            deliver(w, laid.round_id)
        assert deliver(w, laid.round_id) == {"sent": 0, "failed": 1}
        assert standing(w, both, laid.round_id) is Standing.FAILED

    def test_a_job_that_is_stopped_leaves_the_rest_for_the_next(self, w: World, both: str) -> None:
        two_packages.start(w, w.patient(), "sukker")
        laid = lay(w)
        run = Run("job", 1)
        run.stop()
        with pytest.raises(Stopped):
            deliver(w, laid.round_id, run)
        assert deliver(w, laid.round_id) == {"sent": 1, "failed": 0}

    def test_a_message_says_nothing_about_health_on_the_outside(self) -> None:
        parcel = Parcel("k", "Kære Æøå", "Lægerne", "12345678", "0000000000", "", 20_000)
        told = carriers.memo(parcel).decode()
        assert "Besked fra din lægeklinik" in told and "DIGITALPOST" in told
        assert not {"KOL", "kontrol", "besøg"} & set(carriers.SMS.split())
        with pytest.raises(NotSent):
            carriers.Sms(lambda *_: None).hand_over(parcel)
        posted: list[str] = []
        carriers.DigitalPost(lambda _, key: posted.append(key)).hand_over(parcel)
        assert posted == ["k"]


class TestCorrections:
    """A word of correction goes out once, whatever happens to the job between the sending and the note of it."""

    def left(self, w: World, both: str, bird: Bird, way: Way = Way.DIGITAL_POST) -> str:
        carriers.use(way, Bird())
        laid = lay(w, way)
        deliver(w, laid.round_id)
        carriers.use(way, bird)
        return laid.round_id

    def test_a_job_that_dies_says_it_again_under_the_same_key(self, w: World, both: str) -> None:
        bird = Bird(dies=True)
        round_id = self.left(w, both, bird)
        with pytest.raises(KeyboardInterrupt):
            withdraw(w, round_id)
        assert [one["status"] for one in sent(w, both, record.CORRECTION)] == ["in-progress"]
        bird.dies = False
        assert withdraw(w, round_id)["withdrawn"] == 1
        assert len(bird.held) == 1
        assert [one["status"] for one in sent(w, both, record.CORRECTION)] == ["completed"]

    def test_where_nobody_can_promise_it_is_not_said_twice(self, w: World, both: str) -> None:
        bird = Bird(once=False, dies=True)
        round_id = self.left(w, both, bird, Way.SMS)
        with pytest.raises(KeyboardInterrupt):
            withdraw(w, round_id)
        bird.held.clear()
        assert withdraw(w, round_id)["failed"] == 1
        assert (bird.held, standing(w, both, round_id)) == ({}, Standing.WITHDRAWN)
        assert [one["status"] for one in sent(w, both, record.CORRECTION)] == ["unknown"]

    def test_a_refusal_is_told_and_may_be_tried_again(self, w: World, both: str) -> None:
        bird = Bird(refuses="Ikke tilmeldt.")
        round_id = self.left(w, both, bird)
        assert withdraw(w, round_id)["failed"] == 1
        with store.unit_of_work(w.gp, patients=[both]) as uow:
            assert "Ikke tilmeldt" in rounds.in_round(uow, both, round_id)[0].told
        bird.refuses = ""
        assert withdraw(w, round_id)["withdrawn"] == 1

    def test_nothing_goes_to_the_dead(self, w: World, both: str) -> None:
        bird = Bird()
        round_id = self.left(w, both, bird)
        change(w, both, deceasedDateTime="2027-02-28")
        assert withdraw(w, round_id)["withdrawn"] == 0
        assert bird.held == {}
        with pytest.raises(Problem) as told, store.unit_of_work(w.gp, patients=[both]) as uow:
            channel.send(uow, channel.Message(both, "e", "", "Kom", w.gp.actor))
        assert told.value.category is Category.RULE

    def test_a_line_that_breaks_for_one_is_told_and_the_round_goes_on(self, w: World, both: str) -> None:
        class Broken(Bird):
            def hand_over(self, parcel: Parcel) -> None:
                raise ConnectionError("no line")

        carriers.use(Way.DIGITAL_POST, Broken())
        laid = lay(w)
        assert deliver(w, laid.round_id) == {"sent": 0, "failed": 1}
        assert standing(w, both, laid.round_id) is Standing.FAILED


class TestLong:
    def test_a_long_round_is_laid_ready_by_a_job_that_may_die_and_tells_who_is_not_with_it(
        self, w: World, both: str
    ) -> None:
        other = w.patient()
        two_packages.start(w, other, "sukker")
        gone = w.patient()
        picks = [[one, "digital-post", 1] for one in (both, other, gone)]
        run = Run("job", 1)
        run.stop()
        given = {
            "who": who(w),
            "round_id": "long",
            "picks": picks,
            "within": 365,
        }  # a job goes by the clock on the wall
        with pytest.raises(Stopped):
            sending.prepare.func(run, **given)
        first = rounds.people_of(w.gp, "long")
        assert len(first) == 1
        assert sending.prepare.func(Run("job", 2), **given) == {"ready": 2, "left_out": {"changed": 1}}
        assert rounds.people_of(w.gp, "long") == sorted([both, other])
        assert sent(w, both) == []
        assert len({row["invitation_id"] for row in w.rows("invitation", both)}) == 1

    def test_nobody_is_due_for_a_next_round_while_all_is_new(self, w: World, both: str) -> None:
        laid = lay(w)
        assert due_rounds(w.gp) == 0
        deliver(w, laid.round_id)
        assert due_rounds(w.gp) == 0
