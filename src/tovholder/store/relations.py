"""Which relation rows a resource gives: own list, care team, referral receiver, current appointment, hospital contact.

What the patient opens themselves stands in a Consent (store/consents.py).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tovholder.access.relations import RelationRow
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference, patient_of
from tovholder.store import consents

# An appointment further ahead than this, counted from when it was stored, opens the record no longer for that; nor does
# a contact nobody told the end of.
LONGEST_WAIT_DAYS = 400
SOURCES = frozenset({"Patient", "EpisodeOfCare", "CareTeam", "Task", "Appointment", "Encounter", "Consent"})
# Those whose relations hang on when they were stored.
DATED = frozenset({"Task", "Appointment", "Encounter", "EpisodeOfCare"})
_CONTACTS = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})


def relations_of(resource: dict[str, Any]) -> list[RelationRow]:
    """The relation rows of one current resource; none when it is about no patient or not in force."""
    kind = resource["resourceType"]
    patient = patient_of(resource)
    if kind not in SOURCES or patient is None or resource.get("status") == "entered-in-error":
        return []
    source = f"{kind}/{resource['id']}"
    aftercare: int = settings.ENV.aftercare_days

    def row(organization: str, relation: str, from_day: int = 0, to_day: int | None = None) -> RelationRow:
        return RelationRow(patient, organization, relation, source, from_day, to_day)

    if kind == "Patient":
        found = _organizations(resource.get("generalPractitioner", []))
        return [row(organization, "own-list") for organization in found]
    if kind == "EpisodeOfCare":
        found = _organizations([resource.get("managingOrganization", {})])
        last = _closed(resource)
        until = None if last is None else last + aftercare
        return [row(organization, "care-team", 0, until) for organization in found]
    if kind == "CareTeam":
        if resource.get("status") not in ("active", "proposed"):
            return []
        members = [part.get("member", {}) for part in resource.get("participant", [])]
        members += [part.get("onBehalfOf", {}) for part in resource.get("participant", [])]
        return [row(organization, "care-team") for organization in _organizations(members)]
    if kind == "Consent":
        return list(consents.told(resource).opened)
    if kind == "Encounter":
        return [row(o, "contact", *span) for o in _provider(resource) if (span := _contact(resource, aftercare))]
    if kind == "Task":
        if resource.get("status") == "draft":  # not sent yet
            return []
        start = days.parse_day(resource.get("authoredOn")) or 0
        ended = resource.get("status") in ("completed", "cancelled", "rejected", "failed")
        to_day = _ended(resource) + aftercare if ended else None
        return [row(o, "referral", start, to_day) for o in _organizations([resource.get("owner", {})])]
    if resource.get("status") in ("cancelled", "proposed"):
        return []
    start_day = days.parse_day(resource.get("start")) or 0
    actors = [part.get("actor", {}) for part in resource.get("participant", [])]
    for extension in resource.get("extension", []):
        if extension.get("url") == systems.extension_url("organization"):
            actors.append(extension.get("valueReference", {}))
    created = days.parse_day(resource.get("created")) or max(start_day - 365, 0)
    stored = _stored(resource)
    last_day = start_day if stored is None else min(start_day, stored + LONGEST_WAIT_DAYS)
    return [row(o, "appointment", created, last_day + aftercare) for o in _organizations(actors)]


def _provider(encounter: dict[str, Any]) -> list[str]:
    return _organizations([encounter.get("serviceProvider", {})])


def _contact(encounter: dict[str, Any], aftercare: int) -> tuple[int, int] | None:
    """From the day a contact began until it has been over for a while; None for one that was over then when stored."""
    period = encounter.get("period") or {}
    start = days.parse_day(period.get("start"))
    if start is None or encounter.get("status") not in _CONTACTS:
        return None
    stored = _stored(encounter)
    end = days.parse_day(period.get("end"))
    if end is None and encounter.get("status") == "finished":
        end = start
    longest = (start if stored is None else stored) + LONGEST_WAIT_DAYS
    to_day = min(longest, end if end is not None else longest) + aftercare
    return None if stored is not None and to_day < stored else (start, to_day)


def _closed(episode: dict[str, Any]) -> int | None:
    """The day a closed course closed, no later than it was stored: then it opens the record no longer by itself, and who
    has moved since is seen by the clinic that holds the rope now. None for one that is open.
    """
    if episode.get("status") not in ("finished", "cancelled"):
        return None
    told = [days.parse_day((episode.get("period") or {}).get("end"))]
    told += [
        days.parse_day(item.get("valueDate"))
        for item in episode.get("extension") or ()
        if item.get("url") in (systems.extension_url("ended"), systems.extension_url("declined"))
    ]
    known = [day for day in told if day is not None]
    stored = _stored(episode)
    if not known:
        return stored
    return max(known) if stored is None else min(max(known), stored)


def _ended(task: dict[str, Any]) -> int:
    """The day a task was over: as it says, but no later than it was stored."""
    told = task.get("lastModified") or (task.get("executionPeriod") or {}).get("end") or task.get("authoredOn")
    return min((day for day in (days.parse_day(told), _stored(task)) if day is not None), default=0)


def _stored(resource: dict[str, Any]) -> int | None:
    return days.parse_day((resource.get("meta") or {}).get("lastUpdated"))


def _organizations(references: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for reference in references:
        parsed = parse_reference(reference.get("reference", ""))
        if parsed is not None and parsed.type == "Organization" and not parsed.base and parsed.id not in found:
            found.append(parsed.id)
    return found
