"""Tells whether a resource keeps to FHIR R4 4.0.1: ``validate(resource)`` lists what is wrong.

Covered: known type, known elements, cardinality, choice types, primitive formats and calendar dates, primitive extensions,
narrative, required codes, reference targets, extensions, contained and bundled resources, nothing empty or null, and R4's
own invariants. Profiles plug in as a ``Rule`` per resource type, which sees a resource only when the rest is sound.

Most resources are sound, and ``fhir.validate_quick`` says so at a fraction of the cost. What it does not vouch for is looked
at here, by closures compiled per type that find every problem with its place. Invariants are judged when the structure is
sound. No message repeats a value, except codes and element names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any

from tovholder.base.errors import Issue, Severity
from tovholder.fhir import definitions, invariants_walk, validate_quick
from tovholder.fhir.definitions import Element, resource_types
from tovholder.fhir.validate_primitives import Check, Finding, primitive_checks, wrong_kind
from tovholder.fhir.validate_values import bound, extension, reference, shown, some_of

__all__ = ["Rule", "Validator", "resource_types", "validate"]

# A further rule about one resource: findings with locations relative to the resource (".name[0]").
Rule = Callable[[dict[str, Any]], Iterable[Finding]]
_Pair = Callable[[object, object], list[Finding] | None]

_ABSENT = object()
_ATTRIBUTES = {"Extension": ("id", "url")}  # XML attributes, which have no extensions (R4 json.html)
_BARE = ("element-id", "xhtml")  # primitives that cannot carry extensions, as a resource's id cannot


# Problems told of one resource; a hostile one can have a million, and nobody reads on.
MOST_FINDINGS = 100
# Values in one resource (those in a bundle counted apart) whose faults are told one by one.
MOST_VALUES = 200_000


def validate(resource: object, *, warnings: bool = False) -> list[Issue]:
    """What is wrong with a resource as R4 defines it; an empty list when it is valid. Never raises.

    warnings: also tell the rules R4 states as advice (dom-6: a resource should have a narrative), which refuse nothing.
    """
    return _standard().validate(resource, warnings=warnings)


@cache
def _standard() -> Validator:
    return Validator()


class Validator:
    """A compiled set of checks; ``rules`` adds further rules by resource type, contained and bundled resources included.

    most_values: a larger resource that is not quickly found sound is refused for its size. trusting: believe the quick
    answer about the resources inside another, as about the whole; False is for comparing the two.
    """

    def __init__(
        self,
        rules: Mapping[str, Iterable[Rule]] | None = None,
        *,
        most_values: int = MOST_VALUES,
        trusting: bool = True,
    ) -> None:
        self._most_values = most_values
        self._passed = validate_quick.sound if trusting else None
        self._rules = {name: tuple(listed) for name, listed in (rules or {}).items()}
        self._primitives = primitive_checks(definitions.primitives())
        self._objects: dict[str, Check] = {}
        self._outermost = self._any_resource(contained=False, outermost=True)
        self._resource = self._any_resource(contained=False)
        self._contained = self._any_resource(contained=True)

    def validate(self, resource: object, *, warnings: bool = False) -> list[Issue]:
        """What is wrong with a resource; an empty list when it is valid. Never raises."""
        found = [] if validate_quick.sound(resource) else self.thorough(resource)
        if not found and not self._rules and not warnings:
            return []
        issues = []
        if isinstance(resource, dict) and not found:
            found = list(islice(self._further(resource, ""), MOST_FINDINGS))
            if warnings:
                advice = islice(invariants_walk.breaches(resource, "warning"), MOST_FINDINGS)
                issues = _issues(resource, advice, Severity.WARNING)
        return _issues(resource, found, Severity.ERROR) + issues

    def thorough(self, resource: object) -> list[Finding]:
        """The same without the quick answer and without further rules: structure first, invariants when that is sound."""
        try:
            found = self._outermost(resource)
            if found is None and isinstance(resource, dict):
                found = list(islice(invariants_walk.breaches(resource, "error", self._passed), MOST_FINDINGS))
        except RecursionError:
            found = [("", "the resource is nested too deep to be read", "fewer levels", "too-long")]
        return (found or [])[:MOST_FINDINGS]

    def _further(self, resource: dict[str, Any], location: str) -> Iterator[Finding]:
        """What the further rules find in a resource and in those inside it."""
        if not self._rules:
            return
        for rule in self._rules.get(resource["resourceType"], ()):
            yield from _under(location, list(rule(resource)))
        for path, inner in _resources_inside(resource):
            yield from self._further(inner, location + path)

    def _any_resource(self, *, contained: bool, outermost: bool = False) -> Check:
        types = resource_types()

        def check(value: object) -> list[Finding] | None:
            if not isinstance(value, dict) or not value:
                return wrong_kind(value, "a resource", "an object with a resourceType")
            name = value.get("resourceType")
            if name is None:
                return [(".resourceType", "resourceType is missing", "the name of an R4 resource type", "required")]
            if not isinstance(name, str):
                return _under(".resourceType", wrong_kind(name, "a resource type", "the name of an R4 resource type"))
            if name not in types:
                near = get_close_matches(name, types, 3)
                expected = " or ".join(near) if near else "the name of an R4 resource type"
                told = shown(name) if name.isascii() and name.isalpha() else "the text"
                return [(".resourceType", f"{told} is not an R4 resource type", expected, "structure")]
            if not contained and self._passed is not None:
                if not outermost and self._passed(value):  # of the outermost one it has been asked
                    return None
                if _larger_than(value, self._most_values):
                    return [("", "the resource is too large", f"at most {self._most_values} values", "too-long")]
            found = self._object(name)(value)
            if contained and "contained" in value:
                expected = "all contained resources directly in the outermost one"
                more: Finding = (".contained", "a contained resource contains resources itself", expected, "invariant")
                return [*(found or ()), more]
            return found

        return check

    def _object(self, path: str) -> Check:
        """The check of an object of this type or group; its elements are compiled when the first one arrives."""
        known = self._objects.get(path)
        if known is not None:
            return known
        definition = definitions.type_of(path)
        names: dict[str, Check] = {}
        pairs: dict[str, _Pair] = {}
        labels: dict[str, str] = {}
        choices = [(e.name, frozenset(e.json_names())) for e in definition.elements.values() if e.is_choice]
        required = frozenset(n for n, e in definition.elements.items() if e.minimum and not e.is_choice)
        needed = [e for e in definition.elements.values() if e.minimum]
        has_needed_choice = any(e.is_choice for e in needed)
        bare = definition.kind != "resource" and path != "Element"  # for Element see _pair

        def fill() -> None:
            compiled: dict[str, Check] = {}
            for element in definition.elements.values():
                for name, kind in element.json_names().items():
                    labels[name] = f".{element.name}.ofType({kind})" if element.is_choice else f".{name}"
                    item = self._item(element, kind)
                    compiled[name] = _array(item) if element.is_list else item
                    if kind in self._primitives and kind not in _BARE and name not in _ATTRIBUTES.get(path, ("id",)):
                        pairs["_" + name] = self._pair(name, item, element.is_list)
            if definition.kind == "resource":
                compiled["resourceType"] = _accept
            names.update(compiled)  # last, and at once: another thread may be waiting to see it filled

        def check(value: object) -> list[Finding] | None:
            if not isinstance(value, dict) or not value:
                return wrong_kind(value, "an object", f"an object ({path})")
            if not names:
                fill()
            found: list[Finding] | None = None
            for name, item in value.items():
                checked = names.get(name)
                if checked is not None:
                    one = checked(item)
                    # With a companion _name the two are checked as a pair, where null can be right.
                    if one is None or ("_" + name in value and "_" + name in pairs):
                        continue
                    one = _under(labels[name], one)
                elif name in pairs:
                    one = pairs[name](item, value.get(name[1:], _ABSENT))
                    if one is None:
                        continue
                    one = _under(labels[name[1:]], one)
                else:
                    one = [_unknown(name, definition.elements, tuple(names), path)]
                found = one if found is None else _joined(found, one)
                if len(found) >= MOST_FINDINGS:
                    return found
            if bare and len(value) == 1 and "id" in value:
                found = [*(found or ()), ("", "an id alone is no content (ele-1)", "a value or children", "invariant")]
            if has_needed_choice or not required <= value.keys():
                found = _missing(needed, value, found)
            for base, choice in choices:
                found = _several(base, choice, value, found)
            return found

        made = extension(check) if path == "Extension" else check
        self._objects[path] = made
        return made

    def _item(self, element: Element, kind: str) -> Check:
        """The check of one occurrence of an element."""
        if element.path:
            return self._object(element.path)
        if kind == "Resource":
            return self._contained if element.name == "contained" else self._resource
        if kind in self._primitives:
            check = self._primitives[kind]
        else:
            check = self._object("SimpleQuantity" if kind == "Quantity" and element.simple else kind)
        if kind == "Reference":
            return reference(element.targets, check)
        if element.binding and kind in ("code", "Coding", "CodeableConcept"):
            return bound(kind, element.binding, check)
        return check

    def _pair(self, name: str, item: Check, is_list: bool) -> _Pair:
        """The check of ``_name`` (id and extensions of a primitive) together with the values it belongs to."""
        companion = self._object("Element")

        def single(extra: object, value: object) -> list[Finding] | None:
            found = list(companion(extra) or ())
            if value is not _ABSENT:
                found += item(value) or ()
            elif _only_id(extra):
                found.append(_NO_VALUE)
            return found or None

        def several(extra: object, values: object) -> list[Finding] | None:
            if not isinstance(extra, list) or not extra:
                return wrong_kind(extra, "an array", f"an array, as {name} is one")
            if values is _ABSENT:
                values = [None] * len(extra)
            if not isinstance(values, list) or not values:
                return wrong_kind(values, "an array", "an array")
            if len(values) != len(extra):
                return [
                    (
                        "",
                        f"{name} and _{name} differ in length",
                        "one entry in each for every value, or null",
                        "structure",
                    )
                ]
            found: list[Finding] = []
            for index, (one, value) in enumerate(zip(extra, values, strict=True)):
                if one is None:
                    found += _under(f"[{index}]", item(value))  # null in both is refused as null
                else:
                    found += _under(f"[{index}]", companion(one))
                    if value is None and _only_id(one):
                        found += _under(f"[{index}]", [_NO_VALUE])
                    found += _under(f"[{index}]", item(value) if value is not None else None)
            return found or None

        return several if is_list else single


_NO_VALUE: Finding = ("", "an id alone is no content (ele-1)", "a value or extensions", "invariant")


def _larger_than(resource: dict[str, Any], most: int) -> bool:
    """Whether a resource has more values than that, the resources in its entries left out."""
    waiting: list[Any] = [resource]
    seen = 0
    while waiting:
        one = waiting.pop()
        seen += len(one)
        if seen > most:
            return True
        if isinstance(one, dict):
            inside = one.get("resource")
            waiting.extend(child for child in one.values() if isinstance(child, dict | list) and child is not inside)
        else:
            waiting.extend(child for child in one if isinstance(child, dict | list))
    return False


def _only_id(extra: object) -> bool:
    return isinstance(extra, dict) and len(extra) == 1 and "id" in extra


def _issues(resource: object, found: Iterable[Finding], severity: Severity) -> list[Issue]:
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    root = named if isinstance(named, str) and named in resource_types() else "Resource"
    return [Issue(root + path, message, expected, code, severity) for path, message, expected, code in found]


def _resources_inside(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources directly inside a sound one, with their places: contained, in a bundle, in parameters."""
    for visit in invariants_walk.visits(resource):
        if visit.value is not resource and visit.scope.resource is visit.value and visit.element is not None:
            yield visit.location, visit.value


