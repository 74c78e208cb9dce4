"""Medicine on the clinic's page and in MinPlan: noted once, told to the patient, and every slip told at its field."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import translation

from tovholder import packages
from tovholder.access import Role, people
from tovholder.access.people import Persona
from tovholder.web.forms_medicine import MedicineForm
from unit.web import world as worlds

pytestmark = pytest.mark.django_db
TODAY = date.today()


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def world() -> worlds.World:
    """A course with a confirmed plan."""
    made = worlds.make()
    client, day = worlds.browser("laege"), TODAY.isoformat()
    needs = dict.fromkeys(packages.get("kol").level.base.link_ids, "2")
    client.post(made.course + "start", {"offered": day, "started": day})
    client.post(made.course + "formular/kol-behovsvurdering", needs)
    client.post(made.course + "niveau", {"level": "2"})
    client.post(made.course + "plan/kladde")
    sent = client.post(made.course + "plan/bekraeft", {"goal": "Gå en tur", "by_patient": "patient", "together": "on"})
    assert sent.status_code == 302
    return made


GIVEN = {
    "change": "start",
    "group": "lama",
    "name": "Tiotropium",
    "atc": "r03bb04",
    "dosage": "1 inhalation hver morgen",
    "reason": "Åndenød trods anfaldsmedicin",
    "since": TODAY.isoformat(),
    "followup": "",
}


def test_noted_by_the_nurse_seen_by_the_patient_and_followed_up_in_the_plan(world: worlds.World) -> None:
    people.save_persona(Persona("nanna", "Nanna Nurse", "Sygeplejerske", Role.STAFF, world.clinic, "nanna", ""))
    nurse, place = worlds.browser("nanna"), world.course + "medicin"
    empty = text(nurse.get(place))
    assert "Det betyder ikke, at patienten ingen medicin får" in empty
    assert "Langtidsvirkende antikolinergikum (LAMA): 42 dage efter start" in empty
    assert f'href="{place}"' in text(nurse.get(world.course))
    sent = nurse.post(place, GIVEN)
    assert (sent.status_code, sent["Location"]) == (302, place)
    told = text(nurse.get(place))
    assert "Medicinen er noteret, og opfølgningen står i planen." in told
    assert "Tiotropium" in told and "R03BB04" in told
    assert "Opfølgning på medicin" in text(nurse.get(world.course))
    own = text(worlds.browser("patient").get("/minplan/"))
    assert "Medicin, I har talt om" in own
    assert "1 inhalation hver morgen" in own
    assert "Opfølgning på medicin" in own
    assert "Det er ikke hele din medicinliste" in own


def test_sent_twice_and_from_two_windows_it_is_noted_once(world: worlds.World) -> None:
    client, place = worlds.browser("laege"), world.course + "medicin"
    client.post(place, GIVEN)
    again = client.post(place, GIVEN)
    assert again.status_code == 409
    assert "Åndenød trods anfaldsmedicin" in text(again)  # what was typed stands
    other = client.post(place, GIVEN | {"reason": "Noget andet"})
    assert other.status_code == 409
    assert text(client.get(place)).count("th-todo-title") == 1


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"change": ""}, "change", "Vælg, om medicinen startes"),
        ({"change": "dose"}, "change", "Vælg en af de muligheder"),
        ({"group": ""}, "group", "Vælg slags medicin."),
        ({"name": " "}, "name", "Skriv medicinens navn."),
        ({"name": "x" * 121}, "name", "højst 120 tegn"),
        ({"atc": "tiotropium"}, "atc", "Skriv ATC-koden som"),
        ({"atc": "R03AC13"}, "atc", "hører ikke til den slags medicin"),
        ({"group": "anden", "atc": ""}, "atc", "når det er anden medicin"),
        ({"group": "anden"}, "group", "Vælg den."),
        ({"group": "anden", "atc": "C09AA02"}, "followup", "Pakken har ikke et forslag"),
        ({"reason": ""}, "reason", "Skriv, hvorfor"),
        ({"since": (TODAY + timedelta(days=1)).isoformat()}, "since", "ligger i fremtiden"),
        ({"since": ""}, "since", "fra hvilken dag"),
        ({"followup": (TODAY - timedelta(days=1)).isoformat()}, "followup", "er passeret"),
        ({"followup": "snart"}, "followup", "dag, måned og år"),
    ],
)
def test_every_slip_is_told_at_its_field(changes: dict[str, str], field: str, words: str) -> None:
    from tovholder.base import days

    form = MedicineForm(
        GIVEN | changes, today=days.day_of(TODAY), name="medicin", package=packages.get("kol"), language="da"
    )
    with translation.override("da"):
        assert not form.is_valid()
        assert words in " ".join(str(error) for error in form.errors[field])


def test_an_empty_form_is_explained_and_nothing_is_noted(world: worlds.World) -> None:
    client, place = worlds.browser("laege"), world.course + "medicin"
    answer = client.post(place, {"name": "Tiotropium"})
    assert answer.status_code == 422
    assert 'value="Tiotropium"' in text(answer)
    assert "Der er ikke noteret medicin i forløbet" in text(answer)


def test_stopped_in_english_and_another_clinics_patient_is_nobodys(world: worlds.World) -> None:
    client, place = worlds.browser("laege"), world.course + "medicin"
    client.post(place, GIVEN)
    client.post(place, GIVEN | {"change": "stop", "reason": "Mundtørhed"})
    client.post("/sprog/", {"language": "en"})
    told = text(client.get(place))
    assert "Stopped" in told and "Mundtørhed" in told
    assert worlds.browser("anden").get(place).status_code == 404
    assert worlds.browser("anden").post(place, GIVEN).status_code == 404
    assert worlds.browser("patient").get(place).status_code == 403


def test_the_action_plan_stands_in_minplan_in_both_languages(world: worlds.World) -> None:
    client = worlds.browser("patient")
    told = text(client.get("/minplan/"))
    assert "Min handleplan, når jeg har KOL" in told
    assert "Når det bliver værre: ring til klinikken samme dag" in told
    assert 'href="tel:112"' in told
    client.post("/sprog/", {"language": "en"})
    assert "When it is serious: call 112" in text(client.get("/minplan/"))
