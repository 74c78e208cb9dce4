"""Sessions on the pages: how they end, what changes their key, what a role gives, and what becomes of typed text."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from lib import homes
from lib.people import system
from tovholder import store
from tovholder.access import Role, generation, people, sessions, staff
from tovholder.access.models import Assignment, Kept, Session, User
from tovholder.access.people import Persona, save_persona
from tovholder.base import days
from tovholder.base.clock import system_clock
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make()


def ago(minutes: int) -> int:
    return days.millis(system_clock()) - minutes * 60_000


def is_in(browser: Client) -> bool:
    return browser.get("/login/rolle").status_code == 200


def key(browser: Client) -> str:
    return browser.cookies["tovholder-session"].value


# -- how they end --------------------------------------------------------------------------------------------------


def test_a_session_ends_when_nothing_was_asked_for_a_while(world: worlds.World) -> None:
    browser = worlds.browser("laege")
    Session.objects.update(seen_ms=ago(29))
    assert browser.get("/klinik/").status_code == 200
    assert Session.objects.get(user__isnull=False).seen_ms > ago(1)  # asking keeps it
    Session.objects.update(seen_ms=ago(31))
    answer = browser.get("/klinik/")
    assert answer["Location"] == "/?next=%2Fklinik%2F"
    assert "logget ud" in browser.get(answer["Location"]).content.decode()


def test_a_session_ends_some_hours_after_login_however_it_is_used(world: worlds.World) -> None:
    browser = worlds.browser("laege")
    Session.objects.update(began_ms=ago(8 * 60 + 59))
    assert is_in(browser)
    Session.objects.update(began_ms=ago(9 * 60))
    assert not is_in(browser)


@pytest.mark.parametrize("change", ["close", "end", "log out", "organization"])
def test_what_is_taken_away_is_gone_at_the_next_request(world: worlds.World, change: str) -> None:
    browser = worlds.browser("laege")
    assert browser.get(world.course).status_code == 200
    ctx = system(system_clock())
    if change == "close":
        staff.close(ctx, "laege")
    elif change == "end":
        staff.end(ctx, "laege", Assignment.objects.get(user__username="laege").pk)
    elif change == "log out":
        staff.log_out(ctx, "laege")
    else:
        save_persona(Persona("laege", "Mette", "Læge", Role.GP, world.other_clinic, world.doctor, ""))
        assert browser.get(world.course).status_code == 404
        return
    assert browser.get(world.course).status_code == 302
    assert browser.get("/klinik/").status_code == 302
    if change == "close":
        assert browser.post("/login/persona", {"persona": "laege"}).status_code == 404
        staff.reopen(ctx, "laege")
        assert worlds.browser("laege").get("/klinik/").status_code == 200
        assert not is_in(browser)


def test_logging_out_everywhere_ends_every_browser_s_session(world: worlds.World) -> None:
    here, there, other = worlds.browser("laege"), worlds.browser("laege"), worlds.browser("anden")
    assert "alle steder" in here.post("/logud/overalt", follow=True).content.decode()
    assert not is_in(here) and not is_in(there)
    assert is_in(other)
    assert worlds.browser("laege").get("/klinik/").status_code == 200


def test_logging_out_ends_this_one_alone(world: worlds.World) -> None:
    here, there = worlds.browser("laege"), worlds.browser("laege")
    old = key(here)
    here.post("/logud")
    assert not is_in(here) and is_in(there)
    here.cookies["tovholder-session"] = old
    assert not is_in(here)


# -- its key -------------------------------------------------------------------------------------------------------


def test_each_login_and_each_change_of_role_has_a_new_key(world: worlds.World) -> None:
    browser = Client()
    browser.cookies["tovholder-session"] = "a" * 32  # somebody else put it there
    browser.post("/login/persona", {"persona": "laege"})
    first = key(browser)
    assert first != "a" * 32
    ctx = system(system_clock())
    staff.assign(ctx, "laege", staff.Given(Role.ANALYST, title="Analytiker"))
    number = Assignment.objects.get(role="analyst", user__username="laege").pk
    browser.post("/login/rolle", {"hat": f"a{number}"})
    second = key(browser)
    assert second != first
    stale = Client()
    stale.cookies["tovholder-session"] = first
    assert not is_in(stale)
    browser.post("/login/igen", {"persona": "laege"})
    assert key(browser) not in (first, second)
    browser.post("/login/persona", {"persona": "anden"})
    assert Session.objects.count() == 1


def test_the_table_of_sessions_lets_nobody_in(world: worlds.World) -> None:
    browser = worlds.browser("laege")
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest, data FROM access_session")
        ((digest, data),) = cursor.fetchall()
    assert key(browser) not in digest + data
    thief = Client()
    thief.cookies["tovholder-session"] = digest
    assert not is_in(thief)


# -- roles ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_roles(world: worlds.World) -> worlds.World:
    ctx = system(system_clock())
    given = staff.Given(Role.GP, world.other_clinic, "anden", title="Læge, Lægerne Andetsteds")
    staff.assign(ctx, "laege", given)
    return world


def test_who_has_several_roles_chooses_one_first(two_roles: worlds.World) -> None:
    browser = Client()
    answer = browser.post("/login/persona", {"persona": "laege", "next": two_roles.course})
    assert answer["Location"].startswith("/login/rolle?next=")
    assert browser.get(two_roles.course).status_code == 302  # not before one is chosen
    page = browser.get(answer["Location"]).content.decode()
    assert "Lægerne Andetsteds" in page and "Hvad vil du logge ind som?" in page
    here, there = Assignment.objects.filter(user__username="laege").order_by("id")
    chosen = browser.post("/login/rolle", {"hat": f"a{here.pk}", "next": two_roles.course})
    assert chosen["Location"] == two_roles.course
    assert browser.get(two_roles.course).status_code == 200
    page = browser.get("/klinik/").content.decode()
    assert "Skift rolle" in page
    browser.post("/login/rolle", {"hat": f"a{there.pk}"})
    assert browser.get(two_roles.course).status_code == 404
    assert "Læge, Lægerne Andetsteds" in browser.get("/klinik/").content.decode()


def test_nobody_puts_on_another_s_role(two_roles: worlds.World) -> None:
    browser = worlds.browser("patient")
    for row in Assignment.objects.exclude(user__username="patient"):
        assert browser.post("/login/rolle", {"hat": f"a{row.pk}"}).status_code == 400
    assert browser.get("/klinik/").status_code == 403


def test_a_role_that_ended_leaves_the_others(two_roles: worlds.World) -> None:
    browser = Client()
    browser.post("/login/persona", {"persona": "laege"})
    here, _ = Assignment.objects.filter(user__username="laege").order_by("id")
    browser.post("/login/rolle", {"hat": f"a{here.pk}"})
    staff.end(system(system_clock()), "laege", here.pk)
    assert browser.get("/klinik/")["Location"].startswith("/login/rolle")
    staff.end(system(system_clock()), "laege", Assignment.objects.latest("id").pk)
    assert browser.get("/login/rolle").status_code == 403
    assert not is_in(browser)


def test_a_role_holds_from_its_first_day_to_its_last(world: worlds.World) -> None:
    today = days.day_of(system_clock())
    for first, last, holds in ((today, today, True), (today + 1, None, False), (0, today - 1, False)):
        Assignment.objects.filter(user__username="laege").update(from_day=first, to_day=last)
        generation.bump()
        browser = Client()
        browser.post("/login/persona", {"persona": "laege"})
        assert (browser.get("/klinik/").status_code == 200) is holds, (first, last)


def test_who_stands_in_for_somebody_sees_whose_plan_it_is(world: worlds.World) -> None:
    related = {
        "resourceType": "RelatedPerson",
        "active": True,
        "patient": {"reference": f"Patient/{world.patient}"},
        "identifier": [{"system": "urn:oid:1.2.208.176.1.2", "value": "0101800001"}],
        "relationship": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "GUARD"}]}
        ],
    }
    with store.unit_of_work(system(system_clock())) as uow:
        uow.create(related)
    staff.arrived_citizen(system(system_clock()), "borger", "x", cpr="0101800001", name="Viggo Værge", patient="")
    browser = Client()
    assert (
        browser.post("/login/persona", {"persona": User.objects.get(person__gt="").username})["Location"] == "/minplan/"
    )
    page = browser.get("/minplan/")
    assert page.status_code == 200
    assert "På vegne af Prøve Prøvesen" in page.content.decode()
    # And acts in their own name, which is what the trail tells.
    assert browser.post("/minplan/kol/maal", {"text": "Gå til Fyrtårnet igen"}).status_code == 302
    ((goal,),) = [[entry.resource for entry in store.search(system(), "Goal", []).entries]]
    assert goal["expressedBy"]["reference"].startswith("RelatedPerson/")
    assert browser.get("/klinik/").status_code == 403
    with store.unit_of_work(system(system_clock())) as uow:
        found = store.search(system(), "RelatedPerson", []).entries[0]
        uow.delete("RelatedPerson", found.id)
    assert browser.get("/minplan/").status_code == 302  # gone with what made it


# -- proving anew --------------------------------------------------------------------------------------------------


def test_in_the_demo_the_same_person_is_chosen_again(world: worlds.World) -> None:
    browser = worlds.browser("laege")
    Session.objects.update(authenticated_ms=ago(60))
    assert "Mette Prøvelæge" in browser.get("/login/igen", {"next": world.course}).content.decode()
    assert browser.post("/login/igen", {"persona": "anden"}).status_code == 400
    assert Session.objects.get(user__isnull=False).authenticated_ms < ago(59)
    assert browser.post("/login/igen", {"persona": "laege", "next": world.course})["Location"] == world.course
    assert Session.objects.get(user__isnull=False).authenticated_ms > ago(1)
    assert Client().get("/login/igen", {"next": "/klinik/"})["Location"] == "/?next=%2Fklinik%2F"


# -- what was typed ------------------------------------------------------------------------------------------------


def forms(world: worlds.World) -> list[tuple[str, str, dict[str, str], str]]:
    """Forms by who fills them in: address, what is typed, and what of it is on the page again."""
    return [
        (
            "laege",
            f"{world.course}nej-tak",
            {"reason": "Vil tale med sin datter først"},
            "Vil tale med sin datter først",
        ),
        ("patient", "/minplan/kol/maal", {"text": "Gå til Fyrtårnet igen"}, "Gå til Fyrtårnet igen"),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_form_sent_after_the_session_ended_is_there_after_login(world: worlds.World, number: int) -> None:
    name, path, typed, words = forms(world)[number]
    browser = worlds.browser(name)
    before = {kind: store.search(system(), kind, []).total for kind in ("Goal", "EpisodeOfCare")}
    Session.objects.update(seen_ms=ago(31))
    answer = browser.post(path, typed, follow=True)
    assert answer.redirect_chain[0][0].startswith("/?next=")
    assert "er gemt i en halv time" in answer.content.decode()
    row = Kept.objects.get()
    assert words not in row.sealed and world.patient not in row.sealed
    back = browser.post("/login/persona", {"persona": name, "next": path}, follow=True)
    page = back.content.decode()
    assert words in page and "står her igen" in page
    assert {kind: store.search(system(), kind, []).total for kind in before} == before  # shown, not sent


def test_kept_text_is_given_to_nobody_else(world: worlds.World) -> None:
    name, path, typed, words = forms(world)[1]
    browser = worlds.browser(name)
    Session.objects.update(seen_ms=ago(31))
    browser.post(path, typed)
    cookie = browser.cookies["tovholder-kept"].value
    # Another person at the same computer; the same person at another computer; after half an hour.
    browser.post("/login/persona", {"persona": "laege"})
    assert words not in browser.get(path, follow=True).content.decode()
    assert words not in worlds.browser(name).get(path, follow=True).content.decode()
    mine = worlds.browser(name)
    mine.cookies["tovholder-kept"] = cookie
    assert words in mine.get(path, follow=True).content.decode()
    Kept.objects.update(until_ms=ago(0) - 1)
    assert words not in mine.get(path, follow=True).content.decode()


def test_nothing_is_kept_for_whom_nobody_knows(world: worlds.World) -> None:
    _, path, typed, _ = forms(world)[1]
    Client().post(path, typed)
    out = worlds.browser("patient")
    out.post("/logud")
    out.post(path, typed)
    assert not Kept.objects.exists()


def test_a_form_from_before_another_login_is_shown_again(world: worlds.World) -> None:
    """Logged in anew in another window: this one's form has the old key."""
    _, path, typed, words = forms(world)[1]
    browser = Client(enforce_csrf_checks=True)
    persona = Client()
    persona.post("/login/persona", {"persona": "patient"})
    browser.cookies = persona.cookies
    page = browser.get("/minplan/").content.decode()
    assert page
    elsewhere = browser.post(path, typed | {"csrfmiddlewaretoken": "x" * 64})
    assert elsewhere.status_code == 403 and not Kept.objects.exists()
    ours = browser.post(path, typed | {"csrfmiddlewaretoken": "x" * 64}, headers={"Sec-Fetch-Site": "same-origin"})
    assert ours["Location"] == path
    assert words in browser.get(path).content.decode()