def _accept(value: object) -> list[Finding] | None:
    return None


def _joined(found: list[Finding], more: list[Finding]) -> list[Finding]:
    found += more  # in place: a large bundle can have thousands
    return found


def _under(prefix: str, found: list[Finding] | None) -> list[Finding]:
    return [(prefix + path, message, expected, code) for path, message, expected, code in found or ()]


def _array(item: Check) -> Check:
    def check(value: object) -> list[Finding] | None:
        if not isinstance(value, list) or not value:
            return wrong_kind(value, "an array", "an array")
        found: list[Finding] | None = None
        for index, one in enumerate(value):
            problems = item(one)
            if problems is not None:
                located = _under(f"[{index}]", problems)
                found = located if found is None else _joined(found, located)
                if len(found) >= MOST_FINDINGS:
                    break
        return found

    return check


def _unknown(name: str, elements: Mapping[str, Element], names: tuple[str, ...], path: str) -> Finding:
    """The finding for an element the type does not have, with the nearest ones it has."""
    message = f"{shown(name)} is not an element of {path}"
    location = "." + shown(name)[1:-1]
    for element in elements.values():
        rest = name.removeprefix(element.name)
        if element.is_choice and rest != name and (not rest or rest[0].isupper()):
            message = f"{shown(name)} is not a type {element.name}[x] of {path} can have"
            return (location, message, "one of " + some_of(tuple(element.json_names())), "structure")
    if name.startswith("_") and name[1:] in names:
        message = f"{shown(name)} does not belong here: {name[1:]} is not a primitive that carries extensions"
        return (location, message, f"{name[1:]} alone", "structure")
    near = get_close_matches(name, names, 3)
    return (location, message, " or ".join(near) if near else "one of " + some_of(names), "structure")


def _missing(needed: list[Element], value: dict[str, Any], found: list[Finding] | None) -> list[Finding] | None:
    for element in needed:
        names = tuple(element.json_names())
        if not any(name in value or "_" + name in value for name in names):
            expected = (
                "one of " + some_of(names) if element.is_choice else "at least one" if element.is_list else "a value"
            )
            found = [*(found or ()), (f".{element.name}", f"{element.name} is missing", expected, "required")]
    return found


def _several(
    base: str, choice: frozenset[str], value: dict[str, Any], found: list[Finding] | None
) -> list[Finding] | None:
    """One finding when more than one type of a choice is there (a primitive and its _name count as one)."""
    present = choice & value.keys()
    if len(present) < 2 and not any(name.startswith("_") for name in value):
        return found
    present |= {name[1:] for name in value if name.startswith("_") and name[1:] in choice}
    if len(present) < 2:
        return found
    message = f"{' and '.join(sorted(present))} are there together"
    return [*(found or ()), (f".{base}", message, "only one of them", "structure")]
