"""Reads what the package format needs from a FHIR Questionnaire: its items, and its words in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tovholder.packages.common import Text

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def items(questionnaire: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All items, groups before what they hold."""
    for item in questionnaire.get("item", ()):
        yield item
        yield from items(item)


def link_ids(questionnaire: Mapping[str, Any]) -> frozenset[str]:
    """The linkIds of all items."""
    return frozenset(item.get("linkId", "") for item in items(questionnaire))


def translation(element: Mapping[str, Any], name: str) -> Text:
    """A string element in both languages; the Danish stands in for an English that is not written."""
    danish = element.get(name) or "?"
    return Text(da=danish, en=english(element, name) or danish)


def english(element: Mapping[str, Any], name: str) -> str | None:
    """The English of a string element by the translation extension, if it is written."""
    for extension in element.get(f"_{name}", {}).get("extension", ()):
        if extension.get("url") != TRANSLATION:
            continue
        parts = {part.get("url"): part for part in extension.get("extension", ())}
        if parts.get("lang", {}).get("valueCode") == "en":
            text = parts.get("content", {}).get("valueString")
            return str(text) if text else None
    return None
