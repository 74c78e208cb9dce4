"""R4's invariants (ElementDefinition.constraint) ready to be checked: each compiled once, when its type is first met.

A rule is broken when its expression is certainly false. Where FHIRPath answers "empty" (dates of different precision, an
absent element) R4 leaves it open, and what is not known is no breach. Not here, because the structure checks them as they
walk: ele-1 and ext-1; txt-1 and txt-2 belong to the xhtml primitive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tovholder.fhir import definitions
from tovholder.fhir.definitions import Invariant
from tovholder.fhir.invariants_scope import Broken, Scope
from tovholder.fhir.invariants_source import Writer
from tovholder.fhir.invariants_special import SPECIAL

__all__ = ["STRUCTURAL", "Rule", "Scope", "of_element", "of_type"]

STRUCTURAL = frozenset({"ele-1", "ext-1", "txt-1", "txt-2"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant. ``broken(value, scope)`` judges a value whose structure is sound.

    text: the same as a Python expression over ``o`` and ``c`` (value and scope), with the names it uses in ``names``.
    """

    key: str
    severity: str
    human: str
    broken: Broken
    text: str
    names: Mapping[str, Any]


@cache
def of_type(path: str) -> tuple[Rule, ...]:
    """The rules of a type or group. Raises KeyError for a name R4 does not know."""
    return tuple(_rules(definitions.type_of(path).invariants, path, path))


@cache
def of_element(path: str, name: str) -> tuple[Rule, ...]:
    """The rules an element of a type or group has beyond those of its own type."""
    element = definitions.type_of(path).elements[name]
    return tuple(_rules(element.invariants, f"{path}.{name}", definitions.child_path(path, name)))


@cache
def of_domain() -> tuple[Rule, ...]:
    """dom-2 to dom-5: what every resource that can contain others keeps to. Advice (dom-6) is left out."""
    return tuple(rule for rule in of_type("DomainResource") if rule.severity == "error")


def _rules(invariants: Iterable[Invariant], place: str, kind: str) -> Iterable[Rule]:
    for one in invariants:
        if one.key not in STRUCTURAL:
            yield _rule(one, place, kind)


def _rule(invariant: Invariant, place: str, kind: str) -> Rule:
    special = SPECIAL.get(f"{invariant.key}@{place}") or SPECIAL.get(invariant.key)
    if special is not None:
        name = f"broken_{invariant.key.replace('-', '_')}_{place.replace('.', '_')}"
        text, names, broken = f"{name}(o, c)", {name: special}, special
    else:
        writer = Writer(kind)
        text, names = writer.write(invariant.expression).false, writer.constants
        broken = eval(f"lambda o, c: {text}", dict(names))  # noqa: S307 - our own text, made from R4's definitions
    return Rule(invariant.key, invariant.severity, invariant.human, broken, text, names)
