"""The audit trail as a check on an answer: everybody whose resources are in it stands in the trail of its request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from lib.api import Caller
from tovholder.fhir.references import subjects_of

Json = dict[str, Any]


def noted(answer: Any) -> set[str]:
    """The patients the trail links to the request behind an answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT p.patient_id FROM access_auditevent AS e JOIN access_auditpatient AS p ON p.event_id = e.id"
            " WHERE e.request_id = %s",
            [answer.headers["X-Request-Id"]],
        )
        return {row[0] for row in cursor.fetchall()}


def events(answer: Any) -> list[tuple[str, str, str]]:
    """Action, outcome and detail of what the trail holds of the request behind an answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, outcome, detail FROM access_auditevent WHERE request_id = %s ORDER BY id",
            [answer.headers["X-Request-Id"]],
        )
        return [(row[0], row[1], row[2]) for row in cursor.fetchall()]


def shown(content: Any) -> set[str]:
    """Whom the resources in an answer are about."""
    return {patient for resource in _resources(content) for patient in subjects_of(resource)}


def require_noted(answer: Any, content: Any, caller: Caller) -> None:
    """Fail when the answer shows a patient that the trail does not name; a patient's look at their own is not kept."""
    missing = shown(content) - noted(answer) - {caller.patient}
    assert missing == set()


def _resources(value: Any) -> Iterator[Json]:
    if isinstance(value, list):
        for item in value:
            yield from _resources(item)
    elif isinstance(value, dict):
        kind = value.get("resourceType")
        if isinstance(kind, str) and kind not in ("Bundle", "OperationOutcome", "AuditEvent"):
            yield value
            return
        for item in value.values():
            yield from _resources(item)
