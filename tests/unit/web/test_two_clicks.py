"""Every page and act is at most two clicks from the page one's role starts on: found by following links."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from django.urls.exceptions import Resolver404

from architecture.test_routes import CLINIC, ROUTES
from journeys.seed import followed
from lib.addresses import routes
from lib.people import clinic, condition, context, patient, system
from lib.tally import Tally
from tovholder import store
from tovholder.access import Role
from tovholder.access.people import Persona, save_persona
from tovholder.appointments import actions as appointments
from tovholder.base.clock import system_clock
from tovholder.plan import actions, queries
from tovholder.referral import actions as referral
from unit.web import world as worlds
from unit.web.world import World

pytestmark = pytest.mark.django_db
START = "/klinik/"
CLICKS = 2
# Farther away, and why; one that is found within two clicks after all fails.
FARTHER = {
    "klinik/patient/<str:patient_id>/vaerdispring/afslut": "offered only while a patient's blocks are lifted",
    "klinik/vaerdispring/<int:number>": "offered only where somebody lifted blocks: the follow-up list leads to it",
    "klinik/patient/<str:patient_id>/vaerdispring": "offered only where a patient keeps something back",
    "klinik/visning/<int:number>/fjern": "offered only where a view is saved",
    "klinik/indkaldelser/<str:round_id>": "offered only where a round was made: the list of rounds leads to it",
    "klinik/indkaldelser/<str:round_id>/breve.pdf": "a file of a round, on the round's page",
    "klinik/indkaldelser/<str:round_id>/liste.csv": "a file of a round, on the round's page",
    "klinik/patient/<str:patient_id>/<slug:package>/app": "offered only where an app is registered for the clinic",
    "klinik/patient/<str:patient_id>/<slug:package>/henvist/<str:referral_id>": (
        "offered only where somebody was referred: the clinic's list of referrals leads to it"
    ),
}
_LINK = re.compile(r'<a\s[^>]*?href="([^"]*)"')
_ACTION = re.compile(r"<form\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


def walked(client: Client, start: str = START, within: tuple[str, ...] = ("/klinik",)) -> dict[str, int]:
    """The clicks each route is away: a link is a click, and so is sending a form that stands on the page."""
    found = {start: 0}
    away: dict[str, int] = {}
    seen: set[str] = set()
    for clicks in range(CLICKS + 1):
        for url in [url for url, at in found.items() if at == clicks]:
            route = _route(url)
            away[route] = min(clicks, away.get(route, clicks))
            # The list in another order or selection leads where the list leads.
            if clicks == CLICKS or url in seen or _is_file(url) or (clicks and url.startswith(f"{start}?")):
                continue
            seen.add(url)
            answer = client.get(url)
            if "text/html" not in answer.headers.get("Content-Type", "") or answer.status_code != 200:
                continue
            for target, sends in _ways(answer.content.decode(), url, within):
                if sends:
                    there = _route(target)
                    if there:
                        away[there] = min(clicks + 1, away.get(there, clicks + 1))
                else:
                    found.setdefault(target, clicks + 1)
    return away


def _ways(page: str, here: str, within: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    for href in _LINK.findall(page):
        url = html.unescape(href).split("#")[0]
        if url.startswith("?"):
            url = here.split("?")[0] + url
        if url.startswith(within):
            yield url, False
    for attributes in _ACTION.findall(page):
        told = dict(_ATTRIBUTE.findall(attributes))
        yield html.unescape(told.get("action") or here).split("#")[0], True


def _route(url: str) -> str:
    try:
        return str(resolve(url.split("?")[0]).route)
    except Resolver404:
        return ""


def _is_file(url: str) -> bool:
    return url.split("?")[0].endswith((".csv", ".json"))


def _course(world: World, family: str, codes: tuple[str, ...] = ("R95",)) -> str:
    """Another patient of the clinic, with a course found."""
    recorded = (system_clock() - timedelta(days=3)).date().isoformat()
    with store.unit_of_work(system(system_clock())) as uow:
        made = uow.create(patient(world.clinic, family=family)).id
        for code in codes:
            uow.create(condition(made, code, recorded=recorded))
    return made


@pytest.fixture
def world() -> World:
    """A clinic with somebody in every state the patient's page knows: found, assessed, drafted, planned, paused."""
    made = worlds.make()
    now = system_clock()
    gp = context(Role.GP, made.clinic, now=now, actor=f"Practitioner/{made.doctor}")
    save_persona(Persona("sygeplejerske", "Sif", "Sygeplejerske", Role.STAFF, made.clinic, "sif", ""))
    planned, drafted, paused = (_course(made, name) for name in ("Plansen", "Kladdesen", "Pausen"))
    followed(gp, planned)
    episode = {one: str(queries.episode_view(gp, one, "kol").episode.id) for one in (planned, drafted, paused)}
    actions.start_episode(gp, patient_id=paused, episode_id=episode[paused])
    actions.pause_clock(gp, patient_id=paused, episode_id=episode[paused], reason="Ferie")
    started = {"patient_id": drafted, "episode_id": episode[drafted]}
    actions.start_episode(gp, **started)
    needs = {f"behov-{number}": 2 for number in range(1, 5)}
    form = queries.episode_view(gp, drafted, "kol").package.level.base
    actions.record_needs_assessment(gp, **started, answers=dict.fromkeys(form.link_ids, 2) if form.link_ids else needs)
    decided = actions.propose_level(gp, **started)
    actions.decide_level(gp, **started, level=int(decided.level or 1), override_reason="aftalt")
    without = _course(made, "Udensen")
    about = {"patient_id": without, "episode_id": str(queries.episode_view(gp, without, "kol").episode.id)}
    actions.start_episode(gp, **about)
    actions.record_needs_assessment(gp, **about, answers=dict.fromkeys(form.link_ids, 2))
    decided = actions.propose_level(gp, **about)
    actions.decide_level(gp, **about, level=int(decided.level or 1), override_reason="aftalt")
    actions.make_plan(gp, **started)
    for back, name in ((2, "kol-kontrol"), (-7, "spirometri")):
        appointments.book(
            gp, patient_id=planned, episode_id=episode[planned], kind=name, start=now - timedelta(days=back)
        )
    return made


