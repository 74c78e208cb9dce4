"""The one value of a path, found without building lists: what makes fact tables cheap to fill on every write.

Covers the shapes the views use (elements, choices, extensions, filters, reference keys, ``first()``). A finder gives
the value the general evaluator would, or raises Unsupported where only that one can tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tovholder.fhir import search_tables
from tovholder.fhir.fhirpath_functions import Build, Env, Test, reference_key, truth
from tovholder.fhir.fhirpath_native import choice_value
from tovholder.fhir.fhirpath_syntax import Binary, Call, Literal, Member, Node, Special, type_text
from tovholder.fhir.fhirpath_values import Unsupported

Find = Callable[[Any, Env], Any]
_CHOICES = search_tables.choices()


def finder(node: Node, build: Build) -> Find | None:
    """What finds the only value of an expression, None for nothing; None when the shape is not covered."""
    match node:
        case Call(focus, "first", ()) if focus is not None:
            return _first(focus, build)
        case Call(focus, "exists" | "empty" as wanted, ()) if focus is not None:
            found = _first(focus, build)
            return None if found is None else _presence(found, absent=wanted == "empty")
        case Call(focus, "toInteger", ()) if focus is not None:
            inner = finder(focus, build)
            return _integer(inner) if inner else None
    return _chain(node, _value, build, strict=True)


def leading_extension(node: Node, build: Build) -> tuple[str, Find] | None:
    """For ``extension(url)….first()``: the url, and what finds the value from that extension."""
    if not (isinstance(node, Call) and node.name == "first" and node.focus is not None):
        return None
    start: Node | None = node.focus
    while isinstance(start, Call | Member):
        if isinstance(start, Call) and start.name == "extension" and start.focus is None:
            url = _url(start)
            below = _chain(_without(node.focus, start), _value, build, strict=False)
            return (url, below) if url and below else None
        start = start.focus
    return None


def _without(node: Node, root: Node) -> Node | None:
    """The chain that stands on ``root``, standing on the focus instead."""
    if node is root:
        return None
    if isinstance(node, Member):
        return Member(_without(node.focus, root) if node.focus is not None else None, node.name)
    if isinstance(node, Call):
        return Call(_without(node.focus, root) if node.focus is not None else None, node.name, node.arguments)
    return node


def tester(node: Node, build: Build) -> Test | None:
    """Whether a condition holds, for shapes that can only be true, false or empty; None for others."""
    match node:
        case Binary("and" | "or" as operator, left, right):
            one, other = tester(left, build), tester(right, build)
            return None if one is None or other is None else _joined(operator, one, other)
        case Call(focus, "exists" | "empty" as wanted, ()) if focus is not None:
            found = _first(focus, build)
            return _presence(found, absent=wanted == "empty") if found else truth(node, build)
        case Binary("!=", Member(None, name), Literal(str() as text, "string")) if name not in _CHOICES:
            return _differs(name, text, truth(node, build))
        case Binary("=" | "!=" | "<" | ">" | "<=" | ">=" | "in" | "contains", _, _) | Call(
            _, "exists" | "empty" | "all"
        ):
            return truth(node, build)
    return None


def _joined(operator: str, one: Test, other: Test) -> Test:
    if operator == "and":
        return lambda item, env: one(item, env) and other(item, env)
    return lambda item, env: one(item, env) or other(item, env)


def _presence(found: Find, *, absent: bool) -> Test:
    return lambda item, env: (found(item, env) is None) is absent


def _differs(name: str, text: str, general: Test) -> Test:
    plain = not text[:1].isdigit()

    def test(item: Any, env: Env) -> bool:
        value = item.get(name) if isinstance(item, dict) else None
        return value != text if plain and isinstance(value, str) else general(item, env)

    return test


def _value(item: Any, env: Env) -> Any:
    return item


def _integer(inner: Find) -> Find:
    def find(item: Any, env: Env) -> Any:
        value = inner(item, env)
        if value is None:
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        raise Unsupported

    return find


def _first(node: Node, build: Build) -> Find | None:
    match node:
        case Binary("|", left, right):
            one, other = _first(left, build), _first(right, build)
            return _either(one, other) if one and other else None
        case Literal(bool() | None):
            return None
        case Literal():
            (constant,) = build(node)([], {})
            return lambda item, env: constant
    return _chain(node, _value, build, strict=False)


def _either(one: Find, other: Find) -> Find:
    def find(item: Any, env: Env) -> Any:
        value = one(item, env)
        return other(item, env) if value is None else value

    return find


def _chain(node: Node | None, then: Find, build: Build, *, strict: bool) -> Find | None:
    """Follows the path from its end to its start, each step handing what it finds to the next.

    Strict: more than one candidate is for the general evaluator to judge. Otherwise the first that leads somewhere.
    """
    match node:
        case None | Special("$this"):
            return then
        case Member(None, name) if name[0].isupper():
            return None
        case Member(focus, name):
            return _chain(focus, _member(name, then, strict=strict), build, strict=strict)
        case Call(Member(focus, name), "ofType", (kind,)) if name in _CHOICES and type_text(kind):
            return _chain(focus, _choice(name, type_text(kind), then), build, strict=strict)
        case Call(None | Call() as focus, "extension", _) if _url(node):
            return _chain(focus, _extension(_url(node), then, strict=strict), build, strict=strict)
        case Call(Member(focus, name), "extension", _) if _url(node) and name not in _CHOICES and name[0].islower():
            below = _member(name, _extension(_url(node), then, strict=strict), strict=strict)
            return _chain(focus, _unless_primitive(name, below), build, strict=strict)
        case Call(focus, "where", (criterion,)) if not strict:
            if isinstance(criterion, Binary) and criterion.operator == "is":
                return None
            test = truth(criterion, build)
            return _chain(focus, lambda item, env: then(item, env) if test(item, env) else None, build, strict=False)
        case Call(focus, "getReferenceKey", arguments) if len(arguments) < 2:
            return _chain(focus, _key(type_text(arguments[0]) if arguments else "", then), build, strict=strict)
        case Call(None, "getResourceKey", ()):
            return lambda item, env: item.get("id")
    return None


def _unless_primitive(name: str, then: Find) -> Find:
    """Extensions of a primitive stand beside it, where only the general evaluator looks."""
    beside = f"_{name}"

    def find(item: Any, env: Env) -> Any:
        if isinstance(item, dict) and beside in item:
            raise Unsupported
        return then(item, env)

    return find


def _url(call: Call) -> str:
    match call.arguments:
        case (Literal(str() as url, "string"),):
            return url
    return ""


def _key(kind: str, then: Find) -> Find:
    start = f"{kind}/"
    length = len(start)
    is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch

    def find(item: Any, env: Env) -> Any:
        text = item.get("reference") if isinstance(item, dict) else None
        if not isinstance(text, str):
            return None
        if text[:length] == start and is_id(text, length):  # nearly always: spares taking the reference apart
            return then(text[length:], env)
        key = reference_key(item, kind)
        return None if key is None else then(key, env)

    return find


def _each(values: list[Any], then: Find, env: Env, *, strict: bool) -> Any:
    if strict and len(values) > 1:
        raise Unsupported
    for value in values:
        if value is not None:
            found = then(value, env)
            if found is not None:
                return found
    return None


def _member(name: str, then: Find, *, strict: bool) -> Find:
    choice = name in _CHOICES
    last = then is _value

    def find(item: Any, env: Env) -> Any:
        if not isinstance(item, dict):
            return None
        value = item.get(name)
        if value is None:
            if not choice:
                return None
            value = choice_value(item, name)
            if value is None:
                return None
        if isinstance(value, list):
            return _each(value, then, env, strict=strict)
        return value if last else then(value, env)

    return find


def _choice(name: str, kind: str, then: Find) -> Find:
    key = name + kind[0].upper() + kind[1:]
    last = then is _value

    def find(item: Any, env: Env) -> Any:
        if not isinstance(item, dict):
            return None
        value = item.get(key)
        if value is None:
            if name in item:
                raise Unsupported
            return None
        return value if last else then(value, env)

    return find


def _extension(url: str, then: Find, *, strict: bool) -> Find:
    def find(item: Any, env: Env) -> Any:
        if not isinstance(item, dict):
            return None
        matching = [extension for extension in item.get("extension", ()) if extension.get("url") == url]
        return _each(matching, then, env, strict=strict) if matching else None

    return find
