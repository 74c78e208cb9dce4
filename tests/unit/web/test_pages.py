"""The pages through their own doors: who may come in, what they show, what an act changes, and what an error tells."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import get_resolver

from tovholder.web.middleware import CONTENT_SECURITY_POLICY
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make()


def text(response: Any) -> str:
    return str(response.content.decode())


def needs_fields() -> dict[str, str]:
    """An answer to each field of the needs assessment, by the names the package gives them."""
    from tovholder import packages

    package = packages.get("kol")
    return dict.fromkeys(package.level.base.link_ids, "2")


def _started() -> dict[str, str]:
    today = date.today().isoformat()
    return {"offered": today, "started": today}


class TestWhoMayComeIn:
    def test_every_page_says_whom_it_is_for(self) -> None:
        pages = list(get_resolver("tovholder.web.urls").url_patterns)
        assert len(pages) > 15
        unsaid = [entry.name for entry in pages if not hasattr(entry.callback, "roles")]
        assert unsaid == []

    @pytest.mark.parametrize("path", ["/klinik/", "/minplan/", "/monitorering/"])
    def test_a_stranger_is_sent_to_the_front_page(self, world: worlds.World, path: str) -> None:
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"] == f"/?next={path.replace('/', '%2F')}"

    @pytest.mark.parametrize(
        ("who", "path"),
        [
            ("patient", "/klinik/"),
            ("patient", "/monitorering/"),
            ("laege", "/minplan/"),
            ("hospital", "/klinik/"),
            ("analytiker", "/klinik/"),
        ],
    )
    def test_another_role_is_told_so(self, world: worlds.World, who: str, path: str) -> None:
        answer = worlds.browser(who).get(path)
        assert answer.status_code == 403
        assert "Det har du ikke adgang til" in text(answer)

    def test_somebody_elses_patient_looks_like_nobody(self, world: worlds.World) -> None:
        mine = worlds.browser("anden").get(world.course)
        nobody = worlds.browser("anden").get("/klinik/patient/findes-ikke/kol/")
        assert mine.status_code == nobody.status_code == 404
        assert "Prøvesen" not in text(mine)

    def test_who_was_refused_stands_in_the_patients_trail(self, world: worlds.World) -> None:
        worlds.browser("anden").get(world.course)
        worlds.browser("hospital").get(world.course)
        worlds.browser("hospital").get("/klinik/")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.actor, e.detail, l.patient_id FROM access_auditevent AS e"
                " LEFT JOIN access_auditpatient AS l ON l.event_id = e.id WHERE e.outcome = 'refused' ORDER BY e.id"
            )
            refused = cursor.fetchall()
        whom = (f"Patient/{world.patient}", world.patient)
        assert refused == [
            ("Practitioner/anden", *whom),
            ("Practitioner/hanne", *whom),
            ("Practitioner/hanne", "page:cockpit", None),
        ]

    def test_a_patient_cannot_decide_a_level(self, world: worlds.World) -> None:
        assert worlds.browser("patient").post(world.course + "niveau", {"level": "1"}).status_code == 403


class TestFrame:
    def test_front_page_lists_the_personas(self, world: worlds.World) -> None:
        answer = Client().get("/")
        assert answer.status_code == 200
        assert "Mette Prøvelæge" in text(answer)
        assert "Prøve Prøvesen" in text(answer)

    def test_the_chooser_refuses_in_production(self, world: worlds.World, settings: Any) -> None:
        settings.PERSONAS_ALLOWED = False
        client = Client()
        assert client.post("/login/persona", {"persona": "laege"}).status_code == 403
        assert "Mette Prøvelæge" not in text(client.get("/"))
        assert client.get("/klinik/").status_code == 302

    def test_csrf_is_asked_for(self, world: worlds.World) -> None:
        assert Client(enforce_csrf_checks=True).post("/login/persona", {"persona": "laege"}).status_code == 403

    def test_headers_of_every_page(self, world: worlds.World) -> None:
        for answer in (Client().get("/"), worlds.browser("laege").get("/klinik/")):
            assert answer["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert answer["Cache-Control"] == "no-store"
            assert answer["X-Frame-Options"] == "DENY"

    def test_danish_first_whatever_the_browser_wants(self, world: worlds.World) -> None:
        answer = Client(headers={"Accept-Language": "en-US"}).get("/")
        assert '<html lang="da">' in text(answer)

    def test_the_language_is_kept_in_a_cookie(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        answer = client.post("/sprog/", {"language": "en", "next": "/klinik/"})
        assert (answer.status_code, answer["Location"]) == (302, "/klinik/")
        page = text(client.get("/klinik/"))
        assert '<html lang="en">' in page
        assert "Who needs us today?" in page

    @pytest.mark.parametrize("target", ["https://example.org/", "//example.org", "javascript:alert(1)"])
    def test_the_language_switch_sends_nobody_away(self, world: worlds.World, target: str) -> None:
        assert Client().post("/sprog/", {"language": "da", "next": target})["Location"] == "/"


class TestCockpit:
    def test_a_new_diagnosis_is_on_the_list_as_not_started(self, world: worlds.World) -> None:
        page = text(worlds.browser("laege").get("/klinik/?vis=ikke-startet"))
        assert "Prøve Prøvesen" in page
        assert "Fundet, ikke startet" in page
        assert f'href="{world.course}' in page

    def test_search_by_name_and_number_goes_by_post(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        for asked in ("prøvesen", "610560-0000", "6105600000"):
            assert "Prøve Prøvesen" in text(client.post("/klinik/", {"q": asked})), asked
        page = text(client.post("/klinik/", {"q": "Ingen Her"}))
        assert "Ingen patient passer til søgningen" in page
        assert f'href="{world.course}' not in page

    def test_an_empty_list_says_what_to_do(self, world: worlds.World) -> None:
        page = text(worlds.browser("anden").get("/klinik/"))
        assert "Her er ingen patienter endnu" in page
        assert "Registrér diagnosen" in page


class TestTheCourse:
    """One patient from found to followed."""

    def start(self, world: worlds.World) -> Client:
        client = worlds.browser("laege")
        answer = client.post(world.course + "start", _started())
        assert answer.status_code == 302, text(answer)
        return client

    def test_from_found_to_a_confirmed_plan_the_patient_sees(self, world: worlds.World) -> None:
        client = self.start(world)
        form = world.course + "formular/kol-behovsvurdering"
        assert client.get(form).status_code == 200
        answer = client.post(form, needs_fields())
        assert answer.status_code == 302, text(answer)
        page = text(client.get(world.course))
        assert "Tovholders forslag" in page
        answer = client.post(world.course + "niveau", {"level": "2"})
        assert answer.status_code == 302, text(answer)
        assert client.post(world.course + "plan/kladde").status_code == 302
        page = text(client.get(world.course))
        assert "Det her er en kladde" in page
        answer = client.post(
            world.course + "plan/bekraeft", {"goal": "Gå tur", "by_patient": "patient", "together": "on"}
        )
        assert answer.status_code == 302, text(answer)
        page = text(client.get(world.course))
        assert "Lavet sammen med patienten" in page
        mine = text(worlds.browser("patient").get("/minplan/"))
        assert "Gå tur" in mine
        assert "Dine egne ord" in mine
        assert "Lægerne Prøvestræde" in mine

    def test_what_is_typed_is_kept_and_the_error_is_told_three_times(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        tomorrow = (date.today() + timedelta(days=1)).isoformat()
        answer = client.post(world.course + "start", {"offered": tomorrow, "started": tomorrow})
        page = text(answer)
        assert answer.status_code == 422
        assert "<title>Fejl: " in page
        assert f'value="{tomorrow}"' in page
        assert 'href="#start-offered"' in page
        assert 'aria-invalid="true"' in page
        assert "Fundet, ikke startet" in page

    def test_pressing_twice_is_told_kindly(self, world: worlds.World) -> None:
        client = self.start(world)
        answer = client.post(world.course + "start", _started())
        assert answer.status_code == 409
        assert "allerede gjort" in text(answer)

    def test_missing_answers_stand_at_their_questions(self, world: worlds.World) -> None:
        client = self.start(world)
        given = needs_fields()
        first, *rest = given
        answer = client.post(world.course + "formular/kol-behovsvurdering", dict.fromkeys(rest, "3"))
        page = text(answer)
        assert answer.status_code == 422
        assert f'href="#svar-{first}"' in page
        assert page.count(" checked") == len(rest)

    def test_a_form_the_package_does_not_have_is_not_there(self, world: worlds.World) -> None:
        assert worlds.browser("laege").get(world.course + "formular/findes-ikke").status_code == 404

    def test_an_act_reloaded_leads_back_to_the_page(self, world: worlds.World) -> None:
        answer = worlds.browser("laege").get(world.course + "niveau")
        assert (answer.status_code, answer["Location"]) == (302, world.course)

    def test_a_no_is_recorded_and_can_be_changed(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        assert client.post(world.course + "nej-tak", {"reason": "Ikke lige nu"}).status_code == 302
        page = text(client.get(world.course))
        assert "Ikke lige nu" in page
        assert "Patienten har ombestemt sig" in page
        assert client.post(world.course + "start", _started()).status_code == 302

    def test_a_pause_is_shown_and_ended(self, world: worlds.World) -> None:
        client = self.start(world)
        assert client.post(world.course + "pause", {"reason": "På ferie"}).status_code == 302
        assert "På ferie" in text(client.get(world.course))
        assert client.post(world.course + "genoptag").status_code == 302
        assert "Genoptag forløbet" not in text(client.get(world.course))

    def test_appointments_are_booked_moved_and_cancelled(self, world: worlds.World) -> None:
        client = self.start(world)
        soon = (date.today() + timedelta(days=10)).isoformat()
        booked = client.post(world.course + "aftale", {"kind": "kol-kontrol", "date": soon, "time": "09:30"})
        assert booked.status_code == 302, text(booked)
        page = text(client.get(world.course))
        assert "KOL-kontrol" in page
        assert "Booket" in page
        identity = page.split('name="appointment" value="')[1].split('"')[0]
        later = (date.today() + timedelta(days=20)).isoformat()
        moved = client.post(world.course + "aftale/ny-tid", {"appointment": identity, "date": later, "time": "10.15"})
        assert moved.status_code == 302, text(moved)
        bad = client.post(world.course + "aftale/aflys", {"appointment": identity, "by": "patient"})
        assert bad.status_code == 422
        gone = client.post(
            world.course + "aftale/aflys", {"appointment": identity, "by": "patient", "reason": "illness"}
        )
        assert gone.status_code == 302, text(gone)
        assert "Patienten er syg" in text(client.get(world.course))

    def test_no_outcome_before_the_day(self, world: worlds.World) -> None:
        client = self.start(world)
        soon = (date.today() + timedelta(days=10)).isoformat()
        client.post(world.course + "aftale", {"kind": "kol-kontrol", "date": soon, "time": "09:30"})
        identity = text(client.get(world.course)).split('name="appointment" value="')[1].split('"')[0]
        answer = client.post(world.course + "aftale/udfald", {"appointment": identity, "do": "noshow"})
        assert answer.status_code == 422
        assert "dag ikke er kommet" in text(answer) or "dag er ikke kommet" in text(answer)


class TestMinPlan:
    def test_before_a_course_it_says_what_will_come(self, world: worlds.World) -> None:
        page = text(worlds.browser("patient").get("/minplan/"))
        assert "giver dig ret til et forløb" in page

    def test_an_own_goal_is_added_and_seen_by_the_clinic(self, world: worlds.World) -> None:
        doctor = TestTheCourse().start(world)
        mine = worlds.browser("patient")
        assert mine.post("/minplan/kol/maal", {"text": ""}).status_code == 422
        answer = mine.post("/minplan/kol/maal", {"text": "Passe mine høns"})
        again = mine.post("/minplan/kol/maal", {"text": "Passe mine høns"})
        assert again.status_code == 302  # pressed twice
        assert answer.status_code == 302, text(answer)
        assert "Passe mine høns" in text(mine.get("/minplan/"))
        assert doctor.get(world.course).status_code == 200


class TestFigures:
    def test_no_figures_yet_says_why(self, world: worlds.World) -> None:
        page = text(worlds.browser("analytiker").get("/monitorering/"))
        assert "Der er ingen tal for perioden" in page
        assert "Sådan er tallene lavet" in page

    @pytest.mark.parametrize(("asked", "told"), [("", "KOL"), ("lrs", "Lænderygsmerter"), ("findes-ikke", "KOL")])
    def test_each_package_has_its_own(self, world: worlds.World, asked: str, told: str) -> None:
        page = worlds.browser("analytiker").get(f"/monitorering/?pakke={asked}").content.decode()
        assert page.partition("selected>")[2].startswith(told)
        assert ("rygforløb" in page) == (asked == "lrs")

    def test_the_file_opens_in_a_spreadsheet(self, world: worlds.World) -> None:
        answer = worlds.browser("analytiker").get("/monitorering/ret-til-plan.csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.content.decode("utf-8-sig").startswith("Måned;Regionskode;Region;")


def test_an_unknown_address_is_a_page(world: worlds.World) -> None:
    answer = Client().get("/findes/ikke")
    assert answer.status_code == 404
    assert "Siden findes ikke" in text(answer)


def test_a_character_no_database_keeps_is_told_and_is_nowhere(world: worlds.World) -> None:
    """PostgreSQL holds no NUL: what is asked for under one is not there, and what is sent with one is not taken."""
    client = worlds.browser("laege")
    assert client.get(f"/klinik/patient/{world.patient}%00/kol/").status_code == 404
    answer = client.post(world.course + "aftale/udfald", {"appointment": "1\x00", "do": "noshow"})
    assert answer.status_code == 400
    assert "Intet er gemt eller ændret." in text(answer)
