"""FHIRPath functions as closures over JSON; an unknown one raises Unsupported."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tovholder.fhir import fhirpath_host, search_tables
from tovholder.fhir.fhirpath_syntax import Binary, Call, Literal, Member, Node, Special, type_text
from tovholder.fhir.fhirpath_values import Unsupported, boundary, equal
from tovholder.fhir.references import parse_reference

Items = list[Any]
Env = dict[str, Any]
Step = Callable[[Items, Env], Items]
Test = Callable[[Any, Env], bool]
Build = Callable[[Node], Step]
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T.*)?)?)?$", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_CHOICES = search_tables.choices()


def build_call(call: Call, build: Build) -> Step:
    """The closure of a function call with its focus."""
    maker = _MAKERS.get(call.name)
    if maker is not None:
        return maker(call, build)
    simple = _SIMPLE.get(call.name)
    if simple is None or len(call.arguments) not in simple[0]:
        raise Unsupported
    focus = _focus(call, build)
    arguments = [build(argument) for argument in call.arguments]
    run = simple[1]
    if not arguments:
        return lambda items, env: run(focus(items, env))
    # Arguments are evaluated on the focus of the whole expression, not on what stands before the function.
    return lambda items, env: run(focus(items, env), *(argument(items, env) for argument in arguments))


def _focus(call: Call, build: Build) -> Step:
    return build(call.focus) if call.focus is not None else _itself


def _itself(items: Items, env: Env) -> Items:
    return items


def truth(node: Node, build: Build) -> Test:
    """Whether a criterion is certainly true for one item; the common shapes without building lists."""
    match node:
        case Binary("and", left, right):
            one, other = truth(left, build), truth(right, build)
            return lambda item, env: one(item, env) and other(item, env)
        case Binary("or", left, right):
            one, other = truth(left, build), truth(right, build)
            return lambda item, env: one(item, env) or other(item, env)
        case Binary("=", Member(None, name), Literal(str() as text, "string")) if name not in _CHOICES:
            return _has_text(name, text, build(node))
        case Call(focus, "exists", ()) if focus is not None:
            found = build(focus)
            return lambda item, env: bool(found([item], env))
    step = build(node)

    def test(item: Any, env: Env) -> bool:
        result = step([item], env)
        return len(result) == 1 and result[0] is True

    return test


def _has_text(name: str, text: str, general: Step) -> Test:
    plain = not text[:1].isdigit()  # what may be a date is compared as one

    def test(item: Any, env: Env) -> bool:
        if plain and isinstance(item, dict):
            value = item.get(name)
            if isinstance(value, str):
                return value == text
        return general([item], env) == [True]

    return test


def _arguments(call: Call, *counts: int) -> tuple[Node, ...]:
    if len(call.arguments) not in counts:
        raise Unsupported
    return call.arguments


def _where(call: Call, build: Build) -> Step:
    (criterion,) = _arguments(call, 1)
    focus = _focus(call, build)
    match criterion:
        case Binary("is", Call(None, "resolve", ()), kind):
            return _referring(focus, type_text(kind))
    test = truth(criterion, build)
    return lambda items, env: [item for item in focus(items, env) if test(item, env)]


def _referring(focus: Step, kind: str) -> Step:
    """``where(resolve() is Patient)``: the type stands in the reference, nothing needs resolving."""

    def run(items: Items, env: Env) -> Items:
        found = []
        for item in focus(items, env):
            reference = parse_reference(item.get("reference")) if isinstance(item, dict) else None
            if reference is not None and reference.type == kind:
                found.append(item)
        return found

    return run


def _exists(call: Call, build: Build) -> Step:
    focus = _focus(call, build)
    if not _arguments(call, 0, 1):
        return lambda items, env: [bool(focus(items, env))]
    test = truth(call.arguments[0], build)
    return lambda items, env: [any(test(item, env) for item in focus(items, env))]


def _all(call: Call, build: Build) -> Step:
    (criterion,) = _arguments(call, 1)
    focus, test = _focus(call, build), truth(criterion, build)
    return lambda items, env: [all(test(item, env) for item in focus(items, env))]


def _select(call: Call, build: Build) -> Step:
    (projection,) = _arguments(call, 1)
    focus, step = _focus(call, build), build(projection)
    return lambda items, env: [found for item in focus(items, env) for found in step([item], env)]


def _iif(call: Call, build: Build) -> Step:
    condition, then, *otherwise = _arguments(call, 2, 3)
    focus, test, yes = _focus(call, build), truth(condition, build), build(then)
    no = build(otherwise[0]) if otherwise else lambda items, env: []

    def run(items: Items, env: Env) -> Items:
        found = focus(items, env)
        if len(found) > 1:
            raise Unsupported
        chosen = yes if (test(found[0], env) if found else False) else no
        return chosen(found, env)

    return run


def _trace(call: Call, build: Build) -> Step:
    _arguments(call, 1, 2)
    return _focus(call, build)  # nothing of a patient is printed


def _of_type(call: Call, build: Build) -> Step:
    (kind,) = _arguments(call, 1)
    return cast_to(call.focus, type_text(kind), build)


def cast_to(focus: Node | None, kind: str, build: Build) -> Step:
    """``ofType(kind)``: of a choice element the one JSON key, of resources those of the type."""
    if not kind:
        raise Unsupported
    if isinstance(focus, Member) and focus.name in _CHOICES:
        return _choice(build(focus.focus) if focus.focus is not None else _itself, focus.name, kind)
    before = build(focus) if focus is not None else _itself
    own = fhirpath_host.own_kind(kind) if focus == Special("$this") else None

    def run(items: Items, env: Env) -> Items:
        found = before(items, env)
        if any(not isinstance(item, dict) or "resourceType" not in item for item in found):
            if own is not None:
                return own(found, env)
            raise Unsupported
        return [item for item in found if item["resourceType"] == kind]

    return run


def _choice(before: Step, name: str, kind: str) -> Step:
    key = name + kind[0].upper() + kind[1:]

    def run(items: Items, env: Env) -> Items:
        found = []
        for item in before(items, env):
            if isinstance(item, dict):
                value = item.get(key)
                if value is not None:
                    found.append(value)
                elif name in item:  # Quantity.value and others of the name that are no choice
                    raise Unsupported
        return found

    return run


def _extension(call: Call, build: Build) -> Step:
    (url,) = _arguments(call, 1)
    if isinstance(call.focus, Member) and not call.focus.name[0].isupper():
        return _element_extension(call.focus, url, build)
    focus = _focus(call, build)
    if isinstance(url, Literal) and isinstance(url.value, str):
        text = url.value
        return lambda items, env: [
            extension
            for item in focus(items, env)
            if isinstance(item, dict)
            for extension in item.get("extension", ())
            if extension.get("url") == text
        ]
    name = build(url)
    return lambda items, env: [
        extension
        for item in focus(items, env)
        if isinstance(item, dict)
        for extension in item.get("extension", ())
        if [extension.get("url")] == name(items, env)
    ]


def _element_extension(focus: Member, url: Node, build: Build) -> Step:
    """Extensions of an element, which for a primitive stand beside it under ``_name`` (R4 §2.6.2.3)."""
    if focus.name in _CHOICES:
        raise Unsupported
    before = build(focus.focus) if focus.focus is not None else _itself
    name, wanted = focus.name, build(url)

    def run(items: Items, env: Env) -> Items:
        text = wanted(items, env)
        found = []
        for item in before(items, env):
            if isinstance(item, dict):
                for value in (item.get(name), item.get(f"_{name}")):
                    for element in value if isinstance(value, list) else (value,):
                        if isinstance(element, dict):
                            found += [e for e in element.get("extension", ()) if [e.get("url")] == text]
        return found

    return run


def _resource_key(call: Call, build: Build) -> Step:
    _arguments(call, 0)
    focus = _focus(call, build)
    return lambda items, env: [item["id"] for item in focus(items, env) if isinstance(item, dict) and "id" in item]


def _reference_key(call: Call, build: Build) -> Step:
    wanted = type_text(_arguments(call, 0, 1)[0]) if call.arguments else ""
    focus = _focus(call, build)

    def run(items: Items, env: Env) -> Items:
        found = []
        for item in focus(items, env):
            key = reference_key(item, wanted)
            if key is not None:
                found.append(key)
        return found

    return run


def reference_key(item: Any, kind: str = "") -> str | None:
    """The id a Reference has here; None for one of another type, of another server, or not literal."""
    text = item.get("reference") if isinstance(item, dict) else None
    if not isinstance(text, str):
        return None
    reference = parse_reference(text)
    if reference is None or reference.base or (kind and reference.type != kind):
        return None
    return reference.id


def _boundary(call: Call, build: Build) -> Step:
    _arguments(call, 0)  # a wished precision is not done
    focus, high = _focus(call, build), call.name == "highBoundary"
    kind = None
    if isinstance(call.focus, Call) and call.focus.name in ("ofType", "as"):
        kind = type_text(call.focus.arguments[0])

    def run(items: Items, env: Env) -> Items:
        limits = (boundary(item, kind, high=high) for item in focus(items, env))
        return [limit for limit in limits if limit is not None]

    return run


def _given(call: Call, build: Build) -> Step:
    """``today()`` and ``now()``: the caller's, so that an answer can be had again."""
    _arguments(call, 0)
    name = call.name
    return lambda items, env: [env[name]]


