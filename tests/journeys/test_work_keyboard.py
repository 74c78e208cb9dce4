"""A day's work without a mouse, from login over a flag and a control to a booked time; and a nurse's control in English."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What has the focus is seen: an outline, a shadow or a border of its own, within the window.
_SEEN = """
(() => {
  const on = document.activeElement, style = getComputedStyle(on), box = on.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const inside = box.bottom > 0 && box.top < innerHeight && box.width > 0;
  return on !== document.body && inside && (outlined || style.boxShadow !== "none");
})()
"""


@pytest.fixture(scope="module")
def server(clinic_at_work: Server) -> Server:
    """Patients with a flag and a time today."""
    return clinic_at_work


@pytest.fixture(scope="module")
def seeded(server: Server) -> dict[str, str]:
    """The patients' ids by their family names."""
    found: dict[str, str] = server.world["patients"]
    return found


class Hands(Visitor):
    """Somebody with a keyboard and nothing else; wherever they come, they see where they are."""

    def goes_to(self, text: str, tag: str = "") -> None:
        """With the tab key, seeing the focus when there."""
        self.tabs_to(text, tag)
        self.sees_the_focus()

    def sees_the_focus(self) -> None:
        where = self.page.evaluate("document.activeElement.outerHTML.slice(0, 160)")
        assert self.page.evaluate(_SEEN), f"the focus is not seen: {where} on {self.page.url}"


def test_by_keyboard_from_login_over_flag_and_control_to_a_booked_time(
    browser: Browser, server: Server, seeded: dict[str, str]
) -> None:
    nurse = Hands(browser, server)
    keys, page = nurse.page.keyboard, nurse.page
    nurse.opens("/")
    nurse.goes_to("Nina Målesen", "button")
    nurse.enters()
    row = page.locator(f"#liste tbody tr:has(a[href*='{seeded['Tasteksen']}']) [data-row]")
    here = row.get_attribute("href")
    nurse.goes_to("Prøve", "a")  # the first patient of the list; from there with the list's own keys
    for _ in range(40):
        if page.evaluate("document.activeElement.getAttribute('href')") == here:
            break
        keys.press("j")
        nurse.sees_the_focus()
    assert page.evaluate("document.activeElement.getAttribute('href')") == here
    with page.expect_navigation():
        keys.press("f")
    nurse.reads("Følg op: Prøve Tasteksen", "Hvad skete der?")
    nurse.goes_to("Talte med", "button")
    nurse.enters()
    nurse.reads("det er noteret hos Prøve Tasteksen")
    nurse.goes_to("Dagens patienter", "a")
    nurse.enters()
    nurse.goes_to("Udfyld KOL-kontrol: Prøve Tasteksen", "a")
    nurse.enters()
    page.locator("#svar-alarm:focus").wait_for()
    nurse.sees_the_focus()
    for press in ("Space", "Enter", "97", "Enter", "2", "Enter", "14", "Enter", "0", "Enter"):
        keys.type(press) if press.isdigit() else keys.press(press)
        nurse.sees_the_focus()
    nurse.goes_to("er gennemført", "input")
    keys.press("Space")
    for _ in range(4):
        keys.press("Enter")
        nurse.sees_the_focus()
    nurse.enters()
    nurse.reads("Svarene er gemt.", "Det er noteret, at aftalen blev gennemført.", "er booket")
    page.locator("#besked:focus").wait_for()
    nurse.passes_axe("keyboard alone")
    nurse.leaves()


def test_a_nurse_in_english(visitor: Callable[..., Visitor], seeded: dict[str, str]) -> None:
    nurse = visitor()
    nurse.goes_in_as("maaler")
    nurse.presses("English", "header")
    nurse.opens(f"/klinik/patient/{seeded['Målsen']}/kol/formular/kol-kontrol")
    nurse.reads("Finish the visit", "Are there warning signs today?")
    nurse.does_not_read("Afslut besøget", "Gem")
    nurse.fills("MRC (1-5)", "9")
    nurse.presses("Save, and book the next check-up")
    assert nurse.page.title().startswith("Error:")
    assert nurse.page.locator("#svar-mrc").get_attribute("aria-invalid") == "true"
    nurse.fills("MRC (1-5)", "3")
    nurse.meets_an_accessible_page("control-in-english")
    nurse.page.locator("#slut-besoeg-date").fill((date.today() + timedelta(days=30)).isoformat())
    nurse.presses("Save, and book the next check-up")
    nurse.reads("is booked for")
    nurse.passes_axe("control saved in English")
