"""One patient over all packages in a browser: what waits, what happened, and two who change one plan at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys.conftest import Server, Visitor
from tovholder.base import json

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def seeded(server: Server) -> dict[str, Any]:
    """A patient with two packages and a past."""
    script = Path(__file__).with_name("patient_seed.py")
    command = [sys.executable, str(script), server.world["clinic"]]
    told = subprocess.run(command, env=server.environ, check=False, capture_output=True)
    assert told.returncode == 0, told.stderr.decode()
    found: dict[str, Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return found


def test_the_patient_over_all_packages(visitor: Callable[..., Visitor], seeded: dict[str, Any]) -> None:
    doctor, here = visitor(), f"/klinik/patient/{seeded['patient']}/"
    doctor.goes_in_as("laege")
    doctor.opens(here)
    doctor.reads("Det venter på dig", "Hvordan gik det? KOL-kontrol", "Højeste niveau: fra KOL", "KOL-rehabilitering")
    doctor.reads("Patienten har været indlagt, siden niveauet blev besluttet.")
    doctor.meets_an_accessible_page("patient-overblik")
    doctor.tabs_to("Udeblevet", "button")  # the keyboard alone
    doctor.enters()
    doctor.reads("Det er noteret, at patienten udeblev.")
    doctor.does_not_read("Hvordan gik det? KOL-kontrol")
    doctor.page.get_by_role("link", name="Tidslinje").click()
    doctor.reads("Indlæggelse", "Udskrevet", "Forhøjet blodtryk", "Henvist: KOL-rehabilitering")
    doctor.meets_an_accessible_page("patient-tidslinje")
    doctor.page.get_by_role("link", name="Målinger").click()
    doctor.page.locator(".th-chart.is-drawn canvas").first.wait_for()
    doctor.reads("Mål: højst 15. Ikke nået ved seneste måling.")
    doctor.meets_an_accessible_page("patient-maalinger")


def test_without_javascript_the_figures_are_a_table(visitor: Callable[..., Visitor], seeded: dict[str, Any]) -> None:
    doctor = visitor(javascript=False, width=360)
    doctor.goes_in_as("laege")
    doctor.opens(f"/klinik/patient/{seeded['patient']}/maalinger")
    doctor.unfolds("Se tallene for CAT")
    doctor.reads("24", "Mål: højst 15")
    doctor.fits("maalinger without JavaScript")


def test_medicine_is_noted_and_what_is_missing_is_told(visitor: Callable[..., Visitor], seeded: dict[str, Any]) -> None:
    doctor = visitor(width=360)
    doctor.goes_in_as("laege")
    doctor.opens(f"/klinik/patient/{seeded['patient']}/kol/medicin")
    doctor.chooses("Start")
    doctor.page.get_by_label("Slags medicin").select_option(index=1)
    doctor.fills("Medicinens navn", "Prøvemedicin")
    doctor.presses("Notér, og vis patienten")
    doctor.is_told_of_an_error("medicin-reason", "Skriv, hvorfor medicinen startes, ændres eller stoppes.")
    doctor.fills("Hvorfor?", "Bedre vejrtrækning")
    doctor.presses("Notér, og vis patienten")
    doctor.reads("Medicinen er noteret, og opfølgningen står i planen.", "Prøvemedicin", "Bedre vejrtrækning")
    doctor.meets_an_accessible_page("patient-medicin")


def test_two_change_one_plan_and_choose(visitor: Callable[..., Visitor], seeded: dict[str, Any]) -> None:
    doctor, nurse = visitor(), visitor()
    page = f"/klinik/patient/{seeded['patient']}/kol/plan/ret"
    for one, name in ((doctor, "laege"), (nurse, "kollega")):
        one.goes_in_as(name)
        one.opens(page)
    doctor.meets_an_accessible_page("plan-ret")
    nurse.fills("Hvornår", (date.today() + timedelta(days=20)).isoformat(), "#main-content section:has(#skridt-titel)")
    nurse.presses("Gem, og vis patienten")
    nurse.reads("Planen er ændret, og patienten kan se det nu.")
    doctor.fills("Hvornår", (date.today() + timedelta(days=30)).isoformat(), "#main-content section:has(#skridt-titel)")
    doctor.presses("Gem, og vis patienten")
    doctor.reads("I har begge ændret det her", "Ændret af Tove Prøvesygeplejerske", "Behold den andens", "Brug min")
    doctor.meets_an_accessible_page("plan-konflikt")
    doctor.page.locator("input[value=mine]").check()
    doctor.presses("Gem, og vis patienten")
    doctor.reads("Planen er ændret, og patienten kan se det nu.")
    doctor.page.get_by_role("link", name="Planens historie").click()
    doctor.reads("Hvem har ændret hvad?", "Tove Prøvesygeplejerske", "Mette Prøvelæge")
    doctor.fills("Dato", seeded["yesterday"])
    doctor.presses("Vis")
    doctor.reads("Min plan, som den så ud")
    doctor.meets_an_accessible_page("plan-historie")


def test_levels_against_proposals_in_english(visitor: Callable[..., Visitor], seeded: dict[str, Any]) -> None:
    doctor = visitor()
    doctor.goes_in_as("laege")
    doctor.page.get_by_role("button", name="English").click()
    doctor.opens("/klinik/afvigelser")
    doctor.reads("Levels: proposals and decisions", "Too few to say anything")
    doctor.meets_an_accessible_page("levels-in-english")
    doctor.opens(f"/klinik/patient/{seeded['patient']}/")
    doctor.reads("This is waiting for you", "Next appointments")
    doctor.meets_an_accessible_page("patient-in-english")
