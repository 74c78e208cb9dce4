"""EpisodeOfCare: a patient's course in a package, its dates, rights clock and pauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.plan.clock import ClockEvent, Pause, RightsClock
from tovholder.plan.domain import Phase, episode_status, phase_of_status
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Episode, Holding

_OWNED = tuple(
    e.x(name)
    for name in (
        "episode-phase", "package-version", "diagnosed", "eligible", "offered", "started", "declined", "decline-reason",
        "decided-by", "ended", "end-reason", "inclusion-reason", "rights-clock", "pause", "paused-days", "pause-open",
        "holding", "handed", "taken",
    )
)  # fmt: skip


def _clock(clock: RightsClock | None) -> list[e.Json]:
    if clock is None:
        return []
    parts: list[e.Json] = [{"url": "rule", "valueString": clock.rule}, {"url": "event", "valueCode": str(clock.event)}]
    if clock.start_day is not None and clock.deadline_day is not None:
        parts.append({"url": "start", "valueDate": days.iso(clock.start_day)})
        parts.append({"url": "deadline", "valueDate": days.iso(clock.deadline_day)})
    parts.append({"url": "days", "valueInteger": clock.days})
    parts.append({"url": "legacy", "valueBoolean": clock.legacy})
    return [{"url": e.x("rights-clock"), "extension": parts}]


def _pause(pause: Pause) -> e.Json:
    parts: list[e.Json] = [{"url": "start", "valueDate": days.iso(pause.start_day)}]
    if pause.end_day is not None:
        parts.append({"url": "end", "valueDate": days.iso(pause.end_day)})
    parts.append({"url": "reason", "valueString": pause.reason})
    return {"url": e.x("pause"), "extension": parts}


def _holding(holding: Holding) -> e.Json:
    parts: list[e.Json] = []
    if holding.organization_id:
        parts.append({"url": "organization", "valueReference": e.ref("Organization", holding.organization_id)})
    parts.append({"url": "start", "valueDate": days.iso(holding.from_day)})
    if holding.to_day is not None:
        parts.append({"url": "end", "valueDate": days.iso(holding.to_day)})
    if holding.taken_day is not None:
        parts.append({"url": "taken", "valueDate": days.iso(holding.taken_day)})
    if holding.taken_by and "/" in holding.taken_by:
        parts.append({"url": "by", "valueReference": {"reference": holding.taken_by}})
    return {"url": e.x("holding"), "extension": parts}


def _holdings(episode: Episode) -> list[e.Json]:
    if not episode.holdings:
        return []
    last = episode.holdings[-1]
    handed = last.from_day if last.organization_id is not None and len(episode.holdings) > 1 else None
    return [
        *(_holding(item) for item in episode.holdings),
        *e.date("handed", handed),
        *e.date("taken", last.taken_day),
    ]


def episode_resource(episode: Episode, base: Mapping[str, Any] | None = None) -> e.Json:
    """The course as FHIR. ``base`` is the stored resource to write into; what we do not own in it stays."""
    made = e.start("EpisodeOfCare", episode.id, base)
    waiting = episode.open_pause
    made["status"] = episode_status(episode.phase, paused=waiting is not None)
    others = [item for item in made.get("type") or () if not e.coding(item, systems.PACKAGE_SYSTEM)]
    made["type"] = [{"coding": [{"system": systems.PACKAGE_SYSTEM, "code": episode.package}]}, *others]
    if episode.condition_id:
        made["diagnosis"] = [{"condition": e.ref("Condition", episode.condition_id)}]
    made["patient"] = e.ref("Patient", episode.patient_id)
    if episode.organization_id:
        made["managingOrganization"] = e.ref("Organization", episode.organization_id)
    elif episode.holdings:
        made.pop("managingOrganization", None)
    if episode.care_manager:
        made["careManager"] = {"reference": episode.care_manager}
    period: e.Json = {}
    begin = episode.started_day if episode.started_day is not None else episode.eligible_day
    if begin is not None:
        period["start"] = days.iso(begin)
    if episode.ended_day is not None and (begin is None or episode.ended_day >= begin):
        period["end"] = days.iso(episode.ended_day)
    e.put(made, "period", period)
    written = [
        *e.simple("episode-phase", "Code", str(episode.phase)),
        *e.simple("package-version", "String", episode.package_version),
        *e.date("diagnosed", episode.diagnosed_day),
        *e.date("eligible", episode.eligible_day),
        *e.date("offered", episode.offered_day),
        *e.date("started", episode.started_day),
        *e.date("declined", episode.declined_day),
        *e.simple("decline-reason", "String", episode.decline_reason),
        *e.reference(e.x("decided-by"), episode.decided_by),
        *e.date("ended", episode.ended_day),
        *e.simple("end-reason", "Code", episode.end_reason),
        *({"url": e.x("inclusion-reason"), "valueString": reason} for reason in episode.inclusion_reasons),
        *_clock(episode.clock),
        *(_pause(pause) for pause in episode.pauses),
    ]
    if episode.pauses:
        written.extend(e.simple("paused-days", "Integer", episode.paused_days))
    if waiting is not None:
        written.extend(e.date("pause-open", waiting.start_day))
    written.extend(_holdings(episode))
    return e.with_extensions(made, _OWNED, written)


def _parts(extension: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in extension.get("extension") or ():
        found[part.get("url", "")] = next((v for k, v in part.items() if k.startswith("value")), None)
    return found


def _read_clock(resource: Mapping[str, Any]) -> RightsClock | None:
    for item in e.many(resource, e.x("rights-clock")):
        parts = _parts(item)
        start, deadline = days.parse_day(parts.get("start")), days.parse_day(parts.get("deadline"))
        length = parts.get("days")
        if not isinstance(length, int):
            length = deadline - start if start is not None and deadline is not None else 0
        known = {str(event) for event in ClockEvent}
        event = ClockEvent(parts["event"]) if parts.get("event") in known else ClockEvent.UNKNOWN
        if start is None:
            event = ClockEvent.UNKNOWN
        elif event is ClockEvent.UNKNOWN:
            start = None
        return RightsClock(str(parts.get("rule") or ""), event, start, max(0, length), parts.get("legacy") is True)
    return None


def _read_pauses(resource: Mapping[str, Any]) -> tuple[Pause, ...]:
    found = []
    for item in e.many(resource, e.x("pause")):
        parts = _parts(item)
        begin, stop = days.parse_day(parts.get("start")), days.parse_day(parts.get("end"))
        if begin is not None and (stop is None or stop >= begin):
            found.append(Pause(begin, stop, str(parts.get("reason") or "")))
    return tuple(found)


def _read_holdings(resource: Mapping[str, Any]) -> tuple[Holding, ...]:
    found = []
    for item in e.many(resource, e.x("holding")):
        parts = _parts(item)
        begin = days.parse_day(parts.get("start"))
        if begin is None:
            continue
        found.append(
            Holding(
                e.id_of((parts.get("organization") or {}).get("reference"), "Organization"),
                begin,
                days.parse_day(parts.get("end")),
                days.parse_day(parts.get("taken")),
                (parts.get("by") or {}).get("reference"),
            )
        )
    return tuple(found)


def package_of(resource: Mapping[str, Any]) -> str | None:
    """The package a course is in."""
    for concept in resource.get("type") or ():
        code = e.coding(concept, systems.PACKAGE_SYSTEM)
        if code:
            return code
    return None


def phase_of(resource: Mapping[str, Any]) -> Phase | None:
    """The phase: as our extension tells, or as the status of a foreign resource tells."""
    told = e.text(resource, "episode-phase")
    if told is None:
        return phase_of_status(str(resource.get("status")))
    return Phase(told) if told in {str(phase) for phase in Phase} else None


def read_episode(resource: Mapping[str, Any]) -> Episode:
    """The course a resource tells of; lenient about what others left out."""
    return Episode(
        id=resource.get("id"),
        patient_id=e.id_of((resource.get("patient") or {}).get("reference"), "Patient") or "",
        package=package_of(resource) or "",
        package_version=e.text(resource, "package-version") or "",
        phase=phase_of(resource) or Phase.ELIGIBLE,
        organization_id=e.id_of((resource.get("managingOrganization") or {}).get("reference"), "Organization"),
        condition_id=e.id_of((e.first(resource.get("diagnosis")).get("condition") or {}).get("reference"), "Condition"),
        diagnosed_day=e.day(resource, "diagnosed"),
        eligible_day=e.day(resource, "eligible"),
        offered_day=e.day(resource, "offered"),
        started_day=e.day(resource, "started"),
        declined_day=e.day(resource, "declined"),
        decline_reason=e.text(resource, "decline-reason"),
        decided_by=e.target(resource, e.x("decided-by")),
        ended_day=e.day(resource, "ended"),
        end_reason=e.text(resource, "end-reason"),
        inclusion_reasons=e.texts(resource, "inclusion-reason"),
        clock=_read_clock(resource),
        pauses=_read_pauses(resource),
        care_manager=(resource.get("careManager") or {}).get("reference"),
        holdings=_read_holdings(resource),
    )
