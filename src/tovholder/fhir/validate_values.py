"""Checks that look inside a value: required codes, reference targets, and what an extension must hold."""

from __future__ import annotations

import re
from typing import Any

from tovholder.fhir import definitions
from tovholder.fhir.invariants_scope import Scope
from tovholder.fhir.validate_primitives import Check, Finding

_LITERAL = re.compile(r"(https?://\S*/)?([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_SPACE = re.compile(r"[\s\x00-\x1f]")
_SHOWN_CODES = 10
_LONGEST_ECHO = 40
_DIGITS_OF_A_BIRTHDAY = 6
_STRUCTURE_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"


def shown(text: str) -> str:
    """A code or element name as it may stand in a message: cut, and its digits masked when they could be a CPR number."""
    cut = text if len(text) <= _LONGEST_ECHO else text[: _LONGEST_ECHO - 1] + "…"
    masked = sum(c.isdigit() for c in text) >= _DIGITS_OF_A_BIRTHDAY
    return "'" + "".join("#" if masked and c.isdigit() else c if c.isprintable() else "?" for c in cut) + "'"


def some_of(names: tuple[str, ...]) -> str:
    """The first few of many names."""
    listed = ", ".join(names[:_SHOWN_CODES])
    return listed if len(names) <= _SHOWN_CODES else f"{listed}, … ({len(names)} in all)"


def bound(kind: str, value_set: str, plain: Check) -> Check:
    """``plain`` plus the required binding of a code or CodeableConcept; ``plain`` alone when its codes are not published."""
    systems = definitions.codes(value_set)
    if systems is None:
        return plain
    expected = "one of " + some_of(definitions.ordered_codes(value_set))
    if kind == "CodeableConcept":
        return _bound_concept(systems, expected, plain)
    if kind == "Coding":
        return _bound_coding(systems, expected, plain)
    allowed = frozenset(code for listed in systems.values() for code in listed)

    def check(value: object) -> list[Finding] | None:
        if isinstance(value, str) and value in allowed:
            return None
        found = plain(value)
        if found is None:
            return [("", f"{shown(str(value))} is not a code of the required value set", expected, "code-invalid")]
        return [(path, message, expected, code) for path, message, _, code in found]

    return check


def _is_one_of(coding: object, systems: definitions.Codes) -> bool:
    if not isinstance(coding, dict):
        return False
    system, code = coding.get("system"), coding.get("code")
    return isinstance(system, str) and isinstance(code, str) and code in systems.get(system, ())


def _bound_coding(systems: definitions.Codes, expected: str, plain: Check) -> Check:
    def check(value: object) -> list[Finding] | None:
        found = plain(value)
        if found is not None or _is_one_of(value, systems):
            return found
        assert isinstance(value, dict)
        return [_not_one_of([value], systems, expected)]

    return check


def _bound_concept(systems: definitions.Codes, expected: str, plain: Check) -> Check:
    def check(value: object) -> list[Finding] | None:
        found = plain(value)
        if found is not None:
            return found
        assert isinstance(value, dict)
        codings = value.get("coding", ())
        for coding in codings:
            if _is_one_of(coding, systems):
                return None
        return [_not_one_of(codings, systems, expected)]

    return check


def _not_one_of(codings: object, systems: definitions.Codes, expected: str) -> Finding:
    """The finding for codings of which none is in the required value set."""
    known = " or ".join(sorted(systems))
    wanted = f"a coding of {known} with {expected}"
    written = [c["code"] for c in codings if "code" in c] if isinstance(codings, (list, tuple)) else []
    if not written:
        return ("", "no code is given, and a code of the required value set must be", wanted, "code-invalid")
    return (
        "",
        f"{shown(written[0])} is not a code of the required value set, or its system is another",
        wanted,
        "code-invalid",
    )


def reference(targets: frozenset[str], plain: Check) -> Check:
    """``plain`` plus: a reference names a resource type that may stand here (any when ``targets`` is empty).

    A reference into the resource itself is judged with the invariants, which know what it contains.
    """
    allowed = targets or definitions.resource_types()
    expected = "a reference to " + some_of(tuple(sorted(targets))) if targets else "a reference to an R4 resource type"

    def check(value: object) -> list[Finding] | None:
        found = plain(value)
        if found is not None:
            return found
        assert isinstance(value, dict)
        wrong = _misdirected(value, allowed)
        return None if wrong is None else [(f".{wrong[0]}", wrong[1], expected, "value")]

    return check


def _misdirected(value: dict[str, Any], allowed: frozenset[str]) -> tuple[str, str] | None:
    """Which element of a Reference points at something that may not stand here, and how to say so."""
    types = definitions.resource_types()
    literal, named = value.get("reference"), None
    if literal is not None:
        match = _LITERAL.fullmatch(literal)
        if match is not None:
            named = match[2]
            # In an absolute URL the last folder need not be a resource type; in a relative one it must.
            if named not in allowed and (named in types or match[1] is None):
                # An unknown name could be anything, also a person's; only resource types are repeated.
                what = f"refers to {named}, which may not stand here" if named in types else "refers to no R4 type"
                return "reference", what
        elif _SPACE.search(literal):
            return "reference", "the reference has spaces"
    stated = value.get("type")
    if stated is not None:
        kind = stated.removeprefix(_STRUCTURE_DEFINITION)
        if kind in types and kind not in allowed:
            return "type", f"says {kind}, which may not stand here"
        if kind in types and named in types and named != kind:
            return "type", f"says {kind}, and the reference is to {named}"
    return None


def misdirected_inside(value: dict[str, Any], targets: frozenset[str], scope: Scope) -> str | None:
    """The type of the contained resource a reference points at, when that may not stand here."""
    literal = value.get("reference")
    if not targets or not isinstance(literal, str) or literal[:1] != "#" or literal == "#":
        return None
    kind = scope.contained().get(literal[1:])
    return None if kind is None or kind in targets else kind


def refers_well(value: dict[str, Any], targets: frozenset[str], scope: Scope) -> bool:
    """Whether a sound Reference points at a resource type that may stand here."""
    return _misdirected(value, targets) is None and misdirected_inside(value, targets, scope) is None


def extension(plain: Check) -> Check:
    """``plain`` plus: an extension holds a value or further extensions, never both and never neither (ext-1)."""

    def check(value: object) -> list[Finding] | None:
        found = plain(value)
        if found is not None or not isinstance(value, dict):
            return found
        has_value = any(name.startswith(("value", "_value")) for name in value)
        if has_value == ("extension" in value):
            state = "both a value and extensions" if has_value else "neither a value nor extensions"
            return [("", f"the extension has {state}", "either value[x] or extension", "invariant")]
        return None

    return check
