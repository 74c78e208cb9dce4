"""Facts under pseudonyms as files: for the analyst with that right alone, whole, nameless, and in the trail."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client

from lib import people
from tovholder import store
from tovholder.access import generation
from tovholder.access.models import Assignment
from tovholder.base.clock import system_clock
from tovholder.monitoring import extracts

from . import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    made = worlds.make()
    with store.unit_of_work(people.system(system_clock())) as uow:
        uow.create(
            people.condition(uow.create(people.patient(made.clinic, family="Andersen")).id, recorded="2026-01-20")
        )
    return made


@pytest.fixture
def analyst(world: worlds.World) -> Client:
    browser = worlds.browser("analytiker")
    Assignment.objects.filter(user__username="analytiker").update(rights="pseudonymised-facts")
    generation.bump()
    return browser


def rows(browser: Client, query: str) -> list[dict[str, str]]:
    answer = browser.get(f"/monitorering/fakta.csv?{query}")
    assert answer.status_code == 200, answer.content.decode()
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))


def test_every_table_on_the_page_can_be_fetched_and_names_nobody(world: worlds.World, analyst: Client) -> None:
    page = analyst.get("/monitorering/fakta").content.decode()
    offered = page.partition('name="tabel"')[2].partition("</select>")[0].split('option value="')[1:]
    names = [one.partition('"')[0] for one in offered]
    assert {"patient", "diagnosis", "episode", "measurement", "organization"} <= set(names)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rid FROM store_resource WHERE patient_id IS NOT NULL OR type = 'Patient'")
        ids = {rid for (rid,) in cursor.fetchall()}
    assert len(ids) >= 4
    for name in names:
        answer = analyst.get(f"/monitorering/fakta.csv?tabel={name}")
        text = answer.content.decode("utf-8-sig")
        assert answer.status_code == 200 and text.splitlines()[0].split(";"), name
        assert not [one for one in ids if one in text], name
    people_of = {row["patient_id"] for row in rows(analyst, "tabel=patient")}
    assert len(people_of) == 2
    assert {row["patient_id"] for row in rows(analyst, "tabel=diagnosis")} == people_of  # they can be laid together


def test_a_period_keeps_to_its_days(world: worlds.World, analyst: Client) -> None:
    found = rows(analyst, "tabel=diagnosis&fra=2026-01-20&til=2026-01-20")
    assert [row["recorded_day"] for row in found] == ["2026-01-20"]
    assert rows(analyst, "tabel=patient&fra=1900-01-01") and not rows(analyst, "tabel=patient&til=1900-01-01")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "Vælg, hvad du vil hente."),
        ("tabel=access_user", "Vælg, hvad du vil hente."),
        ("tabel=patient%20AS%20p", "Vælg, hvad du vil hente."),
        ("tabel=patient&fra=i%20g%C3%A5r", "Skriv datoen som"),
        ("tabel=patient&til=2026-02-30", "Skriv datoen som"),
        ("tabel=organization&fra=2026-01-01", "har ingen dato"),
    ],
)
def test_what_cannot_be_given_is_told(world: worlds.World, analyst: Client, query: str, told: str) -> None:
    answer = analyst.get(f"/monitorering/fakta.csv?{query}")
    assert answer.status_code == 422 and told in answer.content.decode()


def test_more_than_a_file_takes_is_refused(
    world: worlds.World, analyst: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracts, "MOST", 1)
    answer = analyst.get("/monitorering/fakta.csv?tabel=patient")
    assert answer.status_code == 422 and "kortere periode" in answer.content.decode()


def test_without_the_right_nothing_is_given_and_the_trail_says_who_fetched(world: worlds.World) -> None:
    plain = worlds.browser("analytiker")
    assert "fakta" not in plain.get("/monitorering/").content.decode()
    for browser in (plain, worlds.browser("laege"), worlds.browser("patient"), worlds.browser("hospital")):
        for path in ("/monitorering/fakta", "/monitorering/fakta.csv?tabel=patient"):
            assert browser.get(path).status_code == 403
    Assignment.objects.filter(user__username="analytiker").update(rights="pseudonymised-facts")
    generation.bump()
    assert "/monitorering/fakta" in plain.get("/monitorering/").content.decode()
    assert plain.get("/monitorering/fakta.csv?tabel=patient").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM access_auditevent WHERE action = 'export'")
        assert cursor.fetchall() == [("facts/patient: 2 rows under pseudonyms",)]
    Assignment.objects.filter(user__username="analytiker").update(rights="")
    generation.bump()
    assert plain.get("/monitorering/fakta.csv?tabel=patient").status_code == 403
