"""Who holds the rope of a course, from when until when: handed over with its clock, and taken by the new clinic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tovholder.base import days
from tovholder.fhir.references import parse_reference
from tovholder.plan import course
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Episode, Holding
from tovholder.store import UnitOfWork


def handed_over(value: Episode, organization_id: str | None, today: int) -> Episode:
    """The course in other hands (None: of nobody in this system), with the stretch before closed. The clock runs on.

    A clinic that gets back what it held itself has nothing to take over: it knows the course.
    """
    if value.organization_id == organization_id:
        return value
    begun = value.eligible_day if value.eligible_day is not None else value.started_day
    first = Holding(value.organization_id, min(today if begun is None else begun, today))
    before = value.holdings or (replace(first, taken_day=first.from_day if value.organization_id else None),)
    past = (*before[:-1], replace(before[-1], to_day=max(today, before[-1].from_day)))
    known = next((item for item in reversed(past) if item.organization_id == organization_id), None)
    back = known is not None and known.taken_day is not None and organization_id is not None
    now = Holding(organization_id, today, taken_day=today if back else None)
    return replace(value, organization_id=organization_id, care_manager=None, holdings=(*past, now))


def held_on(value: Episode, day: int) -> str | None:
    """The clinic that held the course at the end of a day; the first one before there was any."""
    if not value.holdings:
        return value.organization_id
    on = [item for item in value.holdings if item.from_day <= day]
    return (on[-1] if on else value.holdings[0]).organization_id


def is_elsewhere(patient: Mapping[str, Any]) -> bool:
    """Whether the patient's doctor is a clinic that is not in this system: told by another address or a number alone."""
    found = False
    for item in patient.get("generalPractitioner") or ():
        ref = parse_reference(item.get("reference") or "")
        if ref is not None and not ref.base:
            if ref.type == "Organization":
                return False
        elif item.get("type") in (None, "Organization") and (ref is None or ref.type == "Organization"):
            found = True
    return found


def follow_team(uow: UnitOfWork, patient_id: str, old: str | None, new: str | None) -> None:
    """In the care teams the old clinic makes room for the new one; everybody else stays."""
    if old is None:
        return
    for item in course.about(uow, "CareTeam", patient_id):
        if item.get("status") not in ("active", "proposed"):
            continue
        kept: list[dict[str, Any]] = []
        gone: list[dict[str, Any]] = []
        for part in item.get("participant") or ():
            (gone if old in _organizations(part) else kept).append(part)
        if not gone:
            continue
        if new is not None:
            kept.append(
                {**({"role": gone[0]["role"]} if gone[0].get("role") else {}), "member": e.ref("Organization", new)}
            )
        changed = dict(item)
        e.put(changed, "participant", kept)
        if (e.id_of(e.first(item.get("managingOrganization")).get("reference"), "Organization")) == old:
            e.put(changed, "managingOrganization", [e.ref("Organization", new)] if new else [])
        uow.update(changed)


def _organizations(part: Mapping[str, Any]) -> list[str | None]:
    return [e.id_of((part.get(name) or {}).get("reference"), "Organization") for name in ("member", "onBehalfOf")]


def release(uow: UnitOfWork, value: Episode) -> None:
    """Who was given the course at the old clinic has it no longer; what was put off stays put off until its day."""
    found = []
    for item in course.about(uow, "Communication", value.patient_id):
        about_it = e.episode_id(item) == value.id and e.text(item, "flag-handling") == "assign"
        if about_it and item.get("status") != "entered-in-error":
            found.append(item)
    latest = max(found, key=lambda item: (str(item.get("sent", "")), str(item.get("id"))), default=None)
    if latest is None or not latest.get("recipient"):
        return
    uow.create(
        {
            "resourceType": "Communication",
            "status": "completed",
            "subject": e.ref("Patient", value.patient_id),
            "sent": days.instant_text(uow.ctx.now),
            "extension": [*e.episode(value.id), *e.simple("flag-handling", "Code", "assign")],
            "note": [{"text": "Forløbet er overdraget til en anden klinik."}],
        }
    )
