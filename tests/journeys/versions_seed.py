"""Two plans of COPD 1.0.0 in the journeys' database, from the time it was in force: run in its own process."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from journeys.patient_seed import _planned  # noqa: E402
from lib.people import condition, context, patient, system  # noqa: E402
from tovholder import packages, store  # noqa: E402
from tovholder.access import Role  # noqa: E402
from tovholder.base import days  # noqa: E402
from tovholder.base.clock import system_clock  # noqa: E402
from tovholder.packages import installed  # noqa: E402


def first_version(folder: Path) -> None:
    """Have COPD 1.0.0 in force in this process."""
    shutil.copytree(installed.BUILTIN, folder / "then")
    shutil.rmtree(folder / "then" / "kol")
    shutil.copytree(installed.EARLIER / "kol-1.0.0", folder / "then" / "kol")
    installed.BUILTIN, installed.EARLIER = folder / "then", folder / "none"
    packages.install(installed.Installed())
    assert packages.get("kol").version == "1.0.0"


def main(clinic: str) -> None:
    """Two patients whose plans were made a month ago."""
    now = system_clock() - timedelta(days=30)
    with tempfile.TemporaryDirectory() as folder:
        first_version(Path(folder))
        with store.unit_of_work(system(now)) as uow:
            doctor = uow.create({"resourceType": "Practitioner", "name": [{"family": "Dengang", "given": ["Dan"]}]}).id
            recorded = days.date_of(days.day_of(now)).isoformat()
            people = [
                uow.create(patient(clinic, family=name, born="1950-02-03")).id for name in ("Ældresen", "Førstesen")
            ]
            for person in people:
                uow.create(condition(person, recorded=recorded))
        for person in people:
            _planned(context(Role.GP, clinic, now=now, actor=f"Practitioner/{doctor}"), person, "kol")


if __name__ == "__main__":
    main(sys.argv[1])
