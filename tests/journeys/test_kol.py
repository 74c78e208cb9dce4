"""The main job in a browser: from a diagnosis to a plan the patient sees, a missed appointment, a flag, and a figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from journeys.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAG = "Udeblevet og ikke booket igen"


class TestOnePatientFromDiagnosisToFigure:
    """Given a clinic with a patient newly found; when the clinic does its work; then everybody sees it."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        doctor, patient, analyst = visitor(), visitor(width=360), visitor()
        course = f"/klinik/patient/{server.world['patient']}/kol/"

        self.given_the_figures_before(analyst, server)
        self.given_the_clinic_finds_the_patient(doctor)
        self.when_the_clinic_includes_the_patient(doctor, server)
        self.when_the_clinic_assesses(doctor)
        self.when_the_clinic_decides_the_level(doctor)
        self.when_the_clinic_makes_the_plan_with_the_patient(doctor)
        self.then_the_patient_sees_the_plan(patient)
        self.when_the_appointment_turns_out_missed(doctor, course)
        self.then_the_cockpit_says_why(doctor)
        self.when_a_new_time_is_booked(doctor, course)
        self.then_the_flag_is_gone(doctor)
        self.then_the_patient_sees_the_new_time(patient)
        self.then_the_figure_has_moved(analyst, server)

    def given_the_figures_before(self, analyst: Visitor, server: Server) -> None:
        analyst.opens("/")
        analyst.meets_an_accessible_page("forside")
        analyst.goes_in_as("analytiker")
        analyst.reads("Får patienterne deres plan i tide?", "Sådan er tallene lavet")
        assert self.counted(analyst) == server.world["others"]

    def counted(self, analyst: Visitor) -> int:
        """How many had a plan in time in the whole country, over the months shown."""
        rows = analyst.page.locator("#hele-landet td[data-title='Plan i tide']").all_inner_texts()
        return sum(int(text) for text in rows)

    def given_the_clinic_finds_the_patient(self, doctor: Visitor) -> None:
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/?vis=ikke-startet")
        doctor.reads("Prøve Prøvesen", "Fundet, ikke startet")
        doctor.meets_an_accessible_page("cockpit-fundet")
        doctor.page.get_by_role("link", name="Prøve Prøvesen", exact=True).click()
        doctor.reads("Derfor er patienten fundet")
        doctor.meets_an_accessible_page("patient-fundet")

    def when_the_clinic_includes_the_patient(self, doctor: Visitor, server: Server) -> None:
        start = "#start"
        doctor.fills("Hvornår fik patienten tilbuddet?", (date.today() + timedelta(days=1)).isoformat(), start)
        doctor.presses("Start forløbet", start)
        doctor.is_told_of_an_error("start-offered", "fremtiden")
        doctor.meets_an_accessible_page("patient-fejl")
        doctor.fills("Hvornår fik patienten tilbuddet?", server.world["started"], start)
        doctor.fills("Hvornår starter forløbet?", server.world["started"], start)
        doctor.presses("Start forløbet", start)
        doctor.reads("Forløbet er startet.")

    def when_the_clinic_assesses(self, doctor: Visitor) -> None:
        doctor.page.get_by_role("link", name="Udfyld behovsvurdering").click()
        doctor.meets_an_accessible_page("behovsvurdering")
        doctor.presses("Gem")
        assert doctor.page.title().startswith("Fejl: ")
        for group in doctor.page.locator("main fieldset").all():
            group.locator("input[type=radio]").nth(1).check()
        doctor.presses("Gem")
        doctor.reads("Svarene er gemt.", "Tovholders forslag", "Fordi")

    def when_the_clinic_decides_the_level(self, doctor: Visitor) -> None:
        level = "#niveau"
        doctor.chooses("Niveau 3 (rød)", level)
        doctor.presses("Beslut niveau", level)
        doctor.is_told_of_an_error("decide-override_reason", "andet niveau")
        doctor.chooses("Niveau 2 (gul)", level)
        doctor.presses("Beslut niveau", level)
        doctor.reads("Niveauet er besluttet.", "Besluttet", "Mette Prøvelæge")

    def when_the_clinic_makes_the_plan_with_the_patient(self, doctor: Visitor) -> None:
        plan = "#plan"
        doctor.presses("Lav en kladde til planen", plan)
        doctor.reads("Det her er en kladde", "Det foreslår pakken")
        doctor.meets_an_accessible_page("patient-kladde")
        doctor.fills("Patientens mål", "Gå tur med hunden hver dag", plan)
        doctor.chooses("Planen er lavet sammen med patienten", plan)
        doctor.presses("Bekræft, og del med patienten", plan)
        doctor.reads("Planen er bekræftet", "Lavet sammen med patienten", "Gå tur med hunden hver dag")

    def then_the_patient_sees_the_plan(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.reads(
            "Hej Prøve",
            "Hvem er din tovholder?",
            "Lægerne Prøvestræde",
            "Gå tur med hunden hver dag",
            "Klinikken følger op.",
        )
        patient.unfolds("Skriv et mål")
        patient.fills("Det vil jeg gerne opnå", "Passe mine høns")
        patient.presses("Gem mit mål")
        patient.reads("Dit mål er gemt", "Passe mine høns", "Dine egne ord")
        patient.meets_an_accessible_page("minplan")

    def when_the_appointment_turns_out_missed(self, doctor: Visitor, course: str) -> None:
        doctor.opens(course)
        doctor.reads("Tiden er gået. Fortæl, hvordan det gik.")
        doctor.presses("Udeblevet", "#foelg")
        doctor.reads("Det er noteret, at patienten udeblev.", FLAG)

    def then_the_cockpit_says_why(self, doctor: Visitor) -> None:
        doctor.opens("/klinik/")
        doctor.reads("Prøve Prøvesen", FLAG, "Niveau 2", "har ikke fået en ny tid")
        doctor.meets_an_accessible_page("cockpit")

    def when_a_new_time_is_booked(self, doctor: Visitor, course: str) -> None:
        doctor.opens(course)
        doctor.unfolds("Book ny tid", "#foelg")
        form = "#foelg details[open]"
        doctor.fills("Dato", (date.today() + timedelta(days=7)).isoformat(), form)
        doctor.fills("Klokkeslæt", "09:30", form)
        doctor.presses("Book tiden", form)
        doctor.reads("Den nye tid er booket.")
        assert doctor.page.locator("#foelg summary", has_text="Book ny tid").count() == 1  # of the new one alone
        doctor.meets_an_accessible_page("patient")

    def then_the_flag_is_gone(self, doctor: Visitor) -> None:
        doctor.does_not_read(FLAG)
        doctor.opens("/klinik/?vis=alle")
        doctor.reads("Prøve Prøvesen")
        doctor.does_not_read(FLAG)

    def then_the_patient_sees_the_new_time(self, patient: Visitor) -> None:
        patient.opens("/minplan/")
        patient.reads("Det næste, der skal ske KOL-kontrol", "kl. 9.30")

    def then_the_figure_has_moved(self, analyst: Visitor, server: Server) -> None:
        analyst.opens("/monitorering/")
        assert self.counted(analyst) == server.world["others"] + 1
        analyst.meets_an_accessible_page("monitorering")


class TestWithoutScripts:
    """Given a browser that runs no scripts; then every page still works."""

    def test_the_list_its_filters_and_search(self, visitor: Callable[..., Visitor]) -> None:
        doctor = visitor(javascript=False)
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/?vis=alle")
        doctor.reads("Prøve Prøvesen", "Nabo 1")
        doctor.fills("Find patient", "Nabo 1")
        doctor.presses("Søg")
        doctor.reads("1 patient passer til", "Nabo 1")
        doctor.does_not_read("Nabo 2")
        assert "Nabo" not in doctor.page.url

    def test_figures_stand_in_the_table(self, visitor: Callable[..., Visitor]) -> None:
        analyst = visitor(javascript=False)
        analyst.goes_in_as("analytiker")
        analyst.reads("Hele landet", "Dato mangler")


class TestByKeyboard:
    """Given nothing but a keyboard; then the way in can be found and seen."""

    def test_skip_link_comes_first_and_leads_to_the_content(self, visitor: Callable[..., Visitor]) -> None:
        anybody = visitor()
        anybody.opens("/")
        anybody.page.keyboard.press("Tab")
        assert anybody.page.evaluate("document.activeElement.textContent").strip() == "Gå til sidens indhold"
        anybody.page.keyboard.press("Enter")
        assert anybody.page.evaluate("document.activeElement.id") == "main-content"

    def test_a_persona_is_chosen_with_enter_and_focus_is_seen(self, visitor: Callable[..., Visitor]) -> None:
        anybody = visitor()
        anybody.opens("/")
        for _ in range(12):
            anybody.page.keyboard.press("Tab")
            if anybody.page.evaluate("document.activeElement.value") == "patient":
                break
        outline = anybody.page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth })()"
        )
        assert outline not in ("none0px", "none3px")
        anybody.page.keyboard.press("Enter")
        anybody.page.wait_for_url("**/minplan/")


