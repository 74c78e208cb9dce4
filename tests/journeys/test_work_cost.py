"""What six tasks cost the clinic in clicks, fields and seconds of a practised person (docs/clinic-cost.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from journeys.conftest import Server
from journeys.measuring import Measured
from lib.klm import HEAD, Cost, line, row
from lib.tally import Tally

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "clinic-cost.md"
SIMPLE = 16.0  # seconds: the median Simple publishes for recording a follow-up
MOST = 5  # interactions beyond typing values


@pytest.fixture(scope="module")
def server(clinic_at_work: Server) -> Server:
    """A patient for each task."""
    return clinic_at_work


@pytest.fixture(scope="module")
def seeded(server: Server) -> dict[str, str]:
    """The patients' ids by their family names."""
    found: dict[str, str] = server.world["patients"]
    return found


@pytest.fixture
def nurse(browser: Browser, server: Server) -> Iterator[Measured]:
    """A nurse who is counted."""
    made = Measured(browser, server)
    made.goes_in_as("maaler")
    yield made
    made.leaves()


@pytest.fixture
def told(tally: Tally) -> Callable[[str, Cost], None]:
    """Prints a task's line in the table at the end of the run; the published table says the same."""

    def tell(task: str, found: Cost) -> None:
        tally("clinic cost", HEAD)
        tally("clinic cost", line(task, found))
        assert row(task, found) in PUBLISHED.read_text(encoding="utf-8").splitlines(), f"docs: {row(task, found)}"

    return tell


def fills_in_a_control(nurse: Measured) -> None:
    """Alarm signs, saturation, MRC, CAT, exacerbations, plan, smoking, inhaler, technique, rehabilitation, weight."""
    nurse.keys("Space", "Enter", "96", "Enter", "3", "Enter", "17", "Enter", "0", "Enter", "Space", "Enter")
    nurse.keys("ArrowDown", "ArrowDown", "Enter", "Space", "Enter", "Space", "Enter", "Space", "Enter", "82", "Enter")


def test_a_control(nurse: Measured, told: Callable[[str, Cost], None]) -> None:
    """From the day's list and back to it, with the outcome and the next time."""
    nurse.opens("/klinik/i-dag")
    nurse.meets_an_accessible_page("i-dag-kontrol")
    nurse.begins()
    nurse.clicks(nurse.page.locator("li", has_text="Kontrolsen").get_by_role("link", name="Udfyld KOL-kontrol"))
    nurse.page.locator("#svar-alarm:focus").wait_for()
    fills_in_a_control(nurse)
    assert nurse.page.locator("#svar-mrc").input_value() == "3"
    assert nurse.page.locator("#svar-vaegt").input_value() == "82"
    assert nurse.page.locator("#svar-rygning-3").is_checked()
    nurse.keys("Tab")  # past the remarks
    nurse.page.locator("[name=besoeg-held]:focus").wait_for()
    nurse.keys("Space", "Enter", "Enter", "Enter", "Enter")  # kept; the proposed kind, day and time stand
    nurse.page.locator("button[value=book]:focus").wait_for()
    nurse.enters()
    found = nurse.ends()
    nurse.reads("Svarene er gemt.", "Det er noteret, at aftalen blev gennemført.", "er booket")
    nurse.meets_an_accessible_page("i-dag-efter-kontrol")
    told("COPD control, with outcome and next time", found)
    assert found.fields == 11, found
    assert found.interactions <= MOST, found
    assert found.seconds <= SIMPLE, found


