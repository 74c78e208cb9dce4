"""Acts beside those a browser does, told to the trail of the journeys' database: break-glass, a representative, an app."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402

from tovholder import store  # noqa: E402
from tovholder.access import Role, audit, audit_acts, system_context  # noqa: E402
from tovholder.access.domain import Context, Emergency, Grants  # noqa: E402
from tovholder.base import days  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402


def main(patient: str) -> None:
    """Leave the lines."""
    now = system_clock() - timedelta(days=2)
    with store.unit_of_work(system_context(now, "test")) as uow:
        hospital = uow.create({"resourceType": "Organization", "name": "Lungemedicinsk Afdeling, Prøvehospitalet"}).id
        nurse = uow.create(
            {"resourceType": "Practitioner", "name": [{"family": "Prøvesygeplejerske", "given": ["Sif"]}]}
        ).id
        relative = uow.create(
            {
                "resourceType": "RelatedPerson",
                "patient": {"reference": f"Patient/{patient}"},
                "name": [{"family": "Prøvesen", "given": ["Dorte"]}],
            }
        ).id
    outside = Context(f"Practitioner/{nurse}", Role.HOSPITAL, hospital, now)
    audit_acts.glass_opened(outside, patient, number=1, reason="danger")
    until = days.millis(now + timedelta(hours=1))
    broken = replace(outside, emergencies=(Emergency(1, patient, until, "danger"),))
    audit_acts.stated(outside.at(now - timedelta(days=3)), patient, number=2, until=days.day_of(now))
    behalf = Context(f"RelatedPerson/{relative}", Role.REPRESENTATIVE, None, now - timedelta(days=1), patient=patient)
    own = Context(
        f"Patient/{patient}", Role.CITIZEN, None, now - timedelta(days=1), patient=patient, client="Pusterummet"
    )
    entries = [
        (broken.at(now + timedelta(minutes=minute)), detail)
        for minute, detail in ((1, "CarePlan/a Goal/b"), (4, "Observation/c"), (9, "Condition/d MedicationRequest/e"))
    ]
    entries += [
        (outside.at(now - timedelta(days=3)), "CarePlan/a"),
        (behalf, "CarePlan/a Appointment/b"),
        (replace(own, grants=Grants((), patient)), "Observation/c"),
    ]
    with transaction.atomic():
        audit.write([audit.Entry(ctx, "read", frozenset({patient}), detail) for ctx, detail in entries])
    sys.stdout.write(json.dumps({"hospital": hospital}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
