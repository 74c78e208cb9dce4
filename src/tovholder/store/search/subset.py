"""Parts of resources: _summary and _elements; what was cut says so by a tag (R4 §3.1.1.5.8, §3.1.1.5.9)."""

from __future__ import annotations

from typing import Any

from tovholder.fhir import definitions
from tovholder.store.search.query import Query

Resource = dict[str, Any]
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
# Whatever is asked for: what it is, and what may turn its meaning round.
_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})


def wanted(query: Query) -> bool:
    """Whether the search asks for parts."""
    return bool(query.elements) or query.summary in ("true", "text", "data")


def part(resource: Resource, query: Query) -> Resource:
    """The part of a resource a search asks for; mandatory elements stay."""
    kind = resource["resourceType"]
    needed = definitions.mandatory_elements(kind)
    if query.elements:
        listed = query.elements | {f"_{name}" for name in query.elements}
        choices = {
            name
            for element in query.elements
            if (found := definitions.find(kind, element)) is not None
            for name in found.json_names()
        }
        kept = {
            name: value for name, value in resource.items() if name in listed or name.lstrip("_") in needed | choices
        }
    elif query.summary == "text":
        kept = {name: value for name, value in resource.items() if name == "text" or name.lstrip("_") in needed}
    elif query.summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        kept = _summary(resource, kind)
    whole = {name: value for name, value in resource.items() if name in _ALWAYS or name in kept}
    made = {name: kept.get(name, value) for name, value in whole.items()}
    meta = made.get("meta") or {}
    tags = [tag for tag in meta.get("tag", []) if tag.get("code") != "SUBSETTED"]
    return {**made, "meta": {**meta, "tag": [*tags, SUBSETTED]}}


def _summary(value: Resource, path: str) -> Resource:
    names = definitions.summary_elements(path)
    found: Resource = {}
    for name, child in value.items():
        plain = name.removeprefix("_")
        if plain not in names:
            continue
        below = definitions.child_path(path, plain)
        found[name] = child if name.startswith("_") else _below(child, below)
    return found


def _below(value: Any, path: str) -> Any:
    # Groups are cut as their resource is; a datatype is given whole: half an address helps nobody.
    if "." not in path:
        return value
    if isinstance(value, list):
        return [_below(item, path) for item in value]
    return _summary(value, path) if isinstance(value, dict) else value
