"""Logging in at a real OpenID Connect provider (oidc-provider-mock) with a real browser, on the real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from journeys.conftest import Server, Visitor
from lib import homes, oidc
from lib.homes import Home
from lib.oidc import Provider
from tovholder.base import json
from tovholder.cli.beside import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SEED = Path(__file__).with_name("seed.py")
# The mock says nothing of when somebody proved who they are, how surely, or to whom the code was sent: what depends on
# that (prompt, max_age, acr, PKCE, private_key_jwt, logout by the provider) is tried with our own in
# tests/unit/web/test_login.py.
STAFF = (
    'scopes = ["openid", "profile"]\nclaims = { organization = "place", role = "work" }\norganization_kind = "ydernummer"\n'
    'provision = true\nroles = { "læge" = "gp", "analytiker" = "analyst" }'
)
CITIZEN = 'scopes = ["openid", "profile"]\nclaims = { cpr = "cpr" }'


@dataclass(frozen=True)
class Place:
    """The server, its record, and the provider people log in at."""

    server: Server
    home: Home
    provider: Provider

    def knows(self, sub: str, **claims: object) -> None:
        """The provider knows somebody."""
        requests.put(f"{self.provider.url}/users/{sub}", json=claims, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("login")
    with homes.made(folder / "home") as home, oidc.mock() as provider:
        file = folder / "login.toml"
        rows = oidc.row(provider, "mitid", "citizen", CITIZEN) + oidc.row(provider, "seb", "staff", STAFF)
        file.write_text(rows, encoding="utf-8")
        environ = home.environ | {
            "TOVHOLDER_LOGIN": str(file),
            "PROVIDER_SECRET": "any",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        seed = subprocess.run([sys.executable, str(SEED)], env=environ, check=False, capture_output=True)
        assert seed.returncode == 0, seed.stderr.decode()
        world = json.loads(seed.stdout.strip().splitlines()[-1])
        with serving(environ=environ) as port:
            yield Place(Server(f"http://127.0.0.1:{port}", world, environ), home, provider)


@pytest.fixture
def person(browser: Browser, place: Place) -> Iterator[Callable[..., Visitor]]:
    made: list[Visitor] = []

    def make(**kwargs: object) -> Visitor:
        made.append(Visitor(browser, place.server, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.leaves()


def logs_in(visitor: Visitor, provider: str, sub: str) -> None:
    """From our front page, or wherever the login is asked for, by way of the provider's page."""
    visitor.page.get_by_role("link", name=f"Log ind med {provider}").click()
    visitor.page.get_by_placeholder("sub").fill(sub)
    visitor.page.get_by_role("button", name="Authorize", exact=True).click()
    visitor.page.wait_for_url(f"{visitor.server.url}/**")
    visitor.complaints.clear()  # the provider's page wants a style sheet from elsewhere


class TestACitizenComesAndGoes:
    """Given a citizen with a plan; when they log in with the number they are known by; then it is theirs, until they go."""

    def test_from_the_front_page_to_the_plan_and_out_again(self, place: Place, person: Callable[..., Visitor]) -> None:
        others = place.home.rows("SELECT COUNT(*) FROM access_user")
        place.knows("p-1", cpr="610560-0000", name="Prøve Prøvesen")
        # Everybody in this world has the same made-up number; one of them alone keeps it.
        keep_number(place)
        visitor = person(width=360)
        visitor.opens("/")
        visitor.reads("Log ind", "Patienter og pårørende", "Sundhedspersonale og myndigheder")
        visitor.meets_an_accessible_page("login-forside")
        logs_in(visitor, "mitid", "p-1")
        assert visitor.page.url == f"{place.server.url}/minplan/"
        visitor.reads("Hej Prøve")
        assert place.home.rows("SELECT COUNT(*) FROM access_user") == [(others[0][0] + 1,)]
        visitor.presses("Skift person", "header")
        visitor.page.wait_for_url(f"{place.provider.url}/**")
        visitor.page.get_by_role("button").first.click()
        visitor.page.wait_for_url(f"{place.server.url}/logget-ud")
        visitor.complaints.clear()
        visitor.reads("Du er logget ud")
        visitor.meets_an_accessible_page("login-logget-ud")
        visitor.opens("/minplan/")
        assert "next=" in visitor.page.url

    def test_one_nobody_knows_is_told_nothing(self, place: Place, person: Callable[..., Visitor]) -> None:
        place.knows("p-2", cpr="0101010101", name="Ukendt")
        visitor = person()
        visitor.opens("/")
        logs_in(visitor, "mitid", "p-2")
        visitor.reads("Du blev ikke logget ind")
        visitor.meets_an_accessible_page("login-afvist")
        visitor.opens("/")
        visitor.page.get_by_role("link", name="Log ind med mitid").click()
        visitor.page.get_by_role("button", name="Deny").click()
        visitor.page.wait_for_url(f"{place.server.url}/**")
        visitor.reads("Login blev afbrudt")


