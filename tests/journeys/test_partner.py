"""Those who receive referrals, in a browser: physiotherapist on a phone, chiropractor without one, prevention by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from journeys.conftest import Server, Visitor, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic that has referred two patients."""
    with serving(tmp_path_factory.mktemp("home"), "partner_seed.py") as served:
        yield served


@pytest.fixture
def server(receiving: Server) -> Server:
    """The visitors of these journeys go there."""
    return receiving


def on(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()


def is_at(visitor: Visitor, family: str) -> None:
    visitor.opens("/partner/")
    visitor.page.get_by_role("link", name=f"Prøve {family}").first.click()
    visitor.page.wait_for_load_state()


class TestPhysiotherapist:
    """Given a new referral; when the physiotherapist takes it, treats, measures and ends it; then everybody sees it."""

    def test_from_referral_to_closing_note(self, visitor: Callable[..., Visitor]) -> None:
        physio = visitor(width=360)
        physio.goes_in_as("fys")
        physio.reads("1 venter på jer.", "Nye henvisninger (1)", "Prøve Rygsen", "Fysioterapi")
        physio.meets_an_accessible_page("partner-liste")
        is_at(physio, "Rygsen")
        physio.reads("Er bange for at bukke sig.", "Lægerne Prøvestræde", "Niveau 2", "Passe haven igen")
        physio.meets_an_accessible_page("partner-ny")
        physio.presses("Acceptér henvisningen")
        physio.reads("Henvisningen er accepteret.")
        self.agrees_a_time_and_notes_a_visit(physio)
        self.measures_and_writes_a_goal(physio)
        self.ends_it(physio)
        self.then_the_clinic_and_the_patient_see_it(visitor)

    def agrees_a_time_and_notes_a_visit(self, physio: Visitor) -> None:
        physio.unfolds("Book en tid")
        book = "main details:has(> summary:text('Book en tid'))"
        physio.fills("Dato", on(-2), book)
        physio.fills("Klokkeslæt", "09:30", book)
        physio.presses("Book tiden")
        physio.reads("Der er noget, du skal rette", "Datoen er passeret")
        physio.meets_an_accessible_page("partner-fejl")
        physio.fills("Dato", on(6), book)
        physio.presses("Book tiden")
        physio.reads("Tiden er booket.")
        physio.unfolds("Notér et besøg, der har været")
        visit = "main details:has(> summary:text('Notér et besøg'))"
        physio.fills("Dato", on(0), visit)
        physio.fills("Klokkeslæt", "00:05", visit)
        physio.chooses("Patienten kom", visit)
        physio.presses("Notér besøget")
        physio.reads("Besøget er noteret.", "Gennemført")
        physio.unfolds("Tilbuddet er begyndt")
        physio.presses("Notér, at det er begyndt")
        physio.reads("Det er noteret, at tilbuddet er begyndt.")

    def measures_and_writes_a_goal(self, physio: Visitor) -> None:
        score = "main details:has(> summary:text('Skriv en måling'))"
        for day, value in ((on(-40), "14"), (on(0), "8")):
            physio.unfolds("Skriv en måling")
            physio.page.locator("#score-score").select_option(label="Roland-Morris (funktion, 0-24)")
            physio.fills("Resultat", value, score)
            physio.fills("Målt den", day, score)
            physio.presses("Gem målingen")
            physio.reads(f"er gemt: {value}")
        physio.unfolds("Skriv et mål")
        goal = "main details:has(> summary:text('Skriv et mål'))"
        physio.fills("Målet", "Løfte mit barnebarn uden at tøve", goal)
        physio.presses("Gem målet")
        physio.reads("Målet er gemt.", "Løfte mit barnebarn")
        physio.meets_an_accessible_page("partner-patient")

    def ends_it(self, physio: Visitor) -> None:
        physio.page.get_by_role("link", name="Henvis videre").click()
        physio.reads("Kursus i at leve med smerter")
        physio.meets_an_accessible_page("partner-videre")
        physio.page.get_by_role("link", name="Kursus i at leve med smerter").click()
        physio.reads("Sundhedscenter Nær", "Henvisningen følger den, I selv fik.")
        physio.meets_an_accessible_page("partner-videre-formular")
        is_at(physio, "Rygsen")
        physio.unfolds("Afslut, og skriv til lægen")
        physio.fills("Afsluttende besked til lægen", "Bøjer sig frit. Fortsætter selv med øvelser.")
        physio.presses("Afslut, og send til lægen")
        physio.reads("Forløbet hos jer er afsluttet")

    def then_the_clinic_and_the_patient_see_it(self, visitor: Callable[..., Visitor]) -> None:
        doctor = visitor()
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/henvisninger")
        doctor.reads("Der er svar, som ingen har set.")
        doctor.page.get_by_role("link", name="Prøve Rygsen").first.click()
        doctor.reads("Bøjer sig frit. Fortsætter selv med øvelser.")
        patient = visitor(width=360)
        patient.goes_in_as("rygpatient")
        patient.reads("Fysioterapi", "Løfte mit barnebarn uden at tøve")


class TestWithoutAReferral:
    """Given a patient who comes by herself; when she is opened by number, she is read; when she lets them in, written."""

    def test_stated_first_and_let_in_then(self, visitor: Callable[..., Visitor]) -> None:
        other = visitor()
        other.goes_in_as("kir")
        other.reads("Ingen patienter endnu")
        other.meets_an_accessible_page("partner-tom")
        other.page.get_by_role("link", name="Åbn en patient uden henvisning").click()
        other.presses("Åbn patienten")
        other.reads("Skriv patientens CPR-nummer.", "Vælg, hvorfor I behandler patienten.")
        other.meets_an_accessible_page("partner-aabn-fejl")
        other.fills("Patientens CPR-nummer", "010560-0002")
        other.chooses("Patienten har selv henvendt sig")
        other.presses("Åbn patienten")
        other.reads("Prøve Alenesen", "For at skrive i den skal patienten give jer adgang")
        other.does_not_read("Book en tid")
        other.meets_an_accessible_page("partner-oplyst")
        self.the_patient_lets_them_in(visitor)
        is_at(other, "Alenesen")
        other.unfolds("Book en tid")
        book = "main details:has(> summary:text('Book en tid'))"
        other.fills("Dato", on(3), book)
        other.fills("Klokkeslæt", "10:00", book)
        other.presses("Book tiden")
        other.reads("Tiden er booket.", "Kiropraktik ved Åen")

    def the_patient_lets_them_in(self, visitor: Callable[..., Visitor]) -> None:
        patient = visitor(width=360)
        patient.goes_in_as("alene")
        patient.opens("/minplan/spaerringer")
        patient.unfolds("Lav en spærring")
        patient.unfolds("Står personen eller stedet ikke på listen?")
        patient.fills("Hvad hedder personen eller stedet?", "Kiropraktik ved Åen")
        patient.presses("Find")
        patient.unfolds("Giv et sted adgang")
        patient.page.locator("#giv-place").select_option(label="Kiropraktik ved Åen")
        patient.page.locator("#giv-until").fill(on(90))
        patient.presses("Giv adgang")
        patient.reads("Stedet har fået adgang")


class TestFile:
    """Given a practice without integration; when its file of visits is read in; then the clinic and the patient see it."""

    def test_a_file_leads_to_a_flag_and_to_the_patients_page(
        self, visitor: Callable[..., Visitor], tmp_path: Path
    ) -> None:
        file = tmp_path / "besøg.csv"
        lines = [
            "nr;cpr;dato;tid;status;rmdq",
            f"1;010560-0004;{on(-30)};09:00;gennemført;15",
            f"2;010560-0004;{on(-16)};09:00;udeblevet;",
            "3;990199-9999;31-02-2027;09:00;booket;",
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
        physio = visitor()
        physio.goes_in_as("fysby")
        physio.reads("Mangler en tid (1)")
        physio.page.get_by_role("link", name="Indlæs besøg fra en fil").click()
        physio.page.locator("#fil").set_input_files(str(file))
        physio.presses("Prøv filen først")
        physio.reads("intet er gemt endnu", "Nye besøg 2", "Lagt til side 1", "Datoen kan ikke læses")
        physio.meets_an_accessible_page("partner-fil")
        physio.page.locator("#fil").set_input_files(str(file))
        physio.presses("Indlæs")
        physio.reads("Det er indlæst", "Nye besøg 2")
        doctor = visitor()
        doctor.goes_in_as("laege")
        doctor.opens("/klinik/?profil=lrs")
        doctor.reads("Prøve Filsen", "Udeblevet og ikke booket igen")
        patient = visitor(width=360)
        patient.goes_in_as("filpatient")
        patient.reads("Tiden til Fysioterapi", "blev ikke til noget")


class TestPrevention:
    """Given a right whose clock runs; when the nurse answers with the keyboard alone; then the days stand there."""

    def test_by_keyboard_and_in_english(self, visitor: Callable[..., Visitor]) -> None:
        nurse = visitor()
        nurse.goes_in_as("foreb")
        nurse.reads("Nye henvisninger (1)", "3 dage tilbage")
        nurse.tabs_to("Prøve Lungesen", "a")
        nurse.enters()
        nurse.reads("KOL-rehabilitering")
        nurse.tabs_to("Acceptér henvisningen", "button")
        nurse.enters()
        nurse.reads("Henvisningen er accepteret.")
        nurse.tabs_to("Stoppet før tid", "summary")
        nurse.page.keyboard.press("Enter")
        nurse.tabs_to("Hvorfor?", "select")
        nurse.page.keyboard.press("p")
        nurse.tabs_to("Besked til lægen", "textarea")
        nurse.page.keyboard.type("Vil hellere gå i gang efter jul.")
        nurse.tabs_to("Stop, og send til lægen", "button")
        nurse.enters()
        nurse.reads("Det er noteret, at tilbuddet er stoppet")
        nurse.page.locator('button[name="language"][value="en"]').click()
        nurse.opens("/partner/")
        nurse.reads("Nobody is waiting for you.", "Finished recently (1)")
        nurse.meets_an_accessible_page("partner-engelsk")


class TestHospital:
    """Given a patient sent to the lung clinic; when the doctor reads, treats and refers on; then the clinic is told."""

    def test_read_treated_referred_on_and_handed_back(self, visitor: Callable[..., Visitor]) -> None:
        doctor = visitor()
        doctor.goes_in_as("lis")
        doctor.reads("Nye henvisninger (1)", "Prøve Luftsen")
        doctor.meets_an_accessible_page("journal-liste")
        doctor.page.get_by_role("link", name="Prøve Luftsen").first.click()
        doctor.reads("Tiltagende åndenød", "FEV1", "Diagnoser", "Lægerne Prøvestræde", "Niveau 2")
        doctor.presses("Acceptér henvisningen")
        doctor.unfolds("Notér et besøg, der har været")
        visit = "main details:has(> summary:text('Notér et besøg'))"
        doctor.fills("Dato", on(0), visit)
        doctor.fills("Klokkeslæt", "00:10", visit)
        doctor.chooses("Patienten kom", visit)
        doctor.presses("Notér besøget")
        doctor.reads("Besøget er noteret.")
        doctor.meets_an_accessible_page("journal-patient")
        doctor.page.get_by_role("link", name="Henvis videre").click()
        doctor.page.get_by_role("link", name="KOL-rehabilitering").click()
        doctor.page.locator("label", has_text="Sundhedscenter Nær").click()
        doctor.fills("Formål med henvisningen", "Genoptræning")
        doctor.fills("Bopælskommune", "Randers")
        doctor.fills("MRC", "3")
        doctor.presses("Send henvisningen")
        doctor.reads("Patienten er henvist videre.", "Henvist til andre", "Sundhedscenter Nær")
        doctor.unfolds("Tilbuddet er begyndt")
        doctor.presses("Notér, at det er begyndt")
        doctor.unfolds("Afslut, og skriv til lægen")
        doctor.fills("Afsluttende besked til lægen", "Inhalation ændret. Kontrol hos jer om tre måneder.")
        doctor.presses("Afslut, og send til lægen")
        doctor.reads("lægen har fået jeres besked")
        clinic = visitor()
        clinic.goes_in_as("laege")
        clinic.opens("/klinik/henvisninger")
        clinic.reads("Prøve Luftsen", "Modtageren har henvist patienten videre.")
