"""Kinds of data a patient can keep to themselves (data_kinds.toml): told by a resource's type, or by its codes.

Kinds told by codes are worked out when a resource is stored and stand in the search index as tokens, so that asking
"is this of that kind?" is one look; which kinds there are is therefore part of what the index is made by.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

# The index's name for the kinds of a resource; no search parameter, so nobody can ask for it.
PARAMETER = "_kind"
SYSTEM = "http://tovholder.dk/fhir/CodeSystem/data-kind"
_ELEMENTS = ("code", "medicationCodeableConcept", "vaccineCode", "valueCodeableConcept")
_LISTS = ("reasonCode", "type", "category")
_INNER = ("contained", "component")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data. titles, texts: by language. types: every resource of these is of the kind.

    coded: resources of these types are, when one of their codes begins with a prefix under a system, or they answer a
    questionnaire whose name has one of the words.
    """

    id: str
    titles: Mapping[str, str]
    texts: Mapping[str, str]
    types: tuple[str, ...]
    coded: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    questionnaires: tuple[str, ...]

    def title(self, language: str) -> str:
        """What the kind is called."""
        return self.titles.get(language, self.titles["da"])

    def text(self, language: str) -> str:
        """What belongs to it, in plain words."""
        return self.texts.get(language, self.texts["da"])


@cache
def _raw() -> bytes:
    return files("tovholder.fhir").joinpath("data_kinds.toml").read_bytes()


@cache
def digest() -> str:
    """What the kinds in the index are made by, in short."""
    return hashlib.sha256(_raw()).hexdigest()


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind there is, in the order of the file."""
    data = tomllib.loads(_raw().decode())
    systems: dict[str, list[str]] = data["systems"]
    found: dict[str, Kind] = {}
    for row in data["kind"]:
        codes: dict[str, tuple[str, ...]] = {}
        for name, prefixes in row.get("codes", {}).items():
            for system in systems[name]:
                codes[system] = tuple(prefixes)
        found[row["id"]] = Kind(
            row["id"],
            row["title"],
            row["text"],
            tuple(row.get("types", ())),
            tuple(row.get("coded", ())),
            codes,
            tuple(row.get("questionnaires", ())),
        )
    return found


@cache
def _coded() -> Mapping[str, tuple[Kind, ...]]:
    """The kinds told by codes, by resource type."""
    by_type: dict[str, list[Kind]] = {}
    for kind in kinds().values():
        for name in kind.coded:
            by_type.setdefault(name, []).append(kind)
    return {name: tuple(some) for name, some in by_type.items()}


def of_codes(resource: Mapping[str, Any]) -> list[str]:
    """The kinds a resource is of by its codes, each once."""
    resource_type = resource.get("resourceType", "")
    asked = _coded().get(resource_type)
    if asked is None:
        return []
    told: set[str] = set()
    for system, code in _codings(resource):
        told.update(_of_code(resource_type, system, code))
    name = resource.get("questionnaire")
    if isinstance(name, str):
        lowered = name.lower()
        told.update(kind.id for kind in asked if any(word in lowered for word in kind.questionnaires))
    return [kind.id for kind in asked if kind.id in told] if told else []


# A record says the same some thousand codes again and again.
@lru_cache(maxsize=65_536)
def _of_code(resource_type: str, system: str, code: str) -> tuple[str, ...]:
    return tuple(kind.id for kind in _coded()[resource_type] if code.startswith(kind.codes.get(system, ())))


def _codings(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    # Asked of every resource that is stored: one list, and only of the elements that are there.
    found: list[tuple[str, str]] = []
    for name in _ELEMENTS:
        if name in resource:
            _add(resource[name], found)
    for name in _LISTS:
        if name in resource:
            told = resource[name]
            for concept in told if isinstance(told, list) else (told,):
                _add(concept, found)
    for name in _INNER:
        for inner in resource.get(name, ()):
            if isinstance(inner, dict):
                _add(inner.get("code"), found)
                _add(inner.get("valueCodeableConcept"), found)
    return found


def _add(concept: Any, found: list[tuple[str, str]]) -> None:
    if not isinstance(concept, dict):
        return
    for coding in concept.get("coding", ()):
        code = coding.get("code")
        if isinstance(code, str):
            found.append((str(coding.get("system", "")), code))
