"""Task as one round of a referral: who was asked, what they were told and from where, every day on the way, the answer.

What the receiver was told stands in Task.input, one per field of the pakketabel: the field's id and title, the words, and
where in the record they come from. The same sources stand in the ServiceRequest's supportingInfo, named by their fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.resources import extensions as e
from tovholder.plan.resources.activity import reason_concept
from tovholder.plan.values import Referral, Told

_OWNED = (
    systems.EPISODE_OF_CARE_EXTENSION,
    *(
        e.x(name)
        for name in ("accepted", "started", "completed", "kind", "receiver-kind", "first-sent", "resent", "seen")
    ),
)
_TABLE = f"{systems.BASE}/pakketabel/"
_ANSWER = "answer"


def referral_resource(referral: Referral, base: Mapping[str, Any] | None = None) -> e.Json:
    """The referral's round trip as a Task on the ordered ServiceRequest."""
    made = e.start("Task", referral.id, base)
    made["status"] = referral.status
    e.put(made, "statusReason", reason_concept(referral.stop_reason, referral.stop_text))
    made["intent"] = "order"
    made["code"] = {
        "coding": [{"system": systems.TASK_SYSTEM, "code": "referral"}],
        "text": referral.title or "Henvisning",
    }
    made["focus"] = e.ref("ServiceRequest", referral.request_id)
    made["for"] = e.ref("Patient", referral.patient_id)
    made["authoredOn"] = days.iso(referral.sent_day)
    if referral.requester and "/" in referral.requester:
        made["requester"] = {"reference": referral.requester}
    if referral.receiver_id:
        made["owner"] = e.ref("Organization", referral.receiver_id)
    period: e.Json = {}
    if referral.started_day is not None:
        period["start"] = days.iso(referral.started_day)
    if referral.completed_day is not None:
        period["end"] = days.iso(referral.completed_day)
    e.put(made, "executionPeriod", period)
    if referral.follows:
        made["basedOn"] = [e.ref("Task", referral.follows)]
    if referral.key:
        made["identifier"] = [{"system": systems.REFERRAL_IDENTIFIER, "value": referral.key}]
    if referral.table:
        made["instantiatesUri"] = f"{_TABLE}{referral.table}"
    if referral.told:
        made["input"] = [*_others(made.get("input"), systems.REFERRAL_FIELD_SYSTEM), *map(_input, referral.told)]
    if referral.answer:
        answer = {"type": _concept(systems.TASK_SYSTEM, _ANSWER, "Svar"), "valueString": referral.answer}
        made["output"] = [*_others(made.get("output"), systems.TASK_SYSTEM), answer]
    written = [
        *e.episode(referral.episode_id),
        *e.date("accepted", referral.accepted_day),
        *e.date("started", referral.started_day),
        *e.date("completed", referral.completed_day),
        *e.simple("kind", "Code", referral.kind),
        *e.simple("receiver-kind", "Code", referral.receiver_kind),
        *e.date("first-sent", referral.first_sent_day),
        *e.reference(e.x("resent"), f"Task/{referral.resent}" if referral.resent else None),
        *e.date("seen", referral.seen_day),
    ]
    return e.with_extensions(made, _OWNED, written)


def _concept(system: str, code: str, text: str) -> e.Json:
    return {"coding": [{"system": system, "code": code}], "text": text}


def _others(items: object, system: str) -> list[e.Json]:
    """What somebody else wrote beside ours."""
    held = items if isinstance(items, list) else []
    return [item for item in held if e.coding(item.get("type"), system) is None]


def _input(told: Told) -> e.Json:
    made: e.Json = {
        "type": _concept(systems.REFERRAL_FIELD_SYSTEM, told.id, told.title),
        "valueString": told.value,
    }
    written = [
        *e.reference(e.x("field-source"), told.source),
        *e.date("field-day", told.day),
        *e.simple("field-how", "Code", told.how),
    ]
    return {"extension": written, **made} if written else made


def is_referral(resource: Mapping[str, Any]) -> bool:
    """Whether a Task is one round of a referral."""
    return e.coding(resource.get("code"), systems.TASK_SYSTEM) == "referral"


def read_referral(resource: Mapping[str, Any]) -> Referral:
    """The referral a Task tells of."""
    reason = resource.get("statusReason") or {}
    code = resource.get("code") or {}
    started = e.day(resource, "started")
    if started is None:
        started = days.parse_day((resource.get("executionPeriod") or {}).get("start"))
    formal = str(resource.get("instantiatesUri") or "")
    return Referral(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("for") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource),
        request_id=e.id_of((resource.get("focus") or {}).get("reference"), "ServiceRequest") or "",
        kind=e.text(resource, "kind") or "",
        receiver_id=e.id_of((resource.get("owner") or {}).get("reference"), "Organization"),
        receiver_kind=e.text(resource, "receiver-kind") or "",
        status=resource.get("status") or "",
        sent_day=days.parse_day(resource.get("authoredOn")) or 0,
        requester=(resource.get("requester") or {}).get("reference"),
        accepted_day=e.day(resource, "accepted"),
        started_day=started,
        completed_day=e.day(resource, "completed"),
        stop_reason=e.first(reason.get("coding")).get("code"),
        stop_text=reason.get("text") or "",
        title=code.get("text") or "",
        first_sent_day=e.day(resource, "first-sent"),
        follows=e.id_of(e.first(resource.get("basedOn")).get("reference"), "Task"),
        resent=e.id_of(e.target(resource, e.x("resent")), "Task"),
        seen_day=e.day(resource, "seen"),
        key=next(
            (
                str(item.get("value"))
                for item in resource.get("identifier") or ()
                if item.get("system") == systems.REFERRAL_IDENTIFIER
            ),
            "",
        ),
        table=formal.removeprefix(_TABLE) if formal.startswith(_TABLE) else "",
        told=tuple(_told(item) for item in resource.get("input") or () if _is_field(item)),
        answer=next(
            (
                str(item.get("valueString") or "")
                for item in resource.get("output") or ()
                if e.coding(item.get("type"), systems.TASK_SYSTEM) == _ANSWER
            ),
            "",
        ),
    )


def _is_field(item: Mapping[str, Any]) -> bool:
    return e.coding(item.get("type"), systems.REFERRAL_FIELD_SYSTEM) is not None


def _told(item: Mapping[str, Any]) -> Told:
    kind = item.get("type") or {}
    identity = e.coding(kind, systems.REFERRAL_FIELD_SYSTEM) or ""
    return Told(
        id=identity,
        title=str(kind.get("text") or identity),
        value=str(item.get("valueString") or ""),
        source=e.target(item, e.x("field-source")),
        day=e.day(item, "field-day"),
        how=e.text(item, "field-how") or "written",
    )