def keep_number(place: Place) -> None:
    """The journey's patient alone is found by the number: the neighbours' entries are taken out of the index."""
    place.home.change(
        "DELETE FROM store_token WHERE code = ? AND key IN"
        " (SELECT key FROM store_resource WHERE type = 'Patient' AND rid <> ?)",
        "6105600000",
        place.server.world["patient"],
    )


class TestADoctorWithTwoRoles:
    """Given a doctor who is an analyst too; when she logs in; then she chooses, changes, and loses nothing she typed."""

    def test_choosing_changing_and_coming_back(self, place: Place, person: Callable[..., Visitor]) -> None:
        place.knows("s-1", name="Mette Prøvelæge", place="000001", work=["læge", "analytiker"])
        doctor = person()
        course = f"/klinik/patient/{place.server.world['patient']}/kol/"
        doctor.opens(course)
        logs_in(doctor, "seb", "s-1")
        self.when_she_chooses_by_keyboard(doctor)
        assert doctor.page.url.endswith(course)
        self.when_her_session_ends_while_she_types(place, doctor)
        self.when_she_changes_role(doctor)
        self.then_logging_out_everywhere_reaches_the_other_window(place, person, doctor)

    def when_she_chooses_by_keyboard(self, doctor: Visitor) -> None:
        doctor.reads("Hvad vil du logge ind som?", "Lægerne Prøvestræde", "Analytiker")
        doctor.meets_an_accessible_page("login-rolle")
        doctor.tabs_to("Læge", "button")
        doctor.page.keyboard.press("Enter")
        doctor.page.wait_for_url("**/kol/")

    def when_her_session_ends_while_she_types(self, place: Place, doctor: Visitor) -> None:
        doctor.unfolds("Patienten siger nej tak")
        doctor.page.locator("textarea").first.fill("Vil tale med sin datter først")
        place.home.change("UPDATE access_session SET seen_ms = seen_ms - 3600000")
        doctor.presses("Registrér nej tak")
        doctor.reads("Du har været væk for længe", "gemt i en halv time")
        doctor.meets_an_accessible_page("login-udloebet")
        logs_in(doctor, "seb", "s-1")
        doctor.presses("Læge")
        doctor.reads("står her igen")
        assert doctor.page.locator("textarea", has_text="Vil tale med sin datter først").count() == 1
        doctor.meets_an_accessible_page("login-tilbage-i-formularen")

    def when_she_changes_role(self, doctor: Visitor) -> None:
        doctor.page.get_by_role("link", name="Skift rolle").click()
        doctor.reads("Din adgang", "valgt nu")
        doctor.meets_an_accessible_page("login-skift-rolle")
        doctor.presses("Analytiker")
        assert doctor.page.url.endswith("/monitorering/")
        answer = doctor.page.goto(f"{doctor.server.url}/klinik/")
        assert answer is not None and answer.status == 403

    def then_logging_out_everywhere_reaches_the_other_window(
        self, place: Place, person: Callable[..., Visitor], doctor: Visitor
    ) -> None:
        other = person()
        other.opens("/")
        logs_in(other, "seb", "s-1")
        other.presses("Analytiker")
        other.opens("/login/rolle")
        other.presses("Log ud alle steder")
        doctor.opens("/monitorering/")
        assert "next=" in doctor.page.url