def wanted() -> set[str]:
    """The clinic's routes: those of the table, and the acts on the patient's page."""
    acts = {path for path in routes() if path.startswith("klinik/")}
    return {
        path for path in acts if ROUTES.get(path, CLINIC) in ("post", "own") or _is_clinics(ROUTES.get(path, CLINIC))
    }


def _is_clinics(who: Any) -> bool:
    return not isinstance(who, str) and bool(CLINIC & who)


@pytest.mark.parametrize("name", ["laege", "sygeplejerske"])
def test_every_screen_is_two_clicks_from_the_start(world: World, name: str, tally: Tally) -> None:
    away = walked(worlds.browser(name))
    # A nurse may not lift blocks, and neither may be asked for what is not offered.
    missed = {path for path in wanted() if path not in away and path not in FARTHER}
    assert not missed, "\n".join(sorted(missed))
    assert {path for path in FARTHER if path in away} == set()
    assert set(FARTHER) <= wanted()
    counted = [sum(1 for path in wanted() if away.get(path) == clicks) for clicks in range(CLICKS + 1)]
    tally("two clicks", f"{name}: {counted[0]} start page, {counted[1]} one click away, {counted[2]} two")


OTHERS = {
    "patient": ("/minplan/", ("minplan/", "smart/apps")),
    "analytiker": ("/monitorering/", ("monitorering/",)),
    "drift": ("/drift/klienter", ("drift/",)),
    "fys": ("/partner/", ("partner/",)),
}
# Made first, or offered only where there is one, or to an analyst with a right of their own.
OF_A_KIND = {
    "minplan/spaerringer/<str:consent_id>/ophaev",
    "drift/klienter/<str:client_id>",
    "monitorering/fakta",
    "monitorering/fakta.csv",
    # Offered only where a referral that has been accepted may be sent on: the patient's page leads there.
    "partner/patient/<str:patient_id>/henvist/<str:referral_id>/videre/",
    "partner/patient/<str:patient_id>/henvist/<str:referral_id>/videre/<slug:kind>",
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_others_screens_are_two_clicks_from_their_start(world: World, name: str, tally: Tally) -> None:
    start, below = OTHERS[name]
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        physio = uow.create(clinic("Bevægelse Fysioterapi", kind="physio")).id
    doctor = context(Role.GP, world.clinic, now=now, actor=f"Practitioner/{world.doctor}")
    known = queries.episode_view(doctor, world.patient, "kol").episode.id
    actions.start_episode(doctor, patient_id=world.patient, episode_id=str(known))
    referral.send(
        doctor, patient_id=world.patient, episode_id=str(known), kind="fysioterapi", receiver_id=physio,
        receiver_kind="physio",
    )  # fmt: skip
    save_persona(Persona("fys", "Frida Fys", "Fysioterapeut", Role.PARTNER, physio, "frida", ""))
    save_persona(Persona("drift", "Didde", "Drift", Role.OPERATOR, "", "", ""))
    away = walked(worlds.browser(name), start, tuple(f"/{part}" for part in below))
    theirs = {path for path in routes() if path.startswith(below)} - OF_A_KIND
    assert theirs
    missed = theirs - set(away)
    assert not missed, "\n".join(sorted(missed))
    tally("two clicks", f"{name}: {len(theirs)} within two")
