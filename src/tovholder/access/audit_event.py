"""A row of the audit trail as a FHIR AuditEvent, in the shape of IHE's Basic Audit Log Patterns (ITI BALP 1.1).

One table says what each act of ours is in FHIR; searching reads the same table, so that what is shown is what is found.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tovholder.access.domain import Role
from tovholder.base import days
from tovholder.fhir import systems

DICOM = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
ACTION_SYSTEM = "http://hl7.org/fhir/audit-event-action"
OUTCOME_SYSTEM = "http://hl7.org/fhir/audit-event-outcome"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ROLE_CLASS = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
BALP = "https://profiles.ihe.net/ITI/BALP"
REQUEST_ID = (f"{BALP}/CodeSystem/BasicAuditEntityType", "XrequestId")
ROLE_SYSTEM = f"{systems.BASE}/CodeSystem/role"
ACT_SYSTEM = f"{systems.BASE}/CodeSystem/audit-act"  # what neither FHIR nor DICOM has a code for
ROLES = (*(str(role) for role in Role), "unknown")
ON_BEHALF_OF = "http://hl7.org/fhir/StructureDefinition/auditevent-OnBehalfOf"
# Clients that are no app between a person and the record: our own pages, and a token somebody holds themselves.
NO_APP = frozenset({"", "web", "token"})
SITE = "tovholder"

Coded = tuple[str, str, str]  # system, code, display

_REST = (EVENT_TYPE, "rest", "Restful Operation")
_LOGIN = (DICOM, "110114", "User Authentication")
_ALERT = (DICOM, "110113", "Security Alert")
_AUTHZ = ((f"{BALP}/CodeSystem/AuthZsubType", "AuthZ-Consent", ""),)


@dataclass(frozen=True, slots=True)
class Act:
    """What one of our acts is in FHIR. profile: BALP's, without and with one patient ("" for none of BALP's)."""

    type: Coded
    subtype: tuple[Coded, ...]
    action: str
    profile: str = ""
    query: bool = False  # the detail names what was asked, not what was touched


def _rest(interactions: str, action: str, profile: str = "", *, query: bool = False) -> Act:
    return Act(_REST, tuple((INTERACTION, name, name) for name in interactions.split()), action, profile, query)


ACTS: dict[str, Act] = {
    "read": _rest("read", "R", "Read"),
    "vread": _rest("vread", "R", "Read"),
    "history": _rest("history", "R"),
    "search": _rest("search search-type", "E", "Query", query=True),
    "create": _rest("create", "C", "Create"),
    "update": _rest("update", "U", "Update"),
    "patch": _rest("patch", "U", "Update"),
    "delete": _rest("delete", "D", "Delete"),
    "import": _rest("batch", "C"),
    "export": _rest("operation", "E", query=True),
    "operation": _rest("operation", "E", query=True),
    "aggregate": _rest("operation", "E", query=True),
    "login": Act(_LOGIN, ((DICOM, "110122", "Login"),), "E", query=True),
    "logout": Act(_LOGIN, ((DICOM, "110123", "Logout"),), "E", query=True),
    "login-failed": Act(_LOGIN, ((DICOM, "110122", "Login"),), "E", query=True),
    "role": Act(_LOGIN, ((DICOM, "110124", "Attach"),), "E", query=True),
    "refused": Act(_ALERT, (), "E"),
    "glass-opened": Act(_ALERT, ((DICOM, "110127", "Emergency Override Started"),), "E"),
    "glass-ended": Act(_ALERT, ((DICOM, "110138", "Emergency Override Stopped"),), "E"),
    "glass-followed": Act(_ALERT, ((ACT_SYSTEM, "glass-followed", "Emergency override followed up"),), "E"),
    "block-set": Act(_ALERT, (*_AUTHZ, (DICOM, "110135", "Object Security Attributes Changed")), "U"),
    "block-ended": Act(_ALERT, (*_AUTHZ, (DICOM, "110135", "Object Security Attributes Changed")), "U"),
    "consent": Act(_ALERT, (*_AUTHZ, (DICOM, "110135", "Object Security Attributes Changed")), "U"),
    "stated": Act(_ALERT, (*_AUTHZ, (ACT_SYSTEM, "stated", "Treatment relation stated")), "E"),
    "stated-checked": Act(_ALERT, (*_AUTHZ, (ACT_SYSTEM, "stated-checked", "Stated relation confirmed")), "E"),
    "stated-failed": Act(_ALERT, (*_AUTHZ, (ACT_SYSTEM, "stated-failed", "Stated relation not confirmed")), "E"),
    "token": Act(_LOGIN, ((ACT_SYSTEM, "token", "Token issued"),), "E", query=True),
    "token-revoked": Act(_LOGIN, ((ACT_SYSTEM, "token-revoked", "Token revoked"),), "E", query=True),
    "token-failed": Act(_LOGIN, ((ACT_SYSTEM, "token", "Token issued"),), "E", query=True),
    "rights": Act(_ALERT, ((DICOM, "110137", "User Security Attributes Changed"),), "U"),
    "pruned": Act((DICOM, "110101", "Audit Log Used"), ((ACT_SYSTEM, "pruned", "Pruned"),), "D", query=True),
}
OUTCOMES = {"ok": "0", "refused": "4"}
PURPOSES: dict[str, Coded] = {
    "treatment": (REASON, "TREAT", "treatment"),
    "operation": (REASON, "HOPERAT", "healthcare operations"),
    "patient": (REASON, "PATRQT", "patient requested"),
    "break-glass": (REASON, "BTG", "break the glass"),
}


NAMED = 200  # references an event names; the patients are linked in any case


def naming(references: Sequence[str]) -> str:
    """The detail of an event that touched these: the first of them, and how many more there are (``+37``)."""
    more = len(references) - NAMED
    return " ".join(references if more <= 0 else [*references[:NAMED], f"+{more}"])


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the trail, its columns in the order of ``audit.COLUMNS`` behind its number."""

    id: int
    at_ms: int
    action: str
    outcome: str
    actor: str
    role: str
    organization_id: str
    purpose: str
    client: str
    request_id: str
    detail: str


