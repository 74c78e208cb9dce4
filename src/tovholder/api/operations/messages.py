"""$process-message: a MedCom HospitalNotification from a hospital's system (R4 MessageHeader-process-message)."""

from __future__ import annotations

from typing import Any

from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import wrong
from tovholder.appointments import hospital_message, notifications
from tovholder.appointments.notifications import Outcome, Taken

_WORDS = {
    Outcome.NEW: "the stay is taken in",
    Outcome.CHANGED: "the stay is as the message tells it",
    Outcome.KNOWN: "nothing was changed: this, or something newer, was told before",
}


def process(call: Call) -> dict[str, Any]:
    """[base]/$process-message: the message as the body, or as the parameter content; what became of it as an outcome."""
    given = call.params.resource("content")
    if given is None or len(call.params.items) > (call.params.one("content") is not None):
        raise wrong("content", "not one message", "a Bundle of type message, and nothing beside it")
    return _outcome(notifications.take(call.ctx, hospital_message.read(given)))


def _outcome(taken: Taken) -> dict[str, Any]:
    issues = [_told(_WORDS[taken.outcome], f"Encounter/{taken.encounter_id}")]
    issues += [_told("planned after the stay", f"ServiceRequest/{one}") for one in taken.planned]
    issues += [_told("taken back with the stay", f"ServiceRequest/{one}") for one in taken.taken_back]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _told(words: str, reference: str) -> dict[str, Any]:
    return {
        "severity": "information",
        "code": "informational",
        "details": {"text": words},
        "diagnostics": reference,
    }
