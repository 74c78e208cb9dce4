"""The hand-written R4 invariants of conformance resources: StructureDefinition, CodeSystem, CapabilityStatement and their kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tovholder.fhir.invariants_scope import Broken, Object, Scope, never, repeated


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19 else None


def _eld_2(o: Object, scope: Scope) -> bool:
    most = _number(o.get("max"))
    return most is not None and "min" in o and bool(o["min"] > most)


def _eld_3(value: Any, scope: Scope) -> bool:
    return value is not None and value != "*" and _number(value) is None


def _eld_11(o: Object, scope: Scope) -> bool:
    """Binding can only be present for coded elements, string, and uri."""
    if "binding" not in o:
        return False
    kinds = [kind["code"] for kind in o.get("type", ()) if "code" in kind]
    coded = {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"}
    return bool(kinds) and coded.isdisjoint(kinds)


def _cpb_7(o: Object, scope: Scope) -> bool:
    return repeated(
        (one["profile"], one["mode"]) for one in o.get("document", ()) if "profile" in one and "mode" in one
    )


def _once(name: str, key: str) -> Broken:
    """No two of the list ``name`` have the same ``key``."""
    return lambda o, scope: repeated(one[key] for one in o.get(name, ()) if key in one)


def _csd_1(o: Object, scope: Scope) -> bool:
    return repeated(concept["code"] for top in o.get("concept", ()) for concept in _concepts(top) if "code" in concept)


def _concepts(top: Object) -> Iterator[Object]:
    waiting = [top]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.get("concept", ()))


def _ig_1(o: Object, scope: Scope) -> bool:
    groups = {group.get("id") for group in o.get("grouping", ())}
    return any("groupingId" in one and one["groupingId"] not in groups for one in o.get("resource", ()))


def _ig_2(o: Object, scope: Scope) -> bool:
    versions = set(o.get("fhirVersion", ()))
    return any(
        version not in versions
        for one in o.get("definition", {}).get("resource", ())
        for version in one.get("fhirVersion", ())
    )


def _md_1(o: Object, scope: Scope) -> bool:
    most = o.get("max")
    return most is not None and most != "*" and (_number(most) or 0) < 1


def _nsd_2(o: Object, scope: Scope) -> bool:
    return repeated(one["type"] for one in o.get("uniqueId", ()) if one.get("preferred") is True and "type" in one)


def _elements(o: Object, *views: str) -> Iterator[Object]:
    for view in views:
        yield from o.get(view, {}).get("element", ())


def _first_element(o: Object, view: str) -> Object:
    return next(_elements(o, view), {})


def _sdf_1(o: Object, scope: Scope) -> bool:
    return o.get("derivation", "constraint") != "constraint" and repeated(
        one["path"] for one in _elements(o, "snapshot") if "path" in one
    )


def _sdf_8(o: Object, scope: Scope) -> bool:
    owner, elements = scope.resource, o.get("element", ())
    if not elements:
        return False
    first = elements[0].get("path", "")
    if owner.get("kind") != "logical" and "type" in owner and first != owner["type"]:
        return True
    return any(not one.get("path", "").startswith(f"{first}.") for one in elements[1:])


def _sdf_8a(o: Object, scope: Scope) -> bool:
    owner, elements = scope.resource, o.get("element", ())
    if not elements:
        return False
    first = elements[0].get("path", "")
    if owner.get("kind") != "logical" and "type" in owner and not first.startswith(owner["type"]):
        return True
    return any(not one.get("path", "").startswith(first.partition(".")[0] + ".") for one in elements[1:])


def _sdf_9(o: Object, scope: Scope) -> bool:
    return any(
        "." not in one.get("path", ".") and not {"label", "code", "requirements"}.isdisjoint(one)
        for one in _elements(o, "snapshot", "differential")
    )


def _sdf_11(o: Object, scope: Scope) -> bool:
    if o.get("kind", "logical") == "logical" or "snapshot" not in o or "type" not in o:
        return False
    first = _first_element(o, "snapshot").get("path")
    return first is not None and first != o["type"]


def _sdf_15(o: Object, scope: Scope) -> bool:
    return o.get("kind", "logical") != "logical" and "type" in _first_element(o, "snapshot")


def _sdf_15a(o: Object, scope: Scope) -> bool:
    first = _first_element(o, "differential")
    return o.get("kind", "logical") != "logical" and "." not in first.get("path", ".") and "type" in first


def _element_ids(view: str) -> Broken:
    """Every element of a view has an id, and no two the same."""

    def broken(o: Object, scope: Scope) -> bool:
        ids = [one.get("id") for one in _elements(o, view)]
        return None in ids or repeated(ids)

    return broken


def _sdf_23(o: Object, scope: Scope) -> bool:
    return any(
        "." not in one.get("path", ".") and "sliceName" in one for one in _elements(o, "snapshot", "differential")
    )


CONFORMANCE: dict[str, Broken] = {
    "cid-0": never,
    "cpb-7": _cpb_7,
    "cpb-9": _once("resource", "type"),
    "cpb-12": _once("searchParam", "name"),
    "csd-1": _csd_1,
    "eld-2": _eld_2,
    "eld-3": _eld_3,
    "eld-11": _eld_11,
    "eld-13": _once("type", "code"),
    "eld-14": _once("constraint", "key"),
    "evv-1": never,
    "ig-1": _ig_1,
    "ig-2": _ig_2,
    "md-1": _md_1,
    "nsd-2": _nsd_2,
    "sdf-1": _sdf_1,
    "sdf-8": _sdf_8,
    "sdf-8a": _sdf_8a,
    "sdf-9": _sdf_9,
    "sdf-11": _sdf_11,
    "sdf-15": _sdf_15,
    "sdf-15a": _sdf_15a,
    "sdf-16": _element_ids("snapshot"),
    "sdf-17": _element_ids("differential"),
    "sdf-23": _sdf_23,
}
