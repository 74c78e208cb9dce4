"""The FHIR R4 4.0.1 definitions of types, elements and required codes, read once from definitions/r4.json when first asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson

Codes = Mapping[str, frozenset[str]]  # code system -> codes


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule R4 states in FHIRPath (ElementDefinition.constraint). severity: error or warning; human: what it means."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type.

    types: type names as the definitions write them. path: the group that defines its children (its own, or the one a content
    reference names), empty when a type does. targets: resource types a Reference may point to, empty for any.
    binding: the required value set. simple: a quantity that may not carry a comparator. summary: part of a resource's
    summary (R4 search.html#summary). invariants: rules the element itself has, beyond those of its type.
    """

    name: str
    minimum: int = 0
    is_list: bool = False
    is_choice: bool = False
    types: tuple[str, ...] = ()
    path: str = ""
    targets: frozenset[str] = frozenset()
    binding: str = ""
    simple: bool = False
    summary: bool = False
    invariants: tuple[Invariant, ...] = ()

    def json_names(self) -> dict[str, str]:
        """Every name the element can have in JSON, with the type each means (empty for a group)."""
        if self.is_choice:
            return {f"{self.name}{kind[0].upper()}{kind[1:]}": kind for kind in self.types}
        return {self.name: self.types[0] if self.types else ""}


@dataclass(frozen=True, slots=True)
class Type:
    """A resource type, a datatype, or a group of elements inside one (``Patient.contact``)."""

    path: str
    kind: str  # resource, complex-type, group or abstract
    elements: Mapping[str, Element]
    invariants: tuple[Invariant, ...] = ()


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = orjson.loads(files("tovholder.fhir").joinpath("definitions/r4.json").read_bytes())
    return tables


@cache
def type_of(path: str) -> Type:
    """The definition of a type or group. Raises KeyError for a name R4 does not know."""
    row = _tables()["types"][path]
    elements = MappingProxyType({name: _element(name, e) for name, e in row["elements"].items()})
    domain = _tables()["types"]["DomainResource"]["invariants"] if row.get("domain") else ()
    return Type(path, row["kind"], elements, _invariants([*domain, *row.get("invariants", ())]))


def _invariants(rows: Iterable[list[str]]) -> tuple[Invariant, ...]:
    return tuple(Invariant(*row) for row in rows)


def _element(name: str, row: dict[str, Any]) -> Element:
    return Element(
        name,
        row.get("min", 0),
        row.get("list", False),
        row.get("choice", False),
        tuple(row.get("types", ())),
        row.get("path", ""),
        frozenset(row.get("targets", ())),
        row.get("binding", ""),
        row.get("simple", False),
        row.get("summary", False),
        _invariants(row.get("invariants", ())),
    )


def paths() -> tuple[str, ...]:
    """Every type and group there is a definition of."""
    return tuple(_tables()["types"])


@cache
def resource_types() -> frozenset[str]:
    """The 146 resource types that can be stored (no abstract ones)."""
    return frozenset(n for n, t in _tables()["types"].items() if t["kind"] == "resource")


@cache
def datatypes() -> frozenset[str]:
    """The datatypes that have elements: HumanName, Quantity, Extension, ..."""
    return frozenset(n for n, t in _tables()["types"].items() if t["kind"] == "complex-type")


@cache
def primitives() -> Mapping[str, str]:
    """The primitive types with their regular expressions (empty where FHIR gives none)."""
    return MappingProxyType(_tables()["primitives"])


@cache
def codes(value_set: str) -> Codes | None:
    """The codes of a required value set by system; None when FHIR does not publish them (units, MIME types, money)."""
    systems = _tables()["valueSets"].get(value_set)
    return None if systems is None else MappingProxyType({s: frozenset(c) for s, c in systems.items()})


@cache
def ordered_codes(value_set: str) -> tuple[str, ...]:
    """The same codes in the order FHIR publishes them, for messages and lists to choose from."""
    systems = _tables()["valueSets"].get(value_set) or {}
    return tuple(dict.fromkeys(code for listed in systems.values() for code in listed))


@cache
def summary_elements(type_path: str) -> frozenset[str]:
    """The names in JSON of the elements ``_summary=true`` keeps (R4 search.html#summary), of a type or of a group in one.

    A choice gives all its names. ``resourceType`` is none of them. Raises KeyError for a name R4 does not know.
    """
    return frozenset(n for e in type_of(type_path).elements.values() if e.summary for n in e.json_names())


@cache
def mandatory_elements(type_path: str) -> frozenset[str]:
    """The names in JSON of the elements that must be there, which ``_elements`` and ``_summary`` may not leave out.

    Of a mandatory choice all names, of which a resource has one. Raises KeyError for a name R4 does not know.
    """
    return frozenset(n for e in type_of(type_path).elements.values() if e.minimum for n in e.json_names())


@cache
def find(type_path: str, name: str) -> Element | None:
    """The element with this name in JSON or FHIRPath: ``valueQuantity`` and ``value`` both find value[x]."""
    try:
        elements = type_of(type_path).elements
    except KeyError:
        return None
    if name in elements:
        return elements[name]
    return next((e for e in elements.values() if e.is_choice and name in e.json_names()), None)


def is_list(type_path: str, name: str) -> bool:
    """Whether the element is an array in JSON. False for an element R4 does not know."""
    element = find(type_path, name)
    return element is not None and element.is_list


def element_types(type_path: str, name: str) -> tuple[str, ...]:
    """The types an element can have; the one type when the name carries its suffix; empty when unknown or a group."""
    element = find(type_path, name)
    if element is None:
        return ()
    if element.is_choice and name != element.name:
        return (element.json_names()[name],)
    return element.types


def child_path(type_path: str, name: str) -> str:
    """The type path below an element, to walk a resource: Patient, contact → Patient.contact; Patient, name → HumanName.

    Empty when the element is unknown or a choice without its suffix; a primitive gives the primitive's name.
    """
    element = find(type_path, name)
    if element is None:
        return ""
    if element.path:
        return element.path
    types = element_types(type_path, name)
    return types[0] if len(types) == 1 else ""
