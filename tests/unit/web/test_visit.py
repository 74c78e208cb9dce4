"""A control from its page: answers, how today's time went and the next one are kept together, or none of them is."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest

from journeys.seed import followed
from lib.people import condition, context, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.base.clock import system_clock
from unit.web import world as worlds
from unit.web.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """A patient with a plan, and a time today for the control."""
    made = worlds.make()
    now = system_clock()
    followed(context(Role.GP, made.clinic, now=now, actor=f"Practitioner/{made.doctor}"), made.patient)
    midnight = now.astimezone(days.COPENHAGEN).replace(hour=0, minute=30)
    appointments.book(
        system(now), patient_id=made.patient, kind="kol-kontrol", start=midnight, organization_id=made.clinic
    )
    return made


def sheet(world: World) -> str:
    return f"{world.course}formular/kol-kontrol"


def words(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def shown(page: str, name: str) -> str:
    """What a field of the page holds."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag is not None, name
    value = re.search(r'value="([^"]*)"', tag[0])
    return value[1] if value else ""


def times(world: World) -> list[tuple[str, str]]:
    found = store.search_all(system(), "Appointment", [("patient", f"Patient/{world.patient}")])
    return sorted((one.resource["start"][:10], one.resource["status"]) for one in found)


def answers_kept(world: World) -> int:
    found = store.search_all(system(), "QuestionnaireResponse", [("patient", f"Patient/{world.patient}")])
    return sum("kol-kontrol" in one.resource["questionnaire"] for one in found)


def tomorrow() -> str:
    return (system_clock().astimezone(days.COPENHAGEN) + timedelta(days=1)).date().isoformat()


def sent(page: str, **more: str) -> dict[str, str]:
    """A form as a browser sends it: what stands there, and what is written."""
    names = ("besoeg-appointment", "besoeg-date", "besoeg-time")
    return {name: shown(page, name) for name in names} | {"besoeg-kind": "kol-kontrol"} | more


class TestOneStep:
    def test_answers_outcome_and_the_next_time_are_kept_together(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        assert "er gennemført" in page and "checked" not in page  # a hint is no answer
        assert 'name="naeste-kontrol"' not in page  # the booking answers it
        answer = gp.post(
            sheet(world),
            sent(page, slut="book", mrc="3", **{"cat-total": "17", "besoeg-held": "on", "besoeg-date": tomorrow()}),
            follow=True,
        )
        told = words(answer)
        assert "Svarene er gemt. Det er noteret, at aftalen blev gennemført. KOL-kontrol er booket" in told
        assert [status for _day, status in times(world)] == ["fulfilled", "booked"]
        kept = store.search_all(system(), "QuestionnaireResponse", [("patient", f"Patient/{world.patient}")])
        assert any(tomorrow() in str(one.resource) for one in kept)  # the day of the next control is told once
        again = words(gp.get(sheet(world)))
        assert "Næste kontrol er booket" in again and "Gem, og book" not in again

    def test_without_booking_nothing_is_booked_and_nothing_is_told_of_the_visit(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        assert gp.post(sheet(world), sent(page, slut="gem", mrc="3")).status_code == 302
        assert [status for _day, status in times(world)] == ["booked"]
        assert answers_kept(world) == 1

    def test_enter_without_scripts_sends_no_button_and_books_nothing(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        assert gp.post(sheet(world), sent(page, mrc="2")).status_code == 302
        assert len(times(world)) == 1

    def test_the_proposed_day_is_the_plans_next_control_on_a_weekday(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        proposed = shown(page, "besoeg-date")
        assert proposed > tomorrow()
        assert days.date_of(days.parse_day(proposed) or 0).weekday() < 5

    def test_one_goes_back_to_the_list_one_came_from(self, world: World) -> None:
        gp = worlds.browser("laege")
        listed = gp.get("/klinik/i-dag").content.decode()
        link = re.search(r'href="([^"]*formular/kol-kontrol[^"]*)"', listed)
        assert link is not None
        page = gp.get(html.unescape(link[1])).content.decode()
        answer = gp.post(sheet(world), sent(page, slut="gem", mrc="3", tilbage=shown(page, "tilbage")))
        assert answer["Location"] == "/klinik/i-dag"
        elsewhere = gp.post(sheet(world), sent(page, slut="gem", mrc="4", tilbage="https://andet.example/"))
        assert elsewhere["Location"].startswith(world.course)


class TestWrong:
    @pytest.mark.parametrize(
        ("field", "value", "told"),
        [
            ("besoeg-date", "2019-01-01", "Datoen er passeret"),
            ("besoeg-date", "", "Skriv datoen for aftalen."),
            ("besoeg-time", "25.99", "Skriv klokkeslættet som timer og minutter"),
            ("besoeg-kind", "findes-ikke", "Vælg en af de muligheder"),
            ("mrc", "9", "MRC"),
        ],
    )
    def test_nothing_is_kept_and_nothing_typed_is_lost(self, world: World, field: str, value: str, told: str) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        answer = gp.post(sheet(world), sent(page, slut="book", **{"cat-total": "17"} | {field: value}))
        assert answer.status_code == 422
        assert told in words(answer) and shown(answer.content.decode(), "cat-total") == "17"
        assert answers_kept(world) == 0 and len(times(world)) == 1

    def test_a_refused_form_that_was_not_to_book_still_proposes_a_day_and_keeps_the_tick(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        answer = gp.post(sheet(world), sent(page, slut="gem", mrc="9", **{"besoeg-held": "on"}))
        again = answer.content.decode()
        assert answer.status_code == 422
        assert shown(again, "besoeg-date") == shown(page, "besoeg-date")
        assert re.search(r'name="besoeg-held"[^>]*checked', again)

    def test_an_outcome_told_in_another_window_keeps_the_answers_back_and_says_so(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        appointments.mark_noshow(
            context(Role.GP, world.clinic, now=system_clock()),
            patient_id=world.patient,
            appointment_id=shown(page, "besoeg-appointment"),
        )
        answer = gp.post(sheet(world), sent(page, slut="gem", mrc="3", **{"besoeg-held": "on"}))
        assert answer.status_code in (409, 422) and shown(answer.content.decode(), "mrc") == "3"
        assert answers_kept(world) == 0

    def test_another_patients_time_is_not_told(self, world: World) -> None:
        with store.unit_of_work(system()) as uow:
            other = uow.create(patient(world.clinic, family="Anden")).id
            uow.create(condition(other))
        theirs = appointments.book(
            system(), patient_id=other, kind="kol-kontrol", start=system_clock(), organization_id=world.clinic
        )
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        more = {"besoeg-held": "on", "besoeg-appointment": str(theirs.id)}
        assert gp.post(sheet(world), sent(page, slut="gem", mrc="3", **more)).status_code == 409
        assert store.read(system(), "Appointment", str(theirs.id)).resource["status"] == "booked"
        assert answers_kept(world) == 0

    def test_a_double_press_is_one_visit(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get(sheet(world)).content.decode()
        body = sent(page, slut="book", mrc="3", **{"besoeg-held": "on"})
        assert gp.post(sheet(world), body).status_code == 302
        assert gp.post(sheet(world), body).status_code in (409, 422)
        assert answers_kept(world) == 1 and len(times(world)) == 2
