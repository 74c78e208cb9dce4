"""The journeys' beginning, and patients for the measured tasks and a day's work: run in its own process, prints JSON."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from journeys import seed  # noqa: E402
from journeys.patient_seed import _planned  # noqa: E402
from lib.people import condition, context, patient, system  # noqa: E402
from tovholder import store  # noqa: E402
from tovholder.access import Role, people  # noqa: E402
from tovholder.access.people import Persona  # noqa: E402
from tovholder.appointments import actions as appointments  # noqa: E402
from tovholder.base import days, json  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.cockpit import flags  # noqa: E402

KIND = "http://tovholder.dk/fhir/CodeSystem/organization-kind"


def main() -> dict[str, Any]:
    """One patient for each task, each with a name of its own, and a nurse who works from the list."""
    world = seed.main()
    clinic, now = world["clinic"], system_clock()
    recorded = (now - timedelta(days=20)).astimezone(days.COPENHAGEN).date().isoformat()
    made: dict[str, str] = {}
    with store.unit_of_work(system(now)) as uow:
        nurse = uow.create({"resourceType": "Practitioner", "name": [{"family": "Målesen", "given": ["Nina"]}]}).id
        uow.create(
            {
                "resourceType": "Organization", "active": True, "name": "Sundhedscenter Måleby",
                "type": [{"coding": [{"system": KIND, "code": "prevention"}]}],
                "address": [{"line": ["Prøvevej 2"], "postalCode": "8900", "city": "Randers"}],
                "telecom": [{"system": "phone", "value": "00 11 22 44"}],
            }
        )  # fmt: skip
        for key in ("Kontrolsen", "Nystartsen", "Flagsen", "Fællessen", "Henvissen", "Målsen", "Tasteksen"):
            made[key] = uow.create(
                patient(clinic, family=key)
                | {
                    "telecom": [{"system": "phone", "value": "00 33 44 55"}],
                    "address": [{"line": ["Prøvevej 3"], "postalCode": "8900", "city": "Randers"}],
                }
            ).id
            uow.create(condition(made[key], recorded=recorded))
            for code, value in (("MCS88023", 51.0), ("MCS88021", 3), ("MCS88137", 18)):
                uow.create(seed.measured(made[key], code, value, now - timedelta(days=40)))
        uow.create(condition(made["Fællessen"], "T90", recorded=recorded))
    gp = context(Role.GP, clinic, now=now - timedelta(days=18), actor=f"Practitioner/{nurse}")
    for key, one in made.items():
        if key != "Nystartsen":
            _planned(gp, one, "kol")
    _planned(gp, made["Fællessen"], "t2d")
    early = now.astimezone(days.COPENHAGEN).replace(hour=0, minute=30, second=0, microsecond=0)
    for key in ("Kontrolsen", "Tasteksen"):
        appointments.book(system(now), patient_id=made[key], kind="kol-kontrol", start=early, organization_id=clinic)
    for key in ("Flagsen", "Tasteksen"):
        missed = appointments.book(
            system(now), patient_id=made[key], kind="spirometri", start=now - timedelta(days=16), organization_id=clinic
        )
        appointments.mark_noshow(system(now), patient_id=made[key], appointment_id=str(missed.id))
    flags.run_all(now)
    people.save_persona(Persona("maaler", "Nina Målesen", "Sygeplejerske", Role.STAFF, clinic, nurse, ""))
    return world | {"patients": made}


if __name__ == "__main__":
    sys.stdout.buffer.write(json.dumps(main()) + b"\n")
