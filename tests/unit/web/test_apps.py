"""Apps on the pages: asked for, allowed or not, opened from a patient, ended again; the operator's list."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lib import smart
from lib.people import system
from lib.smart import Asking, Person, app, fhir
from tovholder import store
from tovholder.access import Role
from tovholder.access.smart import clients
from tovholder.access.smart.domain import Method

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> dict[str, str]:
    return smart.two_clinics()


@pytest.fixture
def doctor(world: dict[str, str]) -> Person:
    return Person.of(Role.GP, world["organization"], name="anna")


@pytest.fixture
def citizen(world: dict[str, str]) -> Person:
    return Person.of(Role.CITIZEN, patient=world["mine"], name="kirsten")


def opened(person: Person, asking: Asking, scope: str, **changed: Any) -> str:
    """The page where an app's request is answered."""
    answer = person.browser.get("/smart/authorize", asking.params(scope, **changed))
    assert answer.status_code == 302
    return str(answer["Location"])


def left(answer: Any) -> str:
    """Where the browser is sent on to."""
    assert answer.status_code == 200, answer.content
    return str(answer["Refresh"]).removeprefix("0;url=")


def launched(person: Person, where: dict[str, str], client: str) -> dict[str, str]:
    answer = person.browser.post(f"/klinik/patient/{where['mine']}/kol/app", {"app": client})
    return smart.told(left(answer))


def test_a_citizen_reads_what_it_is_about_and_says_yes(world: dict[str, str], citizen: Person) -> None:
    asking = Asking(app(name="Hverdag med KOL"))
    page = opened(
        citizen, asking, "launch/patient patient/Observation.rs patient/Goal.c openid fhirUser offline_access"
    )
    told = citizen.browser.get(page).content.decode()
    for words in ("Må Hverdag med KOL få adgang?", "dine egne oplysninger", "Målinger og svar på prøver", "Skrive nyt",
                  "ikke har brugt den i 90 dage", "hvem du er logget ind som"):  # fmt: skip
        assert words in told, words
    assert "Diagnoser" not in told
    answer = citizen.browser.post(page, {"do": "ja"})
    where = left(answer)
    assert where.startswith(smart.REDIRECT + "?")
    assert smart.told(where)["state"] == asking.state
    got = asking.exchange(smart.told(where)["code"]).json()
    assert got["patient"] == world["mine"]
    assert citizen.browser.post(page, {"do": "ja"}).status_code == 404  # answered


def test_a_citizen_says_no(citizen: Person) -> None:
    asking = Asking(app())
    page = opened(citizen, asking, "launch/patient patient/Observation.rs")
    told = smart.told(left(citizen.browser.post(page, {"do": "nej"})))
    assert (told["error"], told["state"]) == ("access_denied", asking.state)
    assert "code" not in told


def test_who_is_not_logged_in_logs_in_and_comes_back(world: dict[str, str]) -> None:
    Person.of(Role.CITIZEN, patient=world["mine"], name="kirsten")
    browser = smart.Browser()
    page = browser.get("/smart/authorize", Asking(app()).params("patient/Patient.rs"))["Location"]
    answer = browser.get(page)
    assert answer.status_code == 302
    assert "next=" in answer["Location"]
    answer = browser.post("/login/persona", {"persona": "kirsten", "next": page})
    assert answer["Location"] == page


def test_a_doctor_chooses_among_their_own_patients_alone(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app())
    page = opened(doctor, asking, "launch/patient patient/Condition.rs")
    assert "Hvilken patient" in doctor.browser.get(page).content.decode()
    found = doctor.browser.post(page, {"do": "soeg", "q": "hansen"}).content.decode()
    assert world["other"] in found
    assert world["mine"] not in found
    assert world["theirs"] not in doctor.browser.post(page, {"do": "soeg", "q": "fremmed"}).content.decode()
    assert doctor.browser.post(page, {"do": "vaelg", "patient": world["theirs"]}).status_code == 404
    assert doctor.browser.post(page, {"do": "ja"}).status_code == 400  # none chosen yet
    answer = doctor.browser.post(page, {"do": "vaelg", "patient": world["other"]})
    assert world["other"] not in answer["Location"]
    assert "Hansen" in doctor.browser.get(page).content.decode()
    got = asking.exchange(smart.told(left(doctor.browser.post(page, {"do": "ja"})))["code"]).json()
    assert got["patient"] == world["other"]