class TestByKeyboardAlone:
    """Given a doctor without a mouse; then a patient is found, started, assessed and given a level all the same."""

    def test_from_the_list_to_a_decided_level(self, visitor: Callable[..., Visitor]) -> None:
        doctor = visitor()
        press = doctor.page.keyboard.press
        doctor.opens("/")
        doctor.tabs_to("Mette Prøvelæge", "button")
        press("Enter")
        doctor.page.wait_for_url("**/klinik/")
        doctor.tabs_to("Ikke startet", "a")
        press("Enter")
        doctor.page.wait_for_url("**vis=ikke-startet")
        doctor.page.locator("#vis-ikke-startet:focus").wait_for()  # where one was before
        doctor.tabs_to("Prøve Tastesen", "a")
        press("Enter")
        doctor.page.wait_for_url("**/kol/")
        doctor.tabs_to("Start forløbet", "button")
        press("Enter")
        doctor.page.locator("#besked:focus").wait_for()
        doctor.reads("Forløbet er startet.")
        doctor.tabs_to("Udfyld behovsvurdering", "a")
        press("Enter")
        doctor.page.wait_for_url("**/formular/**")
        for group in doctor.page.locator("main fieldset").all():
            name = group.locator("input").first.get_attribute("name") or ""
            doctor.tabs_to(name, "input")
            press("Space")
        doctor.tabs_to("Gem", "button")
        press("Enter")
        doctor.page.locator("#besked:focus").wait_for()
        doctor.tabs_to("Beslut niveau", "button")
        press("Enter")
        doctor.page.locator("#besked:focus").wait_for()
        doctor.reads("Niveauet er besluttet.")


