"""Referring in a browser: filled from the record, asked for what is missing, sent, refused, sent elsewhere; by keyboard too."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
OWN = "http://tovholder.dk/fhir/StructureDefinition/"
KIND = "http://tovholder.dk/fhir/CodeSystem/organization-kind"
MCS = "urn:oid:1.2.208.184.100.8"


class Api:
    """The system that loads the directory and what was measured."""

    def __init__(self, server: Server) -> None:
        self.url, self.token = f"{server.url}/fhir", server.world["token"]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def patient(self, family: str) -> str:
        found = self.ask(f"/Patient?{urllib.parse.urlencode({'family': family})}")
        return str(found["entry"][0]["resource"]["id"])

    def receiver(self, name: str, municipality: str, waiting: int | None = None) -> None:
        made = self.ask(
            "/Organization",
            {
                "resourceType": "Organization", "active": True, "name": name,
                "type": [{"coding": [{"system": KIND, "code": "prevention"}]}],
                "extension": [{"url": OWN + "municipality", "valueCode": municipality}],
                "address": [{"line": ["Prøvevej 1"], "postalCode": "8900", "city": "Randers"}],
                "telecom": [{"system": "phone", "value": "00 11 22 33"}],
            },
        )  # fmt: skip
        owner = {"reference": f"Organization/{made['id']}"}
        if waiting is not None:
            told = [
                {"url": OWN + "waiting-days", "valueInteger": waiting},
                {"url": OWN + "waiting-told", "valueDate": (date.today() - timedelta(days=4)).isoformat()},
            ]
            service = {"resourceType": "HealthcareService", "active": True, "name": "KOL-hold", "providedBy": owner}
            self.ask("/HealthcareService", service | {"extension": told})
            position = {"latitude": 56.46, "longitude": 10.03}
            self.ask("/Location", {"resourceType": "Location", "managingOrganization": owner, "position": position})

    def measured(self, patient: str, code: str, value: float, days_ago: int, unit: str = "") -> None:
        quantity = {"value": value, **({"unit": unit, "code": unit} if unit else {})}
        self.ask(
            "/Observation",
            {
                "resourceType": "Observation", "status": "final",
                "code": {"coding": [{"system": MCS, "code": code}]},
                "subject": {"reference": f"Patient/{patient}"},
                "effectiveDateTime": (date.today() - timedelta(days=days_ago)).isoformat(),
                "valueQuantity": quantity,
            },
        )  # fmt: skip


class TestReferral:
    """Given a patient with a plan; when the clinic refers; then the receiver gets what it needs and nobody gets lost."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        api = Api(server)
        patient = api.patient("Nabo 1")
        api.receiver("Sundhedscenter Nær", "0730", 12)
        api.receiver("Sundhedscenter Fjern", "0400")
        api.measured(patient, "MCS88021", 3, 500)
        form = f"/klinik/patient/{patient}/kol/henvisning/rehabilitering"
        doctor = visitor()
        doctor.goes_in_as("laege")
        doctor.opens(form)
        doctor.reads("Der mangler", "Formål med henvisningen", "måneder gammel", "12 dages ventetid")
        doctor.meets_an_accessible_page("henvisning-formular")
        doctor.presses("Send henvisningen")
        doctor.is_told_of_an_error("felt-formaal", "Formål med henvisningen mangler")
        doctor.meets_an_accessible_page("henvisning-fejl")
        doctor.page.locator("label", has_text="Sundhedscenter Nær").click()
        doctor.fills("Formål med henvisningen", "Genoptræning efter indlæggelse")
        doctor.fills("Patientens telefon", "00 22 33 44")
        doctor.fills("Bopælskommune", "Randers")
        doctor.fills("FEV1 i procent af forventet", "51")
        doctor.chooses("MRC passer stadig")
        doctor.presses("Se, hvad modtageren får")
        doctor.reads("Sådan ser modtageren det", "Genoptræning efter indlæggelse", "Sundhedscenter Nær")
        doctor.meets_an_accessible_page("henvisning-vist")
        doctor.presses("Send henvisningen")
        doctor.reads("Henvisningen er sendt", "Skal begynde senest", "bekræftet af afsenderen")
        doctor.meets_an_accessible_page("henvisning-sendt")
        self.when_it_is_refused_it_goes_elsewhere(doctor)
        self.then_the_list_and_english_fit_too(visitor, form)

    def when_it_is_refused_it_goes_elsewhere(self, doctor: Visitor) -> None:
        doctor.unfolds("Afvist")
        doctor.page.locator("#reject-grund").select_option("no-capacity")
        doctor.presses("Notér, at den er afvist")
        doctor.reads("Modtageren har ikke plads", "ingen har patienten")
        doctor.meets_an_accessible_page("henvisning-afvist")
        doctor.opens("/klinik/henvisninger")
        doctor.reads("Venter på jer (", "Afvist: ingen har patienten")
        doctor.meets_an_accessible_page("henvisninger")
        doctor.page.locator("main .th-lines li", has_text="Prøve Nabo").filter(has_text="Afvist").locator(
            "a"
        ).first.click()
        doctor.page.get_by_role("link", name="Send til en anden modtager").click()
        doctor.reads("Alt, hvad I skrev dengang, er bevaret.")
        doctor.tabs_to("Sundhedscenter", "input")  # the rest by keyboard alone
        doctor.page.keyboard.press("Space")
        doctor.tabs_to("MRC passer stadig", "input")
        doctor.page.keyboard.press("Space")
        doctor.tabs_to("Send henvisningen", "button")
        doctor.enters()
        doctor.reads("Henvisningen er sendt", "Genoptræning efter indlæggelse", "Hænger sammen med")

    def then_the_list_and_english_fit_too(self, visitor: Callable[..., Visitor], form: str) -> None:
        nurse = visitor(width=360, javascript=False)
        nurse.goes_in_as("laege")
        nurse.page.locator('button[name="language"][value="en"]').click()
        nurse.opens(form)
        nurse.reads("Send the referral", "Purpose")
        nurse.meets_an_accessible_page("henvisning-engelsk")
