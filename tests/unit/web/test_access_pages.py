"""The pages about access: what a patient blocks and gives, and break-glass with its reason, its end and its follow-up."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from lib import people as made
from tovholder import store
from tovholder.access import Role, blocks, emergencies, people, sessions
from tovholder.access.people import Persona
from tovholder.access.representation import of_person
from tovholder.base import days
from tovholder.fhir import systems
from unit.web.world import browser

pytestmark = pytest.mark.django_db
CPR = "6105600000"
WHY = "Patienten er faldet om i venteværelset."
BLOCKS = "/minplan/spaerringer"


@pytest.fixture
def at() -> dict[str, str]:
    now = timezone.now()
    with store.unit_of_work(made.system(now)) as uow:
        clinic = uow.create(made.clinic()).id
        other = uow.create(made.clinic("Andre Læger")).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Holst", "given": ["Ida"]}]}).id
        patient = uow.create(made.patient(clinic)).id
        uow.create(made.condition(patient, recorded=days.iso(days.day_of(now))))
    people.save_persona(Persona("pt", "Prøve Jensen", "Patient", Role.CITIZEN, "", "", patient))
    people.save_persona(Persona("gp", "Ida Holst", "Læge", Role.GP, clinic, doctor, ""))
    people.save_persona(Persona("kollega", "Bo Lund", "Læge", Role.GP, clinic, "kollega", ""))
    people.save_persona(Persona("anden", "Eva Dam", "Læge", Role.GP, other, "anden", ""))
    return {"clinic": clinic, "other": other, "doctor": doctor, "patient": patient}


def words(answer: Any) -> str:
    body = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def block(client: Client, **form: str) -> Any:
    return client.post(BLOCKS, {"do": "block", "what": "alt", **form})


def test_a_patient_blocks_a_kind_for_a_place_sees_it_and_lifts_it(at: dict[str, str]) -> None:
    client = browser("pt")
    assert "Du har ikke spærret for noget." in words(client.get(BLOCKS))
    answer = block(client, who=f"Organization/{at['clinic']}", what="mental-health")
    assert answer.status_code == 302
    page = client.get(BLOCKS)
    assert "Må ikke se: Psykisk sygdom og misbrug" in words(page) and "Lægerne Prøvestræde" in words(page)
    (held,) = {one.source for one in blocks.of_patient(at["patient"])}
    assert client.post(f"{BLOCKS}/{held.partition('/')[2]}/ophaev").status_code == 302
    assert blocks.of_patient(at["patient"]) == []
    assert "Du har ikke spærret for noget." in words(client.get(BLOCKS))


def test_a_person_who_looked_can_be_blocked_and_then_sees_nothing(at: dict[str, str]) -> None:
    gp, client = browser("gp"), browser("pt")
    path = f"/klinik/patient/{at['patient']}/kol/"
    assert gp.get(path).status_code == 200
    assert f"Practitioner/{at['doctor']}" in client.get(BLOCKS).content.decode()
    block(client, who=f"Practitioner/{at['doctor']}")
    assert gp.get(path).status_code == 404
    cockpit = words(gp.get("/klinik/"))
    assert "Mindst én patient har spærret" in cockpit and "Prøve Jensen" not in cockpit
    assert browser("kollega").get(path).status_code == 200


def test_nobody_shuts_out_their_tovholder_unawares(at: dict[str, str]) -> None:
    client = browser("pt")
    for who in (f"Organization/{at['clinic']}", "alle"):
        answer = block(client, who=who)
        assert answer.status_code == 422 and "ikke se dig eller din plan" in words(answer)
    assert blocks.of_patient(at["patient"]) == []
    assert block(client, who="alle", understood="on").status_code == 302
    assert browser("gp").get(f"/klinik/patient/{at['patient']}/kol/").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"who": "Organization/somewhere"},
        {"who": "alle", "what": "secrets"},
        {"who": "alle", "data_from": "2020-02-01", "data_until": "2020-01-01"},
        {"who": "alle", "data_from": "1020-02-01"},
        {"who": "alle", "data_from": "i går"},
        {"who": "alle", "what": "goals", "until": "2020-01-01"},
    ],
)
def test_what_cannot_be_meant_is_told_and_nothing_is_stored(at: dict[str, str], form: dict[str, str]) -> None:
    answer = block(browser("pt"), **form)
    assert answer.status_code == 422 and "Der er noget, du skal rette" in words(answer)
    assert blocks.of_patient(at["patient"]) == []


def test_a_place_found_by_name_is_given_access_until_a_day(at: dict[str, str]) -> None:
    client, other = browser("pt"), browser("anden")
    path = f"/klinik/patient/{at['patient']}/kol/"
    assert other.get(path).status_code == 404
    found = client.post(BLOCKS, {"do": "find", "name": "andre"})
    assert "Andre Læger" in found.content.decode()
    until = days.iso(days.day_of(timezone.now()) + 30)
    given = client.post(BLOCKS, {"do": "open", "name": "andre", "place": f"Organization/{at['other']}", "until": until})
    assert given.status_code == 302
    assert other.get(path).status_code == 200
    (consent,) = store.search_all(made.system(timezone.now()), "Consent", [("patient", at["patient"])])
    client.post(f"{BLOCKS}/{consent.id}/ophaev")
    assert other.get(path).status_code == 404


def test_a_relative_is_given_a_power_of_attorney_and_it_is_taken_back(at: dict[str, str]) -> None:
    from tovholder.access import persons

    relative = {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": systems.CPR, "value": "2911829996"}],
        "patient": {"reference": f"Patient/{at['patient']}"},
        "name": [{"family": "Jensen", "given": ["Lone"]}],
    }
    with store.unit_of_work(made.system(timezone.now())) as uow:
        rid = uow.create(relative).id
    client = browser("pt")
    assert client.post(BLOCKS, {"do": "power", "relative": rid}).status_code == 422
    sent = {"do": "power", "relative": rid, "areas": ["plan", "act"]}
    assert client.post(BLOCKS, sent).status_code == 302
    assert "Lone Jensen" in words(client.get(BLOCKS))
    (held,) = of_person(persons.person_of("2911829996"))
    assert held.areas == {"plan", "act"}
    (consent,) = store.search_all(made.system(timezone.now()), "Consent", [("patient", at["patient"])])
    client.post(f"{BLOCKS}/{consent.id}/ophaev")
    assert of_person(persons.person_of("2911829996")) == []


def test_a_stranger_lifts_no_block(at: dict[str, str]) -> None:
    block(browser("pt"), who="alle", what="goals")
    (held,) = {one.source for one in blocks.of_patient(at["patient"])}
    with store.unit_of_work(made.system(timezone.now())) as uow:
        other = uow.create({**made.patient(at["clinic"], family="Hansen")}).id
    people.save_persona(Persona("hansen", "Prøve Hansen", "Patient", Role.CITIZEN, "", "", other))
    assert browser("hansen").post(f"{BLOCKS}/{held.partition('/')[2]}/ophaev").status_code == 404
    assert browser("gp").post(f"{BLOCKS}/{held.partition('/')[2]}/ophaev").status_code == 403
    assert blocks.of_patient(at["patient"])


# -- break-glass -----------------------------------------------------------------------------------------------------


def test_break_glass_from_the_patients_page_to_the_patients_own(at: dict[str, str]) -> None:
    gp, client = browser("gp"), browser("pt")
    path, glass = f"/klinik/patient/{at['patient']}/kol/", f"/klinik/patient/{at['patient']}/vaerdispring"
    block(client, who=f"Organization/{at['clinic']}", what="measurements")
    assert "har spærret for en del af sine oplysninger" in words(gp.get(path))
    assert gp.get(glass).status_code == 200
    for form in ({}, {"reason": "danger", "text": "kort"}, {"reason": "x", "text": WHY}):
        assert gp.post(glass, form).status_code == 422
    opened = gp.post(glass, {"reason": "danger", "text": WHY})
    assert opened.status_code == 302 and opened["Location"] == path
    assert "du har åbnet det ved værdispring" in words(gp.get(path))
    assert "har spærret for en del" in words(browser("kollega").get(path))
    assert "åbnede Ida Holst" in words(client.get("/minplan/"))
    told = words(client.get(BLOCKS))
    assert WHY in told and "En spærring er åbnet lige nu" in told
    assert gp.post(f"{glass}/afslut").status_code == 302
    assert "har spærret for en del" in words(gp.get(path))
    (one,) = emergencies.of_patient(at["patient"])
    assert gp.post(f"/klinik/vaerdispring/{one.number}", {"status": "justified"}).status_code == 403
    colleague = browser("kollega")
    assert "1 mangler opfølgning" in words(colleague.get("/klinik/vaerdispring"))
    assert colleague.post(f"/klinik/vaerdispring/{one.number}", {}).status_code == 422
    sent = {"status": "justified", "note": "Gennemgået."}
    assert colleague.post(f"/klinik/vaerdispring/{one.number}", sent).status_code == 302
    assert "Berettiget" in words(client.get(BLOCKS)) and "Gennemgået." in words(client.get(BLOCKS))
    assert browser("anden").get(f"/klinik/vaerdispring/{one.number}").status_code == 404


def test_who_proved_themselves_long_ago_proves_it_anew_first(
    at: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gp, glass = browser("gp"), f"/klinik/patient/{at['patient']}/vaerdispring"
    block(browser("pt"), who=f"Organization/{at['clinic']}", what="measurements")
    long_ago = timezone.now() - timedelta(minutes=6)
    monkeypatch.setattr(sessions, "authenticated_at", lambda request: long_ago)
    for answer in (gp.get(glass), gp.post(glass, {"reason": "danger", "text": WHY})):
        assert answer.status_code == 302 and answer["Location"].startswith("/login/igen?next=")
    assert gp.post("/klinik/vaerdispring", {"cpr": CPR, "reason": "danger", "text": WHY}).status_code == 302
    assert emergencies.of_patient(at["patient"]) == []
    monkeypatch.undo()
    page = gp.get(glass)  # what was typed stands there again
    assert WHY in page.content.decode()


def test_where_nothing_is_blocked_there_is_nothing_to_open(at: dict[str, str]) -> None:
    gp, glass = browser("gp"), f"/klinik/patient/{at['patient']}/vaerdispring"
    assert "Der er ikke noget at åbne." in words(gp.get(glass))
    assert gp.post(glass, {"reason": "danger", "text": WHY})["Location"] == glass
    assert emergencies.of_patient(at["patient"]) == []


def test_the_same_block_twice_is_one(at: dict[str, str]) -> None:
    client = browser("pt")
    for what in ("measurements", "measurements", "mental-health"):
        assert block(client, who=f"Organization/{at['clinic']}", what=what).status_code == 302
    told = words(client.get(BLOCKS))
    assert "Det har du allerede gemt." in told and told.count("Må ikke se: Målinger og prøvesvar") == 1
    assert "Må ikke se: Psykisk sygdom og misbrug" in told


def test_one_who_is_shut_out_opens_by_number(at: dict[str, str]) -> None:
    gp, path = browser("gp"), f"/klinik/patient/{at['patient']}/kol/"
    block(browser("pt"), who=f"Organization/{at['clinic']}", understood="on")
    assert gp.get(path).status_code == 404
    wrong = gp.post("/klinik/vaerdispring", {"cpr": "0101010000", "reason": "duty", "text": WHY})
    assert "Du har åbnet" not in words(gp.get("/klinik/vaerdispring"))
    right = gp.post("/klinik/vaerdispring", {"cpr": CPR, "reason": "duty", "text": WHY})
    assert wrong.status_code == right.status_code == 302 and wrong["Location"] == right["Location"]
    assert "Du har åbnet spærringerne for" in words(gp.get("/klinik/vaerdispring"))
    assert gp.get(path).status_code == 200


def test_breaking_the_glass_tells_nobody_who_is_a_patient(at: dict[str, str]) -> None:
    block(browser("pt"), who=f"Organization/{at['clinic']}", understood="on")
    told = []
    for gp, patient in ((browser("gp"), at["patient"]), (browser("kollega"), "nobody-at-all")):
        glass = f"/klinik/patient/{patient}/vaerdispring"
        asked, wrong = gp.get(glass), gp.post(glass, {"reason": "duty"})
        sent = gp.post(glass, {"reason": "duty", "text": WHY})
        where = sent["Location"].replace(patient, "ID")
        told.append((asked.status_code, words(asked), wrong.status_code, words(wrong), sent.status_code, where))
    assert told[0] == told[1] and told[0][4] == 302


@pytest.fixture
def lone(at: dict[str, str]) -> tuple[Client, str]:
    """A relative with a login of her own, and her RelatedPerson; the patient gives her what a test says."""
    from tovholder.access import generation, persons
    from tovholder.access.models import Assignment, User

    relative = {
        "resourceType": "RelatedPerson",
        "identifier": [{"system": systems.CPR, "value": "2911829996"}],
        "patient": {"reference": f"Patient/{at['patient']}"},
        "name": [{"family": "Jensen", "given": ["Lone"]}],
    }
    with store.unit_of_work(made.system(timezone.now())) as uow:
        rid = uow.create(relative).id
    people.save_persona(Persona("lone", "Lone Jensen", "Pårørende", Role.STAFF, at["clinic"], "lone", ""))
    Assignment.objects.filter(user__username="lone").delete()
    User.objects.filter(username="lone").update(person=persons.person_of("2911829996"))
    generation.bump()
    return browser("pt"), rid


def _powers(client: Client, rid: str, *areas: str) -> Client:
    assert client.post(BLOCKS, {"do": "power", "relative": rid, "areas": list(areas)}).status_code == 302
    return browser("lone")


def test_who_stands_for_a_patient_sees_the_log_where_the_power_reaches_so_far(
    at: dict[str, str], lone: tuple[Client, str]
) -> None:
    browser("gp").get(f"/klinik/patient/{at['patient']}/kol/")
    hers = _powers(*lone, "plan")
    for path in ("log", "log.csv", "log.json", "spaerringer"):
        assert hers.get(f"/minplan/{path}").status_code == 403
    assert "minplan/log" not in hers.get("/minplan/").content.decode()
    hers = _powers(*lone, "plan", "record")
    assert "Ida Holst" in words(hers.get("/minplan/log"))
    assert "Ida Holst" in b"".join(hers.get("/minplan/log.csv").streaming_content).decode()
    assert "minplan/log" in hers.get("/minplan/").content.decode()
    assert hers.get(BLOCKS).status_code == 403 == hers.post(BLOCKS, {"do": "block", "who": "alle"}).status_code


def test_who_acts_for_a_patient_keeps_things_back_in_their_own_name_and_ends_that_alone(
    at: dict[str, str], lone: tuple[Client, str]
) -> None:
    client, rid = lone
    assert block(client, who="alle", what="goals").status_code == 302
    (own,) = {one.source for one in blocks.of_patient(at["patient"])}
    hers = _powers(*lone, "plan", "act")
    shown = hers.get(BLOCKS).content.decode()
    assert "Dine spærringer" in shown and "ophaev" not in shown  # the patient's own word is the patient's to end
    assert "Ida Holst" not in shown and 'value="power"' not in shown and 'value="open"' not in shown
    assert hers.post(f"{BLOCKS}/{own.partition('/')[2]}/ophaev").status_code in (403, 404)
    for form in ({"do": "power", "relative": rid, "areas": ["record"]}, {"do": "open", "place": "x"}):
        hers.post(BLOCKS, form)
    consents_of = [("patient", at["patient"]), ("status", "active")]
    assert len(store.search_all(made.system(timezone.now()), "Consent", consents_of)) == 2
    assert block(hers, who=f"Organization/{at['clinic']}", what="mental-health").status_code == 302
    (new,) = {one.source for one in blocks.of_patient(at["patient"])} - {own}
    said = store.read(made.system(timezone.now()), "Consent", new.partition("/")[2]).resource
    assert said["performer"] == [{"reference": f"RelatedPerson/{rid}"}]
    assert "Psykisk sygdom" in words(client.get(BLOCKS))
    assert hers.post(f"{BLOCKS}/{new.partition('/')[2]}/ophaev").status_code == 302
    assert {one.source for one in blocks.of_patient(at["patient"])} == {own}
    assert block(hers, who="alle", what="goals").status_code == 302  # said already: nothing new
    client.post(f"{BLOCKS}/{own.partition('/')[2]}/ophaev")
    assert blocks.of_patient(at["patient"]) == []


def test_the_pages_in_english(at: dict[str, str]) -> None:
    client, gp = browser("pt"), browser("gp")
    block(client, who=f"Organization/{at['clinic']}", what="mental-health")
    for one in (client, gp):
        one.post("/sprog/", {"language": "en", "next": "/"})
    told = words(client.get(BLOCKS))
    assert "May not see: Mental illness and substance use" in told and "Lift" in told
    glass = words(gp.get(f"/klinik/patient/{at['patient']}/vaerdispring"))
    assert "The patient consents now" in glass and "Open the blocks" in glass
