"""The quick answer: whether a resource is sound, by functions written for each type when it is first met.

``sound`` says True only for what ``fhir.validate`` finds nothing wrong with; False means no more than "look closer".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from tovholder.fhir import definitions, invariants, validate_source
from tovholder.fhir.invariants_scope import Scope
from tovholder.fhir.validate_primitives import Check, primitive_checks
from tovholder.fhir.validate_values import refers_well

_LONGEST_SEEN = 200
_MOST_SEEN = 8192
_NOT_OF_THE_KIND = (AttributeError, TypeError, KeyError, IndexError, ValueError, RecursionError, OverflowError)

Quick = Callable[[Any, Any], bool]


def sound(resource: Any) -> bool:
    """Whether nothing is wrong with a resource. False is no verdict. Never raises."""
    try:
        return _space()["resource"](resource) is True
    except _NOT_OF_THE_KIND:
        return False


def source(path: str) -> str:
    """The text of the function that checks a type or group, for reading. Raises KeyError for a name R4 does not know."""
    return validate_source.write(path).source


@cache
def _space() -> dict[str, Any]:
    """The names the functions see: helpers, and one function per type, which is written when it is first called."""
    types = definitions.resource_types()
    space: dict[str, Any] = {"ANY": types}
    checks = primitive_checks(definitions.primitives())
    for kind in ("uri", "url", "canonical", "date", "dateTime", "instant"):
        space[f"seen_{kind}"], space[kind] = _remembering(checks[kind])
    space["text"] = _plain(checks["string"])
    for kind in ("code", "decimal", "base64Binary", "xhtml"):
        space[kind] = _plain(checks[kind])
    for kind in ("id", "time", "oid", "uuid"):
        space[f"matches_{kind}"] = re.compile(definitions.primitives()[kind], re.ASCII).fullmatch
    space["matches_element_id"] = re.compile(r"\S+").fullmatch
    space |= {"coded": _coded, "concept": _concept, "aims": _aims}

    def resource(o: Any) -> bool:
        name = o["resourceType"]
        return name in types and space[name](o, Scope(o)) is True

    def contained(listed: Any, scope: Scope) -> bool:
        return _contained(listed, scope, types, space)

    space["resource"], space["contained"] = resource, contained
    for path in definitions.paths():
        space[validate_source.function_name(path)] = _unwritten(path, space)
    return space


def _unwritten(path: str, space: dict[str, Any]) -> Quick:
    """Stands for a function until it is called, then puts the real one in its place."""
    name = validate_source.function_name(path)

    def write(o: Any, c: Any) -> bool:
        text = validate_source.write(path)
        space.update(text.names)
        exec(compile(text.source, f"<{path} of R4>", "exec"), space)  # noqa: S102 - our own text
        written: Quick = space[name]
        return written(o, c)

    return write


def _plain(check: Check) -> Callable[[Any], bool]:
    return lambda value: check(value) is None


def _remembering(check: Check) -> tuple[set[str], Callable[[Any], bool]]:
    """A check, and the set of values it has lately found right. Longer values are not kept."""
    seen: set[str] = set()

    def right(value: Any) -> bool:
        if check(value) is not None:
            return False
        if len(value) < _LONGEST_SEEN:
            if len(seen) >= _MOST_SEEN:
                seen.clear()
            seen.add(value)
        return True

    return seen, right


def _coded(coding: Any, systems: definitions.Codes) -> bool:
    return coding["code"] in systems[coding["system"]]


def _concept(concept: Any, systems: definitions.Codes) -> bool:
    return any(c.get("code", "") in systems.get(c.get("system", ""), ()) for c in concept["coding"])


def _aims(reference: Any, targets: frozenset[str], scope: Scope) -> bool:
    """Whether a reference may point where it does; the usual one, relative and without a type, is told at once."""
    literal = reference.get("reference")
    if "type" not in reference:
        if literal is None:
            return True
        kind, slash, rest = literal.partition("/")
        if slash and kind in targets and rest.isascii() and rest.isprintable() and " " not in rest:
            return True
    return refers_well(reference, targets, scope)


def _contained(listed: Any, scope: Scope, types: frozenset[str], space: dict[str, Any]) -> bool:
    """Contained resources: each sound, none with resources of its own, each with another id, and R4's rules dom-2 to 5."""
    if listed.__class__ is not list or not listed or scope.root is not scope:
        return False
    if len(scope.contained()) != len(listed):
        return False
    for one in listed:
        name = one["resourceType"]
        if name not in types or not space[name](one, Scope(one, scope)):
            return False
    return not any(rule.broken(scope.resource, scope) for rule in invariants.of_domain())
