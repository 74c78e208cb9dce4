"""Bulk loads: what may be only one is refused by the unique index, told in the same words, and the first stays."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.world import World
from tovholder import store
from tovholder.base import json
from tovholder.plan import actions, resources
from tovholder.store import bulk

Json = dict[str, Any]


def load(w: World, found: Iterable[Json]) -> bulk.Report:
    return bulk.load(
        w.system, [bulk.Item(f"line {n}", item, (), json.dumps(item)) for n, item in enumerate(found, start=1)]
    )


def started(w: World) -> Json:
    """A started course as stored, with its patient."""
    patient_id = w.patient()
    w.diagnose(patient_id)
    episode_id = str(w.rows("episode", patient_id)[0]["episode_id"])
    actions.start_episode(w.gp, patient_id=patient_id, episode_id=episode_id)
    return dict(store.read(w.system, "EpisodeOfCare", episode_id).resource)


def again(resource: Json, rid: str) -> Json:
    return copy.deepcopy({key: value for key, value in resource.items() if key != "meta"}) | {"id": rid}


def test_a_second_open_course_is_set_aside_and_the_rest_goes_in(w: World) -> None:
    held = started(w)
    report = load(w, [again(held, "another"), {"resourceType": "Patient", "id": "fine"}])
    assert report.stored == 1
    (reject,) = report.rejects
    assert reject.source == "line 1"
    assert (reject.issues[0].path, reject.issues[0].code) == ("EpisodeOfCare", "duplicate")
    assert reject.issues[0].expected == "one open course per patient and package"
    rows = w.rows("episode", resources.read_episode(held).patient_id)
    assert [row["episode_id"] for row in rows] == [held["id"]]


def test_two_open_courses_in_one_load_leave_one(w: World) -> None:
    held = started(w)
    patient_id = w.patient()
    moved = [again(held, rid) | {"patient": {"reference": f"Patient/{patient_id}"}} for rid in ("one", "two")]
    report = load(w, moved)
    assert (report.stored, [item.source for item in report.rejects]) == (1, ["line 2"])
    assert [row["episode_id"] for row in w.rows("episode", patient_id)] == ["one"]


def test_a_second_valid_plan_is_set_aside_also_beside_one_on_hold(w: World) -> None:
    held = started(w)
    who = {"patient_id": resources.read_episode(held).patient_id, "episode_id": str(held["id"])}
    plan = actions.make_plan(w.gp, **who)
    stored = store.read(w.system, "CarePlan", str(plan.id)).resource
    for status in ("draft", "on-hold"):
        report = load(w, [again(stored, f"another-{status}") | {"status": status}])
        (reject,) = report.rejects
        assert (reject.issues[0].path, reject.issues[0].code) == ("CarePlan", "duplicate")
    assert [row["plan_id"] for row in w.rows("plan", who["patient_id"])] == [plan.id]


def test_a_plan_for_a_course_that_is_not_started_is_set_aside_in_a_load_too(w: World) -> None:
    patient_id = w.patient()
    w.diagnose(patient_id)
    held = started(w)
    plan = actions.make_plan(w.gp, patient_id=resources.read_episode(held).patient_id, episode_id=str(held["id"]))
    stored = store.read(w.system, "CarePlan", str(plan.id)).resource
    told = json.dumps(again(stored, "early")).replace(
        str(held["id"]).encode(), str(w.rows("episode", patient_id)[0]["episode_id"]).encode()
    )
    early = json.loads(told) | {"subject": {"reference": f"Patient/{patient_id}"}}
    (reject,) = load(w, [early]).rejects
    assert reject.issues[0].path == "CarePlan.extension('workflow-episodeOfCare')"
    assert "eligible" in reject.issues[0].message
    assert w.rows("plan", patient_id) == []


def test_courses_and_their_plans_load_without_asking_for_each(w: World) -> None:
    held = started(w)
    plan = actions.make_plan(w.gp, patient_id=resources.read_episode(held).patient_id, episode_id=str(held["id"]))
    course, stored = json.dumps(held), json.dumps(store.read(w.system, "CarePlan", str(plan.id)).resource)
    patients = [w.patient() for _ in range(20)]
    found: list[Json] = []
    for number, patient_id in enumerate(patients):
        for raw, rid in ((course, f"e{number}"), (stored, f"p{number}")):
            raw = raw.replace(resources.read_episode(held).patient_id.encode(), patient_id.encode())
            found.append(again(json.loads(raw.replace(str(held["id"]).encode(), f"e{number}".encode())), rid))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        report = load(w, found)
    assert (report.stored, report.rejects) == (40, [])
    assert len(asked) < 40
