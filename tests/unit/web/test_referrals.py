"""Referring on the pages: what is filled in and from where, what is asked for, and that one press is one referral."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from lib.people import clinic, system
from tovholder import store
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.fhir import systems
from tovholder.plan import resources
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


def ago(count: int) -> str:
    return (system_clock() - timedelta(days=count)).astimezone(days.COPENHAGEN).date().isoformat()


@dataclass
class Scene:
    world: worlds.World
    near: str
    far: str

    @property
    def form(self) -> str:
        return f"{self.world.course}henvisning/rehabilitering"

    def measured(self, code: str, value: float, *, days_ago: int, unit: str = "") -> None:
        quantity = {"value": value, **({"unit": unit, "system": systems.UCUM, "code": unit} if unit else {})}
        with store.unit_of_work(system(system_clock())) as uow:
            uow.create(
                {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"coding": [{"system": systems.MCS, "code": code}]},
                    "subject": {"reference": f"Patient/{self.world.patient}"},
                    "effectiveDateTime": ago(days_ago),
                    "valueQuantity": quantity,
                }
            )

    def tasks(self) -> list[dict[str, object]]:
        entries = store.search_all(system(system_clock()), "Task", [("patient", f"Patient/{self.world.patient}")])
        return [entry.resource for entry in entries if resources.is_referral(entry.resource)]


@pytest.fixture
def scene() -> Scene:
    held = worlds.make()
    with store.unit_of_work(system(system_clock())) as uow:
        near = uow.create(clinic("Sundhedscenter Nær", kind="prevention") | _in("0730")).id
        far = uow.create(clinic("Sundhedscenter Fjern", kind="prevention") | _in("0400")).id
        uow.create(clinic("Bevægelse Fysioterapi", kind="physio") | _in("0730"))
        person = dict(uow.read("Patient", held.patient))
        person["telecom"] = [{"system": "phone", "value": "00 11 22 33"}]
        person["address"] = [{"use": "home", "city": "Randers", "extension": _municipality("0730")}]
        uow.update(person)
        uow.create(
            {
                "resourceType": "HealthcareService", "active": True, "name": "KOL-hold",
                "providedBy": {"reference": f"Organization/{near}"},
                "extension": [
                    {"url": systems.extension_url("waiting-days"), "valueInteger": 12},
                    {"url": systems.extension_url("waiting-told"), "valueDate": ago(3)},
                ],
            }
        )  # fmt: skip
    return Scene(held, near, far)


def _in(code: str) -> dict[str, object]:
    return {"extension": [{"url": systems.extension_url("municipality"), "valueCode": code}]}


def _municipality(code: str) -> list[dict[str, object]]:
    return [
        {
            "url": systems.MUNICIPALITY_EXTENSION,
            "valueCodeableConcept": {"coding": [{"system": systems.MUNICIPALITY, "code": code}]},
        }
    ]


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return unescape(answer.content.decode())


def inputs(page: str) -> dict[str, str]:
    """What a browser would send of the form: hidden and typed values (the boxes nobody ticked left out)."""
    form = page[page.index('<form method="post" class="th-form"') :]
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<input class="form-input"[^>]* name="(f-[^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea class="form-input"[^>]* name="(f-[^"]+)"[^>]*>([^<]*)</textarea>', form))
    found.pop("csrfmiddlewaretoken", None)
    return found


def filled(scene: Scene, page: str, **changes: str) -> dict[str, str]:
    given = {"f-formaal": "Genoptræning", "f-niveau": "Niveau 2", "f-mrc": "3", "f-fev1": "55"}
    return inputs(page) | given | {"modtager": scene.near, "do": "send"} | changes


def test_fields_say_where_they_come_from_and_how_old_they_are(scene: Scene) -> None:
    scene.measured("MCS88021", 3, days_ago=20)
    scene.measured("MCS88099", 55, days_ago=500, unit="%")
    page = shown(worlds.browser("laege"), scene.form)
    assert "Fra journalen: måling" in page and "20 dage gammel" in page
    assert "Der mangler" in page and "Formål med henvisningen" in page  # asked for by name
    assert "Sundhedscenter Nær" in page and "12 dages ventetid" in page
    assert page.index("Sundhedscenter Nær") < page.index("Sundhedscenter Fjern")
    assert "Bevægelse Fysioterapi" not in page


def test_the_whole_way_and_the_same_form_twice_is_one(scene: Scene) -> None:
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    missing = client.post(scene.form, inputs(page) | {"do": "send", "tekst": "Ring efter 10"})
    assert missing.status_code == 422
    told = unescape(missing.content.decode())
    assert "Vælg, hvem patienten henvises til." in told and "Formål med henvisningen mangler." in told
    assert "Ring efter 10" in told  # nothing typed is lost
    sent = filled(scene, page)
    preview = client.post(scene.form, sent | {"do": "vis"})
    assert "Sådan ser modtageren det" in preview.content.decode() and scene.tasks() == []
    first, second = client.post(scene.form, sent), client.post(scene.form, sent)
    assert (first.status_code, second.status_code) == (302, 302), second.content.decode()
    assert first["Location"] == second["Location"]
    assert len(scene.tasks()) == 1
    where = shown(client, first["Location"])
    chosen = shown(client, f"{scene.world.course}henvisning/")
    assert "Hjælp til rygestop" in chosen and "Patienten har allerede en, der ikke er slut." in chosen
    assert "Klinikkens henvisninger" in shown(client, f"/klinik/patient/{scene.world.patient}/")
    assert "Sendt" in where and "Sundhedscenter Nær" in where and "Skal begynde senest" in where


def test_two_tabs_and_a_colleague_are_told_of_each_other(scene: Scene) -> None:
    one, two = worlds.browser("laege"), worlds.browser("laege")
    pages = shown(one, scene.form), shown(two, scene.form)
    assert one.post(scene.form, filled(scene, pages[0])).status_code == 302
    late = two.post(scene.form, filled(scene, pages[1]))
    assert late.status_code == 422 and "En anden har henvist patienten" in unescape(late.content.decode())
    assert len(scene.tasks()) == 1
    meant = filled(scene, unescape(late.content.decode())) | {"igen": "1"}
    assert two.post(scene.form, meant).status_code == 302
    assert len(scene.tasks()) == 2


def test_old_values_are_confirmed_or_corrected(scene: Scene) -> None:
    scene.measured("MCS88021", 3, days_ago=500)
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    assert "MRC passer stadig" in page
    sent = filled(scene, page, **{"f-mrc": inputs(page)["f-mrc"]})
    refused = client.post(scene.form, sent)
    assert refused.status_code == 422 and "MRC er gammel" in unescape(refused.content.decode())
    assert client.post(scene.form, sent | {"ok": "mrc"}).status_code == 302
    told = {item["type"]["coding"][0]["code"]: item for item in scene.tasks()[0]["input"]}  # type: ignore[attr-defined]
    how = {ext["url"].rsplit("/", 1)[1]: ext for ext in told["mrc"]["extension"]}
    assert how["field-how"]["valueCode"] == "confirmed" and how["field-day"]["valueDate"] == ago(500)
    assert "cpr" not in told  # who it is about stands in the record, not in the words


def test_what_changed_in_the_record_meanwhile_is_told(scene: Scene) -> None:
    scene.measured("MCS88021", 3, days_ago=20)
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    scene.measured("MCS88021", 5, days_ago=1)
    answer = client.post(scene.form, filled(scene, page, **{"f-mrc": inputs(page)["f-mrc"]}))
    assert answer.status_code == 422 and "Der står nu: 5" in unescape(answer.content.decode())
    assert scene.tasks() == []


def test_refused_and_sent_elsewhere_with_everything_kept(scene: Scene) -> None:
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    where = client.post(scene.form, filled(scene, page, **{"f-hensyn": "Har svært ved trapper"}))["Location"]
    assert client.post(where, {"do": "reject", "grund": ""}).status_code == 422
    assert client.post(where, {"do": "reject", "grund": "no-capacity"}).status_code == 302
    refused = shown(client, where)
    assert "Send til en anden modtager" in refused and "Modtageren har ikke plads" in refused
    assert "Venter på jer (1)" in shown(client, "/klinik/henvisninger")
    again = re.search(r'href="([^"]+efter=[^"]+)"', refused)
    assert again is not None
    form = shown(client, again.group(1))
    assert "Har svært ved trapper" in form and "Genoptræning" in form
    sent = client.post(scene.form, inputs(form) | {"modtager": scene.far, "do": "send"})
    assert sent.status_code == 302, unescape(sent.content.decode())
    assert "Venter på jer" not in shown(client, "/klinik/henvisninger")
    assert client.post(where, {"do": "start"}).status_code == 422  # the refused one stays refused
    assert client.post(sent["Location"], {"do": "withdraw", "tekst": ""}).status_code == 422
    assert client.post(sent["Location"], {"do": "withdraw", "tekst": "Sendt ved en fejl"}).status_code == 302


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"modtager": "findes-ikke"}, "Modtageren findes ikke længere"),
        ({"modtager": "<b>"}, "Modtageren findes ikke længere"),
        ({"dag": "31/02"}, "Skriv datoen"),
        ({"dag": "2999-01-01"}, "fremtiden"),
        ({"dag": "1999-01-01"}, "mere end et år tilbage"),
        ({"f-formaal": "x" * 4001}, "for lang"),
        ({"f-formaal": "   "}, "mangler"),
        ({"bilag": "DocumentReference/andens"}, ""),
    ],
)
def test_what_cannot_be_sent_is_told_at_its_field(scene: Scene, changes: dict[str, str], told: str) -> None:
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    answer = client.post(scene.form, filled(scene, page, **changes))
    assert answer.status_code == 422
    assert told in unescape(answer.content.decode())
    assert scene.tasks() == []


def test_a_search_finds_nobody_and_keeps_what_was_chosen(scene: Scene) -> None:
    client = worlds.browser("laege")
    page = shown(client, scene.form)
    found = client.post(scene.form, filled(scene, page, do="find", q="hedder ingen", modtager=""))
    assert "Ingen modtagere passer" in unescape(found.content.decode())
    kept = unescape(client.post(scene.form, filled(scene, page, do="find", q="fjern")).content.decode())
    assert "Sundhedscenter Fjern" in kept and "Sundhedscenter Nær" in kept
    by_place = unescape(
        client.post(scene.form, filled(scene, page, do="find", kommune="0400", modtager="")).content.decode()
    )
    assert "Sundhedscenter Fjern" in by_place and "Sundhedscenter Nær" not in by_place


def test_others_do_not_come_here(scene: Scene) -> None:
    for who in ("anden", "patient", "hospital"):
        assert worlds.browser(who).get(scene.form).status_code in (403, 404)
    client = worlds.browser("laege")
    assert client.get(f"{scene.world.course}henvisning/bingo").status_code == 404
    assert client.get(f"{scene.world.course}henvist/ingen").status_code == 404
    assert client.get(f"{scene.form}?efter=ingen").status_code == 404


def test_who_blocked_the_clinic_stands_in_no_list_of_referrals(scene: Scene) -> None:
    client = worlds.browser("laege")
    assert client.post(scene.form, filled(scene, shown(client, scene.form))).status_code == 302
    assert "Prøvesen" in shown(client, "/klinik/henvisninger")
    where = f"{scene.world.course}henvist/{scene.tasks()[0]['id']}"
    assert client.get(where).status_code == 200
    blocking = {"do": "block", "who": f"Organization/{scene.world.clinic}", "what": "alt", "understood": "on"}
    assert worlds.browser("patient").post("/minplan/spaerringer", blocking).status_code == 302
    assert "Prøvesen" not in shown(client, "/klinik/henvisninger")
    for path in (where, scene.form):
        assert client.get(path).status_code == 404, path
    assert client.post(where, {"do": "withdraw", "tekst": "x"}).status_code == 404


def test_a_flag_that_a_referral_answers_leads_to_its_form_in_one_step(scene: Scene) -> None:
    from journeys.seed import followed
    from lib.people import context
    from tovholder.access import Role

    gp = context(Role.GP, scene.world.clinic, now=system_clock(), actor=f"Practitioner/{scene.world.doctor}")
    followed(gp, scene.world.patient, level=2)
    scene.measured("MCS88021", 4, days_ago=40)
    browser = worlds.browser("laege")
    for page in ("/klinik/?pakke=kol", scene.world.course, f"{scene.world.course}opfoelgning"):
        content = browser.get(page).content.decode()
        assert f'href="{scene.form}"' in content, page
        assert "Rehabilitering er ikke tilbudt" in content
    assert "Sundhedscenter Nær" in browser.get(scene.form).content.decode()
