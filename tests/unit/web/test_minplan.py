"""The patient's own page in every phase: what is next, who holds the rope, and the right to a plan, told as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib import two_packages
from lib import world as worlds
from lib.world import World
from tovholder import store
from tovholder.access import Role, people
from tovholder.access import web as access_web
from tovholder.access.people import Persona
from tovholder.appointments import actions as appointments
from tovholder.base import clock, days
from tovholder.plan import actions
from tovholder.plan.values import Code, Limits
from unit.web.world import browser

NEEDS = {"biologisk": "2", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}
PHONE = "70 10 20 30"
Page = Callable[..., str]


@pytest.fixture
def w(db: None) -> Iterator[World]:
    """The clinic can be rung."""
    with worlds.bound():
        made = worlds.build()
        with store.unit_of_work(made.system) as uow:
            clinic = uow.read("Organization", made.clinic)
            uow.update(clinic | {"telecom": [{"system": "phone", "value": PHONE}]})
        yield made


@pytest.fixture
def who(w: World) -> dict[str, str]:
    """Diagnosed nine days ago, so that the last day for the plan is 22 March 2027."""
    patient_id = w.patient()
    w.diagnose(patient_id, recorded="2027-02-20")
    return {"patient_id": patient_id, "episode_id": str(w.rows("episode", patient_id)[0]["episode_id"])}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """The text of the page as the patient reads it on a day."""

    def read(w: World, patient_id: str, language: str = "da") -> str:
        monkeypatch.setattr(access_web, "timezone", SimpleNamespace(now=clock.fixed(w.now)))
        people.save_persona(Persona("mig", "Prøve Jensen", "Patient", Role.CITIZEN, "", "", patient_id))
        client = browser("mig")
        client.post("/sprog/", {"language": language, "next": "/minplan/"})
        answer = client.get("/minplan/")
        assert answer.status_code == 200
        body = answer.content.decode().partition("<main")[2].partition("</main>")[0]
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))

    return read


def begin(w: World, who: dict[str, str]) -> None:
    actions.start_episode(w.gp, **who)


def assess(w: World, who: dict[str, str]) -> None:
    actions.record_needs_assessment(w.gp, **who, answers=NEEDS)


def confirm(w: World, who: dict[str, str]) -> None:
    begin(w, who)
    assess(w, who)
    actions.decide_level(w.gp, **who, level=2)
    actions.make_plan(w.gp, **who)
    actions.confirm_plan(w.gp, **who, goals=[actions.GoalDraft("Gå en tur")])


def test_found_tells_the_right_its_day_what_comes_and_whom_to_call(w: World, who: dict[str, str], page: Page) -> None:
    told = page(w, who["patient_id"])
    assert "Klinikken kontakter dig" in told
    assert "Din plan skal være klar senest 22. marts 2027." in told
    assert "giver dig ret til et forløb" in told
    assert "hvad der er vigtigt for dig" in told
    assert "I laver din plan sammen." in told
    assert "Lægerne Prøvestræde" in told
    assert f"Ring {PHONE}" in told
    assert "Du kan sige nej, og du kan altid ombestemme dig." in told
    assert "Niveau" not in told  # nothing has been decided about this person
    assert "Skriv et mål" in told


def test_found_with_an_unknown_day_of_diagnosis_says_so(w: World, page: Page) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, recorded=None)
    told = page(w, patient_id)
    assert "Vi kan ikke se, hvilken dag du fik diagnosen." in told
    assert "skal være klar senest" not in told


def test_found_long_ago_counts_from_the_day_it_was_seen(w: World, page: Page) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id, recorded="2015-01-01")
    told = page(w, patient_id)
    assert "senest 31. marts 2027" in told
    assert "Du havde diagnosen, før ordningen begyndte." in told


def test_a_broken_deadline_is_told_honestly_and_is_not_the_patients_fault(
    w: World, who: dict[str, str], page: Page
) -> None:
    assert "skulle have været klar" not in page(w.at("2027-03-22"), who["patient_id"])  # the last day is in time
    late = w.at("2027-03-23")
    told = page(late, who["patient_id"])
    assert "Ring til klinikken, og bed om en tid" in told
    assert "Din plan skulle have været klar senest 22. marts 2027." in told
    assert "Det er ikke din fejl, og du har stadig ret til den." in told
    confirm(late, who)
    told = page(late, who["patient_id"])
    assert (
        "I lavede din plan 23. marts 2027. Den skulle have været klar senest 22. marts 2027. Det blev for sent" in told
    )


def test_begun_tells_what_is_done_and_what_comes_next(w: World, who: dict[str, str], page: Page) -> None:
    begin(w, who)
    told = page(w, who["patient_id"])
    assert "I skal tale om, hvad du har brug for" in told
    assert "Klinikken har startet dit forløb. 1. marts 2027" in told.replace("forløb.1.", "forløb. 1.")
    assert "Dit forløb er begyndt." in told
    assess(w.later(2), who)
    told = page(w.later(2), who["patient_id"])
    assert "I skal tale om, hvor tæt klinikken følger dig" in told
    assert "I har talt om, hvad du har brug for." in told
    actions.decide_level(w.later(3).gp, **who, level=2)
    actions.make_plan(w.later(3).gp, **who)  # a draft is not shown
    told = page(w.later(3), who["patient_id"])
    assert "I skal lave din plan sammen" in told
    assert "Niveau 2" in told
    assert "Din plan skal være klar senest 22. marts 2027." in told


def test_a_plan_in_time_is_told_so(w: World, who: dict[str, str], page: Page) -> None:
    confirm(w, who)
    told = page(w, who["patient_id"])
    assert "I lavede din plan 1. marts 2027. Det var til tiden: Den skulle være klar senest 22. marts 2027." in told
    assert "Din plan: " in told
    assert "Gå en tur" in told


def test_a_wish_to_wait_stands_beside_the_day(w: World, who: dict[str, str], page: Page) -> None:
    actions.pause_clock(w.gp, **who, reason="på rejse")
    told = page(w.later(5), who["patient_id"])
    assert "Du har bedt om at vente siden 1. marts 2027." in told
    assert "senest 22. marts 2027" in told


def test_a_no_is_respected_and_the_door_stands_open(w: World, who: dict[str, str], page: Page) -> None:
    actions.decline_episode(w.later(4).gp, **who, reason="vil ikke")
    told = page(w.later(60), who["patient_id"])
    assert "Lige nu Du har sagt nej tak til forløbet" in told
    assert "Det næste, der skal ske" not in told
    assert "Du sagde nej tak til forløbet 5. marts 2027." in told
    assert "Du kan ombestemme dig, når du vil." in told
    assert "Da du sagde nej, var fristen for din plan 22. marts 2027. Din ret gælder stadig" in told
    assert f"Ring {PHONE}" in told
    assert "vil ikke" not in told  # the clinic's note about why is not thrown back
    assert "skulle have været klar" not in told
    assert "Skriv et mål" not in told


def test_a_no_after_the_deadline_does_not_hide_it(w: World, who: dict[str, str], page: Page) -> None:
    actions.decline_episode(w.later(40).gp, **who, reason="for sent")
    assert "Din plan skulle have været klar senest 22. marts 2027. Det blev den ikke" in page(
        w.later(41), who["patient_id"]
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("moved-practice", "Du har skiftet læge."),
        ("wrong-diagnosis", "diagnosen alligevel ikke passer på dig"),
        ("merged", "så du har én samlet plan"),
        ("declined", "Du valgte at stoppe."),
        ("completed", "Får du brug for hjælp igen"),
    ],
)
def test_an_end_is_told_kindly(w: World, who: dict[str, str], page: Page, reason: str, words: str) -> None:
    confirm(w, who)
    actions.end_episode(w.later(9).gp, **who, reason=reason)
    told = page(w.later(10), who["patient_id"])
    assert "Dit forløb sluttede 10. marts 2027." in told
    assert words in told
    assert "Det var til tiden" in told  # a right that was kept stays kept
    assert "Gå en tur" in told
    assert "Det har I aftalt" not in told


@pytest.mark.parametrize("phase", ["found", "begun", "declined", "ended"])
def test_measurements_and_appointments_are_shown_in_every_phase(
    w: World, who: dict[str, str], page: Page, phase: str
) -> None:
    w.measure(who["patient_id"], "MCS88021", 3)
    start = datetime.combine(days.date_of(w.today + 6), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=9)
    appointments.book(w.gp, patient_id=who["patient_id"], kind="kol-kontrol", start=start)
    if phase == "begun":
        begin(w, who)
    elif phase == "declined":
        actions.decline_episode(w.gp, **who, reason="nej")
    elif phase == "ended":
        actions.end_episode(w.gp, **who, reason="moved-practice")
    told = page(w.later(1), who["patient_id"])
    assert "Dine målinger" in told
    assert "KOL-kontrol" in told
    assert "søndag 7. marts, kl. 9.00" in told.lower()


def test_without_a_known_clinic_the_patient_is_told_whom_to_ask(w: World, page: Page) -> None:
    with store.unit_of_work(w.system) as uow:
        alone = {"resourceType": "Patient", "name": [{"given": ["Ene"], "family": "Jensen"}], "birthDate": "1950-01-01"}
        patient_id = uow.create(alone).id
    told = page(w, patient_id)
    assert "Du har ikke en plan her endnu." in told
    assert "vi kan ikke se, hvilken klinik du hører til" in told


def test_every_phase_in_english(w: World, who: dict[str, str], page: Page) -> None:
    told = page(w, who["patient_id"], "en")
    assert "The clinic contacts you" in told
    assert "Your plan is to be ready by 22 March 2027." in told
    actions.decline_episode(w.gp, **who, reason="no")
    told = page(w, who["patient_id"], "en")
    assert "You said no to the course on 1 March 2027." in told
    assert not re.search(r"[æøå]", told.replace("Lægerne Prøvestræde", "").replace("Prøve", ""))


def test_with_several_packages_each_step_stands_once_and_the_courses_are_folded(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_packages.installed(tmp_path / "own"):
        patient_id = w.patient()
        for package in ("sukker", "hjertet"):
            two_packages.start(w, patient_id, package)
        monkeypatch.setattr(access_web, "timezone", SimpleNamespace(now=clock.fixed(w.now)))
        people.save_persona(Persona("mig", "Prøve Jensen", "Patient", Role.CITIZEN, "", "", patient_id))
        client = browser("mig")
        body = client.get("/minplan/").content.decode()
        assert body.count(">Det har I aftalt<") == 1
        assert "På samme tid for: Hjertet, Sukker" in body
        for package in ("sukker", "hjertet"):
            assert f'<details class="th-panel th-fold" id="forloeb-{package}">' in body
        ids = re.findall(r'\bid="([^"]+)"', body)
        assert sorted(ids) == sorted(set(ids))
        # What is wrong in one course's form is told there alone, and its course is open.
        answer = client.post("/minplan/sukker/maal", {"text": "  "})
        assert answer.status_code == 422
        told = answer.content.decode()
        assert '<details class="th-panel th-fold" id="forloeb-sukker" open>' in told
        assert '<details class="th-panel th-fold" id="forloeb-hjertet">' in told
        assert 'href="#maal-sukker-text"' in told


def test_what_is_late_is_told_as_late(w: World, who: dict[str, str], page: Page) -> None:
    confirm(w, who)
    told = page(w.later(500), who["patient_id"])
    assert "Det skulle være sket senest" in told
    assert "Skulle være sket senest" in told


def test_a_goal_with_a_limit_is_told_at_its_curve(w: World, who: dict[str, str], page: Page) -> None:
    actions.start_episode(w.gp, **who)
    system, code = "urn:oid:1.2.208.184.100.8", "MCS88021"
    w.measure(who["patient_id"], code, 3)
    assert "Mål: højst 2" not in page(w, who["patient_id"])
    limits = Limits(measure=Code(system, code, "MRC"), at_most_milli=2_000)
    actions.add_goal(w.gp, **who, text="Gå uden at blive forpustet", limits=limits)
    assert "Mål: højst 2. Ikke nået ved seneste måling." in page(w, who["patient_id"])
