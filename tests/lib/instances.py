"""Makes up values of any R4 type from the definitions, leaning towards the elements and texts a rule speaks of."""

from __future__ import annotations

import random
import re
from typing import Any

from tovholder.fhir import definitions
from tovholder.fhir.definitions import Element

_WORD = re.compile(r"[A-Za-z]+")
_TEXT = re.compile(r"'([^'\\]*)'")
_DATES = (
    "2026",
    "2026-03",
    "2026-03-01",
    "2026-03-02",
    "2025-12-31",
    "2026-03-01T10:00:00Z",
    "2026-03-01T11:00:00+01:00",
)
_DEEPEST = 4


class Maker:
    """Makes structurally sound values; ``expression`` says which elements to favour and which texts to use."""

    def __init__(self, chance: random.Random, expression: str) -> None:
        self.chance = chance
        self.names = frozenset(_WORD.findall(expression))
        spoken = [text for text in _TEXT.findall(expression) if text and not set(text) & set(" []{}^$")]
        self.texts = [*spoken, *spoken, "a", "b"]

    def make(self, path: str, depth: int = 0) -> Any:
        """A value of a type or group; of a primitive, just its value."""
        primitive = self._primitive(path)
        if primitive is not None:
            return primitive
        made: dict[str, Any] = {}
        definition = definitions.type_of(path)
        for element in definition.elements.values():
            if not self._wanted(element, depth):
                continue
            names = element.json_names()
            favoured = [name for name, kind in names.items() if kind in self.names or name in self.names] or list(names)
            name = self.chance.choice(favoured if self.chance.random() < 0.7 else list(names))
            values = [
                self._one(element, names[name], depth)
                for _ in range(self.chance.choice((1, 2, 3)) if element.is_list else 1)
            ]
            values = [value for value in values if value is not None and value != {}]
            if values:
                made[name] = values if element.is_list else values[0]
        if definition.kind == "resource":
            made["resourceType"] = path
        elif not made and "extension" in definition.elements:
            made["extension"] = [{"url": "http://example.org/x", "valueBoolean": True}]
        return made

    def _wanted(self, element: Element, depth: int) -> bool:
        if element.name in ("contained", "meta", "text", "modifierExtension", "implicitRules"):
            return False
        if element.minimum and depth < _DEEPEST + 2:
            return True
        if element.name in self.names:
            return self.chance.random() < (0.6 if depth < _DEEPEST else 0.1)
        return False

    def _one(self, element: Element, kind: str, depth: int) -> Any:
        if kind == "Resource":
            first = self.chance.choice(("Composition", "MessageHeader", "Patient"))
            return {"resourceType": first, "meta": {"versionId": self.chance.choice("12")}}
        if kind == "code" and element.binding and (codes := definitions.ordered_codes(element.binding)):
            fitting = [code for code in codes if code in self.texts]
            return self.chance.choice(fitting if fitting and self.chance.random() < 0.7 else codes[:4])
        if kind == "Extension":
            return {"url": "http://example.org/x", "valueBoolean": True}
        return self.make(element.path or kind, depth + 1)

    def _primitive(self, kind: str) -> Any:
        chance = self.chance
        match kind:
            case "boolean":
                return chance.random() < 0.5
            case "integer" | "decimal":
                return chance.choice((-1, 0, 1, 5, 101))
            case "positiveInt" | "unsignedInt":
                return chance.choice((1, 2, 7))
            case "date":
                return chance.choice(_DATES[:5])
            case "dateTime":
                return chance.choice(_DATES)
            case "instant":
                return chance.choice(_DATES[5:])
            case "time":
                return chance.choice(("10:00:00", "11:30:00"))
            case "base64Binary":
                return "aGVq"
            case _ if kind in definitions.primitives() or kind == "element-id":
                return chance.choice(
                    (*self.texts, "1", "7", "*", "Patient.a", "Patient", "A_b", "http://example.org/x")
                )
        return None
