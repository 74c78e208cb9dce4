"""Which slice an item belongs to: the discriminators of R4 §5.1.0.4 (value, pattern, exists, type, profile)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tovholder.base.errors import Problem
from tovholder.fhir import fhirpath, fhirpath_host, profiles_items, profiles_model
from tovholder.fhir.fhirpath_native import ROOT
from tovholder.fhir.profiles_items import Item
from tovholder.fhir.profiles_model import ABSENT, Node, is_met, same
from tovholder.fhir.profiles_scope import Surroundings
from tovholder.fhir.references import parse_reference

Member = Callable[[Any, str], bool | None]
Conforms = Callable[[Any, str], bool | None]
Test = Callable[[Any, Member], bool | None]

# A step of a discriminator's path, dots inside brackets left alone: extension('http://…').value.code
_STEP = re.compile(r"[^.(]+(?:\([^)]*\))?")
_EXTENSION = re.compile(r"extension\('([^']*)'\)")


# Paths that are one element, which is no list in any type that is sliced by it.
_PLAIN = frozenset({"url", "system", "use"})
# The tests of a slice by its node and path: nodes live as long as the process.
_KNOWN: dict[tuple[int, str], tuple[Test, ...]] = {}


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in _STEP.findall(path) if step != "$this")


class Discriminator:
    """Tells whether an item belongs to a slice; ``member`` and ``conforms`` ask the terminology and other profiles."""

    def __init__(self, surroundings: Surroundings, member: Member, conforms: Conforms) -> None:
        self._around = surroundings
        self._member = member
        self._conforms = conforms

    def matches(self, node: Node, by: tuple[tuple[str, str], ...], item: Item) -> bool | None:
        """Whether the item is in the slice; None when that cannot be told."""
        answers = [self._one(node, kind, path, item) for kind, path in by]
        return False if False in answers else None if None in answers or not answers else True

    def _one(self, node: Node, kind: str, path: str, item: Item) -> bool | None:
        steps = _steps(path)
        if kind == "type":
            return self._type(node, steps, item)
        if kind == "profile":
            return self._profile(node, steps, item)
        if kind == "exists":
            wanted = next(reached(node, steps), None)
            there = bool(self._values(path, item))
            if wanted is None:
                return None
            return there if wanted.minimum else not there if wanted.maximum == 0 else None
        tests = _tests_at(node, path, steps)
        if not tests:
            return None
        answers = [test(value, self._member) for value in self._values(path, item) for test in tests]
        return True if True in answers else None if None in answers else False

    def _values(self, path: str, item: Item) -> list[Any]:
        value = item.value
        if path == "$this":
            return [] if value is None else [value]
        if path in _PLAIN and isinstance(value, dict):
            return [value[path]] if path in value else []
        try:
            env = {ROOT: self._around.scope.resource, fhirpath_host.HOST: self._around}
            found: list[Any] = fhirpath.compile(path)(value, env)
        except Problem:
            return []
        return found

    def _type(self, node: Node, steps: tuple[str, ...], item: Item) -> bool | None:
        resolved = bool(steps) and steps[-1] == "resolve()"
        ends = list(reached(node, steps[:-1] if resolved else steps))
        if not ends:
            return None
        if resolved:
            allowed = {
                profiles_model.target_type(target) for end in ends for one in end.types for target in one.targets
            }
            references = self._values(".".join(steps[:-1]) or "$this", item)
            kinds = [self.referred(reference) for reference in references]
        else:
            allowed = {one.code for end in ends for one in end.types}
            kinds = [one.kind for one in _below(item, steps)]
        if not allowed:
            return None
        answers = [None if not kind or "" in allowed else bool({kind, "Resource"} & allowed) for kind in kinds]
        return True if True in answers else None if None in answers else False

    def _profile(self, node: Node, steps: tuple[str, ...], item: Item) -> bool | None:
        resolved = bool(steps) and steps[-1] == "resolve()"
        before = steps[:-1] if resolved else steps
        types = [one for end in reached(node, before) for one in end.types]
        wanted = [url for one in types for url in (one.targets if resolved else one.profiles)]
        if not wanted:
            return None
        answers: list[bool | None] = []
        for value in self._values(".".join(before) or "$this", item):
            target = self._around.resolve(value) if resolved else value
            kind = self.referred(value) if resolved else ""
            if target is None:
                possible = {profiles_model.target_type(url) for url in wanted}
                answers.append(False if kind and "" not in possible and kind not in possible else None)
                continue
            for url in wanted:
                is_type = profiles_model.target_type(url) == url
                answers.append(target.get("resourceType") == url if is_type else self._conforms(target, url))
        return True if True in answers else None if None in answers else False

    def referred(self, reference: Any) -> str:
        """The type of what a Reference points to, as far as that can be told; else empty."""
        target = self._around.resolve(reference)
        if target is not None:
            return _kind(target)
        if not isinstance(reference, dict):
            return ""
        literal = parse_reference(reference.get("reference"))
        if literal is not None:
            return literal.type
        return str(reference.get("type", "")).removeprefix(profiles_model.CORE)


def reached(node: Node, steps: tuple[str, ...]) -> Iterator[Node]:
    """The definitions a path leads to from a slice's, through the profiles of types on the way."""
    inner = [profile.root for one in node.types for url in one.profiles if (profile := profiles_model.find(url))]
    if not steps:
        yield node
        yield from inner
        return
    step, rest = steps[0], steps[1:]
    extension = _EXTENSION.fullmatch(step)
    if extension is not None:
        profile = profiles_model.find(extension[1])
        if profile is not None:
            yield from reached(profile.root, rest)
        held = node.children.get("extension")
        for part in held.slices.values() if held else ():
            if any(extension[1] == url.partition("|")[0] for one in part.types for url in one.profiles):
                yield from reached(part, rest)
    elif step == "resolve()":
        for one in node.types:
            for target in one.targets:
                profile = profiles_model.find(target)
                if profile is not None:
                    yield from reached(profile.root, rest)
    elif step.startswith(("ofType(", "as(")):
        yield from reached(node, rest)
    elif step in node.children:
        child = node.children[step]
        yield from reached(child, rest)
        for part in child.slices.values():
            yield from reached(part, rest)
    for root in inner:
        yield from reached(root, steps)