def render(row: Row, patients: Sequence[str], *, alone: bool = True) -> dict[str, Any]:
    """The AuditEvent. patients: those the reader may see; alone: whether these are all the event touched.

    What was touched is left out where it may be another patient's.
    """
    act = ACTS[row.action]
    recorded = days.instant_of(row.at_ms)
    meta: dict[str, Any] = {"versionId": "1", "lastUpdated": recorded}
    if act.profile:
        about = "Patient" if len(patients) == 1 else ""
        meta["profile"] = [f"{BALP}/StructureDefinition/IHE.BasicAudit.{about}{act.profile}"]
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(row.id),
        "meta": meta,
        "type": _coding(act.type),
    }
    if act.subtype:
        event["subtype"] = [_coding(one) for one in act.subtype]
    event |= {"action": act.action, "recorded": recorded, "outcome": OUTCOMES[row.outcome]}
    if row.outcome == "refused":
        event["outcomeDesc"] = "Refused: the access policy does not allow it"
    event["purposeOfEvent"] = [_purpose(row)]
    event["agent"] = _agents(row, act, patients)
    event["source"] = {
        "site": SITE,
        "observer": {"display": "Tovholder"},
        "type": [_coding((SOURCE_TYPE, "4", "Application Server"))],
    }
    entities = [*(_touched(row, act) if alone else ()), *map(_patient, patients)]
    if row.request_id:
        number = {"identifier": {"value": row.request_id}}
        entities.append({"what": number, "type": _coding((*REQUEST_ID, ""))})
    if entities:
        event["entity"] = entities
    return event


