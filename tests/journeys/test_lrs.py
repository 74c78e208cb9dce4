"""Low-back pain in a browser: confirmed at the start, stopped by a red flag, assessed, planned, seen by the patient."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAG = "Rødt flag er ikke vurderet"
URGENT = "I dag: Se patienten"


class TestBackPainFromFoundToPlan:
    """Given a patient whose back pain has lasted 120 days; when the clinic works; then nothing serious is passed by."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        doctor, patient = visitor(), visitor(width=360)
        course = f"/klinik/patient/{server.world['back']}/lrs/"
        doctor.goes_in_as("laege")

        self.given_the_clinic_finds_the_patient(doctor)
        self.when_the_start_is_confirmed(doctor)
        self.when_the_clinic_assesses(doctor)
        self.then_red_flags_come_first(doctor)
        self.when_one_is_answered_with_yes(doctor)
        self.then_it_is_told_to_be_done_today(doctor)
        self.when_the_doctor_rules_it_out(doctor)
        self.when_risk_and_function_are_measured(doctor)
        self.then_the_level_is_proposed_and_decided(doctor)
        self.when_the_plan_is_made_with_the_patient(doctor)
        self.then_the_patient_sees_it(patient)
        self.then_it_fits_a_phone_too(visitor, course)

    def given_the_clinic_finds_the_patient(self, doctor: Visitor) -> None:
        doctor.opens("/klinik/?vis=ikke-startet")
        doctor.page.get_by_role("link", name="Prøve Lændesen", exact=True).click()
        doctor.reads("Lænderygsmerter", "Smerterne er dokumenteret i 120 dage, altså mere end 12 uger.")

    def when_the_start_is_confirmed(self, doctor: Visitor) -> None:
        doctor.presses("Start forløbet", "#start")
        doctor.is_told_of_an_error("start-confirmed", "Sæt kryds, hvis det er rigtigt")
        doctor.meets_an_accessible_page("lrs-start-fejl")
        doctor.page.locator("#start input[name=confirmed]").check()
        doctor.presses("Start forløbet", "#start")
        doctor.reads("Forløbet er startet.", "Skemaer", "Ikke udfyldt endnu")

    def when_the_clinic_assesses(self, doctor: Visitor) -> None:
        doctor.page.get_by_role("link", name="Udfyld behovsvurdering").click()
        for group in doctor.page.locator("main fieldset").all():
            group.locator("input[type=radio]").first.check()
        doctor.presses("Gem")

    def then_red_flags_come_first(self, doctor: Visitor) -> None:
        doctor.reads("Der kan ikke foreslås et niveau.", "Røde flag er ikke gennemgået")
        assert doctor.page.locator("#niveau form").count() == 0  # nothing to decide with
        doctor.page.locator("#niveau .th-block a").click()
        doctor.meets_an_accessible_page("lrs-roede-flag")

    def when_one_is_answered_with_yes(self, doctor: Visitor) -> None:
        doctor.presses("Gem")
        doctor.reads("Der er noget, du skal rette")
        for no in doctor.page.locator("main input[type=radio][value=false]").all():
            no.check()
        doctor.page.locator("input[name=natsmerter][value=true]").check()
        doctor.presses("Gem")

    def then_it_is_told_to_be_done_today(self, doctor: Visitor) -> None:
        doctor.reads(FLAG, URGENT, "kræft, infektion eller brud")
        doctor.meets_an_accessible_page("lrs-roedt-flag")
        doctor.opens("/klinik/")
        doctor.reads("Prøve Lændesen", FLAG)
        doctor.page.get_by_role("link", name="Prøve Lændesen", exact=True).click()

    def when_the_doctor_rules_it_out(self, doctor: Visitor) -> None:
        doctor.page.locator("#niveau .th-block a").click()
        assert doctor.page.locator("input[name=natsmerter][value=true]").is_checked()  # what was answered stands
        doctor.page.locator("input[name=vurdering][value=afkraeftet]").check()
        doctor.presses("Gem")
        doctor.reads("Tovholders forslag", "Niveau 1")
        doctor.does_not_read(FLAG, URGENT)

    def when_risk_and_function_are_measured(self, doctor: Visitor) -> None:
        doctor.page.get_by_role("link", name="STarT Back").click()
        doctor.reads("Spørgsmål 9", "Keele University")
        doctor.meets_an_accessible_page("lrs-start-back")
        for number in range(1, 9):
            agrees = "enig" if number <= 4 else "uenig"
            doctor.page.locator(f"input[name=start-{number}][value={agrees}]").check()
        doctor.page.locator("input[name=start-9][value=moderat]").check()
        doctor.presses("Gem")
        doctor.page.get_by_role("link", name="Smerter, funktion og arbejde").click()
        doctor.meets_an_accessible_page("lrs-funktion")
        doctor.page.locator("input[name=rmdq]").fill("25")
        doctor.presses("Gem")
        doctor.reads("Der er noget, du skal rette")
        for name, value in (("rmdq", "11"), ("smerte", "6"), ("sygemelding-uger", "0"), ("odi", "32")):
            doctor.page.locator(f"input[name={name}]").fill(value)
        doctor.presses("Gem")
        doctor.reads("Svarene er gemt.", "moderat påvirket")

    def then_the_level_is_proposed_and_decided(self, doctor: Visitor) -> None:
        doctor.reads("STarT Back viser middel risiko")
        doctor.chooses("Niveau 2 (gul)", "#niveau")
        doctor.presses("Beslut niveau", "#niveau")

    def when_the_plan_is_made_with_the_patient(self, doctor: Visitor) -> None:
        plan = "#plan"
        doctor.presses("Lav en kladde til planen", plan)
        doctor.reads("Træning hos fysioterapeut", "Opfølgning på planen", "Måling af smerter og funktion")
        doctor.fills("Patientens mål", "Spille bold med min søn", plan)
        doctor.chooses("Planen er lavet sammen med patienten", plan)
        doctor.presses("Bekræft, og del med patienten", plan)
        doctor.reads("Planen er bekræftet")
        doctor.meets_an_accessible_page("lrs-patient")

    def then_the_patient_sees_it(self, patient: Visitor) -> None:
        patient.goes_in_as("rygpatient")
        patient.reads("Din plan: Lænderygsmerter", "Spille bold med min søn", "Træning hos fysioterapeut")
        patient.meets_an_accessible_page("lrs-minplan")

    def then_it_fits_a_phone_too(self, visitor: Callable[..., Visitor], course: str) -> None:
        phone = visitor(width=360)
        phone.goes_in_as("laege")
        phone.opens(course)
        phone.meets_an_accessible_page("lrs-patient-telefon")
