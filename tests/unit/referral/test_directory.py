"""Who can be referred to: the nearest that offers it first, what is not known last, and nobody who has closed."""

from __future__ import annotations

from typing import Any

import pytest

from lib.people import clinic
from lib.world import World
from tovholder import packages, store
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.referral import directory, places
from tovholder.referral.directory import Wish
from tovholder.referral.places import Point

RANDERS, BORNHOLM, AALBORG = "0730", "0400", "0851"


def put(w: World, name: str, code: str | None, **more: Any) -> str:
    region = {"url": systems.extension_url("region"), "valueCode": "DK-82"}
    extension = [region, *([{"url": systems.extension_url("municipality"), "valueCode": code}] if code else [])]
    with store.unit_of_work(w.system) as uow:
        return uow.create(clinic(name, kind=more.pop("kind", "physio")) | {"extension": extension, **more}).id


def service(w: World, owner: str, *, waiting: int | None = None, told: int | None = None, code: str = "") -> None:
    made: dict[str, Any] = {"resourceType": "HealthcareService", "providedBy": {"reference": f"Organization/{owner}"}}
    if code:
        made["type"] = [{"coding": [{"system": systems.SERVICE_SYSTEM, "code": code}]}]
    extension = []
    if waiting is not None:
        extension.append({"url": systems.extension_url("waiting-days"), "valueInteger": waiting})
    if told is not None:
        extension.append({"url": systems.extension_url("waiting-told"), "valueDate": days.iso(told)})
    with store.unit_of_work(w.system) as uow:
        uow.create(made | ({"extension": extension} if extension else {}))


def names(w: World, **wish: Any) -> list[str]:
    asked = Wish(kinds=("physio",), **wish)
    return [one.name for one in directory.find(w.gp, asked).receivers]


@pytest.fixture
def three(w: World) -> dict[str, str]:
    held = {
        "near": put(w, "Nær", RANDERS), "far": put(w, "Fjern", BORNHOLM), "nowhere": put(w, "A ukendt sted", None),
    }  # fmt: skip
    put(w, "Lukket", RANDERS, active=False)
    put(w, "Sygehus", RANDERS, kind="hospital")
    return held


def test_nearest_first_and_an_unknown_place_last(w: World, three: dict[str, str]) -> None:
    here = places.of_municipality(RANDERS)
    assert names(w, near=here) == ["Nær", "Fjern", "A ukendt sted"]
    assert names(w) == ["A ukendt sted", "Fjern", "Nær"]  # nobody knows where from: by name
    assert names(w, near=here, text="fjer") == ["Fjern"]
    assert names(w, near=here, municipality=BORNHOLM) == ["Fjern"]
    assert names(w, near=here, text="ingen hedder det") == []
    found = directory.find(w.gp, Wish(kinds=("physio",), near=here), limit=1)
    assert (len(found.receivers), found.fitting, found.of_kind) == (1, 3, 3)


def test_waiting_times_have_an_age_and_unknown_is_not_short(w: World, three: dict[str, str]) -> None:
    service(w, three["far"], waiting=3, told=w.today - 40)
    service(w, three["near"], waiting=20, told=w.today - 1)
    held = {one.name: one for one in directory.find(w.gp, Wish(kinds=("physio",), order="wait")).receivers}
    assert list(held) == ["Fjern", "Nær", "A ukendt sted"]
    assert (held["Fjern"].waiting_days, held["Fjern"].waiting_told) == (3, w.today - 40)
    assert held["A ukendt sted"].waiting_days is None


@pytest.mark.parametrize("waiting", [-1, None])
def test_a_waiting_time_that_cannot_be_is_none(w: World, three: dict[str, str], waiting: int | None) -> None:
    service(w, three["near"], waiting=waiting, told=w.today + 3)
    assert (
        next(one for one in directory.find(w.gp, Wish(kinds=("physio",))).receivers if one.name == "Nær").waiting_days
        is None
    )


def test_who_offers_it_comes_before_who_does_not(w: World, three: dict[str, str]) -> None:
    kind = packages.get("kol").referral("fysioterapi")
    service(w, three["far"], code=kind.id)
    service(w, three["near"], code="noget-andet")
    here = places.of_municipality(RANDERS)
    assert names(w, near=here, service=kind) == ["Fjern", "A ukendt sted", "Nær"]


def test_a_position_of_its_own_makes_the_distance_exact(w: World, three: dict[str, str]) -> None:
    with store.unit_of_work(w.system) as uow:
        uow.create(
            {
                "resourceType": "Location",
                "managingOrganization": {"reference": f"Organization/{three['near']}"},
                "position": {"latitude": 56.50, "longitude": 10.04},
            }
        )
    here = Point(56.46, 10.04)
    one = directory.one(w.gp, three["near"], Wish(kinds=("physio",), near=here))
    assert one is not None and one.distance is not None and not one.distance.rough
    assert 4 < one.distance.km < 5
    assert directory.one(w.gp, three["near"], Wish(kinds=("hospital",))) is None
    assert directory.one(w.gp, "findes-ikke", Wish(kinds=("physio",))) is None


def test_distances_between_towns_are_about_right() -> None:
    there = places.distance(places.of_municipality(RANDERS), places.of_municipality(AALBORG))
    assert there is not None and there.rough and 60 < there.km < 75
    assert places.distance(None, places.of_municipality(RANDERS)) is None
    assert places.of_municipality("9999") is None and places.name_of("9999") == "9999"
    assert len(places.names()) == 98
    assert places.position({"position": {"latitude": 100, "longitude": 10}}) is None
