"""The clinic's list with the keyboard alone: from a flag to a call, put off and taken up; and the lists beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class TestTheListAndWhatIsDoneFromIt:
    """Given a clinic with somebody who waits; when a doctor works from the list; then everybody at the clinic sees it."""

    def test_by_keyboard_from_the_list_to_a_call_and_back(
        self, visitor: Callable[..., Visitor], server: Server
    ) -> None:
        doctor = visitor()
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/?pakke=kol")
        doctor.meets_an_accessible_page("liste-kol")
        self.when_the_rows_are_walked(doctor)
        self.when_a_call_is_noted(doctor)
        self.when_the_view_is_saved(doctor)
        self.then_every_list_is_one_step_away(doctor)

    def when_the_rows_are_walked(self, doctor: Visitor) -> None:
        page = doctor.page
        rows = page.locator("#liste [data-row]")
        names = rows.all_inner_texts()
        assert len(names) > 2
        rows.first.focus()
        focused = "document.activeElement.textContent"
        page.keyboard.press("j")
        assert page.evaluate(focused) == names[1]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("k")
        assert page.evaluate(focused) == names[1]
        page.keyboard.press("End")
        assert page.evaluate(focused) == names[-1]
        page.keyboard.press("Home")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "soeg"
        rows.first.focus()
        page.keyboard.press("f")
        page.wait_for_url("**/opfoelgning**")
        self.name = names[0]

    def when_a_call_is_noted(self, doctor: Visitor) -> None:
        doctor.reads(f"Følg op: {self.name}", "Hvad skete der?", "Her er ikke gjort noget endnu.")
        doctor.meets_an_accessible_page("opfoelgning")
        doctor.page.get_by_role("button", name="Intet svar").focus()
        doctor.page.keyboard.press("Enter")
        doctor.page.wait_for_url("**/klinik/?pakke=kol**")
        doctor.reads(f"Intet svar: det er noteret hos {self.name}.", "Forsøgt kontaktet 1 gang", "intet svar")

    def when_the_view_is_saved(self, doctor: Visitor) -> None:
        doctor.opens("/klinik/?pakke=kol&vis=uden-niveau&orden=alder")
        doctor.unfolds("Gem denne visning")
        doctor.presses("Gem visningen")
        doctor.is_told_of_an_error("visning-name", "Giv visningen et navn.")
        doctor.fills("Navn på visningen", "Uden niveau, yngste først")
        doctor.presses("Gem visningen")
        doctor.reads("Visningen er gemt.", "Uden niveau, yngste først")

    def then_every_list_is_one_step_away(self, doctor: Visitor) -> None:
        for link, heading in (
            ("Dagens patienter", "Ingen har en tid i dag"),
            ("Kommende kontroller", "I alt"),
            ("Ikke foreslået", "Ikke foreslået til en pakke"),
            ("Det, vi ikke ved", "Ukendt er ikke det samme som ikke gjort."),
        ):
            doctor.opens("/klinik/")
            doctor.page.get_by_role("link", name=link).click()
            doctor.page.wait_for_load_state()
            doctor.reads(heading)
            doctor.passes_axe(link)
            doctor.fits(link)


def test_in_english_on_a_telephone_without_scripts(visitor: Callable[..., Visitor]) -> None:
    """What the keys and partial loads do is there without them."""
    nurse = visitor(width=360, javascript=False)
    nurse.goes_in_as("laege")
    nurse.page.get_by_role("button", name="English").click()
    nurse.opens("/klinik/?pakke=kol")
    nurse.reads("Patient list", "Sort by", "Contact and tasks")
    nurse.page.get_by_label("Sort by").select_option("naeste-kontrol")
    nurse.presses("Sort")
    assert "orden=naeste-kontrol" in nurse.page.url
    nurse.page.get_by_role("link", name="Contact and tasks").first.click()
    nurse.reads("What happened?", "Assign to a colleague")
    nurse.fills("Remark", "Rings again on Friday")
    nurse.presses("Left a message")
    nurse.reads("it is noted for", "left a message")
