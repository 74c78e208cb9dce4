"""Fills an empty database with people to invite, and prints the ids as JSON. Run in its own process."""

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


def main() -> dict[str, str]:
    """Make the world."""
    call_command("migrate", verbosity=0)
    now = system_clock()
    with store.unit_of_work(system(now)) as uow:
        home = uow.create(clinic("Lægerne Prøvestræde")).id
        doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Prøvelæge", "given": ["Mette"]}]}).id
        people_ = []
        for family, phone in (("Flersygesen", "00 12 34 56"), ("Enkeltsen", "00 65 43 21"), ("Udenfonsen", "")):
            made = patient(home, family=family)
            made["address"] = [{"line": ["Prøvegade 1"], "postalCode": "0999", "city": "Prøveby"}]
            if phone:
                made["telecom"] = [{"system": "phone", "value": phone, "use": "mobile"}]
            people_.append(uow.create(made).id)
        person = people_[0]
    world = World(home, "", doctor, "", now)
    for one, package in ((0, "sukker"), (0, "hjertet"), (1, "sukker"), (2, "hjertet")):
        two_packages.start(world, people_[one], package)
    for persona in (
        Persona("laege", "Mette Prøvelæge", "Læge i Lægerne Prøvestræde", Role.GP, home, doctor, ""),
        Persona("patient", "Prøve Flersygesen", "Patient med to pakker", Role.CITIZEN, "", "", person),
    ):
        people.save_persona(persona)
    return {"patient": person}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()).decode() + "\n")
