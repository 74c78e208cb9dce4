"""What an ActivityDefinition asks for: the ServiceRequest it becomes, without patient and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import systems
from tovholder.packages.fhir import elements
from tovholder.packages.fhir.naming import Json

_INTENTS = frozenset({"proposal", "plan"})
_COPIED = {
    "code": "code",
    "priority": "priority",
    "doNotPerform": "doNotPerform",
    "location": "locationReference",
    "quantity": "quantityQuantity",
    "bodySite": "bodySite",
}


@dataclass
class Refusals:
    """What a reading refuses, collected instead of stopping at the first."""

    issues: list[Issue] = field(default_factory=list)

    def refuse(self, place: str, message: str, expected: str) -> None:
        """Note an element that is not acted on, and what is supported."""
        self.issues.append(Issue(place, message, expected, "not-supported"))

    def require_none(self) -> None:
        """Raise Problem(UNSUPPORTED) with all of them, if there are any."""
        count = len(self.issues)
        if count:
            told = "1 element of it is" if count == 1 else f"{count} elements of it are"
            raise Problem(
                Category.UNSUPPORTED,
                f"The definition cannot be applied: {told} not supported",
                self.issues,
                kept="nothing was made or stored",
            )


def status(faults: Refusals, held: Mapping[str, Any], place: str) -> None:
    """Only what is in use, or about to be, is applied."""
    if held.get("status") not in ("draft", "active"):
        faults.refuse(f"{place}.status", "a definition that is no longer in use is not applied", "draft or active")


def patient(faults: Refusals, held: Mapping[str, Any], place: str) -> None:
    """Plans are patients'."""
    told = held.get("subjectCodeableConcept")
    if told is not None and {item.get("code") for item in told.get("coding", ())} != {"Patient"}:
        faults.refuse(f"{place}.subjectCodeableConcept", "another kind of subject", "the code Patient")


def request(faults: Refusals, held: Json, place: str) -> Json:
    """The ServiceRequest an ActivityDefinition asks for."""
    for issue in elements.unsupported(held):
        faults.refuse(issue.path.replace("ActivityDefinition", place, 1), issue.message, issue.expected)
    status(faults, held, place)
    patient(faults, held, place)
    if held.get("kind") != "ServiceRequest":
        faults.refuse(f"{place}.kind", "another kind of request", "ServiceRequest")
    if not held.get("code"):
        faults.refuse(f"{place}.code", "missing", "what is asked for")
    if held.get("intent", "plan") not in _INTENTS:
        faults.refuse(f"{place}.intent", "asks somebody before a person has decided", "proposal or plan")
    made: Json = {"resourceType": "ServiceRequest", "intent": held.get("intent", "proposal")}
    for name, target in _COPIED.items():
        if name in held:
            made[target] = [held[name]] if name == "location" else held[name]
    asked = performer(faults, held.get("participant", ()), place)
    if asked:
        made["performerType"] = asked
    if "text" not in made.get("code", {}) and held.get("title"):
        made["code"] = {**made.get("code", {}), "text": held["title"]}
    return made


def performer(faults: Refusals, told: Sequence[Json], place: str) -> Json | None:
    """Who is to do it, as ServiceRequest.performerType."""
    if len(told) > 1:
        faults.refuse(f"{place}.participant", "several take part", "at most one")
    if not told:
        return None
    kind = told[0].get("type")
    if kind not in ("practitioner", "patient"):
        faults.refuse(f"{place}.participant[0].type", "another kind of participant", "practitioner or patient")
    role = told[0].get("role")
    if role is None and kind == "patient":
        return {"coding": [{"system": systems.RECEIVER_SYSTEM, "code": "patient"}]}
    return role