def test_a_course_from_found_to_a_shared_plan(nurse: Measured, told: Callable[[str, Cost], None]) -> None:
    nurse.opens("/klinik/?vis=ikke-startet")
    nurse.begins()
    page = nurse.page
    nurse.clicks(page.get_by_role("link", name="Prøve Nystartsen", exact=True))
    nurse.clicks(page.get_by_role("button", name="Start forløbet"))
    nurse.clicks(page.get_by_role("link", name="Udfyld behovsvurdering"))
    for group in page.locator("main fieldset").all():
        group.locator("label").nth(1).click()
    nurse.clicks(page.get_by_role("button", name="Gem", exact=True))
    nurse.clicks(page.get_by_role("button", name="Beslut niveau"))
    nurse.clicks(page.get_by_role("button", name="Lav en kladde til planen"))
    page.get_by_label("Patientens mål").first.click()
    nurse.keys("Gå til bageren")
    page.get_by_text("Planen er lavet sammen med patienten", exact=True).click()
    nurse.clicks(page.get_by_role("button", name="Bekræft, og del med patienten"))
    found = nurse.ends()
    nurse.reads("Planen er bekræftet, og patienten kan se den nu.")
    told("from found to a shared plan", found)
    assert found.clicks <= 15, found


def test_a_flag_is_answered(nurse: Measured, told: Callable[[str, Cost], None]) -> None:
    nurse.opens("/klinik/?pakke=kol")
    nurse.begins()
    row = nurse.page.locator("#liste tbody tr", has_text="Flagsen")
    nurse.clicks(row.locator("[data-follow]"))
    nurse.clicks(nurse.page.locator("#attempt-outcome button").first)
    found = nurse.ends()
    nurse.reads("det er noteret hos Prøve Flagsen")
    told("a flag: called, with the outcome", found)
    assert found.interactions <= 2, found


def test_a_shared_appointment(nurse: Measured, seeded: dict[str, str], told: Callable[[str, Cost], None]) -> None:
    nurse.opens(f"/klinik/patient/{seeded['Fællessen']}/")
    nurse.begins()
    nurse.clicks(nurse.page.get_by_role("link", name="Samlet plan"))
    joint = nurse.page.locator(".th-merge-joint", has_text="Book én aftale til det hele").first
    joint.locator("summary", has_text="Book én aftale til det hele").click()
    joint.get_by_label("Klokkeslæt").click(position={"x": 18, "y": 20})
    nurse.keys("0930a")  # a: before noon, where the browser asks
    nurse.clicks(joint.get_by_role("button", name="Book aftalen"))
    found = nurse.ends()
    nurse.reads("Aftalen er booket for alle pakkerne på én gang.")
    told("one appointment for two packages", found)
    assert found.interactions <= 5, found


def test_a_referral(nurse: Measured, seeded: dict[str, str], told: Callable[[str, Cost], None]) -> None:
    nurse.opens(f"/klinik/patient/{seeded['Henvissen']}/kol/opfoelgning")
    nurse.begins()
    page = nurse.page
    nurse.clicks(page.get_by_role("link", name="Henvis: ").filter(has_text="ehabilitering").first)
    page.locator("label", has_text="Sundhedscenter Måleby").click()
    page.get_by_label("Formål med henvisningen").first.click()
    nurse.keys("Genoptræning")
    for label, value in (("Bopælskommune", "Randers"),):
        field = page.get_by_label(label).first
        if field.count() and not field.input_value():
            field.click()
            nurse.keys(value)
    nurse.clicks(page.get_by_role("button", name="Send henvisningen"))
    found = nurse.ends()
    nurse.reads("Henvisningen er sendt")
    told("a referral, sent", found)
    assert found.interactions <= 6, found


def test_a_goal_at_a_visit(nurse: Measured, seeded: dict[str, str], told: Callable[[str, Cost], None]) -> None:
    nurse.opens(f"/klinik/patient/{seeded['Målsen']}/kol/plan/ret")
    goal = nurse.page.locator("input[type=date][name$=target]").first
    assert goal.count() == 1
    nurse.begins()
    goal.click(position={"x": 18, "y": 20})
    nurse.keys(f"0606{date.today().year + 1}")  # the same in whatever order the browser asks
    nurse.clicks(nurse.page.get_by_role("button", name="Gem, og vis patienten"))
    found = nurse.ends()
    nurse.reads("Planen er ændret, og patienten kan se det nu.")
    told("a goal given a new day at a visit", found)
    assert found.interactions <= 3, found