_MAKERS: dict[str, Callable[[Call, Build], Step]] = {
    "where": _where,
    "exists": _exists,
    "all": _all,
    "select": _select,
    "iif": _iif,
    "trace": _trace,
    "ofType": _of_type,
    "as": _of_type,
    "extension": _extension,
    "getResourceKey": _resource_key,
    "getReferenceKey": _reference_key,
    "lowBoundary": _boundary,
    "highBoundary": _boundary,
    "today": _given,
    "now": _given,
    **fhirpath_host.MAKERS,
}


def _single(items: Items) -> Items:
    if len(items) > 1:
        raise Unsupported
    return items


def _not(items: Items) -> Items:
    if len(items) > 1:
        raise Unsupported
    return [items[0] is False] if items else []


def _whole(items: Items) -> int:
    if len(items) != 1 or not isinstance(items[0], int) or isinstance(items[0], bool):
        raise Unsupported
    return items[0]


def _join(items: Items, separator: Items | None = None) -> Items:
    if not all(isinstance(item, str) for item in items) or (separator is not None and len(separator) != 1):
        raise Unsupported
    return [("" if separator is None else str(separator[0])).join(items)]


def distinct(items: Items) -> Items:
    """The items without repeats, in their order."""
    found: Items = []
    for item in items:
        if not any(equal(item, other) for other in found):
            found.append(item)
    return found


