"""A MedCom HospitalNotification as a value: whose stay, how it stands, who tells it and when.

http://medcomfhir.dk/ig/hospitalnotification 3.0.2. Read leniently: what is not understood of a message is passed over,
what a stay cannot be told without is asked for by its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference

EVENT = "hospital-notification-message"
STATUSES = ("in-progress", "onleave", "finished", "entered-in-error")
CLASSES = ("IMP", "EMER", "ACUTE", "NONAC", "SS", "OBSENC")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """What one message tells. ``stay``: identifiers the stay keeps in all its messages; ``told_ms``: when it was told."""

    message: str
    told_ms: int
    cpr: str
    stay: tuple[tuple[str, str], ...]
    status: str
    kind: str  # class of the Encounter
    start: str
    end: str | None
    place: str  # what the hospital calls itself
    sor: str  # and its SOR number, where it says one


def read(bundle: Json) -> Notice:
    """The notice a message Bundle holds. Raises Problem: UNSUPPORTED for another message, INVALID with every fault."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "message":
        raise _invalid([Issue("Bundle.type", "not a message", "message")])
    resources = [entry.get("resource") or {} for entry in bundle.get("entry") or () if isinstance(entry, dict)]
    header = resources[0] if resources and resources[0].get("resourceType") == "MessageHeader" else {}
    event = (header.get("eventCoding") or {}).get("code")
    if event != EVENT:
        issue = Issue("MessageHeader.eventCoding", "this message is not taken in here", EVENT, "not-supported")
        raise Problem(Category.UNSUPPORTED, "The message is of another kind", [issue], kept="nothing was changed")
    found = {f"{item.get('resourceType')}/{item.get('id')}": item for item in resources}
    stay = _referred(header.get("focus"), found, "Encounter")
    person = _referred([stay.get("subject") or {}], found, "Patient")
    place = _referred([stay.get("serviceProvider") or {}], found, "Organization")
    issues: list[Issue] = []
    cpr = next((one for one in _identifiers(person, systems.CPR)), "")
    named = tuple(_stay(stay))
    period = stay.get("period") or {}
    told = _moment(bundle.get("timestamp"))
    status, kind = str(stay.get("status") or ""), str((stay.get("class") or {}).get("code") or "")
    if not stay:
        issues.append(Issue("MessageHeader.focus", "the message is about no Encounter of its own", "one"))
    if not cpr:
        issues.append(Issue("Patient.identifier", "no CPR number", f"one of {systems.CPR}"))
    if not named:
        issues.append(
            Issue("Encounter.episodeOfCare.identifier", "the stay has no identifier", "the same in all messages")
        )
    if status not in STATUSES:
        issues.append(Issue("Encounter.status", "not a status of a notification", ", ".join(STATUSES), "value"))
    if kind not in CLASSES:
        issues.append(Issue("Encounter.class", "not a kind of stay", ", ".join(CLASSES), "value"))
    start, end = _moment(period.get("start")), _moment(period.get("end"))
    if start is None or (period.get("end") and (end is None or end < start)):
        issues.append(
            Issue("Encounter.period", "when the stay began or ended cannot be read", "start, and end after it")
        )
    if status == "finished" and end is None:
        issues.append(Issue("Encounter.period.end", "the stay is over, and nobody says since when", "an instant"))
    if told is None:
        issues.append(Issue("Bundle.timestamp", "when the message was made is missing", "an instant"))
    if issues or told is None:
        raise _invalid(issues)
    return Notice(
        message=str(header.get("id") or ""),
        told_ms=round(told.timestamp() * 1000),
        cpr=cpr,
        stay=named,
        status=status,
        kind=kind,
        start=str(period["start"]),
        end=str(period["end"]) if period.get("end") else None,
        place=str(place.get("name") or ""),
        sor=next((one for one in _identifiers(place, systems.SOR)), ""),
    )


def _invalid(issues: list[Issue]) -> Problem:
    return Problem(Category.INVALID, "The notification cannot be read", issues, kept="nothing was changed")


def _referred(references: Any, found: Mapping[str, Json], kind: str) -> Json:
    for one in references or ():
        ref = parse_reference(str(one.get("reference") or "")) if isinstance(one, dict) else None
        if ref is not None and ref.type == kind and f"{kind}/{ref.id}" in found:
            return found[f"{kind}/{ref.id}"]
    return {}


def _identifiers(resource: Json, system: str) -> Iterator[str]:
    for one in resource.get("identifier") or ():
        if one.get("system") == system and one.get("value"):
            yield str(one["value"])


def _stay(encounter: Json) -> Iterator[tuple[str, str]]:
    """The identifiers of the stay; written with and without ``urn:uuid:`` they are the same."""
    for one in encounter.get("episodeOfCare") or ():
        identifier = one.get("identifier") or {}
        if identifier.get("system") and identifier.get("value"):
            yield str(identifier["system"]), str(identifier["value"]).removeprefix("urn:uuid:")


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