def test_what_was_sent_in_the_end_is_kept_no_longer(world: worlds.World) -> None:
    doctor = worlds.browser("laege")
    doctor.post(f"{world.course}start", {"offered": "2026-01-01", "started": "2026-01-01"})
    path = f"{world.course}formular/kol-behovsvurdering"
    Session.objects.update(seen_ms=ago(31))
    doctor.post(path, {"nothing-we-ask": "x"})
    assert Kept.objects.count() == 1
    doctor.post("/login/persona", {"persona": "laege", "next": path}, follow=True)
    assert doctor.get(path).status_code in (200, 422)
    assert Kept.objects.count() == 1  # until it is sent
    doctor.post(f"{world.course}nej-tak", {"reason": "x"})
    assert Kept.objects.count() == 1  # another form


# -- in production -------------------------------------------------------------------------------------------------

PRODUCTION = """
import django; django.setup()
from django.test import Client
from tovholder.access import Role, people
from tovholder.access.people import Persona
people.save_persona(Persona("laege", "Mette", "Læge", Role.GP, "o", "p", ""))
browser = Client()
for path, data in (("/login/persona", {"persona": "laege"}), ("/login/igen", {"persona": "laege"})):
    answer = browser.post(path, data, secure=True, headers={"host": "tovholder.example"})
    print(path, answer.status_code, answer.headers.get("Location", ""), answer.headers.get("Strict-Transport-Security"))
page = browser.get("/", secure=True, headers={"host": "tovholder.example"})
print("page", page.status_code, b'name="persona"' in page.content, "Content-Security-Policy" in page.headers)
print("plain", browser.get("/", headers={"host": "tovholder.example"}).status_code)
from tovholder.access import hats, sessions
from django.test import RequestFactory
from django.http import HttpResponse
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from tovholder.access.models import User
def inside(request):
    from tovholder.base.clock import system_clock
    sessions.begin(request, sessions.Login(str(User.objects.get().pk)), system_clock())
    return HttpResponse()
answer = SessionMiddleware(CsrfViewMiddleware(inside))(RequestFactory().get("/", secure=True))
for cookie in sorted(answer.cookies.values(), key=lambda one: one.key):
    flags = bool(cookie["secure"]), bool(cookie["httponly"]), cookie["samesite"], cookie["path"], repr(cookie["domain"])
    print(cookie.key, *flags)
"""


