"""Who may see my plan, in a browser: a patient blocks, a doctor breaks the glass, the patient sees it and lifts the block."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WHY = "Patienten er faldet om og kan ikke svare."


class TestWhoMaySeeMyPlan:
    """Given a patient who blocks part of the record; when the doctor must look; then everybody is told of it."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        patient, doctor = visitor(width=360), visitor()
        self.given_a_block(patient)
        self.when_the_doctor_breaks_the_glass(doctor, server)
        self.then_the_patient_is_told(patient)
        self.then_the_doctor_ends_it_and_it_is_listed(doctor, server)
        self.then_the_patient_lifts_the_block_without_scripts(visitor(javascript=False))

    def given_a_block(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.opens("/minplan/spaerringer")
        patient.meets_an_accessible_page("spaerringer-ingen")
        patient.tabs_to("Lav en spærring", "summary")
        patient.page.keyboard.press("Enter")
        patient.presses("Gem spærringen")
        patient.is_told_of_an_error("spaer-who", "Vælg, hvem du vil spærre for.")
        patient.page.get_by_label("Hvem må ikke se det?").select_option(label="Lægerne Prøvestræde")
        patient.page.get_by_label("Hvad må de ikke se?").select_option("measurements")
        patient.meets_an_accessible_page("spaerringer-formular")
        patient.presses("Gem spærringen")
        patient.reads("Spærringen er gemt", "Lægerne Prøvestræde", "Må ikke se: Målinger og prøvesvar")
        patient.meets_an_accessible_page("spaerringer")

    def when_the_doctor_breaks_the_glass(self, doctor: Visitor, server: Server) -> None:
        doctor.goes_in_as("laege")
        doctor.opens(f"/klinik/patient/{server.world['patient']}/kol/")
        doctor.reads("Patienten har spærret for en del af sine oplysninger.")
        doctor.meets_an_accessible_page("patient-spaerret")
        doctor.page.get_by_role("link", name="Åbn ved værdispring").click()
        doctor.page.wait_for_load_state()
        doctor.meets_an_accessible_page("vaerdispring")
        doctor.presses("Åbn spærringerne")
        doctor.reads("Vælg en grund.")
        doctor.passes_axe("vaerdispring-fejl")
        doctor.chooses("Patienten kan ikke kontaktes eller give samtykke, og der er akut fare")
        doctor.fills("Begrund det med dine egne ord", WHY)
        doctor.presses("Åbn spærringerne")
        doctor.reads("Spærringerne er åbnet for dig")
        doctor.opens(f"/klinik/patient/{server.world['patient']}/kol/")
        doctor.reads("Du ser også det, patienten har spærret")

    def then_the_patient_is_told(self, patient: Visitor) -> None:
        patient.opens("/minplan/")
        patient.reads("det, du har spærret.")
        patient.meets_an_accessible_page("minplan-vaerdispring")
        patient.opens("/minplan/spaerringer")
        patient.reads("En spærring er åbnet lige nu", WHY)
        patient.meets_an_accessible_page("spaerringer-aabnet")

    def then_the_doctor_ends_it_and_it_is_listed(self, doctor: Visitor, server: Server) -> None:
        doctor.presses("Afslut værdispring nu")
        doctor.reads("Spærringerne gælder igen.", WHY, "1 mangler opfølgning")
        doctor.unfolds("Åbn med CPR-nummer")
        doctor.meets_an_accessible_page("vaerdispring-liste")
        doctor.opens(f"/klinik/patient/{server.world['patient']}/kol/")
        doctor.reads("Patienten har spærret for en del af sine oplysninger.")

    def then_the_patient_lifts_the_block_without_scripts(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.opens("/minplan/spaerringer")
        patient.presses("Ophæv")
        patient.reads("Det er ophævet", "Du har ikke spærret for noget.")