def test_what_one_doctor_chose_another_must_choose_anew(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app())
    page = opened(doctor, asking, "launch/patient patient/Condition.rs")
    doctor.browser.post(page, {"do": "vaelg", "patient": world["mine"]})
    other = Person.of(Role.GP, world["stranger"], name="nabo")
    assert "Hvilken patient" in other.browser.get(page).content.decode()
    assert other.browser.post(page, {"do": "ja"}).status_code == 400


def test_a_launch_from_the_patients_page(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app(launch="https://app.example.dk/launch.html?a=1"))
    with store.unit_of_work(system()) as uow:
        contact = uow.create(
            {
                "resourceType": "Encounter",
                "status": "in-progress",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "subject": {"reference": f"Patient/{world['mine']}"},
            }
        ).id
    told = launched(doctor, world, asking.client.id)
    assert told["iss"] == smart.BASE
    page = opened(doctor, asking, "launch patient/Condition.rs", launch=told["launch"])
    assert doctor.browser.get(page).status_code == 200
    got = asking.exchange(smart.told(left(doctor.browser.post(page, {"do": "ja"})))["code"]).json()
    assert (got["patient"], got["intent"], got["need_patient_banner"]) == (world["mine"], "kol", True)
    assert got["encounter"] == contact
    assert got["fhirContext"][0]["reference"].startswith("EpisodeOfCare/")
    assert set(got["scope"].split()) == {"launch", "patient/Condition.rs"}
    again = opened(doctor, asking, "launch patient/Condition.rs", launch=told["launch"])
    assert smart.told(left(doctor.browser.get(again)))["error"] == "invalid_request"  # used


def test_a_launch_is_for_one_person_session_and_app(world: dict[str, str], doctor: Person) -> None:
    asking, foreign = Asking(app(launch="https://app.example.dk/l")), Asking(app(launch="https://other.example.dk/l"))
    told = launched(doctor, world, asking.client.id)
    colleague = Person.of(Role.STAFF, world["organization"], name="mette")

    def answer(person: Person, by: Asking, launch: str) -> str:
        page = opened(person, by, "launch patient/Condition.rs", launch=launch)
        return smart.told(left(person.browser.get(page)))["error"]

    assert answer(doctor, foreign, told["launch"]) == "invalid_request"
    assert answer(doctor, asking, "forged") == "invalid_request"
    assert answer(colleague, asking, told["launch"]) == "invalid_request"
    again = Person.of(Role.GP, world["organization"], name="anna")  # the same person in another session
    assert answer(again, asking, told["launch"]) == "invalid_request"


def test_no_launch_for_a_patient_out_of_reach(world: dict[str, str], doctor: Person) -> None:
    client = app(launch="https://app.example.dk/l")
    answer = doctor.browser.post(f"/klinik/patient/{world['theirs']}/kol/app", {"app": client.id})
    assert answer.status_code == 404
    elsewhere = app(launch="https://app.example.dk/l", organization=world["stranger"])
    assert doctor.browser.post(f"/klinik/patient/{world['mine']}/kol/app", {"app": elsewhere.id}).status_code == 404
    page = doctor.browser.get(f"/klinik/patient/{world['mine']}/kol/").content.decode()
    assert client.id in page
    assert elsewhere.id not in page


def test_a_patient_that_left_between_opening_and_asking_is_out_of_reach(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app(launch="https://app.example.dk/l"))
    told = launched(doctor, world, asking.client.id)
    with store.unit_of_work(system()) as uow:
        moved = store.read(system(), "Patient", world["mine"]).resource
        uow.update({**moved, "generalPractitioner": [{"reference": f"Organization/{world['stranger']}"}]})
    page = opened(doctor, asking, "launch patient/Condition.rs", launch=told["launch"])
    assert doctor.browser.get(page).status_code in (200, 404)
    answer = doctor.browser.post(page, {"do": "ja"})
    assert answer.status_code == 404 or "code" not in smart.told(left(answer))


def test_an_app_of_the_own_house_is_not_asked_about(world: dict[str, str], doctor: Person, citizen: Person) -> None:
    own = app(organization=world["organization"], preapproved=True, launch="https://app.example.dk/l")
    asking = Asking(own)
    told = launched(doctor, world, own.id)
    page = opened(doctor, asking, "launch patient/Condition.rs", launch=told["launch"])
    assert "code" in smart.told(left(doctor.browser.get(page)))
    page = opened(citizen, asking, "patient/Condition.rs")  # a patient is asked all the same
    assert "Må " in citizen.browser.get(page).content.decode()


