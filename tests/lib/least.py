"""The least a resource of each R4 type may say, made from the definitions: what must be there, and nothing else."""

from __future__ import annotations

from typing import Any

from tovholder.fhir import definitions

_PRIMITIVES: dict[str, Any] = {
    "boolean": True,
    "date": "2026-03-01",
    "dateTime": "2026-03-01",
    "instant": "2026-03-01T10:00:00Z",
    "time": "10:00:00",
    "decimal": 1,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 1,
    "code": "x",
    "id": "x",
    "string": "x",
    "markdown": "x",
    "base64Binary": "eA==",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    "uri": "urn:x",
    "url": "http://x.example",
    "canonical": "http://x.example/x",
    "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:8ffc8d31-2b3a-4b4e-9b5c-1f0a5a2f8f00",
}
_DATATYPES: dict[str, Any] = {
    "Attachment": {"contentType": "text/plain"},
    "CodeableConcept": {"text": "x"},
    "Coding": {"code": "x"},
    "Money": {"value": 1},
    "Period": {"start": "2026-03-01"},
    "Quantity": {"value": 1},
}
# What R4's invariants ask beyond what is mandatory.
_MORE: dict[str, dict[str, Any]] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"participant": [{"type": [{"text": "x"}], "status": "accepted"}]},
    "AppointmentResponse": {"participantType": [{"text": "x"}]},
    "Bundle": {"type": "collection"},
    "CapabilityStatement": {"kind": "requirements", "description": "x", "rest": [{"mode": "server"}]},
    "Consent": {"policy": [{"uri": "urn:x"}]},
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "x"}]},
    "ImmunizationRecommendation": {
        "recommendation": [{"forecastStatus": {"text": "x"}, "vaccineCode": [{"text": "x"}]}]
    },
    "InsurancePlan": {"name": "x"},
    "Linkage": {"item": [{"type": kind, "resource": {"display": "x"}} for kind in ("source", "alternate")]},
    "Organization": {"name": "x"},
    "StructureDefinition": {"type": "Patient", "differential": {"element": [{"id": "Patient", "path": "Patient"}]}},
    "TerminologyCapabilities": {"kind": "requirements", "description": "x"},
}


def least(kind: str, subject: str = "") -> dict[str, Any]:
    """A resource of the type; ``subject`` is what its references to patients name."""
    return {"resourceType": kind} | _group(kind, subject, 0) | _MORE.get(kind, {})


def _group(path: str, subject: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in definitions.type_of(path).elements.values():
        if element.minimum and depth < 8:
            name, kind = next(iter(element.json_names().items()))
            value = _value(element, kind, subject, depth)
            found[name] = [value] if element.is_list else value
    return found


def _value(element: definitions.Element, kind: str, subject: str, depth: int) -> Any:
    if element.path:
        return _group(element.path, subject, depth + 1)
    if kind == "Reference":
        if subject and (not element.targets or "Patient" in element.targets):
            return {"reference": subject}
        return {"display": "x"}
    if kind == "code" and element.binding and (codes := definitions.ordered_codes(element.binding)):
        return codes[0]
    if kind in _DATATYPES:
        return _DATATYPES[kind]
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    if kind in ("Resource", "DomainResource"):
        return {"resourceType": "Basic", "code": {"text": "x"}}
    return _group(kind, subject, depth + 1) or {"id": "x"}
