"""The pages about one patient over all packages: what waits, what happened, a plan changed by two, and the plan of a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from lib.people import condition, system
from tovholder import packages, store
from tovholder.access import Role, people
from tovholder.access.people import Persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.plan import queries
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make()


def text(response: Any) -> str:
    return " ".join(strip_tags(response.content.decode().replace("<", " <")).split())


def today() -> int:
    return days.day_of(system_clock())


def put(*resources: dict[str, Any], ago: int = 0) -> list[str]:
    with store.unit_of_work(system(system_clock() - timedelta(days=ago))) as uow:
        return [uow.create(item).id for item in resources]


def measured(world: worlds.World, code: str, value: float, back: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:oid:1.2.208.184.100.8", "code": code}]},
        "subject": {"reference": f"Patient/{world.patient}"},
        "effectiveDateTime": days.iso(today() - back),
        "valueQuantity": {"value": value},
    }


def planned(world: worlds.World, client: Client) -> None:
    """A course with a confirmed plan, the way a clinic makes it."""
    day = days.iso(today())
    client.post(world.course + "start", {"offered": day, "started": day})
    fields = dict.fromkeys(packages.get("kol").level.base.link_ids, "2")
    client.post(world.course + "formular/kol-behovsvurdering", fields)
    client.post(world.course + "niveau", {"level": "2"})
    client.post(world.course + "plan/kladde")
    chosen = [item.id for item in view(world).preview]
    answer = client.post(
        world.course + "plan/bekraeft",
        {"goal": "Gå til bageren", "by_patient": "patient", "together": "on", "med": chosen},
    )
    assert answer.status_code == 302, text(answer)


def view(world: worlds.World) -> Any:
    return queries.episode_view(system(system_clock()), world.patient, "kol")


def sheet(client: Client, world: worlds.World) -> dict[str, Any]:
    """What a browser would send of the page for changing the plan, unchanged."""
    found: dict[str, Any] = {"do": "gem"}
    held = client.get(world.course + "plan/ret").context["sheet"]
    for form in held.all:
        for bound in form:
            value = bound.value()
            if value not in (None, False):
                found[bound.html_name] = value.isoformat() if hasattr(value, "isoformat") else value
    return found


class TestOverview:
    def test_what_waits_comes_first_with_the_act(self, world: worlds.World) -> None:
        page = text(worlds.browser("laege").get(f"/klinik/patient/{world.patient}/"))
        assert "Det venter på dig KOL" in page
        assert "Start, eller notér nej tak" in page
        assert "Egen læge" in page

    def test_an_outcome_is_told_in_one_press_and_the_overview_comes_back(self, world: worlds.World) -> None:
        client, here = worlds.browser("laege"), f"/klinik/patient/{world.patient}/"
        planned(world, client)
        then = days.noon(today() - 3).isoformat()
        (appointment,) = put(
            {
                "resourceType": "Appointment",
                "status": "booked",
                "serviceType": [
                    {
                        "coding": [
                            {"system": "http://tovholder.dk/fhir/CodeSystem/appointment-kind", "code": "kol-kontrol"}
                        ]
                    }
                ],
                "start": then,
                "end": days.noon(today() - 3).replace(hour=13).isoformat(),
                "participant": [{"actor": {"reference": f"Patient/{world.patient}"}, "status": "accepted"}],
            }
        )
        assert "Hvordan gik det?" in text(client.get(here))
        answer = client.post(
            world.course + "aftale/udfald", {"appointment": appointment, "do": "fulfil", "tilbage": here}
        )
        assert answer["Location"] == here
        assert "Hvordan gik det?" not in text(client.get(here))

    @pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org"])
    def test_no_act_sends_anybody_away(self, world: worlds.World, elsewhere: str) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        answer = client.post(world.course + "pause", {"reason": "Rejser", "tilbage": elsewhere})
        assert answer["Location"].startswith(world.course)

    def test_every_package_has_its_own_and_the_highest_level_is_told_with_its_origin(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        put(condition(world.patient, "L86", recorded=days.iso(today() - 120)))
        page = text(client.get(f"/klinik/patient/{world.patient}/"))
        assert "Højeste niveau: fra KOL" in page
        assert "Lænderygsmerter Niveau ikke besluttet" in page

    def test_a_dead_patient_asks_for_nothing(self, world: worlds.World) -> None:
        with store.unit_of_work(system(system_clock())) as uow:
            uow.update({**uow.read("Patient", world.patient), "deceasedDateTime": days.iso(today() - 2)})
        page = text(worlds.browser("laege").get(f"/klinik/patient/{world.patient}/"))
        assert "Patienten døde" in page
        assert "Intet venter på klinikken lige nu." in page

    def test_the_number_of_questions_does_not_grow_with_what_there_is(self, world: worlds.World) -> None:
        client, here = worlds.browser("laege"), f"/klinik/patient/{world.patient}/"
        planned(world, client)
        counts = []
        for path in ("", "tidslinje", "maalinger"):
            with CaptureQueriesContext(connection) as few:
                client.get(here + path)
            counts.append(len(few))
        put(*(measured(world, "MCS88137", 10 + number % 9, 3 * number) for number in range(60)))
        for path, before in zip(("", "tidslinje", "maalinger"), counts, strict=True):
            with CaptureQueriesContext(connection) as many:
                client.get(here + path)
            assert len(many) <= before + 3, path

    @pytest.mark.parametrize("path", ["", "tidslinje", "maalinger", "kol/plan/ret", "kol/plan/historie"])
    def test_anothers_patient_is_not_there(self, world: worlds.World, path: str) -> None:
        planned(world, worlds.browser("laege"))
        answer = worlds.browser("anden").get(f"/klinik/patient/{world.patient}/{path}")
        assert answer.status_code == 404
        assert "Prøvesen" not in text(answer)


class TestTimeline:
    def test_unknown_and_partial_dates_are_shown_as_such(self, world: worlds.World) -> None:
        put(
            condition(world.patient, "K86", recorded=None) | {"code": {"text": "Uden dato"}},
            condition(world.patient, "K86", recorded=None) | {"code": {"text": "Kun året"}, "recordedDate": "2019"},
            condition(world.patient, "K86", recorded=None)
            | {"code": {"text": "Kun måneden"}, "recordedDate": "2020-04"},
        )
        page = text(worlds.browser("laege").get(f"/klinik/patient/{world.patient}/tidslinje"))
        assert "april 2020 Diagnoser Kun måneden" in page
        assert "2019 Diagnoser Kun året" in page
        assert "Ukendt dato Diagnoser Uden dato" in page

    def test_filtered_by_kind_and_package_and_a_page_at_a_time(self, world: worlds.World) -> None:
        put(*(measured(world, "MCS88137", 10, number) for number in range(45)))
        put(condition(world.patient, "K86", recorded="2020-01-01") | {"code": {"text": "Uden for pakken"}})
        client, here = worlds.browser("laege"), f"/klinik/patient/{world.patient}/tidslinje"
        page = client.get(here, {"type": "result", "pakke": "kol"})
        assert "Viser 1 til 40 af 45" in text(page)
        assert "Viser 41 til 45 af 45" in text(client.get(page.context["timeline"].older))
        outside = text(client.get(here, {"pakke": "ingen"}))
        assert "Uden for pakken" in outside
        assert "Intet passer" in text(client.get(here, {"type": "admission"}))
        assert client.get(here, {"side": "x' OR 1", "type": "<b>"}).status_code == 200


class TestMeasurements:
    def test_goal_line_bands_and_words(self, world: worlds.World) -> None:
        put(measured(world, "MCS88137", 17, 60), measured(world, "MCS88137", 24, 3))
        put(
            {
                "resourceType": "Goal",
                "lifecycleStatus": "active",
                "description": {"text": "CAT ned"},
                "subject": {"reference": f"Patient/{world.patient}"},
                "target": [
                    {
                        "measure": {"coding": [{"system": "urn:oid:1.2.208.184.100.8", "code": "MCS88137"}]},
                        "detailRange": {"high": {"value": 15}},
                    }
                ],
            }
        )
        answer = worlds.browser("laege").get(f"/klinik/patient/{world.patient}/maalinger")
        (line,) = answer.context["page_of"].series
        assert [goal.value for goal in line.goals] == [15.0]
        assert "Mål: højst 15. Ikke nået ved seneste måling." in text(answer)
        assert '"goals"' in answer.content.decode()
        assert "Se tallene for" in text(answer)
        assert "Ikke målt, eller ikke sendt hertil" in text(answer)


class TestChangingThePlan:
    def test_two_who_change_the_same_choose_and_nothing_is_lost(self, world: worlds.World) -> None:
        mine, theirs = worlds.browser("laege"), worlds.browser("laege")
        planned(world, mine)
        sent, others = sheet(mine, world), sheet(theirs, world)
        key = next(name for name in sent if name.startswith("skridt-") and name.endswith("-due"))
        later, much_later = days.iso(today() + 40), days.iso(today() + 50)
        assert theirs.post(world.course + "plan/ret", {**others, key: later}).status_code == 302
        step = key.removesuffix("-due")
        answer = mine.post(world.course + "plan/ret", {**sent, key: much_later, "nyt-maal-text": "Nå at høre radio"})
        assert answer.status_code == 409
        page = text(answer)
        assert "I har begge ændret det her" in page
        assert "Ændret af Mette Prøvelæge" in page
        assert "Nå at høre radio" in page
        due = {item.id: item.due_day for item in view(world).activities}
        assert days.parse_day(later) == due[step.removeprefix("skridt-")]
        again = {
            bound.html_name: bound.value() for form in answer.context["sheet"].all for bound in form if bound.value()
        }
        again |= {"do": "gem", f"{step}-valg_due": "mine"}
        assert mine.post(world.course + "plan/ret", again).status_code == 302
        after = view(world)
        assert {item.id: item.due_day for item in after.activities}[step.removeprefix("skridt-")] == today() + 50
        assert "Nå at høre radio" in [goal.text for goal in after.goals]

    def test_keeping_theirs_changes_nothing(self, world: worlds.World) -> None:
        mine = worlds.browser("laege")
        planned(world, mine)
        sent = sheet(mine, world)
        key = next(name for name in sent if name.startswith("maal-") and name.endswith("-text"))
        assert mine.post(world.course + "plan/ret", {**sent, key: "Deres ord"}).status_code == 302
        answer = mine.post(world.course + "plan/ret", {**sent, key: "Mine ord"})
        again = {
            bound.html_name: bound.value() for form in answer.context["sheet"].all for bound in form if bound.value()
        }
        again |= {"do": "gem", key.removesuffix("-text") + "-valg_text": "theirs"}
        mine.post(world.course + "plan/ret", again)
        assert [goal.text for goal in view(world).goals] == ["Deres ord"]

    @pytest.mark.parametrize(
        ("field", "value", "told"),
        [
            ("due", "", "Skriv, hvornår det skal ske."),
            ("due", "2206-01-01", "årstallet"),
            ("title", "", "Skriv, hvad der skal ske."),
            ("out", "on", "Skriv, hvorfor skridtet udelades."),
        ],
    )
    def test_what_is_wrong_is_told_and_what_was_typed_stays(
        self, world: worlds.World, field: str, value: str, told: str
    ) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        sent = sheet(client, world)
        step = next(name for name in sent if name.startswith("skridt-") and name.endswith("-due")).removesuffix("-due")
        answer = client.post(
            world.course + "plan/ret", {**sent, f"{step}-{field}": value, "nyt-maal-text": "Det her må ikke forsvinde"}
        )
        assert answer.status_code == 422
        assert told in text(answer)
        assert "Det her må ikke forsvinde" in text(answer)

    def test_a_draft_is_a_colleagues_to_take_up_and_not_the_patients_to_see(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        sent = sheet(client, world) | {"nyt-maal-text": "Kun en kladde", "do": "kladde"}
        assert client.post(world.course + "plan/ret", sent).status_code == 302
        assert "Kun en kladde" not in text(worlds.browser("patient").get("/minplan/"))
        assert "Der ligger en kladde" in text(client.get(world.course + "plan/ret"))
        assert "Kun en kladde" in client.get(world.course + "plan/ret?kladde=1").content.decode()
        client.post(world.course + "plan/ret", sent | {"do": "gem"})
        assert "Kun en kladde" in text(worlds.browser("patient").get("/minplan/"))
        assert "Der ligger en kladde" not in text(client.get(world.course + "plan/ret"))

    def test_a_colleagues_draft_is_neither_overwritten_nor_ended_by_who_has_not_taken_it_up(
        self, world: worlds.World
    ) -> None:
        mine, path = worlds.browser("laege"), world.course + "plan/ret"
        planned(world, mine)
        mine.post(path, sheet(mine, world) | {"nyt-maal-text": "Mettes kladde", "do": "kladde"})
        people.save_persona(Persona("kollega", "Kaj Kollega", "Læge", Role.GP, world.clinic, "kaj", ""))
        theirs = worlds.browser("kollega")
        answer = theirs.post(path, sheet(theirs, world) | {"nyt-maal-text": "Kajs kladde", "do": "kladde"})
        assert answer.status_code == 409
        assert "fra en kollega" in text(answer) and "Kajs kladde" in answer.content.decode()
        sent = sheet(theirs, world) | {"nyt-maal-text": "Kajs mål"}
        assert theirs.post(path, sent).status_code == 302
        assert "Mettes kladde" in theirs.get(path + "?kladde=1").content.decode()
        # Who has taken it up may save it again, and use it.
        taken = sheet(theirs, world) | {"nyt-maal-text": "Fælles kladde"}
        assert theirs.post(path + "?kladde=1", taken | {"do": "kladde"}).status_code == 302
        theirs.post(path + "?kladde=1", taken)
        assert "Der ligger en kladde" not in text(mine.get(path))

    def test_without_a_confirmed_plan_there_is_none_to_change(self, world: worlds.World) -> None:
        assert worlds.browser("laege").get(world.course + "plan/ret").status_code == 409

    def test_who_changed_what_stands_in_the_history(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        sent = sheet(client, world)
        key = next(name for name in sent if name.startswith("skridt-") and name.endswith("-title"))
        client.post(world.course + "plan/ret", {**sent, key: "Kontrol og en snak"})
        page = text(client.get(world.course + "plan/historie"))
        assert "til Kontrol og en snak Mette Prøvelæge" in page
        assert "Planen bekræftet sammen med patienten og delt" in page

    def test_the_plan_of_a_day_is_what_the_patient_saw_then(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        path = world.course + "plan/historie"
        assert "Gå til bageren" in text(client.get(path, {"dag": days.iso(today())}))
        before = text(client.get(path, {"dag": days.iso(today() - 30)}))
        assert "Patienten så ikke noget om forløbet den dag." in before
        for wrong in ("2027-13-01", "i går", days.iso(today() + 1)):
            assert client.get(path, {"dag": wrong}).status_code == 422


class TestAssessingAnew:
    def test_the_patients_wish_waits_until_a_new_level_is_decided(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        answer = client.post(world.course + "ny-vurdering", {"asked": days.iso(today()), "wish": "Det går dårligere"})
        assert answer.status_code == 302
        for path in (f"/klinik/patient/{world.patient}/", world.course):
            page = text(client.get(path))
            assert "Patienten har bedt om en ny vurdering." in page
            assert "Det går dårligere" in page
        assert client.post(world.course + "ny-vurdering", {"asked": days.iso(today() + 9)}).status_code == 422

    def test_an_admission_after_the_decision_asks_for_it(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        with store.unit_of_work(system(system_clock())) as uow:
            level = view(world).decision
            held = uow.read("Observation", level.id)
            uow.update({**held, "effectiveDateTime": days.iso(today() - 20)})
            uow.create(
                {
                    "resourceType": "Encounter",
                    "status": "finished",
                    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                    "subject": {"reference": f"Patient/{world.patient}"},
                    "period": {"start": days.iso(today() - 9), "end": days.iso(today() - 5)},
                }
            )
        assert "Patienten har været indlagt, siden niveauet blev besluttet." in text(client.get(world.course))
        assert "Vurdér niveauet igen" in text(client.get(f"/klinik/patient/{world.patient}/"))
        told = text(client.get("/klinik/?vis=alle"))
        assert f"Vurdér igen: udskrevet {days.date_of(today() - 5):%d-%m-%Y}" in told

    def test_the_needs_assessment_is_filled_in_from_last_time_and_says_so(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        answer = client.get(world.course + "formular/kol-behovsvurdering")
        page = text(answer)
        assert answer.content.decode().count('value="2" checked') == 4
        assert "Fra journalen: sidste behovsvurdering" in page
        assert "Det står i journalen" in page

    def test_an_old_measurement_is_told_and_not_filled_in(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        put(measured(world, "MCS88137", 24, 100), measured(world, "MCS88021", 3, 2))
        answer = client.get(world.course + "formular/kol-aarsstatus")
        fields = {field.link_id: (field.values, told) for field, told, _when in answer.context["questions"]}
        values, told = fields["cat-total"]
        assert values == ()
        assert "Fra journalen: 24" in told and "(3 måneder gammelt)" in told
        assert fields["mrc"][0] == ("3",)


class TestDrift:
    def test_a_rule_departed_from_stands_with_its_reason(self, world: worlds.World) -> None:
        client = worlds.browser("laege")
        planned(world, client)
        client.post(world.course + "niveau", {"level": "3", "override_reason": "Bor alene"})
        answer = client.get("/klinik/afvigelser")
        (group,) = answer.context["groups"]
        (row,) = group.rows
        assert (row.proposed, row.followed, row.raised, row.lowered, row.share) == (1, 0, 1, 0, None)
        assert "Bor alene" in text(answer)
        assert "For få til at sige noget" in text(answer)

    def test_another_clinic_sees_nothing_of_it(self, world: worlds.World) -> None:
        planned(world, worlds.browser("laege"))
        assert "Ingen beslutninger endnu" in text(worlds.browser("anden").get("/klinik/afvigelser"))


class TestDeepLink:
    def test_it_lands_in_exactly_that_form_after_login(self, world: worlds.World) -> None:
        planned(world, worlds.browser("laege"))
        link = world.course + "formular/kol-aarsstatus"
        stranger = Client()
        sent = stranger.get(link)
        assert sent.status_code == 302
        front = stranger.get(sent["Location"]).content.decode()
        assert f'name="next" value="{link}"' in front
        landed = stranger.post("/login/persona", {"persona": "laege", "next": link}, follow=True)
        assert landed.redirect_chain[-1][0] == link
        assert "Årsstatus" in text(landed)

    def test_anothers_patient_is_not_there_after_login_either(self, world: worlds.World) -> None:
        link = world.course + "formular/kol-aarsstatus"
        landed = Client().post("/login/persona", {"persona": "anden", "next": link}, follow=True)
        assert landed.status_code == 404
        assert worlds.browser("laege").get(world.course + "formular/findes-ikke").status_code == 404
