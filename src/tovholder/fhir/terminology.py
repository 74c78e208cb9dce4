"""Questions about codes over the code systems and value sets at hand: in, what, which (R4 §4.9.8, §4.8.10).

``Terminology`` asks a resolver for a canonical, so it knows nothing of where resources are kept. Three answers are possible
everywhere: yes, no, and "that cannot be told here", since large systems (SNOMED CT, LOINC, UCUM) are not at hand. A list is
given whole or refused, never silently short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir import terminology_shipped
from tovholder.fhir.terminology_systems import CodeSystem, Concept, Unknown, names_of, same_system
from tovholder.fhir.validate_values import shown

Resource = dict[str, Any]
# (CodeSystem | ValueSet, canonical url, version or "") -> the resource, or None when it is not at hand
Resolver = Callable[[str, str, str], Resource | None]

LARGEST = 10_000  # codes in one expansion


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether a code is in a set. result: None when it cannot be told. missing: what would be needed to tell."""

    result: bool | None
    missing: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One code of an expansion."""

    system: str
    code: str
    display: str
    version: str = ""
    designations: tuple[Mapping[str, Any], ...] = ()
    abstract: bool = False
    inactive: bool = False

    def display_in(self, language: str) -> str:
        """The display in a language when a designation has one; the usual one otherwise."""
        return Concept(self.code, self.display, designations=[dict(d) for d in self.designations]).display_in(language)


@dataclass(frozen=True, slots=True)
class Validated:
    """The answer of ``$validate-code``: result None when it cannot be told here, and then message says why."""

    result: bool | None
    message: str = ""
    display: str = ""


def split(canonical: str) -> tuple[str, str]:
    """``url|version`` as its two parts; a fragment is left out."""
    url, _, version = canonical.partition("|")
    return url.partition("#")[0], version


class Terminology:
    """Answers from whatever the resolver finds. Keeps what it has read: make one per request; not for two threads."""

    def __init__(self, resolve: Resolver = terminology_shipped.resource) -> None:
        self._resolve = resolve
        self._systems: dict[str, CodeSystem | None] = {}
        self._sets: dict[str, dict[tuple[str, str], Member] | None] = {}  # None: being put together
        self._answers: dict[tuple[str, str, str | None], Membership] = {}

    # --- what is at hand ----------------------------------------------------------------------------------------

    def system(self, url: str, version: str = "") -> CodeSystem | None:
        """The code system of a url (either of its names), None when it is not at hand or nothing of it is."""
        key = f"{url}|{version}"
        if key not in self._systems:
            found = [_read(held) for name in names_of(url) if (held := self._resolve("CodeSystem", name, version))]
            # Of two that are at hand under two names, the one that tells more.
            self._systems[key] = max(found, key=lambda one: (one.is_complete, len(one.concepts)), default=None)
        return self._systems[key]

    def value_set(self, canonical: str, *, strict: bool = False) -> Resource | None:
        """A value set by canonical. Not strict: the version at hand stands in for another that is asked."""
        url, version = split(canonical)
        found = self._resolve("ValueSet", url, version)
        if found is None and version and not strict:
            found = self._resolve("ValueSet", url, "")
        return found or self._implicit(url)

    def _implicit(self, url: str) -> Resource | None:
        """The value set of all codes of a system that names it (CodeSystem.valueSet has no resource of its own)."""
        base = url.removesuffix("?fhir_vs")
        if base != url and self.system(base) is not None:
            return {"resourceType": "ValueSet", "url": url, "compose": {"include": [{"system": base}]}}
        return None

    # --- is it in? ----------------------------------------------------------------------------------------------

    def contains(self, value_set: str | Resource, code: str, system: str | None = None) -> Membership:
        """Whether a code (of a system, or of any when None) is in a value set."""
        if not isinstance(value_set, str):
            return self._contains(value_set, code, system)
        key = (value_set, code, system)
        if key not in self._answers:
            found = self.value_set(value_set)
            # Stands while the answer is sought: a value set that contains itself asks no further.
            self._answers[key] = Membership(None, f"the value set {shown_url(value_set)}")
            if found is not None:
                self._answers[key] = self._contains(found, code, system)
        return self._answers[key]

    def _contains(self, found: Resource, code: str, system: str | None) -> Membership:
        compose = found.get("compose")
        if not isinstance(compose, Mapping):
            return self._in_expansion(found, code, system)
        inside = self._any(compose.get("include"), code, system)
        if inside.result is False:
            return inside
        outside = self._any(compose.get("exclude"), code, system)
        if outside.result is True:
            return Membership(False)
        return Membership(None, outside.missing) if outside.result is None and inside.result else inside

    def _any(self, parts: object, code: str, system: str | None) -> Membership:
        answer = Membership(False)
        for part in parts if isinstance(parts, list) else ():
            found = self._in_part(part, code, system)
            if found.result is True:
                return found
            answer = found if found.result is None else answer
        return answer

    def _in_part(self, part: Mapping[str, Any], code: str, system: str | None) -> Membership:
        own = part.get("system")
        answers = [self.contains(url, code, system) for url in part.get("valueSet") or ()]
        if own is not None:
            if system is not None and not same_system(own, system):
                return Membership(False)
            answers.append(self._in_system(part, own, code))
        if not answers or any(answer.result is False for answer in answers):
            return Membership(False)
        unknown = next((answer for answer in answers if answer.result is None), None)
        return unknown or answers[-1]

    def _in_system(self, part: Mapping[str, Any], own: str, code: str) -> Membership:
        held = self.system(own, part.get("version", "")) or self.system(own)
        if part.get("concept"):
            for item in part["concept"]:
                if _same_code(item.get("code"), code, held):
                    concept = held.find(code) if held else None
                    return Membership(True, display=item.get("display") or (concept.display if concept else ""))
            return Membership(False)
        if held is None:
            return Membership(None, f"the code system {shown_url(own)}")
        concept = held.find(code)
        if concept is None:
            whole = f"the whole code system {shown_url(own)}"
            return Membership(False) if held.is_complete else Membership(None, whole)
        filters = part.get("filter")
        try:
            meant = not filters or concept.code in held.meant(filters)
            return Membership(meant, display=concept.display)
        except Unknown as unknown:
            return Membership(None, str(unknown))

    @staticmethod
    def _in_expansion(found: Resource, code: str, system: str | None) -> Membership:
        for item in _expanded(found):
            if item.code == code and (system is None or same_system(item.system, system)):
                return Membership(True, display=item.display)
        return Membership(False) if "expansion" in found else Membership(None, "what the value set is composed of")

    # --- which are in? ------------------------------------------------------------------------------------------

    def members(self, value_set: str | Resource, *, strict: bool = False) -> list[Member]:
        """Every code of a value set, in order. Raises Problem: NOT_FOUND when it is not at hand, RULE when what it
        needs is not, or when it is larger than ``LARGEST``."""
        if not isinstance(value_set, str):
            return list(self._members(value_set).values())
        found = self.value_set(value_set, strict=strict)
        if found is None:
            raise absent("ValueSet", value_set)
        return list(self._members(found).values())

    def _named(self, url: str) -> dict[tuple[str, str], Member]:
        """The codes of a value set another one names."""
        if url not in self._sets:
            found = self.value_set(url)
            if found is None:
                raise missing(f"the value set {shown_url(url)}")
            self._sets[url] = None
            self._sets[url] = self._members(found)
        known = self._sets[url]
        if known is None:
            raise missing("a value set that does not contain itself")
        return known

    def _members(self, found: Resource) -> dict[tuple[str, str], Member]:
        compose = found.get("compose")
        if not isinstance(compose, Mapping):
            if "expansion" not in found:
                raise missing("what the value set is composed of")
            return {(item.system, item.code): item for item in _expanded(found)}
        members: dict[tuple[str, str], Member] = {}
        for part in compose.get("include") or ():
            members |= {key: item for key, item in self._part(part).items() if key not in members}
            if len(members) > LARGEST:
                raise too_costly()
        for part in compose.get("exclude") or ():
            for key in self._part(part):
                members.pop(key, None)
        if compose.get("inactive") is False:
            members = {key: item for key, item in members.items() if not item.inactive}
        return members

    def _part(self, part: Mapping[str, Any]) -> dict[tuple[str, str], Member]:
        found: dict[tuple[str, str], Member] | None = None
        own = part.get("system")
        if own is not None:
            found = {(own, item.code): item for item in self._of_system(part, own)}
        for url in part.get("valueSet") or ():
            other = self._named(url)
            found = other if found is None else {key: item for key, item in found.items() if key in other}
        return found or {}

    def _of_system(self, part: Mapping[str, Any], own: str) -> Iterable[Member]:
        held = self.system(own, part.get("version", "")) or self.system(own)
        version = part.get("version") or (held.version if held else "")
        if part.get("concept"):
            for item in part["concept"]:
                concept = held.find(item["code"]) if held else None
                yield _member(own, version, concept or Concept(item["code"]), item)
            return
        if held is None or not held.is_complete:
            raise missing(f"the {'whole ' if held else ''}code system {shown_url(own)}")
        try:
            meant = held.meant(part.get("filter") or ())
        except Unknown as unknown:
            raise missing(str(unknown)) from None
        for code, concept in held.concepts.items():
            if code in meant:
                yield _member(own, version, concept, {})

    # --- one code -----------------------------------------------------------------------------------------------

    def lookup(self, system: str, code: str, version: str = "") -> tuple[CodeSystem, Concept]:
        """A concept and its system. Raises Problem(NOT_FOUND) when either is not at hand."""
        held = self.system(system, version)
        if held is None:
            raise absent("CodeSystem", system)
        concept = held.find(code)
        if concept is None:
            raise Problem(
                Category.NOT_FOUND,
                "The code is not in the code system",
                [Issue("code", f"{shown(code)} is not a code of {system}", "a code of that system", "not-found")],
                kept="nothing was changed",
            )
        return held, concept

    def validate_code(
        self,
        code: str,
        system: str | None,
        *,
        value_set: str | Resource | None = None,
        display: str = "",
        abstract: bool = False,
        language: str = "",
    ) -> Validated:
        """Whether a code may be used: in a value set when one is given, in its code system otherwise."""
        held = self.system(system) if system else None
        concept = held.find(code) if held else None
        if value_set is not None:
            inside = self.contains(value_set, code, system)
        elif held is None:
            inside = Membership(None, f"the code system {shown_url(system)}" if system else "the code system")
        else:
            inside = Membership(
                concept is not None if held.is_complete or concept else None, f"all of {shown_url(held.url)}"
            )
        if inside.result is None:
            return Validated(None, f"This cannot be told here: {inside.missing} is not at hand")
        where = "the value set" if value_set is not None else "the code system"
        if inside.result is False:
            return Validated(False, f"The code {shown(code)} is not in {where}")
        right = inside.display or (concept.display if concept else "")
        if concept is not None:
            if concept.abstract and not abstract:
                return Validated(False, f"The code {shown(code)} is a heading and no code to be used", right)
            right = concept.display_in(language) or right
            known = {right, concept.display, inside.display, *(str(d.get("value")) for d in concept.designations)}
        else:
            known = {right}
        if display and right and _plain(display) not in {_plain(one) for one in known}:
            return Validated(False, f"The display is not one of the code {shown(code)}", right)
        return Validated(True, display=right)


def _member(system: str, version: str, concept: Concept, item: Mapping[str, Any]) -> Member:
    designations = (*concept.designations, *(item.get("designation") or ()))
    display = item.get("display") or concept.display
    return Member(
        system, item.get("code") or concept.code, display, version, designations, concept.abstract, concept.inactive
    )


def _expanded(found: Resource) -> list[Member]:
    """The codes of a value set that came with its expansion alone."""
    made: list[Member] = []
    waiting = list((found.get("expansion") or {}).get("contains") or ())
    while waiting:
        item = waiting.pop(0)
        if item.get("code") and not item.get("abstract"):
            made.append(Member(item.get("system", ""), item["code"], item.get("display", ""), item.get("version", "")))
        waiting[:0] = item.get("contains") or ()
    return made


def _same_code(listed: object, code: str, held: CodeSystem | None) -> bool:
    if held is not None and not held.case_sensitive:
        return isinstance(listed, str) and listed.casefold() == code.casefold()
    return listed == code


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _read(resource: Resource) -> CodeSystem:
    url = resource.get("url", "")
    if terminology_shipped.resource("CodeSystem", url) is resource:
        return _shipped_system(url)
    return CodeSystem(resource)


@lru_cache(maxsize=128)
def _shipped_system(url: str) -> CodeSystem:
    found = terminology_shipped.resource("CodeSystem", url)
    assert found is not None
    made = CodeSystem(found)
    for supplement in terminology_shipped.supplements(url):
        made.supplement(supplement)
    return made


def shipped() -> Terminology:
    """What comes with the program, and nothing of the record."""
    return Terminology()


def absent(kind: str, canonical: str) -> Problem:
    """The resource asked for is not at hand."""
    return Problem(
        Category.NOT_FOUND,
        f"There is no such {kind} here",
        [Issue("url", f"no {kind} {shown_url(canonical)} is at hand", f"the url of a {kind} we hold", "not-found")],
        kept="nothing was changed",
    )


def missing(what: str) -> Problem:
    """Something an answer needs is not at hand: the answer is refused, not cut short."""
    return Problem(
        Category.RULE,
        "The value set cannot be expanded here",
        [Issue("url", f"{what} is not at hand", "a value set of code systems we hold", "not-supported")],
        kept="nothing was changed",
    )


def too_costly() -> Problem:
    """More codes than one answer may have."""
    expected = f"a value set of at most {LARGEST} codes"
    return Problem(
        Category.RULE,
        "The value set is too large to be expanded",
        [Issue("url", f"more than {LARGEST} codes", expected, "too-costly")],
        kept="nothing was changed",
    )


def shown_url(text: str) -> str:
    """A canonical as it may stand in a message: cut, and nothing but a url is repeated."""
    return text[:200] if text.startswith(("http://", "https://", "urn:oid:")) else "of that url"
