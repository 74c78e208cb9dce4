"""One code system to ask: its concepts, their hierarchy, and which of them a value set's filter means (R4 §4.8, §4.9.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tovholder.fhir import systems

_PARENTS = ("parent", "subsumedBy")
_CHILDREN = ("child",)
_LONGEST_REGEX = 200
# What can take a regular expression for ever: repeated groups, and many repetitions one after the other.
_REPEATED_GROUP = re.compile(r"\)[+*{]")
_REPETITION = re.compile(r"[+*{]")
_MOST_REPETITIONS = 3
# Two names for the same codes: DK Core writes the one, MedCom, FUT and CDA the other (standards of both are in use).
_OTHER_NAMES = {systems.NPU: systems.NPU_DK_CORE, systems.NPU_DK_CORE: systems.NPU}


def names_of(system: str) -> tuple[str, ...]:
    """The urls that name the same codes as this one, itself first."""
    return (system, _OTHER_NAMES[system]) if system in _OTHER_NAMES else (system,)


def same_system(one: str, other: str) -> bool:
    """Whether two system urls name the same codes."""
    return one == other or _OTHER_NAMES.get(one) == other


class Unknown(Exception):
    """A question the code system at hand cannot answer; says what is missing."""


@dataclass(slots=True)
class Concept:
    """One concept; abstract: a heading that is no code to be used (notSelectable)."""

    code: str
    display: str = ""
    definition: str = ""
    designations: list[dict[str, Any]] = field(default_factory=list)
    properties: list[dict[str, Any]] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    abstract: bool = False
    inactive: bool = False

    def display_in(self, language: str) -> str:
        """The display in a language when a designation has one; the concept's own otherwise."""
        wanted = language.lower()
        for item in self.designations:
            told = str(item.get("language", "")).lower()
            if wanted and told and (told == wanted or told.split("-")[0] == wanted.split("-")[0]):
                return str(item.get("value", ""))
        return self.display


