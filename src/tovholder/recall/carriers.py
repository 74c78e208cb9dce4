"""The ways an invitation goes out: a port for each, and an outbox of our own that needs nobody else.

What is sent stands in the record as a Communication whichever way it goes, and the patient reads it in MinPlan. With the
outbox that is all there is, in one transaction. A way that leaves the house is handed a parcel with a key: it is asked
again with the same key when nobody knows whether the first time came through, and must send once for a key, or say that
it cannot promise that (``once``).
"""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tovholder.base import days
from tovholder.recall.domain import Way
from tovholder.recall.texts import LABEL, SMS

MEMO = "https://DigitalPost.dk/MeMo-1"


class NotSent(Exception):
    """The way refused: why, in words a clinic can act on. Never holds who it was for."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed over. key: the same however often it is tried. cpr, mobile: "" where not known. made: epoch day."""

    key: str
    text: str
    sender: str
    sender_id: str
    cpr: str
    mobile: str
    made: int


class Carrier(Protocol):
    """A way out of the house."""

    @property
    def once(self) -> bool:
        """Whether the same key handed over twice is sent once."""

    def hand_over(self, parcel: Parcel) -> None:
        """Take the parcel. Raises NotSent."""


@dataclass(frozen=True, slots=True)
class DigitalPost:
    """Digital Post as a MeMo message; ``post`` takes the XML and the message's UUID and sends once for each."""

    post: Callable[[bytes, str], None]
    once: bool = True

    def hand_over(self, parcel: Parcel) -> None:
        """See Carrier."""
        if not parcel.cpr:
            raise NotSent("Der står intet CPR-nummer på patienten.")
        self.post(memo(parcel), parcel.key)


@dataclass(frozen=True, slots=True)
class Sms:
    """An SMS that says that a message lies in MinPlan; ``text`` takes number, words and key."""

    text: Callable[[str, str, str], None]
    once: bool = False

    def hand_over(self, parcel: Parcel) -> None:
        """See Carrier."""
        if not parcel.mobile:
            raise NotSent("Der står intet mobilnummer på patienten.")
        self.text(parcel.mobile, SMS, parcel.key)


def memo(parcel: Parcel) -> bytes:
    """The message in the shape of MeMo 1 (Digital Post's message model): a text document to one person.

    The label, which stands in lists and notices, says nothing about health.
    """
    ET.register_namespace("memo", MEMO)

    def add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
        made = ET.SubElement(parent, f"{{{MEMO}}}{name}")
        made.text = text or None
        return made

    root = ET.Element(f"{{{MEMO}}}Message", {"memoVersion": "1.1"})
    head = add(root, "MessageHeader")
    add(head, "messageType", "DIGITALPOST")
    add(head, "messageUUID", parcel.key)
    add(head, "label", LABEL)
    add(head, "mandatory", "false")
    add(head, "legalNotification", "false")
    sender = add(head, "Sender")
    add(sender, "senderID", parcel.sender_id)
    add(sender, "idType", "CVR")
    add(sender, "label", parcel.sender)
    recipient = add(head, "Recipient")
    add(recipient, "recipientID", parcel.cpr)
    add(recipient, "idType", "CPR")
    body = add(root, "MessageBody")
    add(body, "createdDateTime", days.instant_text(days.noon(parcel.made)))
    file = add(add(body, "MainDocument"), "File")
    add(file, "encodingFormat", "text/plain")
    add(file, "filename", "besked.txt")
    add(file, "language", "da")
    add(file, "content", base64.b64encode(parcel.text.encode()).decode())
    told: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return told


_bound: dict[Way, Carrier] = {}


def use(way: Way, carrier: Carrier | None) -> None:
    """Bind a way out of the house (config/wiring), or take it off again: then the outbox alone is left."""
    if carrier is None:
        _bound.pop(way, None)
    else:
        _bound[way] = carrier


def bound(way: Way) -> Carrier | None:
    """The carrier of a way; None for the outbox."""
    return _bound.get(way)
