"""The merged plan through its own door: what it shows, booking for several packages at once, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from lib import two_packages
from lib.world import World as Ids
from tovholder.appointments import actions as appointments
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.cockpit.queries import clinic_list
from tovholder.plan import actions, merge
from tovholder.plan.merge.domain import State, Step
from tovholder.plan.values import Code, Limits
from unit.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[worlds.World, Ids]]:
    with two_packages.installed(tmp_path / "own"):
        made = worlds.make()
        ids = Ids(made.clinic, made.other_clinic, made.doctor, "", system_clock())
        for package in ("sukker", "hjertet"):
            two_packages.start(ids, made.patient, package)
        yield made, ids


def text(response: Any) -> str:
    return str(response.content.decode())


def url(world: worlds.World) -> str:
    return f"/klinik/patient/{world.patient}/samlet-plan"


def control(ids: Ids, patient_id: str) -> Step:
    return next(step for step in merge.merged(ids.gp, patient_id).steps if step.shared == "kontrol")


def sent(step: Step, day: int | None = None, clock: str = "09:30") -> dict[str, Any]:
    wanted = step.day if day is None else day
    assert wanted is not None
    return {"trin": [origin.id for origin in step.origins], "date": days.iso(wanted), "time": clock}


def test_the_page_tells_what_is_saved_and_where_each_step_comes_from(world: tuple[worlds.World, Ids]) -> None:
    made, _ids = world
    shown = text(worlds.browser("laege").get(url(made)))
    for words in ("Samlet plan", "i stedet for", "Book én aftale til det hele", "Sukker", "Hjertet", "HbA1c"):
        assert words in shown
    assert shown.count('class="th-merge-step') == 3
    english = Client()
    english.post("/login/persona", {"persona": "laege"})
    english.post("/sprog/", {"language": "en", "next": "/"})
    assert "Merged plan" in text(english.get(url(made)))


def test_one_booking_serves_both_and_comes_once(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    browser, step = worlds.browser("laege"), control(ids, made.patient)
    answer = browser.post(url(made), sent(step), follow=True)
    assert "for alle pakkerne på én gang" in text(answer)
    booked = control(ids, made.patient)
    assert (booked.state, len(booked.origins)) == (State.BOOKED, 2)
    for package in ("sukker", "hjertet"):
        shown = text(browser.get(f"/klinik/patient/{made.patient}/{package}/"))
        assert "09:30" in shown or "9.30" in shown
    mine = text(worlds.browser("patient").get("/minplan/"))
    assert mine.count("th-appointment th-appointment-booked") <= 1
    again = browser.post(url(made), sent(step))  # the second of two windows
    assert again.status_code == 409
    assert "En anden har lige booket" in text(again)
    assert len({row["appointment_id"] for row in ids.rows("appointment", made.patient)}) == 1


def test_a_new_time_after_a_missed_one_is_for_both_again(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    browser, step = worlds.browser("laege"), control(ids, made.patient)
    browser.post(url(made), sent(step))
    [appointment] = {row["appointment_id"] for row in ids.rows("appointment", made.patient)}
    course = f"/klinik/patient/{made.patient}/sukker/"
    cancelled = {"appointment": appointment, "by": "patient", "reason": "illness", "text": ""}
    assert browser.post(f"{course}aftale/aflys", cancelled).status_code == 302
    new = {"appointment": appointment, "date": days.iso((step.day or 0) + 1), "time": "10:00"}
    assert browser.post(f"{course}aftale/ny-tid", new).status_code == 302
    booked = control(ids, made.patient)
    assert (booked.state, len(booked.origins), booked.day) == (State.BOOKED, 2, (step.day or 0) + 1)


def test_what_is_missing_or_outside_the_windows_is_told_at_the_form(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    browser, step = worlds.browser("laege"), control(ids, made.patient)
    empty = browser.post(url(made), sent(step) | {"time": ""})
    assert empty.status_code == 422
    assert "Skriv klokkeslættet." in text(empty)
    assert f'value="{days.iso(step.day or 0)}"' in text(empty)
    early = browser.post(url(made), sent(step, day=(step.first_day or 0) - 3))
    assert early.status_code == 422 or early.status_code == 409
    assert "uden for det, en af pakkerne tillader" in text(early)
    for wrong in ([], ["../../etc"], ["x" * 5000], [step.origins[0].id, "nobody"]):
        answer = browser.post(url(made), sent(step) | {"trin": wrong})
        assert answer.status_code in (404, 409, 422)
    assert ids.rows("appointment", made.patient) == []


def test_another_clinics_patient_is_not_there(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    step = control(ids, made.patient)
    other = worlds.browser("anden")
    assert other.get(url(made)).status_code == 404
    assert other.post(url(made), sent(step)).status_code == 404
    assert worlds.browser("patient").get(url(made)).status_code in (403, 404)


def test_limits_that_differ_stand_on_top_with_where_they_come_from(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    measure = Code("urn:oid:1.2.208.176.2.1", "NPU27300", "HbA1c")
    rows = {str(row["package"]): str(row["episode_id"]) for row in ids.rows("episode", made.patient)}
    for package, low, high in (("sukker", None, 48_000), ("hjertet", 50_000, None)):
        actions.add_goal(
            ids.gp,
            patient_id=made.patient,
            episode_id=rows[package],
            text=f"Blodsukker efter {package}",
            limits=Limits(measure=measure, at_least_milli=low, at_most_milli=high, unit="mmol/mol"),
        )
    shown = text(worlds.browser("laege").get(url(made)))
    assert "Målene kan ikke nås på samme tid" in shown
    assert "højst 48 mmol/mol" in shown
    assert "mindst 50 mmol/mol" in shown
    assert shown.index("Målene kan ikke nås") < shown.index("i stedet for")


def test_a_patient_without_a_plan_is_told_where_plans_are_made(tmp_path: Path) -> None:
    made = worlds.make()
    shown = text(worlds.browser("laege").get(url(made)))
    assert "Ingen af patientens pakker har en bekræftet plan endnu" in shown


def test_what_was_typed_comes_back_after_the_session(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    step = control(ids, made.patient)
    answer = Client().post(url(made), sent(step))
    assert answer.status_code == 302
    assert ids.rows("appointment", made.patient) == []


def test_the_clinics_list_counts_a_joint_visit_once_for_each_package(world: tuple[worlds.World, Ids]) -> None:
    made, ids = world
    step = control(ids, made.patient)
    worlds.browser("laege").post(url(made), sent(step))
    rows = {row.package: row for row in clinic_list(ids.gp) if row.patient_id == made.patient}
    assert {rows[package].next_control_day for package in ("sukker", "hjertet")} == {step.day}
    later = ids.later((step.day or 0) - ids.today)
    [appointment] = {str(row["appointment_id"]) for row in ids.rows("appointment", made.patient)}
    appointments.mark_noshow(later.gp, patient_id=made.patient, appointment_id=appointment)
    rows = {row.package: row for row in clinic_list(later.gp) if row.patient_id == made.patient}
    assert [rows[package].noshows_12m for package in ("sukker", "hjertet")] == [1, 1]
