"""The clinic's page of new versions: what waits, what would change, and the clinic's word, kept or refused in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from lib import versions
from lib.versions import NEW, OLD
from tovholder import store
from tovholder.access import Role
from tovholder.access.domain import Context, system_context
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.plan import actions, resources
from unit.web import world as worlds

pytestmark = pytest.mark.django_db
NEEDS = {"biologisk": "1", "psykisk": "1", "social": "1", "sundhedskompetence": "1"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[worlds.World]:
    """A clinic with one plan of the old version, and the new one in force."""
    with versions.old_in_force(tmp_path) as own:
        made = worlds.make()
        ctx = Context(f"Practitioner/{made.doctor}", Role.GP, organization=made.clinic, now=system_clock())
        system = system_context(system_clock(), "test")
        (course,) = store.search_all(system, "EpisodeOfCare", [("patient", f"Patient/{made.patient}")])
        who = {"patient_id": made.patient, "episode_id": course.id}
        actions.start_episode(ctx, **who)
        actions.record_needs_assessment(ctx, **who, answers=NEEDS)
        actions.decide_level(ctx, **who, level=1)
        actions.make_plan(ctx, **who)
        actions.confirm_plan(ctx, **who, goals=[actions.GoalDraft("Gå til bageren")])
        versions.in_force(own, later=True)
        yield made


def words(response: Any) -> str:
    html = re.sub(r"<svg.*?</svg>", "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def fields(response: Any) -> dict[str, Any]:
    """The hidden fields of the form, as a browser would send them."""
    html = response.content.decode()
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html)
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def plan(world: worlds.World) -> Any:
    system = system_context(system_clock(), "test")
    (held,) = store.search_all(system, "CarePlan", [("patient", f"Patient/{world.patient}")])
    return resources.read_plan(held.resource)


def look(language: str = "da") -> tuple[Client, Any]:
    client = worlds.browser("laege")
    if language == "en":
        client.post("/sprog/", {"language": "en", "next": "/klinik/pakker"})
    return client, client.get("/klinik/pakker")


def test_the_page_says_what_is_new_and_what_would_change(world: worlds.World) -> None:
    _, response = look()
    said = words(response)
    assert f"KOL: version {NEW} 1 plan venter" in said
    for told in (
        f"Hvad er nyt siden version {OLD}?",
        "Prøvesen",
        "Nyt trin: Plan for selvbehandling",
        "Udgår: Måling af lungefunktion",
        "Flyttes: Årsstatus for KOL fra",
        "tidspunkt: fra efter 12 måneder",
    ):
        assert told in said, told
    assert world.patient not in response.request["PATH_INFO"]


def test_it_is_said_in_english_too(world: worlds.World) -> None:
    _, response = look("en")
    said = words(response)
    for told in (
        "New versions of the packages",
        "1 plan waits",
        "New step: Self-management plan",
        "timing: from after 12 months",
    ):
        assert told in said, told


def test_approving_the_chosen_plan(world: worlds.World) -> None:
    client, page = look()
    sent = fields(page) | {"do": "approve", "plan": plan(world).id}
    answer = client.post("/klinik/pakker", sent, follow=True)
    assert "1 plan følger nu den nye version" in words(answer)
    assert "Alle planer følger de versioner, der gælder." in words(answer)
    assert plan(world).package_version == NEW
    version = store.read(system_context(system_clock(), "test"), "CarePlan", plan(world).id).version
    client.post("/klinik/pakker", sent)  # pressed twice
    assert store.read(system_context(system_clock(), "test"), "CarePlan", plan(world).id).version == version


def test_approving_all_on_the_page(world: worlds.World) -> None:
    client, page = look()
    client.post("/klinik/pakker", fields(page) | {"do": "approve-all"})
    assert plan(world).package_version == NEW


def test_nothing_chosen_is_said_and_nothing_done(world: worlds.World) -> None:
    client, page = look()
    answer = client.post("/klinik/pakker", fields(page) | {"do": "nonsense", "plan": plan(world).id})
    assert "Vælg, om planerne skal godkendes eller beholdes." in words(answer)
    for do in ("approve", "keep", "nonsense", ""):
        answer = client.post("/klinik/pakker", {"do": do, "pakke": "kol", "token-x": "y"})
        assert answer.status_code == 422
        assert "Vælg mindst én plan." in words(answer)
    assert plan(world).package_version == OLD


def test_a_plan_changed_meanwhile_is_told_and_not_overwritten(world: worlds.World) -> None:
    client, page = look()
    sent = fields(page) | {"do": "approve", "plan": plan(world).id}
    sent[f"token-{plan(world).id}"] = "0" * 32
    answer = client.post("/klinik/pakker", sent, follow=True)
    assert "1 plan er ændret, siden du så på den, og er ikke rørt" in words(answer)
    assert plan(world).package_version == OLD


@pytest.mark.parametrize(
    ("reason", "day", "told"),
    [
        ("", "2099-01-01", "Skriv, hvorfor planerne skal blive, som de er."),
        ("Venter", "", "Skriv, hvornår I vil se på det igen."),
        ("Venter", "i morgen", "Skriv datoen som dag, måned og år"),
        ("Venter", "2020-01-01", "Vælg en dag fra i morgen"),
        ("Venter", "2099-01-01", "Vælg en dag fra i morgen"),
        ("x" * 501, "2099-01-01", "Teksten er for lang"),
    ],
)
def test_keeping_asks_for_a_reason_and_a_day_and_loses_nothing(
    world: worlds.World, reason: str, day: str, told: str
) -> None:
    client, page = look()
    sent = fields(page) | {"do": "keep", "plan": plan(world).id, "reason": reason, "look_again": day}
    answer = client.post("/klinik/pakker", sent)
    assert answer.status_code == 422
    assert told in words(answer)
    html = answer.content.decode()
    assert re.search(rf'value="{plan(world).id}"[^>]*checked', html)
    assert reason[:500] in html
    assert plan(world).kept_version is None


def test_a_kept_plan_stands_apart_until_its_day(world: worlds.World) -> None:
    client, page = look()
    day = days.iso(days.day_of(system_clock()) + 30)
    sent = fields(page) | {"do": "keep", "plan": plan(world).id, "reason": "Venter på svar", "look_again": day}
    said = words(client.post("/klinik/pakker", sent, follow=True))
    assert "1 plan bliver, som den er" in said
    assert "0 planer venter" in said
    assert "1 plan er beholdt indtil videre" in said
    kept = client.get("/klinik/pakker?pakke=kol&vis=beholdt")
    assert "»Venter på svar«" in words(kept)
    client.post("/klinik/pakker", fields(kept) | {"do": "approve", "plan": plan(world).id})
    assert plan(world).package_version == NEW


def test_another_clinic_sees_nothing_and_changes_nothing(world: worlds.World) -> None:
    _, page = look()
    other = worlds.browser("anden")
    assert "Prøvesen" not in words(other.get("/klinik/pakker"))
    answer = other.post("/klinik/pakker", fields(page) | {"do": "approve", "plan": plan(world).id}, follow=True)
    assert "Prøvesen" not in words(answer)
    assert plan(world).package_version == OLD


def test_odd_addresses_show_the_first_page(world: worlds.World) -> None:
    client, _ = look()
    for query in ("side=0", "side=-1", "side=99999", "side=x", "pakke=%00", "pakke=kol&side=7", "vis=alt"):
        assert client.get(f"/klinik/pakker?{query}").status_code == 200
