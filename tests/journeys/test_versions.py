"""A new version of a package in a browser: what is new, what each plan would become, approved, or kept with a reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class TestANewVersion:
    """Given two plans of an earlier version; when the clinic approves one and keeps one; then each is as it said."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        self.given_two_plans_of_an_earlier_version(server)
        doctor = visitor()
        self.then_the_page_says_what_waits(doctor)
        self.when_one_is_approved_by_keyboard(doctor)
        self.when_one_is_to_be_kept_without_a_reason(doctor)
        self.then_it_is_kept_with_one(doctor)
        self.then_it_reads_in_english(doctor)
        self.then_it_works_without_scripts(visitor(javascript=False))

    def given_two_plans_of_an_earlier_version(self, server: Server) -> None:
        script = Path(__file__).with_name("versions_seed.py")
        told = subprocess.run(
            [sys.executable, str(script), server.world["clinic"]], env=server.environ, check=False, capture_output=True
        )
        assert told.returncode == 0, told.stderr.decode()

    def then_the_page_says_what_waits(self, doctor: Visitor) -> None:
        doctor.goes_in_as("laege")
        doctor.page.get_by_role("link", name="Pakker", exact=True).click()
        doctor.page.wait_for_load_state()
        doctor.reads("KOL: version", "2 planer venter", "Ældresen", "Førstesen", "følger version 1.0.0")
        doctor.unfolds("Hvad er nyt siden version 1.0.0?")
        doctor.reads("Planens trin")
        doctor.meets_an_accessible_page("pakker")

    def when_one_is_approved_by_keyboard(self, doctor: Visitor) -> None:
        doctor.tabs_to("Ældresen", "input")
        doctor.page.keyboard.press("Space")
        doctor.tabs_to("Godkend de valgte", "button")
        doctor.enters()
        doctor.reads(
            "1 plan følger nu den nye version. Patienten kan se den nye plan nu.", "1 plan venter", "Førstesen"
        )
        doctor.does_not_read("Ældresen")

    def when_one_is_to_be_kept_without_a_reason(self, doctor: Visitor) -> None:
        doctor.page.get_by_role("checkbox").first.check()
        doctor.unfolds("Behold de valgte, som de er")
        doctor.fills("Hvornår vil I se på det igen?", "2020-01-01")
        doctor.presses("Behold de valgte indtil videre")
        doctor.is_told_of_an_error("behold-kol-reason", "Skriv, hvorfor planerne skal blive, som de er.")
        doctor.reads("Vælg en dag fra i morgen og højst to år frem.")
        doctor.passes_axe("pakker-fejl")

    def then_it_is_kept_with_one(self, doctor: Visitor) -> None:
        tomorrow = doctor.page.evaluate("new Date(Date.now() + 5 * 86400000).toISOString().slice(0, 10)")
        doctor.fills("Hvorfor skal planerne blive, som de er?", "Patienten er på rejse")
        doctor.fills("Hvornår vil I se på det igen?", tomorrow)
        doctor.presses("Behold de valgte indtil videre")
        doctor.reads("1 plan bliver, som den er", "0 planer venter", "Ingen planer venter.")
        doctor.page.get_by_role("link", name="1 plan er beholdt indtil videre").click()
        doctor.page.wait_for_load_state()
        doctor.reads("Førstesen", "»Patienten er på rejse«")

    def then_it_reads_in_english(self, doctor: Visitor) -> None:
        doctor.presses("English", within="header")
        doctor.opens("/klinik/pakker?pakke=kol&vis=beholdt")
        doctor.reads("New versions of the packages", "follows version 1.0.0", "Approve the chosen")
        doctor.passes_axe("pakker-english")

    def then_it_works_without_scripts(self, doctor: Visitor) -> None:
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/pakker?pakke=kol&vis=beholdt")
        doctor.presses("Godkend alle på siden")
        doctor.reads("1 plan følger nu den nye version.", "Alle planer følger de versioner, der gælder.")
