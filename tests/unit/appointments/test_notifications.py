"""Hospital notifications over the API: one stay however often it is told of, in any order; its end plans the check-up."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from journeys.seed import followed
from lib import smart
from lib.api import Caller
from lib.people import context, system
from lib.prober import Bearer
from tovholder import store
from tovholder.access import Role
from tovholder.base import days
from tovholder.base.clock import system_clock
from tovholder.plan import queries
from unit.web import world as worlds
from unit.web.world import World

pytestmark = pytest.mark.django_db
STAY = {"system": "https://sor2.sum.dsdn.dk/#id=1", "value": "urn:uuid:7a1c"}


@pytest.fixture
def world() -> World:
    made = worlds.make()
    followed(context(Role.GP, made.clinic, now=system_clock(), actor=f"Practitioner/{made.doctor}"), made.patient)
    return made


@pytest.fixture
def hospital() -> Caller:
    return Caller(Role.SYSTEM, "", "", name="hospital system")


def at(ago: timedelta) -> str:
    return (system_clock() - ago).astimezone(days.COPENHAGEN).replace(microsecond=0).isoformat()


def message(
    status: str, *, told: timedelta, start: timedelta, end: timedelta | None = None, kind: str = "IMP", **more: Any
) -> dict[str, Any]:
    """A notification as MedCom writes it; each has ids of its own, the stay alone keeps its identifier."""
    mark = f"{status}-{told.total_seconds():.0f}"
    period = {"start": at(start), **({"end": at(end)} if end is not None else {})}
    entries: list[dict[str, Any]] = [
        {
            "resourceType": "MessageHeader", "id": f"mh-{mark}", "source": {"endpoint": "urn:test"},
            "eventCoding": {"system": "urn:medcom", "code": "hospital-notification-message"},
            "focus": [{"reference": f"Encounter/e-{mark}"}],
        },
        {
            "resourceType": "Patient", "id": f"p-{mark}",
            "identifier": [{"system": "urn:oid:1.2.208.176.1.2", "value": "6105600000"}],
        },
        {
            "resourceType": "Encounter", "id": f"e-{mark}", "status": status, "class": {"code": kind},
            "subject": {"reference": f"Patient/p-{mark}"}, "episodeOfCare": [{"identifier": STAY}], "period": period,
            "serviceProvider": {"reference": f"Organization/o-{mark}"},
        },
        {
            "resourceType": "Organization", "id": f"o-{mark}", "name": "Lungemedicinsk Afdeling",
            "identifier": [{"system": "urn:oid:1.2.208.176.1.1", "value": "123"}],
        },
    ]  # fmt: skip
    body = {"resourceType": "Bundle", "type": "message", "timestamp": at(told)}
    return {**body, "entry": [{"resource": one} for one in entries]} | more


ADMITTED = message("in-progress", told=timedelta(days=6), start=timedelta(days=6))
AWAY = message("onleave", told=timedelta(days=4), start=timedelta(days=6))
BACK = message("in-progress", told=timedelta(days=3), start=timedelta(days=6))
HOME = message("finished", told=timedelta(days=1), start=timedelta(days=6), end=timedelta(days=1))
NEVER = message("entered-in-error", told=timedelta(hours=2), start=timedelta(days=6))


def sends(hospital: Caller, body: Any) -> Any:
    return hospital.send("POST", "/$process-message", body)


def found(world: World, kind: str) -> list[dict[str, Any]]:
    entries = store.search_all(system(system_clock()), kind, [("patient", f"Patient/{world.patient}")])
    return [entry.resource for entry in entries]


def checkups(world: World) -> list[dict[str, Any]]:
    return [item for item in found(world, "ServiceRequest") if item.get("supportingInfo")]


def test_a_stay_is_one_encounter_from_admission_to_discharge(world: World, hospital: Caller) -> None:
    for body, words in ((ADMITTED, "taken in"), (AWAY, "as the message tells it"), (BACK, "as"), (HOME, "as")):
        answer = sends(hospital, body)
        assert answer.status_code == 200
        assert words in answer.json()["issue"][0]["details"]["text"]
    (stay,) = found(world, "Encounter")
    assert (stay["status"], stay["class"]["code"], bool(stay["period"]["end"])) == ("finished", "IMP", True)
    assert stay["identifier"] == [{"system": STAY["system"], "value": "7a1c"}]
    assert stay["serviceProvider"]["display"] == "Lungemedicinsk Afdeling"


def test_its_end_plans_the_check_up_once_and_asks_for_a_new_assessment(world: World, hospital: Caller) -> None:
    sends(hospital, ADMITTED)
    assert checkups(world) == []
    told = sends(hospital, HOME).json()["issue"]
    assert [one["details"]["text"] for one in told][1:] == ["planned after the stay"]
    (step,) = checkups(world)
    assert step["status"] == "active"
    due = datetime.fromisoformat(step["occurrencePeriod"]["end"]).date() if "occurrencePeriod" in step else None
    gp = context(Role.GP, world.clinic, now=system_clock(), actor=f"Practitioner/{world.doctor}")
    view = queries.episode_view(gp, world.patient, "kol")
    planned = next(item for item in view.activities if item.id == step["id"])
    assert (planned.title, planned.step) == ("Kontrol efter indlæggelse", "efter-indlaeggelse")
    assert planned.due_day is not None and 20 <= planned.due_day - days.day_of(system_clock()) <= 35
    assert due is None or due > system_clock().date()
    assert view.plan is not None and planned.id in view.plan.activity_ids
    assert "Kontrol efter indlæggelse" in worlds.browser("patient").get("/minplan/").content.decode()
    assert sends(hospital, HOME).json()["issue"][0]["details"]["text"].startswith("nothing was changed")
    assert len(checkups(world)) == 1


def test_a_stay_that_never_was_takes_its_check_up_back(world: World, hospital: Caller) -> None:
    for body in (ADMITTED, HOME, NEVER):
        sends(hospital, body)
    assert [item["status"] for item in checkups(world)] == ["revoked"]
    (stay,) = found(world, "Encounter")
    assert stay["status"] == "entered-in-error"


@pytest.mark.parametrize("seed", range(6))
def test_repeated_and_reordered_the_end_is_the_same(world: World, hospital: Caller, seed: int) -> None:
    feed = [ADMITTED, AWAY, BACK, HOME, ADMITTED, HOME]
    random.Random(seed).shuffle(feed)
    for body in feed:
        assert sends(hospital, body).status_code == 200
    (stay,) = found(world, "Encounter")
    assert stay["status"] == "finished"
    assert [item["status"] for item in checkups(world)] == ["active"]


def test_an_emergency_visit_is_told_too(world: World, hospital: Caller) -> None:
    sends(hospital, message("in-progress", told=timedelta(hours=5), start=timedelta(hours=5), kind="EMER"))
    (stay,) = found(world, "Encounter")
    assert (stay["class"]["code"], stay["status"]) == ("EMER", "in-progress")


def _system(scope: str) -> Bearer:
    key, jwks = smart.keys()
    made = smart.backend(jwks, scopes=scope)
    proved = smart.proved(made, key)
    told = smart.ask("/smart/token", grant_type="client_credentials", scope=scope, **proved).json()
    return Bearer(told["access_token"])


def test_a_registered_system_needs_no_more_than_the_handbook_says(world: World) -> None:
    hospital = _system("system/Encounter.cru system/Patient.rs")
    for body in (ADMITTED, HOME, NEVER):
        assert hospital.send("POST", "/$process-message", body).status_code == 200
    assert [item["status"] for item in checkups(world)] == ["revoked"]
    nobody = _system("system/Patient.rs")
    assert nobody.send("POST", "/$process-message", ADMITTED).status_code in (403, 404)


class TestBadMessages:
    def test_somebody_who_is_not_here(self, world: World, hospital: Caller) -> None:
        body = message("in-progress", told=timedelta(days=6), start=timedelta(days=6))
        body["entry"][1]["resource"]["identifier"][0]["value"] = "0101010000"
        answer = sends(hospital, body)
        assert answer.status_code == 404
        assert "0101010000" not in answer.content.decode()

    @pytest.mark.parametrize(
        ("path", "change"),
        [
            ("Patient.identifier", lambda e: e[1]["resource"].pop("identifier")),
            ("Encounter.episodeOfCare.identifier", lambda e: e[2]["resource"].pop("episodeOfCare")),
            ("Encounter.status", lambda e: e[2]["resource"].update(status="planned")),
            ("Encounter.class", lambda e: e[2]["resource"].update({"class": {"code": "VR"}})),
            ("Encounter.period", lambda e: e[2]["resource"].update(period={"start": "i går"})),
            ("MessageHeader.focus", lambda e: e[0]["resource"].update(focus=[])),
        ],
    )
    def test_each_fault_is_told_at_its_path(self, world: World, hospital: Caller, path: str, change: Any) -> None:
        body = message("in-progress", told=timedelta(days=6), start=timedelta(days=6))
        change(body["entry"])
        answer = sends(hospital, body)
        assert answer.status_code in (400, 422)
        assert path in answer.content.decode()
        assert found(world, "Encounter") == []

    @pytest.mark.parametrize(
        "body",
        [
            {"resourceType": "Bundle", "type": "collection"},
            {"resourceType": "Bundle", "type": "message", "entry": []},
            {"resourceType": "Patient"},
            {"resourceType": "Parameters", "parameter": []},
        ],
    )
    def test_what_is_no_notification(self, world: World, hospital: Caller, body: dict[str, Any]) -> None:
        assert 400 <= sends(hospital, body).status_code < 502

    def test_a_person_sends_none(self, world: World) -> None:
        nurse = Caller(Role.HOSPITAL, world.clinic, "", name="nurse")
        assert sends(nurse, ADMITTED).status_code == 403
