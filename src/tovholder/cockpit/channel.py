"""The way to a patient: a port that takes a message and keeps what was sent in the record.

The outbox is the way that needs nobody else: the message is a Communication to the patient, who reads it in MinPlan. A
clinic with another way (Digital Post, SMS, a letter) binds that one; the record is written alike by all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem, rule
from tovholder.fhir import systems
from tovholder.store import UnitOfWork

MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Message:
    """What is told to one patient. flag_rule: the flag it is about, "" for none."""

    patient_id: str
    episode_id: str
    flag_rule: str
    text: str
    sender: str


class Channel(Protocol):
    """A way a message goes; reached by ``send`` alone, which asks first whether there is anybody to send to."""

    @property
    def name(self) -> str:
        """What the way is called in the record (CodeSystem/channel)."""

    def send(self, uow: UnitOfWork, message: Message) -> str:
        """Send, and keep what was sent; the id of the Communication. Nothing leaves before the unit is committed."""


class Outbox:
    """What was sent lies where the patient reads it: in the record, shown in MinPlan."""

    name = MESSAGE

    def send(self, uow: UnitOfWork, message: Message) -> str:
        """See Channel."""
        return uow.create(communication(uow, message, self.name)).id


def communication(uow: UnitOfWork, message: Message, channel: str) -> dict[str, Any]:
    """The record of a message, as an attempt to reach the patient whose outcome is that a message lies there."""
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [{"coding": [{"system": systems.COMMUNICATION_CATEGORY_SYSTEM, "code": MESSAGE}]}],
        "subject": {"reference": f"Patient/{message.patient_id}"},
        "recipient": [{"reference": f"Patient/{message.patient_id}"}],
        "sent": days.instant_text(uow.ctx.now),
        "medium": [{"coding": [{"system": systems.CHANNEL_SYSTEM, "code": channel}]}],
        "payload": [{"contentString": message.text}],
        "extension": about(message.episode_id, message.flag_rule),
    }
    resource["extension"].append({"url": systems.extension_url("outcome"), "valueCode": "left-message"})
    if message.sender.startswith("Practitioner/"):
        resource["sender"] = {"reference": message.sender}
    return resource


def about(episode_id: str, flag_rule: str) -> list[dict[str, Any]]:
    """The extensions that say which course and flag something is about."""
    found: list[dict[str, Any]] = [
        {"url": systems.EPISODE_OF_CARE_EXTENSION, "valueReference": {"reference": f"EpisodeOfCare/{episode_id}"}}
    ]
    if flag_rule:
        found.append({"url": systems.extension_url("flag-rule"), "valueCode": flag_rule})
    return found


_bound: Channel = Outbox()


def use(channel: Channel) -> None:
    """Bind the way messages go (config/wiring)."""
    global _bound
    _bound = channel


def send(uow: UnitOfWork, message: Message) -> str:
    """Send by the way that is bound; the id of the Communication. Raises Problem(RULE) when the patient is dead."""
    refuse_dead(uow.read("Patient", message.patient_id))
    return _bound.send(uow, message)


def is_dead(patient: Mapping[str, Any]) -> bool:
    """Whether a Patient is told to be dead, with or without a day (R4 Patient.deceased[x])."""
    return bool(patient.get("deceasedDateTime") or patient.get("deceasedBoolean"))


def refuse_dead(patient: Mapping[str, Any]) -> None:
    """Raise Problem(RULE) for somebody who is dead: nobody writes to them, whatever the page that asked."""
    if is_dead(patient):
        raise rule("Patient.deceased", "the patient is dead", "somebody who can be written to")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the patient reads it. sent: the instant, as written."""

    text: str
    sent: str

    @property
    def day(self) -> int | None:
        """The day it was sent."""
        return days.parse_day(self.sent)


def received(ctx: Context, patient_id: str, *, most: int = 5, besides: str = "") -> tuple[Received, ...]:
    """The newest messages to the patient; none for who may not read them. besides: left out are those sent for this request."""
    try:
        found = store.search_all(ctx, "Communication", [("patient", f"Patient/{patient_id}")])
    except Problem as problem:
        if problem.category is not Category.FORBIDDEN:
            raise
        return ()
    told = [
        Received(item["contentString"], str(entry.resource.get("sent", "")))
        for entry in found
        if entry.resource.get("status") == "completed"
        and {"reference": f"Patient/{patient_id}"} in entry.resource.get("recipient", ())
        and not (besides and {"reference": besides} in entry.resource.get("basedOn", ()))
        for item in entry.resource.get("payload", ())
        if item.get("contentString")
    ]
    return tuple(sorted(told, key=lambda one: moment(one.sent), reverse=True)[:most])


def moment(sent: str | None) -> int:
    """When something was sent, in milliseconds, as any system may write it: of a day alone its beginning; 0 for unknown."""
    try:
        return days.millis(days.parse_instant(sent or ""))
    except ValueError:
        day = days.parse_day(sent)
        return 0 if day is None else days.millis(days.midnight(day))
