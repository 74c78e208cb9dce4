"""Who has seen my plan, in a browser: the patient reads and filters their own log, the clinic reads its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class TestWhoHasSeenMyPlan:
    """Given people who looked; when the patient asks who; then it is told in plain words, and so it is to the clinic."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        self.given_people_who_looked(visitor(), server)
        patient, doctor = visitor(width=360), visitor()
        self.then_the_patient_is_told_who(patient)
        self.when_the_patient_chooses_break_glass_by_keyboard(patient)
        self.then_a_line_unfolds(patient)
        self.then_the_log_reads_in_english(patient)
        self.then_the_clinic_sees_its_own_and_who_broke_the_glass(doctor)
        self.then_it_all_works_without_scripts(visitor(javascript=False))

    def given_people_who_looked(self, doctor: Visitor, server: Server) -> None:
        doctor.goes_in_as("laege")
        doctor.opens(f"/klinik/patient/{server.world['patient']}/kol/")
        script = Path(__file__).with_name("log_seed.py")
        told = subprocess.run(
            [sys.executable, str(script), server.world["patient"]], env=server.environ, check=False, capture_output=True
        )
        assert told.returncode == 0, told.stderr.decode()

    def then_the_patient_is_told_who(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.page.get_by_role("link", name="Se, hvem der har set min plan").click()
        patient.page.wait_for_load_state()
        patient.reads(
            "Hvem har set min plan?",
            "Ansat på hospital Sif Prøvesygeplejerske, Lungemedicinsk Afdeling, Prøvehospitalet, så",
            "Grunden var: patienten kan ikke kontaktes eller give samtykke, og der er akut fare.",
            "Oplyst behandling",
            "Dorte Prøvesen så din plan og dine aftaler.",
            "På dine vegne",
            "Appen Pusterummet, som du selv har valgt, så dine målinger.",
            "Ser noget forkert ud?",
        )
        patient.meets_an_accessible_page("log-patient")

    def when_the_patient_chooses_break_glass_by_keyboard(self, patient: Visitor) -> None:
        patient.tabs_to("Vælg periode, hvem og hvad", "summary")
        patient.page.keyboard.press("Enter")
        patient.page.get_by_label("Hvad", exact=True).select_option("glass")
        patient.presses("Vis")
        patient.reads("brugte værdispring", "Nulstil valg")
        patient.does_not_read("Dorte Prøvesen så")
        patient.meets_an_accessible_page("log-patient-valgt")

    def then_a_line_unfolds(self, patient: Visitor) -> None:
        patient.unfolds("Vis alle 3 opslag")
        patient.reads("Dine målinger", "Dine diagnoser og din medicin")

    def then_the_log_reads_in_english(self, patient: Visitor) -> None:
        patient.presses("English", within="header")
        patient.opens("/minplan/log")
        patient.reads("Who has seen my plan?", "saw your plan and your appointments.", "On your behalf")
        patient.presses("Dansk", within="header")

    def then_the_clinic_sees_its_own_and_who_broke_the_glass(self, doctor: Visitor) -> None:
        doctor.goes_in_as("laege")
        doctor.page.get_by_role("link", name="Log", exact=True).click()
        doctor.page.wait_for_load_state()
        doctor.reads("Klinikkens log", "Mette Prøvelæge")
        doctor.opens("/klinik/log?vis=glass")  # what others did in the meantime fills the first page
        doctor.reads("Klinikkens log", "Patienter: Prøve Prøvesen", "Sif Prøvesygeplejerske", "brugte værdispring.")
        doctor.meets_an_accessible_page("log-klinik")

    def then_it_all_works_without_scripts(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.opens("/minplan/log?vis=glass")
        patient.reads("brugte værdispring")
