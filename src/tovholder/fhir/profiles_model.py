"""The profiles at hand, as trees of what each element must be beyond R4 (tables made by tools/generate_profiles.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import orjson

from tovholder.fhir import definitions

_FILES = ("profiles-r4.json", "profiles-dk.json", "profiles-own.json")
CORE = "http://hl7.org/fhir/StructureDefinition/"


class _Absent:
    """No fixed value or pattern; None would be a JSON value."""


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One type an element may have. profiles: it keeps to one of them. targets: what a Reference may point to, as resource
    types of R4 or canonicals of profiles. held: how that is held (contained, bundled, referenced); empty for any way."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Constraint:
    """A rule in FHIRPath."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the items of an element are told apart. by: (discriminator type, path)."""

    by: tuple[tuple[str, str], ...]
    rules: str = "open"
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """What one element, or one slice of it, must be. maximum None: any number."""

    minimum: int = 0
    maximum: int | None = None
    types: tuple[TypeRule, ...] = ()
    fixed: Any = ABSENT
    pattern: Any = ABSENT
    binding: tuple[str, str] | None = None  # strength, value set
    constraints: tuple[Constraint, ...] = ()
    longest: int | None = None
    slicing: Slicing | None = None
    slices: Mapping[str, Node] = field(default_factory=dict)
    children: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile. type: the R4 type it narrows. package: where it comes from.

    contexts: of an extension the elements it may stand in, none when that is not checked.
    """

    url: str
    version: str
    name: str
    title: str
    type: str
    package: str
    root: Node
    contexts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.url.rsplit('/', 1)[-1]} {self.version}".strip()


@cache
def _tables() -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in _FILES:
        found |= orjson.loads(files("tovholder.fhir").joinpath("definitions", name).read_bytes())["profiles"]
    return MappingProxyType(found)


def sources() -> list[dict[str, str]]:
    """The packages the profiles come from, with version and licence."""
    return [
        about
        for name in _FILES
        for about in orjson.loads(files("tovholder.fhir").joinpath("definitions", name).read_bytes())["source"][
            "packages"
        ]
    ]


def canonicals() -> frozenset[str]:
    """The urls of all profiles at hand."""
    return frozenset(_tables())


def find(canonical: str) -> Profile | None:
    """A profile by canonical; one version of each is at hand, which stands in for others. None when it is not at hand."""
    return _profile(canonical.partition("|")[0])


@cache
def _profile(url: str) -> Profile | None:
    row = _tables().get(url)
    if row is None:
        return None
    return Profile(
        url,
        row["version"],
        row["name"],
        row["title"],
        row["type"],
        row["package"],
        _node(row["root"]),
        tuple(row.get("contexts", ())),
    )


def _node(row: Mapping[str, Any]) -> Node:
    slicing = row.get("slicing")
    slices = {name: _node(part) for name, part in row.get("slices", {}).items()}
    if slices and slicing is None:  # choice types are sliced by type without saying so
        slicing = {"by": [["type", "$this"]], "rules": "open"}
    return Node(
        row.get("min", 0),
        row.get("max"),
        tuple(
            TypeRule(code, tuple(profiles), tuple(targets), frozenset(*held))
            for code, profiles, targets, *held in row.get("types", ())
        ),
        row.get("fixed", ABSENT),
        row.get("pattern", ABSENT),
        tuple(row["binding"]) if "binding" in row else None,
        tuple(Constraint(**one) for one in row.get("constraints", ())),
        row.get("maxLength"),
        slicing and Slicing(tuple((a, b) for a, b in slicing["by"]), slicing["rules"], slicing.get("ordered", False)),
        MappingProxyType(slices),
        MappingProxyType({name: _node(part) for name, part in row.get("children", {}).items()}),
    )


def target_type(target: str) -> str:
    """The resource type a target of a Reference means; empty when it is a profile that is not at hand."""
    if target in definitions.resource_types() or target in ("Resource", "DomainResource"):
        return target
    profile = find(target if "/" in target else CORE + target)
    return profile.type if profile else ""


def is_met(value: Any, pattern: Any) -> bool:
    """Whether a value holds at least what a pattern holds (R4 ElementDefinition.pattern[x])."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and is_met(value[key], part) for key, part in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(is_met(one, part) for one in value) for part in pattern)
    return same(value, pattern)


def same(value: Any, fixed: Any) -> bool:
    """Whether two JSON values are the same, 1 and true told apart."""
    if isinstance(value, bool) or isinstance(fixed, bool):
        return value is fixed
    return bool(value == fixed)