class CodeSystem:
    """A CodeSystem resource with its concepts by code."""

    def __init__(self, resource: Mapping[str, Any]) -> None:
        self.url = str(resource.get("url", ""))
        self.version = str(resource.get("version", ""))
        self.name = str(resource.get("name") or resource.get("title") or self.url)
        self.content = str(resource.get("content", "complete"))
        self.case_sensitive = resource.get("caseSensitive") is not False
        self.concepts: dict[str, Concept] = {}
        self._read(resource.get("concept") or (), None)
        self._folded = {} if self.case_sensitive else {code.casefold(): code for code in self.concepts}
        self._complete_hierarchy()

    @property
    def is_complete(self) -> bool:
        """Whether a code that is not here is no code of the system."""
        return self.content == "complete"

    def find(self, code: str) -> Concept | None:
        """The concept of a code, in whatever case when the system does not mind."""
        found = self.concepts.get(code)
        return found or self.concepts.get(self._folded.get(code.casefold(), ""))

    def supplement(self, resource: Mapping[str, Any]) -> None:
        """Add what a supplement tells of the concepts (R4 §4.8.7): designations, and its display as one."""
        language = resource.get("language")
        for item in resource.get("concept") or ():
            concept = self.find(str(item.get("code", "")))
            if concept is None:
                continue
            concept.designations += item.get("designation") or ()
            if item.get("display") and language:
                concept.designations.append({"language": language, "value": item["display"]})

    def below(self, code: str) -> set[str]:
        """The codes under a code, itself not among them."""
        found: set[str] = set()
        waiting = [code]
        while waiting:
            concept = self.concepts.get(waiting.pop())
            for child in concept.children if concept else ():
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return found

    def above(self, code: str) -> set[str]:
        """The codes a code is a kind of, itself not among them."""
        found: set[str] = set()
        waiting = [code]
        while waiting:
            concept = self.concepts.get(waiting.pop())
            for parent in concept.parents if concept else ():
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def meant(self, filters: Iterable[Mapping[str, Any]]) -> set[str]:
        """The codes all the filters mean. Raises Unknown for a filter that cannot be answered here."""
        found = set(self.concepts)
        for one in filters:
            found &= self._meant(str(one.get("property")), str(one.get("op")), str(one.get("value")))
        return found

    def _meant(self, name: str, operator: str, value: str) -> set[str]:
        everything = set(self.concepts)
        of_code = name in ("concept", "code")
        if of_code and operator in ("is-a", "descendent-of", "is-not-a", "generalizes"):
            known = self.find(value)
            if known is None:
                if self.is_complete:
                    return everything if operator == "is-not-a" else set()
                raise Unknown("the code a filter names")
            if operator == "generalizes":
                return self.above(known.code) | {known.code}
            under = self.below(known.code)
            if operator == "descendent-of":
                return under
            return under | {known.code} if operator == "is-a" else everything - under - {known.code}
        values = {code: ([code] if of_code else self._values(name, concept)) for code, concept in self.concepts.items()}
        match operator:
            case "=":
                return {code for code, held in values.items() if value in held}
            case "in" | "not-in":
                wanted = {part.strip() for part in value.split(",")}
                within = {code for code, held in values.items() if wanted & set(held)}
                return within if operator == "in" else everything - within
            case "exists":
                having = {code for code, held in values.items() if held}
                return having if value == "true" else everything - having
            case "regex":
                matches = _regex(value)
                return {code for code, held in values.items() if any(matches(one) for one in held)}
        raise Unknown("what a filter asks of a code system")

    def _values(self, name: str, concept: Concept) -> list[str]:
        if name == "display":
            return [concept.display]
        if name in _PARENTS:
            return concept.parents
        if name in _CHILDREN:
            return concept.children
        return [text for item in concept.properties if item.get("code") == name for text in _texts(item)]

    def _read(self, told: Iterable[Mapping[str, Any]], parent: str | None) -> None:
        for item in told:
            code = str(item.get("code", ""))
            concept = self.concepts.get(code)
            if concept is None:
                concept = Concept(
                    code,
                    str(item.get("display", "")),
                    str(item.get("definition", "")),
                    list(item.get("designation") or ()),
                    list(item.get("property") or ()),
                )
                concept.abstract = self._says(concept, "notSelectable", "abstract")
                concept.inactive = self._says(concept, "inactive") or any(
                    "retired" in _texts(p) for p in concept.properties if p.get("code") == "status"
                )
                self.concepts[code] = concept
            if parent is not None:
                concept.parents.append(parent)
            self._read(item.get("concept") or (), code)

    @staticmethod
    def _says(concept: Concept, *names: str) -> bool:
        return any(item.get("code") in names and item.get("valueBoolean") is True for item in concept.properties)

    def _complete_hierarchy(self) -> None:
        """Parents as nesting and properties tell them, and children as the reverse of both."""
        for concept in self.concepts.values():
            for item in concept.properties:
                if item.get("code") in _PARENTS:
                    concept.parents += [code for code in _texts(item) if code in self.concepts]
                elif item.get("code") in _CHILDREN:
                    for code in _texts(item):
                        if code in self.concepts:
                            self.concepts[code].parents.append(concept.code)
        for concept in self.concepts.values():
            concept.parents = list(dict.fromkeys(concept.parents))
        for concept in self.concepts.values():
            for code in concept.parents:
                self.concepts[code].children.append(concept.code)


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    for key, value in item.items():
        if key.startswith("value"):
            if isinstance(value, Mapping):
                yield str(value.get("code", ""))
            else:
                yield str(value).lower() if isinstance(value, bool) else str(value)


def _regex(pattern: str) -> Any:
    costly = _REPEATED_GROUP.search(pattern) or len(_REPETITION.findall(pattern)) > _MOST_REPETITIONS
    if len(pattern) > _LONGEST_REGEX or costly:
        raise Unknown("a regular expression of this shape")
    try:
        return re.compile(pattern).fullmatch
    except re.error:
        raise Unknown("a regular expression that cannot be read") from None
