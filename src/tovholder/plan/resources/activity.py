"""ServiceRequest and Appointment: what shall be done, and when it is agreed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Activity, Appointment, Served

_STEP = f"{systems.BASE}/ActivityDefinition/"
_ACTIVITY_OWNED = (systems.EPISODE_OF_CARE_EXTENSION, e.x("due"), e.x("done"), e.x("package"))
_APPOINTMENT_OWNED = (
    systems.EPISODE_OF_CARE_EXTENSION,
    e.x("outcome-unknown"), e.x("cancelled-by"), e.x("organization"), e.x("correction"),
)  # fmt: skip


def reason_concept(code: str | None, text: str) -> e.Json:
    """Why something was cancelled or stopped: a code of ours that figures can count, and the words."""
    made: e.Json = {}
    if code:
        made["coding"] = [{"system": systems.REASON_SYSTEM, "code": code}]
    if text:
        made["text"] = text
    return made


def activity_resource(
    activity: Activity, base: Mapping[str, Any] | None = None, *, intent: str | None = None
) -> e.Json:
    """The activity as FHIR. ``intent`` becomes "order" once somebody outside is asked to do it; none keeps what is."""
    made = e.start("ServiceRequest", activity.id, base)
    if activity.plan_id:
        made["basedOn"] = [e.ref("CarePlan", activity.plan_id)]
    if activity.step:
        made["instantiatesCanonical"] = [step_canonical(activity.package, activity.step, activity.step_version)]
    made["status"] = str(activity.status)
    made["intent"] = intent or made.get("intent") or "plan"
    made["code"] = {
        "coding": [{"system": systems.ACTIVITY_SYSTEM, "code": activity.kind}],
        "text": activity.title or activity.kind,
    }
    made["subject"] = e.ref("Patient", activity.patient_id)
    period: e.Json = {}
    if activity.window_start_day is not None:
        period["start"] = days.iso(activity.window_start_day)
    if activity.window_end_day is not None:
        period["end"] = days.iso(activity.window_end_day)
    e.put(made, "occurrencePeriod", period)
    if activity.authored_day is not None:
        made["authoredOn"] = days.iso(activity.authored_day)
    made["performerType"] = {"coding": [{"system": systems.RECEIVER_SYSTEM, "code": activity.performer_kind}]}
    if activity.performer_id:
        made["performer"] = [e.ref("Organization", activity.performer_id)]
    written = [
        *e.episode(activity.episode_id),
        *e.date("due", activity.due_day),
        *e.date("done", activity.done_day),
        *e.simple("package", "Code", activity.package),
    ]
    return e.with_extensions(made, _ACTIVITY_OWNED, written)


def step_canonical(package: str, step: str, version: str) -> str:
    """The canonical of the package's activity a step was made from."""
    return f"{_STEP}{package}-{step}" + (f"|{version}" if version else "")


def _step(resource: Mapping[str, Any], package: str) -> tuple[str, str]:
    """The activity of its package, and the version, a step was made from; nothing for one added by hand."""
    for item in resource.get("instantiatesCanonical") or ():
        url, _, version = str(item).partition("|")
        if package and url.startswith(f"{_STEP}{package}-"):
            return url.removeprefix(f"{_STEP}{package}-"), version
    return "", ""


def read_activity(resource: Mapping[str, Any]) -> Activity:
    """The activity a ServiceRequest tells of."""
    code = resource.get("code") or {}
    kind = e.coding(code, systems.ACTIVITY_SYSTEM) or ""
    period = resource.get("occurrencePeriod") or {}
    known = {str(status) for status in ActivityStatus}
    status = resource.get("status")
    performers = resource.get("performer") or ()
    package = e.text(resource, "package") or ""
    step, step_version = _step(resource, package)
    return Activity(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("subject") or {}).get("reference"), "Patient") or "",
        episode_id=e.episode_id(resource) or "",
        plan_id=next(
            (found for item in resource.get("basedOn") or () if (found := e.id_of(item.get("reference"), "CarePlan"))),
            None,
        ),
        package=package,
        step=step,
        step_version=step_version,
        kind=kind,
        title=code.get("text") or kind,
        status=ActivityStatus(status) if status in known else ActivityStatus.ACTIVE,
        performer_kind=e.coding(resource.get("performerType"), systems.RECEIVER_SYSTEM) or "",
        due_day=e.day(resource, "due"),
        window_start_day=days.parse_day(period.get("start")),
        window_end_day=days.parse_day(period.get("end")),
        done_day=e.day(resource, "done"),
        performer_id=next(
            (found for item in performers if (found := e.id_of(item.get("reference"), "Organization"))), None
        ),
        authored_day=days.parse_day(resource.get("authoredOn")),
    )


