"""One of the official Danish test persons, from the published file to a plan he can read."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from journeys.conftest import Server, Visitor
from lib.people import condition
from lib.vectors import vectors
from tovholder.base import json
from tovholder.store import bulk

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PERSON = "Bruno"


def send(server: Server, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.url}/fhir/{path}",
        data=json.dumps(body),
        method=method,
        headers={"Authorization": f"Bearer {server.world['token']}", "Content-Type": "application/fhir+json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


class TestAnOfficialTestPerson:
    """Given the published person on the clinic's list with COPD; when the clinic works; then he sees his plan."""

    def test_from_the_published_file_to_minplan(self, visitor: Callable[..., Visitor], server: Server) -> None:
        self.given_the_person_comes_from_the_published_file(server)
        doctor, patient = visitor(), visitor(width=360)
        self.when_the_clinic_starts_and_assesses(doctor)
        self.when_the_clinic_makes_the_plan(doctor)
        self.then_he_reads_his_plan(patient)

    def given_the_person_comes_from_the_published_file(self, server: Server) -> None:
        package = vectors("dk-packages") / "hl7.fhir.dk.core.r4-3.7.0.tgz"
        published = next(
            item.resource
            for item in bulk.read_paths([package])
            if item.resource and (item.resource["resourceType"], item.resource.get("id")) == ("Patient", PERSON)
        )
        stored = send(server, "PUT", f"Patient/{PERSON}", published)
        assert {**stored, "meta": published["meta"]} == published
        own_doctor = [{"reference": f"Organization/{server.world['clinic']}"}]
        send(server, "PUT", f"Patient/{PERSON}", stored | {"generalPractitioner": own_doctor})
        send(server, "POST", "Condition", condition(PERSON, recorded=date.today().isoformat()))

    def when_the_clinic_starts_and_assesses(self, doctor: Visitor) -> None:
        doctor.goes_in_as("laege")
        doctor.opens(f"/klinik/patient/{PERSON}/kol/")
        doctor.reads("Bruno Test Elmer", "Derfor er patienten fundet")
        doctor.presses("Start forløbet", "#start")
        doctor.page.get_by_role("link", name="Udfyld behovsvurdering").click()
        for group in doctor.page.locator("main fieldset").all():
            group.locator("input[type=radio]").first.check()
        doctor.presses("Gem")
        doctor.reads("Svarene er gemt.", "Tovholders forslag")

    def when_the_clinic_makes_the_plan(self, doctor: Visitor) -> None:
        doctor.chooses("Niveau 1 (grøn)", "#niveau")
        doctor.presses("Beslut niveau", "#niveau")
        doctor.presses("Lav en kladde til planen", "#plan")
        doctor.fills("Patientens mål", "Spille bold med børnebørnene", "#plan")
        doctor.chooses("Planen er lavet sammen med patienten", "#plan")
        doctor.presses("Bekræft, og del med patienten", "#plan")
        doctor.reads("Planen er bekræftet")

    def then_he_reads_his_plan(self, patient: Visitor) -> None:
        patient.goes_in_as("bruno")
        patient.reads("Hej Bruno", "Lægerne Prøvestræde", "Spille bold med børnebørnene", "Niveau 1")
        patient.meets_an_accessible_page("minplan-testperson")
