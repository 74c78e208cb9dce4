"""Break-glass (*værdispring*): opening what is blocked for a short time, with a reason, seen by patient and clinic."""

from __future__ import annotations

from datetime import datetime

from tovholder import database
from tovholder.access.domain import Emergency
from tovholder.base import days

_OPEN = (
    "SELECT number, patient_id, until_ms, reason FROM access_emergency"
    " WHERE person = %s AND organization_id = %s AND until_ms > %s AND ended_ms IS NULL ORDER BY number"
)


def open_of(person: str, organization: str | None, now: datetime) -> tuple[Emergency, ...]:
    """What this person has open in this organisation now."""
    found = database.rows(_OPEN, [person, organization or "", days.millis(now)])
    return tuple(Emergency(number, patient, until, reason) for number, patient, until, reason in found)