def appointment_resource(appointment: Appointment, base: Mapping[str, Any] | None = None) -> e.Json:
    """The appointment as FHIR. Participants others added stay."""
    made = e.start("Appointment", appointment.id, base)
    made["status"] = appointment.status
    e.put(made, "cancelationReason", reason_concept(appointment.cancel_reason, appointment.cancel_text))
    made["serviceType"] = _services(appointment)
    e.put(made, "description", appointment.title)
    e.put(made, "start", days.instant_text(appointment.start) if appointment.start else None)
    e.put(made, "end", days.instant_text(appointment.end) if appointment.end else None)
    if appointment.created_day is not None:
        made["created"] = days.iso(appointment.created_day)
    if appointment.activity_ids:
        made["basedOn"] = [e.ref("ServiceRequest", identity) for identity in appointment.activity_ids]
    actors = [f"Patient/{appointment.patient_id}"]
    if appointment.practitioner_id:  # R4 lets no Organization take part: that is our extension
        actors.append(f"Practitioner/{appointment.practitioner_id}")
    agreed = "needs-action" if appointment.status == "proposed" else "accepted"
    replaced = {name.split("/")[0] for name in actors}
    others = [
        item
        for item in made.get("participant") or ()
        if ((item.get("actor") or {}).get("reference") or "").split("/")[0] not in replaced
    ]
    made["participant"] = [{"actor": {"reference": name}, "status": agreed} for name in actors] + others
    organization = f"Organization/{appointment.organization_id}" if appointment.organization_id else None
    written = [
        *(item for identity in appointment.episode_ids for item in e.episode(identity)),
        *e.simple("outcome-unknown", "Boolean", True if appointment.outcome_unknown else None),
        *e.simple("cancelled-by", "Code", appointment.cancelled_by),
        *e.reference(e.x("organization"), organization),
        *e.simple("correction", "String", appointment.correction),
    ]
    return e.with_extensions(made, _APPOINTMENT_OWNED, written)


def _services(appointment: Appointment) -> list[e.Json]:
    """What it is for: one kind, or one for each of the steps it serves, with the step and its course."""
    if not appointment.serves:
        coding = {"system": systems.KIND_SYSTEM, "code": appointment.kind}
        return [{"coding": [coding], "text": appointment.title or appointment.kind}]
    return [
        {
            "extension": [
                *e.reference(e.x("serves-activity"), f"ServiceRequest/{one.activity_id}"),
                *e.reference(e.x("serves-episode"), f"EpisodeOfCare/{one.episode_id}" if one.episode_id else None),
            ],
            "coding": [{"system": systems.KIND_SYSTEM, "code": one.kind}],
            "text": appointment.title or one.kind,
        }
        for one in appointment.serves
    ]


def _served(resource: Mapping[str, Any]) -> tuple[Served, ...]:
    found = []
    for item in resource.get("serviceType") or ():
        activity_id = e.id_of(e.target(item, e.x("serves-activity")), "ServiceRequest")
        if activity_id:
            episode_id = e.id_of(e.target(item, e.x("serves-episode")), "EpisodeOfCare")
            found.append(Served(activity_id, episode_id, e.coding(item, systems.KIND_SYSTEM) or ""))
    return tuple(found)


def _instant(text: object) -> datetime | None:
    try:
        return days.parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def read_appointment(resource: Mapping[str, Any]) -> Appointment:
    """The appointment a resource tells of."""
    service = e.first(resource.get("serviceType"))
    actors = [(item.get("actor") or {}).get("reference") for item in resource.get("participant") or ()]

    def actor(kind: str) -> str | None:
        return next((found for name in actors if (found := e.id_of(name, kind))), None)

    kind = e.coding(service, systems.KIND_SYSTEM) or e.first(service.get("coding")).get("code") or ""
    reason = resource.get("cancelationReason") or {}
    references = (item.get("reference") for item in resource.get("basedOn") or ())
    based_on = [found for name in references if (found := e.id_of(name, "ServiceRequest"))]
    return Appointment(
        id=resource.get("id"),
        patient_id=actor("Patient") or "",
        kind=kind,
        title=resource.get("description") or service.get("text") or kind,
        status=resource.get("status") or "",
        start=_instant(resource.get("start")),
        end=_instant(resource.get("end")),
        created_day=days.parse_day(resource.get("created")),
        organization_id=e.id_of(e.target(resource, e.x("organization")), "Organization"),
        practitioner_id=actor("Practitioner"),
        episode_id=e.episode_id(resource),
        activity_id=based_on[0] if based_on else None,
        cancel_reason=e.first(reason.get("coding")).get("code"),
        cancel_text=reason.get("text") or "",
        cancelled_by=e.text(resource, "cancelled-by"),
        outcome_unknown=e.flag(resource, "outcome-unknown"),
        correction=e.text(resource, "correction"),
        serves=_served(resource),
        other_activity_ids=tuple(based_on[1:]),
    )
