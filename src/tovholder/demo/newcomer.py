"""Owns the new patient of the walk: the FHIR resources another system would send, dated from today, and their clock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from tovholder.base import days
from tovholder.demo.synth.cpr import reserved
from tovholder.fhir import systems as s
from tovholder.packages.model import Package
from tovholder.plan.clock import RightsClock, start_clock
from tovholder.plan.resources import condition_resource
from tovholder.plan.resources.extensions import Json
from tovholder.plan.values import Code

NAME = "Prøve Gennemgang"
GOAL = "Jeg vil kunne gå op på loftet uden at holde pause."
# Days before today: the diagnosis, the start of the course, and the check-up nobody came to.
RECORDED, STARTED, MISSED = 26, 24, 20
_BORN = date(1957, 5, 23)
_NUMBER = 90  # of the fictitious numbers kept for people with a name


def bundle(clinic_id: str, today: int) -> Json:
    """The transaction that makes the patient known: a Patient on the clinic's list and a Condition."""
    given, family = NAME.split()
    patient: Json = {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": s.CPR, "value": reserved(_BORN, True, _NUMBER)}],
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": "female",
        "birthDate": _BORN.isoformat(),
        "generalPractitioner": [{"reference": f"Organization/{clinic_id}"}],
    }
    condition = condition_resource(patient_id="new", codes=[Code(s.ICPC2, "R95", "KOL")], recorded_day=today - RECORDED)
    full_url = "urn:uuid:6f0c7a52-7f0e-4a35-9d3c-0c1f6f3a9b10"
    condition["subject"] = {"reference": full_url}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": full_url, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
            {"resource": condition, "request": {"method": "POST", "url": "Condition"}},
        ],
    }


def bad_bundle(clinic_id: str) -> Json:
    """A transaction whose second entry is wrong: nothing of it may be kept."""
    place = [{"reference": f"Organization/{clinic_id}"}]
    wrong = ({"gender": "female"}, {"gender": "kvinde"})
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {"resourceType": "Patient", "generalPractitioner": place, **part},
                "request": {"method": "POST", "url": "Patient"},
            }
            for part in wrong
        ],
    }


def appointment(patient_id: str, clinic_id: str, now: datetime) -> Json:
    """A check-up at the clinic as its own system tells of it."""
    day = days.date_of(days.day_of(now) - MISSED)
    start = datetime.combine(day, time(9, 30), days.COPENHAGEN)
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "serviceType": [{"coding": [{"system": s.KIND_SYSTEM, "code": "kol-kontrol"}]}],
        "description": "KOL-kontrol",
        "start": days.instant_text(start),
        "end": days.instant_text(start + timedelta(minutes=20)),
        "created": days.iso(days.day_of(now) - STARTED),
        "participant": [{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
        "extension": [
            {
                "url": s.extension_url("organization"),
                "valueReference": {"reference": f"Organization/{clinic_id}"},
            }
        ],
    }


def flag(patient_id: str) -> Json:
    """A Flag nobody but Tovholder's rules should make."""
    return {
        "resourceType": "Flag",
        "status": "inactive",
        "code": {"coding": [{"system": s.RULE_SYSTEM, "code": "kol-noshow-unbooked"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
    }


def clock(package: Package, today: int) -> RightsClock:
    """The clock the patient must get: from the diagnosis, or from today when diagnosed before the package was in force."""
    right = package.plan_right
    return start_clock(
        rule=f"{right.id}@{right.version}",
        days=right.days,
        diagnosed_day=today - RECORDED,
        inclusion_day=today,
        valid_from_day=package.valid_from,
    )


def deadline_month(package: Package, today: int) -> str:
    """The month the patient counts in."""
    deadline = clock(package, today).deadline_day
    assert deadline is not None
    return days.month_of(deadline)
