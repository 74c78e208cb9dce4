"""Recall through its pages: whom to invite, a round seen through, sent, read by its patient, printed, taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from lib import two_packages
from lib.people import system
from lib.world import World as Ids
from tovholder import store
from tovholder.base.clock import system_clock
from tovholder.jobs.queue import Run
from tovholder.recall import sending
from tovholder.recall.domain import MOST
from tovholder.web.views import recall
from unit.web import world as worlds

pytestmark = pytest.mark.django_db
LIST = "/klinik/indkaldelser"
SPAN = "180"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[worlds.World, Ids]]:
    with two_packages.installed(tmp_path / "own"):
        made = worlds.make()
        ids = Ids(made.clinic, made.other_clinic, made.doctor, "", system_clock())
        with store.unit_of_work(system(system_clock()), patients=[made.patient]) as uow:
            telecom = [{"system": "phone", "value": "00 12 34 56", "use": "mobile"}]
            address = [{"line": ["Prøvegade 1"], "postalCode": "0999", "city": "Prøveby"}]
            uow.update({**uow.read("Patient", made.patient), "telecom": telecom, "address": address})
        for package in ("sukker", "hjertet"):
            two_packages.start(ids, made.patient, package)
        yield made, ids


def text(response: Any) -> str:
    return str(response.content.decode())


def form(browser: Any, patient_id: str, way: str) -> dict[str, str]:
    shown = text(browser.get(f"{LIST}?dage={SPAN}"))
    (round_id,) = re.findall(r'name="runde" value="([^"]+)"', shown)
    return {"runde": round_id, "dage": SPAN, "vaelg": patient_id, f"vej-{patient_id}": way, f"nr-{patient_id}": "1"}


def deliver(ids: Ids, round_id: str, work: Any = sending.deliver) -> None:
    work.func(Run("job", 1), who=sending._told(ids.gp), round_id=round_id)


def test_the_whole_way_by_digital_post(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    browser = worlds.browser("laege")
    given = form(browser, made.patient, "digital-post")
    first, second = browser.post(LIST, given), browser.post(LIST, given)  # pressed twice
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == f"{LIST}/{given['runde']}"
    page = first["Location"]
    shown = text(browser.get(page))
    assert "Klar, ikke sendt" in shown and "kun behøver at komme én gang" in shown and "Send 1 indkaldelse" in shown
    assert "Sendt:" not in shown
    browser.post(page, {"do": "send"})
    assert "Arbejder" in text(browser.get(page))
    deliver(ids, given["runde"])
    patient = worlds.browser("patient")
    patient.head("/minplan/")
    for name, value in (("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")):
        assert patient.get("/minplan/", headers={name: value}).status_code == 200
    assert "Læst" not in text(browser.get(page))  # nobody has looked
    assert text(patient.get("/minplan/")).count("kun behøver at komme én gang") == 1
    assert "Læst" in text(browser.get(page))
    assert "Venter på svar" in text(browser.get(f"{LIST}?dage={SPAN}"))
    assert "Digital Post" in text(browser.get(f"{page}/liste.csv"))
    assert "var sendt" in text(browser.post(page, {"do": "fortryd"}, follow=True))
    deliver(ids, given["runde"], sending.correct)
    told = text(patient.get("/minplan/"))
    assert "sendt ved en fejl" in told and "Klinikken vil gerne se dig" not in told


def test_as_many_as_a_round_may_have(world: tuple[worlds.World, Ids]) -> None:
    made, _ids = world
    browser = worlds.browser("laege")
    given: dict[str, Any] = form(browser, made.patient, "digital-post")
    others = [f"00000000-0000-4000-8000-{number:012}" for number in range(MOST - 1)]
    given["vaelg"] = [made.patient, *others]
    for other in others:
        given |= {f"vej-{other}": "digital-post", f"nr-{other}": "1"}
    answer = browser.post(LIST, given)
    assert answer.status_code == 302 and answer["Location"] == f"{LIST}/{given['runde']}"
    assert "Runden lægges klar" in text(browser.get(answer["Location"]))  # by a job


def test_letters_are_one_pdf_and_leave_when_posted(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    browser = worlds.browser("laege")
    page = browser.post(LIST, form(browser, made.patient, "letter"))["Location"]
    deliver(ids, page.rpartition("/")[2])
    answer = browser.get(f"{page}/breve.pdf")
    if not (recall.FONTS / "IBMPlexSans-Regular.ttf").is_file():
        pytest.skip("the letters' fonts are copied by make install")
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-") and b"/Lang (da)" in answer.content and b"FontFile2" in answer.content
    sql = "SELECT p.patient_id FROM access_auditevent AS e JOIN access_auditpatient AS p ON p.event_id = e.id"
    with connection.cursor() as cursor:  # names and addresses taken out stand in the trail as such
        cursor.execute(f"{sql} WHERE e.action = 'export' AND e.detail = 'recall-letters'")
        assert cursor.fetchall() == [(made.patient,)]
    assert "Skal printes og postes" in text(browser.get(page))
    assert "1 brev er noteret" in text(browser.post(page, {"do": "postet"}, follow=True))


def test_what_is_wrong_is_told(world: tuple[worlds.World, Ids]) -> None:
    made, _ids = world
    browser = worlds.browser("laege")
    given = form(browser, made.patient, "digital-post")
    nobody = browser.post(LIST, {**given, "vaelg": ""})
    assert nobody.status_code == 422 and "Vælg mindst én patient og hvordan" in text(nobody)
    assert browser.post(LIST, {**given, f"vej-{made.patient}": "raven"}).status_code == 422
    assert "er ikke med" in text(browser.post(LIST, {**given, f"nr-{made.patient}": "2"}, follow=True))
    assert browser.get(f"{LIST}/nowhere").status_code == 404
    page = browser.post(LIST, given)["Location"]
    early = browser.post(page, {"do": "svar", "patient": made.patient, "udfald": "booked"})
    assert early.status_code == 409
    assert browser.post(page, {"do": "svar", "patient": made.patient, "udfald": "x"}).status_code == 422
    assert "er fortrudt" in text(browser.post(page, {"do": "fortryd"}, follow=True))


def test_exempt_and_back(world: tuple[worlds.World, Ids]) -> None:
    made, _ids = world
    browser = worlds.browser("laege")
    assert browser.post(f"{LIST}/undtag", {"patient": made.patient, "maaneder": "12"}).status_code == 422
    browser.post(f"{LIST}/undtag", {"patient": made.patient, "maaneder": "12", "grund": "Ønsker det ikke"})
    assert "Skal ikke indkaldes" in text(browser.get(f"{LIST}?dage={SPAN}"))
    browser.post(f"{LIST}/undtag", {"patient": made.patient, "do": "igen"})
    assert "Skal ikke indkaldes" not in text(browser.get(f"{LIST}?dage={SPAN}"))
