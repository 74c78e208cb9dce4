"""Small FHIR resources and contexts for tests; everybody is made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tovholder.access import Context, Role, system_context
from tovholder.fhir import systems

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def system(now: datetime = NOW) -> Context:
    return system_context(now, "test")


def context(
    role: Role,
    organization: str | None,
    *,
    now: datetime = NOW,
    patient: str | None = None,
    actor: str | None = None,
) -> Context:
    who = actor if actor is not None else (f"Patient/{patient}" if patient else "Practitioner/someone")
    return Context(actor=who, role=role, organization=organization, now=now, patient=patient)


def clinic(name: str = "Lægerne Prøvestræde", region: str = "DK-82", kind: str = "gp") -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "identifier": [{"system": systems.YDERNUMMER, "value": "000001"}],
        "name": name,
        "type": [{"coding": [{"system": systems.ORGANIZATION_KIND_SYSTEM, "code": kind}]}],
        "extension": [{"url": systems.extension_url("region"), "valueCode": region}],
    }


def patient(organization: str | None = None, family: str = "Jensen", born: str = "1960-05-01") -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": systems.CPR, "value": "6105600000"}],
        "name": [{"use": "official", "family": family, "given": ["Prøve"]}],
        "gender": "female",
        "birthDate": born,
    }
    if organization:
        made["generalPractitioner"] = [{"reference": f"Organization/{organization}"}]
    return made


def condition(
    patient_id: str,
    code: str = "R95",
    *,
    system_: str = systems.ICPC2,
    recorded: str | None = "2027-02-20",
    clinical: str = "active",
    verification: str = "confirmed",
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": systems.CONDITION_CLINICAL, "code": clinical}]},
        "verificationStatus": {"coding": [{"system": systems.CONDITION_VERIFICATION, "code": verification}]},
        "code": {"coding": [{"system": system_, "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
    }
    if recorded:
        made["recordedDate"] = recorded
    return made
