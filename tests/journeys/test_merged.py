"""Two packages in a browser: one plan, one appointment for both, seen once by the patient; by keyboard, in two languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from journeys.conftest import Server, Visitor, serving
from lib import two_packages

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic whose installation has two packages of its own, and a patient who has both."""
    home = tmp_path_factory.mktemp("home")
    own = two_packages.write(home / "own")
    with serving(home, "merged_seed.py", {"TOVHOLDER_PACKAGES": str(own)}) as served:
        yield served


class TestOnePlanOfTwoPackages:
    """Given two packages that want some of the same; when one appointment is booked; then it counts for both."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        doctor, patient = visitor(), visitor(width=360)
        page = f"/klinik/patient/{server.world['patient']}/samlet-plan"
        doctor.goes_in_as("laege")

        self.given_the_plan_is_one(doctor, page)
        self.when_a_time_is_missing(doctor)
        self.when_it_is_booked_by_keyboard(doctor)
        self.then_both_packages_have_it(doctor, server.world["patient"])
        self.then_the_patient_sees_it_once(patient)
        self.then_it_is_told_in_english(doctor, page)

    def given_the_plan_is_one(self, doctor: Visitor, page: str) -> None:
        doctor.opens(page)
        doctor.reads("Samlet plan", "Målene kan ikke nås på samme tid", "i stedet for 4", "Sukker", "Hjertet")
        for summary in doctor.page.locator(".th-merge summary").all():
            summary.click()
        doctor.meets_an_accessible_page("samlet-plan")
        doctor.opens(page)

    def when_a_time_is_missing(self, doctor: Visitor) -> None:
        doctor.unfolds("Book én aftale til det hele")
        doctor.presses("Book aftalen", ".th-merge-joint")
        doctor.reads("Skriv klokkeslættet.")
        doctor.meets_an_accessible_page("samlet-plan-fejl")

    def when_it_is_booked_by_keyboard(self, doctor: Visitor) -> None:
        doctor.fills("Klokkeslæt", "09:30", ".th-merge-joint")
        doctor.tabs_to("Book aftalen", "button")
        doctor.enters()
        doctor.reads("Aftalen er booket for alle pakkerne på én gang.", "Booket")

    def then_both_packages_have_it(self, doctor: Visitor, patient_id: str) -> None:
        for package in ("sukker", "hjertet"):
            doctor.opens(f"/klinik/patient/{patient_id}/{package}/")
            doctor.reads("Sukker-kontrol, Hjertet-kontrol")

    def then_the_patient_sees_it_once(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.reads("Sukker-kontrol, Hjertet-kontrol", "På samme tid for:")
        assert patient.page.locator("#aftaler ~ ul .th-appointment").count() == 1
        patient.meets_an_accessible_page("minplan-flere-pakker")

    def then_it_is_told_in_english(self, doctor: Visitor, page: str) -> None:
        doctor.opens(page)
        doctor.page.locator('form[action="/sprog/"] button', has_text="English").first.click()
        doctor.page.wait_for_load_state()
        doctor.reads("Merged plan", "The targets cannot be reached at the same time", "instead of 4")
        doctor.meets_an_accessible_page("samlet-plan-en")