def test_apps_with_access_are_listed_and_ended(citizen: Person, doctor: Person) -> None:
    asking = Asking(app(name="Gangtæller"))
    token = asking.exchange(asking.code(citizen, "patient/Patient.rs offline_access")).json()["access_token"]
    page = citizen.browser.get("/smart/apps").content.decode()
    assert "Gangtæller" in page
    assert "Gangtæller" not in doctor.browser.get("/smart/apps").content.decode()
    found = re.search(r'name="grant" value="([^"]+)"', page)
    assert found is not None
    doctor.browser.post("/smart/apps", {"grant": found[1]})
    assert fhir(token, "Patient").status_code == 200
    citizen.browser.post("/smart/apps", {"grant": found[1]})
    assert fhir(token, "Patient").status_code == 401
    assert "Gangtæller" not in citizen.browser.get("/smart/apps").content.decode()
    assert citizen.browser.post("/smart/apps", {"grant": "nonsense"}).status_code == 302


def test_a_person_the_app_is_not_for(world: dict[str, str], doctor: Person) -> None:
    asking = Asking(app(roles=(Role.CITIZEN,)))
    page = opened(doctor, asking, "patient/Patient.rs")
    assert smart.told(left(doctor.browser.get(page)))["error"] == "access_denied"
    operator = Person.of(Role.OPERATOR, name="drift")
    assert operator.browser.get(page).status_code == 403


# -- the operator ----------------------------------------------------------------------------------------------------

FORM = {
    "name": "Lungeapp",
    "use": "app",
    "method": "none",
    "roles": ["citizen", "gp"],
    "scopes": "launch/patient patient/Observation.rs",
    "redirects": "https://lunge.example.dk/index.html",
}


def test_the_operator_registers_changes_and_ends_an_app(world: dict[str, str]) -> None:
    operator = Person.of(Role.OPERATOR, name="drift")
    answer = operator.browser.post("/drift/klienter/ny", FORM)
    assert answer.status_code == 302, answer.content.decode()
    where = answer["Location"]
    made = clients.get(where.rsplit("/", 1)[1])
    assert (made.name, made.method) == ("Lungeapp", Method.PUBLIC)
    assert "Lungeapp" in operator.browser.get("/drift/klienter").content.decode()
    assert operator.browser.post(where, FORM | {"name": "Lunge", "scopes": "patient/Goal.rs"}).status_code == 302
    assert clients.get(made.id).scopes == "patient/Goal.rs"
    operator.browser.post(where, {"do": "slut"})
    assert clients.find(made.id) is None
    assert "Afmeldt" in operator.browser.get("/drift/klienter").content.decode()


def test_a_secret_is_shown_once() -> None:
    operator = Person.of(Role.OPERATOR, name="drift")
    page = operator.browser.post("/drift/klienter/ny", FORM | {"method": "client_secret_basic"}).content.decode()
    secret = re.search(r"<dt>client_secret</dt><dd><code>([^<]+)", page)
    identity = re.search(r"<dt>client_id</dt><dd><code>([^<]+)", page)
    assert secret is not None
    assert identity is not None
    client = clients.get(identity[1])
    assert clients.is_secret_of(client, secret[1])
    assert secret[1] not in operator.browser.get(f"/drift/klienter/{client.id}").content.decode()
    again = operator.browser.post(f"/drift/klienter/{client.id}", {"do": "hemmelighed"}).content.decode()
    assert secret[1] not in again
    assert not clients.is_secret_of(client, secret[1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("redirects", "http://lunge.example.dk/"),
        ("redirects", "https://lunge.example.dk/#x"),
        ("redirects", "https://*.example.dk/"),
        ("redirects", "javascript:alert(1)"),
        ("redirects", "https://user@lunge.example.dk/"),
        ("redirects", ""),
        ("scopes", "patient/Nonsense.rs"),
        ("scopes", "system/Patient.rs"),
        ("roles", []),
        ("roles", ["system"]),
        ("launch", "ftp://x"),
        ("origins", "https://lunge.example.dk/path"),
        ("jwks_uri", "https://lunge.example.dk/keys"),
        ("preapproved", "on"),
    ],
)
def test_what_cannot_be_registered_is_told_at_its_field(field: str, value: Any) -> None:
    operator = Person.of(Role.OPERATOR, name="drift")
    answer = operator.browser.post("/drift/klienter/ny", FORM | {field: value})
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode() or field == "preapproved"
    assert clients.everyone() == []


def test_others_do_not_see_the_list(doctor: Person, citizen: Person) -> None:
    for person in (doctor, citizen):
        assert person.browser.get("/drift/klienter").status_code == 403
        assert person.browser.post("/drift/klienter/ny", FORM).status_code == 403
    assert smart.Browser().get("/drift/klienter").status_code == 302
