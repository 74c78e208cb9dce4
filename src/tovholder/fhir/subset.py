"""Parts of a resource: ``_summary`` and ``_elements``, marked as such (R4 §3.1.1.5.8, §3.1.1.5.9)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tovholder.fhir import definitions

Resource = dict[str, Any]
MODES = ("true", "text", "data", "count", "false")
# meta.tag of whatever was left out of: nobody may store it back as the whole.
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS = frozenset({"resourceType", "id", "meta"})


def summarized(resource: Resource, mode: str) -> Resource:
    """The resource as ``_summary`` asks: true, text (and what must be there) or data (all but text); else whole."""
    kind = str(resource.get("resourceType"))
    if mode == "true":
        return _marked(_summary(resource, kind))
    if mode == "text":
        return _marked(_kept(resource, _ALWAYS | {"text"} | definitions.mandatory_elements(kind)))
    if mode == "data":
        return _marked({name: value for name, value in resource.items() if name != "text"})
    return resource


def elements(resource: Resource, names: Collection[str]) -> Resource:
    """The resource with the elements named, and those it may not be without; a choice is named without its type."""
    kind = str(resource.get("resourceType"))
    wanted = set(names)
    found = {name for name in resource if name in wanted or _base_name(kind, name) in wanted}
    return _marked(_kept(resource, _ALWAYS | found | definitions.mandatory_elements(kind)))


def _base_name(kind: str, name: str) -> str:
    element = definitions.find(kind, name.removeprefix("_"))
    return element.name if element is not None else ""


def _kept(resource: Resource, names: Collection[str]) -> Resource:
    return {name: value for name, value in resource.items() if name in names or name.removeprefix("_") in names}


def _summary(value: Resource, type_path: str) -> Resource:
    names = definitions.summary_elements(type_path)
    found: Resource = {}
    for name, child in value.items():
        plain = name.removeprefix("_")
        if name == "resourceType" or plain in names:
            below = definitions.child_path(type_path, name)
            # Only groups of the resource's own are looked into: a datatype is shown whole or not at all.
            found[name] = _inside(child, below) if "." in below else child
    return found


def _inside(value: Any, type_path: str) -> Any:
    if isinstance(value, list):
        return [_inside(item, type_path) for item in value]
    return _summary(value, type_path) if isinstance(value, dict) else value


def _marked(resource: Resource) -> Resource:
    meta = resource.get("meta") or {}
    tags = [tag for tag in meta.get("tag", []) if tag != SUBSETTED]
    return {**resource, "meta": {**meta, "tag": [*tags, SUBSETTED]}}