def _to_date(items: Items) -> Items:
    if len(items) > 1 or not all(isinstance(item, str) for item in items):
        raise Unsupported
    return [item[:10] for item in items if _DATE.match(item)]


def _to_integer(items: Items) -> Items:
    if len(items) > 1 or not all(isinstance(item, str) for item in items):
        raise Unsupported
    return [int(item) for item in items if _INTEGER.fullmatch(item)]


def _split(items: Items, separator: Items) -> Items:
    if len(items) > 1 or len(separator) != 1 or not all(isinstance(item, str) for item in items + separator):
        raise Unsupported
    return [part for item in items for part in (item.split(separator[0]) if separator[0] else list(item))]


def _text_test(test: Callable[[str, str], bool]) -> Callable[[Items, Items], Items]:
    def run(items: Items, argument: Items) -> Items:
        if not items or not argument:
            return []
        if len(items) > 1 or len(argument) > 1 or not isinstance(items[0], str) or not isinstance(argument[0], str):
            raise Unsupported
        return [test(items[0], argument[0])]

    return run


_SIMPLE: dict[str, tuple[tuple[int, ...], Callable[..., Items]]] = {
    "empty": ((0,), lambda items: [not items]),
    "not": ((0,), _not),
    "first": ((0,), lambda items: items[:1]),
    "last": ((0,), lambda items: items[-1:]),
    "tail": ((0,), lambda items: items[1:]),
    "single": ((0,), _single),
    "skip": ((1,), lambda items, count: items[max(_whole(count), 0) :]),
    "take": ((1,), lambda items, count: items[: max(_whole(count), 0)]),
    "count": ((0,), lambda items: [len(items)]),
    "distinct": ((0,), distinct),
    "join": ((0, 1), _join),
    "split": ((1,), _split),
    "toInteger": ((0,), _to_integer),
    "toDate": ((0,), _to_date),
    "startsWith": ((1,), _text_test(str.startswith)),
    "endsWith": ((1,), _text_test(str.endswith)),
    "contains": ((1,), _text_test(str.__contains__)),
    **fhirpath_host.SIMPLE,
}
