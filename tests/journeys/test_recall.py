"""A round in a browser: seen through, sent by the worker, read by its patient, undone; another printed and posted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from journeys.conftest import Server, Visitor, serving
from lib import two_packages

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WORK = "import django; django.setup(); from tovholder.jobs.worker import Worker; Worker().work()"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A clinic with three people who are due: one with two packages, one with one, one without a telephone."""
    home = tmp_path_factory.mktemp("home")
    own = two_packages.write(home / "own")
    with serving(home, "recall_seed.py", {"TOVHOLDER_PACKAGES": str(own)}) as served:
        yield served


class TestARound:
    """Given people who are due; when a round is sent and undone, and another printed; then everybody knows where they are."""

    def test_the_whole_way(self, visitor: Callable[..., Visitor], server: Server) -> None:
        doctor, patient = visitor(), visitor(width=360)
        doctor.goes_in_as("laege")

        self.when_a_round_is_laid_ready(doctor)
        self.when_it_is_sent(doctor, server)
        self.then_the_patient_reads_it(patient)
        self.when_it_is_undone(doctor, server)
        self.then_the_patient_is_told(patient)
        self.when_letters_are_printed(doctor, server)

    def when_a_round_is_laid_ready(self, doctor: Visitor) -> None:
        doctor.opens("/klinik/indkaldelser?dage=180")
        doctor.reads("Kan indkaldes sammen", "Se på dem én for én", "Intet telefonnummer", "Hjertet, Sukker")
        doctor.meets_an_accessible_page("indkaldelser")
        doctor.presses("Læg de valgte klar, og se dem igennem")
        doctor.reads("Intet er sendt endnu", "Send 2 indkaldelser")
        doctor.page.locator(".th-recall summary").first.click()
        doctor.meets_an_accessible_page("indkaldelse-runde")

    def when_it_is_sent(self, doctor: Visitor, server: Server) -> None:
        doctor.presses("Send 2 indkaldelser")
        doctor.reads("Runden sendes nu")
        work(server)
        doctor.page.reload()
        doctor.reads("Sendt: 2")

    def then_the_patient_reads_it(self, patient: Visitor) -> None:
        patient.goes_in_as("patient")
        patient.reads("Klinikken vil gerne se dig", "kun behøver at komme én gang")
        patient.meets_an_accessible_page("minplan-indkaldelse")

    def when_it_is_undone(self, doctor: Visitor, server: Server) -> None:
        doctor.page.reload()
        doctor.reads("Læst: 1")
        doctor.unfolds("Fortryd runden")
        doctor.page.get_by_role("button", name="Fortryd", exact=True).click()
        doctor.reads("2 indkaldelser var sendt")
        work(server)
        doctor.page.reload()
        doctor.reads("Trukket tilbage med en rettelse: 2")

    def then_the_patient_is_told(self, patient: Visitor) -> None:
        patient.opens("/minplan/")
        patient.reads("Beskeden blev sendt ved en fejl")
        patient.does_not_read("Klinikken vil gerne se dig")

    def when_letters_are_printed(self, doctor: Visitor, server: Server) -> None:
        doctor.opens("/klinik/indkaldelser?dage=180")
        for way in doctor.page.locator('select[name^="vej-"]').all():
            way.select_option("letter")
        doctor.presses("Læg de valgte klar, og se dem igennem")
        doctor.presses("Send 2 indkaldelser")
        work(server)
        doctor.page.reload()
        doctor.reads("Skal printes og postes")
        answer = doctor.page.request.get(doctor.page.url + "/breve.pdf")
        assert answer.ok and answer.body().startswith(b"%PDF-")
        doctor.presses("Brevene er lagt i posten")
        doctor.reads("2 breve er noteret som sendt", "Sendt: 2")
        doctor.meets_an_accessible_page("indkaldelse-breve")


def work(server: Server) -> None:
    """What the server's one worker does, once."""
    subprocess.run([sys.executable, "-c", WORK], env=server.environ, check=True, capture_output=True)
