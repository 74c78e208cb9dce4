"""What a package's resources are called: canonical urls, ids, our extensions, and words in two languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tovholder.base import days
from tovholder.fhir import systems
from tovholder.packages.common import CodeValue, Source, SourceKind, Text
from tovholder.packages.model import Package
from tovholder.packages.questionnaires import TRANSLATION

Json = dict[str, Any]

OUR_ID = "tovholder-"  # what the ids of what we publish begin with
GROUP_IDENTIFIER = f"{systems.BASE}/NamingSystem/package-group"
JURISDICTION = {"coding": [{"system": "urn:iso:std:iso:3166", "code": "DK", "display": "Denmark"}]}

# Our extensions in definitions (fhir/definitions/own/extensions.json).
APPROVER = systems.extension_url("package-approver")
REVIEW = systems.extension_url("plan-review-after")
HORIZON = systems.extension_url("plan-horizon")
ANCHOR = systems.extension_url("activity-anchor")
ANCHOR_INPUT = systems.extension_url("activity-anchor-input")
SEASON = systems.extension_url("activity-season")
WINDOW = systems.extension_url("activity-window")
FIRST = systems.extension_url("activity-first")
# Standard: the days of a cycle, the first of which is day 1 (R4 extension timing-daysOfCycle).
DAYS_OF_CYCLE = "http://hl7.org/fhir/StructureDefinition/timing-daysOfCycle"
REFERRAL = systems.extension_url("activity-referral")
SHARED = systems.extension_url("activity-shared")
TEST = systems.extension_url("activity-test")
GOAL_WHEN = systems.extension_url("goal-condition")
TARGET_INPUT = systems.extension_url("goal-target-input")
VALUE_SET = systems.extension_url("group-value-set")
OURS = frozenset({
    APPROVER, REVIEW, HORIZON, ANCHOR, ANCHOR_INPUT, SEASON, WINDOW, FIRST, REFERRAL, SHARED, TEST, GOAL_WHEN,
    TARGET_INPUT, VALUE_SET,
})  # fmt: skip


def url(kind: str, name: str) -> str:
    """The canonical url of one of our definitions, without version."""
    return f"{systems.BASE}/{kind}/{name}"


def resource_id(name: str, version: str) -> str:
    """The id a definition is served under: one for each version."""
    return f"{OUR_ID}{name}-{version}"


def activity_name(package_id: str, activity_id: str) -> str:
    """What the ActivityDefinition of an activity is called."""
    return f"{package_id}-{activity_id}"


def put_text(resource: Json, name: str, text: Text) -> None:
    """A string in Danish, with the English by the translation extension."""
    resource[name] = text.da
    if text.en != text.da:
        resource[f"_{name}"] = {"extension": [translated(text.en)]}


def translated(english: str) -> Json:
    """The translation extension."""
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": english}]
    return {"url": TRANSLATION, "extension": parts}


def concept(text: Text, codes: Iterable[CodeValue] = ()) -> Json:
    """A CodeableConcept with words in both languages."""
    made: Json = {}
    listed = [coding(held) for held in codes]
    if listed:
        made["coding"] = listed
    put_text(made, "text", text)
    return made


def coding(held: CodeValue) -> Json:
    """A Coding."""
    made = {"system": held.system, "code": held.code}
    return made | ({"display": held.display} if held.display else {})


def extension(address: str, **value: object) -> Json:
    """An extension with one value: ``extension(FIRST, valueDuration=…)``."""
    return {"url": address, **value}


def duration(value: int, unit: str) -> Json:
    """A UCUM duration in days (d) or calendar months (mo)."""
    return {"value": value, "unit": {"d": "d", "mo": "mo"}[unit], "system": systems.UCUM, "code": unit}


def computer_name(*parts: str) -> str:
    """A name R4 takes as a class name: letters and digits, the first upper-case."""
    words = "".join(word[:1].upper() + word[1:] for part in parts for word in part.replace(".", "-").split("-"))
    return "".join(char for char in words if char.isalnum())


def head(package: Package, kind: str, name: str, titles: Text, *, in_force: bool = True) -> Json:
    """What every canonical resource of a package says of itself."""
    made: Json = {
        "resourceType": kind,
        "id": resource_id(name, package.version),
        "language": "da",
        "url": url(kind, name),
        "version": package.version,
        "name": computer_name(name),
    }
    put_text(made, "title", titles)
    made["status"] = "active" if in_force else "retired"
    made["experimental"] = False
    made["date"] = days.iso(package.valid_from)
    made["publisher"] = "Tovholder"
    made["jurisdiction"] = [JURISDICTION]
    return made


def artifacts(sources: Iterable[Source]) -> list[Json]:
    """Sources as related artifacts: what a default of ours rests on is told as our own documentation, no citation."""
    return [artifact(held) for held in sources]


def artifact(held: Source) -> Json:
    """One source."""
    made: Json = {
        "type": "documentation" if held.kind is SourceKind.DEFAULT else "citation",
        "label": held.id,
        "display": held.text,
    }
    return made | ({"url": held.link} if held.link else {})


def value_of(element: Mapping[str, Any], address: str) -> Any:
    """The value of the first extension with a url, None when there is none."""
    for item in element.get("extension") or ():
        if item.get("url") == address:
            return next((held for key, held in item.items() if key.startswith("value")), None)
    return None


def values_of(element: Mapping[str, Any], address: str) -> list[Any]:
    """The values of all extensions with a url."""
    return [
        held
        for item in element.get("extension") or ()
        if item.get("url") == address
        for key, held in item.items()
        if key.startswith("value")
    ]


def source_of(documentation: Iterable[Mapping[str, Any]]) -> str:
    """The id of the source an element was documented by; a word for it where nothing says so."""
    label = next((str(item.get("label", "")) for item in documentation), "")
    return label if label and all(char.isalnum() or char in "._-" for char in label) else "definition"
