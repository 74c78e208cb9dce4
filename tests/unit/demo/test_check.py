"""The walk through the main job: whole on a real server, and it finds what is wrong when something is."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tovholder import packages
from tovholder.base import days
from tovholder.demo import newcomer
from tovholder.demo.browser import Failed, Form, Page, expect
from tovholder.demo.check import ALL, take
from tovholder.demo.journey import Step
from tovholder.demo.synth.cpr import passes_modulus_11
from tovholder.fhir.validate import validate
from tovholder.plan.clock import ClockEvent

PAGE = """<!doctype html><title>x</title><script>var a = "<form action='/no'>";</script>
<form action="/soeg" method="post"><input type="hidden" name="csrfmiddlewaretoken" value="t1"><input name="q"></form>
<table><thead><tr><th>Navn</th></tr></thead><tbody>
<tr><th><a href="/klinik/patient/a/kol/">Kim  Jensen</a></th><td><a href="/klinik/patient/a/kol/#start">Start</a></td></tr>
<tr><th><a href="/klinik/patient/b/kol/">Bo Hansen</a></th><td>Intet</td></tr></tbody></table>
<section id="niveau"><h2>Niveau</h2><ul><li>Niveau&nbsp;2<br>fordi</li></ul>
<form action="/b/ny-tid"><input type=hidden name=appointment value=1><input type=date name=date></form>
<form action="/b/ny-tid"><input type=hidden name=appointment value=2>
<input type=checkbox name=med value=x checked><input type=checkbox name=med value=y checked><input type=checkbox name=together>
<input type=radio name=level value=1><input type=radio name=level value=2 checked>
<select name=kind><option value="">Vælg</option><option value="k" selected>K</option></select>
<textarea name=note>
to
linjer</textarea><input disabled name=gone value=1><button name=do value=go>Gå</button></form></section>"""


class Whole:
    """An answer, as far as a Page needs one."""

    status, url, text = 200, "http://127.0.0.1:1/klinik/", PAGE


def page() -> Page:
    return Page(Whole())  # type: ignore[arg-type]


def test_a_form_is_sent_as_a_browser_would_send_it():
    form = page().form("/ny-tid", {"appointment": "2"})
    untouched = [
        ("appointment", "2"), ("med", "x"), ("med", "y"), ("level", "2"), ("kind", "k"), ("note", "to\nlinjer"),
    ]  # fmt: skip
    assert form.filled({}) == untouched
    changed = form.filled({"level": "1", "together": "on", "do": "go"})
    assert changed == [pair for pair in untouched if pair[0] != "level"] + [
        ("level", "1"), ("together", "on"), ("do", "go"),
    ]  # fmt: skip


@pytest.mark.parametrize("given", [{"gone": "1"}, {"nowhere": "1"}, {"level": "3"}, {"kind": "x"}, {"med": "z"}])
def test_what_a_form_does_not_offer_cannot_be_sent(given: dict[str, str]):
    with pytest.raises(Failed):
        page().form("/ny-tid", {"appointment": "2"}).filled(given)


def test_a_page_is_read_by_row_part_and_link():
    held = page()
    row = held.row_of("/klinik/patient/a/kol/")
    assert row is not None
    assert row.text == "Kim JensenStart"
    assert row.links == ["/klinik/patient/a/kol/", "/klinik/patient/a/kol/#start"]
    assert held.row_of("/klinik/patient/c/kol/") is None
    assert held.part("niveau").startswith("NiveauNiveau 2fordi")
    assert held.part("nowhere") == ""
    assert "var a" not in held.text
    assert isinstance(held.form("/soeg"), Form)
    with pytest.raises(Failed, match="none on /klinik/"):
        held.link("/csv")
    with pytest.raises(Failed, match="/b/ny-tid, /soeg"):
        held.form("/nej")


def test_a_failed_step_tells_what_was_expected_and_found_and_stops_what_stands_on_it():
    def fine(walk: Any) -> str:
        return "as it should be"

    def wrong(walk: Any) -> str:
        expect(False, "200", 500)
        return ""

    def breaks(walk: Any) -> str:
        raise KeyError("location")

    told: list[str] = []
    steps = (Step("one", fine), Step("two", wrong, needed=False), Step("three", breaks), Step("four", fine))
    assert take(None, steps, told.append) is False  # type: ignore[arg-type]
    assert told == [
        "ok     one: as it should be",
        "FAILED two: expected 200, found 500",
        "FAILED three: expected an answer, found KeyError: 'location'",
        "Stopped: the 1 steps after it stand on it.",
    ]
    told.clear()
    assert take(None, steps[:1], told.append) is True  # type: ignore[arg-type]


TODAYS = [
    (date(2026, 11, 23), ClockEvent.INCLUSION, "2026-12"),
    (date(2027, 1, 26), ClockEvent.INCLUSION, "2027-02"),  # diagnosed on the last day before the law
    (date(2027, 1, 27), ClockEvent.DIAGNOSIS, "2027-01"),  # and on its first
    (date(2027, 12, 31), ClockEvent.DIAGNOSIS, "2028-01"),
    (date(2028, 2, 29), ClockEvent.DIAGNOSIS, "2028-03"),
    (date(2027, 4, 15), ClockEvent.DIAGNOSIS, "2027-04"),  # summer time began in between
]


@pytest.mark.parametrize(("today", "event", "month"), TODAYS, ids=lambda value: str(value))
def test_the_new_patient_fits_any_day(today: date, event: ClockEvent, month: str):
    day, kol = days.day_of(today), packages.get("kol")
    clock = newcomer.clock(kol, day)
    assert clock.event is event
    assert clock.deadline_day is not None
    assert clock.deadline_day >= day  # so that a plan confirmed today is in time
    assert newcomer.deadline_month(kol, day) == month
    bundle = newcomer.bundle("klinik", day)
    met = newcomer.appointment("p", "klinik", datetime.combine(today, datetime.min.time(), days.COPENHAGEN))
    for resource in (*(entry["resource"] for entry in bundle["entry"]), met, newcomer.flag("p")):
        assert validate(resource) == []
    assert days.day_of(days.parse_instant(met["start"])) == day - newcomer.MISSED
    # The flag asks for two weeks, and for a course that had begun by then.
    assert newcomer.RECORDED >= newcomer.STARTED > newcomer.MISSED >= kol.parameters["noshow_days"]
    assert not passes_modulus_11(bundle["entry"][0]["resource"]["identifier"][0]["value"])


# Builds a small demo, walks it; then, with the neighbour let into the clinic, walks again.
SCRIPT = """
import sys
from pathlib import Path
from tovholder.cli import setup
setup.django(migrated=False)
setup.migrate()
from dataclasses import replace
from tovholder.access.people import personas, save_persona
from tovholder.base import days
from tovholder.cli import demo
from tovholder.demo import build
from tovholder.demo.synth import SynthConfig
anchor = days.date_of(days.day_of(setup.now()))
few = dict(list_size=100, package_clinics=2, package_patients_per_clinic=4)
build.build(setup.now(), config=SynthConfig(seed=2027, anchor=anchor, **few))
print(demo.walk(print))
known = {persona.name: persona for persona in personas()}
save_persona(replace(known["nabolaege"], organization_id=known["anna"].organization_id))
print(demo.walk(print))
"""


@pytest.mark.slow
def test_the_whole_walk_and_what_it_finds(tmp_path: Path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TOVHOLDER_")}
    environ |= {"TOVHOLDER_ENV": "demo", "TOVHOLDER_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [
        line for line in done.stdout.splitlines() if line.startswith(("ok ", "FAILED", "True", "False", "Stopped"))
    ]
    first, second = lines[: len(ALL) + 1], lines[len(ALL) + 1 :]
    assert [line for line in first if not line.startswith("ok ")] == ["True"], done.stdout
    assert len(first) == len(ALL) + 1
    found = [line for line in second if not line.startswith("ok ")]
    assert found == [
        "FAILED another clinic's doctor does not: expected 404 for another clinic's doctor, found 200",
        "FAILED patients who changed clinic wait to be taken over: expected 404 for the clinic before, found 200",
        "False",
    ], done.stdout


@pytest.mark.slow
def test_a_server_that_does_not_start_is_a_finding(tmp_path: Path):
    script = "from tovholder.cli import setup\nsetup.django(migrated=False)\nfrom tovholder.cli import demo\n"
    script += "print(demo.walk(print))\n"
    environ = os.environ | {"TOVHOLDER_ENV": "demo", "TOVHOLDER_HOME": str(tmp_path)}
    environ.pop("TOVHOLDER_DATABASE_URL", None)  # the demo's own file, whichever database the other tests use
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    told, result = done.stdout.splitlines()
    assert told.startswith("FAILED the server starts: it ended with code 7: ")
    assert "tovholder migrate" in told
    assert result == "False"
