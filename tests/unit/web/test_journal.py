"""The hospital's door: the same pages as other receivers', with the record beside them; whom it is sent, and whom it opens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lib.people import clinic, context, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.access.people import Persona, save_persona
from tovholder.base.clock import system_clock
from tovholder.fhir import systems
from tovholder.plan import actions, queries, resources
from tovholder.referral import actions as referral
from unit.web import world as worlds
from unit.web.test_partner import ago, does, text
from unit.web.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """A patient with COPD referred to the lung clinic; and a prevention centre to refer on to."""
    held = worlds.make()
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        lungs = uow.create(clinic("Lungemedicinsk Ambulatorium", kind="hospital")).id
        uow.create(clinic("Sundhedscenter Nær", kind="prevention"))
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Lunge", "given": ["Lis"]}]}).id
        uow.create(
            {
                "resourceType": "Observation", "status": "final", "effectiveDateTime": ago(10),
                "code": {"coding": [{"system": systems.MCS, "code": "MCS88023"}]},
                "subject": {"reference": f"Patient/{held.patient}"}, "valueQuantity": {"value": 48, "unit": "%"},
            }
        )  # fmt: skip
    gp = context(Role.GP, held.clinic, now=now, actor=f"Practitioner/{held.doctor}")
    about = {"patient_id": held.patient, "episode_id": str(queries.episode_view(gp, held.patient, "kol").episode.id)}
    actions.start_episode(gp, **about)
    referral.send(gp, **about, kind="lungeambulatorium", receiver_id=lungs, receiver_kind="hospital")
    save_persona(Persona("lis", "Lis Lunge", "Overlæge", Role.HOSPITAL, lungs, doctor, ""))
    return held


def task(world: World) -> Any:
    entries = store.search_all(system(system_clock()), "Task", [("patient", f"Patient/{world.patient}")])
    held = [entry.resource for entry in entries if resources.is_referral(entry.resource)]
    return next(one for one in held if resources.read_referral(one).kind == "lungeambulatorium")


def page(world: World) -> str:
    return f"/journal/patient/{world.patient}/"


def test_it_starts_with_whom_it_was_sent(world: World) -> None:
    told = text(worlds.browser("lis").get("/journal/"))
    assert "Nye henvisninger (1)" in told
    assert "Prøve Prøvesen" in told
    assert worlds.browser("lis").get("/partner/").status_code == 403


def test_the_record_stands_beside_the_plan(world: World) -> None:
    told = text(worlds.browser("lis").get(page(world)))
    assert "FEV1" in told and "48" in told
    assert "Diagnoser" in told and "R95" in told
    assert "Lægerne Prøvestræde" in told


def test_taken_referred_on_and_handed_back(world: World) -> None:
    browser = worlds.browser("lis")
    identity = task(world)["id"]
    does(browser, page(world), "accept", id=identity, dag=ago(0))
    onward = f"{page(world)}henvist/{identity}/videre/"
    assert "KOL-rehabilitering" in text(browser.get(onward))
    form = browser.get(f"{onward}rehabilitering")
    assert "Sundhedscenter Nær" in text(form)
    assert 'value="48' in form.content.decode(), "what the hospital sees fills the form"
    does(browser, page(world), "start", id=identity, dag=ago(0))
    done = does(browser, page(world), "complete", id=identity, dag=ago(0), tekst="Stabil. Kontrol hos jer om et år.")
    assert "lægen har fået jeres besked" in text(done)
    assert "Der er svar" in text(worlds.browser("laege").get("/klinik/henvisninger"))


def test_a_time_and_its_outcome(world: World) -> None:
    browser = worlds.browser("lis")
    episode = store.search_all(system(system_clock()), "EpisodeOfCare", [("patient", f"Patient/{world.patient}")])[0].id
    coming = (system_clock() + timedelta(days=3)).date().isoformat()
    kind = f"{episode}:lungeambulatorium"
    assert "Tiden er booket." in text(does(browser, page(world), "book", kind=kind, date=coming, time="10:00"))
    assert "Lungemedicinsk ambulatorium" in text(browser.get(page(world)))


def test_one_who_is_here_is_opened_by_number_and_read(world: World) -> None:
    with store.unit_of_work(system(system_clock())) as uow:
        numbered = [{"system": systems.CPR, "value": "6205600000"}]
        here = uow.create(patient(world.clinic, family="Akutsen") | {"identifier": numbered}).id
    browser = worlds.browser("lis")
    assert browser.get(f"/journal/patient/{here}/").status_code == 404
    answer = browser.post("/journal/aabn", {"cpr": "620560-0000", "reason": "admitted", "text": ""}, follow=True)
    assert "Prøve Akutsen" in text(answer)
    assert "For at skrive i den" in text(answer)
