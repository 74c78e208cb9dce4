"""Every route stands here with who may open it: a new one that nobody accounted for fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from lib.people import clinic, condition, patient, system
from tovholder import store
from tovholder.access import Role, generation, people
from tovholder.access.domain import Right
from tovholder.access.models import Assignment
from tovholder.access.people import Persona
from tovholder.access.smart.domain import APP_ROLES

# Who gets an answer (not a refusal) on GET. "open": nobody need be logged in. "token": bearer token only.
# "client": a client's proof, by POST. "app": a registered app's request, else 400.
# "own": one of a kind that is made first; of another it is not there.
# "post": GET is refused for everybody with 405 or leads to the page it belongs to.
CLINIC = frozenset({Role.GP, Role.STAFF})
CITIZENS = frozenset({Role.CITIZEN, Role.REPRESENTATIVE})
RECEIVERS = frozenset({Role.PARTNER, Role.PREVENTION})
HOSPITAL = frozenset({Role.HOSPITAL})
EVERYBODY = frozenset(Role) - {Role.SYSTEM}
ROUTES: dict[str, Any] = {
    "healthz": "open",
    ".well-known/smart-configuration": "open",
    ".well-known/openid-configuration": "open",
    "smart/jwks": "open",
    # A request that names no app is told so on a page; the others take a client's proof alone.
    "smart/authorize": "app",
    "smart/token": "client",
    "smart/introspect": "client",
    "smart/revoke": "client",
    "smart/register": "client",
    "fhir": "token",
    "fhir/": "token",
    "fhir/metadata": "open",
    "fhir/.well-known/smart-configuration": "open",
    "fhir/_history": "token",
    "fhir/_search": "token",
    "fhir/Patient/<str:rid>/<str:kind>": "token",
    "fhir/Patient/<str:rid>/<str:kind>/_search": "token",
    "fhir/<str:kind>/_history": "token",
    "fhir/<str:kind>/<str:rid>/_history": "token",
    "fhir/$export-status/<str:export_id>": "token",
    "fhir/$export-file/<str:export_id>/<str:name>": "token",
    "fhir/<operation:name>": "token",
    "fhir/<str:kind>/<operation:name>": "token",
    "fhir/<str:kind>/<str:rid>/<operation:name>": "token",
    "fhir/<str:kind>": "token",
    "fhir/<str:kind>/_search": "token",
    "fhir/<str:kind>/<str:rid>": "token",
    "fhir/<str:kind>/<str:rid>/_history/<str:version>": "token",
    "": "open",
    "login/persona": "post",
    # A login provider that is not there is not found; what it answers is tested in tests/unit/web/test_login.py.
    "login/hos/<slug:issuer_id>": frozenset(),
    "login/hos/<slug:issuer_id>/retur": frozenset(),
    "login/hos/<slug:issuer_id>/afmeld": frozenset(),
    "login/rolle": EVERYBODY,
    "login/igen": EVERYBODY,
    "logud": "post",
    "logud/overalt": "post",
    "logget-ud": "open",
    "sprog/": "post",
    "smart/adgang/<str:request_id>": "own",
    "smart/apps": frozenset(APP_ROLES),
    "drift/klienter": frozenset({Role.OPERATOR}),
    "drift/klienter/ny": frozenset({Role.OPERATOR}),
    "drift/klienter/<str:client_id>": "own",
    "klinik/": CLINIC,
    "klinik/liste.csv": CLINIC,
    "klinik/visning": "post",
    "klinik/visning/<int:number>/fjern": "own",
    "klinik/i-dag": CLINIC,
    "klinik/kontroller": CLINIC,
    "klinik/indkaldelser": CLINIC,
    "klinik/indkaldelser/undtag": "post",
    "klinik/indkaldelser/<str:round_id>": "own",
    "klinik/indkaldelser/<str:round_id>/breve.pdf": "own",
    "klinik/indkaldelser/<str:round_id>/liste.csv": "own",
    "klinik/overdragelser": CLINIC,
    "klinik/patient/<str:patient_id>/overdragelse": CLINIC,
    "klinik/patient/<str:patient_id>/flyttet": CLINIC,
    "klinik/patient/<str:patient_id>/deling": CLINIC,
    "minplan/deling": frozenset({Role.CITIZEN}),
    "klinik/ikke-foreslaaet": CLINIC,
    "klinik/datakvalitet": CLINIC,
    "klinik/pakker": CLINIC,
    "klinik/log": CLINIC,
    "klinik/log.csv": CLINIC,
    "klinik/henvisninger": CLINIC,
    "klinik/vaerdispring": CLINIC | frozenset({Role.HOSPITAL, Role.PREVENTION, Role.PARTNER}),
    "klinik/vaerdispring/<int:number>": "own",
    "klinik/patient/<str:patient_id>/vaerdispring": frozenset({Role.GP, Role.HOSPITAL}),
    "klinik/patient/<str:patient_id>/vaerdispring/afslut": "post",
    "klinik/afvigelser": CLINIC,
    "klinik/patient/<str:patient_id>/": CLINIC,
    "klinik/patient/<str:patient_id>/tidslinje": CLINIC,
    "klinik/patient/<str:patient_id>/samlet-plan": CLINIC,
    "klinik/patient/<str:patient_id>/maalinger": CLINIC,
    "klinik/patient/<str:patient_id>/<slug:package>/": CLINIC,
    "klinik/patient/<str:patient_id>/<slug:package>/formular/<str:form_id>": CLINIC,
    "klinik/patient/<str:patient_id>/<slug:package>/opfoelgning": CLINIC,
    "klinik/patient/<str:patient_id>/<slug:package>/medicin": CLINIC,
    "partner/": RECEIVERS,
    "partner/aabn": RECEIVERS,
    "partner/indlaes": RECEIVERS,
    "partner/patient/<str:patient_id>/": RECEIVERS,
    # Of a referral to them that they have taken (tests/unit/web/test_partner.py).
    "partner/patient/<str:patient_id>/henvist/<str:referral_id>/videre/": "own",
    "partner/patient/<str:patient_id>/henvist/<str:referral_id>/videre/<slug:kind>": "own",
    "journal/": HOSPITAL,
    "journal/aabn": HOSPITAL,
    "journal/patient/<str:patient_id>/": HOSPITAL,
    "journal/patient/<str:patient_id>/henvist/<str:referral_id>/videre/": "own",
    "journal/patient/<str:patient_id>/henvist/<str:referral_id>/videre/<slug:kind>": "own",
    "minplan/": CITIZENS,
    "minplan/spaerringer": frozenset({Role.CITIZEN, Role.REPRESENTATIVE}),
    "minplan/spaerringer/<str:consent_id>/ophaev": "post",
    "minplan/log": frozenset({Role.CITIZEN, Role.REPRESENTATIVE}),
    "minplan/log.csv": frozenset({Role.CITIZEN, Role.REPRESENTATIVE}),
    "minplan/log.json": frozenset({Role.CITIZEN, Role.REPRESENTATIVE}),
    "minplan/<slug:package>/maal": "post",
    "monitorering/": frozenset({Role.ANALYST}),
    "monitorering/ret-til-plan.csv": frozenset({Role.ANALYST}),
    "monitorering/fakta": frozenset(),  # no role alone: a right of its own (tests/unit/web/test_facts_page.py)
    "monitorering/fakta.csv": frozenset(),
}
ACT = "klinik/patient/<str:patient_id>/<slug:package>/"


def routes(patterns: list[Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for item in patterns:
        if isinstance(item, URLResolver):
            found += routes(item.url_patterns, prefix + str(item.pattern))
        elif isinstance(item, URLPattern):
            found.append(prefix + str(item.pattern))
    return found


def test_no_route_is_unaccounted_for() -> None:
    listed = set(routes(get_resolver().url_patterns))
    unknown = {path for path in listed - set(ROUTES) if not path.startswith(ACT)}
    assert unknown == set()
    assert set(ROUTES) - listed == set()


@pytest.fixture
def world() -> dict[str, str]:
    with store.unit_of_work(system()) as uow:
        organization = uow.create(clinic()).id
        person = uow.create(patient(organization)).id
        uow.create(condition(person))
        stranger = uow.create(clinic("Fremmede Læger")).id
    return {"organization": organization, "patient": person, "stranger": stranger}


def client(role: Role, organization: str = "", patient_id: str = "", name: str = "") -> Client:
    name = name or str(role)
    people.save_persona(Persona(name, name, name, role, organization, "" if patient_id else "p", patient_id))
    if role is Role.REPRESENTATIVE:
        Assignment.objects.filter(role=role).update(rights=" ".join(Right))
        generation.bump()
    found = Client()
    found.post("/login/persona", {"persona": name})
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_the_matrix(world: dict[str, str], role: Role) -> None:
    mine = client(role, world["organization"], world["patient"] if role in CITIZENS else "")
    for path, who in ROUTES.items():
        url = "/" + (
            path.replace("<str:patient_id>", world["patient"])
            .replace("<slug:package>", "kol")
            .replace("<str:form_id>", "kol-behovsvurdering")
            .replace("<str:kind>", "Patient")
            .replace("<str:rid>", world["patient"])
            .replace("<str:version>", "1")
            .replace("<operation:name>", "$everything")
        )
        status = mine.get(url).status_code
        if who == "open":
            assert status == 200, url
        elif who == "token":
            assert status in (401, 405), url
        elif who == "own":
            assert status in (403, 404), url
        elif who in ("app", "client"):
            assert status in (400, 405), url
        elif who == "post":
            assert status in (302, 403, 405), url
        elif role in who:
            # The form opens once the course is started; before, the page says so or leads back to it.
            assert status in (200, 302) or (url.endswith("behovsvurdering") and status in (409, 422)), (url, status)
        else:
            assert status in (302, 403, 404), (url, status)


@pytest.mark.django_db
def test_another_clinics_patient_page_is_not_there(world: dict[str, str]) -> None:
    stranger = client(Role.GP, world["stranger"], name="stranger")
    for path in routes(get_resolver().url_patterns):
        if path.startswith(ACT):
            url = "/" + path.replace("<str:patient_id>", world["patient"]).replace("<slug:package>", "kol")
            url = url.replace("<str:form_id>", "kol-behovsvurdering")
            # A GET on an act leads to the page it belongs to, whoever's it is; that page is not there.
            assert stranger.get(url, follow=True).status_code in (404, 405), url
            assert stranger.post(url, {}).status_code in (404, 405), url


@pytest.mark.django_db
def test_acts_are_for_the_clinic_alone(world: dict[str, str]) -> None:
    for role in (Role.CITIZEN, Role.PARTNER, Role.ANALYST, Role.HOSPITAL):
        other = client(role, world["organization"], world["patient"] if role is Role.CITIZEN else "", name=f"x-{role}")
        for path in routes(get_resolver().url_patterns):
            if path.startswith(ACT):
                url = "/" + path.replace("<str:patient_id>", world["patient"]).replace("<slug:package>", "kol")
                url = url.replace("<str:form_id>", "kol-behovsvurdering")
                assert other.post(url, {}).status_code in (302, 403, 404, 405), (role, url)
    assert store.search(system(), "EpisodeOfCare", [("patient", world["patient"])]).entries[0].version == 1


@pytest.mark.django_db
def test_no_page_without_login(world: dict[str, str]) -> None:
    for path in ("/klinik/", f"/klinik/patient/{world['patient']}/kol/", "/minplan/", "/monitorering/"):
        response = Client().get(path)
        assert response.status_code in (302, 401, 403), path
        assert b"Jensen" not in response.content
