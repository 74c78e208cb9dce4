"""A receiver's own pages: the list by what it waits for, answering, times and outcomes, goals, scores, referring on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from lib.people import clinic, condition, context, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.access.people import Persona, save_persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.fhir import systems
from tovholder.plan import actions, queries, resources
from tovholder.referral import actions as referral
from tovholder.store import consents
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


def ago(count: int) -> str:
    return (system_clock() - timedelta(days=count)).astimezone(days.COPENHAGEN).date().isoformat()


@dataclass
class Scene:
    """A patient with back pain, referred to a physiotherapist; another who was not."""

    world: worlds.World
    physio: str
    other: str
    patient: str
    stranger: str
    referral: str

    @property
    def page(self) -> str:
        return f"/partner/patient/{self.patient}/"

    def found(self, kind: str) -> list[dict[str, Any]]:
        entries = store.search_all(system(system_clock()), kind, [("patient", f"Patient/{self.patient}")])
        return [entry.resource for entry in entries]

    def task(self) -> dict[str, Any]:
        return next(item for item in self.found("Task") if item["id"] == self.referral)


@pytest.fixture
def scene() -> Scene:
    held = worlds.make()
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        physio = uow.create(clinic("Bevægelse Fysioterapi", kind="physio")).id
        other = uow.create(clinic("Kiropraktik Andetsteds", kind="chiropractor")).id
        worker = uow.create({"resourceType": "Practitioner", "name": [{"family": "Fys", "given": ["Frida"]}]}).id
        person = uow.create(patient(held.clinic, family="Rygsen")).id
        uow.create(condition(person, "L86", recorded=ago(120)))
        numbered = [{"system": systems.CPR, "value": "6205600000"}]
        stranger = uow.create(patient(held.clinic, family="Fremmedsen") | {"identifier": numbered}).id
        uow.create(condition(stranger, "L86", recorded=ago(120)))
    gp = context(Role.GP, held.clinic, now=now, actor=f"Practitioner/{held.doctor}")
    for one in (person, stranger):
        about = {"patient_id": one, "episode_id": str(queries.episode_view(gp, one, "lrs").episode.id)}
        actions.start_episode(gp, **about, confirmed=True)
    about = {"patient_id": person, "episode_id": str(queries.episode_view(gp, person, "lrs").episode.id)}
    sent = referral.send(
        gp, **about, kind="fysioterapi", receiver_id=physio, receiver_kind="physio", text="Gradvis træning."
    )
    save_persona(Persona("fys", "Frida Fys", "Fysioterapeut", Role.PARTNER, physio, worker, ""))
    save_persona(Persona("kir", "Kim Kir", "Kiropraktor", Role.PARTNER, other, "kim", ""))
    return Scene(held, physio, other, person, stranger, str(sent.id))


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())))


def does(browser: Client, page: str, act: str, **given: Any) -> Any:
    given = ({"times": "1", "every": "7"} if act == "book" else {}) | given
    return browser.post(
        page, {"do": act, **{key.replace("_", "-"): value for key, value in given.items()}}, follow=True
    )


class TestTheList:
    def test_a_new_referral_waits_for_an_answer(self, scene: Scene) -> None:
        answer = worlds.browser("fys").get("/partner/")
        assert "Nye henvisninger (1)" in text(answer)
        assert "Prøve Rygsen" in text(answer)
        assert "Fremmedsen" not in text(answer)

    def test_it_is_the_start_page(self, scene: Scene) -> None:
        client = Client()
        assert client.post("/login/persona", {"persona": "fys"}).headers["Location"] == "/partner/"

    def test_others_see_nobody(self, scene: Scene) -> None:
        browser = worlds.browser("kir")
        assert "Ingen patienter endnu" in text(browser.get("/partner/"))
        assert browser.get(scene.page).status_code == 404

    def test_what_it_waits_for_follows_what_is_done(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        does(browser, scene.page, "accept", id=scene.referral, dag=ago(0))
        assert "Mangler en tid (1)" in text(browser.get("/partner/"))
        coming = (system_clock() + timedelta(days=3)).date().isoformat()
        kind = f"{scene.found('EpisodeOfCare')[0]['id']}:fysioterapi"
        does(browser, scene.page, "book", kind=kind, date=coming, time="10:00")
        assert "I gang (1)" in text(browser.get("/partner/"))

    def test_a_search_finds_ones_own_alone(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        assert "Prøve Rygsen" in text(browser.post("/partner/", {"q": "Rygsen"}))
        assert "I har ingen patient med det navn" in text(browser.post("/partner/", {"q": "Fremmedsen"}))


class TestAnswering:
    def test_what_was_told_stands_on_the_page(self, scene: Scene) -> None:
        told = text(worlds.browser("fys").get(scene.page))
        assert "Gradvis træning." in told
        assert "Lægerne Prøvestræde" in told

    def test_accepted_begun_and_ended_with_a_word_to_the_doctor(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        does(browser, scene.page, "accept", id=scene.referral, dag=ago(0))
        does(browser, scene.page, "start", id=scene.referral, dag=ago(0))
        refused = does(browser, scene.page, "complete", id=scene.referral, dag=ago(0), tekst="")
        assert "Skriv, hvad lægen skal vide." in text(refused)
        assert scene.task()["status"] == "in-progress"
        done = does(browser, scene.page, "complete", id=scene.referral, dag=ago(0), tekst="Går bedre, fortsætter selv.")
        assert "lægen har fået jeres besked" in text(done)
        assert scene.task()["status"] == "completed"
        doctor = worlds.browser("laege")
        assert "Der er svar" in text(doctor.get("/klinik/henvisninger"))
        clinics = f"/klinik/patient/{scene.patient}/lrs/henvist/{scene.referral}"
        assert "Går bedre, fortsætter selv." in text(doctor.get(clinics))

    def test_a_refusal_needs_its_reason(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        assert does(browser, scene.page, "reject", id=scene.referral, grund="").status_code == 422
        does(browser, scene.page, "reject", id=scene.referral, grund="no-capacity")
        assert scene.task()["status"] == "rejected"

    def test_a_stop_tells_why(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        does(browser, scene.page, "accept", id=scene.referral, dag=ago(0))
        answer = does(
            browser,
            scene.page,
            "stop",
            id=scene.referral,
            grund="no-contact",
            dag=ago(0),
            tekst="Tager ikke telefonen.",
        )
        assert "Det er noteret, at tilbuddet er stoppet" in text(answer)
        task = scene.task()
        assert (task["status"], resources.read_referral(task).stop_reason) == ("cancelled", "no-contact")

    def test_pressed_twice_is_pressed_once(self, scene: Scene) -> None:
        one, other = worlds.browser("fys"), worlds.browser("fys")
        does(one, scene.page, "reject", id=scene.referral, grund="no-capacity")
        assert does(other, scene.page, "reject", id=scene.referral, grund="no-capacity").status_code == 200
        late = does(other, scene.page, "accept", id=scene.referral, dag=ago(0))
        assert late.status_code == 422
        assert scene.task()["status"] == "rejected"

    def test_another_patients_referral_is_not_there(self, scene: Scene) -> None:
        assert does(worlds.browser("fys"), scene.page, "accept", id="nope", dag=ago(0)).status_code == 404


class TestTimes:
    def _kind(self, scene: Scene) -> str:
        return f"{scene.found('EpisodeOfCare')[0]['id']}:fysioterapi"

    def test_a_visit_that_has_been(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        sent = {"kind": self._kind(scene), "date": ago(2), "time": "09:30", "outcome": "noshow"}
        assert "Besøget er noteret." in text(does(browser, scene.page, "visit", **sent))
        (made,) = scene.found("Appointment")
        assert made["status"] == "noshow"
        again = does(browser, scene.page, "visit", **sent)
        assert again.status_code == 200, "the first is over: another at the same moment is another"

    def test_a_time_moves_and_is_called_off(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        soon, later = ((system_clock() + timedelta(days=n)).date().isoformat() for n in (3, 5))
        does(browser, scene.page, "book", kind=self._kind(scene), date=soon, time="10:00")
        (made,) = scene.found("Appointment")
        start = resources.read_appointment(made).start
        shown = start.isoformat() if start else ""
        does(browser, scene.page, "rebook", id=made["id"], date=later, time="11:00", shown=shown)
        (moved,) = scene.found("Appointment")
        assert (moved["id"], moved["start"][:10]) == (made["id"], later)
        gone = does(browser, scene.page, "cancel", id=made["id"], by="provider", reason="staff")
        assert "Aftalen er aflyst." in text(gone)

    def test_a_series_is_booked_whole_or_not_at_all(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        first = system_clock() + timedelta(days=3)
        sent = {"kind": self._kind(scene), "date": first.date().isoformat(), "time": "10:00", "every": "14"}
        assert "4 tider er booket." in text(does(browser, scene.page, "book", **sent, times="4"))
        found = sorted(days.parse_instant(item["start"]) for item in scene.found("Appointment"))
        wall = [one.astimezone(days.COPENHAGEN) for one in found]
        assert [(one.hour, one.minute) for one in wall] == [(10, 0)] * 4
        assert [(later.date() - one.date()).days for one, later in pairwise(wall)] == [14] * 3
        clash = {**sent, "date": (first + timedelta(days=28)).date().isoformat()}
        assert does(browser, scene.page, "book", **clash, times="3").status_code == 409
        assert len(scene.found("Appointment")) == 4
        for wrong in ({"times": "0"}, {"times": "31"}, {"times": "mange"}, {"every": "400"}):
            assert does(browser, scene.page, "book", **({**sent, "times": "1"} | wrong)).status_code == 422

    def test_an_outcome_is_put_right(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        does(browser, scene.page, "visit", kind=self._kind(scene), date=ago(2), time="09:30", outcome="noshow")
        (made,) = scene.found("Appointment")
        does(browser, scene.page, "correct", id=made["id"], status="fulfilled", why="Kom ti minutter senere")
        (right,) = scene.found("Appointment")
        assert right["status"] == "fulfilled"

    def test_the_clinics_time_is_not_ones_own_to_change(self, scene: Scene) -> None:
        from tovholder.appointments import actions as appointments

        gp = context(Role.GP, scene.world.clinic, now=system_clock(), actor=f"Practitioner/{scene.world.doctor}")
        held = appointments.book(
            gp, patient_id=scene.patient, kind="lrs-kontrol", start=system_clock() + timedelta(days=4)
        )
        browser = worlds.browser("fys")
        assert "Rygkontrol" in text(browser.get(scene.page))
        answer = does(browser, scene.page, "cancel", id=held.id, by="provider", reason="staff")
        assert answer.status_code == 404


class TestScoresAndGoals:
    def _score(self, scene: Scene) -> str:
        return f"{scene.found('EpisodeOfCare')[0]['id']}:rmdq"

    def _measured(self, scene: Scene) -> list[dict[str, Any]]:
        return [item for item in scene.found("Observation") if item["code"]["coding"][0]["code"] == "lrs-rmdq"]

    def test_a_score_is_written_once_and_seen_by_the_clinic(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        for day, value in ((ago(30), "14"), (ago(0), "8")):
            assert "er gemt" in text(does(browser, scene.page, "score", score=self._score(scene), value=value, dag=day))
        assert "Roland-Morris" in text(browser.get(scene.page))
        told = text(worlds.browser("laege").get(f"/klinik/patient/{scene.patient}/maalinger"))
        assert "Roland-Morris" in told
        assert [item["valueQuantity"]["value"] for item in self._measured(scene)]

    def test_another_number_for_the_day_corrects_it(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        does(browser, scene.page, "score", score=self._score(scene), value="14", dag=ago(0))
        answer = does(browser, scene.page, "score", score=self._score(scene), value="12", dag=ago(0))
        assert "er rettet fra 14 til 12" in text(answer)
        (held,) = self._measured(scene)
        assert (held["status"], held["valueQuantity"]["value"]) == ("corrected", 12)

    @pytest.mark.parametrize("value", ["25", "-1", "mange", "1e9", ""])
    def test_what_cannot_be_meant_is_refused_at_its_field(self, scene: Scene, value: str) -> None:
        answer = does(worlds.browser("fys"), scene.page, "score", score=self._score(scene), value=value, dag=ago(0))
        assert answer.status_code == 422
        assert 'href="#score-value"' in answer.content.decode()
        assert self._measured(scene) == []

    def test_a_goal_stands_in_everybodys_plan(self, scene: Scene) -> None:
        browser = worlds.browser("fys")
        course = str(scene.found("EpisodeOfCare")[0]["id"])
        sent = {"course": course, "text": "Kunne løfte mit barnebarn", "by_patient": "patient"}
        answer = browser.post(scene.page, {"do": "goal", **sent}, follow=True)
        assert "Målet er gemt" in text(answer)
        (goal,) = scene.found("Goal")
        does(browser, scene.page, "state", id=goal["id"], state="improving")
        assert "Det går fremad" in text(browser.get(scene.page))


class TestWithoutAReferral:
    def _number(self, scene: Scene) -> str:
        held = store.read(system(system_clock()), "Patient", scene.stranger).resource
        return next(item["value"] for item in held["identifier"] if item["system"] == systems.CPR)

    def test_who_states_it_may_read_and_not_write(self, scene: Scene) -> None:
        browser = worlds.browser("kir")
        answer = browser.post(
            "/partner/aabn", {"cpr": self._number(scene), "reason": "contact", "text": "Kom selv"}, follow=True
        )
        assert answer.redirect_chain[-1][0] == f"/partner/patient/{scene.stranger}/"
        assert "For at skrive i den skal patienten give jer adgang" in text(answer)
        episode = store.search_all(system(system_clock()), "EpisodeOfCare", [("patient", f"Patient/{scene.stranger}")])
        coming = (system_clock() + timedelta(days=3)).date().isoformat()
        kind = f"{episode[0].id}:kiropraktik"
        tried = does(browser, f"/partner/patient/{scene.stranger}/", "book", kind=kind, date=coming, time="10:00")
        assert tried.status_code in (403, 404)

    def test_who_the_patient_lets_in_takes_part(self, scene: Scene) -> None:
        now = system_clock()
        citizen = context(Role.CITIZEN, None, now=now, actor=f"Patient/{scene.stranger}", patient=scene.stranger)
        with store.unit_of_work(citizen) as uow:
            uow.create(
                consents.open_resource(citizen, scene.stranger, organization=scene.other, display="", until=ago(-90))
            )
        browser = worlds.browser("kir")
        page = f"/partner/patient/{scene.stranger}/"
        assert "Prøve Fremmedsen" in text(browser.get("/partner/"))
        episode = store.search_all(system(now), "EpisodeOfCare", [("patient", f"Patient/{scene.stranger}")])[0].id
        coming = (now + timedelta(days=3)).date().isoformat()
        booked = does(browser, page, "book", kind=f"{episode}:kiropraktik", date=coming, time="10:00")
        assert "Tiden er booket." in text(booked)
        scored = does(browser, page, "score", score=f"{episode}:rmdq", value="9", dag=ago(0))
        assert "er gemt: 9" in text(scored)

    @pytest.mark.parametrize("cpr", ["0101010000", "ikke et nummer"])
    def test_a_number_that_is_nobodys_tells_nothing(self, scene: Scene, cpr: str) -> None:
        answer = worlds.browser("kir").post("/partner/aabn", {"cpr": cpr, "reason": "contact"})
        assert answer.status_code in (404, 422)
        assert 'href="#aabn-cpr"' in answer.content.decode()
