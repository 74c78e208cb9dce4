"""Invitations as FHIR: a CommunicationRequest for what is wanted and how it stands, a Communication for what left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference
from tovholder.recall.domain import Standing, Way

INVITATION = "invitation"
CORRECTION = "invitation-correction"
EXEMPTION = "recall-exemption"
ROUND = f"{systems.BASE}/NamingSystem/recall-round"
NUMBER = systems.extension_url("recall-number")
# CommunicationRequest.status for each standing (R4 request-status).
STATUS: Mapping[Standing, str] = {
    Standing.LAID: "draft",
    Standing.SENDING: "active",
    Standing.FAILED: "on-hold",
    Standing.TAKEN_BACK: "revoked",
    Standing.WITHDRAWN: "revoked",
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation. steps: the plan's steps it is about, each with its course. told: why it failed."""

    id: str
    patient_id: str
    round_id: str
    number: int
    way: Way
    standing: Standing
    text: str
    sent: str
    steps: tuple[tuple[str, str], ...]
    told: str = ""
    by: str = ""

    @property
    def day(self) -> int | None:
        """The day it was sent, or laid ready."""
        return days.parse_day(self.sent)

    @property
    def activities(self) -> frozenset[str]:
        """The steps it is about."""
        return frozenset(step for step, _ in self.steps)


def made(invitation: Invitation, *, organization: str, now: str) -> dict[str, Any]:
    """A new invitation as stored."""
    resource: dict[str, Any] = {
        "resourceType": "CommunicationRequest",
        "status": STATUS[invitation.standing],
        "statusReason": reason(invitation.standing),
        "groupIdentifier": {"system": ROUND, "value": invitation.round_id},
        "category": category(INVITATION),
        "medium": [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": str(invitation.way)}]}],
        "subject": {"reference": f"Patient/{invitation.patient_id}"},
        "recipient": [{"reference": f"Patient/{invitation.patient_id}"}],
        "about": [
            {
                "reference": f"ServiceRequest/{step}",
                "extension": [
                    {
                        "url": systems.EPISODE_OF_CARE_EXTENSION,
                        "valueReference": {"reference": f"EpisodeOfCare/{episode}"},
                    }
                ],
            }
            for step, episode in invitation.steps
        ],
        "payload": [{"contentString": invitation.text}],
        "occurrenceDateTime": now,
        "authoredOn": now,
        "sender": {"reference": f"Organization/{organization}"},
        "extension": [{"url": NUMBER, "valueInteger": invitation.number}],
    }
    if invitation.by.startswith("Practitioner/"):
        resource["requester"] = {"reference": invitation.by}
    return resource


def category(code: str) -> list[dict[str, Any]]:
    """A category of ours."""
    return [{"coding": [{"system": systems.COMMUNICATION_CATEGORY_SYSTEM, "code": code}]}]


def reason(standing: Standing, told: str = "") -> dict[str, Any]:
    """How it stands, and in words why where there is more to say."""
    found: dict[str, Any] = {"coding": [{"system": systems.INVITATION_STANDING_SYSTEM, "code": str(standing)}]}
    return {**found, "text": told} if told else found


def moved(
    resource: Mapping[str, Any], standing: Standing, *, told: str = "", way: Way | None = None, now: str = ""
) -> dict[str, Any]:
    """The same invitation, standing otherwise. now: when it was sent."""
    changed = {
        **resource,
        "status": STATUS.get(standing, "completed"),
        "statusReason": reason(standing, told),
    }
    if way is not None:
        changed["medium"] = [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": str(way)}]}]
    if now:
        changed["occurrenceDateTime"] = now
    return changed


def is_of(resource: Mapping[str, Any], code: str) -> bool:
    """Whether a resource is of a category of ours."""
    held = {"system": systems.COMMUNICATION_CATEGORY_SYSTEM, "code": code}
    return any(held.items() <= one.items() for item in resource.get("category", ()) for one in item.get("coding", ()))


def read(resource: Mapping[str, Any]) -> Invitation | None:
    """An invitation of ours; None for any other request, or one that nobody can read."""
    if resource.get("resourceType") != "CommunicationRequest" or not is_of(resource, INVITATION):
        return None
    standing = _code(resource.get("statusReason", {}), systems.INVITATION_STANDING_SYSTEM)
    way = next((code for item in resource.get("medium", ()) if (code := _code(item, systems.CHANNEL_SYSTEM))), "")
    subject = parse_reference(resource.get("subject", {}).get("reference"))
    if standing not in set(Standing) or way not in set(Way) or subject is None:
        return None
    number = next((one.get("valueInteger") for one in resource.get("extension", ()) if one.get("url") == NUMBER), None)
    return Invitation(
        id=str(resource.get("id", "")),
        patient_id=subject.id,
        round_id=str(resource.get("groupIdentifier", {}).get("value", "")),
        number=number or 1,
        way=Way(way),
        standing=Standing(standing),
        text="\n\n".join(item["contentString"] for item in resource.get("payload", ()) if item.get("contentString")),
        sent=str(resource.get("occurrenceDateTime", "")),
        steps=tuple(_step(item) for item in resource.get("about", ())),
        told=str(resource.get("statusReason", {}).get("text", "")),
        by=str(resource.get("requester", {}).get("reference", "")),
    )


def _step(item: Mapping[str, Any]) -> tuple[str, str]:
    episode = next(
        (
            str(one.get("valueReference", {}).get("reference", ""))
            for one in item.get("extension", ())
            if one.get("url") == systems.EPISODE_OF_CARE_EXTENSION
        ),
        "",
    )
    return str(item.get("reference", "")).rpartition("/")[2], episode.rpartition("/")[2]


def _code(concept: Mapping[str, Any], system: str) -> str:
    return next((str(one.get("code", "")) for one in concept.get("coding", ()) if one.get("system") == system), "")


def sent(
    invitation: Invitation,
    *,
    now: str,
    status: str = "completed",
    kind: str = INVITATION,
    text: str = "",
    note: str = "",
) -> dict[str, Any]:
    """The Communication of what left, or was said."""
    episodes: Iterable[str] = dict.fromkeys(episode for _, episode in invitation.steps if episode)
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "status": status,
        "basedOn": [{"reference": f"CommunicationRequest/{invitation.id}"}],
        "category": category(kind),
        "subject": {"reference": f"Patient/{invitation.patient_id}"},
        "recipient": [{"reference": f"Patient/{invitation.patient_id}"}],
        "sent": now,
        "medium": [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": str(invitation.way)}]}],
        "payload": [{"contentString": text or invitation.text}],
        "extension": [
            {"url": systems.EPISODE_OF_CARE_EXTENSION, "valueReference": {"reference": f"EpisodeOfCare/{episode}"}}
            for episode in episodes
        ],
    }
    if kind == INVITATION:
        resource["extension"].append({"url": systems.extension_url("outcome"), "valueCode": "left-message"})
    if invitation.by.startswith("Practitioner/"):
        resource["sender"] = {"reference": invitation.by}
    if note:
        resource["note"] = [{"text": note}]
    return resource


def with_id(invitation: Invitation, identity: str) -> Invitation:
    """The invitation under the id it was stored under."""
    return replace(invitation, id=identity)
