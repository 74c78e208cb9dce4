"""Resources made up from the R4 definitions: right in structure, wild in content, with anything an element may hold."""

from __future__ import annotations

from random import Random
from typing import Any

from tovholder.fhir import definitions

_CODES = ["final", "phone", "email", "replaces", "<", ">=", "depends-on", "composed-of", "predecessor", "successor"]
_CODES += ["derived-from", "x" * 300]
_DATES = ["1970", "1970-02", "2024-02-29", "2026-03-29"]
_MOMENTS = ["2026-03-29T02:30:00", "1969-12-31T23:59:59.123Z", "2026-10-25T02:30:00+02:00", "2026-01-01T24:00:00Z"]
_TEXTS = ["a", "Sørensen-Ågård, Ø.", "José", "...", "x" * 190, "x" * 250, "😀" * 210, "12 34 56 78", "Christian"]
_URIS = [
    "http://a/b",
    "http://a/b|1.0",
    "urn:oid:1.2",
    "urn:uuid:7d0dbf53-9e3a-4c3e-a7b8-c4b7c7d7f0e1",
    "#in",
    "Patient/1",
]
_REFERENCES = [
    "Patient/1",
    "Patient/1/_history/2",
    "Group/g",
    "Practitioner/p",
    "Location/l",
    "http://elsewhere/fhir/Patient/9",
    "http://tovholder.dk/fhir/Patient/8",
    "urn:uuid:7d0dbf53-9e3a-4c3e-a7b8-c4b7c7d7f0e1",
    "#in",
    "Patient?identifier=1|2",
    f"http://a/{'x' * 300}",
]
_PRIMITIVES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "date": _DATES,
    "dateTime": _DATES + _MOMENTS,
    "instant": _MOMENTS[1:3],
    "time": ["12:00:00"],
    "decimal": [0, 1, -1.5, 1.10, 1e300],
    "integer": [-1, 0, 7],
    "positiveInt": [1, 2],
    "unsignedInt": [0, 3],
    "code": _CODES,
    "id": ["a", "b-1"],
    **dict.fromkeys(("uri", "url", "canonical", "oid", "uuid"), _URIS),
}
_DEEPEST = 4


def made(random: Random, name: str, *, fill: float = 0.5) -> dict[str, Any]:
    """A resource of a type; ``fill`` is the chance each element has to be there."""
    return {"resourceType": name, **_group(random, name, fill, 0)}


def _group(random: Random, path: str, fill: float, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element in definitions.type_of(path).elements.values():
        skipped = element.name in ("extension", "modifierExtension", "contained", "text") and depth == 0
        if skipped or element.name in ("extension", "modifierExtension") or random.random() > fill:
            continue
        name, kind = random.choice(list(element.json_names().items()))
        where = element.path or kind
        values = [
            _value(random, where, fill, depth + 1)
            for _ in range(random.randint(1, 3 if depth < 2 else 2) if element.is_list else 1)
        ]
        values = [value for value in values if value != {}]
        if element.is_list and where in definitions.primitives() and random.random() < 0.1:
            values.append(None)
        if values:
            found[name] = values if element.is_list else values[0]
    if path == "Reference" and "reference" in found:
        found["reference"] = random.choice(_REFERENCES)
    return found


def _value(random: Random, kind: str, fill: float, depth: int) -> Any:
    if kind in definitions.primitives():
        return random.choice(_PRIMITIVES.get(kind, _TEXTS))
    if kind not in definitions.datatypes() and kind[0].islower():  # the id of an element
        return "a"
    if kind == "Resource":
        return {"resourceType": random.choice(["Composition", "MessageHeader", "Patient"]), "id": "inner"}
    if kind == "SampledData":
        return {"origin": {"value": 1, "unit": "V"}, "factor": 0.5, "data": random.choice(["1 2 E 3", "U L", "5"])}
    if depth > _DEEPEST or kind == "Extension":
        return {}
    return _group(random, kind, fill if depth < 3 else fill * 0.7, depth)
