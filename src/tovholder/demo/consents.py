"""Owns what the demo's patients have agreed on: blocks, powers of attorney, and what others opened or stated to see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tovholder import store
from tovholder.access import Context, Role, emergencies, evidence
from tovholder.access.people import RELATIVE, Persona
from tovholder.access.persons import person_of
from tovholder.base import days
from tovholder.demo.personas import Story
from tovholder.demo.scene import Scene
from tovholder.demo.synth.cpr import reserved
from tovholder.demo.synth.organisations import Clinic, Place
from tovholder.fhir import systems
from tovholder.store import consents, opening

RELATIVE_NAME = "Lone Poulsen"
NUMBER = 90  # her place in the series of numbers kept for the demo's own people


def tell(clinics: Sequence[Clinic], scenes: Mapping[Story, Scene]) -> None:
    """Each patient's own wishes, and what came of them."""
    _shared(scenes[Story.TOGETHER])
    _opened(scenes[Story.STEADY])
    _let_in(scenes[Story.BACK_AWAY])
    _unconfirmed(scenes[Story.DECLINED], clinics[-1])


def _shared(scene: Scene) -> None:
    """Keeps the psychological to himself and his own clinic, lets his daughter see the plan; the hospital had to look."""
    hospital, physio = scene.clinic.hospital, scene.clinic.physio
    _agree(scene, 140, lambda ctx: _block(ctx, scene, hospital, kind="mental-health"))
    _agree(scene, 140, lambda ctx: _block(ctx, scene, physio, data_until="2015-12-31"))
    daughter = _daughter(scene)
    _agree(
        scene,
        120,
        lambda ctx: consents.power_resource(
            ctx, scene.patient_id, related=daughter, display=RELATIVE_NAME, areas=("plan", "record")
        ),
    )
    emergencies.open_glass(
        scene.hospital(12, 3),
        scene.patient_id,
        reason="danger",
        text="Indbragt akut med åndenød og kan ikke svare. Vi må vide, hvilken medicin han får.",
    )


def _opened(scene: Scene) -> None:
    """Goes to a physiotherapist without a referral, who stated it and is to be checked; has let nobody else in."""
    evidence.state(
        scene.physio(5), scene.patient_id, reason="contact", text="Har selv bestilt tid for sin ryg, kommer i dag."
    )


def _let_in(scene: Scene) -> None:
    """Has found a chiropractor without a referral and let the place see the plan."""
    place = scene.clinic.practices["chiropractor"]
    until = days.iso(scene.day(0) + 90)
    _agree(
        scene,
        4,
        lambda ctx: consents.open_resource(
            ctx, scene.patient_id, organization=place.id, display=place.name, until=until
        ),
    )


def _unconfirmed(scene: Scene, clinic: Clinic) -> None:
    """Another clinic stated that he was there; nothing shows it, so it was closed and he was told."""
    ctx = replace(
        scene.doctor(21), actor=clinic.place.worker("gp").reference, organization=clinic.place.id, role=Role.GP
    )
    evidence.state(ctx, scene.patient_id, reason="visit", text="")
    opening.check_stated(scene.at(2, 4))


def _agree(scene: Scene, ago: int, made: Callable[[Context], dict[str, Any]]) -> None:
    ctx = scene.citizen(ago)
    with store.unit_of_work(ctx) as uow:
        uow.create(made(ctx))


def _block(ctx: Context, scene: Scene, place: Place, **aim: str) -> dict[str, Any]:
    return consents.block_resource(ctx, scene.patient_id, actor=f"Organization/{place.id}", display=place.name, **aim)


def relative(now: datetime) -> Persona:
    """The daughter as somebody one can be: known by her CPR number alone, as a login provider would tell it."""
    return Persona("lone", RELATIVE_NAME, RELATIVE, Role.REPRESENTATIVE, "", "", "", person_of(_cpr(now)))


def _born(now: datetime) -> date:
    return date(days.date_of(days.day_of(now)).year - 51, 5, 12)


def _cpr(now: datetime) -> str:
    return reserved(_born(now), True, NUMBER)


def _daughter(scene: Scene) -> str:
    person = {
        "resourceType": "RelatedPerson",
        "active": True,
        "identifier": [{"system": systems.CPR, "value": _cpr(scene.now)}],
        "patient": {"reference": f"Patient/{scene.patient_id}"},
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "DAUC"}]}],
        "name": [{"use": "official", "family": "Poulsen", "given": ["Lone"]}],
        "gender": "female",
        "birthDate": _born(scene.now).isoformat(),
    }
    with store.unit_of_work(scene.system(130)) as uow:
        return uow.create(person).id
