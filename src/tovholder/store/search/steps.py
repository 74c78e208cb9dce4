"""The name of a search parameter as asked: modifier, chain, reverse chain (R4 §3.1.1.4.15, §3.1.1.4.16)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tovholder.base.errors import Issue
from tovholder.base.text import name_to_tell
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.special import EVERYWHERE


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parameter of a type, and its modifier."""

    kind: str
    parameter: SearchParameter
    modifier: str


@dataclass(frozen=True, slots=True)
class Chain:
    """``subject:Patient.name``: the type's reference, and what its target is asked; one step per type it may be."""

    kind: str
    parameter: SearchParameter
    targets: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """``_has:Observation:patient:code``: resources another points at, and what that other is asked."""

    kind: str
    source: str
    parameter: SearchParameter
    step: Step


Step = Leaf | Chain | Has


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name nothing answers to; told with what there is."""

    issue: Issue


def known(kind: str) -> str:
    """The parameters of a type, to be told."""
    return ", ".join(sorted([*EVERYWHERE, *(item.name for item in searchparams.parameters_of(kind))]))


@lru_cache(maxsize=4096)
def step(kind: str, name: str, depth: int) -> Step | Unknown:
    """What a name asks of a type. depth: how many more links it may have."""
    if name.startswith("_has:"):
        return _has(kind, name, depth)
    head, dot, rest = name.partition(".")
    plain, _, modifier = head.partition(":")
    parameter = EVERYWHERE.get(plain) or searchparams.search_parameter(kind, plain)
    if parameter is None:
        return unknown_here(kind, plain)
    if not dot:
        return Leaf(kind, parameter, modifier)
    if parameter.kind != "reference" or parameter.canonical:
        return _unknown(plain, "only a reference can be followed", "a reference parameter before the dot")
    if depth < 1:
        return _unknown(plain, "the chain is too long", "fewer links", "too-costly")
    targets = (modifier,) if modifier else parameter.target
    if not targets or not set(targets) <= resource_types():
        return _unknown(plain, "of which type is the target?", f"{plain}:<type>.<parameter>")
    steps = [step(target, rest, depth - 1) for target in targets]
    found = tuple(item for item in steps if not isinstance(item, Unknown))
    if not found:
        return next(item for item in steps if isinstance(item, Unknown))
    return Chain(kind, parameter, found)


def _has(kind: str, name: str, depth: int) -> Step | Unknown:
    parts = name.split(":", 3)
    if len(parts) != 4 or not all(parts):
        return _unknown("_has", "not a reverse chain", "_has:<type>:<reference parameter>:<parameter>")
    _, source, reference, rest = parts
    if source not in resource_types():
        return _unknown("_has", "no FHIR R4 resource type", "_has:<type>:<reference parameter>:<parameter>")
    if depth < 1:
        return _unknown("_has", "the chain is too long", "fewer links", "too-costly")
    parameter = searchparams.search_parameter(source, reference)
    if parameter is None or parameter.kind != "reference" or (parameter.target and kind not in parameter.target):
        wanted = [
            item.name
            for item in searchparams.parameters_of(source)
            if item.kind == "reference" and (not item.target or kind in item.target)
        ]
        return _unknown(
            f"_has:{source}", f"{source} does not point at {kind} by this", ", ".join(wanted) or "another type"
        )
    inner = step(source, rest, depth - 1)
    return inner if isinstance(inner, Unknown) else Has(kind, source, parameter, inner)


def unknown_here(kind: str, name: str) -> Unknown:
    """What is told of a parameter a type does not have."""
    return _unknown(name, f"{kind} has no such search parameter here", known(kind))


def _unknown(name: str, message: str, expected: str, code: str = "not-supported") -> Unknown:
    # What was asked may be anybody's name; only a name of FHIR's shape is told back.
    return Unknown(Issue(name_to_tell(name) or "url", message, expected, code))
