"""The clinic's lists through their pages: files, saved views, following up, today, who is left out, what is unknown."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.people import condition, patient, system
from tovholder import store
from tovholder.access import Role
from tovholder.access.models import AuditEvent
from tovholder.access.people import Persona, save_persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.cockpit import flags
from tovholder.fhir import systems
from unit.web import world as worlds
from unit.web.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Somebody found forty days ago whose plan is late, so that a flag stands; and a colleague at the clinic."""
    found = system_clock() - timedelta(days=40)
    monkeypatch.setattr(worlds, "system_clock", lambda: found)
    made = worlds.make(diagnosed_days_ago=1)
    save_persona(Persona("bo", "Bo Kollega", "Sygeplejerske", Role.STAFF, made.clinic, "bo", ""))
    flags.run_all(system_clock())
    return made


def words(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body.decode())))


def follow(world: World) -> str:
    return f"{world.course}opfoelgning"


def known(client: Any, world: World) -> str:
    found = re.search(r'name="known" value="([^"]*)"', client.get(follow(world)).content.decode())
    assert found is not None
    return html.unescape(found[1])


class TestFollowingUp:
    def test_a_call_in_one_press_is_kept_and_told_in_the_list(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = words(gp.get(follow(world)))
        assert "Frist for plan er overskredet" in page and "Hvad skete der?" in page
        sent = {"do": "attempt", "by": "phone", "outcome": "no-answer", "known": known(gp, world)}
        sent["flag"] = "kol-plan-deadline-over"
        answer = gp.post(f"{follow(world)}?pakke=kol", sent)
        assert answer.status_code == 302 and answer["Location"].startswith("/klinik/?pakke=kol#r-")
        page = words(gp.get("/klinik/"))
        assert "Intet svar: det er noteret hos Prøve Prøvesen." in page
        assert "Forsøgt kontaktet 1 gang" in page

    def test_pressed_twice_it_is_asked_whether_it_is_meant(self, world: World) -> None:
        gp = worlds.browser("laege")
        sent = {"do": "attempt", "by": "phone", "outcome": "reached", "note": "Ringer igen", "known": known(gp, world)}
        sent["flag"] = "kol-plan-deadline-over"
        assert gp.post(follow(world), sent).status_code == 302
        again = gp.post(follow(world), sent)
        page = words(again)
        assert again.status_code == 409 and "Der er sket noget" in page and "Ringer igen" in again.content.decode()
        renewed = known(gp, world)
        assert renewed in html.unescape(again.content.decode())  # sent again from this page, it is meant
        assert gp.post(follow(world), sent | {"known": renewed}).status_code == 302

    @pytest.mark.parametrize(
        "sent",
        [
            {"do": "attempt", "by": "phone", "outcome": "other"},
            {"do": "attempt", "by": "phone"},
            {"do": "attempt", "by": "pigeon", "outcome": "reached"},
            {"do": "message", "text": ""},
            {"do": "message", "text": "x" * 2001},
            {"do": "assign", "to": "Practitioner/fremmed"},
            {"do": "snooze", "until": "", "reason": "Ferie", "flag": "kol-plan-deadline-over"},
            {"do": "snooze", "until": "2020-01-01", "reason": "Ferie", "flag": "kol-plan-deadline-over"},
            {"do": "snooze", "until": "2099-01-01", "reason": "Ferie", "flag": "kol-plan-deadline-over"},
            {"do": "snooze", "reason": "", "flag": "kol-plan-deadline-over"},
            {"do": "snooze", "reason": "Ferie", "flag": "no-such-flag"},
        ],
    )
    def test_what_cannot_be_meant_is_told_and_nothing_is_stored(self, world: World, sent: dict[str, str]) -> None:
        gp = worlds.browser("laege")
        answer = gp.post(follow(world), {"known": known(gp, world), **sent})
        assert answer.status_code == 422 and "Der er noget, du skal rette" in words(answer)
        assert store.search_all(system(system_clock()), "Communication", []) == []

    def test_put_off_the_flag_is_gone_from_today_and_stands_among_what_is_put_off(self, world: World) -> None:
        gp = worlds.browser("laege")
        until = days.date_of(days.day_of(system_clock())) + timedelta(days=7)
        for rule in ("kol-plan-deadline-over", "kol-not-started"):
            sent = {
                "do": "snooze",
                "flag": rule,
                "until": until.isoformat(),
                "reason": "Ferie",
                "known": known(gp, world),
            }
            assert gp.post(follow(world), sent).status_code in (302, 422)
        page = words(gp.get("/klinik/?vis=udskudt"))
        assert "Udskudt til" in page and "Prøve Prøvesen" in page
        assert "Ferie" in words(gp.get(follow(world)))
        assert gp.post(follow(world), {"do": "resume", "flag": "kol-plan-deadline-over", "known": known(gp, world)})
        assert "Prøve Prøvesen" in words(gp.get("/klinik/?vis=i-dag"))

    def test_a_course_given_to_a_colleague_is_theirs_and_nobody_elses(self, world: World) -> None:
        gp, bo = worlds.browser("laege"), worlds.browser("bo")
        sent = {"do": "assign", "to": "Practitioner/bo", "note": "Tager du den?", "known": known(gp, world)}
        assert gp.post(follow(world), sent).status_code == 302
        assert "Tildelt Bo Kollega" in words(gp.get("/klinik/?vis=alle"))
        assert "Prøve Prøvesen" not in words(gp.get("/klinik/?vis=mine"))
        assert "Prøve Prøvesen" in words(bo.get("/klinik/?vis=mine"))

    def test_a_message_is_read_in_minplan(self, world: World) -> None:
        gp = worlds.browser("laege")
        sent = {"do": "message", "text": "Ring til os\nom en tid", "flag": "", "known": known(gp, world)}
        sent["flag"] = "kol-plan-deadline-over"
        assert gp.post(follow(world), sent).status_code == 302
        page = words(worlds.browser("patient").get("/minplan/"))
        assert "Beskeder fra klinikken" in page and "Ring til os om en tid" in page

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_another_clinic_finds_nobody_there(self, world: World, method: str) -> None:
        assert getattr(worlds.browser("anden"), method)(follow(world)).status_code == 404


class TestPackage:
    def test_its_filters_columns_and_orders(self, world: World) -> None:
        gp = worlds.browser("laege")
        page = gp.get("/klinik/?pakke=kol")
        said = words(page)
        assert "Kan starte i KOL-forløb 1" in said and "Frist nær eller overskredet 1" in said
        assert "Diagnose stillet" in said and "Mulig siden" in said
        start = words(gp.get("/klinik/?pakke=kol&vis=start"))
        assert "Prøve Prøvesen" in start and "Næste kontrol Ikke booket" not in start  # the start list's columns alone
        assert "Prøve Prøvesen" not in words(gp.get("/klinik/?pakke=kol&vis=niveau-3"))
        for order in ("diagnose", "mrc", "flag", "alder", "niveau", "naeste-kontrol", "findes-ikke"):
            for way in ("", "ned"):
                assert gp.get(f"/klinik/?pakke=kol&orden={order}&retning={way}").status_code == 200

    def test_what_the_page_does_not_know_is_as_if_not_said(self, world: World) -> None:
        gp = worlds.browser("laege")
        for query in (
            "pakke=findes-ikke",
            "vis=x&niveau=9",
            "antal=-1",
            "antal=99999999999",
            "antal=abc&retning=op",
            "antal=%C2%B2",
            "vis=%00",
        ):
            assert gp.get(f"/klinik/?{query}").status_code == 200, query


class TestFile:
    def test_the_list_as_a_spreadsheet_is_noted_in_the_trail(self, world: World) -> None:
        answer = worlds.browser("laege").get("/klinik/liste.csv?pakke=kol")
        body = answer.content.decode()
        assert body.startswith("\ufeff") and "attachment" in answer["Content-Disposition"]
        heading, line = list(csv.reader(io.StringIO(body[1:]), delimiter=";"))
        told = dict(zip(heading, line, strict=True))
        assert told["Patient"] == "Prøve Prøvesen"
        assert "Frist for plan er overskredet" in told["Flag"]
        assert told["MRC"] == ""
        assert AuditEvent.objects.filter(action="export", detail="cockpit-csv").count() == 1

    def test_no_text_is_run_by_a_spreadsheet(self, world: World) -> None:
        with store.unit_of_work(system(system_clock())) as uow:
            made = patient(world.clinic)
            made["name"] = [{"use": "official", "given": ["=SUM(1)"], "family": "X"}]
            person = uow.create(made).id
            uow.create(condition(person, recorded="2026-11-01"))
        assert "\r\n'=SUM(1) X;" in worlds.browser("laege").get("/klinik/liste.csv?vis=alle").content.decode()

    def test_who_blocked_the_clinic_is_in_no_file_and_no_count(self, world: World) -> None:
        citizen = worlds.browser("patient")
        sent = {"do": "block", "who": f"Organization/{world.clinic}", "what": "alt", "understood": "on"}
        assert citizen.post("/minplan/spaerringer", sent).status_code == 302
        gp = worlds.browser("laege")
        for path in (
            "/klinik/liste.csv?vis=alle", "/klinik/?vis=alle", "/klinik/?pakke=kol", "/klinik/i-dag",
            "/klinik/ikke-foreslaaet", "/klinik/datakvalitet", "/klinik/kontroller",
        ):  # fmt: skip
            assert "Prøvesen" not in words(gp.get(path)), path
        assert gp.get(follow(world)).status_code == 404


class TestViews:
    def test_a_view_is_saved_shared_and_taken_away(self, world: World) -> None:
        gp, bo = worlds.browser("laege"), worlds.browser("bo")
        sent = {"name": "Røde i KOL", "shared": "on", "query": "pakke=kol&vis=niveau-3&orden=mrc&skadelig=1"}
        answer = gp.post("/klinik/visning", sent)
        assert answer["Location"] == "/klinik/?pakke=kol&vis=niveau-3&orden=mrc"
        assert "Røde i KOL" in words(bo.get("/klinik/")) and "delt af en kollega" in words(bo.get("/klinik/"))
        found = re.search(r"/klinik/visning/(\d+)/fjern", gp.get("/klinik/").content.decode())
        assert found is not None
        assert bo.post(found[0]).status_code == 404
        assert worlds.browser("anden").post(found[0]).status_code == 404
        assert "Røde i KOL" not in words(worlds.browser("anden").get("/klinik/"))
        assert gp.post(found[0]).status_code == 302
        assert "Røde i KOL" not in words(gp.get("/klinik/"))

    def test_one_of_a_name_and_never_without(self, world: World) -> None:
        gp = worlds.browser("laege")
        assert gp.post("/klinik/visning", {"name": "Min", "query": "vis=alle"}).status_code == 302
        assert gp.post("/klinik/visning", {"name": "Min", "query": "vis=alle"}).status_code == 409
        assert gp.post("/klinik/visning", {"name": " ", "query": "vis=alle"}).status_code == 422
        assert gp.post("/klinik/visning", {"name": "x" * 61, "query": ""}).status_code == 422

    def test_only_what_the_list_can_be_looked_at_by_is_kept(self, world: World) -> None:
        gp = worlds.browser("laege")
        long = {"name": "Lang", "query": f"pakke={'æ' * 64}&vis={'ø' * 64}&orden=010101-1234 Prøve"}
        assert gp.post("/klinik/visning", long)["Location"] == "/klinik/"
        assert gp.post("/klinik/visning", {"name": "Nul", "query": "vis=\x00"}).status_code == 400


class TestOtherLists:
    def test_everybody_booked_today_for_anything(self, world: World) -> None:
        now = system_clock().astimezone(days.COPENHAGEN)
        start = datetime.combine(now.date(), datetime.min.time(), days.COPENHAGEN) + timedelta(hours=12)
        with store.unit_of_work(system(system_clock())) as uow:
            other = uow.create(patient(world.clinic, family="Udenpakke")).id
            for person, title in ((world.patient, "Blodtryk"), (other, "Ondt i øret")):
                uow.create(
                    {
                        "resourceType": "Appointment",
                        "status": "booked",
                        "description": title,
                        "start": start.isoformat(),
                        "end": (start + timedelta(minutes=15)).isoformat(),
                        "participant": [{"actor": {"reference": f"Patient/{person}"}, "status": "accepted"}],
                        "extension": [
                            {
                                "url": systems.extension_url("organization"),
                                "valueReference": {"reference": f"Organization/{world.clinic}"},
                            }
                        ],
                    }
                )
        page = words(worlds.browser("laege").get("/klinik/i-dag"))
        assert "Prøve Udenpakke" in page and "Er ikke i en kronikerpakke." in page
        assert "Prøve Prøvesen" in page and "Frist for plan er overskredet" in page
        assert "Prøve Udenpakke" not in words(worlds.browser("anden").get("/klinik/i-dag"))

    def test_nobody_is_left_out_in_silence(self, world: World) -> None:
        recorded = days.iso(days.day_of(system_clock()) - 5)
        with store.unit_of_work(system(system_clock())) as uow:
            young = uow.create(patient(world.clinic, family="Ung", born="2015-01-01")).id
            uow.create(condition(young, recorded=recorded))
            new = uow.create(patient(world.clinic, family="Ny")).id
            uow.create(condition(new, "L84", recorded=recorded))
        page = words(worlds.browser("laege").get("/klinik/ikke-foreslaaet"))
        assert "For ung" in page and "Prøve Ung" in page
        assert "Prøve Ny" in page and "5 dage" in page  # not 12 weeks yet
        assert "Prøve Prøvesen" not in page

    def test_what_is_not_known_is_told_with_what_to_do(self, world: World) -> None:
        with store.unit_of_work(system(system_clock())) as uow:
            person = uow.create(patient(world.clinic, family="Udato")).id
            uow.create(condition(person, recorded=None))
        page = words(worlds.browser("laege").get("/klinik/datakvalitet"))
        assert "Diagnosens dato mangler 1" in page and "Prøve Udato" in page
        assert "Skriv diagnosens dato i jeres journalsystem." in page

    def test_controls_to_come_stand_by_month(self, world: World) -> None:
        page = words(worlds.browser("laege").get("/klinik/kontroller"))
        assert "1 forløb har ingen bekræftet plan endnu" in page
        assert days.date_of(days.day_of(system_clock())).strftime("%Y") in page


def test_the_list_asks_a_bounded_number_of_questions(world: World) -> None:
    gp = worlds.browser("laege")

    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert gp.get(path).status_code == 200
        return len(caught)

    paths = (
        "/klinik/?vis=alle",
        "/klinik/?pakke=kol",
        "/klinik/datakvalitet",
        "/klinik/ikke-foreslaaet",
        "/klinik/kontroller",
    )
    before = {path: (asked(path), asked(path))[1] for path in paths}
    assert all(4 <= count <= 40 for count in before.values()), before
    with store.unit_of_work(system(system_clock())) as uow:
        for number in range(12):
            person = uow.create(patient(world.clinic, family=f"Flere{number}")).id
            uow.create(condition(person, recorded="2026-11-01"))
    assert {path: asked(path) for path in paths} == before