class TestErrorsInEveryForm:
    """Given a clinic that leaves fields empty or fills in what cannot be; then each form says so, to everybody."""

    @pytest.mark.parametrize("width", [360, 1280])
    @pytest.mark.parametrize("language", ["da", "en"])
    def test_is_told_where_and_why(
        self, visitor: Callable[..., Visitor], server: Server, language: str, width: int
    ) -> None:
        doctor = visitor(width=width)
        doctor.goes_in_as("laege")
        if language == "en":
            doctor.presses("English", "header")
        course = f"/klinik/patient/{server.world['neighbour']}/kol/"
        for act, field in (("aftale", "book-kind"), ("maal", "goal-text"), ("pause", "pause-reason")):
            doctor.opens(course)
            doctor.page.evaluate(
                "act => { const form = document.querySelector(`form[action$='/${act}']`);"
                " const folded = form.closest('details'); if (folded) folded.open = true;"
                " for (const one of form.querySelectorAll('input:not([type=hidden]), select')) one.value = ''; }",
                act,
            )
            doctor.page.locator(f"form[action$='/{act}'] button[type=submit]").first.click()
            doctor.page.locator("[data-module=error-summary]").wait_for()
            assert doctor.page.title().startswith({"da": "Fejl:", "en": "Error:"}[language])
            assert doctor.page.locator(f"#{field}").get_attribute("aria-invalid") == "true"
            assert doctor.page.locator(f"#{field}").is_visible()
            doctor.passes_axe(f"{act} {language} {width}")
            doctor.fits(f"{act} {language} {width}")
        for path in ("/klinik/?vis=alle", "/findes/ikke", f"{course}formular/kol-behovsvurdering"):
            doctor.opens(path)
            doctor.passes_axe(f"{path} {language} {width}")
            doctor.fits(f"{path} {language} {width}")

    @pytest.mark.parametrize("width", [360, 1280])
    def test_the_patients_and_the_analysts_pages_in_english(self, visitor: Callable[..., Visitor], width: int) -> None:
        for who in ("patient", "analytiker"):
            somebody = visitor(width=width)
            somebody.goes_in_as(who)
            somebody.presses("English", "header")
            assert somebody.page.evaluate("document.documentElement.lang") == "en"
            somebody.passes_axe(f"{who} {width}")
            somebody.fits(f"{who} {width}")


class TestTwoWindows:
    """Given one patient open in two windows; then the second one is told what happened, and keeps its words."""

    def test_what_the_second_wrote_is_not_lost(self, visitor: Callable[..., Visitor], server: Server) -> None:
        first, second = visitor(), visitor()
        course = f"/klinik/patient/{server.world['neighbour']}/kol/"
        for one in (first, second):
            one.goes_in_as("laege")
            one.opens(course)
            one.unfolds("Patienten ønsker at vente")
        first.fills("Patientens begrundelse", "Er på ferie", "form[action$='/pause']")
        first.presses("Sæt på pause")
        first.reads("Forløbet er på pause", "Er på ferie")
        second.fills("Patientens begrundelse", "Skal passe sin mand", "form[action$='/pause']")
        second.presses("Sæt på pause")
        second.reads("Skal passe sin mand", "Er på ferie", "allerede")
        second.passes_axe("to vinduer")
        second.presses("Genoptag forløbet")
        second.reads("Forløbet er genoptaget.")


class TestInEnglish:
    """Given a person who reads English; then pages and package texts are English."""

    def test_the_language_switch(self, visitor: Callable[..., Visitor]) -> None:
        doctor = visitor()
        doctor.goes_in_as("laege")
        doctor.presses("English", "header")
        doctor.reads("Who needs us today?")
        assert doctor.page.evaluate("document.documentElement.lang") == "en"
        doctor.opens("/klinik/?vis=alle")
        doctor.reads("COPD")
