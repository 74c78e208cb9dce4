"""FHIRPath paths and operators as closures over JSON: what views and search need; raises Unsupported for the rest."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

from tovholder.fhir import search_tables
from tovholder.fhir.fhirpath_functions import Env, Items, Step, build_call, cast_to, distinct
from tovholder.fhir.fhirpath_syntax import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Node,
    Quantity,
    Special,
    Unary,
    Variable,
    type_text,
)
from tovholder.fhir.fhirpath_values import Unsupported, add, compare, equal, exact, is_number, number, shift

ROOT = "%resource"  # where env keeps the resource an expression started from; no constant can have that name
_ROOTS = frozenset({"resource", "rootResource", "context"})
_FIXED = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
_CHOICES = {
    name: frozenset(f"{name}{suffix}" for suffix in suffixes) for name, suffixes in search_tables.choices().items()
}


def build(node: Node) -> Step:
    """The closure of an expression: (focus, constants) → result. Results may share lists with the resource."""
    match node:
        case Literal():
            value = _literal(node)
            return lambda items, env: list(value)
        case Variable(name):
            return _variable(name)
        case Special("$this"):
            return lambda items, env: items
        case Member():
            return _member(node)
        case Index(focus, at):
            return _index(build(focus), build(at))
        case Call():
            return build_call(node, build)
        case Unary(sign, operand):
            return _sign(sign, build(operand))
        case Binary():
            return _binary(node)
    raise Unsupported


def _literal(node: Literal) -> Items:
    if node.kind == "number":
        return [number(decimal.Decimal(str(node.value)))]
    return [] if node.kind == "empty" else [node.value]


def _variable(name: str) -> Step:
    if name in _ROOTS:
        return lambda items, env: [env[ROOT]]

    def run(items: Items, env: Env) -> Items:
        value = env[name] if name in env else _FIXED[name]
        return [] if value is None else value if isinstance(value, list) else [value]

    return run


def _member(node: Member) -> Step:
    names: list[str] = []
    start: Node | None = node
    while isinstance(start, Member):
        names.insert(0, start.name)
        start = start.focus
    steps = [build(start)] if start is not None else []
    if start is None and names[0][0].isupper():
        steps.append(_of_resource_type(names.pop(0)))
    plain: list[str] = []
    for name in names:
        if name in _CHOICES:
            steps += [_path(tuple(plain))] if plain else []
            steps.append(_choice(name))
            plain = []
        else:
            plain.append(name)
    steps += [_path(tuple(plain))] if plain else []
    return _chain(steps)


def _chain(steps: list[Step]) -> Step:
    match steps:
        case [only]:
            return only
        case [first, second]:
            return lambda items, env: second(first(items, env), env)

    def run(items: Items, env: Env) -> Items:
        for step in steps:
            items = step(items, env)
        return items

    return run


def _of_resource_type(name: str) -> Step:
    if name in ("Resource", "DomainResource"):
        return lambda items, env: [item for item in items if isinstance(item, dict) and "resourceType" in item]
    return lambda items, env: [item for item in items if isinstance(item, dict) and item.get("resourceType") == name]


def _path(names: tuple[str, ...]) -> Step:
    """Elements by name. One object all the way down, by far the most common, builds no list on the way."""
    last = len(names) - 1

    def run(items: Items, env: Env) -> Items:
        if len(items) != 1:
            return _spread(items, names) if items else items
        value = items[0]
        for at, name in enumerate(names):
            if not isinstance(value, dict):
                return []
            value = value.get(name)
            if value is None:
                return []
            if isinstance(value, list):
                if None in value:
                    value = [item for item in value if item is not None]
                return value if at == last else _spread(value, names[at + 1 :])
        return [value]

    return run


def _spread(items: Items, names: tuple[str, ...]) -> Items:
    for name in names:
        found: Items = []
        for item in items:
            if isinstance(item, dict):
                value = item.get(name)
                if isinstance(value, list):
                    found += [one for one in value if one is not None]
                elif value is not None:
                    found.append(value)
        items = found
    return items


def choice_value(item: dict[str, Any], name: str) -> Any:
    """The value of a choice element under whichever type it has."""
    keys = _CHOICES[name]
    for key in item:
        if key in keys:
            return item[key]
    return None


def _choice(name: str) -> Step:
    """``value`` is ``value`` in a Quantity and ``valueString`` or another in an Observation."""

    def run(items: Items, env: Env) -> Items:
        found: Items = []
        for item in items:
            if isinstance(item, dict):
                value = item.get(name)
                if value is None:
                    value = choice_value(item, name)
                if isinstance(value, list):
                    found += [one for one in value if one is not None]
                elif value is not None:
                    found.append(value)
            elif name == "value":  # a primitive's own value (R4 §2.24.0: every primitive has one)
                found.append(item)
        return found

    return run


def _index(focus: Step, at: Step) -> Step:
    def run(items: Items, env: Env) -> Items:
        found, places = focus(items, env), at(items, env)
        if not places:
            return []
        place = places[0]
        if len(places) > 1 or not isinstance(place, int) or isinstance(place, bool):
            raise Unsupported
        return found[place : place + 1] if place >= 0 else []

    return run


def _sign(sign: str, operand: Step) -> Step:
    def run(items: Items, env: Env) -> Items:
        found = operand(items, env)
        if not all(is_number(item) for item in found) or len(found) > 1:
            raise Unsupported
        return [number(-exact(item)) for item in found] if sign == "-" else found

    return run


def _binary(node: Binary) -> Step:
    operator = node.operator
    if operator == "as":
        return cast_to(node.left, type_text(node.right), build)
    if operator == "is":
        return _is(node)
    if operator in ("+", "-") and isinstance(node.right, Quantity):
        return _calendar(build(node.left), node.right, -1 if operator == "-" else 1)
    left, right = build(node.left), build(node.right)
    run = _OPERATORS.get(operator)
    if run is None:
        raise Unsupported
    return lambda items, env: run(left(items, env), right(items, env))


def _calendar(left: Step, quantity: Quantity, sign: int) -> Step:
    """``birthDate + 18 years``; hours and below, and fractions, are left to the library."""
    unit = quantity.unit.removesuffix("s")
    if unit not in ("year", "month", "week", "day") or not quantity.number.isdigit():
        raise Unsupported
    amount = sign * int(quantity.number)

    def run(items: Items, env: Env) -> Items:
        found = left(items, env)
        if len(found) > 1:
            raise Unsupported
        return [shift(item, amount, unit) for item in found]

    return run


def _is(node: Binary) -> Step:
    typed, untyped = cast_to(node.left, type_text(node.right), build), build(node.left)

    def run(items: Items, env: Env) -> Items:
        found = untyped(items, env)
        if len(found) > 1:
            raise Unsupported
        return [bool(typed(items, env))] if found else []

    return run


def _equal(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    if len(left) != len(right):
        return [False]
    answers = [equal(one, other) for one, other in zip(left, right, strict=True)]
    return [False] if False in answers else [] if None in answers else [True]


def _unequal(left: Items, right: Items) -> Items:
    return [not answer for answer in _equal(left, right)]


def _ordered(test: Callable[[int], bool]) -> Callable[[Items, Items], Items]:
    def run(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        if len(left) > 1 or len(right) > 1:
            raise Unsupported
        order = compare(left[0], right[0])
        return [] if order is None else [test(order)]

    return run


def _arithmetic(operator: str) -> Callable[[Items, Items], Items]:
    def run(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        if len(left) > 1 or len(right) > 1:
            raise Unsupported
        value = add(left[0], right[0], operator)
        return [] if value is None else [value]

    return run


def _boolean(items: Items) -> bool | None:
    """A singleton as a boolean: one item that is no boolean counts as true (FHIRPath §4.5)."""
    if len(items) > 1:
        raise Unsupported
    return None if not items else items[0] if isinstance(items[0], bool) else True


def _and(left: Items, right: Items) -> Items:
    one, other = _boolean(left), _boolean(right)
    return [False] if one is False or other is False else [] if one is None or other is None else [True]


def _or(left: Items, right: Items) -> Items:
    one, other = _boolean(left), _boolean(right)
    return [True] if one or other else [] if one is None or other is None else [False]


def _xor(left: Items, right: Items) -> Items:
    one, other = _boolean(left), _boolean(right)
    return [] if one is None or other is None else [one != other]


def _implies(left: Items, right: Items) -> Items:
    one, other = _boolean(left), _boolean(right)
    return [True] if one is False or other else [] if one is None or other is None else [False]


def _in(left: Items, right: Items) -> Items:
    if len(left) > 1:
        raise Unsupported
    return [any(equal(left[0], item) for item in right)] if left else []


def _concatenate(left: Items, right: Items) -> Items:
    if len(left) > 1 or len(right) > 1 or not all(isinstance(item, str) for item in left + right):
        raise Unsupported
    return ["".join(left + right)]


_OPERATORS: dict[str, Callable[[Items, Items], Items]] = {
    "=": _equal,
    "!=": _unequal,
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "in": _in,
    "contains": lambda left, right: _in(right, left),
    "|": lambda left, right: distinct(left + right),
    "&": _concatenate,
    "+": _arithmetic("+"),
    "-": _arithmetic("-"),
    "*": _arithmetic("*"),
    "/": _arithmetic("/"),
    "div": _arithmetic("div"),
    "mod": _arithmetic("mod"),
}
