"""Walks a resource whose structure is sound and tells which of R4's invariants it breaks, and where.

Also told here, since it takes the whole resource to see: references to contained resources of a type that may not stand
there, and contained resources with the same id (R4 references.html#contained).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from tovholder.fhir import definitions, invariants
from tovholder.fhir.definitions import Element
from tovholder.fhir.invariants import Rule, Scope
from tovholder.fhir.validate_primitives import Finding
from tovholder.fhir.validate_values import misdirected_inside, some_of

Passed = Callable[[Any], bool]


class _Child(NamedTuple):
    """What is below one name in JSON: ``type`` is empty for a primitive, "Resource" for any resource."""

    element: Element
    type: str
    label: str
    rules: tuple[Rule, ...]


class Visit(NamedTuple):
    """A value some rules apply to: its location relative to the outermost resource, and where it stands.

    type: the R4 type or group it is of, empty for a primitive.
    """

    location: str
    value: Any
    type: str
    rules: tuple[Rule, ...]
    scope: Scope
    element: Element | None


def breaches(resource: dict[str, Any], severity: str = "error", passed: Passed | None = None) -> Iterator[Finding]:
    """The broken rules of one severity ("error" or "warning"), as findings with the rule's own words.

    passed: tells of a resource inside this one (an entry of a bundle) that it need not be looked at.
    """
    for visit in visits(resource, passed):
        for rule in visit.rules:
            if rule.severity == severity and rule.broken(visit.value, visit.scope):
                yield (visit.location, f"{rule.key} is broken", rule.human, "invariant")
        if severity == "error":
            if visit.element is not None and visit.element.targets and isinstance(visit.value, dict):
                kind = misdirected_inside(visit.value, visit.element.targets, visit.scope)
                if kind is not None:
                    expected = "a reference to " + some_of(tuple(sorted(visit.element.targets)))
                    what = f"refers to {kind}, which may not stand here"
                    yield (f"{visit.location}.reference", what, expected, "value")
            if visit.scope.resource is visit.value and "contained" in visit.value:
                yield from _same_ids(visit.location, visit.value["contained"])


def visits(resource: dict[str, Any], passed: Passed | None = None) -> Iterator[Visit]:
    """Every object, and every other value with rules of its own, in a resource; rules may be empty."""
    waiting = [Visit("", resource, str(resource["resourceType"]), _of_resource(resource), Scope(resource), None)]
    while waiting:
        visit = waiting.pop()
        yield visit
        if not isinstance(visit.value, dict):
            continue
        table = _children(visit.type)
        found: list[Visit] = []
        for name, child in visit.value.items():
            below = table.get(name)
            if below is None:
                if name[:1] == "_":
                    found += _companions(f"{visit.location}.{name[1:]}", child, visit.scope)
                continue
            for index, one in enumerate(child if isinstance(child, list) else (child,)):
                place = visit.location + below.label + (f"[{index}]" if below.element.is_list else "")
                if below.type != "Resource":
                    found.append(Visit(place, one, below.type, below.rules, visit.scope, below.element))
                elif passed is None or below.element.name == "contained" or not passed(one):
                    inside = Scope(one, visit.scope.root) if below.element.name == "contained" else Scope(one)
                    kind = str(one["resourceType"])
                    found.append(Visit(place, one, kind, _of_resource(one), inside, below.element))
        waiting.extend(reversed(found))


def _of_resource(resource: dict[str, Any]) -> tuple[Rule, ...]:
    return invariants.of_type(str(resource["resourceType"]))


def _companions(location: str, value: Any, scope: Scope) -> list[Visit]:
    """The id and extensions of primitives, under ``_name``."""
    listed = enumerate(value) if isinstance(value, list) else ((None, value),)
    return [
        Visit(location + ("" if index is None else f"[{index}]"), one, "Element", (), scope, None)
        for index, one in listed
        if one is not None
    ]


@cache
def _children(path: str) -> dict[str, _Child]:
    """By name in JSON, what there is to look at below a type: everything but primitives without rules."""
    found = {}
    primitives = definitions.primitives()
    for element in definitions.type_of(path).elements.values():
        own = invariants.of_element(path, element.name)
        for name, kind in element.json_names().items():
            below = element.path or ("SimpleQuantity" if kind == "Quantity" and element.simple else kind)
            plain = below in primitives or below == "element-id"
            if plain and not own:
                continue
            label = f".{element.name}.ofType({kind})" if element.is_choice else f".{name}"
            rules = own if plain or below == "Resource" else (*own, *invariants.of_type(below))
            found[name] = _Child(element, "" if plain else below, label, rules)
    return found


def _same_ids(location: str, listed: list[dict[str, Any]]) -> Iterator[Finding]:
    seen = set()
    for index, one in enumerate(listed):
        if one.get("id") in seen:
            place = f"{location}.contained[{index}].id"
            yield (place, "another contained resource has the same id", "an id of its own", "invariant")
        if "id" in one:
            seen.add(one["id"])