def _agents(row: Row, act: Act, patients: Sequence[str]) -> list[dict[str, Any]]:
    into = act.action in ("C", "U", "D", "E")  # what is sent comes from the client; what is read goes to it
    source, destination = (DICOM, "110153", "Source Role ID"), (DICOM, "110152", "Destination Role ID")
    user: dict[str, Any] = {
        "type": _concept((PARTICIPATION, "INF", "informant"))
        if act.action in ("C", "U", "D")
        else _concept((PARTICIPATION, "IRCP", "information recipient")),
        "role": [_concept((ROLE_SYSTEM, row.role, ""))],
        "who": _who(row.actor),
    }
    if row.actor.partition(":")[2]:
        user["altId"] = row.actor.partition(":")[2]
    user |= {"requestor": True, "purposeOfUse": [_purpose(row)]}
    if row.role == Role.REPRESENTATIVE and len(patients) == 1:
        # In their own name, and for whom: R4 has no element for it, and HL7 an extension.
        user["extension"] = [{"url": ON_BEHALF_OF, "valueReference": {"reference": f"Patient/{patients[0]}"}}]
    client: dict[str, Any] = {"display": row.client or "web"}
    server = {"display": "Tovholder"}
    if row.client not in NO_APP:
        client["identifier"] = {"value": row.client}  # BALP's OAUTHaccessTokenUse: the app by its client id
    agents = [
        {"type": _concept(source if into else destination), "who": client, "requestor": False},
        {"type": _concept(destination if into else source), "who": server, "requestor": False},
        user,
    ]
    if row.client not in NO_APP and row.role not in (Role.SYSTEM, "unknown"):
        agents.append({"type": _concept((DICOM, "110150", "Application")), "who": client, "requestor": False})
    if row.organization_id:
        whose = {"reference": f"Organization/{row.organization_id}"}
        agents.append({"type": _concept((ROLE_CLASS, "PROV", "healthcare provider")), "who": whose, "requestor": False})
    return agents


def _who(actor: str) -> dict[str, Any]:
    return {"reference": actor} if "/" in actor else {"display": actor.partition(":")[2] or actor.rstrip(":")}


def _touched(row: Row, act: Act) -> list[dict[str, Any]]:
    things = _coding((ENTITY_TYPE, "2", "System Object"))
    if not row.detail:
        return []
    if act.query:
        # What was asked for is kept; the values asked with may identify a patient and are not.
        asked = {"type": things, "role": _coding((ENTITY_ROLE, "24", "Query")), "description": row.detail}
        return [asked | {"query": base64.b64encode(row.detail.encode()).decode()}]
    role = _coding((ENTITY_ROLE, "4", "Domain Resource"))
    return [{**_what(told), "type": things, "role": role} for told in row.detail.split()]


def _what(told: str) -> dict[str, Any]:
    if told.startswith("+"):
        return {"description": f"And {told[1:]} more, which are not named here; every patient they are about is"}
    # A number of ours (emergency/3, stated/4, client/…) is no resource.
    return {"what": {"reference": told}} if "/" in told and told[0].isupper() else {"name": told}


def _patient(patient: str) -> dict[str, Any]:
    return {
        "what": {"reference": f"Patient/{patient}"},
        "type": _coding((ENTITY_TYPE, "1", "Person")),
        "role": _coding((ENTITY_ROLE, "1", "Patient")),
    }


def _purpose(row: Row) -> dict[str, Any]:
    own = row.purpose == "treatment" and row.role in (Role.CITIZEN, Role.REPRESENTATIVE)
    known = PURPOSES.get("patient" if own else row.purpose)
    return _concept(known) if known else {"text": row.purpose}


def _concept(coded: Coded) -> dict[str, Any]:
    return {"coding": [_coding(coded)]}


def _coding(coded: Coded) -> dict[str, Any]:
    system, code, display = coded
    return {"system": system, "code": code, **({"display": display} if display else {})}