def test_production_has_no_personas_and_cookies_of_its_own_host_alone(tmp_path: Any) -> None:
    with homes.made(tmp_path) as home:
        environ = home.environ | {
            "TOVHOLDER_ENV": "production",
            "TOVHOLDER_SECRET_KEY": "s" * 60,
            "TOVHOLDER_HOSTS": "tovholder.example",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        told = subprocess.run(
            [sys.executable, "-c", PRODUCTION], env=environ, capture_output=True, text=True, check=False
        )
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].startswith("/login/persona 403 ")
    assert lines[1].startswith("/login/igen 302 /")
    assert lines[2] == "page 200 False True"
    assert lines[3] == "plain 301"
    assert lines[4:] == [
        "__Host-tovholder True True Lax / ''",
        "__Host-tovholder-csrf True True Lax / ''",
    ]
    assert all("max-age=31536000" in line for line in lines[:2])


def test_what_a_demo_let_in_production_does_not(world: worlds.World, settings: Any) -> None:
    """Though it was given the demo's own record and key."""
    browser, token = worlds.browser("laege"), people.make_token("laege", system_clock())
    api = {"headers": {"Authorization": f"Bearer {token}"}}
    assert is_in(browser)
    assert browser.get("/fhir/Patient", **api).status_code == 200
    settings.PERSONAS_ALLOWED = False
    people.forget_tokens()  # another process
    assert not is_in(browser)
    assert browser.get("/fhir/Patient", **api).status_code == 401


def test_a_provider_that_was_taken_out_vouches_for_nobody(world: worlds.World) -> None:
    browser = worlds.browser("laege")
    Session.objects.update(issuer="gone")
    assert not is_in(browser)


def test_what_timed_out_long_ago_is_taken_away(world: worlds.World) -> None:
    worlds.browser("laege")
    Session.objects.update(seen_ms=ago(31))
    now = system_clock()
    assert sessions.tidy(now) == 0  # its row still tells whose typed text may be kept
    Session.objects.update(seen_ms=ago(25 * 60))
    assert sessions.tidy(now) == 1


def test_settings_say_how_long(world: worlds.World, settings: Any) -> None:
    settings.ENV = dataclasses.replace(settings.ENV, idle_minutes=5)
    browser = worlds.browser("laege")
    Session.objects.update(seen_ms=ago(6))
    assert not is_in(browser)