def _below(item: Item, steps: tuple[str, ...]) -> list[Item]:
    found = [item]
    for step in steps:
        found = [child for one in found for child in profiles_items.children(one, step)]
    return found


def _tests_at(node: Node, path: str, steps: tuple[str, ...]) -> tuple[Test, ...]:
    """What a value at a path of a slice must be to be in it; empty when the definition does not say."""
    known = _KNOWN.get((id(node), path))
    if known is None:
        known = tuple(test for end in reached(node, steps) for test in _tests(end))
        if steps and steps[-1] == "url" and not known:
            # An extension whose definition is not at hand is known by its url all the same.
            known = tuple(_equals(url.partition("|")[0]) for one in node.types for url in one.profiles)
        _KNOWN[(id(node), path)] = known
    return known


def _tests(node: Node) -> Iterator[Test]:
    """What a value must be to meet an element's definition, as far as that sets slices apart."""
    if node.fixed is not ABSENT:
        yield _equals(node.fixed)
    elif node.pattern is not ABSENT:
        pattern = node.pattern
        yield lambda value, member: is_met(value, pattern)
    elif node.binding is not None and node.binding[0] == "required":
        value_set = node.binding[1]
        yield lambda value, member: member(value, value_set)
    else:
        parts = {name: tuple(_tests(child)) for name, child in node.children.items()}
        parts = {name: tests for name, tests in parts.items() if tests}
        if parts:
            yield _has_parts(parts)


def _equals(fixed: Any) -> Test:
    return lambda value, member: same(value, fixed)


def _has_parts(parts: dict[str, tuple[Test, ...]]) -> Test:
    def test(value: Any, member: Member) -> bool | None:
        if not isinstance(value, dict):
            return False
        for name, tests in parts.items():
            held = value.get(name)
            values = held if isinstance(held, list) else [] if held is None else [held]
            if not any(check(one, member) for check in tests for one in values):
                return False
        return True

    return test


def _kind(value: Any) -> str:
    return str(value.get("resourceType", "")) if isinstance(value, dict) else ""
