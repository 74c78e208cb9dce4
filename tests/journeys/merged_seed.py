"""Fills an empty database with a patient who has two packages, and prints the ids as JSON. Run in its own process."""

from __future__ import annotations

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from lib import two_packages  # noqa: E402
from lib.people import clinic, patient, system  # noqa: E402
from lib.world import World  # noqa: E402
from tovholder import store  # noqa: E402
from tovholder.access import Role, people  # noqa: E402
from tovholder.access.people import Persona  # noqa: E402
from tovholder.base import json  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.plan import actions  # noqa: E402
from tovholder.plan.values import Code, Limits  # noqa: E402


def main() -> dict[str, str]:
    """Make the world."""
    call_command("migrate", verbosity=0)
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        home = uow.create(clinic("Lægerne Prøvestræde")).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Prøvelæge", "given": ["Mette"]}]}).id
        person = uow.create(patient(home, family="Flersygesen")).id
    world = World(home, "", doctor, "", now)
    limits = {"sukker": (None, 48_000), "hjertet": (50_000, None)}
    for package, (low, high) in limits.items():
        episode_id = two_packages.start(world, person, package)
        measure = Code("urn:oid:1.2.208.176.2.1", "NPU27300", "HbA1c")
        actions.add_goal(
            world.gp,
            patient_id=person,
            episode_id=episode_id,
            text="Et passende blodsukker",
            limits=Limits(measure=measure, at_least_milli=low, at_most_milli=high, unit="mmol/mol"),
        )
    for persona in (
        Persona("laege", "Mette Prøvelæge", "Læge i Lægerne Prøvestræde", Role.GP, home, doctor, ""),
        Persona("patient", "Prøve Flersygesen", "Patient med to pakker", Role.CITIZEN, "", "", person),
    ):
        people.save_persona(persona)
    return {"patient": person}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()).decode() + "\n")
